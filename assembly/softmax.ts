// Softmax over the last axis: x and out are rows of n elements; `begin` and `end` count rows.
//
// Rows are taken four at a time: their last elements, sums and logarithms then share a vector, one lane a row, which is most of the work where
// n is small. What is left is taken row by row, all lanes alike. A row's bits do not depend on its company.
// @cost 1: nanoseconds an element on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { Exp } from './math/exp'
import { Log } from './math/log'
import { Vector } from './math/vector'
import { report } from './status'

const CONSTANTS: usize = memory.data<f32>([-0.6931471805599453, 1.0])
const LOG_HALF: usize = 0
const ONE: usize = 4

class Rows {
  /** How many rows go together. */
  @inline static together(left: i32): i32 {
    return left >= 4 ? 4 : 1
  }
  /** One element of each: from `p`, and at row distances from it. */
  @inline static gather(p: usize, row: usize): v128 {
    const low = v128.load32_lane(p + row, v128.load32_splat(p), 1)
    return v128.load32_lane(p + 3 * row, v128.load32_lane(p + 2 * row, low, 2), 3)
  }
  @inline static scatter(p: usize, row: usize, v: v128): void {
    v128.store32_lane(p, v, 0)
    v128.store32_lane(p + row, v, 1)
    v128.store32_lane(p + 2 * row, v, 2)
    v128.store32_lane(p + 3 * row, v, 3)
  }
  /** Lane 0 everywhere. */
  @inline static first(v: v128): v128 {
    return v128.shuffle<u32>(v, v, 0, 0, 0, 0)
  }
  /** The next row's lane comes first. */
  @inline static next(v: v128): v128 {
    return v128.shuffle<u32>(v, v, 1, 2, 3, 0)
  }
}

/** Rows to lanes: what is combined of lanes 0 and 2, and of 1 and 3, is combined of these. */
class Across {
  @inline static low(a: v128, b: v128): v128 {
    return v128.shuffle<u32>(a, b, 0, 4, 1, 5)
  }
  @inline static high(a: v128, b: v128): v128 {
    return v128.shuffle<u32>(a, b, 2, 6, 3, 7)
  }
  @inline static even(low: v128, high: v128): v128 {
    return v128.shuffle<u64>(low, high, 0, 2)
  }
  @inline static odd(low: v128, high: v128): v128 {
    return v128.shuffle<u64>(low, high, 1, 3)
  }
  /** (v0 + v2) + (v1 + v3) of each row. */
  @inline static sum(a: v128, b: v128, c: v128, d: v128): v128 {
    const ab = f32x4.add(Across.low(a, b), Across.high(a, b))
    const cd = f32x4.add(Across.low(c, d), Across.high(c, d))
    return f32x4.add(Across.even(ab, cd), Across.odd(ab, cd))
  }
  @inline static max(a: v128, b: v128, c: v128, d: v128): v128 {
    const ab = f32x4.max(Across.low(a, b), Across.high(a, b))
    const cd = f32x4.max(Across.low(c, d), Across.high(c, d))
    return f32x4.max(Across.even(ab, cd), Across.odd(ab, cd))
  }
}

/** What becomes of an element, given the largest of its row. */
class Element {
  /** e^(x - largest); at a largest of +Infinity 1 there and 0 elsewhere, as Flux has it. */
  @inline static exponential(x: v128, largest: v128, infinite: bool): v128 {
    const e = Exp.orZero(f32x4.sub(x, largest))
    return infinite ? v128.bitselect(f32x4.splat(1), e, f32x4.eq(x, largest)) : e
  }
  /** e, but 0 for the largest, where it is 1. */
  @inline static smaller(e: v128): v128 {
    return v128.andnot(e, f32x4.eq(e, v128.load32_splat(CONSTANTS, ONE)))
  }
  /** x - largest - log; at a largest of +Infinity 0 - log there. */
  @inline static shifted(x: v128, largest: v128, log: v128, infinite: bool): v128 {
    const difference = f32x4.sub(x, largest)
    return f32x4.sub(infinite ? v128.andnot(difference, f32x4.eq(x, largest)) : difference, log)
  }
}

/** The largest of each row, NaN if one is in it. */
function largestOf(rows: i32, p: usize, n: i32): v128 {
  const row = (<usize>n) << 2
  let left = n
  if (rows === 1) {
    let four = v128.load32_splat(p)
    for (; left >= 4; left -= 4, p += 16) four = f32x4.max(four, v128.load(p))
    four = Across.max(four, four, four, four)
    for (; left > 0; left--, p += 4) four = f32x4.max(four, v128.load32_splat(p))
    return four
  }
  let largest = Rows.gather(p, row)
  if (left >= 4) {
    let a = v128.load(p)
    let b = v128.load(p + row)
    let c = v128.load(p + 2 * row)
    let d = v128.load(p + 3 * row)
    for (left -= 4, p += 16; left >= 4; left -= 4, p += 16) {
      a = f32x4.max(a, v128.load(p))
      b = f32x4.max(b, v128.load(p + row))
      c = f32x4.max(c, v128.load(p + 2 * row))
      d = f32x4.max(d, v128.load(p + 3 * row))
    }
    largest = Across.max(a, b, c, d)
  }
  for (; left > 0; left--, p += 4) largest = f32x4.max(largest, Rows.gather(p, row))
  return largest
}

/** Is one of them +Infinity? */
function anyInfinite(largest: v128): bool {
  return v128.any_true(f32x4.eq(largest, f32x4.splat(Infinity)))
}

/** What `exponentials` gives beside its result. */
class Beside {
  /** The sums of what is smaller than the largest, if nothing is written. */
  static rest: v128 = i32x4.splat(0)
}

/** Writes e^(x - largest) to q unless it is null, and returns the sum of each row. */
function exponentials(rows: i32, p: usize, q: usize, n: i32, largest: v128): v128 {
  const infinite = anyInfinite(largest)
  const row = (<usize>n) << 2
  let left = n
  let sum = i32x4.splat(0)
  let rest = sum
  if (rows === 1) {
    for (; left >= 4; left -= 4, p += 16) {
      const e = Element.exponential(v128.load(p), largest, infinite)
      sum = f32x4.add(sum, e)
      if (q) {
        v128.store(q, e)
        q += 16
      } else rest = f32x4.add(rest, Element.smaller(e))
    }
    sum = Across.sum(sum, sum, sum, sum)
    rest = Across.sum(rest, rest, rest, rest)
    for (; left > 0; left--, p += 4) {
      const e = Element.exponential(v128.load32_splat(p), largest, infinite)
      sum = f32x4.add(sum, e)
      if (q) {
        v128.store32_lane(q, e, 0)
        q += 4
      } else rest = f32x4.add(rest, Element.smaller(e))
    }
    Beside.rest = rest
    return sum
  }
  if (left >= 4) {
    const second = Rows.next(largest)
    const third = Rows.next(second)
    const largestA = Rows.first(largest)
    const largestB = Rows.first(second)
    const largestC = Rows.first(third)
    const largestD = Rows.first(Rows.next(third))
    let a = i32x4.splat(0)
    let b = i32x4.splat(0)
    let c = i32x4.splat(0)
    let d = i32x4.splat(0)
    let restA = a
    let restB = a
    let restC = a
    let restD = a
    for (; left >= 4; left -= 4, p += 16) {
      const ea = Element.exponential(v128.load(p), largestA, infinite)
      const eb = Element.exponential(v128.load(p + row), largestB, infinite)
      const ec = Element.exponential(v128.load(p + 2 * row), largestC, infinite)
      const ed = Element.exponential(v128.load(p + 3 * row), largestD, infinite)
      a = f32x4.add(a, ea)
      b = f32x4.add(b, eb)
      c = f32x4.add(c, ec)
      d = f32x4.add(d, ed)
      if (q) {
        v128.store(q, ea)
        v128.store(q + row, eb)
        v128.store(q + 2 * row, ec)
        v128.store(q + 3 * row, ed)
        q += 16
      } else {
        restA = f32x4.add(restA, Element.smaller(ea))
        restB = f32x4.add(restB, Element.smaller(eb))
        restC = f32x4.add(restC, Element.smaller(ec))
        restD = f32x4.add(restD, Element.smaller(ed))
      }
    }
    sum = Across.sum(a, b, c, d)
    rest = Across.sum(restA, restB, restC, restD)
  }
  for (; left > 0; left--, p += 4) {
    const e = Element.exponential(Rows.gather(p, row), largest, infinite)
    sum = f32x4.add(sum, e)
    if (q) {
      Rows.scatter(q, row, e)
      q += 4
    } else rest = f32x4.add(rest, Element.smaller(e))
  }
  Beside.rest = rest
  return sum
}

/** log Σ e^(x - largest) of each row; where that is small, exact to its last places. */
function logarithms(rows: i32, p: usize, n: i32, largest: v128): v128 {
  const sum = exponentials(rows, p, 0, n, largest)
  const near = f32x4.lt(sum, f32x4.splat(1.5))
  return Log.log1p(v128.bitselect(Beside.rest, f32x4.sub(sum, v128.load32_splat(CONSTANTS, ONE)), near))
}

export function softmax(x: usize, out: usize, n: i32, begin: i32, end: i32): void {
  while (begin < end) {
    const rows = Rows.together(end - begin)
    const p = x + ((<usize>begin * <usize>n) << 2)
    let q = out + ((<usize>begin * <usize>n) << 2)
    let sums = exponentials(rows, p, q, n, largestOf(rows, p, n))
    begin += rows
    for (let r = rows; r > 0; r--, sums = Rows.next(sums)) {
      const sum = Rows.first(sums)
      let left = n
      for (; left >= 4; left -= 4, q += 16) v128.store(q, f32x4.div(v128.load(q), sum))
      for (; left > 0; left--, q += 4) v128.store32_lane(q, f32x4.div(v128.load32_zero(q), sum), 0)
    }
  }
}

/** The element of g at the largest of y, in a row of n. */
function atLargest(g: usize, y: usize, n: i32): v128 {
  let largest = i32x4.splat(0)
  let at = largest
  for (; n >= 4; n -= 4, g += 16, y += 16) {
    const v = v128.load(y)
    const isLarger = f32x4.gt(v, largest)
    largest = v128.bitselect(v, largest, isLarger)
    at = v128.bitselect(v128.load(g), at, isLarger)
  }
  for (let step = 0; step < 2; step++) {
    const other = step ? v128.shuffle<u32>(largest, largest, 1, 0, 3, 2) : v128.shuffle<u32>(largest, largest, 2, 3, 0, 1)
    const there = step ? v128.shuffle<u32>(at, at, 1, 0, 3, 2) : v128.shuffle<u32>(at, at, 2, 3, 0, 1)
    const isLarger = f32x4.gt(other, largest)
    largest = v128.bitselect(other, largest, isLarger)
    at = v128.bitselect(there, at, isLarger)
  }
  at = Rows.first(at)
  for (; n > 0; n--, g += 4, y += 4) {
    const v = v128.load32_splat(y)
    const isLarger = f32x4.gt(v, Rows.first(largest))
    largest = v128.bitselect(v, Rows.first(largest), isLarger)
    at = v128.bitselect(v128.load32_splat(g), at, isLarger)
  }
  return at
}

/**
 * out = y (g - Σ g y) in each row: the gradient of `softmax` from its output. Of all g that at the largest y is taken first, which the formula
 * leaves as it is: so nothing cancels where that y is almost 1.
 */
export function softmaxGradient(g: usize, y: usize, out: usize, n: i32, begin: i32, end: i32): void {
  const row = (<usize>n) << 2
  for (; begin < end; begin++) {
    const at = <usize>begin * row
    let p = g + at
    let r = y + at
    let q = out + at
    let left = n
    const base = atLargest(p, r, n)
    let sum = i32x4.splat(0)
    for (; left >= 4; left -= 4, p += 16, r += 16) sum = Vector.fma(f32x4.sub(v128.load(p), base), v128.load(r), sum)
    sum = Across.sum(sum, sum, sum, sum)
    for (; left > 0; left--, p += 4, r += 4) sum = Vector.fma(f32x4.sub(v128.load32_splat(p), base), v128.load32_splat(r), sum)
    p -= row
    r -= row
    for (left = n; left >= 4; left -= 4, p += 16, r += 16, q += 16) {
      v128.store(q, f32x4.mul(v128.load(r), f32x4.sub(f32x4.sub(v128.load(p), base), sum)))
    }
    for (; left > 0; left--, p += 4, r += 4, q += 4) {
      v128.store32_lane(q, f32x4.mul(v128.load32_zero(r), f32x4.sub(f32x4.sub(v128.load32_zero(p), base), sum)), 0)
    }
  }
}

export function logSoftmax(x: usize, out: usize, n: i32, begin: i32, end: i32): void {
  while (begin < end) {
    const rows = Rows.together(end - begin)
    let p = x + ((<usize>begin * <usize>n) << 2)
    let q = out + ((<usize>begin * <usize>n) << 2)
    let largests = largestOf(rows, p, n)
    let logs = logarithms(rows, p, n, largests)
    const infinite = anyInfinite(largests)
    begin += rows
    for (let r = rows; r > 0; r--, logs = Rows.next(logs), largests = Rows.next(largests)) {
      const log = Rows.first(logs)
      const largest = Rows.first(largests)
      let left = n
      for (; left >= 4; left -= 4, p += 16, q += 16) v128.store(q, Element.shifted(v128.load(p), largest, log, infinite))
      for (; left > 0; left--, p += 4, q += 4) v128.store32_lane(q, Element.shifted(v128.load32_zero(p), largest, log, infinite), 0)
    }
  }
}

/** The sum of n elements. */
function sumOf(p: usize, n: i32): f32 {
  let four = i32x4.splat(0)
  for (; n >= 4; n -= 4, p += 16) four = f32x4.add(four, v128.load(p))
  let sum = f32x4.extract_lane(Across.sum(four, four, four, four), 0)
  for (; n > 0; n--, p += 4) sum += load<f32>(p)
  return sum
}

/**
 * out = g - e^y Σ g in each row: the gradient of `logSoftmax` from its output. Where e^y is almost 1 the formula cancels: there it is g times
 * the sum of the others' e^y, less e^y times the sum of the others' g.
 */
export function logSoftmaxGradient(g: usize, y: usize, out: usize, n: i32, begin: i32, end: i32): void {
  const row = (<usize>n) << 2
  const half = v128.load32_splat(CONSTANTS, LOG_HALF)
  for (; begin < end; begin++) {
    const at = <usize>begin * row
    const p = g + at
    const r = y + at
    const q = out + at
    const sum = f32x4.splat(sumOf(p, n))
    let likely: i32 = -1
    let i: usize = 0
    for (; i + 16 <= row; i += 16) {
      const v = v128.load(r + i)
      v128.store(q + i, f32x4.sub(v128.load(p + i), f32x4.mul(Exp.exp(v), sum)))
      const isLikely = f32x4.gt(v, half)
      if (v128.any_true(isLikely)) likely = <i32>(i >> 2) + ctz(i32x4.bitmask(isLikely))
    }
    for (; i < row; i += 4) {
      const v = v128.load32_zero(r + i)
      v128.store32_lane(q + i, f32x4.sub(v128.load32_zero(p + i), f32x4.mul(Exp.exp(v), sum)), 0)
      if (f32x4.extract_lane(v, 0) > f32x4.extract_lane(half, 0)) likely = <i32>(i >> 2)
    }
    if (likely < 0) continue
    const there = (<usize>likely) << 2
    const v = v128.load32_splat(r + there)
    const others = f32x4.splat(sumOf(p, likely) + sumOf(p + there + 4, n - 1 - likely))
    const ownPart = f32x4.mul(v128.load32_splat(p + there), f32x4.neg(Exp.expm1(v)))
    v128.store32_lane(q + there, f32x4.sub(ownPart, f32x4.mul(Exp.exp(v), others)), 0)
  }
}

/**
 * losses[row] = log Σ e^x - x[class], for int32 classes; the first that is no class is left in the status word as 1 + its place. `begin` and
 * `end` count rows.
 */
export function crossEntropy(x: usize, classes: usize, losses: usize, n: i32, status: usize, begin: i32, end: i32): void {
  while (begin < end) {
    const rows = Rows.together(end - begin)
    const p = x + ((<usize>begin * <usize>n) << 2)
    const largest = largestOf(rows, p, n)
    let log = logarithms(rows, p, n, largest)
    const infinite = anyInfinite(largest)
    let largests = largest
    for (const last = begin + rows; begin < last; begin++, log = Rows.next(log), largests = Rows.next(largests)) {
      const target = load<i32>(classes + ((<usize>begin) << 2))
      if (<u32>target >= <u32>n) return report(status, begin)
      const own = v128.load32_splat(x + ((<usize>begin * <usize>n + <usize>target) << 2))
      v128.store32_lane(losses + ((<usize>begin) << 2), f32x4.neg(Element.shifted(own, largests, log, infinite)), 0)
    }
  }
}

/** How far below 1 a probability counts as 1, whose difference from it is lost: then that is the sum of the others. */
const NEAR: f32 = 0.00000762939453125

/**
 * out[row] = g[row] (softmax(x[row]) - 1 at the class): the gradient of `crossEntropy`, or with a number of rows as `mean` that of the mean,
 * g[0] / mean for all rows. `begin` and `end` count rows.
 */
export function crossEntropyGradient(x: usize, classes: usize, g: usize, out: usize, n: i32, mean: i32, begin: i32, end: i32): void {
  while (begin < end) {
    const rows = Rows.together(end - begin)
    const p = x + ((<usize>begin * <usize>n) << 2)
    let q = out + ((<usize>begin * <usize>n) << 2)
    let sums = exponentials(rows, p, q, n, largestOf(rows, p, n))
    for (const last = begin + rows; begin < last; begin++, sums = Rows.next(sums)) {
      const target = load<i32>(classes + ((<usize>begin) << 2))
      const at = q + ((<usize>target) << 2)
      const slope = mean > 0 ? load<f32>(g) / <f32>mean : load<f32>(g + ((<usize>begin) << 2))
      const scale = f32x4.div(f32x4.splat(slope), Rows.first(sums))
      let left = n
      for (; left >= 4; left -= 4, q += 16) v128.store(q, f32x4.mul(v128.load(q), scale))
      for (; left > 0; left--, q += 4) v128.store32_lane(q, f32x4.mul(v128.load32_zero(q), scale), 0)
      const rest = load<f32>(at) - slope
      const isLost = abs(rest) < NEAR * abs(slope)
      store<f32>(at, isLost ? -(sumOf(at - ((<usize>target) << 2), target) + sumOf(at + 4, n - 1 - target)) : rest)
    }
  }
}
