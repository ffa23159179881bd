// Reductions of one axis in lanes of 64 bits, as reduce.ts has them: x is [outer, n, inner], `begin` and `end` count elements of the result.
import { Vector } from './math/vector'
import { Fit } from './status'

/** Reduces int32 in lanes of 64 bits, in any order: the result is exact. */
@unmanaged
class SumI {
  @inline neutral(): v128 {
    return i32x4.splat(0)
  }
  @inline start(): v128 {
    return i64x2.splat(0)
  }
  @inline low(four: v128): v128 {
    return i64x2.extend_low_i32x4_s(four)
  }
  @inline high(four: v128): v128 {
    return i64x2.extend_high_i32x4_s(four)
  }
  @inline f(a: v128, b: v128): v128 {
    return i64x2.add(a, b)
  }
  /** Four results of two lanes each; what does not fit has another upper half than its sign repeated. */
  @inline end(low: v128, high: v128): v128 {
    const sum = v128.shuffle<i32>(low, high, 0, 2, 4, 6)
    Fit.not(i32x4.ne(v128.shuffle<i32>(low, high, 1, 3, 5, 7), i32x4.shr_s(sum, 31)))
    return sum
  }
}
/** A product beyond 2^31 counts as 2^31 + 1, until there is a 0. */
@unmanaged
class ProdI {
  @inline neutral(): v128 {
    return i32x4.splat(1)
  }
  @inline start(): v128 {
    return i64x2.splat(1)
  }
  @inline low(four: v128): v128 {
    return i64x2.extend_low_i32x4_s(four)
  }
  @inline high(four: v128): v128 {
    return i64x2.extend_high_i32x4_s(four)
  }
  @inline f(a: v128, b: v128): v128 {
    const product = i64x2.mul(a, b)
    const most = i64x2.splat(2147483649)
    return v128.bitselect(most, product, i64x2.gt_s(i64x2.abs(product), most))
  }
  @inline end(low: v128, high: v128): v128 {
    return changetype<SumI>(0).end(low, high)
  }
}
/** The root of the sum of squares of float32, in double precision: neither overflows nor vanishes on the way. */
@unmanaged
class Norm {
  @inline neutral(): v128 {
    return i32x4.splat(0)
  }
  @inline start(): v128 {
    return i64x2.splat(0)
  }
  @inline low(four: v128): v128 {
    const two = f64x2.promote_low_f32x4(four)
    return f64x2.mul(two, two)
  }
  @inline high(four: v128): v128 {
    return changetype<Norm>(0).low(Vector.high(four))
  }
  @inline f(a: v128, b: v128): v128 {
    return f64x2.add(a, b)
  }
  @inline end(low: v128, high: v128): v128 {
    return Vector.demote(f64x2.sqrt(low), f64x2.sqrt(high))
  }
}

/** n contiguous elements, in one lane of 64 bits. */
function rowOf<F>(p: usize, n: i32): v128 {
  let a = changetype<F>(0).start()
  let b = a
  for (; n > 0; n -= 4, p += 16) {
    let four = changetype<F>(0).neutral()
    if (n >= 4) four = v128.load(p)
    else {
      four = v128.load32_lane(p, four, 0)
      if (n > 1) four = v128.load32_lane(p + 4, four, 1)
      if (n > 2) four = v128.load32_lane(p + 8, four, 2)
    }
    a = changetype<F>(0).f(a, changetype<F>(0).low(four))
    b = changetype<F>(0).f(b, changetype<F>(0).high(four))
  }
  const two = changetype<F>(0).f(a, b)
  return changetype<F>(0).f(two, v128.shuffle<u64>(two, two, 1, 0))
}

/** `reduce` in lanes of 64 bits. */
function reduceWide<F>(x: usize, out: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  const step = (<usize>inner) << 2
  for (let at = begin; at < end; ) {
    const q = out + ((<usize>at) << 2)
    const outer = at / inner
    const column = at - outer * inner
    let p = x + ((<usize>outer * <usize>n * <usize>inner + <usize>column) << 2)
    if (inner === 1) {
      const one = rowOf<F>(p, n)
      v128.store32_lane(q, changetype<F>(0).end(one, one), 0)
      at++
      continue
    }
    const four = inner - column >= 4 && end - at >= 4
    let a = changetype<F>(0).start()
    let b = a
    for (let i = 0; i < n; i++, p += step) {
      const row = four ? v128.load(p) : v128.load32_lane(p, changetype<F>(0).neutral(), 0)
      a = changetype<F>(0).f(a, changetype<F>(0).low(row))
      if (four) b = changetype<F>(0).f(b, changetype<F>(0).high(row))
    }
    const ended = changetype<F>(0).end(a, b)
    if (four) v128.store(q, ended)
    else v128.store32_lane(q, ended, 0)
    at += four ? 4 : 1
  }
}

/** @cost 0.25 */
export function sumI(x: usize, out: usize, n: i32, inner: i32, status: usize, begin: i32, end: i32): void {
  reduceWide<SumI>(x, out, n, inner, begin, end)
  Fit.end(status)
}
/** @cost 0.5 */
export function prodI(x: usize, out: usize, n: i32, inner: i32, status: usize, begin: i32, end: i32): void {
  reduceWide<ProdI>(x, out, n, inner, begin, end)
  Fit.end(status)
}
/** The Euclidean norm. @cost 0.4 */
export function norm(x: usize, out: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  reduceWide<Norm>(x, out, n, inner, begin, end)
}

/** out[o, j, i] = x[o, j, i] g[o, i] / norm[o, i]: the norm's gradient, 0 where it is 0. @cost 0.8 */
export function normGradient(x: usize, g: usize, out: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  const step = (<usize>inner) << 2
  for (let at = begin; at < end; at++) {
    const outer = at / inner
    const from = (<usize>outer * <usize>n * <usize>inner + <usize>(at - outer * inner)) << 2
    let p = x + from
    let q = out + from
    let squares: f64 = 0
    if (inner === 1) squares = f64x2.extract_lane(rowOf<Norm>(p, n), 0)
    else for (let i = 0; i < n; i++) squares += <f64>load<f32>(p + <usize>i * step) * <f64>load<f32>(p + <usize>i * step)
    const factor = squares === 0 ? 0 : <f64>load<f32>(g + ((<usize>at) << 2)) / sqrt<f64>(squares)
    const two = f64x2.splat(factor)
    let i = 0
    if (inner === 1) {
      for (; i + 4 <= n; i += 4, p += 16, q += 16) {
        const four = v128.load(p)
        const low = f64x2.mul(f64x2.promote_low_f32x4(four), two)
        v128.store(q, Vector.demote(low, f64x2.mul(f64x2.promote_low_f32x4(Vector.high(four)), two)))
      }
    }
    for (; i < n; i++, p += step, q += step) store<f32>(q, <f32>(<f64>load<f32>(p) * factor))
  }
}
