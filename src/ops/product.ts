// The products of matrices: what matmul, linear and their gradients are made of.
import { ShapeError } from '../errors.ts'
import { operation } from '../tape/operation.ts'
import { broadcastShapes, type Shape, show, sizeOf } from '../tensor/shape.ts'
import { observer, Storage } from '../tensor/storage.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type MatrixStrides, planGemm } from '../wasm/gemm-plan.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { type Address, behind, NONE } from '../wasm/kinds.ts'
import { sumTo } from './broadcasting.ts'
import { broadcastTo, reshape } from './movement.ts'

interface Flags {
  readonly left: boolean
  readonly right: boolean
}

/** A matrix, or a batch of them, where it lies. */
interface Operand extends MatrixStrides {
  readonly pointer: Address
}

/** What is done to a product while it is in the cache: the bias (an address, or 0) is added, then comes the epilogue of an activation. */
export interface Finish {
  readonly bias: Address
  readonly epilogue: number
}

const plain: Finish = { bias: NONE, epilogue: 0 }

/** y[batch, M, N] = a b: every product of the library. */
export function multiply(
  y: Tensor,
  a: Operand,
  b: Operand,
  batch: number,
  M: number,
  N: number,
  K: number,
  { bias, epilogue } = plain,
): void {
  if (y.count === 0) return
  observer?.multiplied?.(batch * M * N * K)
  const plan = planGemm(M, N, K, batch, a, b)
  const floats = plan.scratchA + plan.scratchB
  if (floats > 0) y.scratch = new Storage(floats * 4)
  const scratch = y.scratch?.pointer ?? NONE
  let { pointer: pointerA, row: rowA, column: columnA, batch: batchA } = a
  let { pointer: pointerB, row: rowB, batch: batchB } = b
  const columnB = b.column
  if (plan.packUnitsA > 0) {
    const rowOut = plan.packRowA
    kernels.gemmPackA({ a: pointerA, columnA, batchA, M, K, out: scratch, rowOut }, plan.packUnitsA, 16 * K)
    pointerA = scratch
    rowA = rowOut
    columnA = 1
    batchA = batchA === 0 ? 0 : M * rowA
  }
  if (plan.packUnitsB > 0) {
    const out = behind(scratch, 4 * plan.scratchA)
    kernels.gemmPackB({ b: pointerB, rowB, columnB, batchB, N, K, out }, plan.packUnitsB, 8 * K)
    pointerB = out
    rowB = 0
    batchB = batchB === 0 ? 0 : plan.packBatchB
  }
  const { rows, units } = plan
  kernels.gemm(
    { a: pointerA, rowA, columnA, batchA, b: pointerB, rowB, columnB, batchB, c: y.pointer, bias, epilogue, M, N, K, rows },
    units,
    8 * rows * K,
  )
  y.endScratch()
}

/** The matrices of a tensor of rank 2 or more, in elements; a batch of one is repeated. */
export function matrices(x: Tensor, transposed: boolean): Operand {
  const columns = x.dims[x.rank - 1]
  const rows = x.dims[x.rank - 2]
  const batch = x.count === rows * columns ? 0 : rows * columns
  return { pointer: x.pointer, row: transposed ? 1 : columns, column: transposed ? columns : 1, batch }
}

/** [rows, columns] as the product sees them. */
function seen(shape: Shape, transposed: boolean): [number, number] {
  const rows = shape[shape.length - 2]
  const columns = shape[shape.length - 1]
  return transposed ? [columns, rows] : [rows, columns]
}

const runMatmul = operation<Flags, { a: Tensor; b: Tensor }>({
  name: 'matmul',
  shape([a, b], { left, right }) {
    const [M, inner] = seen(a, left)
    const [other, N] = seen(b, right)
    if (inner !== other) throw inequal(a, b, left, right)
    return a.length === 2 && b.length === 2 ? [M, N] : [...batchShape(a, b), M, N]
  },
  forward(y, [a, b], { left, right }) {
    const [M, K] = seen(a.dims, left)
    const [, N] = seen(b.dims, right)
    multiply(y, matrices(a, left), matrices(b, right), M * N === 0 ? 0 : y.count / (M * N), M, N, K)
  },
  save: (_, [a, b]) => ({ a, b }),
  pullback: [
    (g, { a, b }, { left, right }) => sumTo(left ? product(b, g, right, true) : product(g, b, false, !right), a.dims),
    (g, { a, b }, { left, right }) => sumTo(right ? product(g, a, true, left) : product(a, g, !left, false), b.dims),
  ],
})

/** The axes before the matrices, broadcast. */
function batchShape(a: Shape, b: Shape): Shape {
  try {
    return broadcastShapes('matmul', a.slice(0, -2), b.slice(0, -2))
  } catch {
    const wayOut = 'All axes but the last two are compared from the right: sizes must be equal or 1.'
    throw new ShapeError({ operation: 'matmul', problem: 'batches do not broadcast', came: `${show(a)} x ${show(b)}`, wayOut }, [a, b])
  }
}

/** The product of two tensors of rank 2 or more. */
export function product(a: Tensor, b: Tensor, left: boolean, right: boolean): Tensor {
  const [x, xLeft] = a.transposed ? [a.transposed, !left] : [a, left]
  const [y, yRight] = b.transposed ? [b.transposed, !right] : [b, right]
  if (x.rank === 2 && y.rank === 2) return runMatmul([x, y], { left: xLeft, right: yRight })
  // One matrix on the right and rows on the left are one product of more rows.
  if (y.rank === 2 && !xLeft) {
    const [K, N] = [x.dims[x.rank - 1], seen(y.dims, yRight)[1]]
    if (seen(y.dims, yRight)[0] !== K) throw inequal(x.dims, y.dims, xLeft, yRight)
    return reshape(runMatmul([reshape(x, [sizeOf(x.dims.slice(0, -1)), K]), y], { left: false, right: yRight }), [
      ...x.dims.slice(0, -1),
      N,
    ])
  }
  const batch = batchShape(x.dims, y.dims)
  return runMatmul([whole(x, batch), whole(y, batch)], { left: xLeft, right: yRight })
}

/** x with the whole batch, or with one matrix, which the kernel repeats. */
function whole(x: Tensor, batch: Shape): Tensor {
  const stacked = sizeOf(x.dims.slice(0, -2))
  return stacked === 1 || stacked === sizeOf(batch) ? x : broadcastTo(x, [...batch, ...x.dims.slice(-2)])
}

/** The error for operands that do not fit. */
export function inequal(a: Shape, b: Shape, left: boolean, right: boolean): ShapeError {
  const text = (shape: Shape, transposed: boolean) => `${show(shape)}${transposed ? ' transposed' : ''}`
  const fits = (x: Shape, y: Shape) => x.length > 1 && y.length > 1 && x[x.length - 2] === y[y.length - 2]
  const wayOut =
    fits(a, b) && !left && !right
      ? 'Transpose the left operand to contract the first axes.'
      : a.length > 1 && b.length > 1 && a[a.length - 1] === b[b.length - 1] && !left && !right
        ? 'Transpose the right operand to contract the last axes.'
        : 'The last axis of the left operand must be as long as the last but one of the right.'
  return new ShapeError({ operation: 'matmul', problem: 'inner dimensions differ', came: `${text(a, left)} x ${text(b, right)}`, wayOut }, [
    a,
    b,
  ])
}
