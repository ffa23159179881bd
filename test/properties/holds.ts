import fc from 'fast-check'
import { memory, scope, type Tensor, tensor } from 'fluxtape'
import { expect } from 'vitest'
import { array, build, type Float64, sizeOf } from '../gradients/float64.ts'

/** Runs a property in a scope, on the same cases in every run, and sees that each gives all memory back. */
export function holds<T>(cases: fc.Arbitrary<T>, property: (value: T) => void, numRuns = 60): void {
  const checked = (value: T) => {
    const before = memory().bytes
    scope(() => property(value))
    expect(memory().bytes).toBe(before)
  }
  fc.assert(fc.property(cases, checked), { numRuns, seed: 20240229 })
}

/** Sizes from 0 on; 0 and 1 are as likely as all others together. */
export const size: fc.Arbitrary<number> = fc.oneof(
  { arbitrary: fc.integer({ min: 2, max: 7 }), weight: 8 },
  { arbitrary: fc.constant(1), weight: 2 },
  { arbitrary: fc.constant(0), weight: 1 },
)
export const sizeFrom1: fc.Arbitrary<number> = fc.integer({ min: 1, max: 6 })

export const shapes = (maxRank = 4, minRank = 0, each = size): fc.Arbitrary<number[]> =>
  fc.array(each, { minLength: minRank, maxLength: maxRank })

/** A subset of the axes of a shape, ascending. */
export const axesOf = (shape: readonly number[]): fc.Arbitrary<number[]> => fc.subarray([...shape.keys()])

/** Numbers of a seed for any shape, from -4 to 4 in steps of 1/16: sums of thousands of them or their products are exact in float32. */
export function filled(shape: readonly number[], seed: number): Float64 {
  let state = seed | 1
  return build(shape, () => {
    state = Math.imul(state, 1664525) + 1013904223
    return ((state >>> 25) - 64) / 16
  })
}

export const toTensor = ({ shape, data }: Float64): Tensor => tensor(Float32Array.from(data), shape)
export const toFloat64 = (x: Tensor): Float64 => array(x.shape, x.data())

/** Are the values of a tensor those of the reference, up to `tolerance` times the largest that went in? */
export function expectClose(x: Tensor, wanted: Float64, tolerance = 0, largest = 1): void {
  expect(x.shape).toEqual(wanted.shape)
  const got = x.data()
  expect(got.length).toBe(sizeOf(wanted.shape))
  const far = wanted.data.findIndex(
    (value, i) => !(Math.abs(got[i] - value) <= tolerance * (largest + Math.abs(value)) || Object.is(got[i], Math.fround(value))),
  )
  if (far >= 0) expect.fail(`[${wanted.shape}] at ${far}: ${got[far]} instead of ${wanted.data[far]}`)
}
