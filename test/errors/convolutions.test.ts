import { Chain, Conv, ConvTranspose, conv, convTranspose, DepthwiseConv, depthwiseConv, ones, relu, softmax, zeros } from 'fluxtape'
import { describe } from 'vitest'
import { refuses } from './table.ts'

const x = ones([2, 6, 5, 5])
const w = ones([4, 6, 2, 2])
/** A call with options that TypeScript would refuse, too. */
const told = (options: unknown) => () => conv(x, w, options as object)
const any = { Conv, ConvTranspose, DepthwiseConv } as unknown as Readonly<Record<string, (...args: unknown[]) => unknown>>

describe('convolutions refuse', () => {
  refuses([
    [
      'images without a batch',
      () => conv(ones([6, 5, 5]), w),
      'ShapeError: conv: x is [batch, channels, ...2 axes]: x [6, 5, 5], weight [4, 6, 2, 2]. expandDims(x) makes a batch of one.',
    ],
    [
      'images without channels',
      () => conv(ones([2, 9, 9]), ones([4, 1, 2, 2])),
      'ShapeError: conv: x is [batch, channels, ...2 axes]: x [2, 9, 9], weight [4, 1, 2, 2]. expandDims(x, 1) makes one channel.',
    ],
    [
      'rows',
      () => conv(ones([2, 784]), ones([4, 1, 2, 2])),
      'ShapeError: conv: x is [batch, channels, ...2 axes]: x [2, 784], weight [4, 1, 2, 2]. Rows become images by reshape(x, [-1, 1, ...sizes]).',
    ],
    [
      'an axis too many',
      () => conv(x, ones([4, 6, 2])),
      'ShapeError: conv: x is [batch, channels, ...1 axis]: x [2, 6, 5, 5], weight [4, 6, 2].',
    ],
    [
      'other channels',
      () => conv(x, ones([4, 3, 2, 2])),
      'ShapeError: conv: x has 6 channels, the weight takes 3: x [2, 6, 5, 5], weight [4, 3, 2, 2].',
    ],
    [
      'channels behind',
      () => conv(ones([2, 5, 5, 6]), w),
      'ShapeError: conv: x has 5 channels, the weight takes 6: x [2, 5, 5, 6], weight [4, 6, 2, 2]. Channels are axis 1: permute(x, [0, 3, 1, 2]).',
    ],
    [
      'channels that are no groups',
      told({ groups: 3 }),
      'ShapeError: conv: x has 6 channels, the weight takes 18: x [2, 6, 5, 5], weight [4, 6, 2, 2], groups 3.',
    ],
    [
      'outputs that are no groups',
      () => conv(x, ones([4, 2, 2, 2]), { groups: 3 }),
      'ShapeError: conv: the outputs do not fall into equal groups: 4 outputs, 3 groups.',
    ],
    [
      'a kernel larger than the input',
      told({ dilation: [1, 8], pad: [0, 1] }),
      "ShapeError: conv: the kernel is larger than the padded input: axis 3 of x [2, 6, 5, 5] is 7 with padding, the kernel spans 9. Pad more, such as by 'same'.",
    ],
    [
      'a weight without a kernel',
      () => conv(ones([2, 6]), ones([4, 6])),
      'ShapeError: conv: the weight is [outputs, inputs / groups, ...kernel], the kernel 1 to 3 sizes from 1: [4, 6].',
    ],
    [
      'an empty kernel',
      () => convTranspose(x, ones([6, 4, 2, 0])),
      'ShapeError: convTranspose: the weight is [inputs, outputs / groups, ...kernel], the kernel 1 to 3 sizes from 1: [6, 4, 2, 0].',
    ],
    ['a bias of another size', told({ bias: ones([3]) }), 'ShapeError: conv: the bias is [4]: [3].'],
    ['a bias that is none', told({ bias: true }), 'TypeError: conv: a tensor is needed: boolean. Make one with tensor(...).'],
    ['no bias said so', told({ bias: false }), 'TypeError: conv: a tensor is needed: boolean. Make one with tensor(...).'],
    ['a stride of null', told({ stride: null }), 'TypeError: conv: stride is a number or a list of one an axis: null came.'],
    ['a stride of 0', told({ stride: 0 }), 'RangeError: conv: stride is a whole number from 1: 0.'],
    ['a pad that is negative', told({ pad: [0, 0, 1, -1] }), 'RangeError: conv: pad is a whole number from 0: -1.'],
    ['a dilation that is not whole', told({ dilation: [1, 1.5] }), 'RangeError: conv: dilation is a whole number from 1: 1.5.'],
    ['a pad without an end', told({ pad: 2 ** 30 }), 'RangeError: conv: pad is too large: 1073741824.'],
    ['strides of three axes', told({ stride: [1, 1, 1] }), 'ShapeError: conv: stride is a number, or a list of 2: [1, 1, 1].'],
    ['pads of three sides', told({ pad: [1, 1, 1] }), 'ShapeError: conv: pad is a number, or a list of 2 or 4: [1, 1, 1].'],
    ['another word', told({ pad: 'valid' }), "TypeError: conv: pad is a number or a list of one an axis, or 'same': 'valid' came."],
    ['pairs', told({ pad: [[1, 1], [0, 0]] }), "TypeError: conv: pad is a number or a list of one an axis, or 'same': an array came."], // biome-ignore format: one line
    ['groups in a list', told({ groups: [2] }), 'TypeError: conv: groups is a number: an array came.'],
    ['no groups', told({ groups: 0 }), 'RangeError: conv: groups is a whole number from 1: 0.'],
    ['a flip that is none', told({ flipKernel: 1 }), 'TypeError: conv: flipKernel is true or false: 1 came.'],
    [
      'what others call padding',
      told({ padding: 1 }),
      "TypeError: conv: there is no option 'padding'. Is pad meant? There are bias, stride, pad, dilation, groups and flipKernel.",
    ],
    [
      'inputs of a transposed one that do not fit',
      () => convTranspose(x, w),
      'ShapeError: convTranspose: x has 6 channels, the weight takes 4: x [2, 6, 5, 5], weight [4, 6, 2, 2].',
    ],
    [
      'a transposed one of which nothing is left',
      () => convTranspose(ones([1, 6, 1, 1]), ones([6, 4, 2, 2]), { pad: 1 }),
      'ShapeError: convTranspose: nothing would be left: axis 2 of x [1, 6, 1, 1] would become 0, weight [6, 4, 2, 2]. Pad less: padding is cut off the result.',
    ],
    [
      'a transposed one that has no end',
      () => convTranspose(x, ones([6, 4, 2, 2]), { stride: 2 ** 29 }),
      'ShapeError: convTranspose: more elements than a tensor can have, 2^30 - 1: [2147483650].',
    ],
    [
      'an outPad as large as the stride',
      () => convTranspose(x, ones([6, 4, 2, 2]), { stride: [3, 2], outPad: 2 }),
      'RangeError: convTranspose: outPad is smaller than the stride: outPad 2, stride 2.',
    ],
    [
      'a depthwise one of several channels',
      () => depthwiseConv(x, ones([6, 2, 2, 2])),
      'ShapeError: depthwiseConv: the weight is [channels x multiplier, 1, ...kernel]: [6, 2, 2, 2].',
    ],
    [
      'a depthwise one of other channels',
      () => depthwiseConv(x, ones([8, 1, 2, 2])),
      'ShapeError: depthwiseConv: the outputs do not fall into equal groups: 8 outputs, 6 groups.',
    ],
  ])
})

describe('layers of convolutions refuse', () => {
  const model = Chain(Conv([3, 3], 1, 6, relu), Conv([5, 5], 6, 16))
  refuses([
    [
      'images that are too small, and say where',
      () => model(zeros([1, 1, 6, 6])),
      "ShapeError: conv: the kernel is larger than the padded input: axis 2 of x [1, 6, 4, 4] is 4 with padding, the kernel spans 5. Pad more, such as by 'same'.\nin Chain[1]: Conv([5, 5], 6, 16)",
    ],
    [
      'a number for a kernel',
      () => any.Conv(5, 1, 6),
      'TypeError: Conv: the kernel is a list of 1 to 3 whole numbers from 1: 5 came. Write Conv([5, 5], inputs, outputs).',
    ],
    [
      'the arguments of others',
      () => any.Conv(1, 6, 5, { padding: 2 }),
      'TypeError: Conv: the kernel is a list of 1 to 3 whole numbers from 1: 1 came. Write Conv([5, 5], inputs, outputs).',
    ],
    [
      'a kernel of four axes',
      () => any.ConvTranspose([1, 2, 3, 4], 1, 6),
      'TypeError: ConvTranspose: the kernel is a list of 1 to 3 whole numbers from 1: [1, 2, 3, 4] came. Write ConvTranspose([5, 5], inputs, outputs).',
    ],
    [
      'channels that are missing',
      () => any.Conv([5, 5], 6),
      'TypeError: Conv: the sizes must be whole numbers from 1: 6, undefined. Write Conv(kernel, inputs, outputs).',
    ],
    [
      'softmax',
      () => Conv([5, 5], 1, 6, softmax),
      'TypeError: Conv: softmax is no function of single elements. Put it behind the layer: Chain(Conv(...), softmax).',
    ],
    [
      'inputs that are no groups',
      () => Conv([5, 5], 3, 6, relu, { groups: 2 }),
      'ShapeError: Conv: the inputs do not fall into equal groups: 3 inputs, 2 groups.',
    ],
    [
      'outputs that are no groups of a transposed one',
      () => ConvTranspose([5, 5], 2, 5, relu, { groups: 2 }),
      'ShapeError: ConvTranspose: the outputs do not fall into equal groups: 5 outputs, 2 groups.',
    ],
    [
      'outputs that are no multiple of the inputs',
      () => DepthwiseConv([5, 5], 2, 5),
      'ShapeError: DepthwiseConv: the outputs do not fall into equal groups: 5 outputs, 2 groups.',
    ],
    ['a bias of another size', () => Conv([3], 2, 5, relu, { bias: ones([4]) }), 'ShapeError: Conv: the bias is [5]: [4].'],
    ['a bias that is none', () => any.Conv([3], 2, 5, relu, { bias: 1 }), 'TypeError: Conv: the bias is true, false or a tensor: 1 came.'],
    [
      'an init that makes another weight',
      () => Conv([3], 4, 6, relu, { groups: 2, init: () => ones([6, 4, 3]) }),
      'ShapeError: Conv: init gives [6, 2, 3]: [6, 4, 3].',
    ],
    [
      'a bias beside ready tensors',
      () => any.Conv(ones([4, 2, 3]), true, relu, { bias: false }),
      "TypeError: Conv: there is no option 'bias'. There are stride, pad, dilation, groups and flipKernel.",
    ],
    [
      'ready tensors of no kernel',
      () => Conv(ones([4, 2])),
      'ShapeError: Conv: the weight is [outputs, inputs / groups, ...kernel], the kernel 1 to 3 sizes from 1: [4, 2].',
    ],
  ])
})
