// Comparisons, logic and choice. Results and conditions are bool: one byte, 0 or 1.
// @cost 0.3: nanoseconds an element on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { map1, test2 } from './map'
import { Fit, report } from './status'

@unmanaged
class Equal {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.eq(x, y)
  }
}
@unmanaged
class Less {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.lt(x, y)
  }
}
@unmanaged
class LessEqual {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.le(x, y)
  }
}
@unmanaged
class NotEqual {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.ne(x, y)
  }
}
@unmanaged
class EqualI {
  @inline f(x: v128, y: v128): v128 {
    return i32x4.eq(x, y)
  }
}
@unmanaged
class LessI {
  @inline f(x: v128, y: v128): v128 {
    return i32x4.lt_s(x, y)
  }
}
@unmanaged
class LessEqualI {
  @inline f(x: v128, y: v128): v128 {
    return i32x4.le_s(x, y)
  }
}
@unmanaged
class NotEqualI {
  @inline f(x: v128, y: v128): v128 {
    return i32x4.ne(x, y)
  }
}

export function equal(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  test2<Equal>(x, y, out, layout, begin, end)
}
export function notEqual(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  test2<NotEqual>(x, y, out, layout, begin, end)
}
export function less(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  test2<Less>(x, y, out, layout, begin, end)
}
export function lessEqual(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  test2<LessEqual>(x, y, out, layout, begin, end)
}
export function equalI(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  test2<EqualI>(x, y, out, layout, begin, end)
}
export function notEqualI(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  test2<NotEqualI>(x, y, out, layout, begin, end)
}
export function lessI(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  test2<LessI>(x, y, out, layout, begin, end)
}
export function lessEqualI(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  test2<LessEqualI>(x, y, out, layout, begin, end)
}

/** out[i] = condition[i] ? x[i] : y[i], 4-byte elements, all of the result's shape. */
export function select(condition: usize, x: usize, y: usize, out: usize, begin: i32, end: i32): void {
  let i = <usize>begin
  const n = <usize>end
  while (i + 4 <= n) {
    const bytes = v128.load32_zero(condition + i)
    const mask = i32x4.neg(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes)))
    v128.store(out + (i << 2), v128.bitselect(v128.load(x + (i << 2)), v128.load(y + (i << 2)), mask))
    i += 4
  }
  for (; i < n; i++) store<u32>(out + (i << 2), load<u32>((load<u8>(condition + i) ? x : y) + (i << 2)))
}

export function toFloatFromInt(x: usize, out: usize, begin: i32, end: i32): void {
  for (let i = <usize>begin; i < <usize>end; i++) store<f32>(out + (i << 2), <f32>load<i32>(x + (i << 2)))
}
export function toFloatFromByte(x: usize, out: usize, begin: i32, end: i32): void {
  let i = <usize>begin
  const n = <usize>end
  while (i + 4 <= n) {
    const bytes = v128.load32_zero(x + i)
    v128.store(out + (i << 2), f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes))))
    i += 4
  }
  for (; i < n; i++) store<f32>(out + (i << 2), <f32>load<u8>(x + i))
}
@unmanaged
class Truncate {
  @inline f(x: v128): v128 {
    const fits = v128.and(f32x4.ge(x, f32x4.splat(-2147483648)), f32x4.lt(x, f32x4.splat(2147483648)))
    Fit.not(v128.not(fits))
    return i32x4.trunc_sat_f32x4_s(x)
  }
}
/** Towards zero; reports NaN and what does not fit. */
export function toIntFromFloat(x: usize, out: usize, status: usize, begin: i32, end: i32): void {
  map1<Truncate>(x, out, begin, end)
  Fit.end(status)
}
export function toIntFromByte(x: usize, out: usize, begin: i32, end: i32): void {
  for (let i = <usize>begin; i < <usize>end; i++) store<i32>(out + (i << 2), load<u8>(x + i))
}
/** Towards zero; reports NaN and what does not fit. */
export function toByteFromFloat(x: usize, out: usize, status: usize, begin: i32, end: i32): void {
  for (let i = <usize>begin; i < <usize>end; i++) {
    const value = load<f32>(x + (i << 2))
    if (!(value > -1 && value < 256)) return report(status, 0)
    store<u8>(out + i, <i32>value)
  }
}
/** Reports what does not fit. */
export function toByteFromInt(x: usize, out: usize, status: usize, begin: i32, end: i32): void {
  for (let i = <usize>begin; i < <usize>end; i++) {
    const value = load<i32>(x + (i << 2))
    if (<u32>value > 255) return report(status, 0)
    store<u8>(out + i, value)
  }
}
/** 1 where not 0 (NaN is not 0). */
export function toBoolFromFloat(x: usize, out: usize, begin: i32, end: i32): void {
  for (let i = <usize>begin; i < <usize>end; i++) store<u8>(out + i, load<f32>(x + (i << 2)) != 0)
}
export function toBoolFromInt(x: usize, out: usize, begin: i32, end: i32): void {
  for (let i = <usize>begin; i < <usize>end; i++) store<u8>(out + i, load<i32>(x + (i << 2)) != 0)
}
export function toBoolFromByte(x: usize, out: usize, begin: i32, end: i32): void {
  for (let i = <usize>begin; i < <usize>end; i++) store<u8>(out + i, load<u8>(x + i) != 0)
}
