// The squares of all elements of several tensors, added up in double precision: block by block, whoever computes them.

/** Elements of a block, and bytes of a record. */
const BLOCK: i32 = 4096
const RECORD: usize = 16

/**
 * out[i], a float64, is the sum of squares of block i. `segments` points to a record of 4 words for each of `count` tensors: its address, the
 * number of its elements, how many blocks the records before it have, and one unused. `begin` and `end` count blocks over all tensors; the last
 * one of each may be shorter.
 * @cost 0.25
 */
export function sumsOfSquares(segments: usize, count: i32, out: usize, begin: i32, end: i32): void {
  for (let i = 0; i < count; i++) {
    const record = segments + <usize>i * RECORD
    const n = load<i32>(record, 4)
    const before = load<i32>(record, 8)
    const last = min(end - before, (n + BLOCK - 1) / BLOCK)
    for (let block = max(begin - before, 0); block < last; block++) {
      const from = load<usize>(record) + ((<usize>block * BLOCK) << 2)
      const sum = sumOfSquares(from, from + ((<usize>min(n - block * BLOCK, BLOCK)) << 2))
      store<f64>(out + ((<usize>(before + block)) << 3), sum)
    }
  }
}

/** That of the floats from `from` to `to`, addresses. The square of a float32 is exact in double precision. */
function sumOfSquares(from: usize, to: usize): f64 {
  let a = f64x2.splat(0)
  let b = a
  let c = a
  let d = a
  let i = from
  for (; i + 32 <= to; i += 32) {
    a = f64x2.add(a, squares(v128.load64_zero(i)))
    b = f64x2.add(b, squares(v128.load64_zero(i, 8)))
    c = f64x2.add(c, squares(v128.load64_zero(i, 16)))
    d = f64x2.add(d, squares(v128.load64_zero(i, 24)))
  }
  for (; i < to; i += 4) a = f64x2.add(a, squares(v128.load32_zero(i)))
  const sum = f64x2.add(f64x2.add(a, b), f64x2.add(c, d))
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1)
}

/** Of the lower two floats. */
function squares(two: v128): v128 {
  const wide = f64x2.promote_low_f32x4(two)
  return f64x2.mul(wide, wide)
}
