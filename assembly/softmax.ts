// Softmax over the last axis: x and out are rows of n elements; `begin` and `end` count rows.
// @cost 1.2: nanoseconds an element on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { Exp } from './math/exp'
import { Log } from './math/log'
import { report } from './status'

/** The largest of a row in every lane, NaN if one is in it. */
function rowMax(p: usize, n: i32): v128 {
  let four = v128.load32_splat(p)
  for (; n >= 4; n -= 4, p += 16) four = f32x4.max(four, v128.load(p))
  for (; n > 0; n--, p += 4) four = f32x4.max(four, v128.load32_splat(p))
  four = f32x4.max(four, v128.shuffle<u32>(four, four, 2, 3, 0, 1))
  return f32x4.max(four, v128.shuffle<u32>(four, four, 1, 0, 3, 2))
}

class Row {
  /** e^(x - max); at a largest of +Infinity 1 there and 0 elsewhere, as Flux has it. */
  @inline static exponential(x: v128, largest: v128, infinite: bool): v128 {
    const e = Exp.exp(f32x4.sub(x, largest))
    return infinite ? v128.bitselect(f32x4.splat(1), e, f32x4.eq(x, largest)) : e
  }
  @inline static total(four: v128): v128 {
    const two = f32x4.add(four, v128.shuffle<u32>(four, four, 2, 3, 0, 1))
    return f32x4.add(two, v128.shuffle<u32>(two, two, 1, 0, 3, 2))
  }
}

/** Writes e^(x - largest) to q unless it is null, and returns the sum in every lane. */
function exponentials(p: usize, q: usize, n: i32, largest: v128, infinite: bool): v128 {
  let sum = i32x4.splat(0)
  for (; n >= 4; n -= 4, p += 16) {
    const e = Row.exponential(v128.load(p), largest, infinite)
    sum = f32x4.add(sum, e)
    if (q) {
      v128.store(q, e)
      q += 16
    }
  }
  sum = Row.total(sum)
  for (; n > 0; n--, p += 4) {
    const e = Row.exponential(v128.load32_splat(p), largest, infinite)
    sum = f32x4.add(sum, e)
    if (q) {
      v128.store32_lane(q, e, 0)
      q += 4
    }
  }
  return sum
}

export function softmax(x: usize, out: usize, n: i32, begin: i32, end: i32): void {
  for (let row = begin; row < end; row++) {
    const p = x + ((<usize>row * <usize>n) << 2)
    let q = out + ((<usize>row * <usize>n) << 2)
    const largest = rowMax(p, n)
    const sum = exponentials(p, q, n, largest, f32x4.extract_lane(largest, 0) == Infinity)
    let left = n
    for (; left >= 4; left -= 4, q += 16) v128.store(q, f32x4.div(v128.load(q), sum))
    for (; left > 0; left--, q += 4) v128.store32_lane(q, f32x4.div(v128.load32_zero(q), sum), 0)
  }
}

export function logSoftmax(x: usize, out: usize, n: i32, begin: i32, end: i32): void {
  for (let row = begin; row < end; row++) {
    let p = x + ((<usize>row * <usize>n) << 2)
    let q = out + ((<usize>row * <usize>n) << 2)
    const largest = rowMax(p, n)
    const infinite = f32x4.extract_lane(largest, 0) == Infinity
    const log = Log.log(exponentials(p, 0, n, largest, infinite))
    let left = n
    for (; left >= 4; left -= 4, p += 16, q += 16) v128.store(q, shifted(v128.load(p), largest, log, infinite))
    for (; left > 0; left--, p += 4, q += 4) v128.store32_lane(q, shifted(v128.load32_zero(p), largest, log, infinite), 0)
  }
}

function shifted(x: v128, largest: v128, log: v128, infinite: bool): v128 {
  let difference = f32x4.sub(x, largest)
  if (infinite) difference = v128.bitselect(i32x4.splat(0), difference, f32x4.eq(x, largest))
  return f32x4.sub(difference, log)
}

/**
 * losses[row] = log Σ e^x - x[class], for int32 classes; the first that is no class is left in the status word as 1 + its place. `begin` and
 * `end` count rows.
 */
export function crossEntropy(x: usize, classes: usize, losses: usize, n: i32, status: usize, begin: i32, end: i32): void {
  for (let row = begin; row < end; row++) {
    const target = load<i32>(classes + ((<usize>row) << 2))
    if (<u32>target >= <u32>n) return report(status, row)
    const p = x + ((<usize>row * <usize>n) << 2)
    const largest = rowMax(p, n)
    const infinite = f32x4.extract_lane(largest, 0) == Infinity
    const log = Log.log(exponentials(p, 0, n, largest, infinite))
    const own = shifted(v128.load32_splat(p + ((<usize>target) << 2)), largest, log, infinite)
    v128.store32_lane(losses + ((<usize>row) << 2), f32x4.neg(own), 0)
  }
}

/** out[row] = g[row] (softmax(x[row]) - 1 at the class): the gradient of `crossEntropy`. `begin` and `end` count rows. */
export function crossEntropyGradient(x: usize, classes: usize, g: usize, out: usize, n: i32, begin: i32, end: i32): void {
  for (let row = begin; row < end; row++) {
    const p = x + ((<usize>row * <usize>n) << 2)
    let q = out + ((<usize>row * <usize>n) << 2)
    const at = q + ((<usize>load<i32>(classes + ((<usize>row) << 2))) << 2)
    const largest = rowMax(p, n)
    const sum = exponentials(p, q, n, largest, f32x4.extract_lane(largest, 0) == Infinity)
    const slope = load<f32>(g + ((<usize>row) << 2))
    const scale = f32x4.div(f32x4.splat(slope), sum)
    let left = n
    for (; left >= 4; left -= 4, q += 16) v128.store(q, f32x4.mul(v128.load(q), scale))
    for (; left > 0; left--, q += 4) v128.store32_lane(q, f32x4.mul(v128.load32_zero(q), scale), 0)
    store<f32>(at, load<f32>(at) - slope)
  }
}
