// A check that cannot fail is a defect: what is wrong with a property is found.
import fc from 'fast-check'
import { keep, type Tensor, zeros } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { array } from '../gradients/float64.ts'
import { expectClose, filled, holds, shapes, toTensor } from './holds.ts'

describe('a property', () => {
  it('holds where nothing is wrong', () => {
    holds(fc.nat(5), n => expectClose(zeros([n]), array([n], new Float64Array(n))))
  })

  it('fails where memory is not given back', () => {
    const kept: Tensor[] = []
    expect(() => holds(fc.nat(5), n => void kept.push(keep(zeros([n]))))).toThrow(/Property failed/)
    for (const tensor of kept) tensor.dispose()
  })

  it('fails where a value is off by one ulp, has another shape or is not a number', () => {
    const one = [1, 1 + 2 ** -23].map(value => array([1], [value]))
    const [right, wrong] = one
    expect(() => holds(fc.constant(0), () => expectClose(toTensor(wrong), right))).toThrow(/Property failed/)
    expect(() => holds(fc.constant(0), () => expectClose(toTensor(right), array([], [1])))).toThrow(/Property failed/)
    expect(() => holds(fc.constant(0), () => expectClose(toTensor(array([1], [Number.NaN])), right, 1e9))).toThrow(/Property failed/)
  })

  it('sees sizes of 0 and 1, and numbers that are exact', () => {
    const seen = fc.sample(shapes(), { numRuns: 100, seed: 1 }).flat()
    expect(seen).toEqual(expect.arrayContaining([0, 1, 2, 7]))
    const { data } = filled([10, 100], 3)
    expect(new Set(data).size).toBeGreaterThan(100)
    expect([...data].every(value => Math.abs(value) <= 4 && Number.isInteger(16 * value))).toBe(true)
  })
})
