/**
 * Arithmetic on f32x4 and f64x2 that the functions of this directory share. The errors they state were measured against
 * float64 over 10^8 floats of all exponents (pow: 2 * 10^7 pairs), with the baseline and with fused multiply-add.
 * Underflow is gradual, odd functions keep the sign of zero, and a lane never depends on its neighbours.
 */
export class Vector {
  /** a * b + c, with one rounding where the variant has fused multiply-add, with two in the baseline. */
  @inline static fma(a: v128, b: v128, c: v128): v128 {
    return f32x4.relaxed_madd(a, b, c)
  }

  /** c - a * b, rounded as `fma`. */
  @inline static fnma(a: v128, b: v128, c: v128): v128 {
    return f32x4.relaxed_nmadd(a, b, c)
  }

  /** c - a * b on f64x2, rounded as `fma`. */
  @inline static fnma64(a: v128, b: v128, c: v128): v128 {
    return f64x2.relaxed_nmadd(a, b, c)
  }

  /** a * b + c on f64x2, rounded as `fma`. */
  @inline static fma64(a: v128, b: v128, c: v128): v128 {
    return f64x2.relaxed_madd(a, b, c)
  }

  /** The smaller of x and bound; a NaN in x stays. One instruction on x86, where `f32x4.min` takes several. */
  @inline static atMost(x: v128, bound: v128): v128 {
    return f32x4.pmin(x, bound)
  }

  /** The larger of x and bound; a NaN in x stays. */
  @inline static atLeast(x: v128, bound: v128): v128 {
    return f32x4.pmax(x, bound)
  }

  /** The upper two floats in the place of the lower two: what `promote_low` reads. */
  @inline static high(x: v128): v128 {
    return v128.shuffle<i32>(x, x, 2, 3, 2, 3)
  }

  /** Two f64x2 rounded to one f32x4. */
  @inline static demote(low: v128, high: v128): v128 {
    return v128.shuffle<i32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5)
  }

  /** Lanes of a where the mask is all ones, of b where it is zero. */
  @inline static select(mask: v128, a: v128, b: v128): v128 {
    return v128.bitselect(a, b, mask)
  }
}
