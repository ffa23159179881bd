// What norms refuse, each text whole.
import * as f from 'fluxtape'
import { describe } from 'vitest'
import { refuses } from './table.ts'

// biome-ignore lint/suspicious/noExplicitAny: what types refuse, too
const any = f as any
const x = f.ones([2, 3, 4])
const three = f.ones([3])
const plain = (z: f.Tensor) => z
const trained = (m: (z: f.Tensor) => f.Tensor, z: f.Tensor) => () => f.gradient(y => m(y).sum(), z)

describe('norms refuse', () => {
  refuses([
    ['no channels', () => f.ones([3]).batchNorm(), 'ShapeError: batchNorm: x is [batch, channels, ...]: [3].'],
    [
      'nothing behind the channels',
      () => f.ones([3, 2]).instanceNorm(),
      'ShapeError: instanceNorm: x is [batch, channels, size, ...]: [3, 2].',
    ],
    ['a scale of another size', () => x.batchNorm({ scale: f.ones([4]) }), 'ShapeError: batchNorm: the scale is [3]: [4] for x [2, 3, 4].'],
    [
      'a mean alone',
      () => x.batchNorm({ mean: three }),
      'TypeError: batchNorm: mean and variance come together: mean alone came. Leave both out for those of the batch.',
    ],
    ['a negative eps', () => x.batchNorm({ eps: -1 }), 'RangeError: batchNorm: eps must be 0 or more: -1.'],
    [
      'what is no option',
      () => any.batchNorm(x, { weight: three }),
      "TypeError: batchNorm: there is no option 'weight'. There are scale, bias, eps, mean and variance.",
    ],
    ['groups that do not divide', () => x.groupNorm(2), 'ShapeError: groupNorm: 2 groups do not divide the channels: [2, 3, 4].'],
    ['half a group', () => x.groupNorm(0.5), 'TypeError: groupNorm: groups are a whole number from 1: 0.5 came. Write groupNorm(x, 4).'],
    [
      'other sizes',
      () => x.layerNorm({ sizes: [3] }),
      'ShapeError: layerNorm: the last axes of x have other sizes: x [2, 3, 4], sizes [3].',
    ],
    [
      'sizes that are a text',
      () => any.layerNorm(x, { sizes: '4' }),
      "TypeError: layerNorm: sizes are a number or a list of numbers: '4' came.",
    ],
    ['a scalar', () => f.tensor(1).rmsNorm(), 'ShapeError: rmsNorm: x is [..., n]: [].'],
    ['no count of channels', () => f.BatchNorm(0), 'TypeError: BatchNorm: channels are a whole number from 1: 0 came.'],
    [
      'softmax',
      () => f.BatchNorm(3, f.softmax),
      'TypeError: BatchNorm: softmax is no function of single elements. Put it behind the layer: Chain(BatchNorm(...), softmax).',
    ],
    ['a momentum of 2', () => f.BatchNorm(3, plain, { momentum: 2 }), 'RangeError: BatchNorm: momentum must be from 0 to 1: 2.'],
    ['an affine that is a number', () => any.BatchNorm(3, plain, { affine: 1 }), 'TypeError: BatchNorm: affine is true or false: 1 came.'],
    [
      'a scale of another shape',
      () => f.BatchNorm(3, plain, { initScale: () => f.ones([2]) }),
      'ShapeError: BatchNorm: initScale gives [3]: [2].',
    ],
    ['other channels', () => f.BatchNorm(2)(x), 'ShapeError: BatchNorm: x is [batch, 2, ...]: [2, 3, 4].\nin BatchNorm(2)'],
    [
      'one value for each channel, in training',
      trained(f.BatchNorm(3), f.ones([1, 3])),
      'ShapeError: BatchNorm: training needs two values or more for each channel: [1, 3]. Take a larger batch, or DataLoader(..., { partial: false }).\nin BatchNorm(3)',
    ],
    [
      'one value of a sample, in training',
      trained(f.InstanceNorm(3), f.ones([2, 3, 1])),
      'ShapeError: InstanceNorm: training needs two values or more for each channel: [2, 3, 1].\nin InstanceNorm(3)',
    ],
    [
      'an activation that gives nothing',
      () => f.BatchNorm(3, (() => {}) as never)(x),
      'TypeError: BatchNorm: the activation gave no tensor: undefined. Return one from a function that is not async.\nin BatchNorm(3, a function)',
    ],
    [
      'groups of a layer that do not divide',
      () => f.GroupNorm(3, 2),
      'TypeError: GroupNorm: groups divide the channels: 2 came for 3. Write GroupNorm(channels, groups).',
    ],
    [
      'no size',
      () => any.LayerNorm(f.relu),
      'TypeError: LayerNorm: the sizes come first: relu came. Write LayerNorm(64) or LayerNorm(3, 4, relu).',
    ],
    ['other last axes', () => f.LayerNorm(3, 3)(x), 'ShapeError: LayerNorm: x is [..., 3, 3]: [2, 3, 4].\nin LayerNorm(3, 3)'],
    ['a row of another size', () => f.RMSNorm(3)(x), 'ShapeError: RMSNorm: x is [..., 3]: [2, 3, 4].\nin RMSNorm(3)'],
    [
      'a symbol',
      () => any.WeightNorm(f.Dense(2, 2), Symbol('s')),
      'TypeError: WeightNorm: the name of a field is a string: Symbol(s) came.',
    ],
    ['a function', () => f.WeightNorm(plain), 'TypeError: WeightNorm: takes a layer: function came.'],
    [
      'a field that is not there',
      () => f.WeightNorm(f.Dense(2, 2), 'kernel'),
      "TypeError: WeightNorm: Dense has no tensor 'kernel': undefined came.",
    ],
    [
      'zeros',
      () => f.WeightNorm(f.Dense(f.zeros([2, 2]))),
      "TypeError: WeightNorm: a weight of zeros has no direction: 'weight' is all 0.",
    ],
    ['to undo what is no model', () => any.removeWeightNorm(1), 'TypeError: removeWeightNorm: takes a model: number came.'],
    ['to fold what is no model', () => f.fold(plain), 'TypeError: fold: takes a model: function came.'],
  ])
})
