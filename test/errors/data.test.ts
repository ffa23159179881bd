import { DataLoader, kFolds, ones, shuffleObs, splitObs, tensor, zeros } from 'fluxtape'
import { describe } from 'vitest'
import { type Row, refuses } from './table.ts'

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
      `TypeError: DataLoader: there is no option 'batchsize'. Is batchSize meant? There are batchSize, shuffle, partial, seed, collate, map and prefetch.`,
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
      'columns of different lengths',
      () => new DataLoader([x, ones([5]), [1, 2]]),
      'ShapeError: DataLoader: the columns hold different numbers of observations: [4, 2] and [5] and [2]. Axis 0 counts observations. If each tensor is one observation, pass stack(list).',
    ],
    [
      'columns of different lengths in a record',
      () => shuffleObs({ x, y: new Float32Array(5) }),
      'ShapeError: shuffleObs: the columns hold different numbers of observations: [4, 2] and [5]. Axis 0 counts observations.',
    ],
    ['a scalar', () => new DataLoader(tensor(1)), 'ShapeError: DataLoader: a scalar has no observations: [].'],
    [
      'scalars in a list',
      () => new DataLoader([tensor(1), tensor(2), tensor(3)]),
      'ShapeError: DataLoader: a scalar has no observations: []. If each tensor is one observation, pass stack(list).',
    ],
    [
      'observations that are not stacked',
      () => new DataLoader(Array.from({ length: 5 }, () => x)),
      'TypeError: DataLoader: a list of tensors has their axis 0 for observations: 5 tensors [4, 2] look like observations themselves. Pass stack(list); columns of that shape as a record.',
    ],
    [
      'a column that is none',
      () => new DataLoader({ x, name: 'text' as never }),
      'TypeError: DataLoader: data is a tensor, a typed array, a list, or a record of these: one with string came.',
    ],
    [
      'a dataset whose get has another name',
      () => new DataLoader({ length: 3, gte: (i: number) => i } as never),
      'TypeError: DataLoader: a dataset has a length and get(i): one with length, gte came.',
    ],
    [
      'a generator function to split',
      () => shuffleObs(async function* () {} as never),
      'TypeError: shuffleObs: data is a tensor, a typed array, a list, or a record of these: an AsyncGeneratorFunction came. Call it, and make a list of what it gives: for await (const each of f()) list.push(each).',
    ],
    [
      'a list with a tensor and a text',
      () => new DataLoader([x, 'text']),
      'TypeError: DataLoader: data is a tensor, a typed array, a list, or a record of these: one with string came.',
    ],
    [
      'a text',
      () => new DataLoader('text' as never),
      'TypeError: DataLoader: data is a tensor, a typed array, a list, or a record of these: string came.',
    ],
    [
      'a view without elements',
      () => new DataLoader(new DataView(new ArrayBuffer(8)) as never),
      'TypeError: DataLoader: data is a tensor, a typed array, a list, or a record of these: one with a DataView came.',
    ],
    [
      'a Set',
      () => shuffleObs(new Set([1]) as never),
      'TypeError: shuffleObs: data is a tensor, a typed array, a list, or a record of these: something to iterate came. Write [...data] for a list of what it gives.',
    ],
    [
      'a loader as data',
      () => splitObs(new DataLoader(x) as never, { at: 0.5 }),
      'TypeError: splitObs: data is a tensor, a typed array, a list, or a record of these: something to iterate came. Write [...data] for a list of what it gives.',
    ],
    [
      'a batch size in the place of options',
      () => new DataLoader(x, 64 as never),
      'TypeError: DataLoader: options are an object: 64 came. Write { batchSize: 64 }. There are batchSize, shuffle, partial, seed, collate, map and prefetch.',
    ],
    [
      'a share in the place of options',
      () => splitObs(x, 0.8 as never),
      'TypeError: splitObs: options are an object: 0.8 came. Write { at: 0.8 }. There are at, shuffle, seed and stratified.',
    ],
    [
      'no options where a share is needed',
      () => (splitObs as (x: unknown) => unknown)(x),
      'TypeError: splitObs: options are an object: undefined came. Write { at: ... }. There are at, shuffle, seed and stratified.',
    ],
    [
      'no share',
      () => splitObs(x, { shuffle: true } as never),
      'TypeError: splitObs: a share is a number: undefined came. Write splitObs(data, { at: 0.8 }) or { at: [0.6, 0.2] }.',
    ],
    [
      'a share that is a text',
      () => splitObs(x, { at: [0.5, '0.2'] } as never),
      'TypeError: splitObs: a share is a number: string came. Write splitObs(data, { at: 0.8 }) or { at: [0.6, 0.2] }.',
    ],
    [
      'as many folds as would take all memory',
      () => kFolds(new Array(3e4).fill(0), 3e4),
      'RangeError: kFolds: 30000 folds of 30000 observations are too many to be made at once. Use a smaller k.',
    ],
    [
      'a batch after its loop',
      () => {
        const [[first]] = new DataLoader([x, x])
        return first.sum()
      },
      'ReleasedError: sum: the tensor belonged to a loop over a DataLoader, and has been released: float32 [1, 2]. A batch is freed when the next one is asked for, and at the end: use it in the loop, or keep(x) or clone(x) what is to live on.',
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
    [
      'columns that are lists',
      () => kFolds([[1, 2, 3, 4], [0, 1, 0, 1]], 4), // biome-ignore format: one line
      'RangeError: kFolds: k lies between 2 and the number of observations: 4 of 2. A list without a tensor is one of observations; columns are tensors, or { x, y }.',
    ],
    ...[splitObs, kFolds].map(
      (cut): Row => [
        `columns that are typed arrays, in ${cut.name}`,
        () =>
          (cut as unknown as (...args: unknown[]) => unknown)(
            [Float32Array.of(1, 2, 3), Int32Array.of(0, 1, 0)],
            cut === kFolds ? 2 : { at: 0.5 },
          ),
        `TypeError: ${cut.name}: a list without a tensor is one of observations: a Float32Array and an Int32Array of 3 look like columns. Pass { x, y }, or [tensor(x), tensor(y)].`,
      ],
    ),
    ['folds as text', () => kFolds(x, '2' as never), "TypeError: kFolds: k is a number: '2' came."],
    ['one fold', () => kFolds(x, 1), 'RangeError: kFolds: k lies between 2 and the number of observations: 1 of 4.'],
    ['more folds than observations', () => kFolds(x, 5), 'RangeError: kFolds: k lies between 2 and the number of observations: 5 of 4.'],
    ['to shuffle a scalar', () => shuffleObs(tensor(1)), 'ShapeError: shuffleObs: a scalar has no observations: [].'],
  ])
})
