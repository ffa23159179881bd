// Derivatives: x times that at y, all of one shape, and functions that share most of their work with theirs. @over
import { map2, mapPair } from './map'
import { Erf } from './math/erf'
import { Exp } from './math/exp'
import { Hyperbolic } from './math/hyperbolic'
import { Power } from './math/power'

/** x times the derivative of exp (and expm1) at y. */
@unmanaged
class ExpGradient {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.mul(x, Exp.exp(y))
  }
}
/** x times the derivative of the sigmoid at y. */
@unmanaged
class SigmoidGradient {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.mul(x, Exp.sigmoidDerivative(y))
  }
}
/** x times the derivative of the hyperbolic tangent at y. */
@unmanaged
class TanhGradient {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.mul(x, Hyperbolic.derivativeFrom(y, Hyperbolic.minusOne(y)))
  }
}
/** x times the derivative of the error function at y. */
@unmanaged
class ErfGradient {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.mul(x, Erf.derivative(y))
  }
}
/** x times the derivative of gelu at y. */
@unmanaged
class GeluGradient {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.mul(x, Erf.geluDerivative(y))
  }
}

/** The derivative of x^y by x. */
@unmanaged
class PowSlope {
  @inline f(x: v128, y: v128): v128 {
    return Power.slope(x, y)
  }
}

/** @cost 3.5 */
export function powSlope(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  map2<PowSlope>(x, y, out, layout, begin, end)
}
/** @cost 0.7 */
export function expGradient(x: usize, y: usize, out: usize, begin: i32, end: i32): void {
  mapPair<ExpGradient>(x, y, out, begin, end)
}
/** @cost 0.7 */
export function sigmoidGradient(x: usize, y: usize, out: usize, begin: i32, end: i32): void {
  mapPair<SigmoidGradient>(x, y, out, begin, end)
}
/** @cost 0.7 */
export function tanhGradient(x: usize, y: usize, out: usize, begin: i32, end: i32): void {
  mapPair<TanhGradient>(x, y, out, begin, end)
}
/** @cost 0.9 */
export function erfGradient(x: usize, y: usize, out: usize, begin: i32, end: i32): void {
  mapPair<ErfGradient>(x, y, out, begin, end)
}
/** @cost 1.6 */
export function geluGradient(x: usize, y: usize, out: usize, begin: i32, end: i32): void {
  mapPair<GeluGradient>(x, y, out, begin, end)
}

/** f and its derivative from what they share. */
@unmanaged
class Sigmoid {
  @inline shared(x: v128): v128 {
    return Exp.minusMagnitude(x)
  }
  @inline f(x: v128, e: v128): v128 {
    return Exp.sigmoidFrom(x, e)
  }
  @inline slope(x: v128, e: v128): v128 {
    return Exp.sigmoidDerivativeFrom(e)
  }
}
@unmanaged
class Tanh {
  @inline shared(x: v128): v128 {
    return Hyperbolic.minusOne(x)
  }
  @inline f(x: v128, m: v128): v128 {
    return Hyperbolic.tanhFrom(x, m)
  }
  @inline slope(x: v128, m: v128): v128 {
    return Hyperbolic.derivativeFrom(x, m)
  }
}
/** out[i] = f(x[i]), slope[i] = f'(x[i]) */
function withSlope<F>(x: usize, out: usize, slope: usize, begin: i32, end: i32): void {
  const last = (<usize>end) << 2
  let i = (<usize>begin) << 2
  for (; i + 16 <= last; i += 16) {
    const v = v128.load(x + i)
    const shared = changetype<F>(0).shared(v)
    v128.store(out + i, changetype<F>(0).f(v, shared))
    v128.store(slope + i, changetype<F>(0).slope(v, shared))
  }
  for (; i < last; i += 4) {
    const v = v128.load32_zero(x + i)
    const shared = changetype<F>(0).shared(v)
    v128.store32_lane(out + i, changetype<F>(0).f(v, shared), 0)
    v128.store32_lane(slope + i, changetype<F>(0).slope(v, shared), 0)
  }
}

/** @cost 0.9 */
export function sigmoidSlope(x: usize, out: usize, slope: usize, begin: i32, end: i32): void {
  withSlope<Sigmoid>(x, out, slope, begin, end)
}
/** @cost 0.9 */
export function tanhSlope(x: usize, out: usize, slope: usize, begin: i32, end: i32): void {
  withSlope<Tanh>(x, out, slope, begin, end)
}
/** @cost 1.6 */
export function geluSlope(x: usize, out: usize, slope: usize, begin: i32, end: i32): void {
  const last = (<usize>end) << 2
  let i = (<usize>begin) << 2
  for (; i + 16 <= last; i += 16) {
    const v = v128.load(x + i)
    const bounded = Erf.bounded(v)
    const g = Erf.gaussian(bounded)
    const normal = Erf.normalFrom(bounded, g)
    v128.store(out + i, Erf.geluFrom(v, normal))
    v128.store(slope + i, Erf.geluDerivativeFrom(bounded, g, normal))
  }
  for (; i < last; i += 4) {
    const v = v128.load32_zero(x + i)
    const bounded = Erf.bounded(v)
    const g = Erf.gaussian(bounded)
    const normal = Erf.normalFrom(bounded, g)
    v128.store32_lane(out + i, Erf.geluFrom(v, normal), 0)
    v128.store32_lane(slope + i, Erf.geluDerivativeFrom(bounded, g, normal), 0)
  }
}
