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

/** Rows of a unit at most, in twelves where there are several: whole tiles of 6 and 4, and a block of A (48 x 512 floats) that stays in the second-level cache. */
const tallestUnit = 48

/**
 * Plans C[batch, M, N] = A[batch, M, K] B[batch, K, N]. Every plan gives the same bits, so the choice is free:
 *
 * - B is read in place where its columns are contiguous, N is a multiple of 4 and few rows read it: packing costs as much as
 *   some 10 rows of tiles (64 x 64 x 64: 92 % of the peak in place, 89 % packed; from 128 rows up packing wins).
 * - Rows of B that lie a multiple of 4 KiB apart share a set of the cache, so then it is packed early (64 x 1024 x 1024: 78 %
 *   packed, 52 % in place).
 * - A is read in place unless it is transposed and its columns lie a multiple of 4 KiB apart (1024 x 1024 x 1024: 60 %).
 */
export function planGemm(
  M: number,
  N: number,
  K: number,
  batch: number,
  a: MatrixStrides,
  b: MatrixStrides,
): GemmPlan {
  if (M === 0 || N === 0 || batch === 0) return emptyPlan
  const panels = Math.ceil(N / panelWidth)
  const rows = M <= tallestUnit ? M : Math.ceil(M / Math.ceil(M / tallestUnit) / 12) * 12
  const blocks = Math.ceil(M / rows)
  const packA = K > 8 && a.row === 1 && a.column % 1024 === 0 && M > 1
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

/** The kernels of `assembly/gemm`, over ranges of their units. */
export interface GemmKernels {
  gemmPackA(
    a: number, columnA: number, batchA: number, M: number, K: number, out: number, outRow: number,
    begin: number, end: number,
  ): void
  gemmPackB(
    b: number, rowB: number, columnB: number, batchB: number, N: number, K: number, out: number,
    begin: number, end: number,
  ): void
  gemm(
    a: number, rowA: number, columnA: number, batchA: number, b: number, rowB: number, batchB: number,
    c: number, bias: number, M: number, N: number, K: number, rows: number, begin: number, end: number,
  ): void
}

/**
 * Calls the kernels as planned. Pointers are byte addresses; `bias` is 0 for none; `scratch` has room for
 * `plan.scratchA + plan.scratchB` floats. Each kernel must be done before the next begins (the two packings may overlap).
 */
export function runGemm(
  kernels: GemmKernels,
  plan: GemmPlan,
  M: number,
  N: number,
  K: number,
  a: MatrixStrides & { readonly pointer: number },
  b: MatrixStrides & { readonly pointer: number },
  c: number,
  bias: number,
  scratch: number,
): void {
  let { pointer: pointerA, row: rowA, column: columnA, batch: batchA } = a
  let { pointer: pointerB, row: rowB, batch: batchB } = b
  if (plan.packUnitsA > 0) {
    kernels.gemmPackA(pointerA, columnA, batchA, M, K, scratch, plan.packRowA, 0, plan.packUnitsA)
    pointerA = scratch
    rowA = plan.packRowA
    columnA = 1
    batchA = batchA === 0 ? 0 : M * rowA
  }
  if (plan.packUnitsB > 0) {
    const packed = scratch + 4 * plan.scratchA
    kernels.gemmPackB(pointerB, rowB, b.column, batchB, N, K, packed, 0, plan.packUnitsB)
    pointerB = packed
    rowB = 0
    batchB = batchB === 0 ? 0 : plan.packBatchB
  }
  kernels.gemm(pointerA, rowA, columnA, batchA, pointerB, rowB, batchB, c, bias, M, N, K, plan.rows, 0, plan.units)
}
