// Activations that have a number of their own, and their derivatives: x times that at y. Elements of one shape.
import { map1By, mapPair, mapPairBy } from './map'
import { Exp } from './math/exp'

@unmanaged
class LeakyRelu {
  @inline f(x: v128, a: v128): v128 {
    return v128.bitselect(x, f32x4.mul(a, x), f32x4.gt(x, i32x4.splat(0)))
  }
}
@unmanaged
class LeakyReluGradient {
  @inline f(x: v128, y: v128, a: v128): v128 {
    return v128.bitselect(x, f32x4.mul(x, a), f32x4.gt(y, i32x4.splat(0)))
  }
}
@unmanaged
class Elu {
  @inline f(x: v128, alpha: v128): v128 {
    return v128.bitselect(x, f32x4.mul(alpha, Exp.expm1(x)), f32x4.ge(x, i32x4.splat(0)))
  }
}
@unmanaged
class EluGradient {
  @inline f(x: v128, y: v128, alpha: v128): v128 {
    return v128.bitselect(x, f32x4.mul(x, f32x4.mul(alpha, Exp.exp(y))), f32x4.ge(y, i32x4.splat(0)))
  }
}
@unmanaged
class SoftplusGradient {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.mul(x, Exp.sigmoid(y))
  }
}

/** @cost 0.15 */
export function leakyrelu(x: usize, out: usize, a: f32, begin: i32, end: i32): void {
  map1By<LeakyRelu>(x, out, a, begin, end)
}
/** @cost 0.15 */
export function leakyreluGradient(x: usize, y: usize, out: usize, a: f32, begin: i32, end: i32): void {
  mapPairBy<LeakyReluGradient>(x, y, out, a, begin, end)
}
/** @cost 0.8 */
export function elu(x: usize, out: usize, alpha: f32, begin: i32, end: i32): void {
  map1By<Elu>(x, out, alpha, begin, end)
}
/** @cost 0.7 */
export function eluGradient(x: usize, y: usize, out: usize, alpha: f32, begin: i32, end: i32): void {
  mapPairBy<EluGradient>(x, y, out, alpha, begin, end)
}
/** @cost 0.8 */
export function softplusGradient(x: usize, y: usize, out: usize, begin: i32, end: i32): void {
  mapPair<SoftplusGradient>(x, y, out, begin, end)
}
