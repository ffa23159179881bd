import { Exp } from './exp'
import { Vector } from './vector'

// Constants come from memory: V8 builds a splatted constant anew at every use.
const TABLE: usize = memory.data<f32>([
  0.693145751953125, 1.428606820309417e-6, 0.29870685935020447, 0.3997758626937866, 0.6666677594184875, 0.5, 1.0, 2.0, -0.0,
  1.1754943508222875e-38, 23.0, 0.2800678312778473, 0.2800302505493164, 0.40021437406539917, 0.666664183139801,
])
/** The first 15 bits of ln 2, whose product with the exponent is exact, and the rest. */
const LN2_HIGH: usize = 0
const LN2_LOW: usize = 4
const Q2: usize = 8
const Q1: usize = 12
const Q0: usize = 16
const HALF: usize = 20
const ONE: usize = 24
const TWO: usize = 28
const SIGN: usize = 32
const NORMAL: usize = 36
const SHIFT: usize = 40
/** Q on the wider interval of softplus. */
const R3: usize = 44
const R2: usize = 48
const R1: usize = 52
const R0: usize = 56

const BITS: usize = memory.data<u32>([0x3f3504f3, 0x007fffff, 0x00800000, 0x7f000000, 0x0b800000, 0x7f800000])
/** sqrt(1/2), where the mantissa's range begins. */
const ROOT: usize = 0
const MANTISSA: usize = 4
/** The smallest positive normal number, and how many bit patterns of such numbers there are. */
const FIRST: usize = 8
const COUNT: usize = 12
/** What added to the bits of one makes 2^23. */
const RAISE: usize = 16
const INFINITE: usize = 20

/** log(2^e (1 + f)) = e ln 2 + log(1 + f), sqrt(1/2) <= 1 + f < sqrt(2), and what follows from it. */
export class Log {
  /** log(x). Error at most 0.9 ulp in both variants. */
  @inline static log(x: v128): v128 {
    const offset = i32x4.sub(x, v128.load32_splat(BITS, FIRST))
    // Without the special cases in line it takes three quarters of the time.
    if (v128.any_true(i32x4.ge_u(offset, v128.load32_splat(BITS, COUNT)))) return Log.special(x)
    const u = i32x4.sub(x, v128.load32_splat(BITS, ROOT))
    return Log.sum(Log.fraction(u), Log.exponent(u))
  }

  /** log(x) where some lane is zero, negative, denormal, infinite or not a number; the same bits in the other lanes. */
  static special(x: v128): v128 {
    const infinite = v128.load32_splat(BITS, INFINITE)
    const zero = i32x4.splat(0)
    const tiny = f32x4.lt(x, v128.load32_splat(TABLE, NORMAL))
    const raise = i32x4.add(v128.load32_splat(TABLE, ONE), v128.and(tiny, v128.load32_splat(BITS, RAISE)))
    const u = i32x4.sub(f32x4.mul(x, raise), v128.load32_splat(BITS, ROOT))
    const e = f32x4.sub(Log.exponent(u), v128.and(tiny, v128.load32_splat(TABLE, SHIFT)))
    const y = Vector.select(f32x4.lt(x, infinite), Log.sum(Log.fraction(u), e), x)
    const infiniteAtZero = f32x4.sub(y, v128.and(f32x4.eq(x, zero), infinite))
    return v128.or(infiniteAtZero, f32x4.lt(x, zero))
  }

  /** log(1 + x). Error at most 1.5 ulp in both variants. */
  @inline static log1p(x: v128): v128 {
    const infinite = v128.load32_splat(BITS, INFINITE)
    const one = v128.load32_splat(TABLE, ONE)
    const zero = i32x4.splat(0)
    const sum = f32x4.add(one, x)
    const back = f32x4.sub(sum, one)
    const error = f32x4.add(f32x4.sub(one, f32x4.sub(sum, back)), f32x4.sub(x, back))
    const y = Vector.select(f32x4.lt(x, infinite), Log.corrected(sum, error), x)
    const infiniteAtZero = f32x4.sub(y, v128.and(f32x4.eq(sum, zero), infinite))
    const signed = v128.or(infiniteAtZero, v128.and(x, v128.load32_splat(TABLE, SIGN)))
    return v128.or(signed, f32x4.lt(sum, zero))
  }

  /** log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)). Error at most 2.0 ulp in both variants. */
  @inline static softplus(x: v128): v128 {
    return f32x4.add(Vector.atLeast(x, i32x4.splat(0)), Log.softplusOfNegative(x))
  }

  /** log(1 + exp(-|x|)) = log(1 + f), f <= 1, as `sum` without an exponent; the fit's error is below 2^-27.7. */
  @inline static softplusOfNegative(x: v128): v128 {
    const f = Exp.notHigh(v128.or(x, v128.load32_splat(TABLE, SIGN)))
    const s = f32x4.div(f, f32x4.add(f, v128.load32_splat(TABLE, TWO)))
    const square = f32x4.mul(s, s)
    const half = f32x4.mul(f32x4.mul(f, f), v128.load32_splat(TABLE, HALF))
    let q = Vector.fma(v128.load32_splat(TABLE, R3), square, v128.load32_splat(TABLE, R2))
    q = Vector.fma(q, square, v128.load32_splat(TABLE, R1))
    q = Vector.fma(q, square, v128.load32_splat(TABLE, R0))
    q = Vector.fma(q, square, half)
    return f32x4.add(f32x4.sub(f32x4.mul(q, s), half), f)
  }

  /** log(sum + error) for normal positive sums, the error of which is below its last place. */
  @inline static corrected(sum: v128, error: v128): v128 {
    const u = i32x4.sub(sum, v128.load32_splat(BITS, ROOT))
    const biased = v128.andnot(u, v128.load32_splat(BITS, MANTISSA))
    // 2^-e, or zero where e = 128, for which it is no float and the error no longer counts.
    const down = i32x4.max_s(i32x4.sub(v128.load32_splat(TABLE, ONE), biased), i32x4.splat(0))
    return Log.sum(f32x4.add(Log.fraction(u), f32x4.mul(error, down)), Log.exponent(u))
  }

  /** e, from the bits less those of sqrt(1/2). */
  @inline static exponent(u: v128): v128 {
    return f32x4.convert_i32x4_s(i32x4.shr_s(u, 23))
  }

  /** f, from the bits less those of sqrt(1/2). */
  @inline static fraction(u: v128): v128 {
    const mantissa = v128.and(u, v128.load32_splat(BITS, MANTISSA))
    return f32x4.sub(i32x4.add(mantissa, v128.load32_splat(BITS, ROOT)), v128.load32_splat(TABLE, ONE))
  }

  /** e ln 2 + f - f^2/2 + s (f^2/2 + s^2 Q(s^2)), s = f / (2 + f); the fit's error is below 2^-30. */
  @inline static sum(f: v128, e: v128): v128 {
    const s = f32x4.div(f, f32x4.add(f, v128.load32_splat(TABLE, TWO)))
    const square = f32x4.mul(s, s)
    const half = f32x4.mul(f32x4.mul(f, f), v128.load32_splat(TABLE, HALF))
    let q = Vector.fma(v128.load32_splat(TABLE, Q2), square, v128.load32_splat(TABLE, Q1))
    q = Vector.fma(q, square, v128.load32_splat(TABLE, Q0))
    q = Vector.fma(q, square, half)
    q = Vector.fma(q, s, f32x4.mul(e, v128.load32_splat(TABLE, LN2_LOW)))
    const small = f32x4.add(f32x4.sub(q, half), f)
    return Vector.fma(e, v128.load32_splat(TABLE, LN2_HIGH), small)
  }
}
