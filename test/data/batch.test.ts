import { arange, batch, gradient, memory, ones, padSequences, type Tensor, tensor, unbatch, zeros } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { refuses } from '../errors/table.ts'
import { plain } from './drain.ts'

const ints = (...values: number[]) => tensor(Int32Array.from(values))

describe('batch stacks, and unbatch takes apart', () => {
  it.each<readonly [string, readonly unknown[], unknown]>([
    ['tensors', [arange(2), ones([2])], [[0, 1], [1, 1]]], // biome-ignore format: one line
    ['scalars', [tensor(3), tensor(4)], [3, 4]],
    ['numbers', [3, 4.5], [3, 4.5]],
    ['booleans', [true, false], [true, false]],
    ['nested lists', [[1, 2], [3, 4]], [[1, 2], [3, 4]]], // biome-ignore format: one line
    ['typed arrays', [Uint8Array.of(1, 2), Uint8Array.of(3, 4)], [[1, 2], [3, 4]]], // biome-ignore format: one line
    ['one', [arange(2)], [[0, 1]]],
    ['records', [{ x: arange(2), n: 1, name: 'a' }, { name: 'b', n: 2, x: ones([2]) }], { x: [[0, 1], [1, 1]], n: [1, 2], name: ['a', 'b'] }], // biome-ignore format: one line
    ['records of records', [{ a: { b: 1 } }, { a: { b: 2 } }], { a: { b: [1, 2] } }],
    ['pairs', [[arange(2), 5], [ones([2]), 6]], [[[0, 1], [1, 1]], [5, 6]]], // biome-ignore format: one line
    ['pairs of typed arrays', [[Uint8Array.of(1), Uint8Array.of(2, 3)], [Uint8Array.of(4), Uint8Array.of(5, 6)]], [[[1], [4]], [[2, 3], [5, 6]]]], // biome-ignore format: one line
    ['numbers and texts', [[1, 'a'], [2, 'b']], [[1, 2], ['a', 'b']]], // biome-ignore format: one line
    ['features and a class', [[[1, 2, 3], 0], [[4, 5, 6], 1]], [[[1, 2, 3], [4, 5, 6]], [0, 1]]], // biome-ignore format: one line
    ['texts', ['a', 'b'], ['a', 'b']],
    ['of no elements', [zeros([0]), zeros([0])], [[], []]],
    ['a record with any name', JSON.parse('[{"__proto__": 1}, {"__proto__": 2}]'), JSON.parse('{"__proto__": [1, 2]}')],
  ])('%s', (title, list, whole) => {
    const joined = batch(list)
    expect(plain(joined)).toEqual(whole)
    // Typed arrays come back as tensors; a record is no column.
    if (!/typed|of records/.test(title)) expect(plain(unbatch(joined as never))).toEqual(list.map(plain))
  })

  it('Maps by key', () => {
    const [one, other] = [new Map<unknown, unknown>([['x', arange(2)], [7, 'a']]), new Map<unknown, unknown>([[7, 'b'], ['x', ones([2])]])] // biome-ignore format: one line
    const joined = batch([{ m: one }, { m: other }]).m
    expect(joined).toBeInstanceOf(Map)
    expect([...joined].map(([key, each]) => [key, plain(each)])).toEqual([['x', [[0, 1], [1, 1]]], [7, ['a', 'b']]]) // biome-ignore format: one line
    const counts: Tensor | undefined = batch([new Map([['n', 1]]), new Map([['n', 2]])]).get('n')
    expect(counts?.toArray()).toEqual([1, 2])
  })

  it('in the type that they have in common', () => {
    const types = [[ints(1), ints(2)], [1, 2], [true], [Uint8Array.of(1)], [ints(1), ones([1])], [{ x: ints(1) }]].map(list =>
      batch(list as unknown[]),
    )
    expect(
      types.map(each => (each as { dtype?: string; x?: { dtype: string } }).dtype ?? (each as { x: { dtype: string } }).x.dtype),
    ).toEqual([...['int32', 'float32', 'bool', 'uint8', 'float32', 'int32']])
    expect(unbatch(ints(1, 2)).map(each => [each.dtype, each.item()])).toEqual([['int32', 1], ['int32', 2]]) // biome-ignore format: one line
    expect(unbatch(Int32Array.of(7)).map(each => each.dtype)).toEqual(['int32'])
    expect(plain(unbatch({ length: 2, get: (i: number) => i * 10 }))).toEqual([0, 10])
  })

  it('with gradients, and nothing else is left', () => {
    const [g] = gradient((x, y) => batch([{ x, y }, { x: y, y: x }]).x.mul(tensor([[1, 2], [3, 4]])).sum(), ones([2]), ones([2])) // biome-ignore format: one line
    expect(g.toArray()).toEqual([1, 2])
    const [h] = gradient(x => unbatch({ x })[1].x.square().sum(), tensor([[1, 2], [3, 4]])) // biome-ignore format: one line
    expect(h.toArray()).toEqual([[0, 0], [6, 8]]) // biome-ignore format: one line
    const rows = [arange(2), arange(2)]
    const before = memory().tensors
    const joined = batch(rows.map(x => [x, 1] as const))
    expect(memory().tensors - before).toBe(2)
    const apart = unbatch(joined)
    expect(memory().tensors - before).toBe(6)
    expect(apart).toHaveLength(2)
  })
})

describe('padSequences', () => {
  const list = [ints(1, 2, 3), Int32Array.of(4), ints()]
  it.each<readonly [string, Parameters<typeof padSequences>, unknown, number[], string]>([
    ['at their ends', [list], [[1, 2, 3], [4, 0, 0], [0, 0, 0]], [3, 1, 0], 'int32'], // biome-ignore format: one line
    ['at their starts, with a value', [list, { side: 'start', value: -1 }], [[1, 2, 3], [-1, -1, 4], [-1, -1, -1]], [3, 1, 0], 'int32'], // biome-ignore format: one line
    ['to a length', [[[1, 2], [3]], { length: 3 }], [[1, 2, 0], [3, 0, 0]], [2, 1], 'float32'], // biome-ignore format: one line
    ['of steps with features', [[[[1, 2], [3, 4]], [[5, 6]]]], [[[1, 2], [3, 4]], [[5, 6], [0, 0]]], [2, 1], 'float32'], // biome-ignore format: one line
    ['of several types', [[Uint8Array.of(255), ints(-3, 4)], { value: -1 }], [[255, -1], [-3, 4]], [1, 2], 'int32'], // biome-ignore format: one line
    ['of bytes', [[Uint8Array.of(1), Uint8Array.of(2, 3)]], [[1, 0], [2, 3]], [1, 2], 'uint8'], // biome-ignore format: one line
    ['of no steps', [[[], []]], [[], []], [0, 0], 'float32'],
  ])('continues them %s', (_, args, whole, steps, dtype) => {
    const before = memory().tensors
    const { data, lengths } = padSequences(...args)
    expect(memory().tensors - before).toBe(2)
    expect([data.toArray(), data.dtype, lengths.toArray(), lengths.dtype]).toEqual([whole, dtype, steps, 'int32'])
  })

  it('gives each its gradient', () => {
    const [g] = gradient((a, b) => padSequences([a, b], { side: 'start' }).data.mul(tensor([[1, 2], [3, 4]])).sum(), ones([1]), ones([2])) // biome-ignore format: one line
    expect(g.toArray()).toEqual([2])
  })
})

const freed = zeros([2])
freed.dispose()

describe('what cannot be joined is refused', () => {
  refuses([
    ['no observation', () => batch([]), 'TypeError: batch: takes a list of observations: an empty one came.'],
    ['no list', () => batch(arange(2) as never), 'TypeError: batch: takes a list of observations: a tensor. Write batch(unbatch(data)).'],
    ['two shapes', () => batch([ones([2]), ones([3])]), 'ShapeError: batch: the shapes do not fit: [2] and [3]. padSequences takes sequences of several lengths.'],
    ['two shapes in a record', () => batch([{ x: [1] }, { x: [1, 2] }]), 'ShapeError: batch: the shapes do not fit: [1] and [2]. padSequences takes sequences of several lengths.'],
    ['two kinds', () => batch<unknown>([ones([2]), 'a']), 'TypeError: batch: the observations are not alike: a tensor and string.'],
    ['a hole', () => batch([1, undefined]), 'TypeError: batch: the observations are not alike: number and undefined.'],
    ['other keys', () => batch<object>([{ x: 1 }, { y: 1 }]), 'TypeError: batch: the observations are not alike: parts x and parts y.'],
    ['other keys of Maps', () => batch([new Map([['x', 1]]), new Map([['y', 1]])]), 'TypeError: batch: the observations are not alike: parts x and parts y.'],
    ['a Map and a record', () => batch<object>([new Map([['x', 1]]), { x: 1 }]), 'TypeError: batch: the observations are not alike: a Map and object.'],
    ['other lengths', () => batch([[1, 'a'], [1, 'a', 2]]), 'TypeError: batch: the observations are not alike: parts 0,1 and parts 0,1,2.'],
    ['a freed one', () => batch([freed]), 'ReleasedError: batch: the tensor has been released: float32 [2]. What is made inside scope, gradient, train or a layer is freed at its end: return it, or keep(tensor). A running value of a layer is written with later.'],
    ['to take a scalar apart', () => unbatch(tensor(1)), 'ShapeError: unbatch: a scalar has no observations: [].'],
    ['no sequence', () => padSequences([]), 'TypeError: padSequences: takes a list of sequences: an empty one came.'],
    ['no list of sequences', () => padSequences(arange(3) as never), 'TypeError: padSequences: takes a list of sequences: a tensor. Write padSequences(unbatch(data)).'],
    ['a text', () => padSequences(['abc' as never]), 'TypeError: padSequences: a sequence is a tensor, a typed array or a list: string.'],
    ['a scalar', () => padSequences([tensor(1)]), 'ShapeError: padSequences: the shapes do not fit: [] and []. A sequence has its steps along axis 0.'],
    ['other features', () => padSequences([ones([1, 2]), ones([1, 3])]), 'ShapeError: padSequences: the shapes do not fit: [1, 2] and [1, 3]. A sequence has its steps along axis 0.'],
    ['a sequence that is too long', () => padSequences([[1, 2]], { length: 1 }), 'RangeError: padSequences: the length is a whole number, and no sequence is longer: 1 for one of 2.'],
    ['half a length', () => padSequences([[1]], { length: 1.5 }), 'RangeError: padSequences: the length is a whole number, and no sequence is longer: 1.5 for one of 1.'],
    ['another side', () => padSequences([[1]], { side: 'left' as never }), `TypeError: padSequences: a side is 'start' or 'end': 'left'.`],
    ['a value that does not fit', () => padSequences([Uint8Array.of(1)], { value: 300 }), 'RangeError: padSequences: 300 does not fit into uint8. Clamp it first, or use float32.'],
  ]) // biome-ignore format: one row a line
})
