import {
  Dense,
  glorotNormal,
  glorotUniform,
  identityInit,
  kaimingNormal,
  kaimingUniform,
  lecunNormal,
  manualSeed,
  orthogonal,
  relu,
  sparseInit,
  type Tensor,
  truncatedNormal,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

/** Shape, fan in, fan out: a weight is [out, in, ...kernel], a vector has fans (1, n). */
const shapes: [readonly number[], number, number][] = [
  [[300, 200], 200, 300],
  [[40, 30, 5, 5], 750, 1000],
  [[60, 50, 9], 450, 540],
  [[20000], 1, 20000],
]

const uniform: [string, typeof glorotUniform, (fin: number, fout: number) => number][] = [
  ['glorotUniform', glorotUniform, (fin, fout) => Math.sqrt(6 / (fin + fout))],
  ['kaimingUniform', kaimingUniform, fin => Math.SQRT2 * Math.sqrt(3 / fin)],
]

const normal: [string, typeof glorotNormal, (fin: number, fout: number) => number][] = [
  ['glorotNormal', glorotNormal, (fin, fout) => Math.sqrt(2 / (fin + fout))],
  ['kaimingNormal', kaimingNormal, fin => Math.SQRT2 / Math.sqrt(fin)],
  ['lecunNormal', lecunNormal, fin => 1 / Math.sqrt(fin)],
]

function moments(x: Tensor): { mean: number; std: number; largest: number } {
  const values = Float64Array.from(x.data())
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length
  return { mean, std: Math.sqrt(variance), largest: values.reduce((a, b) => Math.max(a, Math.abs(b)), 0) }
}

describe.each(uniform)('%s', (_, init, boundOf) => {
  it.each(shapes)('of %j is uniform within its bounds for fans %i and %i', (shape, fin, fout) => {
    const bound = boundOf(fin, fout)
    const { mean, std, largest } = moments(init(shape))
    expect(largest).toBeLessThanOrEqual(Math.fround(bound))
    expect(largest / bound).toBeGreaterThan(0.999)
    expect(Math.abs(mean / bound)).toBeLessThan(0.02)
    expect(std / (bound / Math.sqrt(3))).toBeCloseTo(1, 1)
  })
})

describe.each(normal)('%s', (_, init, stdOf) => {
  it.each(shapes)('of %j has the standard deviation for fans %i and %i', (shape, fin, fout) => {
    const expected = stdOf(fin, fout)
    const { mean, std, largest } = moments(init(shape))
    expect(std / expected).toBeGreaterThan(0.97)
    expect(std / expected).toBeLessThan(1.03)
    expect(Math.abs(mean / expected)).toBeLessThan(0.03)
    expect(largest / expected).toBeGreaterThan(3)
  })
})

describe.each([...uniform, ...normal])('%s', (_, init) => {
  it('takes a gain and is then an initializer', () => {
    const shape = [30, 20]
    manualSeed(7)
    const single = init({ gain: 1 })(shape).data()
    manualSeed(7)
    const triple = init(shape, { gain: 3 }).data()
    manualSeed(7)
    expect(init({ gain: 3 })(shape).data()).toEqual(triple)
    const ratios = [...triple].map((value, i) => value / single[i])
    expect(ratios.every(ratio => Math.abs(ratio - 3) < 1e-4)).toBe(true)
  })

  it('without a gain has its own', () => {
    manualSeed(3)
    const plain = init([4, 5]).data()
    manualSeed(3)
    expect(init({})([4, 5]).data()).toEqual(plain)
  })

  it('gives the same numbers after the same seed, others without', () => {
    manualSeed(11)
    const first = init([3, 4]).data()
    const second = init([3, 4]).data()
    manualSeed(11)
    expect(init([3, 4]).data()).toEqual(first)
    expect(second).not.toEqual(first)
  })

  it('gives float32 of the shape', () => {
    const x = init([2, 3, 4])
    expect([x.shape, x.dtype]).toEqual([[2, 3, 4], 'float32'])
  })
})

describe('truncatedNormal', () => {
  /** Mean and standard deviation of the standard normal between two limits, by summing. */
  const expected = (low: number, high: number) => {
    const xs = Array.from({ length: 4000 }, (_, i) => low + ((high - low) * (i + 0.5)) / 4000)
    const w = xs.map(x => Math.exp((low * low - x * x) / 2))
    const total = (f: (x: number) => number) => xs.reduce((sum, x, i) => sum + w[i] * f(x), 0) / w.reduce((a, b) => a + b)
    const mean = total(x => x)
    return { mean, std: Math.sqrt(total(x => (x - mean) ** 2)) }
  }
  it.each([
    [0, 1, -2, 2, -2, 2],
    [1, 0.5, 0, 3, -2, 4],
    [0, 1, 3, Number.POSITIVE_INFINITY, 3, 8],
    [0, 1, -Infinity, -0.5, -7, -0.5],
    [0, 1, 20, 40, 20, 21],
  ])('of mean %d and std %d in [%d, %d]', (mean, std, lo, hi, low, high) => {
    manualSeed(5)
    const n = 40_000
    const x = truncatedNormal([200, 200], { mean, std, lo, hi })
    const got = moments(x)
    const wanted = expected(low, high)
    expect([x.min().item() >= lo, x.max().item() <= hi]).toEqual([true, true])
    expect(Math.abs((got.mean - mean) / std - wanted.mean)).toBeLessThan((4 * wanted.std) / Math.sqrt(n))
    expect(got.std / std / wanted.std).toBeGreaterThan(0.97)
    expect(got.std / std / wanted.std).toBeLessThan(1.03)
  })
})

describe('orthogonal', () => {
  it.each([[[5, 5]], [[40, 7]], [[7, 40]], [[6, 3, 2, 2]], [[1, 1]], [[3, 0]]])('of %j', shape => {
    const x = orthogonal(shape, { gain: 2 })
    expect([x.shape, x.dtype]).toEqual([shape, 'float32'])
    const m = x.reshape([shape[0], x.size / shape[0]])
    const product = m.shape[0] <= m.shape[1] ? m.matmul(m.transpose()) : m.transpose().matmul(m)
    const n = product.shape[0]
    const wrong = [...product.data()].map((value, i) => Math.abs(value / 4 - (i % (n + 1) === 0 ? 1 : 0)))
    expect(Math.max(0, ...wrong)).toBeLessThan(1e-5)
  })

  it('has no favorite direction', () => {
    manualSeed(2)
    const draws = Array.from({ length: 500 }, () => [...orthogonal([3, 3]).data()])
    for (let i = 0; i < 9; i++) {
      const mean = draws.reduce((sum, each) => sum + each[i], 0) / draws.length
      const square = draws.reduce((sum, each) => sum + each[i] ** 2, 0) / draws.length
      expect(Math.abs(mean)).toBeLessThan(4 * Math.sqrt(1 / 3 / draws.length))
      expect(Math.abs(square - 1 / 3)).toBeLessThan(0.06)
    }
  })
})

describe('sparseInit', () => {
  it('has the share of zeros in each column, anywhere', () => {
    manualSeed(4)
    const x = sparseInit([50, 40], { sparsity: 0.11 })
    expect(x.equal(0).cast('int32').sum(0).toArray()).toEqual(new Array(40).fill(6))
    expect(x.equal(0).any(1).cast('int32').sum().item()).toBeGreaterThan(44)
    const { std } = moments(x)
    expect(std / (0.01 * Math.sqrt(0.88))).toBeCloseTo(1, 1)
    expect(sparseInit({ sparsity: 0, std: 1 })([3, 2]).equal(0).any().item()).toBe(0)
  })
})

describe('identityInit', () => {
  it('is the identity, padded, moved on and scaled', () => {
    expect(identityInit([3, 2], { gain: 2 }).toArray()).toEqual([[2, 0], [0, 2], [0, 0]]) // biome-ignore format: one line
    expect(identityInit([2, 2], { shift: -1 }).toArray()).toEqual([[0, 1], [1, 0]]) // biome-ignore format: one line
    expect(identityInit([2]).toArray()).toEqual([0, 0])
    expect(identityInit([1, 2, 4]).toArray()).toEqual([[[0, 1, 0, 0], [0, 0, 0, 0]]]) // biome-ignore format: one line
    expect(identityInit([1, 1, 3], { shift: 1 }).toArray()).toEqual([[[0, 0, 1]]])
  })
})

it('they make the weights of a layer, the same ones after the same seed', () => {
  for (const init of [truncatedNormal, orthogonal, sparseInit({ sparsity: 0.5 }), identityInit, lecunNormal]) {
    manualSeed(9)
    const first = Dense(4, 3, relu, { init }).weight.data()
    manualSeed(9)
    expect(Dense(4, 3, relu, { init }).weight.data()).toEqual(first)
  }
})

it.each([glorotUniform, glorotNormal, kaimingUniform, kaimingNormal, lecunNormal, orthogonal])('%# makes weights of nothing', init => {
  expect(init([0, 0]).shape).toEqual([0, 0])
  expect(init([2, 0]).shape).toEqual([2, 0])
})

it.each([
  ['truncatedNormal: std must be positive: 0', () => truncatedNormal([2], { std: 0 })],
  ['truncatedNormal: lo must not be above hi: 3, 2', () => truncatedNormal([2], { lo: 3 })],
  ['glorotUniform: gain must not be negative: -1', () => glorotUniform([2, 2], { gain: -1 })],
  ['kaimingNormal: gain must not be negative: -1', () => kaimingNormal({ gain: -1 })([2, 2])],
  ['orthogonal: gain is no number to draw by: Infinity', () => orthogonal([2, 2], { gain: Number.POSITIVE_INFINITY })],
  ['sparseInit: std must not be negative: -1', () => sparseInit([2, 2], { sparsity: 0.5, std: -1 })],
  ['orthogonal: two axes are needed: [3]', () => orthogonal([3])],
  ['sparseInit: a matrix is needed: [1, 2, 3]', () => sparseInit([1, 2, 3], { sparsity: 0.5 })],
  ['sparseInit: sparsity lies in [0, 1]: 2', () => sparseInit([2, 2], { sparsity: 2 })],
  ['sparseInit: sparsity is a number: undefined came', () => sparseInit([2, 2])],
  ['identityInit: a shift is a whole number: 0.5', () => identityInit([2, 2], { shift: 0.5 })],
])('refuses: %s', (message, f) => {
  expect(f).toThrow(message)
})
