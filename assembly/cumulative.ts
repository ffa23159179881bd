// Sums up to each element along the middle axis of [outer, n, inner]: a unit of work is one row, of n elements that lie `inner` apart.
// @cost 1.2: nanoseconds an element of x.
import { Vector } from './math/vector'
import { report } from './status'

/** float32, in double precision; `isReverse`: from the end. */
export function cumsum(x: usize, out: usize, n: i32, inner: i32, isReverse: i32, begin: i32, end: i32): void {
  const step = ((<isize>inner) << 2) * (isReverse ? -1 : 1)
  for (let at = begin; at < end; ) {
    const outer = at / inner
    const column = at - outer * inner
    const first = isReverse ? n - 1 : 0
    const from = ((<usize>outer * <usize>n + <usize>first) * <usize>inner + <usize>column) << 2
    let p = x + from
    let q = out + from
    if (inner - column >= 4 && end - at >= 4) {
      let low = f64x2.splat(0)
      let high = low
      for (let i = 0; i < n; i++, p += step, q += step) {
        const four = v128.load(p)
        low = f64x2.add(low, f64x2.promote_low_f32x4(four))
        high = f64x2.add(high, f64x2.promote_low_f32x4(Vector.high(four)))
        v128.store(q, Vector.demote(low, high))
      }
      at += 4
      continue
    }
    let sum: f64 = 0
    for (let i = 0; i < n; i++, p += step, q += step) {
      sum += <f64>load<f32>(p)
      store<f32>(q, <f32>sum)
    }
    at++
  }
}

/** int32; reports a sum that does not fit. */
export function cumsumI(x: usize, out: usize, n: i32, inner: i32, status: usize, begin: i32, end: i32): void {
  const step = (<usize>inner) << 2
  for (let at = begin; at < end; at++) {
    const outer = at / inner
    const from = (<usize>outer * <usize>n * <usize>inner + <usize>(at - outer * inner)) << 2
    let sum: i64 = 0
    for (let i = 0, to = from; i < n; i++, to += step) {
      sum += <i64>load<i32>(x + to)
      if (sum !== <i64>(<i32>sum)) return report(status, 0)
      store<i32>(out + to, <i32>sum)
    }
  }
}
