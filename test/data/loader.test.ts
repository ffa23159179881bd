import {
  arange,
  DataLoader,
  keep,
  type DataLoader as Loader,
  manualSeed,
  matmul,
  memory,
  ones,
  ReleasedError,
  ShapeError,
  stack,
  type Tensor,
  tensor,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { drain, plain } from './drain.ts'

const xs = arange(14).reshape([7, 2])
const ys = arange(7)

const order = (loader: Iterable<Tensor>): number[] => (drain(loader) as number[][]).flat()

describe('the batches of a DataLoader', () => {
  it('of a tensor are tensors', () => {
    const loader = new DataLoader(xs, { batchSize: 3 })
    expect(loader.length).toBe(3)
    expect(drain(loader)).toEqual([
      [
        [0, 1],
        [2, 3],
        [4, 5],
      ],
      [
        [6, 7],
        [8, 9],
        [10, 11],
      ],
      [[12, 13]],
    ])
  })

  it('of a list of tensors are lists, of a record records', () => {
    expect(drain(new DataLoader([xs, ys], { batchSize: 5 }))).toEqual([
      [
        [
          [0, 1],
          [2, 3],
          [4, 5],
          [6, 7],
          [8, 9],
        ],
        [0, 1, 2, 3, 4],
      ],
      [
        [
          [10, 11],
          [12, 13],
        ],
        [5, 6],
      ],
    ])
    expect(drain(new DataLoader({ x: ys, y: ys.mul(2) }, { batchSize: 4 }))).toEqual([
      { x: [0, 1, 2, 3], y: [0, 2, 4, 6] },
      { x: [4, 5, 6], y: [8, 10, 12] },
    ])
    expect(drain(new DataLoader([ys], { batchSize: 7 }))).toEqual([[[0, 1, 2, 3, 4, 5, 6]]])
  })

  it('of a list of other things are lists of these', () => {
    expect(drain(new DataLoader(['a', 'b', 'c'], { batchSize: 2 }))).toEqual([['a', 'b'], ['c']])
  })

  it('hold one observation each by default', () => {
    expect(drain(new DataLoader(ys))).toEqual([[0], [1], [2], [3], [4], [5], [6]])
  })

  it('keep dtypes and higher ranks', () => {
    const images = zeros([5, 1, 2, 3])
    const [batch] = new DataLoader([images, tensor(new Int32Array([4, 3, 2, 1, 0]))], { batchSize: 2 })
    expect(batch.map(each => (each.released ? 'released' : [each.shape, each.dtype]))).toEqual(['released', 'released'])
    for (const [x, y] of new DataLoader([images, tensor(new Int32Array(5))], { batchSize: 5 })) {
      expect([x.shape, y.dtype]).toEqual([[5, 1, 2, 3], 'int32'])
    }
  })

  it('leave out the rest where `partial` is false', () => {
    const loader = new DataLoader(ys, { batchSize: 3, partial: false })
    expect([loader.length, drain(loader)]).toEqual([
      2,
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
    ])
    expect(new DataLoader(ys, { batchSize: 7, partial: false }).length).toBe(1)
  })

  it('may be larger than the data', () => {
    expect(drain(new DataLoader(ys, { batchSize: 100 }))).toEqual([[0, 1, 2, 3, 4, 5, 6]])
  })

  it('come again as often as wanted', () => {
    const loader = new DataLoader(ys, { batchSize: 4 })
    expect(drain(loader)).toEqual(drain(loader))
    const [first, second] = [loader[Symbol.iterator](), loader[Symbol.iterator]()]
    first.next()
    expect((second.next().value as Tensor).toArray()).toEqual([0, 1, 2, 3])
    first.return()
    second.return()
  })
})

describe('shuffle', () => {
  it('gives every observation exactly once, in another order in each epoch', () => {
    const many = arange(50)
    const loader = new DataLoader(many, { batchSize: 8, shuffle: true })
    const epochs = [order(loader), order(loader), order(loader)]
    for (const epoch of epochs) expect([...epoch].sort((a, b) => a - b)).toEqual(many.toArray())
    expect(new Set(epochs.map(String)).size).toBe(3)
    expect(epochs[0]).not.toEqual(many.toArray())
  })

  it('keeps the parts of an observation together', () => {
    for (const [x, y] of new DataLoader([xs, ys], { batchSize: 3, shuffle: true })) {
      expect((x.toArray() as number[][]).map(row => row[0] / 2)).toEqual(y.toArray())
    }
  })

  it('with a seed is the same in each epoch of another loader, whatever else was drawn', () => {
    const make = () => new DataLoader(arange(20), { shuffle: true, seed: 4 })
    const first = make()
    const epochs = [order(first), order(first)]
    manualSeed(99)
    const second = make()
    expect([order(second), order(second)]).toEqual(epochs)
    expect(epochs[0]).not.toEqual(epochs[1])
    expect(order(new DataLoader(arange(20), { shuffle: true, seed: 5 }))).not.toEqual(epochs[0])
  })

  it('without a seed follows manualSeed', () => {
    const loader = new DataLoader(arange(20), { shuffle: true })
    manualSeed(3)
    const first = order(loader)
    manualSeed(3)
    expect(order(loader)).toEqual(first)
  })

  it('puts each observation at each place about equally often', () => {
    const loader = new DataLoader(arange(4), { batchSize: 4, shuffle: true })
    const counts = Array.from({ length: 16 }, () => 0)
    for (let epoch = 0; epoch < 2000; epoch++) {
      order(loader).forEach((value, place) => {
        counts[value * 4 + place]++
      })
    }
    // 2000 throws at p = 1/4 have a standard deviation of 19.4.
    expect(counts.every(count => Math.abs(count - 500) < 100)).toBe(true)
  })
})

describe('collate', () => {
  it('makes a batch of the observations, each without axis 0', () => {
    const collate = (rows: Tensor[]) => ({ rows: stack(rows), shape: rows[0].shape })
    const [first] = drain(new DataLoader(xs, { batchSize: 2, collate }) as Iterable<unknown>)
    expect(first).toEqual({
      rows: [
        [0, 1],
        [2, 3],
      ],
      shape: [2],
    })
  })

  it('sees lists and records of tensors as observations of that form', () => {
    const seen: unknown[] = []
    const collate = (list: unknown[]) => {
      seen.push(plain(list))
      return 'batch'
    }
    expect(drain(new DataLoader([xs, ys], { batchSize: 2, collate }))).toEqual(['batch', 'batch', 'batch', 'batch'])
    drain(new DataLoader({ x: ys }, { batchSize: 6, collate }))
    expect(seen[0]).toEqual([
      [[0, 1], 0],
      [[2, 3], 1],
    ])
    expect(seen.at(-1)).toEqual([{ x: 6 }])
  })

  it('makes tensors of other things', () => {
    const words = ['a', 'bbb', 'cc']
    const loader = new DataLoader(words, { batchSize: 2, collate: list => tensor(list.map(word => word.length)) })
    expect(drain(loader)).toEqual([[1, 3], [2]])
  })

  it('leaves no observation behind', () => {
    const loader: Loader<Tensor, Tensor> = new DataLoader(xs, { batchSize: 2, collate: (rows: Tensor[]) => stack(rows) })
    const before = memory().tensors
    for (const batch of loader) {
      expect(memory().tensors).toBe(before + 1)
      expect(batch.rank).toBe(2)
    }
    expect(memory().tensors).toBe(before)
  })

  it('that throws leaves nothing behind', () => {
    const before = memory().tensors
    expect(() =>
      drain(
        new DataLoader(xs, {
          collate: () => {
            throw new Error('no')
          },
        }),
      ),
    ).toThrow('no')
    expect(memory().tensors).toBe(before)
  })
})

describe('a batch', () => {
  it('is freed when the next one is asked for, and at the end', () => {
    const before = memory().tensors
    const seen: Tensor[] = []
    for (const [x, y] of new DataLoader([xs, ys], { batchSize: 3 })) {
      expect([x.released, y.released, ...seen.map(each => each.released)]).toEqual([false, false, ...seen.map(() => true)])
      expect(memory().tensors).toBe(before + 2)
      seen.push(x, y)
    }
    expect(seen.every(each => each.released)).toBe(true)
    expect(() => seen[0].sum()).toThrow(ReleasedError)
    expect(memory().tensors).toBe(before)
  })

  it('is freed when the loop breaks or throws', () => {
    const before = memory().tensors
    for (const _ of new DataLoader(xs, { batchSize: 2 })) break
    expect(() => {
      for (const _ of new DataLoader(xs, { batchSize: 2 })) throw new Error('out')
    }).toThrow('out')
    expect(memory().tensors).toBe(before)
  })

  it.each<readonly [string, (loader: Iterable<Tensor>) => Tensor]>([
    ['a list', loader => [...loader][1]],
    ['a pattern', ([first]) => first],
    [
      'break',
      loader => {
        for (const x of loader) return x
        return xs
      },
    ],
    [
      'the next one',
      loader => {
        const batches = loader[Symbol.iterator]()
        const first = batches.next().value
        batches.next()
        return first
      },
    ],
  ])('that is used after %s says whose it was', (_, take) => {
    const batch = take(new DataLoader(xs, { batchSize: 2 }))
    const text =
      /^\w+: the tensor belonged to a loop over a DataLoader, and has been released: float32 \[2, 2\]\. .* keep\(x\) or clone\(x\)/
    for (const use of [() => batch.sum(), () => batch.toArray(), () => matmul(batch, batch), () => batch.shape && batch.item()]) {
      expect(use).toThrow(ReleasedError)
      expect(use).toThrow(text)
    }
    expect(String(batch)).toBe('Tensor float32 [2, 2] (released)')
  })

  it('lives on where it is kept', () => {
    const held: Tensor[] = []
    for (const [x] of new DataLoader([xs, ys], { batchSize: 3 })) held.push(keep(x))
    expect(held.map(x => x.shape[0])).toEqual([3, 3, 1])
    expect(held[0].toArray()).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ])
    for (const each of held) each.dispose()
  })

  it("does not take the data with it: tensors in a list of other things are the user's", () => {
    const pairs = [0, 1, 2].map(i => [tensor([i]), tensor([i + 10])] as const)
    const loader = new DataLoader(pairs, { batchSize: 2 })
    expect(drain(loader)).toEqual([
      [
        [[0], [10]],
        [[1], [11]],
      ],
      [[[2], [12]]],
    ])
    expect(pairs.flat().some(each => each.released)).toBe(false)
    expect(drain(loader)).toHaveLength(2)
    const handed = new DataLoader(pairs, { collate: ([pair]) => pair })
    drain(handed)
    expect(pairs.flat().some(each => each.released)).toBe(false)
  })

  it('does not change with the data, nor the data with it', () => {
    const data = ones([2, 1])
    for (const batch of new DataLoader(data, { batchSize: 2 })) {
      batch.assign(zeros([2, 1]))
      expect(data.toArray()).toEqual([[1], [1]])
    }
  })
})

describe('a DataLoader refuses', () => {
  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('a batch size of %d', batchSize => {
    expect(() => new DataLoader(ys, { batchSize })).toThrow(
      new RangeError(`DataLoader: a batch size is a whole number from 1: ${batchSize}.`),
    )
  })

  it.each([-1, 0.5])('a seed of %d', seed => {
    expect(() => new DataLoader(ys, { seed })).toThrow(RangeError)
  })

  it('an unknown option', () => {
    expect(() => new DataLoader(ys, { batchsize: 2 } as never)).toThrow(
      new TypeError(
        "DataLoader: there is no option 'batchsize'. Is batchSize meant? There are batchSize, shuffle, partial, seed, collate, map and prefetch.",
      ),
    )
  })

  it.each([
    [
      'an empty list',
      () => new DataLoader([]),
      'DataLoader: there is no batch in it: 0 observations, batches of 1. Pass data with at least one observation.',
    ],
    [
      'an empty tensor',
      () => new DataLoader(zeros([0, 3]), { batchSize: 2 }),
      'DataLoader: there is no batch in it: 0 observations, batches of 2. Pass data with at least one observation.',
    ],
    [
      'an empty record',
      () => new DataLoader({}),
      'DataLoader: there is no batch in it: 0 observations, batches of 1. Pass data with at least one observation.',
    ],
    [
      'fewer observations than a whole batch',
      () => new DataLoader(ys, { batchSize: 8, partial: false }),
      'DataLoader: there is no batch in it: 7 observations, batches of 8. Use a smaller batchSize, or partial: true.',
    ],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(new TypeError(message))
  })

  it.each([
    [
      'tensors of different lengths',
      () => new DataLoader([xs, ys, ones([6, 1])]),
      'DataLoader: the columns hold different numbers of observations: [7, 2] and [7] and [6, 1]. Axis 0 counts observations.',
    ],
    ['a scalar', () => new DataLoader([tensor(1)]), 'DataLoader: a scalar has no observations: [].'],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(ShapeError)
    expect(make).toThrow(message)
  })

  it('released data', () => {
    const gone = ones([3])
    gone.dispose()
    expect(() => new DataLoader(gone)).toThrow(ReleasedError)
  })
})
