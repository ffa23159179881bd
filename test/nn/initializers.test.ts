import { glorotNormal, glorotUniform, kaimingNormal, kaimingUniform, manualSeed, type Tensor } from 'fluxtape'
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
    const triple = init({ gain: 3 })(shape).data()
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
