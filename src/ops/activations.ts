// Activations: one row each. What is an elementary function, too, such as tanh, stands in pointwise.ts.

import { rangeError } from '../errors.ts'
import { zerosLike } from '../tensor/create.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { NONE, type Real } from '../wasm/kinds.ts'
import { binary, numbered, type SecondPullback, unary } from './elementwise.ts'
import { withTraits } from './epilogue.ts'
import { add, clamp, div, exp, less, minimum, mul, square, sub, tanh, where } from './pointwise.ts'
import { sigmoidGradient } from './sigmoid-slope.ts'

const fromSlope = (g: Tensor, slope: Tensor) => mul(g, slope)
/** x where y > 0, else 0: the derivative of relu from its output. */
const gate: (x: Tensor, y: Tensor) => Tensor = binary('gate', kernels.gate, {
  left: (g, _, y) => gate(g, y as Tensor),
  right: g => zerosLike(g),
  saves: 'operands',
})

/** 1 / (1 + e^(-x)), without overflow at either end.
 * @example tensor([0, 1]).sigmoid().toArray() // [0.5, 0.7311] */
export const sigmoid = unary('sigmoid', kernels.sigmoid, {
  fromInput: (g, x) => sigmoidGradient(g, x, []),
  slope: kernels.sigmoidSlope,
  fromSlope,
})
/** x where x > 0, else 0 (Nair & Hinton 2010); keeps NaN. Derivative 0 at 0.
 * @example tensor([-1, 2]).relu().toArray() // [0, 2] */
export const relu = unary('relu', kernels.relu, {
  fromOutput: (g, y) => gate(g, y),
  epilogue: { number: 1, through: (g, y) => gate(g, y) },
})
/** x where x > 0, else a x (Maas, Hannun & Ng 2013); keeps NaN. Derivative a at 0. Throws TypeError for an a that is no number, RangeError for one that is not finite.
 * @example tensor([-1, 2]).leakyrelu().toArray() // [-0.01, 2] */
export const leakyrelu: (x: Tensor, a?: number) => Tensor = numbered('leakyrelu', kernels.leakyrelu, {
  numbers: { a: 0.01 },
  gradient: kernels.leakyreluGradient,
})
/** x kept between two bounds, with derivative 0 on them; `inside` are the numbers next to them. */
const kept = (name: string, low: number, high: number, inside: readonly [number, number]) =>
  unary(name, (x, out, n) => kernels.clamp(x, out, low as Real, high as Real, n), {
    gradient(g, x, out, n) {
      kernels.clampMask(x, out, inside[0] as Real, inside[1] as Real, n)
      kernels.gate(g, out, out, NONE, n)
    },
  })
/** x kept between 0 and 6 (Krizhevsky 2010); keeps NaN. Derivative 0 at 0 and 6.
 * @example tensor([-1, 2, 7]).relu6().toArray() // [0, 2, 6] */
export const relu6 = /* @__PURE__ */ withTraits(kept('relu6', 0, 6, [2 ** -149, 6 - 2 ** -21]), { ofNorm: 2 })
/** x kept between -1 and 1 (Collobert 2004); keeps NaN. Derivative 0 at -1 and 1, where that of `clamp` is 1.
 * @example tensor([-2, 0.5, 2]).hardtanh().toArray() // [-1, 0.5, 1] */
export const hardtanh = kept('hardtanh', -1, 1, [2 ** -24 - 1, 1 - 2 ** -24])

const ONE = 1 as Real
/** Of what is α eˣ below 0: there it is its own derivative. */
const below: SecondPullback = (h, g, x, first) => first(where(less(x, 0), mul(h, g), 0), x)
/**
 * x where x ≥ 0, else α (eˣ - 1), exact near 0 (Clevert, Unterthiner & Hochreiter 2015). Derivative 1 at 0 whatever α is, as in Flux. Throws
 * TypeError for an alpha that is no number, RangeError for one that is not finite.
 * @example tensor([-1, 2]).elu(0.5).toArray() // [-0.3161, 2]
 */
export const elu: (x: Tensor, alpha?: number) => Tensor = numbered('elu', (x, out, a, n) => kernels.elu(x, out, ONE, a, ONE, n), {
  numbers: { alpha: 1 },
  gradient: (g, x, out, a: Real, n) => kernels.eluGradient(g, x, out, ONE, a, ONE, 0 as Real, n),
  second: below,
})
/**
 * x where x ≥ 0, else α (e^(x / α) - 1) (Barron 2017): smooth at 0 for every α. Throws TypeError for an alpha that is no number, RangeError for 0 and
 * for one that is not finite.
 * @example tensor([-1, 2]).celu(0.5).toArray() // [-0.4323, 2]
 */
export const celu: (x: Tensor, alpha?: number) => Tensor = numbered('celu', (x, out, a, n) => kernels.elu(x, out, ONE, a, inverse(a), n), {
  numbers: { alpha: 1 },
  gradient: (g, x, out, a: Real, n) => kernels.eluGradient(g, x, out, ONE, ONE, inverse(a), 0 as Real, n),
  second: (h, g, x, first, [alpha]) => div(below(h, g, x, first, []), alpha),
})
function inverse(alpha: Real): Real {
  if (alpha === 0) throw rangeError('celu', 'alpha must not be 0', '0')
  return (1 / alpha) as Real
}
const [LAMBDA, LAMBDA_ALPHA] = [1.0507009873554805 as Real, 1.7580993408473766 as Real]
/** λ x where x > 0, else λ α (eˣ - 1), λ = 1.0507, α = 1.6733, which keep mean 0 and variance 1 from layer to layer (Klambauer et al. 2017). Derivative
 * λ α at 0.
 * @example tensor([-1, 2]).selu().toArray() // [-1.1113, 2.1014] */
export const selu = unary('selu', (x, out, n) => kernels.elu(x, out, LAMBDA, LAMBDA_ALPHA, ONE, n), {
  gradient: (g, x, out, n) => kernels.eluGradient(g, x, out, LAMBDA, LAMBDA_ALPHA, ONE, (2 ** -149) as Real, n),
  second: below,
})
/** sign log(1 + e^(sign x)) */
const signed = (name: string, sign: Real) =>
  unary(name, (x, out, n) => kernels.softplus(x, out, sign, n), {
    gradient: (g, x, out, n) => kernels.softplusGradient(g, x, out, sign, n),
    second: (h, g, x) => mul(sigmoidGradient(mul(h, g), x, []), sign),
  })
/** log(1 + eˣ), without overflow (Dugas et al. 2001).
 * @example tensor([0, 1]).softplus().toArray() // [0.6931, 1.3133] */
export const softplus = signed('softplus', ONE)
/** The logarithm of the sigmoid, -log(1 + e^(-x)), without overflow.
 * @example tensor([0, 1]).logsigmoid().toArray() // [-0.6931, -0.3133] */
export const logsigmoid = signed('logsigmoid', -1 as Real)

/** Where factors of what vanishes are bounded, so that infinities do not meet a 0. */
const bounded = (x: Tensor) => clamp(x, -104, 104)
/** x σ(u), u = x (a + b x²). */
const gated = (name: string, a: number, b: number) =>
  unary(name, (x, out, n) => kernels.swish(x, out, a as Real, b as Real, n), {
    gradient: (g, x, out, n) => kernels.swishGradient(g, x, out, a as Real, b as Real, n),
    // σ'(u) (2 u' + x u″ - x u'² tanh(u / 2))
    second(h, g, x) {
      const c = bounded(x)
      const q = mul(square(c), b)
      const u = mul(c, add(q, a))
      const rise = add(mul(q, 3), a)
      const bend = mul(mul(c, square(rise)), tanh(mul(u, 0.5)))
      return mul(sigmoidGradient(mul(h, g), u, []), sub(add(mul(rise, 2), mul(q, 6)), bend))
    },
  })
/** x σ(x), also known as SiLU (Ramachandran, Zoph & Le 2017).
 * @example tensor([0, 1]).swish().toArray() // [0, 0.7311] */
export const swish = gated('swish', 1, 0)
/** x / 2 (1 + tanh(√(2/π) (x + 0.044715 x³))), which is near `gelu` (Hendrycks & Gimpel 2016): Flux's `gelu`.
 * @example tensor([0, 1]).geluTanh().toArray() // [0, 0.8412] */
export const geluTanh = gated('geluTanh', Math.sqrt(8 / Math.PI), 0.044715 * Math.sqrt(8 / Math.PI))
/** x tanh(log(1 + eˣ)) (Misra 2019).
 * @example tensor([0, 1]).mish().toArray() // [0, 0.8651] */
export const mish = unary('mish', kernels.mish, {
  gradient: kernels.mishGradient,
  // With t the tanh, t' = (1 - t²) σ: t' (2 + x (1 - σ (1 + 2 t))), where 1 - t² of the softplus is 4 σ'(2 softplus).
  second(h, g, x) {
    const c = bounded(x)
    const u = softplus(c)
    const [t, s] = [tanh(u), sigmoid(c)]
    const factor = add(mul(c, sub(1, mul(s, add(mul(t, 2), 1)))), 2)
    return mul(sigmoidGradient(mul(mul(h, g), mul(s, factor)), mul(u, 2), []), 4)
  },
})
/** x Φ(x), Φ the distribution function of the standard normal (Hendrycks & Gimpel 2016). Exact, where Flux's `gelu` is the tanh form.
 * @example tensor([0, 1]).gelu().toArray() // [0, 0.8413] */
export const gelu = unary('gelu', kernels.gelu, {
  gradient: kernels.geluGradient,
  // The derivative of Φ(x) + x φ(x) is φ(x) (2 - x²).
  second(h, g, x) {
    // φ is 0 long before, and x² would be infinite.
    const squares = minimum(square(x), 1e4)
    return mul(mul(h, g), mul(mul(exp(mul(squares, -0.5)), 1 / Math.sqrt(2 * Math.PI)), sub(2, squares)))
  },
  slope: kernels.geluSlope,
  fromSlope,
})
