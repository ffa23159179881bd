import * as f from 'fluxtape'
import { ones } from 'fluxtape'
import { describe } from 'vitest'
import { refuses } from './table.ts'

const x = ones([2, 3, 5, 7])

describe('pooling refuses', () => {
  refuses([
    [
      'an image without a batch',
      () => f.maxPool(ones([3, 8, 8]), [2, 2]),
      'ShapeError: maxPool: x is [batch, channels, ...2 axes]: [3, 8, 8]. expandDims(x) makes a batch of one.',
    ],
    ['a matrix', () => f.meanPool(ones([3, 8]), 2), 'ShapeError: meanPool: x is [batch, channels, ...1 to 3 axes]: [3, 8].'],
    [
      'a window larger than the input',
      () => f.maxPool(x, 6),
      "ShapeError: maxPool: the window is larger than the padded input: axis 2 of x [2, 3, 5, 7] is 5 with padding, the window spans 6. Pad more, such as by 'same'.",
    ],
    [
      'the same in a model',
      () => f.Chain(f.identity, f.MaxPool([2, 9]))(x),
      "ShapeError: maxPool: the window is larger than the padded input: axis 3 of x [2, 3, 5, 7] is 7 with padding, the window spans 9. Pad more, such as by 'same'.\nin Chain[1]: MaxPool([2, 9])",
    ],
    [
      'an image of nothing',
      () => f.maxPool(ones([1, 1, 0, 4]), 2, { pad: 1 }),
      'ShapeError: maxPool: there is nothing to pool: [1, 1, 0, 4].',
    ],
    [
      'nothing to adapt',
      () => f.adaptiveMeanPool(ones([1, 1, 0]), 2),
      'ShapeError: adaptiveMeanPool: there is nothing to pool: [1, 1, 0].',
    ],
    [
      'padding as large as the window',
      () => f.maxPool(x, 2, { pad: 2 }),
      'RangeError: maxPool: the padding is smaller than the window: pad 2, window 2.',
    ],
    ['half a window', () => f.MaxPool(2.5), 'RangeError: MaxPool: the window is a whole number from 1: 2.5.'],
    ['a stride of 0', () => f.MeanPool(2, { stride: 0 }), 'RangeError: MeanPool: stride is a whole number from 1: 0.'],
    ['negative padding', () => f.MaxPool([2, 2], { pad: [0, -1] }), 'RangeError: MaxPool: pad is a whole number from 0: -1.'],
    [
      'too many paddings',
      () => f.MaxPool([2, 2], { pad: [1, 1, 1] }),
      'ShapeError: MaxPool: pad is a number, or a list of 2 or 4: [1, 1, 1].',
    ],
    ['too few strides', () => f.MaxPool([2, 2], { stride: [1] }), 'ShapeError: MaxPool: stride is a number, or a list of 2: [1].'],
    ['four axes', () => f.MaxPool([2, 2, 2, 2]), 'ShapeError: MaxPool: there are 1 to 3 spatial axes: the window [2, 2, 2, 2].'],
    ['a window of words', () => f.MaxPool('2' as never), "TypeError: MaxPool: the window is a number or a list of one an axis: '2' came."],
    [
      'padding by a word',
      () => f.MaxPool(2, { pad: 'valid' as never }),
      "TypeError: MaxPool: pad is a number or a list of one an axis, or 'same': 'valid' came.",
    ],
    [
      'a count that is no yes or no',
      () => f.meanPool(x, 2, { countPadding: 1 as never }),
      'TypeError: meanPool: countPadding is true or false: 1 came.',
    ],
    [
      'an option of means for the largest',
      () => f.maxPool(x, 2, { countPadding: true } as never),
      "TypeError: maxPool: there is no option 'countPadding'. There are stride and pad.",
    ],
    ['no windows', () => f.AdaptiveMaxPool(0), 'RangeError: AdaptiveMaxPool: out is a whole number from 1: 0.'],
    [
      'windows of other axes',
      () => f.adaptiveMaxPool(x, [1]),
      'ShapeError: adaptiveMaxPool: x is [batch, channels, ...1 axis]: [2, 3, 5, 7].',
    ],
    [
      'no tensor',
      () => f.globalMaxPool([1] as never),
      'TypeError: globalMaxPool: a tensor is needed: an array. Make one with tensor(...).',
    ],
  ])
})

describe('upsampling and pixelShuffle refuse', () => {
  refuses([
    [
      'an unknown mode',
      () => f.Upsample('bicubic' as never, { scale: 2 }),
      "TypeError: Upsample: the mode is one of nearest, linear, bilinear, trilinear: 'bicubic' came.",
    ],
    ['neither scale nor size', () => f.upsample(x, 'nearest', {}), 'TypeError: upsample: either scale or size is given: neither came.'],
    ['both', () => f.Upsample('nearest', { scale: 2, size: 3 }), 'TypeError: Upsample: either scale or size is given: both came.'],
    ['a scale of 0', () => f.Upsample('nearest', { scale: 0 }), 'RangeError: Upsample: scale is a number above 0: 0.'],
    [
      'a size that is written by JavaScript too long',
      () => f.upsample(ones([1, 1, 3]), 'nearest', { size: 2 ** 27 }),
      'RangeError: upsample: an axis becomes 67108864 long at most: 134217728.',
    ],
    ['windows without end', () => f.adaptiveMeanPool(x, 2 ** 31), 'RangeError: adaptiveMeanPool: out is too large: 2147483648.'],
    ['half a size', () => f.upsample(x, 'bilinear', { size: 2.5 }), 'RangeError: upsample: size is a whole number from 1: 2.5.'],
    [
      'a mode of other axes',
      () => f.upsample(x, 'linear', { scale: 2 }),
      'ShapeError: upsample: x is [batch, channels, ...1 axis]: [2, 3, 5, 7].',
    ],
    [
      'nothing left',
      () => f.upsample(x, 'nearest', { scale: 0.1 }),
      'ShapeError: upsample: nothing would be left: [2, 3, 5, 7] to [0, 0].',
    ],
    [
      'channels that are no multiple',
      () => f.pixelShuffle(x, 2),
      'ShapeError: pixelShuffle: the channels are a multiple of 4: [2, 3, 5, 7].',
    ],
    ['a factor of 0', () => f.PixelShuffle(0), 'RangeError: PixelShuffle: r is a whole number from 1: 0.'],
    ['a factor that is not whole', () => f.pixelShuffle(x, 1.5), 'RangeError: pixelShuffle: r is a whole number: 1.5.'],
  ])
})

describe('dropout refuses', () => {
  refuses([
    ['a share above 1', () => f.Dropout(1.5), 'RangeError: Dropout: p lies in [0, 1]: 1.5.'],
    ['NaN', () => f.dropout(x, Number.NaN), 'RangeError: dropout: p lies in [0, 1]: NaN.'],
    ['no share', () => (f.AlphaDropout as () => unknown)(), 'TypeError: AlphaDropout: p is a number: undefined came.'],
    [
      'an axis that is not there',
      () => f.dropout(x, 0.5, { axis: 4 }),
      'ShapeError: dropout: there is no axis 4: [2, 3, 5, 7]. Axes go from -4 to 3.',
    ],
    [
      'an axis by a name',
      () => f.Dropout(0.5, { axis: 'channels' as never }),
      "TypeError: Dropout: an axis is a number or a list of numbers: 'channels'.",
    ],
  ])
})
