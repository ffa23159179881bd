// Kernels of the losses, on float32 elements.
// @cost 1.5: nanoseconds an element on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { map3 } from './map'
import { Exp } from './math/exp'
import { Log } from './math/log'
import { Vector } from './math/vector'
import { report } from './status'

const CONSTANTS: usize = memory.data<f32>([Infinity])
const INFINITE: usize = 0

@unmanaged
class BinaryCrossEntropy {
  @inline f(x: v128, positive: v128, negative: v128): v128 {
    const zero = i32x4.splat(0)
    const tail = Log.softplusOfNegative(x)
    const ofPositive = BinaryCrossEntropy.part(positive, f32x4.add(Vector.atLeast(f32x4.neg(x), zero), tail))
    return f32x4.add(ofPositive, BinaryCrossEntropy.part(negative, f32x4.add(Vector.atLeast(x, zero), tail)))
  }

  /** A share times the loss of its side: a share of 0 takes nothing of an infinite one. */
  @inline static part(share: v128, loss: v128): v128 {
    const nothing = v128.and(f32x4.eq(share, i32x4.splat(0)), f32x4.eq(loss, v128.load32_splat(CONSTANTS, INFINITE)))
    return v128.andnot(f32x4.mul(share, loss), nothing)
  }
}
@unmanaged
class BinaryCrossEntropySlope {
  @inline f(x: v128, positive: v128, negative: v128): v128 {
    return f32x4.sub(f32x4.mul(negative, Exp.sigmoid(x)), f32x4.mul(positive, Exp.sigmoid(f32x4.neg(x))))
  }
}

/** out[i] = positive[i] softplus(-x[i]) + negative[i] softplus(x[i]), each accurate where the other is large. */
export function binaryCrossEntropy(x: usize, positive: usize, negative: usize, out: usize, begin: i32, end: i32): void {
  map3<BinaryCrossEntropy>(x, positive, negative, out, begin, end)
}
/** Its derivative by x. */
export function binaryCrossEntropySlope(x: usize, positive: usize, negative: usize, out: usize, begin: i32, end: i32): void {
  map3<BinaryCrossEntropySlope>(x, positive, negative, out, begin, end)
}

/**
 * out[i] = log(x[i] + eps); the first x below `low` or above `high` is left in the status word as 1 + its place. NaN passes.
 * @cost 0.7
 */
export function logProbability(x: usize, out: usize, eps: f32, low: f32, high: f32, status: usize, begin: i32, end: i32): void {
  const last = (<usize>end) << 2
  const more = f32x4.splat(eps)
  const lowest = f32x4.splat(low)
  const highest = f32x4.splat(high)
  let i = (<usize>begin) << 2
  for (; i + 16 <= last; i += 16) {
    const p = v128.load(x + i)
    if (v128.any_true(v128.or(f32x4.lt(p, lowest), f32x4.gt(p, highest)))) break
    v128.store(out + i, Log.log(f32x4.add(p, more)))
  }
  for (; i < last; i += 4) {
    const p = load<f32>(x + i)
    if (p < low || p > high) return report(status, <i32>(i >> 2))
    v128.store32_lane(out + i, Log.log(f32x4.add(v128.load32_zero(x + i), more)), 0)
  }
}

/** The first x below `low` or above `high` is left in the status word as 1 + its place; NaN passes. @cost 0.15 */
export function outside(x: usize, low: f32, high: f32, status: usize, begin: i32, end: i32): void {
  const lowest = f32x4.splat(low)
  const highest = f32x4.splat(high)
  let p = x + ((<usize>begin) << 2)
  let i = begin
  for (; i + 4 <= end; i += 4, p += 16) {
    const v = v128.load(p)
    if (v128.any_true(v128.or(f32x4.lt(v, lowest), f32x4.gt(v, highest)))) break
  }
  for (; i < end; i++, p += 4) if (load<f32>(p) < low || load<f32>(p) > high) return report(status, i)
}
