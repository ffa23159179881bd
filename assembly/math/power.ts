import { Vector } from './vector'

// Constants come from memory: V8 builds a splatted constant anew at every use.
const TABLE: usize = memory.data<f32>([-0.0, 1.0, 0.5, Infinity, 9007199254740992.0])
const SIGN: usize = 0
const ONE: usize = 4
const HALF: usize = 8
const INFINITE: usize = 12
const WHOLE: usize = 16

const WIDE: usize = memory.data<f64>([
  1.0,
  Infinity,
  200.0,
  -200.0,
  6755399441055744.0,
  4503599627371520.0,
  0.28290821880875244,
  0.3199052233172054,
  0.4122092611969897,
  0.5770779423138297,
  0.9617966941133181,
  2.8853900817778504,
  1.5196132067912892e-5,
  0.00015466781511784406,
  0.0013333935363463753,
  0.009618038059657186,
  0.05550410365386056,
  0.2402265106700277,
  0.6931471807047622,
  900.0,
])
const WIDE_ONE: usize = 0
const WIDE_INFINITE: usize = 8
const HIGHEST: usize = 16
const LOWEST: usize = 24
/** 1.5 * 2^52: adding it rounds to an integer, which the low bits then hold. */
const ROUND: usize = 32
/** 2^52 + 1024: what a float64 of exponent 2^52 holds beyond an exponent biased by 1024. */
const BIASED: usize = 40
const L5: usize = 48
const L4: usize = 56
const L3: usize = 64
const L2: usize = 72
const L1: usize = 80
const L0: usize = 88
const E7: usize = 96
const E6: usize = 104
const E5: usize = 112
const E4: usize = 120
const E3: usize = 128
const E2: usize = 136
const E1: usize = 144
const FARTHEST: usize = 152

const BITS: usize = memory.data<u64>([0x3fe6a09e667f3bcd, 0x00195f619980c433, 0x000fffffffffffff, 0x4330000000000000])
/** sqrt(1/2), where the mantissa's range begins, and 1024 in the exponent less that. */
const ROOT: usize = 0
const BIAS_LESS_ROOT: usize = 8
const MANTISSA: usize = 16
const EXPONENT_52: usize = 24

/** |x|^y = 2^(y log2 |x|) in float64, then the signs and exceptions of IEEE 754's pow. */
export class Power {
  /** x^y. Error at most 0.51 ulp in both variants. */
  @inline static pow(x: v128, y: v128): v128 {
    const sign = v128.load32_splat(TABLE, SIGN)
    const one = v128.load32_splat(TABLE, ONE)
    const infinite = v128.load32_splat(TABLE, INFINITE)
    const zero = i32x4.splat(0)
    const a = v128.andnot(x, sign)
    const low = Power.positive(f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(y))
    const high = Power.positive(f64x2.promote_low_f32x4(Vector.high(a)), f64x2.promote_low_f32x4(Vector.high(y)))
    const half = f32x4.mul(y, v128.load32_splat(TABLE, HALF))
    const fractional = f32x4.ne(f32x4.nearest(y), y)
    const odd = v128.andnot(f32x4.ne(f32x4.nearest(half), half), fractional)
    const signed = v128.xor(Vector.demote(low, high), v128.and(v128.and(x, sign), odd))
    const negative = v128.and(f32x4.lt(x, zero), f32x4.lt(a, infinite))
    const defined = v128.or(signed, v128.and(negative, fractional))
    const atInfinity = v128.and(f32x4.eq(a, one), f32x4.eq(v128.andnot(y, sign), infinite))
    const isOne = v128.or(v128.or(f32x4.eq(y, zero), f32x4.eq(x, one)), atInfinity)
    return Vector.select(isOne, one, defined)
  }

  /** y x^(y-1), 0 where y is 0: the power may be no float32 where the slope is one. */
  static slope(x: v128, y: v128): v128 {
    const sign = v128.load32_splat(TABLE, SIGN)
    const zero = i32x4.splat(0)
    const infinite = v128.load32_splat(TABLE, INFINITE)
    const a = v128.andnot(x, sign)
    const low = Power.wideSlope(f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(y))
    const high = Power.wideSlope(f64x2.promote_low_f32x4(Vector.high(a)), f64x2.promote_low_f32x4(Vector.high(y)))
    const half = f32x4.mul(y, v128.load32_splat(TABLE, HALF))
    const fractional = f32x4.ne(f32x4.nearest(y), y)
    // Beyond 2^53 y - 1 is y, as in float64.
    const near = f32x4.lt(v128.andnot(y, sign), v128.load32_splat(TABLE, WHOLE))
    const even = v128.and(near, f32x4.eq(f32x4.nearest(half), half))
    const signed = v128.xor(Vector.demote(low, high), v128.and(v128.and(x, sign), even))
    const negative = v128.and(f32x4.lt(x, zero), f32x4.lt(a, infinite))
    const defined = v128.or(signed, v128.and(negative, fractional))
    const one = v128.load32_splat(TABLE, ONE)
    const atInfinity = v128.and(f32x4.eq(a, one), f32x4.eq(v128.andnot(y, sign), infinite))
    const isFactor = v128.or(v128.or(f32x4.eq(y, one), f32x4.eq(x, one)), v128.or(atInfinity, f32x4.eq(y, zero)))
    return Vector.select(isFactor, y, defined)
  }

  /** y a^(y-1) on f64x2, as `positive`; 900 is beyond what y can make up for. */
  @inline static wideSlope(a: v128, y: v128): v128 {
    const power = f64x2.mul(Power.log2(a), f64x2.sub(y, v128.load64_splat(WIDE, WIDE_ONE)))
    const bounded = f64x2.pmax(f64x2.pmin(power, v128.load64_splat(WIDE, FARTHEST)), f64x2.neg(v128.load64_splat(WIDE, FARTHEST)))
    return f64x2.mul(Power.exp2(bounded), y)
  }

  /** a^y on f64x2 for a >= 0 that came from float32. */
  @inline static positive(a: v128, y: v128): v128 {
    const power = f64x2.mul(Power.log2(a), y)
    const highest = v128.load64_splat(WIDE, HIGHEST)
    const lowest = v128.load64_splat(WIDE, LOWEST)
    return Power.exp2(f64x2.pmax(f64x2.pmin(power, highest), lowest))
  }

  /** log2(a) = e + s L(s^2), s = (m - 1) / (m + 1); the fit's error is below 2^-45. */
  @inline static log2(a: v128): v128 {
    const one = v128.load64_splat(WIDE, WIDE_ONE)
    const infinite = v128.load64_splat(WIDE, WIDE_INFINITE)
    const u = i64x2.add(a, v128.load64_splat(BITS, BIAS_LESS_ROOT))
    const biased = v128.or(i64x2.shr_u(u, 52), v128.load64_splat(BITS, EXPONENT_52))
    let e = f64x2.sub(biased, v128.load64_splat(WIDE, BIASED))
    e = f64x2.sub(e, v128.and(f64x2.eq(a, i64x2.splat(0)), infinite))
    e = f64x2.add(e, v128.andnot(a, f64x2.lt(a, infinite)))
    const m = i64x2.add(v128.and(u, v128.load64_splat(BITS, MANTISSA)), v128.load64_splat(BITS, ROOT))
    const s = f64x2.div(f64x2.sub(m, one), f64x2.add(m, one))
    const square = f64x2.mul(s, s)
    let p = Vector.fma64(v128.load64_splat(WIDE, L5), square, v128.load64_splat(WIDE, L4))
    p = Vector.fma64(p, square, v128.load64_splat(WIDE, L3))
    p = Vector.fma64(p, square, v128.load64_splat(WIDE, L2))
    p = Vector.fma64(p, square, v128.load64_splat(WIDE, L1))
    p = Vector.fma64(p, square, v128.load64_splat(WIDE, L0))
    return Vector.fma64(p, s, e)
  }

  /** 2^x for |x| <= 200; the fit's error is below 2^-34. */
  @inline static exp2(x: v128): v128 {
    const one = v128.load64_splat(WIDE, WIDE_ONE)
    const round = v128.load64_splat(WIDE, ROUND)
    const rounded = f64x2.add(x, round)
    const r = f64x2.sub(x, f64x2.sub(rounded, round))
    let p = Vector.fma64(v128.load64_splat(WIDE, E7), r, v128.load64_splat(WIDE, E6))
    p = Vector.fma64(p, r, v128.load64_splat(WIDE, E5))
    p = Vector.fma64(p, r, v128.load64_splat(WIDE, E4))
    p = Vector.fma64(p, r, v128.load64_splat(WIDE, E3))
    p = Vector.fma64(p, r, v128.load64_splat(WIDE, E2))
    p = Vector.fma64(p, r, v128.load64_splat(WIDE, E1))
    p = Vector.fma64(p, r, one)
    return f64x2.mul(p, i64x2.add(i64x2.shl(rounded, 52), one))
  }
}
