import { Vector } from './vector'

// Constants come from memory: V8 builds a splatted constant anew at every use.
const TABLE: usize = memory.data<f32>([
  -0.0, 1048576.0, 1.0, 0.5, -0.00019518285989761353, 0.008332189172506332, -0.16666655242443085, 2.4432327336398885e-5,
  -0.0013887309469282627, 0.04166664555668831,
])
const SIGN: usize = 0
const FAR: usize = 4
const ONE: usize = 8
const HALF: usize = 12
const S2: usize = 16
const S1: usize = 20
const S0: usize = 24
const C2: usize = 28
const C1: usize = 32
const C0: usize = 36

const WIDE: usize = memory.data<f64>([0.6366197723675814, 6755399441055744.0, 1.5707963267341256, 6.077100506506192e-11])
/** 2 / pi. */
const QUARTERS: usize = 0
/** 1.5 * 2^52: adding it rounds to an integer, which the low bits then hold. */
const ROUND: usize = 8
/** The first 33 bits of pi / 2, whose product with n < 2^20 is exact, and the rest. */
const QUARTER_HIGH: usize = 16
const QUARTER_LOW: usize = 24

/** The binary digits of 2 / pi behind 32 zeros. */
const DIGITS: usize = memory.data<u32>([0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab])
/** pi / 2 * 2^-62. */
const FIXED_TO_ANGLE: f64 = 3.4061215800865545e-19

/** |x| = n pi / 2 + r, |r| <= pi / 4, r in float64; from 2^20 on by integer arithmetic, so it is right up to the largest float. */
export class Trigonometry {
  /** sin(x). Error at most 1.6 ulp in both variants. */
  @inline static sin(x: v128): v128 {
    const sign = v128.load32_splat(TABLE, SIGN)
    const y = Trigonometry.turned(v128.andnot(x, sign), 0)
    return v128.xor(y, v128.and(x, sign))
  }

  /** cos(x). Error at most 1.6 ulp in both variants. */
  @inline static cos(x: v128): v128 {
    return Trigonometry.turned(v128.andnot(x, v128.load32_splat(TABLE, SIGN)), 1)
  }

  /** sin(a + turn pi / 2) for a >= 0. */
  @inline static turned(a: v128, turn: i32): v128 {
    const low = f64x2.promote_low_f32x4(a)
    const high = f64x2.promote_low_f32x4(Vector.high(a))
    const lowRounded = Trigonometry.round(low)
    const highRounded = Trigonometry.round(high)
    const r = Vector.demote(Trigonometry.remainder(low, lowRounded), Trigonometry.remainder(high, highRounded))
    const n = v128.shuffle<i32>(lowRounded, highRounded, 0, 2, 4, 6)
    const y = Trigonometry.evaluate(r, i32x4.add(n, i32x4.splat(turn)))
    const far = f32x4.gt(a, v128.load32_splat(TABLE, FAR))
    return v128.any_true(far) ? Vector.select(far, Trigonometry.far(a, turn), y) : y
  }

  @inline static round(a: v128): v128 {
    return Vector.fma64(a, v128.load64_splat(WIDE, QUARTERS), v128.load64_splat(WIDE, ROUND))
  }

  @inline static remainder(a: v128, rounded: v128): v128 {
    const n = f64x2.sub(rounded, v128.load64_splat(WIDE, ROUND))
    return Vector.fnma64(n, v128.load64_splat(WIDE, QUARTER_LOW), Vector.fnma64(n, v128.load64_splat(WIDE, QUARTER_HIGH), a))
  }

  /** sin(r + n pi / 2): r + r^3 S(r^2) or 1 - r^2/2 + r^4 C(r^2), errors below 2^-27.9 and 2^-32.9. */
  @inline static evaluate(r: v128, n: v128): v128 {
    const square = f32x4.mul(r, r)
    let s = Vector.fma(v128.load32_splat(TABLE, S2), square, v128.load32_splat(TABLE, S1))
    s = Vector.fma(s, square, v128.load32_splat(TABLE, S0))
    s = Vector.fma(s, f32x4.mul(square, r), r)
    let c = Vector.fma(v128.load32_splat(TABLE, C2), square, v128.load32_splat(TABLE, C1))
    c = Vector.fma(c, square, v128.load32_splat(TABLE, C0))
    const parabola = Vector.fnma(square, v128.load32_splat(TABLE, HALF), v128.load32_splat(TABLE, ONE))
    c = Vector.fma(c, f32x4.mul(square, square), parabola)
    const odd = i32x4.shr_s(i32x4.shl(n, 31), 31)
    const negative = i32x4.shl(i32x4.shr_u(n, 1), 31)
    return v128.xor(Vector.select(odd, c, s), negative)
  }

  /** sin(a + turn pi / 2) for a > 2^20; other lanes are meaningless. Infinity gives NaN. */
  static far(a: v128, turn: i32): v128 {
    const x0 = Trigonometry.quarters(i32x4.extract_lane(a, 0))
    const x1 = Trigonometry.quarters(i32x4.extract_lane(a, 1))
    const x2 = Trigonometry.quarters(i32x4.extract_lane(a, 2))
    const x3 = Trigonometry.quarters(i32x4.extract_lane(a, 3))
    let n = i32x4.splat(Trigonometry.nearest(x0))
    n = i32x4.replace_lane(n, 1, Trigonometry.nearest(x1))
    n = i32x4.replace_lane(n, 2, Trigonometry.nearest(x2))
    n = i32x4.replace_lane(n, 3, Trigonometry.nearest(x3))
    let r = f32x4.splat(Trigonometry.angle(x0))
    r = f32x4.replace_lane(r, 1, Trigonometry.angle(x1))
    r = f32x4.replace_lane(r, 2, Trigonometry.angle(x2))
    r = f32x4.replace_lane(r, 3, Trigonometry.angle(x3))
    const nothing = f32x4.sub(a, a)
    return Trigonometry.evaluate(f32x4.add(r, nothing), i32x4.add(n, i32x4.splat(turn)))
  }

  /** a * 2 / pi modulo 4, with 62 binary places, from the bits of a float a > 2^20 (Payne and Hanek 1983). */
  static quarters(bits: u32): u64 {
    // Digits worth 4 and more after multiplication by 2^exponent are left out; 96 digits follow.
    const exponent = <i32>((bits >> 23) & 0xff) - 150
    const mantissa = <u64>((bits & 0x007fffff) | 0x00800000)
    const first = max(exponent + 30, 0)
    const word = DIGITS + ((<usize>min(first, 135) >> 5) << 2)
    const shift = <u64>(first & 31)
    const w0 = load<u32>(word)
    const w1 = load<u32>(word, 4)
    const w2 = load<u32>(word, 8)
    const w3 = load<u32>(word, 12)
    const high = ((((<u64>w0) << 32) | w1) << shift) >> 32
    const middle = ((((<u64>w1) << 32) | w2) << shift) >> 32
    const low = ((((<u64>w2) << 32) | w3) << shift) >> 32
    return ((mantissa * high) << 32) + mantissa * middle + ((mantissa * low) >> 32)
  }

  /** The integer nearest to a fixed-point number of quarters. */
  @inline static nearest(x: u64): i32 {
    return <i32>((x + ((<u64>1) << 61)) >> 62)
  }

  /** What remains of it, in radians. */
  @inline static angle(x: u64): f32 {
    return <f32>(<f64>(<i64>(x << 2) >> 2) * FIXED_TO_ANGLE)
  }
}
