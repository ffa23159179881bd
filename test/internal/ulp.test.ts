import * as fluxtape from 'fluxtape'
import { scope, type Tensor, tensor } from 'fluxtape'
import { describe, expect, it } from 'vitest'

/** The error function in double precision: its series, and beyond 2.5 the continued fraction of its complement. */
function erf(x: number): number {
  return Math.abs(x) < 2.5 ? series(x) : Math.sign(x) * (1 - erfc(Math.abs(x)))
}

function series(x: number): number {
  let term = x
  let sum = x
  for (let n = 1; n < 100; n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}

function erfc(x: number): number {
  if (x < 2.5) return 1 - series(x)
  let fraction = x
  for (let k = 120; k > 0; k--) fraction = x + k / 2 / fraction
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction
}

const normalCdf = (x: number) => (x < 0 ? 0.5 * erfc(-x / Math.SQRT2) : 1 - 0.5 * erfc(x / Math.SQRT2))
const sigmoid = (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)))
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))

/** The bounds that assembly/math states, in units of the last place, over the whole range of float32 or the part named. */
const functions: readonly { name: string; reference: (x: number) => number; ulp: number; from?: number; to?: number }[] = [
  { name: 'exp', reference: Math.exp, ulp: 1.1 },
  { name: 'expm1', reference: Math.expm1, ulp: 1.8 },
  { name: 'log', reference: Math.log, ulp: 0.9 },
  { name: 'log1p', reference: Math.log1p, ulp: 1.5 },
  { name: 'sigmoid', reference: sigmoid, ulp: 2.5 },
  { name: 'softplus', reference: softplus, ulp: 2 },
  { name: 'tanh', reference: Math.tanh, ulp: 2.7 },
  { name: 'erf', reference: erf, ulp: 2.3 },
  { name: 'gelu', reference: x => (x === Number.NEGATIVE_INFINITY ? 0 : x * normalCdf(x)), ulp: 5.3, from: -12.9 },
  { name: 'sin', reference: Math.sin, ulp: 1.7 },
  { name: 'cos', reference: Math.cos, ulp: 1.7 },
]

const STRIDE = 6007
const CHUNK = 1 << 16

/** Every 6,007th float32 of all bit patterns, and the special ones. */
function inputs(from: number, to: number): Float32Array {
  const bits = Uint32Array.from({ length: Math.floor(2 ** 32 / STRIDE) }, (_, i) => i * STRIDE)
  const special = [0, -0, 1, -1, 1e-45, -1e-45, 3.4028235e38, -3.4028235e38, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]
  return Float32Array.from([...new Float32Array(bits.buffer), ...special].filter(x => Number.isNaN(x) || (x >= from && x <= to)))
}

/** How many units of the last place of float32 `got` is from a double. */
function distance(got: number, exact: number): number {
  if (Number.isNaN(exact)) return Number.isNaN(got) ? 0 : Number.POSITIVE_INFINITY
  const rounded = Math.fround(exact)
  if (got === rounded || !Number.isFinite(rounded)) return got === rounded ? 0 : Number.POSITIVE_INFINITY
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(exact) || 2 ** -149)))
  return Math.abs(got - exact) / 2 ** (exponent - 23)
}

describe('the stated bounds of error hold over the range of float32', () => {
  it.each(functions)(
    '$name within $ulp ulp',
    ({ name, reference, ulp, from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY }) => {
      const all = inputs(from, to)
      const run = (fluxtape as unknown as Record<string, (x: Tensor) => Tensor>)[name]
      let worst = { error: -1, x: 0, got: 0 }
      for (let at = 0; at < all.length; at += CHUNK) {
        const part = all.subarray(at, at + CHUNK)
        const results = scope(() => run(tensor(part)).data())
        for (let i = 0; i < part.length; i++) {
          const error = distance(results[i], reference(part[i]))
          if (error > worst.error) worst = { error, x: part[i], got: results[i] }
        }
      }
      expect(worst.error, `at ${worst.x} it gave ${worst.got} for ${reference(worst.x)}`).toBeLessThanOrEqual(ulp)
    },
  )
})
