// Copies between layouts: transposing, slicing, broadcasting, joining. Elements of 4 bytes, or of 1 in the kernels that end in Bytes.
// @cost 0.3: nanoseconds an element on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { pairs2 } from './map'
import { Add } from './pointwise'

@unmanaged
class Copy {
  /** Bytes of an element, as a power of two. */
  @inline scale(): i32 {
    return 2
  }
  /** A row of n elements with their steps in bytes. */
  @inline row(p: usize, xStep: i32, q: usize, outStep: i32, n: i32): void {
    if (outStep == 4) {
      if (xStep == 4) {
        // A call, which pays for long rows only.
        if (n >= 256) return memory.copy(q, p, (<usize>n) << 2)
        for (; n >= 4; n -= 4, p += 16, q += 16) v128.store(q, v128.load(p))
      }
      for (; n >= 4; n -= 4, q += 16) {
        let four = v128.load32_zero(p)
        four = v128.load32_lane(p + xStep, four, 1)
        four = v128.load32_lane(p + 2 * xStep, four, 2)
        four = v128.load32_lane(p + 3 * xStep, four, 3)
        v128.store(q, four)
        p += 4 * xStep
      }
    }
    for (; n > 0; n--, p += xStep, q += outStep) store<u32>(q, load<u32>(p))
  }
}
@unmanaged
class CopyBytes {
  @inline scale(): i32 {
    return 0
  }
  @inline row(p: usize, xStep: i32, q: usize, outStep: i32, n: i32): void {
    for (; n > 0; n--, p += xStep, q += outStep) store<u8>(q, load<u8>(p))
  }
}
@unmanaged
class AddTo {
  @inline scale(): i32 {
    return 2
  }
  @inline row(p: usize, xStep: i32, q: usize, outStep: i32, n: i32): void {
    if (xStep == 4 && outStep == 4) return pairs2<Add>(q, p, q, 0, 0, n)
    for (; n > 0; n--, p += xStep, q += outStep) store<f32>(q, load<f32>(q) + load<f32>(p))
  }
}

/** Rows from `begin` to `end` of both operands; along the last axis but one they lie equal steps apart. */
function eachRow<F>(x: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  const scale = changetype<F>(0).scale()
  const rank = load<i32>(layout)
  const inner = load<i32>(layout + ((<usize>rank) << 2))
  const xStep = load<i32>(layout + ((<usize>(2 * rank)) << 2)) << scale
  const outStep = load<i32>(layout + ((<usize>(3 * rank)) << 2)) << scale
  const length = rank > 1 ? load<i32>(layout + ((<usize>(rank - 1)) << 2)) : 1
  const xRow = rank > 1 ? load<i32>(layout + ((<usize>(2 * rank - 1)) << 2)) << scale : 0
  const outRow = rank > 1 ? load<i32>(layout + ((<usize>(3 * rank - 1)) << 2)) << scale : 0
  while (begin < end) {
    let p = x + <usize>(place(layout, rank, 1, begin) << scale)
    let q = out + <usize>(place(layout, rank, 2, begin) << scale)
    let rows = length - (begin - (begin / length) * length)
    if (rows > end - begin) rows = end - begin
    begin += rows
    for (; rows > 0; rows--, p += xRow, q += outRow) changetype<F>(0).row(p, xStep, q, outStep, inner)
  }
}

/**
 * out[layout] = x[layout]: `layout` is rank (1 to 8), the sizes, the steps of x in elements, then the steps of out; x and out are the
 * addresses of the element with all indices 0. Steps may be negative or 0. `begin` and `end` count rows: all axes but the last.
 */
export function copy(x: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  eachRow<Copy>(x, out, layout, begin, end)
}

/** `copy` for elements of one byte. */
export function copyBytes(x: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  eachRow<CopyBytes>(x, out, layout, begin, end)
}

/**
 * out[layout] += x[layout] of floats, as `copy` has it. @inplace: a chunk cannot be done over, so it must stay on the calling thread.
 * @cost 0 says so.
 */
export function addTo(x: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  eachRow<AddTo>(x, out, layout, begin, end)
}

/** out = x, in words. */
export function copyWords(x: usize, out: usize, begin: i32, end: i32): void {
  const from = (<usize>begin) << 2
  memory.copy(out + from, x + from, (<usize>(end - begin)) << 2)
}

/** out = `word` again and again. @cost 0.1 */
export function fill(out: usize, word: i32, begin: i32, end: i32): void {
  let q = out + ((<usize>begin) << 2)
  let n = end - begin
  if (word === 0) return memory.fill(q, 0, (<usize>n) << 2)
  const four = i32x4.splat(word)
  for (; n >= 4; n -= 4, q += 16) v128.store(q, four)
  for (; n > 0; n--, q += 4) store<i32>(q, word)
}

function place(layout: usize, rank: i32, operand: i32, row: i32): i32 {
  let offset = 0
  for (let axis = rank - 2; axis >= 0; axis--) {
    const size = load<i32>(layout + ((<usize>(1 + axis)) << 2))
    const quotient = <i32>(<u32>row / <u32>size)
    offset += (row - quotient * size) * load<i32>(layout + ((<usize>(1 + operand * rank + axis)) << 2))
    row = quotient
  }
  return offset
}

/** out[j, i] = x[i, j] for `batch` matrices of rows x columns, in tiles that stay in the cache; `begin` and `end` count batch x tiles of 16 rows. */
export function transposeMatrices(x: usize, out: usize, rows: i32, columns: i32, begin: i32, end: i32): void {
  const perMatrix = (rows + 15) >> 4
  for (let unit = begin; unit < end; unit++) {
    const matrix = unit / perMatrix
    const top = (unit - matrix * perMatrix) << 4
    const bottom = min(top + 16, rows)
    const base = <usize>matrix * <usize>rows * <usize>columns
    const p = x + (base << 2)
    const q = out + (base << 2)
    for (let j = 0; j < columns; j++) {
      let from = p + ((<usize>top * <usize>columns + <usize>j) << 2)
      let to = q + ((<usize>j * <usize>rows + <usize>top) << 2)
      for (let i = top; i < bottom; i++) {
        store<u32>(to, load<u32>(from))
        from += (<usize>columns) << 2
        to += 4
      }
    }
  }
}
