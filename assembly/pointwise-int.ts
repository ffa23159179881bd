// Pointwise kernels of int32, wrapping around. `x`, `y`, `out` are addresses of elements, `layout` a broadcast (see map.ts).
// @cost 0.15: nanoseconds an element on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { map1, map2 } from './map'

@unmanaged
class NegI {
  @inline f(x: v128): v128 {
    return i32x4.neg(x)
  }
}
@unmanaged
class AbsI {
  @inline f(x: v128): v128 {
    return i32x4.abs(x)
  }
}
@unmanaged
class SquareI {
  @inline f(x: v128): v128 {
    return i32x4.mul(x, x)
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
    return i32x4.add(x, y)
  }
}
@unmanaged
class SubI {
  @inline f(x: v128, y: v128): v128 {
    return i32x4.sub(x, y)
  }
}
@unmanaged
class MulI {
  @inline f(x: v128, y: v128): v128 {
    return i32x4.mul(x, y)
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

export function negI(x: usize, out: usize, begin: i32, end: i32): void {
  map1<NegI>(x, out, begin, end)
}
export function absI(x: usize, out: usize, begin: i32, end: i32): void {
  map1<AbsI>(x, out, begin, end)
}
export function squareI(x: usize, out: usize, begin: i32, end: i32): void {
  map1<SquareI>(x, out, begin, end)
}
export function signI(x: usize, out: usize, begin: i32, end: i32): void {
  map1<SignI>(x, out, begin, end)
}
export function addI(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  map2<AddI>(x, y, out, layout, begin, end)
}
export function subI(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  map2<SubI>(x, y, out, layout, begin, end)
}
export function mulI(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  map2<MulI>(x, y, out, layout, begin, end)
}
export function maximumI(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  map2<MaximumI>(x, y, out, layout, begin, end)
}
export function minimumI(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  map2<MinimumI>(x, y, out, layout, begin, end)
}
