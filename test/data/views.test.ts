import {
  arange,
  batch,
  DataLoader,
  type DatasetView,
  filterObs,
  groupObs,
  kFolds,
  mapObs,
  memory,
  ones,
  shuffleObs,
  slidingWindow,
  splitObs,
  type Tensor,
  tensor,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { refuses } from '../errors/table.ts'
import { thrown } from '../errors/thrown.ts'
import { drain, plain } from './drain.ts'

const x = tensor([[1, 2], [3, 4], [5, 6]]) // biome-ignore format: one line
const squares = { length: 4, get: (i: number) => i * i }
/** By iterating, and by number. */
const all = <T>(dataset: DatasetView<T>) => {
  const found = Array.from(dataset, plain)
  expect(Array.from({ length: dataset.length }, (_, i) => plain(dataset.get(i)))).toEqual(found)
  return found
}
/** In every form that data has. */
const forms = {
  tensor: arange(3),
  'typed array': Int32Array.of(0, 1, 2),
  record: { n: arange(3), name: ['a', 'b', 'c'] },
  columns: [arange(3), ['a', 'b', 'c']] as const,
  list: [0, 1, 2],
  dataset: { length: 3, get: (i: number) => ({ i }) },
}

describe('mapObs', () => {
  it.each<readonly [string, DatasetView<unknown>, unknown]>([
    ['a tensor', mapObs(row => row.sum(), x), [3, 7, 11]],
    ['a typed array', mapObs(n => n.item() + 1, Int32Array.of(1, 2)), [2, 3]],
    ['a record', mapObs(({ x: row, name }) => [row.sum().item(), name], { x, name: ['a', 'b', 'c'] }), [[3, 'a'], [7, 'b'], [11, 'c']]],
    ['columns', mapObs(([row, n]) => row.mul(n), [x, arange(3)]), [[0, 0], [3, 4], [10, 12]]],
    ['a list', mapObs(text => text.length, ['a', 'bc']), [1, 2]],
    ['a dataset', mapObs(n => n + 1, squares), [1, 2, 5, 10]],
    ['what is mapped', mapObs(n => n * 2, mapObs(n => n + 1, squares)), [2, 4, 10, 20]],
    ['nothing', mapObs(n => n, []), []],
  ])('of %s', (_, dataset, observations) => expect(all(dataset)).toEqual(observations)) // biome-ignore format: one row a line

  it('of pairs gives batches of pairs, in types too, and is iterated like a list', () => {
    const pairs = mapObs(([row, n]) => [row.mul(2), n], [x, arange(3)])
    for (const [rows, n] of new DataLoader(pairs, { batchSize: 2 })) expect(rows.shape[0]).toBe(n.size)
    expect([...pairs].map(([, n]) => n.item())).toEqual([0, 1, 2])
    for (const [row] of pairs) {
      expect(row.toArray()).toEqual([2, 4])
      break
    }
    expect(batch([...pairs])[0].toArray()).toEqual([[2, 4], [6, 8], [10, 12]]) // biome-ignore format: one line
    expect(thrown(() => batch(pairs as never))).toBe('TypeError: batch: takes a list of observations: object. Write batch(unbatch(data)).')
  })

  it('works when it is asked, and keeps what it gives alone', () => {
    let calls = 0
    const dataset = mapObs(row => {
      calls++
      return row.mul(2).add(1)
    }, x)
    expect(calls).toBe(0)
    const before = memory().tensors
    const row = dataset.get(2)
    expect([calls, row.toArray(), memory().tensors - before]).toEqual([1, [11, 13], 1])
  })

  it('is data: batches of it are stacked and freed, parts of it are datasets', () => {
    const dataset = mapObs(row => ({ row: row.mul(2), n: row.sum().item() }), x)
    const before = memory().tensors
    expect(drain(new DataLoader(dataset, { batchSize: 2 }))).toEqual([{ row: [[2, 4], [6, 8]], n: [3, 7] }, { row: [[10, 12]], n: [11] }]) // biome-ignore format: one line
    expect(drain(new DataLoader(dataset, { batchSize: 3, collate: list => list.map(({ n }) => n) }))).toEqual([[3, 7, 11]])
    expect(drain(new DataLoader(dataset, { shuffle: true, seed: 1 }))).toHaveLength(3)
    expect(memory().tensors).toBe(before)
    const [left, right] = splitObs(dataset, { at: 2 / 3 })
    expect([left.length, all(right)]).toEqual([2, [{ row: [10, 12], n: 11 }]])
    expect(all(shuffleObs(squares, { seed: 2 })).toSorted()).toEqual([0, 1, 4, 9])
    expect(kFolds(squares, 2).map(([, part]) => all(part))).toEqual([[0, 1], [4, 9]]) // biome-ignore format: one line
  })
})

describe('filterObs and groupObs keep the form of the data', () => {
  it.each<readonly [keyof typeof forms, unknown]>([
    ['tensor', [0, 2]],
    ['typed array', [0, 2]],
    ['record', { n: [0, 2], name: ['a', 'c'] }],
    ['columns', [[0, 2], ['a', 'c']]],
    ['list', [0, 2]],
    ['dataset', [{ i: 0 }, { i: 2 }]],
  ])('%s', (form, even) => {
    const read = (part: unknown) => (form === 'dataset' ? all(part as DatasetView<unknown>) : plain(part))
    const before = memory().tensors
    let at = 0
    expect(read(filterObs(() => at++ % 2 === 0, forms[form]))).toEqual(even)
    at = 0
    const groups = groupObs(() => (at++ % 2 === 0 ? 'even' : 'odd'), forms[form])
    expect([...groups.keys()]).toEqual(['even', 'odd'])
    expect(read(groups.get('even'))).toEqual(even)
    const made = { tensor: 3, 'typed array': 3, record: 3, columns: 3, list: 0, dataset: 0 }
    expect(memory().tensors - before).toBe(made[form])
  }) // biome-ignore format: one row a line

  it('by what stands in them', () => {
    expect(filterObs(row => row.sum().item() > 5, x).toArray()).toEqual([[3, 4], [5, 6]]) // biome-ignore format: one line
    expect(filterObs(() => false, x).shape).toEqual([0, 2])
    const groups: Map<number, Tensor> = groupObs(n => n.item() % 3, tensor(Int32Array.of(5, 3, 2)))
    expect([...groups].map(([key, part]) => [key, part.dtype, part.toArray()])).toEqual([[2, 'int32', [5, 2]], [0, 'int32', [3]]]) // biome-ignore format: one line
  })
})

describe('slidingWindow', () => {
  it.each<readonly [string, DatasetView<unknown>, unknown]>([
    ['at every observation', slidingWindow(arange(4), { size: 2 }), [[0, 1], [1, 2], [2, 3]]],
    ['at every second, whole ones only', slidingWindow(arange(6), { size: 3, stride: 2 }), [[0, 1, 2], [2, 3, 4]]],
    ['of all', slidingWindow([1, 2], { size: 2 }), [[1, 2]]],
    ['of rows', slidingWindow({ x, name: ['a', 'b', 'c'] }, { size: 2, stride: 3 }), [{ x: [[1, 2], [3, 4]], name: ['a', 'b'] }]],
    ['of a dataset', slidingWindow(squares, { size: 2, stride: 2 }), [[0, 1], [4, 9]]],
    ['with gaps', slidingWindow(Int32Array.of(1, 2, 3), { size: 1, stride: 2 }), [[1], [3]]],
  ])('%s', (_, dataset, windows) => expect(all(dataset)).toEqual(windows)) // biome-ignore format: one row a line

  it('gives inputs and targets of a series', () => {
    const pairs = mapObs(window => [window.slice(':2'), window.slice('2')] as const, slidingWindow(arange(5), { size: 3 }))
    const batches: Iterable<readonly [Tensor, Tensor]> = new DataLoader(pairs, { batchSize: 3 })
    expect(drain(batches)).toEqual([[[[0, 1], [1, 2], [2, 3]], [2, 3, 4]]]) // biome-ignore format: one line
  })
})

describe('data that is made of data refuses', () => {
  refuses([
    ['no function', () => mapObs(3 as never, x), 'TypeError: mapObs: the function comes first: 3 came. Write mapObs(f, data).'],
    ['the data first', () => filterObs(x as never, (() => true) as never), 'TypeError: filterObs: the function comes first: a tensor came. Write filterObs(f, data).'],
    ['no data', () => groupObs(() => 1, 3 as never), 'TypeError: groupObs: data is a tensor, a typed array, a list, or a record of these: number came.'],
    ['an index beyond', () => mapObs(n => n, [1]).get(1), 'RangeError: mapObs: an index is a whole number below the length: 1 of 1.'],
    ['an index below', () => slidingWindow([1], { size: 1 }).get(-1), 'RangeError: slidingWindow: an index is a whole number below the length: -1 of 1.'],
    ['to filter by a tensor', () => filterObs(((row: Tensor) => row.sum().greater(1)) as never, x), 'TypeError: filterObs: the function gives true or false: a tensor came.'],
    ['to filter by a promise', () => filterObs((async () => true) as never, x), 'TypeError: filterObs: the function gives true or false: a promise came.'],
    ['to group by a tensor', () => groupObs(((row: Tensor) => row.sum()) as never, x), 'TypeError: groupObs: the function gives a number, a text or a boolean: a tensor came.'],
    ['to group by nothing', () => groupObs((() => undefined) as never, x), 'TypeError: groupObs: the function gives a number, a text or a boolean: undefined came.'],
    ['a window of no size', () => slidingWindow(x, {} as never), 'RangeError: slidingWindow: size and stride are whole numbers from 1: undefined.'],
    ['a stride of 0', () => slidingWindow(x, { size: 1, stride: 0 }), 'RangeError: slidingWindow: size and stride are whole numbers from 1: 0.'],
    ['a window that is too large', () => slidingWindow(x, { size: 4 }), 'RangeError: slidingWindow: a window is larger than the data: 4 of 3.'],
    ['a dataset of half a length', () => new DataLoader({ length: 1.5, get: i => i }), 'TypeError: DataLoader: the length of a dataset is a whole number: 1.5 came.'],
    ['a dataset that gives promises, in a loop that does not wait', () => drain(new DataLoader(mapObs(async n => n, [1])) as never), 'TypeError: DataLoader: its batches have to be waited for. Write for await (const batch of loader).'],
    ['a column of several lengths', () => drain(new DataLoader([[[1, 2], [3]], ones([2])], { batchSize: 2 })), 'ShapeError: tensor: the nested arrays are ragged: [2, 2] by the first of each level, but then an array of 1. All arrays of a level must have one length: padSequences pads the shorter ones.\nin DataLoader: column 0'],
    ['observations of several shapes', () => drain(new DataLoader(mapObs(n => ones([n]), [1, 2]), { batchSize: 2 })), 'ShapeError: DataLoader: observation 1: the shapes do not fit: [1] and [2]. padSequences takes sequences of several lengths.'],
  ]) // biome-ignore format: one row a line
})
