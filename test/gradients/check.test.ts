// A check that cannot fail is a defect: rows that are wrong in one place, and what is to be found.
import * as flux from 'fluxtape'
import { customGradient, type Tensor } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { checkRow, type Row } from './check.ts'
import { build, erf, map, matmul } from './float64.ts'

const exponential: Row = {
  op: 'exp',
  name: 'right',
  shapes: [[2, 3]],
  domain: [-2, 1],
  run: x => flux.exp(x),
  reference: ([x]) => map(x, Math.exp),
}

/** exp with a pullback of its own. */
const pulled = (pullback: (g: Tensor, x: Tensor, y: Tensor) => Tensor): Row => ({
  ...exponential,
  run: customGradient(
    x => flux.exp(x),
    (g, [x], y) => pullback(g, x, y),
  ),
})

const wrong: readonly (readonly [string, Row, RegExp])[] = [
  ['a value 3 ulps off', { ...exponential, reference: ([x]) => map(x, value => Math.exp(value) * (1 + 3 * 2 ** -23)) }, /^value\[0\]/],
  ['a value that is not a number', { ...exponential, run: x => flux.log(flux.sub(x, 5)) }, /^value\[0\]: NaN/],
  ['a shape', { ...exponential, run: x => flux.exp(x).flatten(0) }, /^shape \[6\] instead of \[2,3\]/],
  ['the sign of a gradient', pulled((g, _, y) => flux.neg(flux.mul(g, y))), /^gradient 0\[0\]/],
  ['a gradient 0.01 % off', pulled((g, _, y) => flux.mul(flux.mul(g, y), 1.0001)), /^gradient 0\[0\]/],
  ['a gradient that is not a number', pulled((g, _, y) => flux.mul(g, flux.log(flux.neg(y)))), /^gradient 0\[0\]: NaN/],
  ['no gradient', { ...exponential, run: x => flux.exp(flux.stopGradient(x)) }, /^gradient 0\[0\]: 0 instead/],
  ['a second order that forgets the result', pulled((g, _, y) => flux.mul(g, flux.stopGradient(y))), /^second order 0\[0\]/],
  [
    'a second order that forgets the cotangent',
    pulled((g, _, y) => flux.mul(flux.stopGradient(g), y)),
    /^by the cotangent\[0\].*second order 0\[0\]/s,
  ],
  ['a row on a kink', { ...exponential, domain: [-3e-6, 3e-6], run: x => flux.abs(x), reference: ([x]) => map(x, Math.abs) }, /not smooth/],
]

describe('the check of a row', () => {
  it('passes what is right', () => {
    expect(checkRow(exponential)).toEqual([])
    expect(checkRow(pulled((g, _, y) => flux.mul(g, y)))).toEqual([])
  })

  it.each(wrong)('finds %s', (_, row, text) => {
    expect(checkRow(row).join('\n')).toMatch(text)
  })
})

describe('the float64 reference', () => {
  it('has the error function of tables', () => {
    expect(erf(0)).toBe(0)
    expect(erf(0.5)).toBeCloseTo(0.5204998778130465, 15)
    expect(erf(-2)).toBeCloseTo(-0.9953222650189527, 15)
    expect(erf(4)).toBeCloseTo(0.9999999845827421, 15)
  })

  it('multiplies matrices as by hand, and repeats a batch of one', () => {
    const a = build([2, 1, 2], ([n, , k]) => 1 + 2 * n + k)
    const b = build([2, 2], ([k, j]) => 10 * k + j)
    expect(matmul(a, b)).toEqual({ shape: [2, 1, 2], data: Float64Array.of(20, 23, 40, 47) })
  })
})
