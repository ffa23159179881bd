// Pooling of planes over windows of up to three axes, and its adjoints. x is planes of the axes' sizes, y planes of their counts of windows.
// Sums are double, but where windows are 2 x 2 side by side, which have a way of their own.
// @cost 1: nanoseconds an element that is read on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { Vector } from './math/vector'

/** Of each axis, depth, height and width, five words in this order. */
@unmanaged
export class Pooling {
  x: usize
  y: usize
  /** Of each maximum where it lies in its plane of x, int32; 0: nobody asks. */
  places: usize
  sizeD: i32
  countD: i32
  /** How long a window is; 0: as it comes, from floor(i size / count) up to ceil((i + 1) size / count). */
  windowD: i32
  strideD: i32
  /** Before the first element. */
  padD: i32
  sizeH: i32
  countH: i32
  windowH: i32
  strideH: i32
  padH: i32
  sizeW: i32
  countW: i32
  windowW: i32
  strideW: i32
  padW: i32
  /** By how many a mean divides; 0: by those of the window that are not padding. */
  divisor: i32
}

const CONSTANTS: usize = memory.data<i32>([0, 1, 2, 3])
const QUARTER: usize = memory.data<f32>([0.25])

/** Where window i of an axis begins, which may be before its first element. */
function begins(axis: usize, i: i32): i32 {
  if (!load<i32>(axis, 8)) return <i32>((<u64>i * <u64>load<i32>(axis)) / <u64>load<i32>(axis, 4))
  return i * load<i32>(axis, 12) - load<i32>(axis, 16)
}

/** Behind which element it ends. */
function ends(axis: usize, i: i32): i32 {
  const size = load<i32>(axis)
  const window = load<i32>(axis, 8)
  const count = <u64>load<i32>(axis, 4)
  if (!window) return <i32>((<u64>(i + 1) * <u64>size + count - 1) / count)
  return min(begins(axis, i) + window, size)
}

/** Are the windows 2 x 2 side by side, none with padding in it, and four of them or more in a row? */
function isPaired(by: Pooling): bool {
  const isTwo = ((by.windowH ^ 2) | (by.windowW ^ 2) | (by.strideH ^ 2) | (by.strideW ^ 2)) === 0
  const isInside = 2 * by.countH <= by.sizeH && 2 * by.countW <= by.sizeW && (by.padH | by.padW) === 0
  return isTwo && by.sizeD === 1 && isInside && by.windowD === 1 && by.countW >= 4
}

class Four {
  /** Four elements, `step` bytes apart. */
  @inline static load(p: usize, step: usize): v128 {
    if (step === 4) return v128.load(p)
    if (step === 8) return v128.shuffle<u32>(v128.load(p), v128.load(p + 12), 0, 2, 5, 7)
    const two = v128.load32_lane(p + step, v128.load32_zero(p), 1)
    return v128.load32_lane(p + 3 * step, v128.load32_lane(p + 2 * step, two, 2), 3)
  }
  /** Does v become the largest? A NaN does. */
  @inline static wins(v: v128, largest: v128): v128 {
    return v128.or(f32x4.gt(v, largest), f32x4.ne(v, v))
  }
  /** The larger one, the first of equals; a NaN stays. */
  @inline static larger(largest: v128, v: v128): v128 {
    return v128.or(f32x4.pmax(largest, v), f32x4.ne(v, v))
  }
  @inline static even(a: v128, b: v128): v128 {
    return v128.shuffle<u32>(a, b, 0, 2, 4, 6)
  }
  @inline static odd(a: v128, b: v128): v128 {
    return v128.shuffle<u32>(a, b, 1, 3, 5, 7)
  }
}

/** A row of pairs: `p` is the first element of its two rows of x, `at` the place of that. */
function pairs(by: Pooling, p: usize, q: usize, places: usize, at: i32, isMean: bool): void {
  const row = (<usize>by.sizeW) << 2
  const last = by.countW - 4
  const lanes = i32x4.shl(v128.load(CONSTANTS), 1)
  const below = i32x4.splat(by.sizeW)
  const quarter = v128.load32_splat(QUARTER)
  for (let j = 0; ; j = min(j + 4, last)) {
    const r = p + ((<usize>j) << 3)
    const to = (<usize>j) << 2
    const a = Four.even(v128.load(r), v128.load(r, 16))
    const b = Four.odd(v128.load(r), v128.load(r, 16))
    const c = Four.even(v128.load(r + row), v128.load(r + row, 16))
    const d = Four.odd(v128.load(r + row), v128.load(r + row, 16))
    if (isMean) {
      v128.store(q + to, f32x4.mul(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), quarter))
    } else {
      const ab = Four.larger(a, b)
      const abc = Four.larger(ab, c)
      v128.store(q + to, Four.larger(abc, d))
      if (places) {
        const first = i32x4.add(i32x4.splat(at + 2 * j), lanes)
        const second = i32x4.add(first, below)
        const isD = Four.wins(d, abc)
        const place = v128.bitselect(second, i32x4.sub(first, Four.wins(b, a)), Four.wins(c, ab))
        v128.store(places + to, v128.bitselect(i32x4.sub(second, isD), place, isD))
      }
    }
    if (j === last) return
  }
}

/** Rows of y, four windows at a time where they lie within x. */
function pooled(by: Pooling, begin: i32, end: i32, isMean: bool): void {
  const depth = changetype<usize>(by) + offsetof<Pooling>('sizeD')
  const height = changetype<usize>(by) + offsetof<Pooling>('sizeH')
  const width = changetype<usize>(by) + offsetof<Pooling>('sizeW')
  const rows = by.sizeH
  const columns = by.sizeW
  const count = by.countW
  const window = by.windowW
  const stride = by.strideW
  const step = (<usize>stride) << 2
  const lanes = i32x4.mul(v128.load(CONSTANTS), i32x4.splat(stride))
  const isPair = isPaired(by)
  const size = (<usize>by.sizeD * <usize>rows * <usize>columns) << 2
  // A division a row would cost as much as four windows of 2 x 2.
  const rest = begin / by.countH
  let h = begin - rest * by.countH - 1
  let d = rest % by.countD
  let x = by.x + <usize>(rest / by.countD) * size
  for (let row = begin; row < end; row++) {
    if (++h === by.countH) {
      h = 0
      if (++d === by.countD) {
        d = 0
        x += size
      }
    }
    const offset = (<usize>row * <usize>count) << 2
    let q = by.y + offset
    let places = by.places ? by.places + offset : 0
    if (isPair) {
      const at = 2 * h * columns
      pairs(by, x + ((<usize>at) << 2), q, places, at, isMean)
      continue
    }
    const d0 = max(begins(depth, d), 0)
    const d1 = ends(depth, d)
    const h0 = max(begins(height, h), 0)
    const h1 = ends(height, h)
    for (let j = 0; j < count; ) {
      const begun = window ? j * stride - by.padW : begins(width, j)
      const w0 = max(begun, 0)
      const w1 = window ? min(begun + window, columns) : ends(width, j)
      const isFour = window > 0 && begun >= 0 && j + 4 <= count && begun + 3 * stride + window <= columns
      let best = f32x4.splat(-Infinity)
      let place = i32x4.add(i32x4.splat((d0 * rows + h0) * columns + w0), lanes)
      let low = i32x4.splat(0)
      let high = low
      for (let k = d0; k < d1; k++) {
        for (let i = h0; i < h1; i++) {
          let at = (k * rows + i) * columns + w0
          let p = x + ((<usize>at) << 2)
          for (let left = w1 - w0; left > 0; left--, p += 4, at++) {
            const v = isFour ? Four.load(p, step) : v128.load32_splat(p)
            if (isMean) {
              low = f64x2.add(low, f64x2.promote_low_f32x4(v))
              high = f64x2.add(high, f64x2.promote_low_f32x4(Vector.high(v)))
            } else {
              if (places) place = v128.bitselect(i32x4.add(i32x4.splat(at), lanes), place, Four.wins(v, best))
              best = Four.larger(best, v)
            }
          }
        }
      }
      if (isMean) {
        const n = f64x2.splat(<f64>(by.divisor || (d1 - d0) * (h1 - h0) * (w1 - w0)))
        best = Vector.demote(f64x2.div(low, n), f64x2.div(high, n))
      }
      const so = isFour ? 4 : 1
      if (isFour) v128.store(q, best)
      else v128.store32_lane(q, best, 0)
      if (places) {
        if (isFour) v128.store(places, place)
        else v128.store32_lane(places, place, 0)
        places += (<usize>so) << 2
      }
      q += (<usize>so) << 2
      j += so
    }
  }
}

/** Planes of x, of which each element gets what came from it of y. */
function spread(by: Pooling, begin: i32, end: i32, isMean: bool): void {
  const depth = changetype<usize>(by) + offsetof<Pooling>('sizeD')
  const height = changetype<usize>(by) + offsetof<Pooling>('sizeH')
  const width = changetype<usize>(by) + offsetof<Pooling>('sizeW')
  const rows = by.sizeH
  const columns = by.sizeW
  const count = by.countW
  const size = (<usize>by.sizeD * <usize>rows * <usize>columns) << 2
  const isPair = isPaired(by)
  const window = by.windowW
  const isCovered = isPair && 2 * by.countH === rows && 2 * count === columns
  const row = (<usize>columns) << 2
  const quarter = v128.load32_splat(QUARTER)
  for (let plane = begin; plane < end; plane++) {
    const x = by.x + <usize>plane * size
    if (!isCovered) memory.fill(x, 0, size)
    const offset = (<usize>plane * <usize>by.countD * <usize>by.countH * <usize>count) << 2
    let g = by.y + offset
    let places = by.places + offset
    for (let d = 0; d < by.countD; d++) {
      for (let h = 0; h < by.countH; h++) {
        if (isPair) {
          for (let j = 0; ; j = min(j + 4, count - 4)) {
            const from = (<usize>j) << 2
            const at = 2 * h * columns + 2 * j
            const v = v128.load(g + from)
            let a = f32x4.mul(v, quarter)
            let b = a
            let c = a
            let e = a
            if (!isMean) {
              const place = i32x4.sub(v128.load(places + from), i32x4.shl(v128.load(CONSTANTS), 1))
              a = v128.and(v, i32x4.eq(place, i32x4.splat(at)))
              b = v128.and(v, i32x4.eq(place, i32x4.splat(at + 1)))
              c = v128.and(v, i32x4.eq(place, i32x4.splat(at + columns)))
              e = v128.and(v, i32x4.eq(place, i32x4.splat(at + columns + 1)))
            }
            const q = x + ((<usize>at) << 2)
            v128.store(q, v128.shuffle<u32>(a, b, 0, 4, 1, 5))
            v128.store(q, v128.shuffle<u32>(a, b, 2, 6, 3, 7), 16)
            v128.store(q + row, v128.shuffle<u32>(c, e, 0, 4, 1, 5))
            v128.store(q + row, v128.shuffle<u32>(c, e, 2, 6, 3, 7), 16)
            if (j === count - 4) break
          }
          g += (<usize>count) << 2
          places += (<usize>count) << 2
          continue
        }
        const d0 = max(begins(depth, d), 0)
        const d1 = ends(depth, d)
        const h0 = max(begins(height, h), 0)
        const h1 = ends(height, h)
        for (let j = 0; j < count; j++, g += 4, places += 4) {
          let v = load<f32>(g)
          if (!isMean) {
            const q = x + ((<usize>load<i32>(places)) << 2)
            store<f32>(q, load<f32>(q) + v)
            continue
          }
          const begun = window ? j * by.strideW - by.padW : begins(width, j)
          const w0 = max(begun, 0)
          const w1 = window ? min(begun + window, columns) : ends(width, j)
          v /= <f32>(by.divisor || (d1 - d0) * (h1 - h0) * (w1 - w0))
          for (let k = d0; k < d1; k++) {
            for (let i = h0; i < h1; i++) {
              let q = x + ((<usize>((k * rows + i) * columns + w0)) << 2)
              for (let left = w1 - w0; left > 0; left--, q += 4) store<f32>(q, load<f32>(q) + v)
            }
          }
        }
      }
    }
  }
}

/** y = the largest of each window, NaN where one is in it, -Infinity where nothing else; the first of equals has the place. `begin` and `end` count rows of y. */
export function maxPool(by: Pooling, begin: i32, end: i32): void {
  pooled(by, begin, end, false)
}

/** y = the mean of each window; `begin` and `end` count rows of y. */
export function meanPool(by: Pooling, begin: i32, end: i32): void {
  pooled(by, begin, end, true)
}

/** x = y where the largest lay, added up, else 0; `begin` and `end` count planes. */
export function maxPoolGradient(by: Pooling, begin: i32, end: i32): void {
  spread(by, begin, end, false)
}

/** x = what of y came from each element, added up; `begin` and `end` count planes. */
export function meanPoolGradient(by: Pooling, begin: i32, end: i32): void {
  spread(by, begin, end, true)
}
