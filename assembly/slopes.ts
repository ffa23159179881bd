// Functions with their derivatives, where the two share most of their work: out[i] = f(x[i]), slope[i] = f'(x[i]).
import { Erf } from './math/erf'
import { Exp } from './math/exp'
import { Hyperbolic } from './math/hyperbolic'

/** Both from what they share. */
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
