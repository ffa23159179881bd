/** How a matrix lies in memory, in elements; a batch stride of 0 repeats one matrix. */
export interface MatrixStrides {
  readonly row: number
  readonly column: number
  readonly batch: number
}

/** Which kernels a product calls, over how many units, and how much scratch memory they need (in floats). */
export interface GemmPlan {
  /** Rows of C in a unit of `gemm`. */
  readonly rows: number
  /** Units of `gemm`; 0 if C is empty. */
  readonly units: number
  /** Units of `gemmPackA`; 0 if A is read in place. */
  readonly packUnitsA: number
  /** Row stride of the packed A, its matrices `M` rows. */
  readonly packRowA: number
  /** Floats of scratch for A, before those for B: a multiple of 16. */
  readonly scratchA: number
  /** Units of `gemmPackB`; 0 if B is read in place, by rows or by columns. */
  readonly packUnitsB: number
  /** Floats of scratch for B. */
  readonly scratchB: number
  /** Batch stride of the packed B. */
  readonly packBatchB: number
}

/** Columns of a panel of B. */
const panelWidth = 8

/** Columns of C from which a matrix has units enough for several threads in one block of rows. */
const wide = 64

/**
 * Rows of a unit at most: the more, the less often B comes from afar (1024 x 1024 x 1024: 89 % of the peak with 48, 92 % with 96,
 * 91 % with 132); few where C is narrow, so that there are units to share.
 */
const tallestUnit = { wide: 96, narrow: 24 }

/**
 * Plans C[batch, M, N] = A[batch, M, K] B[batch, K, N], from shapes and strides alone. Inner products sum in an order of their own; all other
 * plans give the same bits.
 *
 * - B is read in place column by column, for inner products, where that is estimated to be faster (`isInner`).
 * - It is read in place row by row where its columns are contiguous, N is a multiple of 4 and few rows read it: packing costs as much as
 *   some 10 rows of tiles (64 x 64 x 64: 92 % of the peak in place, 89 % packed; from 128 rows up packing wins).
 * - Rows of B that lie a multiple of 4 KiB apart share a set of the cache, so then it is packed early (64 x 1024 x 1024: 78 %
 *   packed, 52 % in place).
 * - A is read in place unless it is transposed and its columns lie a multiple of 4 KiB apart (1024 x 1024 x 1024: 60 % in place,
 *   90 % packed), or of 2 KiB with enough columns of B to pay for the copy (512 x 512 x 512: 91 and 93 %), or K is long, too, so that a tile's
 *   columns do not stay in the cache (where that has 32 KiB, 256 x 512 x 512 takes 9 % less time packed, 192 x 512 x 1024 6 %).
 *
 * Percentages are shares of the fused register-only peak, on one thread.
 */
export function planGemm(M: number, N: number, K: number, batch: number, a: MatrixStrides, b: MatrixStrides): GemmPlan {
  if (M === 0 || N === 0 || batch === 0) return emptyPlan
  const panels = Math.ceil(N / panelWidth)
  const tallest = N < wide ? tallestUnit.narrow : tallestUnit.wide
  // Twelves, where there are several blocks, so that their tiles are whole (1024 in units of 47: 91 %, of 48: 95 %).
  const rows = M <= tallest ? M : Math.ceil(M / Math.ceil(M / tallest) / 12) * 12
  const blocks = Math.ceil(M / rows)
  const packA = M > 1 && K > 8 && a.row === 1 && (a.column % 1024 === 0 || (a.column % 512 === 0 && N >= 128) || (K >= 512 && N >= 256))
  const packB = !isInner(M, N, K, a, b) && !readsInPlace(M, N, K, b)
  const countA = a.batch === 0 ? 1 : batch
  const countB = b.batch === 0 ? 1 : batch
  const packRowA = Math.ceil(K / 16) * 16 + 16
  const packBatchB = K * Math.ceil(N / 4) * 4
  return {
    rows,
    units: batch * blocks * panels,
    packUnitsA: packA ? countA * Math.ceil(M / 16) : 0,
    packRowA,
    scratchA: packA ? countA * M * packRowA : 0,
    packUnitsB: packB ? countB * panels : 0,
    scratchB: packB ? countB * packBatchB : 0,
    packBatchB,
  }
}

const emptyPlan: GemmPlan = {
  rows: 1,
  units: 0,
  packUnitsA: 0,
  packRowA: 0,
  scratchA: 0,
  packUnitsB: 0,
  scratchB: 0,
  packBatchB: 0,
}

function readsInPlace(M: number, N: number, K: number, b: MatrixStrides): boolean {
  if (b.column !== 1 || N % 4 !== 0 || b.row === 0) return false
  if (M <= 6 || K <= 8) return true
  if (b.row % 1024 === 0) return false
  return M <= (b.row % 512 === 0 ? 32 : 128)
}

/**
 * Are inner products, which need no packing, faster where rows of A meet rows of what B is the transpose of? Estimated from measurements in Node
 * 20 to 26, in columns of a whole panel and rows of them:
 *
 * - Inner products take 4 % longer, and adding up their four sums as long as 3.5 steps of k.
 * - Packing B takes as long as 2.5 rows; a last panel of 4 columns as long as 5.3, one of 8 as 8, however many are in use.
 *
 * So they are taken for few rows (up to 16 with K = 32, 37 with K = 128, 56 with K = 784), and for any number where N wastes much of its
 * last panel. Their time over that of packing and tiles, Node 20 and 26: 64 x 10 x 64 0.74 and 0.77, 16 x 32 x 64 0.85 and 0.95,
 * 32 x 512 x 128 0.95 and 0.97, 1 x 512 x 784 0.33 and 0.29; not taken: 64 x 64 x 784 0.99 and 1.03, 64 x 64 x 64 1.07 and 1.05.
 */
function isInner(M: number, N: number, K: number, a: MatrixStrides, b: MatrixStrides): boolean {
  if (a.column !== 1 || b.row !== 1 || K < 4) return false
  const last = N % panelWidth
  const columns = N - last + (last === 0 ? 0 : last <= 4 ? 5.3 : panelWidth)
  return M * N * (1.04 + 3.5 / K) < (M + 2.5) * columns
}
