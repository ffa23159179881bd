// Activations: one row each. What is an elementary function, too, such as tanh, stands in pointwise.ts.
import { zerosLike } from '../tensor/create.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { binary, gradientFrom, numbered, unary } from './elementwise.ts'
import { exp, less, minimum, mul, neg, square, sub, tanh, where } from './pointwise.ts'

const fromSlope = (g: Tensor, slope: Tensor) => mul(g, slope)
/** x where y > 0, else 0: the derivative of relu from its output. */
const gate: (x: Tensor, y: Tensor) => Tensor = binary('gate', kernels.gate, {
  left: (g, _, y) => gate(g, y as Tensor),
  right: g => zerosLike(g),
  saves: 'operands',
})
/** σ″ = -σ′ tanh(x / 2) */
const sigmoidGradient = gradientFrom('sigmoid', kernels.sigmoidGradient, (h, g, x, first) =>
  neg(mul(first(mul(h, g), x), tanh(mul(x, 0.5)))),
)

/** 1 / (1 + e^(-x)), without overflow at either end.
 * @example tensor([0, 1]).sigmoid().toArray() // [0.5, 0.7311] */
export const sigmoid = unary('sigmoid', kernels.sigmoid, {
  fromInput: (g, x) => sigmoidGradient(g, x, []),
  slope: kernels.sigmoidSlope,
  fromSlope,
})
/** x where x > 0, else 0; keeps NaN. Derivative 0 at 0.
 * @example tensor([-1, 2]).relu().toArray() // [0, 2] */
export const relu = unary('relu', kernels.relu, {
  fromOutput: (g, y) => gate(g, y),
  epilogue: { number: 1, through: (g, y) => gate(g, y) },
})
/** x where x > 0, else a x; keeps NaN. Derivative a at 0. Throws TypeError for an a that is no number, RangeError for one that is not finite.
 * @example tensor([-1, 2]).leakyrelu().toArray() // [-0.01, 2] */
export const leakyrelu: (x: Tensor, a?: number) => Tensor = numbered('leakyrelu', kernels.leakyrelu, {
  numbers: { a: 0.01 },
  gradient: kernels.leakyreluGradient,
})
/**
 * x where x ≥ 0, else α (eˣ - 1), exact near 0 (Clevert, Unterthiner & Hochreiter 2015). Derivative 1 at 0 whatever α is, as in Flux. Throws
 * TypeError for an alpha that is no number, RangeError for one that is not finite.
 * @example tensor([-1, 2]).elu(0.5).toArray() // [-0.3161, 2]
 */
export const elu: (x: Tensor, alpha?: number) => Tensor = numbered('elu', kernels.elu, {
  numbers: { alpha: 1 },
  gradient: kernels.eluGradient,
  // Below 0 it is its own derivative.
  second: (h, g, x, first) => first(where(less(x, 0), mul(h, g), 0), x),
})
/** log(1 + eˣ), without overflow.
 * @example tensor([0, 1]).softplus().toArray() // [0.6931, 1.3133] */
export const softplus = unary('softplus', kernels.softplus, {
  gradient: kernels.softplusGradient,
  second: (h, g, x) => sigmoidGradient(mul(h, g), x, []),
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
