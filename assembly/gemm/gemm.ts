import { pairs1, pairs2 } from '../map'
import { Add, Relu } from '../pointwise'
import { fused, wide } from '../variant'
import { dots, heightOf } from './dots.generated'
import { Panel } from './pack'
import { tile } from './tiles.generated'

export { gemmPackA, gemmPackB } from './pack'

@unmanaged
class AddRelu {
  @inline f(x: v128, y: v128): v128 {
    return changetype<Relu>(0).f(changetype<Add>(0).f(x, y))
  }
}

export class Rows {
  /**
   * Bit r: with r rows left over, the last tall tile is given up and split with them (8 = 4 + 4, not 6 + 2), because a low tile
   * waits for its own sums.
   */
  // @ts-ignore: decorator
  @inline static borrow(tallest: i32): i32 {
    return tallest === 6 ? 0b100110 : tallest === 5 ? 0b001110 : 0b000010
  }

  /** One panel, or for a width of 16 two that lie `lanes` bytes apart, by `rows` rows by `steps` of k, in tiles from top to bottom. Pointers and strides in bytes. */
  static run(
    rows: i32,
    width: i32,
    a: usize,
    rowA: usize,
    stepA: usize,
    b: usize,
    stepB: usize,
    c: usize,
    rowC: usize,
    steps: i32,
    first: bool,
    lanes: i32,
  ): void {
    const tallest = fused !== 0 ? 6 : width === 16 ? 4 : 5
    let count = fused !== 0 ? rows / 6 : rows / tallest
    let rest = rows - count * tallest
    if (count > 0 && ((Rows.borrow(tallest) >> rest) & 1) !== 0) {
      count--
      rest += tallest
    }
    if (count > 0) {
      tile(tallest, width, count, a, rowA, stepA, b, stepB, c, rowC, steps, first, lanes)
      const above = <usize>(count * tallest)
      a += above * rowA
      c += above * rowC
    }
    while (rest > 0) {
      const height = rest === 5 || rest === 6 ? 3 : min(rest, 4)
      tile(height, width, 1, a, rowA, stepA, b, stepB, c, rowC, steps, first, lanes)
      a += <usize>height * rowA
      c += <usize>height * rowC
      rest -= height
    }
  }

  /** `rows` rows by `columns` columns, a multiple of 4, of a B whose rows are read in place. Pointers and strides in bytes. */
  static across(
    rows: i32,
    columns: i32,
    a: usize,
    rowA: usize,
    stepA: usize,
    b: usize,
    rowB: usize,
    c: usize,
    rowC: usize,
    steps: i32,
    first: bool,
  ): void {
    for (let rest = columns; rest > 0; ) {
      const isWide = wide !== 0 && rest >= 16
      const width = isWide ? 16 : Panel.width(rest)
      Rows.run(rows, width, a, rowA, stepA, b, rowB, c, rowC, steps, first, isWide ? 32 : 4)
      b += (<usize>width) << 2
      c += (<usize>width) << 2
      rest -= width
    }
  }

  /**
   * `rows` rows by `columns` columns of inner products of K factors. Pointers and strides in bytes. Fused, tiles of three columns are the
   * faster ones (32 x 512 x 128: 63 GFLOP/s instead of 60) unless few rows leave a low one (16 x 32 x 64: 53 instead of 59).
   */
  static inner(rows: i32, columns: i32, a: usize, rowA: usize, b: usize, columnB: usize, c: usize, rowC: usize, K: i32): void {
    const widest = fused !== 0 && (rows >= 24 || rows % 3 === 0) ? 3 : 4
    while (columns > 0) {
      const width = columns === 4 ? 4 : min(columns, widest)
      const height = heightOf(width)
      let count = rows / height
      let rest = rows - count * height
      if (count > 0 && height === 3 && rest === 1) {
        count--
        rest = 4
      }
      if (count > 0) dots(height, width, count, a, rowA, b, columnB, c, rowC, K)
      const above = <usize>(rows - rest)
      if (rest > 1) dots(2, width, rest >> 1, a + above * rowA, rowA, b, columnB, c + above * rowC, rowC, K)
      const last = <usize>(rows - 1)
      if ((rest & 1) !== 0) dots(1, width, 1, a + last * rowA, rowA, b, columnB, c + last * rowC, rowC, K)
      b += <usize>width * columnB
      c += (<usize>width) << 2
      columns -= width
    }
  }

  /**
   * Bias and relu of `columns` columns of finished rows, row by row: down the columns, a row stride of a power of two would miss the cache.
   */
  static finish(rows: i32, columns: i32, c: usize, rowC: usize, bias: usize, relu: bool): void {
    for (; rows > 0; rows--, c += rowC) {
      if (bias && relu) pairs2<AddRelu>(c, bias, c, 0, 0, columns)
      else if (bias) pairs2<Add>(c, bias, c, 0, 0, columns)
      else pairs1<Relu>(c, c, 0, columns)
    }
  }
}

/**
 * Steps of k between two visits of C at most; a longer K is cut into equal parts. Where a step reads an operand from a line of its own, 512
 * of them stay in the second-level cache (128 x 512 x 1024 with A transposed: 24 % more time with 1024). Where the next step finds
 * both operands beside the last one's, the processor fetches ahead: 1024 take 1 to 2 % less time than 512 (64 x 64 x 784), and 256 2 to 5 % more.
 */
const deepest: i32 = 512
const deepestContiguous: i32 = 1024

@unmanaged
export class Gemm {
  a: usize
  rowA: i32
  columnA: i32
  batchA: i32
  b: usize
  rowB: i32
  columnB: i32
  batchB: i32
  c: usize
  bias: usize
  epilogue: i32
  M: i32
  N: i32
  K: i32
  rows: i32
}

/**
 * C[batch, M, N] = A[batch, M, K] B[batch, K, N] (+ bias[N]), or with `epilogue` 1 relu of that; C is contiguous, every stride is in elements, and a
 * batch stride of 0 repeats a matrix.
 *
 * B is read in one of three ways:
 * - packed (`rowB` 0): panels written by `gemmPackB`, whose batch stride is K * (N rounded up to 4);
 * - in place, row by row: its columns are contiguous, `rowB` is its row stride, and N a multiple of 4;
 * - in place, column by column (`rowB` 1, K at least 4): every column is contiguous, `columnB` apart, and so is every row of A.
 *
 * A unit is `rows` rows by one panel of 8 columns of one matrix: units are batch * ceil(M / rows) * ceil(N / 8). Any `rows` and
 * any cut give the same bits: every output starts from 0 and adds its products in the order of k (column by column in four sums over every
 * fourth k, the last K % 4 first, which then are added up), then the bias, and relu last. Reads nothing beyond A, B and the bias, writes its
 * own part of C and nothing else. Without a bias `bias` is null.
 *
 * @cost 0.035 a multiplication
 */
export function gemm(product: Gemm, begin: i32, end: i32): void {
  if (begin >= end) return
  const a = product.a
  const rowA = product.rowA
  const columnA = product.columnA
  const batchA = product.batchA
  const b = product.b
  const rowB = product.rowB
  const columnB = product.columnB
  const batchB = product.batchB
  const c = product.c
  const bias = product.bias
  const relu = product.epilogue !== 0
  const M = product.M
  const N = product.N
  const K = product.K
  const rows = product.rows
  const panels = Panel.count(N)
  const blocks = (M + rows - 1) / rows
  const bytesA = (<usize>rowA) << 2
  const stepA = (<usize>columnA) << 2
  const rowC = (<usize>N) << 2
  const most = rowB === 0 && columnA === 1 ? deepestContiguous : deepest
  const parts = max((K + most - 1) / most, 1)
  const deep = (K + parts - 1) / parts
  const rest = begin / panels
  let panel = begin - rest * panels
  let index = rest / blocks
  let block = rest - index * blocks
  while (begin < end) {
    // The part of the range that lies in one block of rows: A's block is read once a panel, from the cache.
    const last = min(panels, panel + end - begin)
    const i = block * rows
    const height = min(rows, M - i)
    const ai = a + ((<usize>index * <usize>batchA) << 2) + <usize>i * bytesA
    const bi = b + ((<usize>index * <usize>batchB) << 2)
    const ci = c + (<usize>index * <usize>M + <usize>i) * rowC
    const first = panel << 3
    const columns = min(N, last << 3) - first
    const cj = ci + ((<usize>first) << 2)
    if (rowB === 1 && K >= 4) {
      const column = (<usize>columnB) << 2
      Rows.inner(height, columns, ai, bytesA, bi + <usize>first * column, column, cj, rowC, K)
    } else {
      let k = 0
      do {
        const steps = min(K - k, deep)
        for (let p = panel; p < last; p++) {
          const j = p << 3
          const width = Panel.width(N - j)
          const packed = rowB === 0
          // Two whole panels at once.
          const isWide = wide !== 0 && p + 1 < last && N - j >= 16
          const offset = packed ? <usize>j * <usize>K + <usize>k * <usize>width : <usize>k * <usize>rowB + <usize>j
          Rows.run(
            height,
            isWide ? 16 : width,
            ai + <usize>k * stepA,
            bytesA,
            stepA,
            bi + (offset << 2),
            (<usize>(packed ? width : rowB)) << 2,
            ci + ((<usize>j) << 2),
            rowC,
            steps,
            k === 0,
            isWide ? (packed ? K << 5 : 32) : min(4, N - j - width + 4),
          )
          if (isWide) p++
        }
        k += steps
      } while (k < K)
    }
    if (bias || relu) Rows.finish(height, columns, cj, rowC, bias ? bias + ((<usize>first) << 2) : 0, relu)
    begin += last - panel
    panel = 0
    if (++block === blocks) {
      block = 0
      index++
    }
  }
}
