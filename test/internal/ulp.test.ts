import * as fluxtape from 'fluxtape'
import { gradient, scope, type Tensor, tensor } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { unfused } from './unfused.ts'

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

const selu = (x: number) => (x > 0 ? 1.0507009873554805 * x : 1.7580993408473766 * Math.expm1(x))
const gate = (x: number) => (x < 0 ? (Math.exp(x) * (Math.exp(x) + 2)) / (Math.exp(x) * (Math.exp(x) + 2) + 2) : Math.tanh(softplus(x)))
/** f(x) where x is finite; the limits at the infinities. */
const limited = (f: (x: number) => number, low: number, high: number) => (x: number) =>
  x === Number.POSITIVE_INFINITY ? high : x === Number.NEGATIVE_INFINITY ? low : f(x)
const infinity = Number.POSITIVE_INFINITY
/** By its series where the formula cancels. */
const logcosh = (x: number) => {
  const a = Math.abs(x)
  return a < 0.1 ? x ** 2 / 2 - x ** 4 / 12 + x ** 6 / 45 - (17 * x ** 8) / 2520 : a + Math.log1p(Math.exp(-2 * a)) - Math.LN2
}
const tanhshrink = (x: number) =>
  Math.abs(x) < 0.1 ? x ** 3 / 3 - (2 * x ** 5) / 15 + (17 * x ** 7) / 315 - (62 * x ** 9) / 2835 : x - Math.tanh(x)
const squareplus = (x: number) => (x > 0 ? (x + Math.hypot(x, 2)) / 2 : 2 / (Math.hypot(x, 2) - x))

interface Bound {
  readonly name: string
  readonly reference: (x: number) => number
  readonly ulp: number
  readonly from?: number
  readonly to?: number
}

/** The bounds that assembly/math states, in units of the last place, over the whole range of float32 or the part named. */
const functions: readonly Bound[] = [
  { name: 'exp', reference: Math.exp, ulp: 1.1 },
  { name: 'expm1', reference: Math.expm1, ulp: 1.8 },
  { name: 'log', reference: Math.log, ulp: 0.9 },
  { name: 'log1p', reference: Math.log1p, ulp: 1.5 },
  { name: 'sigmoid', reference: sigmoid, ulp: 2.5 },
  { name: 'softplus', reference: softplus, ulp: 2 },
  { name: 'elu', reference: x => (x < 0 ? Math.expm1(x) : x), ulp: 1.8 },
  { name: 'celu', reference: x => (x < 0 ? Math.expm1(x) : x), ulp: 1.8 },
  { name: 'selu', reference: selu, ulp: 2.8 },
  { name: 'logsigmoid', reference: x => -softplus(-x), ulp: 2 },
  { name: 'swish', reference: limited(x => x * sigmoid(x), -0, infinity), ulp: 3.5, from: -87 },
  { name: 'mish', reference: limited(x => x * gate(x), -0, infinity), ulp: 5, from: -87 },
  { name: 'hardswish', reference: limited(x => (x * Math.min(Math.max(x + 3, 0), 6)) / 6, -0, infinity), ulp: 2 },
  { name: 'hardsigmoid', reference: x => Math.min(Math.max(x + 3, 0), 6) / 6, ulp: 1.1 },
  { name: 'lisht', reference: limited(x => x * Math.tanh(x), infinity, infinity), ulp: 3.5 },
  { name: 'logcosh', reference: limited(logcosh, infinity, infinity), ulp: 6 },
  { name: 'softsign', reference: limited(x => x / (1 + Math.abs(x)), -1, 1), ulp: 1.6 },
  { name: 'squareplus', reference: limited(squareplus, 0, infinity), ulp: 4, from: -1e38 },
  { name: 'tanhshrink', reference: limited(tanhshrink, -infinity, infinity), ulp: 6 },
  { name: 'tanh', reference: Math.tanh, ulp: 2.7 },
  { name: 'erf', reference: erf, ulp: 2.3 },
  { name: 'gelu', reference: x => (x === Number.NEGATIVE_INFINITY ? 0 : x * normalCdf(x)), ulp: 5.3, from: -12.9 },
  { name: 'sin', reference: Math.sin, ulp: 1.7 },
  { name: 'cos', reference: Math.cos, ulp: 1.7 },
]

/** e^(-|x|) / (1 + e^(-|x|))² */
const bell = (x: number) => Math.exp(-Math.abs(x)) / (1 + Math.exp(-Math.abs(x))) ** 2
const erfSlope = (x: number) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x)

/** Derivatives, in the tails too, where those by way of the output have lost it. */
const derivatives: readonly Bound[] = [
  { name: 'exp', reference: Math.exp, ulp: 1.1 },
  { name: 'expm1', reference: Math.exp, ulp: 1.1 },
  { name: 'log1p', reference: x => 1 / (1 + x), ulp: 1.6 },
  { name: 'rsqrt', reference: x => -0.5 / x / Math.sqrt(x), ulp: 5.5, from: 1.3e-26 },
  { name: 'sigmoid', reference: bell, ulp: 4 },
  { name: 'softplus', reference: sigmoid, ulp: 2.5 },
  { name: 'elu', reference: x => (x < 0 ? Math.exp(x) : 1), ulp: 1.1 },
  { name: 'celu', reference: x => (x < 0 ? Math.exp(x) : 1), ulp: 1.1 },
  { name: 'selu', reference: x => (x > 0 ? 1.0507009873554805 : 1.7580993408473766 * Math.exp(x)), ulp: 1.7 },
  { name: 'logsigmoid', reference: x => sigmoid(-x), ulp: 2.5 },
  { name: 'swish', reference: limited(x => sigmoid(x) + x * bell(x), 0, 1), ulp: 6, from: -1 },
  { name: 'mish', reference: limited(x => gate(x) + x * (1 - gate(x) ** 2) * sigmoid(x), 0, 1), ulp: 8, from: -0.9 },
  { name: 'lisht', reference: limited(x => Math.tanh(x) + x / Math.cosh(x) ** 2, -1, 1), ulp: 12 },
  { name: 'logcosh', reference: Math.tanh, ulp: 2.7 },
  { name: 'softsign', reference: x => 1 / (1 + Math.abs(x)) ** 2, ulp: 3.6, from: -1e18, to: 1e18 },
  { name: 'squareplus', reference: limited(x => squareplus(x) / Math.hypot(x, 2), 0, 1), ulp: 6, from: -1e15 },
  { name: 'tanhshrink', reference: x => Math.tanh(x) ** 2, ulp: 6 },
  { name: 'tanh', reference: x => 4 * bell(2 * x), ulp: 4 },
  { name: 'erf', reference: erfSlope, ulp: 4.7 },
]
const secondDerivatives: readonly Bound[] = [
  { name: 'expm1', reference: Math.exp, ulp: 1.1 },
  { name: 'sigmoid', reference: x => -bell(x) * Math.tanh(x / 2), ulp: 8 },
  { name: 'logsigmoid', reference: x => -bell(x), ulp: 4 },
  { name: 'tanh', reference: x => -8 * bell(2 * x) * Math.tanh(x), ulp: 8 },
  { name: 'erf', reference: x => -2 * x * erfSlope(x), ulp: 6, from: -9, to: 9 },
]

/** At night more of them. */
const STRIDE = process.env.FLUXTAPE_NIGHTLY ? 6_007 : 60_013
const CHUNK = 1 << 16

/** Every STRIDE-th float32 of all bit patterns, and the special ones. */
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

function worstOf({ reference, from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY }: Bound, run: (x: Tensor) => Tensor) {
  const all = inputs(from, to)
  let worst = { error: -1, text: '' }
  for (let at = 0; at < all.length; at += CHUNK) {
    const part = all.subarray(at, at + CHUNK)
    const results = scope(() => run(tensor(part)).data())
    for (let i = 0; i < part.length; i++) {
      const exact = reference(part[i])
      const error = distance(results[i], exact)
      if (error > worst.error) worst = { error, text: `at ${part[i]} it gave ${results[i]} for ${exact}` }
    }
  }
  return worst
}

const byName = (name: string) => (fluxtape as unknown as Record<string, (x: Tensor) => Tensor>)[name]
const slopeOf = (f: (x: Tensor) => Tensor) => (x: Tensor) => gradient((each: Tensor) => f(each).sum(), x)[0] as Tensor

describe('the stated bounds of error hold over the range of float32', () => {
  it.each(functions)('$name within $ulp ulp', row => {
    const { error, text } = worstOf(row, byName(row.name))
    expect(error, text).toBeLessThanOrEqual(row.ulp)
  })

  it.each(derivatives)('the derivative of $name within $ulp ulp', row => {
    const run = slopeOf(byName(row.name))
    const { error, text } = worstOf(row, run)
    expect(error, text).toBeLessThanOrEqual(row.ulp)
  })

  it.each(secondDerivatives)('the second derivative of $name within $ulp ulp', row => {
    const { error, text } = worstOf(row, slopeOf(slopeOf(byName(row.name))))
    expect(error, text).toBeLessThanOrEqual(row.ulp)
  })

  it.each(['sigmoid', 'tanh', 'gelu'])('the slope of %s computed with the value has the bits of the one computed from x', name => {
    const x = tensor(inputs(-30, 30).filter((_, i) => i % 7 === 0))
    const fused = slopeOf(byName(name))(x)
    expect(fused.data()).toEqual(unfused(() => slopeOf(byName(name))(x)).data())
  })
})
