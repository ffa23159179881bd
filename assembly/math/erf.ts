import { Exp } from './exp'
import { Vector } from './vector'

// Constants come from memory: V8 builds a splatted constant anew at every use.
const TABLE: usize = memory.data<f32>([
  3.93, 14.5, -14.5, -0.0, -0.5, 1.0, 0.3989422804014327, 9.388068974658381e-6, -0.00011886185529874638, 0.000637364573776722,
  -0.0016756776021793485, 0.00016950468125287443, 0.019147822633385658, -0.10277630388736725, -0.6366195678710938, -0.12837916612625122,
  0.3989470601081848, 1.1303191058686934e-5, 0.014624441973865032, 0.14985805749893188, 0.6082737445831299, 1.4492454528808594,
  0.014837351627647877, 0.14688412845134735, 0.6635734438896179, 1.5895352363586426, 1.816338062286377, 1.1283791670955126,
])
const SATURATED: usize = 0
const HIGHEST: usize = 4
const LOWEST: usize = 8
const SIGN: usize = 12
const MINUS_HALF: usize = 16
const ONE: usize = 20
/** 1 / sqrt(2 pi). */
const DENSITY: usize = 24
const U8: usize = 28
const U7: usize = 32
const U6: usize = 36
const U5: usize = 40
const U4: usize = 44
const U3: usize = 48
const U2: usize = 52
const U1: usize = 56
const U0: usize = 60
/** Nearly 1 / sqrt(2 pi), fitted together with R and P. */
const K: usize = 64
const R4: usize = 68
const R3: usize = 72
const R2: usize = 76
const R1: usize = 80
const R0: usize = 84
const P4: usize = 88
const P3: usize = 92
const P2: usize = 96
const P1: usize = 100
const P0: usize = 104
/** 2 / sqrt(pi). */
const SLOPE: usize = 108

const BITS: usize = memory.data<u32>([0xfffff000])
/** Leaves 12 bits of a float, so that its square is exact. */
const TRUNCATE: usize = 0

export class Erf {
  /**
   * erf(x) = 1 - exp(u), u = log(erfc |x|) = -|x| + |x| U(|x|), with the sign of x; |x| >= 3.93 gives one.
   * Error at most 2.2 ulp, relaxed 2.1.
   */
  @inline static erf(x: v128): v128 {
    const sign = v128.load32_splat(TABLE, SIGN)
    const a = Vector.atMost(v128.andnot(x, sign), v128.load32_splat(TABLE, SATURATED))
    const square = f32x4.mul(a, a)
    const fourth = f32x4.mul(square, square)
    const u01 = Vector.fma(v128.load32_splat(TABLE, U1), a, v128.load32_splat(TABLE, U0))
    const u23 = Vector.fma(v128.load32_splat(TABLE, U3), a, v128.load32_splat(TABLE, U2))
    const u45 = Vector.fma(v128.load32_splat(TABLE, U5), a, v128.load32_splat(TABLE, U4))
    const u67 = Vector.fma(v128.load32_splat(TABLE, U7), a, v128.load32_splat(TABLE, U6))
    const u03 = Vector.fma(u23, square, u01)
    const u48 = Vector.fma(v128.load32_splat(TABLE, U8), fourth, Vector.fma(u67, square, u45))
    const u = Vector.fma(u48, fourth, u03)
    const m = Exp.saturating(f32x4.sub(f32x4.mul(u, a), a))
    return v128.or(v128.andnot(m, sign), v128.and(x, sign))
  }

  /** The derivative of erf: 2 / sqrt(pi) exp(-x^2 / 2)^2, since the square of x alone would be rounded. */
  @inline static derivative(x: v128): v128 {
    const g = Erf.gaussian(x)
    return f32x4.mul(f32x4.mul(g, v128.load32_splat(TABLE, SLOPE)), g)
  }

  /**
   * exp(-x^2 / 2), the square taken in two parts, since an error in it would grow with x^2. Gradual underflow.
   * Error at most 1.3 ulp in both variants.
   */
  @inline static gaussian(x: v128): v128 {
    const a = Erf.magnitude(x)
    const minusHalf = v128.load32_splat(TABLE, MINUS_HALF)
    const high = v128.and(a, v128.load32_splat(BITS, TRUNCATE))
    const square = f32x4.mul(f32x4.mul(high, high), minusHalf)
    const rest = f32x4.mul(f32x4.mul(f32x4.sub(a, high), f32x4.add(a, high)), minusHalf)
    const rounded = Exp.round(f32x4.add(square, rest))
    const r = f32x4.add(Exp.remainder(square, rounded), rest)
    return Exp.scale(Exp.polynomial(r), rounded)
  }

  /**
   * Phi(x) = (1 + erf(x / sqrt(2))) / 2, the distribution function of the standard normal.
   * Error at most 4.5 ulp in both variants, down to x = -12.9, where denormals begin.
   */
  @inline static normal(x: v128): v128 {
    return Erf.normalFrom(x, Erf.gaussian(x))
  }

  /** Phi(x) from g = exp(-x^2 / 2): Phi(-|x|) = K g / (|x| + R(|x|) / P(|x|)), a fit with an error below 2^-25.7. */
  @inline static normalFrom(x: v128, g: v128): v128 {
    // For large |x| the fraction counts for little, and so do its roundings; a plain P / Q loses 6 ulp.
    const a = Erf.magnitude(x)
    const square = f32x4.mul(a, a)
    const r01 = Vector.fma(v128.load32_splat(TABLE, R1), a, v128.load32_splat(TABLE, R0))
    const r23 = Vector.fma(v128.load32_splat(TABLE, R3), a, v128.load32_splat(TABLE, R2))
    const r = Vector.fma(Vector.fma(v128.load32_splat(TABLE, R4), square, r23), square, r01)
    const p01 = Vector.fma(v128.load32_splat(TABLE, P1), a, v128.load32_splat(TABLE, P0))
    const p23 = Vector.fma(v128.load32_splat(TABLE, P3), a, v128.load32_splat(TABLE, P2))
    const p = Vector.fma(Vector.fma(v128.load32_splat(TABLE, P4), square, p23), square, p01)
    const tail = f32x4.div(f32x4.mul(g, v128.load32_splat(TABLE, K)), f32x4.add(a, f32x4.div(r, p)))
    return Vector.select(i32x4.shr_s(x, 31), tail, f32x4.sub(v128.load32_splat(TABLE, ONE), tail))
  }

  /** x Phi(x). Error at most 5.2 ulp in both variants for x >= -12.9. */
  @inline static gelu(x: v128): v128 {
    return Erf.geluFrom(x, Erf.normal(x))
  }

  /** x Phi(x) from Phi(x). */
  @inline static geluFrom(x: v128, normal: v128): v128 {
    // Below the bound Phi is zero, and -Infinity must not meet it.
    return f32x4.mul(Vector.atLeast(x, v128.load32_splat(TABLE, LOWEST)), normal)
  }

  /**
   * The derivative of x Phi(x): Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi).
   * Error at most 1.8e-7 in absolute terms in both variants; it has a zero at -0.75.
   */
  @inline static geluDerivative(x: v128): v128 {
    const bounded = Erf.bounded(x)
    const g = Erf.gaussian(bounded)
    return Erf.geluDerivativeFrom(bounded, g, Erf.normalFrom(bounded, g))
  }

  /** The derivative of x Phi(x) from the bounded x, exp(-x^2 / 2) and Phi(x). */
  @inline static geluDerivativeFrom(bounded: v128, g: v128, normal: v128): v128 {
    return Vector.fma(f32x4.mul(bounded, v128.load32_splat(TABLE, DENSITY)), g, normal)
  }

  /** x between -14.5 and 14.5. */
  @inline static bounded(x: v128): v128 {
    return Vector.atLeast(Vector.atMost(x, v128.load32_splat(TABLE, HIGHEST)), v128.load32_splat(TABLE, LOWEST))
  }

  /** |x|, at most 14.5, where Phi(-|x|) is zero in float32. */
  @inline static magnitude(x: v128): v128 {
    return Vector.atMost(v128.andnot(x, v128.load32_splat(TABLE, SIGN)), v128.load32_splat(TABLE, HIGHEST))
  }
}
