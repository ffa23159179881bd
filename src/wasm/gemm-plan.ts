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
  /** Units of `gemmPackB`; 0 if B is read in place. */
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
 * Plans C[batch, M, N] = A[batch, M, K] B[batch, K, N]. Every plan gives the same bits, so the choice is free:
 *
 * - B is read in place where its columns are contiguous, N is a multiple of 4 and few rows read it: packing costs as much as
 *   some 10 rows of tiles (64 x 64 x 64: 92 % of the peak in place, 89 % packed; from 128 rows up packing wins).
 * - Rows of B that lie a multiple of 4 KiB apart share a set of the cache, so then it is packed early (64 x 1024 x 1024: 78 %
 *   packed, 52 % in place).
 * - A is read in place unless it is transposed and its columns lie a multiple of 4 KiB apart (1024 x 1024 x 1024: 60 % in place,
 *   90 % packed), or of 2 KiB with enough columns of B to pay for the copy (512 x 512 x 512: 91 and 93 %).
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
  const packA = M > 1 && K > 8 && a.row === 1 && (a.column % 1024 === 0 || (a.column % 512 === 0 && N >= 128))
  const packB = !readsInPlace(M, N, K, b)
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
