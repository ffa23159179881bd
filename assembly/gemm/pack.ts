/**
 * Panels of B: 8 columns each, the last one 4 if at most 4 remain. A panel is K rows of its columns, contiguous,
 * filled up beyond N; panels follow each other, so the one that begins at column j begins j * K floats into its matrix, and a
 * matrix takes K * (N rounded up to 4) floats.
 */
export class Panel {
  // @ts-ignore: decorator
  @inline static count(N: i32): i32 {
    return (N + 7) >> 3
  }

  // @ts-ignore: decorator
  @inline static width(remaining: i32): i32 {
    return remaining <= 4 ? 4 : 8
  }
}

class Pack {
  /** The first `lanes` (1 to 4) floats at `p`, zeros after them. */
  static part(p: usize, lanes: i32): v128 {
    if (lanes === 4) return v128.load(p)
    if (lanes === 1) return v128.load32_zero(p)
    const low = v128.load64_zero(p)
    return lanes === 2 ? low : v128.load32_lane(p, low, 2, 8)
  }

  /** Columns contiguous: `rows` rows of `columns` floats to rows of `width`. */
  static copy(b: usize, row: usize, columns: i32, width: i32, rows: i32, out: usize): void {
    if (columns === 8) {
      for (; rows > 0; rows--) {
        const low = v128.load(b)
        const high = v128.load(b, 16)
        v128.store(out, low)
        v128.store(out, high, 16)
        b += row
        out += 32
      }
    } else if (width === 8) {
      for (; rows > 0; rows--) {
        v128.store(out, v128.load(b))
        v128.store(out, Pack.part(b + 16, columns - 4), 16)
        b += row
        out += 32
      }
    } else {
      for (; rows > 0; rows--) {
        v128.store(out, Pack.part(b, columns))
        b += row
        out += 16
      }
    }
  }

  /**
   * Four columns of B, each contiguous, to four lanes of `count` rows that lie `step` bytes apart. Columns beyond `columns`
   * repeat the first: what a tile makes of them is never stored.
   */
  static transpose4(b0: usize, column: usize, columns: i32, count: i32, out: usize, step: usize): void {
    let b1 = columns > 1 ? b0 + column : b0
    let b2 = columns > 2 ? b1 + column : b0
    let b3 = columns > 3 ? b2 + column : b0
    for (; count >= 4; count -= 4) {
      const v0 = v128.load(b0)
      const v1 = v128.load(b1)
      const v2 = v128.load(b2)
      const v3 = v128.load(b3)
      const low01 = v128.shuffle<f32>(v0, v1, 0, 4, 1, 5)
      const low23 = v128.shuffle<f32>(v2, v3, 0, 4, 1, 5)
      const high01 = v128.shuffle<f32>(v0, v1, 2, 6, 3, 7)
      const high23 = v128.shuffle<f32>(v2, v3, 2, 6, 3, 7)
      v128.store(out, v128.shuffle<f64>(low01, low23, 0, 2))
      out += step
      v128.store(out, v128.shuffle<f64>(low01, low23, 1, 3))
      out += step
      v128.store(out, v128.shuffle<f64>(high01, high23, 0, 2))
      out += step
      v128.store(out, v128.shuffle<f64>(high01, high23, 1, 3))
      out += step
      b0 += 16
      b1 += 16
      b2 += 16
      b3 += 16
    }
    Pack.gather(b0, b1 - b0, b2 - b0, b3 - b0, 4, count, out, step)
  }

  /** `count` rows of four floats, at `b` and at three distances from it. */
  static gather(b: usize, to1: usize, to2: usize, to3: usize, row: usize, count: i32, out: usize, step: usize): void {
    for (; count > 0; count--) {
      store<f32>(out, load<f32>(b))
      store<f32>(out, load<f32>(b + to1), 4)
      store<f32>(out, load<f32>(b + to2), 8)
      store<f32>(out, load<f32>(b + to3), 12)
      b += row
      out += step
    }
  }
}

@unmanaged
export class PackB {
  b: usize
  rowB: i32
  columnB: i32
  batchB: i32
  N: i32
  K: i32
  out: usize
}

/**
 * Packs B[batch, K, N] into panels. A unit is one panel of one matrix: units are batch * ceil(N / 8).
 * Strides are in elements; writes K * (N rounded up to 4) floats a matrix at `out`.
 *
 * @cost 0.25 a float
 */
export function gemmPackB(pack: PackB, begin: i32, end: i32): void {
  const b = pack.b
  const rowStride = pack.rowB
  const columnStride = pack.columnB
  const batchStride = pack.batchB
  const N = pack.N
  const K = pack.K
  const out = pack.out
  const panels = Panel.count(N)
  const row = (<usize>rowStride) << 2
  const column = (<usize>columnStride) << 2
  const matrix = (<usize>K * <usize>((N + 3) & ~3)) << 2
  while (begin < end) {
    const index = begin / panels
    const first = begin - index * panels
    const last = min(panels, first + end - begin)
    begin += last - first
    const from = b + ((<usize>index * <usize>batchStride) << 2)
    const to = out + <usize>index * matrix
    if (columnStride === 1) {
      // Eight rows at a time over all panels: a row's cache line serves the next panel too.
      for (let k = 0; k < K; k += 8) {
        const rows = min(8, K - k)
        for (let p = first; p < last; p++) {
          const j = p << 3
          const width = Panel.width(N - j)
          Pack.copy(
            from + <usize>k * row + ((<usize>j) << 2),
            row,
            min(N - j, width),
            width,
            rows,
            to + ((<usize>j * <usize>K + <usize>k * <usize>width) << 2),
          )
        }
      }
    } else {
      for (let p = first; p < last; p++) {
        const j = p << 3
        const width = Panel.width(N - j)
        for (let q = 0; q < width; q += 4) {
          const columns = N - j - q
          const source = from + <usize>(j + q) * column
          const target = to + ((<usize>j * <usize>K + <usize>q) << 2)
          const step = (<usize>width) << 2
          if (rowStride === 1) {
            Pack.transpose4(source, column, columns, K, target, step)
          } else {
            const to1 = columns > 1 ? column : 0
            const to2 = columns > 2 ? column << 1 : 0
            Pack.gather(source, to1, to2, columns > 3 ? column * 3 : 0, row, K, target, step)
          }
        }
      }
    }
  }
}

@unmanaged
export class PackA {
  a: usize
  columnA: i32
  batchA: i32
  M: i32
  K: i32
  out: usize
  rowOut: i32
}

/**
 * Copies a transposed A[batch, M, K] (rows lie 1 apart, columns `columnA`) to rows of `rowOut` floats at `out`, a
 * matrix M * rowOut. A unit is 16 rows of one matrix: units are batch * ceil(M / 16).
 *
 * @cost 0.5 a float
 */
export function gemmPackA(pack: PackA, begin: i32, end: i32): void {
  const a = pack.a
  const columnStride = pack.columnA
  const batchStride = pack.batchA
  const M = pack.M
  const K = pack.K
  const out = pack.out
  const outStride = pack.rowOut
  const blocks = (M + 15) >> 4
  const column = (<usize>columnStride) << 2
  const step = (<usize>outStride) << 2
  for (; begin < end; begin++) {
    const index = begin / blocks
    const i = (begin - index * blocks) << 4
    const rows = min(16, M - i)
    const from = a + ((<usize>index * <usize>batchStride + <usize>i) << 2)
    const to = out + (<usize>index * <usize>M + <usize>i) * step
    let k = 0
    for (; k + 4 <= K; k += 4) {
      Pack.transpose4(from + <usize>k * column, column, 4, rows, to + ((<usize>k) << 2), step)
    }
    for (; k < K; k++) {
      for (let r = 0; r < rows; r++) {
        store<f32>(to + <usize>r * step + ((<usize>k) << 2), load<f32>(from + <usize>k * column + ((<usize>r) << 2)))
      }
    }
  }
}
