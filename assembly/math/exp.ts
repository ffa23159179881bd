import { Vector } from './vector'

// Constants come from memory: V8 builds a splatted constant anew at every use.
const TABLE: usize = memory.data<f32>([
  89.0, -104.0, -18.0, 1.4426950408889634, 12583166.0, 12583039.0, 0.693145751953125, 1.428606820309417e-6, 0.6931471824645996,
  0.0013870694674551487, 0.00836627185344696, 0.04166743531823158, 0.1666654646396637, 0.4999999701976776, 0.5, 1.0, 2.0, -0.0, 87.0, -87.0,
])
const HIGHEST: usize = 0
const LOWEST: usize = 4
const LOWEST_MINUS_ONE: usize = 8
const LOG2E: usize = 12
/** 1.5 * 2^23 + 254. Adding it rounds to an integer n and leaves n plus twice the exponent's bias in the low bits. */
const ROUND: usize = 16
/** 1.5 * 2^23 + 127: the same with the bias once. */
const ROUND_ONCE: usize = 20
/** The first 15 bits of ln 2, whose product with n is exact, and the rest. */
const LN2_HIGH: usize = 24
const LN2_LOW: usize = 28
const LN2: usize = 32
const C6: usize = 36
const C5: usize = 40
const C4: usize = 44
const C3: usize = 48
const C2: usize = 52
const HALF: usize = 56
const ONE: usize = 60
const TWO: usize = 64
const SIGN: usize = 68
const HIGHEST_GATE: usize = 72
const LOWEST_GATE: usize = 76

/** exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln(2) / 2, and what follows from it. */
export class Exp {
  /** exp(x). Gradual underflow, overflow to infinity. Error at most 1.1 ulp in both variants. */
  @inline static exp(x: v128): v128 {
    return Exp.notHigh(Vector.atMost(x, v128.load32_splat(TABLE, HIGHEST)))
  }

  /** exp(x) for x <= 89. */
  @inline static notHigh(x: v128): v128 {
    return Exp.within(Vector.atLeast(x, v128.load32_splat(TABLE, LOWEST)))
  }

  /**
   * exp(x) for x <= 89. Where that is 0 it is not computed by way of subnormal numbers, which take twice as long: rows of attention are mostly
   * -Infinity.
   */
  @inline static orZero(x: v128): v128 {
    const vanishing = f32x4.lt(x, v128.load32_splat(TABLE, LOWEST))
    return v128.andnot(Exp.within(v128.andnot(x, vanishing)), vanishing)
  }

  /** exp(x) for -104 <= x <= 89. */
  @inline static within(x: v128): v128 {
    const rounded = Exp.round(x)
    return Exp.scale(Exp.polynomial(Exp.remainder(x, rounded)), rounded)
  }

  /** exp(x) - 1. Error at most 1.7 ulp, relaxed 1.6. */
  @inline static expm1(x: v128): v128 {
    const bounded = Vector.atLeast(Vector.atMost(x, v128.load32_splat(TABLE, HIGHEST)), v128.load32_splat(TABLE, LOWEST_MINUS_ONE))
    const rounded = Exp.round(bounded)
    const m = Exp.minusOne(Exp.remainder(bounded, rounded))
    // 2^(n-1), doubled at the end, because 2^128 is no float; 128 << 23 are the bits of two.
    const power = i32x4.sub(i32x4.shl(rounded, 23), v128.load32_splat(TABLE, TWO))
    const half = Vector.fma(m, power, f32x4.sub(power, v128.load32_splat(TABLE, HALF)))
    // Without a power of two m is the result, and doubling the half would lose denormals.
    const alone = f32x4.eq(rounded, v128.load32_splat(TABLE, ROUND))
    const y = Vector.select(alone, m, f32x4.add(half, half))
    return v128.or(y, v128.and(x, v128.load32_splat(TABLE, SIGN)))
  }

  /**
   * 1 / (1 + exp(-x)), as exp(x) / (1 + exp(x)) for negative x: accurate in the far tail, gradual underflow.
   * Error at most 2.4 ulp in both variants.
   */
  @inline static sigmoid(x: v128): v128 {
    return Exp.sigmoidFrom(x, Exp.minusMagnitude(x))
  }

  /**
   * The sigmoid in fewer instructions, for gates: at least 1.6e-38. Error at most 1 ulp of 1, but of itself 1.6 ulp, in the baseline 5.5, at -10, and
   * 2.6 and 35 at -87.
   */
  @inline static gate(x: v128): v128 {
    const bounded = Vector.atMost(Vector.atLeast(x, v128.load32_splat(TABLE, LOWEST_GATE)), v128.load32_splat(TABLE, HIGHEST_GATE))
    const round = v128.load32_splat(TABLE, ROUND_ONCE)
    const rounded = Vector.fma(bounded, v128.load32_splat(TABLE, LOG2E), round)
    const r = Vector.fnma(f32x4.sub(rounded, round), v128.load32_splat(TABLE, LN2), bounded)
    const power = i32x4.shl(rounded, 23)
    const e = Vector.fma(Exp.minusOne(r), power, power)
    return f32x4.div(e, f32x4.add(e, v128.load32_splat(TABLE, ONE)))
  }

  /** exp(-|x|). */
  @inline static minusMagnitude(x: v128): v128 {
    return Exp.notHigh(v128.or(x, v128.load32_splat(TABLE, SIGN)))
  }

  /** The sigmoid from e = exp(-|x|). */
  @inline static sigmoidFrom(x: v128, e: v128): v128 {
    const one = v128.load32_splat(TABLE, ONE)
    const numerator = Vector.select(i32x4.shr_s(x, 31), e, one)
    return f32x4.div(numerator, f32x4.add(e, one))
  }

  /**
   * The derivative of the sigmoid from e = exp(-|x|), e / (1 + e)^2, since 1 - sigmoid(x) has lost it in the upper tail. Gradual underflow.
   * Error at most 3.8 ulp in both variants.
   */
  @inline static sigmoidDerivativeFrom(e: v128): v128 {
    const sum = f32x4.add(e, v128.load32_splat(TABLE, ONE))
    return f32x4.div(e, f32x4.mul(sum, sum))
  }

  @inline static sigmoidDerivative(x: v128): v128 {
    return Exp.sigmoidDerivativeFrom(Exp.minusMagnitude(x))
  }

  /** exp(x) - 1 for functions that saturate, |x| <= 24: one part of ln 2 is enough where n is small or exp no longer felt. */
  @inline static saturating(x: v128): v128 {
    const round = v128.load32_splat(TABLE, ROUND_ONCE)
    const rounded = Vector.fma(x, v128.load32_splat(TABLE, LOG2E), round)
    const r = Vector.fnma(f32x4.sub(rounded, round), v128.load32_splat(TABLE, LN2), x)
    const power = i32x4.shl(rounded, 23)
    return Vector.fma(Exp.minusOne(r), power, f32x4.sub(power, v128.load32_splat(TABLE, ONE)))
  }

  /** ROUND + n. */
  @inline static round(x: v128): v128 {
    return Vector.fma(x, v128.load32_splat(TABLE, LOG2E), v128.load32_splat(TABLE, ROUND))
  }

  /** r = x - n ln 2. */
  @inline static remainder(x: v128, rounded: v128): v128 {
    const n = f32x4.sub(rounded, v128.load32_splat(TABLE, ROUND))
    const high = Vector.fnma(n, v128.load32_splat(TABLE, LN2_HIGH), x)
    return Vector.fnma(n, v128.load32_splat(TABLE, LN2_LOW), high)
  }

  /** exp(r). */
  @inline static polynomial(r: v128): v128 {
    return f32x4.add(Exp.minusOne(r), v128.load32_splat(TABLE, ONE))
  }

  /** exp(r) - 1 = r + r^2 Q(r); the fit's error is below 2^-26.1. By powers of r^2, since a chain by powers of r is longer. */
  @inline static minusOne(r: v128): v128 {
    const square = f32x4.mul(r, r)
    const q23 = Vector.fma(v128.load32_splat(TABLE, C3), r, v128.load32_splat(TABLE, C2))
    const q45 = Vector.fma(v128.load32_splat(TABLE, C5), r, v128.load32_splat(TABLE, C4))
    const q456 = Vector.fma(v128.load32_splat(TABLE, C6), square, q45)
    return Vector.fma(Vector.fma(q456, square, q23), square, r)
  }

  /** p * 2^n in two steps, since 2^n alone may not be a float where the product is one. */
  @inline static scale(p: v128, rounded: v128): v128 {
    const half = i32x4.shl(i32x4.shr_u(rounded, 1), 23)
    const rest = i32x4.sub(i32x4.shl(rounded, 23), half)
    return f32x4.mul(f32x4.mul(p, half), rest)
  }
}
