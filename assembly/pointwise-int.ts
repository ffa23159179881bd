// Pointwise kernels of int32. `x`, `y`, `out` are addresses of elements, `layout` a broadcast (see map.ts); a result that does not fit is
// reported in `status`.
// @cost 0.15: nanoseconds an element on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { pairs1, pairs2 } from './map'
import { Fit } from './status'

@unmanaged
class NegI {
  @inline f(x: v128): v128 {
    const y = i32x4.neg(x)
    Fit.not(v128.and(x, y))
    return y
  }
}
@unmanaged
class AbsI {
  @inline f(x: v128): v128 {
    const y = i32x4.abs(x)
    Fit.not(y)
    return y
  }
}
@unmanaged
class SquareI {
  @inline f(x: v128): v128 {
    return changetype<MulI>(0).f(x, x)
  }
}
@unmanaged
class SignI {
  @inline f(x: v128): v128 {
    const zero = i32x4.splat(0)
    return i32x4.sub(i32x4.lt_s(x, zero), i32x4.gt_s(x, zero))
  }
}
@unmanaged
class AddI {
  @inline f(x: v128, y: v128): v128 {
    const sum = i32x4.add(x, y)
    Fit.not(v128.and(v128.xor(x, sum), v128.xor(y, sum)))
    return sum
  }
}
@unmanaged
class SubI {
  @inline f(x: v128, y: v128): v128 {
    const difference = i32x4.sub(x, y)
    Fit.not(v128.and(v128.xor(x, y), v128.xor(x, difference)))
    return difference
  }
}
@unmanaged
class MulI {
  @inline f(x: v128, y: v128): v128 {
    const low = i64x2.extmul_low_i32x4_s(x, y)
    const high = i64x2.extmul_high_i32x4_s(x, y)
    const product = v128.shuffle<i32>(low, high, 0, 2, 4, 6)
    // The upper half of one that fits repeats its sign.
    Fit.not(i32x4.ne(v128.shuffle<i32>(low, high, 1, 3, 5, 7), i32x4.shr_s(product, 31)))
    return product
  }
}
@unmanaged
class MaximumI {
  @inline f(x: v128, y: v128): v128 {
    return i32x4.max_s(x, y)
  }
}
@unmanaged
class MinimumI {
  @inline f(x: v128, y: v128): v128 {
    return i32x4.min_s(x, y)
  }
}

export function negI(x: usize, out: usize, status: usize, begin: i32, end: i32): void {
  pairs1<NegI>(x, out, begin, end)
  Fit.end(status)
}
export function absI(x: usize, out: usize, status: usize, begin: i32, end: i32): void {
  pairs1<AbsI>(x, out, begin, end)
  Fit.end(status)
}
export function squareI(x: usize, out: usize, status: usize, begin: i32, end: i32): void {
  pairs1<SquareI>(x, out, begin, end)
  Fit.end(status)
}
export function signI(x: usize, out: usize, begin: i32, end: i32): void {
  pairs1<SignI>(x, out, begin, end)
}
export function addI(x: usize, y: usize, out: usize, layout: usize, status: usize, begin: i32, end: i32): void {
  pairs2<AddI>(x, y, out, layout, begin, end)
  Fit.end(status)
}
export function subI(x: usize, y: usize, out: usize, layout: usize, status: usize, begin: i32, end: i32): void {
  pairs2<SubI>(x, y, out, layout, begin, end)
  Fit.end(status)
}
export function mulI(x: usize, y: usize, out: usize, layout: usize, status: usize, begin: i32, end: i32): void {
  pairs2<MulI>(x, y, out, layout, begin, end)
  Fit.end(status)
}
export function maximumI(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  pairs2<MaximumI>(x, y, out, layout, begin, end)
}
export function minimumI(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  pairs2<MinimumI>(x, y, out, layout, begin, end)
}
