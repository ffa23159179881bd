// Embedding and EmbeddingBag: every kind of index and of bag, padding, gradients of both orders, shapes without values, replays.
import {
  Chain,
  Dense,
  Embedding,
  EmbeddingBag,
  freeze,
  gradient,
  jit,
  loadSafetensors,
  loadState,
  max,
  mean,
  oneHot,
  ones,
  outputSize,
  params,
  saveSafetensors,
  square,
  sum,
  summary,
  type Tensor,
  tensor,
  threads,
  zeros,
} from 'fluxtape'
import { afterAll, describe, expect, it, test } from 'vitest'

const int32 = (values: readonly number[], shape?: readonly number[]) => tensor(Int32Array.from(values), shape)
const weight = tensor([
  [1, -2],
  [3, 4],
  [5, -6],
])
const rows = weight.toArray<number[][]>()

describe('Embedding', () => {
  const e = Embedding(weight)
  test.each<[string, () => Tensor, unknown]>([
    ['a number', () => e(2), rows[2]],
    ['a list', () => e([2, 0]), [rows[2], rows[0]]],
    ['an Int32Array', () => e(Int32Array.of(2, 0)), [rows[2], rows[0]]],
    ['a Uint8Array', () => e(Uint8Array.of(1)), [rows[1]]],
    ['paddingIdx null', () => Embedding(weight, { paddingIdx: null })([0, 1]), [rows[0], rows[1]]], // biome-ignore format: one line
    ['int32', () => e(int32([2, 0, 1, 1], [2, 2])), [[rows[2], rows[0]], [rows[1], rows[1]]]], // biome-ignore format: one line
    ['whole float32', () => e(tensor([1, 2])), [rows[1], rows[2]]],
    ['uint8', () => e(tensor([1, 2], { dtype: 'uint8' })), [rows[1], rows[2]]],
    ['one-hot', () => e(oneHot([2, 0], 3)), [rows[2], rows[0]]],
    ['one one-hot row', () => e(oneHot([1], 3).squeeze(0)), rows[1]],
    ['padding', () => Embedding(weight, { paddingIdx: 1 })([0, 1]), [rows[0], [0, 0]]], // biome-ignore format: one line
    ['one-hot padding', () => Embedding(weight, { paddingIdx: 1 })(oneHot([0, 1], 3)), [rows[0], [0, 0]]], // biome-ignore format: one line
    ['a weight of whole numbers', () => Embedding(weight.cast('int32'))([2]), [rows[2]]],
    ['a row of NaN elsewhere', () => Embedding(tensor([[Number.NaN], [1]]))(oneHot([1], 2)), [[1]]], // biome-ignore format: one line
  ])('%s', (_, f, expected) => {
    expect(f().toArray()).toEqual(expected)
  })

  it('has a padding row of zeros, and none of another kind', () => {
    const made = Embedding(4, 3, { paddingIdx: 2, init: ones })
    expect(made.weight.toArray()).toEqual([[1, 1, 1], [1, 1, 1], [0, 0, 0], [1, 1, 1]]) // biome-ignore format: one line
    const [g] = gradient(w => Embedding(w, { paddingIdx: 2 })([2, 1, 2]).sum(), made.weight)
    expect(g.sum(1).toArray()).toEqual([0, 3, 0, 0])
  })

  it('gives nothing for an empty batch, and adds up equal indices', () => {
    expect(e(int32([], [0, 4])).shape).toEqual([0, 4, 2])
    expect(gradient(w => Embedding(w)([0, 2, 0]).sum(), weight)[0].toArray()).toEqual([[2, 2], [0, 0], [1, 1]]) // biome-ignore format: one line
    expect(gradient(w => Embedding(w)(int32([])).sum(), weight)[0].toArray()).toEqual(zeros([3, 2]).toArray())
  })

  it('adds to the gradient of a weight that is tied', () => {
    const f = (w: Tensor) => Embedding(w)([0, 1, 0]).matmul(w, { transposeRight: true }).square().sum()
    const g = (w: Tensor) => w.gather([0, 1, 0]).matmul(w, { transposeRight: true }).square().sum()
    expect(gradient(f, weight)[0].toArray()).toEqual(gradient(g, weight)[0].toArray())
    expect(
      gradient(
        w =>
          Embedding(w)([0])
            .sum()
            .add(Embedding(w)([0, 2]).sum()),
        weight,
      )[0]
        .sum(1)
        .toArray(),
    ).toEqual([4, 0, 2])
  })

  it('is not trained while it is frozen', () => {
    const model = Chain(Embedding(3, 2), Dense(2, 1))
    freeze(model[0])
    expect(gradient(() => model(int32([0, 2])).sum(), params(model)).get(model[0].weight)).toBeUndefined()
  })

  it('has a shape without values', () => {
    expect(outputSize(Chain(Embedding(65, 8), Dense(8, 3)), [4, 7], { dtype: 'int32' })).toEqual([4, 7, 3])
    expect(outputSize(Embedding(65, 8), [4, 7, 65], { dtype: 'bool' })).toEqual([4, 7, 8])
    expect(outputSize(EmbeddingBag(65, 8, 'max'), [4, 7], { dtype: 'int32' })).toEqual([4, 8])
    expect(summary(Chain(Embedding(65, 8), Dense(8, 3)), [4, 7], { dtype: 'int32' })).toContain('Embedding(65, 8)')
  })

  test.each([
    [Embedding(65, 8), 'Embedding(65, 8)    # 520 parameters'],
    [Embedding(5, 2, { paddingIdx: null }), 'Embedding(5, 2)     # 10 parameters'],
    [Embedding(5, 2, { paddingIdx: 0 }), 'Embedding(5, 2, { paddingIdx: 0 })  # 10 parameters'],
    [EmbeddingBag(5, 2), 'EmbeddingBag(5, 2)  # 10 parameters'],
    [EmbeddingBag(5, 2, 'sum', { paddingIdx: 1 }), "EmbeddingBag(5, 2, 'sum', { paddingIdx: 1 })  # 10 parameters"],
  ])('prints %#', (layer, text) => expect(String(layer)).toBe(text))

  it('loads from a file, by its prefix', () => {
    const file = saveSafetensors(new Map([['embed.weight', weight]]))
    const model = Embedding(3, 2)
    loadState(model, loadSafetensors(file).tensors, { prefix: 'embed' })
    expect(model.weight.toArray()).toEqual(rows)
  })
})

/** Bags row by row, in operations. */
const slowly = (reduction: 'mean' | 'sum' | 'max', bags: readonly (readonly number[])[]) => (w: Tensor) =>
  bags
    .map(bag => {
      const of = { mean, sum, max }[reduction] as (x: Tensor, axis: number) => Tensor
      return bag.length === 0 ? zeros([w.shape[1]]) : of(w.gather(bag), 0)
    })
    .reduce(
      (all, each, i) => all.add(each.mul(square(zeros([bags.length, 1]).scatterAdd([i], ones([1, 1]))))),
      zeros([bags.length, w.shape[1]]),
    )

describe.each(['mean', 'sum', 'max'] as const)('EmbeddingBag by %s', reduction => {
  const table = tensor(
    Float32Array.from({ length: 6 * 18 }, (_, i) => Math.sin(3 * i)),
    [6, 18],
  )
  const bags = [[0, 2, 5], [], [1], [2, 2, 4, 0]]
  const even = [
    [0, 2, 5],
    [1, 1, 1],
    [2, 5, 4],
  ]
  const of = (w: Tensor, padding?: number) => EmbeddingBag(w, reduction, { paddingIdx: padding })
  test.each<[string, (w: Tensor) => Tensor, readonly (readonly number[])[]]>([
    ['lists', w => of(w)(bags), bags],
    ['Int32Arrays', w => of(w)(bags.map(bag => Int32Array.from(bag))), bags],
    ['an Int32Array and offsets', w => of(w)(Int32Array.from(bags.flat()), Int32Array.of(0, 3, 3, 4)), bags],
    ['lists of tensors', w => of(w)(bags.map(bag => int32(bag))), bags],
    ['lists of one-hot rows', w => of(w)(bags.map(bag => oneHot(int32(bag), 6))), bags],
    ['offsets', w => of(w)(int32(bags.flat()), int32([0, 3, 3, 4])), bags],
    ['offsets and padding', w => of(w, 3)(int32([3, 0, 2, 5, 3, 1, 2, 2, 3, 4, 0]), int32([0, 4, 5, 6])), bags],
    ['offsets, the last one empty', w => of(w)(int32([1]), [0, 1]), [[1], []]],
    ['a matrix', w => of(w)(int32(even.flat(), [3, 3])), even],
    ['a matrix, one-hot', w => of(w)(oneHot(int32(even.flat(), [3, 3]), 6)), even],
    ['a matrix with padding', w => of(w, 3)(int32([0, 2, 5, 3, 3, 3, 3, 3, 1, 3, 3, 3, 2, 2, 4, 0].slice(0, 8), [2, 4])), [[0, 2, 5], []]],
    ['bags of nothing', w => of(w)(int32([], [2, 0])), [[], []]],
  ])('takes %s', (_, f, expected) => {
    const slow = slowly(reduction, expected)
    const close = (a: Tensor, b: Tensor) => {
      expect(a.shape).toEqual(b.shape)
      expect(a.sub(b).abs().max().item()).toBeLessThan(1e-5)
    }
    close(f(table), slow(table))
    const factor = tensor(Float32Array.from({ length: 18 }, (_, i) => Math.cos(i)))
    const first = (g: (w: Tensor) => Tensor) => (w: Tensor) => gradient(z => g(z).mul(factor).square().sum(), w)[0]
    close(first(f)(table), first(slow)(table))
    const second = (g: (w: Tensor) => Tensor) => gradient(w => first(g)(w).mul(w).square().sum(), table)[0]
    expect(second(f).sub(second(slow)).abs().max().item()).toBeLessThan(1e-2)
  })

  it('is one bag of a list, and any bags of more axes', () => {
    expect(of(table)([0, 2, 5]).toArray()).toEqual(
      of(table)([[0, 2, 5]])
        .squeeze(0)
        .toArray(),
    )
    expect(of(table)(int32([0, 1, 2, 3], [2, 1, 2])).shape).toEqual([2, 1, 18])
  })

  it('is replayed, and finds a bad index and a bad offset in a replay', () => {
    const f = (w: Tensor, x: Tensor, at: Tensor) => of(w)(x, at).square().sum()
    const step = jit(f)
    const offsets = [[0, 2], [0, 0], [0, 4]] // biome-ignore format: one line
    for (const at of offsets)
      expect(step(table, int32([0, 1, 2, 3]), int32(at)).item()).toBe(f(table, int32([0, 1, 2, 3]), int32(at)).item())
    expect(() => step(table, int32([0, 1, 6, 3]), int32([0, 2]))).toThrow('EmbeddingBag: index 6 at place 2')
    expect(() => step(table, int32([0, 1, 2, 3]), int32([1, 2]))).toThrow('EmbeddingBag: offset 1 at place 0')
    expect(step(table, int32([0, 1, 2, 3]), int32([0, 2])).item()).toBe(f(table, int32([0, 1, 2, 3]), int32([0, 2])).item())
  })
})

describe('on two threads', () => {
  afterAll(() => threads(1))

  it('has the same bits', async () => {
    const n = 4000
    const table = tensor(
      Float32Array.from({ length: 300 * 70 }, (_, i) => Math.sin(i)),
      [300, 70],
    )
    const indices = int32(Array.from({ length: n }, (_, i) => (i * i) % 300))
    const all = () =>
      (['mean', 'sum', 'max'] as const).flatMap(reduction => {
        const f = (w: Tensor) => EmbeddingBag(w, reduction)(indices.reshape([n / 8, 8]))
        return [f(table), gradient(w => f(w).square().sum(), table)[0], gradient(w => Embedding(w)(indices).square().sum(), table)[0]]
      })
    const hash = (tensors: readonly Tensor[]) =>
      tensors.map(each => new Int32Array(each.data().buffer).reduce((a, b) => (a * 31 + b) | 0, 7))
    await threads(1)
    const one = hash(all())
    await threads(2)
    all()
    expect(hash(all())).toEqual(one)
  })
})
