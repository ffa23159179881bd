// Each fused path gives what its composed form does.
import {
  add,
  BatchNorm,
  Dense,
  GroupNorm,
  gelu,
  gradient,
  InstanceNorm,
  LayerNorm,
  linear,
  logitCrossEntropy,
  matmul,
  params,
  pullback,
  relu,
  scope,
  split,
  sum,
  type Tensor,
  tensor,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { fusion } from '../../src/ops/fusion.ts'
import { randomness } from './kernel-trials.ts'
import { unfused } from './unfused.ts'

const sizes = [1, 3, 4, 5, 8, 10, 17, 33]

/** What `f` gives with the fused paths, and without. */
function bothWays(f: () => readonly Tensor[]): (readonly [fused: ArrayLike<number>, composed: ArrayLike<number>])[] {
  return scope(() => {
    const fused = f().map(x => x.data())
    return unfused(() => f().map((x, i) => [fused[i], x.data()] as const))
  })
}

/** How many float32 ulps of the largest the two are apart. */
function ulps([fused, composed]: readonly [ArrayLike<number>, ArrayLike<number>]): number {
  const largest = Array.from(composed).reduce((most, x) => Math.max(most, Number.isFinite(x) ? Math.abs(x) : 0), 2 ** -126)
  const apart = Array.from(composed, (x, i) => (Object.is(fused[i] + 0, x + 0) ? 0 : Math.abs(fused[i] - x)))
  return Math.max(0, ...apart.map(x => (Number.isNaN(x) ? Number.POSITIVE_INFINITY : x))) / (largest * 2 ** -23)
}

const random = randomness(8)
const numbers = (n: number, scale = 4) => Float32Array.from({ length: n }, () => scale * (2 * random() - 1))

describe('logitCrossEntropy of classes', () => {
  const compare = (logits: Float32Array, classes: readonly number[], n: number) => {
    const x = tensor(logits, [classes.length, n])
    const y = tensor(Int32Array.from(classes))
    const direction = tensor(numbers(logits.length, 1), x.shape)
    const losses = (z: Tensor) => logitCrossEntropy(z, y, { agg: each => each })
    const second = (z: Tensor) => {
      const inner = gradient(p => sum(losses(p).square()), z)[0] as Tensor
      return sum(inner.mul(direction))
    }
    const mean = (z: Tensor) => logitCrossEntropy(z, y).square()
    const secondOfMean = (z: Tensor) => sum((gradient(mean, z)[0] as Tensor).mul(direction))
    return bothWays(() => [
      losses(x),
      gradient(z => sum(losses(z).square()), x)[0] as Tensor,
      gradient(second, x)[0] as Tensor,
      logitCrossEntropy(x, y),
      gradient(mean, x)[0] as Tensor,
      gradient(secondOfMean, x)[0] as Tensor,
    ])
  }

  it.each(sizes.slice(1))('is that of logSoftmax and takeAlong, twice differentiated, for %i classes', n => {
    const classes = Array.from({ length: 7 }, () => Math.floor(random() * n))
    const [value, first, second, mean, firstOfMean, secondOfMean] = compare(numbers(7 * n), classes, n).map(ulps)
    expect(Math.max(value, mean)).toBeLessThanOrEqual(2)
    expect(Math.max(first, firstOfMean)).toBeLessThanOrEqual(8)
    expect(Math.max(second, secondOfMean)).toBeLessThanOrEqual(32)
  })

  it('does not overflow, and a class that is impossible costs nothing where it is not the target', () => {
    const infinity = Number.POSITIVE_INFINITY
    const logits = Float32Array.of(1000, -1000, 0, 1e30, 0, -1e30, -infinity, 2, 1, 88, 89, -88)
    const pairs = compare(logits, [0, 0, 1, 2], 3)
    expect(
      pairs
        .slice(0, 2)
        .map(ulps)
        .every(each => each <= 4),
    ).toBe(true)
    expect(Array.from(pairs[0][0]).every(Number.isFinite)).toBe(true)
  })

  it('is compared with another path, and left as it was', () => {
    const [[fused, composed]] = bothWays(() => [tensor(Number(fusion.crossEntropy))])
    expect([fused[0], composed[0]]).toEqual([1, 0])
    expect(fusion.crossEntropy).toBe(true)
    expect(
      ulps([
        [1, 2 + 2 ** -20],
        [1, 2],
      ]),
    ).toBe(4)
  })
})

describe('linear', () => {
  it.each(sizes)('has the bits of a product and a sum, forward and backward, for %i outputs', n => {
    for (const [rows, inputs] of [
      [1, 1],
      [5, 7],
      [6, 257],
      [50, 9],
    ]) {
      const arguments_ = [
        tensor(numbers(rows * inputs), [rows, inputs]),
        tensor(numbers(n * inputs), [n, inputs]),
        tensor(numbers(n)),
      ] as const
      const g = tensor(numbers(rows * n), [rows, n])
      const [fused, composed] = [
        (x: Tensor, w: Tensor, b: Tensor) => linear(x, w, b),
        (x: Tensor, w: Tensor, b: Tensor) => add(matmul(x, w, { transposeRight: true }), b),
      ].map(f => {
        const [y, back] = pullback(f, ...arguments_)
        const found = [y, ...back(g)].map(each => each?.data())
        back.dispose()
        return found
      })
      expect(fused).toEqual(composed)
    }
  })
})

describe('relu in a Dense', () => {
  it.each(sizes)('has the bits of relu behind it, twice differentiated, for %i outputs', n => {
    for (const [shape, isBiased] of [
      [[1, 1], true],
      [[5, 7], true],
      [[50, 9], false],
      [[2, 3, 257], true],
    ] as const) {
      const inputs = shape[shape.length - 1]
      const size = shape.reduce((product: number, each) => product * each, 1)
      const x = tensor(numbers(size), shape)
      const [weight, bias] = [tensor(numbers(n * inputs), [n, inputs]), isBiased ? tensor(numbers(n)) : false]
      const direction = tensor(numbers(size), shape)
      const pairs = bothWays(() => {
        const dense = Dense(weight, bias, relu)
        const loss = (z: Tensor) => sum(dense(z).square())
        const second = (z: Tensor) => sum((gradient(loss, z)[0] as Tensor).mul(direction))
        const gradients = gradient(model => sum(model(x).square()), dense)[0] as unknown as { weight: Tensor; bias?: Tensor }
        const own = [gradients.weight, ...(isBiased ? [gradients.bias as Tensor] : [])]
        return [dense(x), gradient(loss, x)[0] as Tensor, gradient(second, x)[0] as Tensor, ...own]
      })
      expect(pairs.length).toBe(isBiased ? 5 : 4)
      for (const [fused, composed] of pairs) expect(fused).toEqual(composed)
    }
  })

  it('keeps NaN and negative zero, and has no slope at 0', () => {
    const x = tensor([[Number.NaN], [-0], [0], [2], [Number.POSITIVE_INFINITY], [Number.NEGATIVE_INFINITY]])
    const pairs = bothWays(() => {
      const dense = Dense(tensor([[1]]), false, relu)
      return [dense(x), gradient(z => sum(dense(z)), x)[0] as Tensor]
    })
    for (const [fused, composed] of pairs) expect(fused).toEqual(composed)
    expect(Array.from(pairs[0][0])).toEqual([Number.NaN, expect.closeTo(0), 0, 2, Number.POSITIVE_INFINITY, 0])
    expect(Array.from(pairs[1][0])).toEqual([0, 0, 0, 1, 1, 0])
  })
})

describe('gelu with its slope', () => {
  it.each(sizes)('has the bits of gelu and its gradient, twice differentiated, for %i elements', n => {
    const special = [Number.NaN, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -12, 20]
    const x = tensor([...numbers(n), ...special])
    const direction = tensor(numbers(n + special.length))
    const pairs = bothWays(() => {
      const first = (z: Tensor) => gradient(y => sum(gelu(y).mul(direction)), z)[0] as Tensor
      const second = gradient(z => sum(first(z).mul(direction)), x)[0] as Tensor
      const [y, back] = pullback(gelu, x)
      const byCotangent = gradient(g => sum((back(g)[0] as Tensor).mul(direction)), direction)[0] as Tensor
      const integers = gradient(z => sum(gelu(tensor(Int32Array.of(1, 2))).mul(z)), tensor([1, 1]))[0] as Tensor
      return [y, first(x), second, byCotangent, integers]
    })
    for (const [fused, composed] of pairs) expect(fused).toEqual(composed)
  })
})

describe('parts of a tensor', () => {
  it('have the gradient of their sums, bit for bit', () => {
    const x = tensor(numbers(4 * 6), [4, 6])
    const parts = (z: Tensor) => [...split(z, 3, 1), z.slice('1:3, ::-1'), z.slice('::2, 1:5'), ...split(z.transpose(), 2)]
    const loss = (z: Tensor) =>
      parts(z).reduce(
        (total, part, i) =>
          total.add(
            part
              .square()
              .mul(i + 1)
              .sum(),
          ),
        sum(z),
      )
    const pairs = bothWays(() => [gradient(loss, x)[0] as Tensor])
    for (const [fused, composed] of pairs) expect(fused).toEqual(composed)
  })
})

describe('relu of a norm', () => {
  const rand = (shape: readonly number[]) => tensor(numbers(shape.reduce((n, each) => n * each, 1)), [...shape])
  const some = { initScale: rand, initBias: rand }
  it.each<[string, () => (x: Tensor) => Tensor, number[]]>([
    ['BatchNorm of a matrix', () => BatchNorm(7, relu, { ...some, momentum: 0 }), [9, 7]],
    ['BatchNorm', () => BatchNorm(3, relu, { ...some, momentum: 0 }), [4, 3, 7]],
    ['InstanceNorm', () => InstanceNorm(3, relu, { ...some, affine: true }), [4, 3, 7]],
    ['GroupNorm', () => GroupNorm(6, 2, relu, some), [3, 6, 5]],
    ['LayerNorm', () => LayerNorm(7, relu, some), [37, 7]],
  ])('of %s is computed with it, once and twice differentiated, and in use', (_, make, shape) => {
    const [m, x, w, v] = [make(), rand(shape), rand(shape), rand(shape)]
    const loss = (z: Tensor) => m(z).square().mul(w).sum()
    const pairs = bothWays(() => {
      const [y, back] = pullback((z: Tensor) => m(z), x)
      // By the cotangent: the fused pullback is differentiated.
      const byCotangent = gradient(g => (back(g)[0] as Tensor).mul(v).sum(), w)[0] as Tensor
      const ofParams = gradient(() => loss(x), params(m))
      const second = gradient(z => (gradient(loss, z)[0] as Tensor).mul(v).sum(), x)[0] as Tensor
      return [y, m(x), gradient(loss, x)[0] as Tensor, ...[...params(m)].map(p => ofParams.get(p) as Tensor), byCotangent, second]
    })
    expect(Math.max(...pairs.map(ulps))).toBeLessThan(100)
    expect(Math.max(...pairs.slice(0, 2).map(ulps))).toBeLessThan(8)
  })
})
