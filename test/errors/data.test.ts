import { DataLoader, kFolds, ones, shuffleObs, splitObs, tensor, zeros } from 'fluxtape'
import { describe } from 'vitest'
import { refuses } from './table.ts'

const x = ones([4, 2])

describe('data refuses', () => {
  refuses([
    ['a batch of no size', () => new DataLoader(x, { batchSize: 0 }), 'RangeError: DataLoader: a batch size is a whole number from 1: 0.'],
    [
      'a batch of a size that is not whole',
      () => new DataLoader(x, { batchSize: 1.5 }),
      'RangeError: DataLoader: a batch size is a whole number from 1: 1.5.',
    ],
    [
      'an unknown option',
      () => new DataLoader(x, { batchsize: 2 } as never),
      `TypeError: DataLoader: there is no option 'batchsize'. Is batchSize meant? There are batchSize, shuffle, partial, seed and collate.`,
    ],
    [
      'no observations',
      () => new DataLoader(zeros([0, 2])),
      'TypeError: DataLoader: there is no batch in it: 0 observations, batches of 1. Pass data with at least one observation.',
    ],
    [
      'an empty list',
      () => new DataLoader([]),
      'TypeError: DataLoader: there is no batch in it: 0 observations, batches of 1. Pass data with at least one observation.',
    ],
    [
      'fewer observations than a whole batch',
      () => new DataLoader(x, { batchSize: 8, partial: false }),
      'TypeError: DataLoader: there is no batch in it: 4 observations, batches of 8. Use a smaller batchSize, or partial: true.',
    ],
    [
      'tensors of different lengths',
      () => new DataLoader([x, ones([5])]),
      'ShapeError: DataLoader: the tensors hold different numbers of observations: [4, 2] and [5]. Axis 0 counts observations.',
    ],
    ['a scalar', () => new DataLoader(tensor(1)), 'ShapeError: DataLoader: a scalar has no observations: [].'],
    [
      'a record that holds more than tensors',
      () => new DataLoader({ x, name: 'text' as never }),
      'TypeError: DataLoader: data is a tensor, or a list or record of tensors: a record with string came.',
    ],
    ['a seed that is none', () => new DataLoader(x, { seed: -1 }), 'RangeError: DataLoader: a seed is a whole number from 0: -1.'],
    [
      'shares beyond the whole',
      () => splitObs(x, { at: [0.8, 0.4] }),
      'RangeError: splitObs: shares lie in [0, 1] and so does their sum: 0.8, 0.4.',
    ],
    ['a negative share', () => splitObs(x, { at: -0.1 }), 'RangeError: splitObs: shares lie in [0, 1] and so does their sum: -0.1.'],
    [
      'other counts of classes',
      () => splitObs(x, { at: 0.5, stratified: [0, 1] }),
      'RangeError: splitObs: one class for each observation: 2 classes for 4.',
    ],
    ['one fold', () => kFolds(x, 1), 'RangeError: kFolds: k lies between 2 and the number of observations: 1 of 4.'],
    ['more folds than observations', () => kFolds(x, 5), 'RangeError: kFolds: k lies between 2 and the number of observations: 5 of 4.'],
    ['to shuffle a scalar', () => shuffleObs(tensor(1)), 'ShapeError: shuffleObs: a scalar has no observations: [].'],
  ])
})
