// Activations that have a number of their own, and their derivatives: x times that at y. Elements of one shape. @over
import { map1, map1By, map1With, mapPair, mapPairBy, mapPairWith } from './map'
import { Exp } from './math/exp'
import { Vector } from './math/vector'

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
  @inline f(x: v128, slope: v128, alpha: v128, inverse: v128): v128 {
    const below = f32x4.mul(alpha, Exp.expm1(f32x4.mul(x, inverse)))
    return v128.bitselect(f32x4.mul(slope, x), below, f32x4.ge(x, i32x4.splat(0)))
  }
}
@unmanaged
class EluGradient {
  @inline f(x: v128, y: v128, slope: v128, alpha: v128, inverse: v128, kink: v128): v128 {
    const below = f32x4.mul(alpha, Exp.exp(f32x4.mul(y, inverse)))
    return f32x4.mul(x, v128.bitselect(slope, below, f32x4.ge(y, kink)))
  }
}
@unmanaged
class SoftplusGradient {
  @inline f(x: v128, y: v128, sign: v128): v128 {
    return f32x4.mul(x, Exp.sigmoid(f32x4.mul(y, sign)))
  }
}

// Constants come from memory: V8 builds a splatted constant anew at every use.
const TABLE: usize = memory.data<f32>([104.0, -104.0, 1.0, 2.0, 4.0])
/** Where e^(-x) is 0, and beyond which x counts as that much where it is a factor of what vanishes. */
const HIGHEST: usize = 0
const LOWEST: usize = 4
const ONE: usize = 8
const TWO: usize = 12
const FOUR: usize = 16

class Bounded {
  @inline static of(x: v128): v128 {
    return Vector.atLeast(Vector.atMost(x, v128.load32_splat(TABLE, HIGHEST)), v128.load32_splat(TABLE, LOWEST))
  }
}

/** x / (1 + exp(-u)), u = x (a + b x^2). */
@unmanaged
class Swish {
  @inline f(x: v128, a: v128, b: v128): v128 {
    const c = Bounded.of(x)
    const u = f32x4.mul(c, Vector.fma(b, f32x4.mul(c, c), a))
    return f32x4.mul(Vector.atLeast(x, v128.load32_splat(TABLE, LOWEST)), Exp.sigmoid(u))
  }
}
@unmanaged
class SwishGradient {
  @inline f(x: v128, y: v128, a: v128, b: v128): v128 {
    const c = Bounded.of(y)
    const cubic = f32x4.mul(b, f32x4.mul(c, c))
    const sum = f32x4.add(cubic, a)
    const u = f32x4.mul(c, sum)
    const e = Exp.minusMagnitude(u)
    // The derivative of u is a + 3 b x^2.
    const rise = Vector.fma(cubic, v128.load32_splat(TABLE, TWO), sum)
    const slope = Vector.fma(f32x4.mul(c, rise), Exp.sigmoidDerivativeFrom(e), Exp.sigmoidFrom(u, e))
    return f32x4.mul(x, slope)
  }
}

/**
 * tanh(log(1 + exp(x))) = n / (n + 2), n = exp(x) (exp(x) + 2), from e = exp(-|x|): for positive x both sides are multiplied by e^2, so that
 * nothing overflows.
 */
class Gate {
  @inline static numerator(e: v128, isNegative: v128): v128 {
    const two = v128.load32_splat(TABLE, TWO)
    return Vector.select(isNegative, f32x4.mul(e, f32x4.add(e, two)), Vector.fma(e, two, v128.load32_splat(TABLE, ONE)))
  }
  @inline static denominator(n: v128, e: v128, isNegative: v128): v128 {
    const two = v128.load32_splat(TABLE, TWO)
    return f32x4.add(n, Vector.select(isNegative, two, f32x4.mul(f32x4.mul(e, e), two)))
  }
}
@unmanaged
class Mish {
  @inline f(x: v128): v128 {
    const e = Exp.minusMagnitude(x)
    const isNegative = i32x4.shr_s(x, 31)
    const n = Gate.numerator(e, isNegative)
    const gate = f32x4.div(n, Gate.denominator(n, e, isNegative))
    return f32x4.mul(Vector.atLeast(x, v128.load32_splat(TABLE, LOWEST)), gate)
  }
}
@unmanaged
class MishGradient {
  @inline f(x: v128, y: v128): v128 {
    const e = Exp.minusMagnitude(y)
    const isNegative = i32x4.shr_s(y, 31)
    const n = Gate.numerator(e, isNegative)
    const d = Gate.denominator(n, e, isNegative)
    // The derivative of the gate: 4 q (1 + e) / d^2, q = e or e^2.
    const q = Vector.select(isNegative, e, f32x4.mul(e, e))
    const top = f32x4.mul(f32x4.mul(q, v128.load32_splat(TABLE, FOUR)), f32x4.add(e, v128.load32_splat(TABLE, ONE)))
    return f32x4.mul(x, f32x4.div(Vector.fma(Bounded.of(y), f32x4.div(top, d), n), d))
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
/** slope x for x >= 0, else alpha (exp(inverse x) - 1). @cost 0.8 */
export function elu(x: usize, out: usize, slope: f32, alpha: f32, inverse: f32, begin: i32, end: i32): void {
  const vs = f32x4.splat(slope)
  const va = f32x4.splat(alpha)
  const vi = f32x4.splat(inverse)
  const last = (<usize>end) << 2
  let i = (<usize>begin) << 2
  for (; i + 16 <= last; i += 16) v128.store(out + i, changetype<Elu>(0).f(v128.load(x + i), vs, va, vi))
  for (; i < last; i += 4) v128.store32_lane(out + i, changetype<Elu>(0).f(v128.load32_zero(x + i), vs, va, vi), 0)
}
/** x times slope where y >= kink, else times alpha exp(inverse y). @cost 0.7 */
export function eluGradient(x: usize, y: usize, out: usize, slope: f32, alpha: f32, inverse: f32, kink: f32, begin: i32, end: i32): void {
  const vs = f32x4.splat(slope)
  const va = f32x4.splat(alpha)
  const vi = f32x4.splat(inverse)
  const vk = f32x4.splat(kink)
  const last = (<usize>end) << 2
  let i = (<usize>begin) << 2
  for (; i + 16 <= last; i += 16) v128.store(out + i, changetype<EluGradient>(0).f(v128.load(x + i), v128.load(y + i), vs, va, vi, vk))
  for (; i < last; i += 4) {
    v128.store32_lane(out + i, changetype<EluGradient>(0).f(v128.load32_zero(x + i), v128.load32_zero(y + i), vs, va, vi, vk), 0)
  }
}
/** x times the derivative of sign log(1 + exp(sign y)). @cost 0.8 */
export function softplusGradient(x: usize, y: usize, out: usize, sign: f32, begin: i32, end: i32): void {
  mapPairBy<SoftplusGradient>(x, y, out, sign, begin, end)
}
/** @cost 0.8 */
export function swish(x: usize, out: usize, a: f32, b: f32, begin: i32, end: i32): void {
  map1With<Swish>(x, out, a, b, begin, end)
}
/** @cost 0.9 */
export function swishGradient(x: usize, y: usize, out: usize, a: f32, b: f32, begin: i32, end: i32): void {
  mapPairWith<SwishGradient>(x, y, out, a, b, begin, end)
}
/** @cost 0.9 */
export function mish(x: usize, out: usize, begin: i32, end: i32): void {
  map1<Mish>(x, out, begin, end)
}
/** @cost 1.2 */
export function mishGradient(x: usize, y: usize, out: usize, begin: i32, end: i32): void {
  mapPair<MishGradient>(x, y, out, begin, end)
}
