import { ShapeError } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor, operation } from '../tape/operation.ts'
import { broadcastShapes, type Shape, sameShape, show, sizeOf } from '../tensor/shape.ts'
import { Storage } from '../tensor/storage.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type MatrixStrides, planGemm } from '../wasm/gemm-plan.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { fusion } from './fusion.ts'
import { broadcastTo, reshape, sum, sumTo } from './movement.ts'
import { add } from './pointwise.ts'

/** Which operand is read as its transposition. */
export interface MatmulOptions {
  readonly transposeLeft?: boolean
  readonly transposeRight?: boolean
}

interface Flags {
  readonly left: boolean
  readonly right: boolean
}

/** A matrix, or a batch of them, where it lies. */
interface Operand extends MatrixStrides {
  readonly pointer: number
}

/** y[batch, M, N] = a b (+ bias): every product of the library. */
function multiply(y: Tensor, a: Operand, b: Operand, bias: number, batch: number, M: number, N: number, K: number): void {
  if (y.size === 0) return
  const plan = planGemm(M, N, K, batch, a, b)
  const floats = plan.scratchA + plan.scratchB
  const scratch = floats > 0 ? new Storage(floats * 4) : undefined
  let { pointer: pointerA, row: rowA, column: columnA, batch: batchA } = a
  let { pointer: pointerB, row: rowB, batch: batchB } = b
  if (scratch && plan.packUnitsA > 0) {
    kernels.gemmPackA(pointerA, columnA, batchA, M, K, scratch.pointer, plan.packRowA, plan.packUnitsA, 16 * K)
    pointerA = scratch.pointer
    rowA = plan.packRowA
    columnA = 1
    batchA = batchA === 0 ? 0 : M * rowA
  }
  if (scratch && plan.packUnitsB > 0) {
    const packed = scratch.pointer + 4 * plan.scratchA
    kernels.gemmPackB(pointerB, rowB, b.column, batchB, N, K, packed, plan.packUnitsB, 8 * K)
    pointerB = packed
    rowB = 0
    batchB = batchB === 0 ? 0 : plan.packBatchB
  }
  kernels.gemm(pointerA, rowA, columnA, batchA, pointerB, rowB, batchB, y.pointer, bias, M, N, K, plan.rows, plan.units, 8 * plan.rows * K)
  scratch?.drop()
}

/** The matrices of a tensor of rank 2 or more, in elements; a batch of one is repeated. */
function matrices(x: Tensor, transposed: boolean): Operand {
  const columns = x.shape[x.rank - 1]
  const rows = x.shape[x.rank - 2]
  const batch = x.size === rows * columns ? 0 : rows * columns
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
    const [M, K] = seen(a.shape, left)
    const [, N] = seen(b.shape, right)
    multiply(y, matrices(a, left), matrices(b, right), 0, M * N === 0 ? 0 : y.size / (M * N), M, N, K)
  },
  save: (_, [a, b]) => ({ a, b }),
  pullback: [
    (g, { a, b }, { left, right }) => sumTo(left ? product(b, g, right, true) : product(g, b, false, !right), a.shape),
    (g, { a, b }, { left, right }) => sumTo(right ? product(g, a, true, left) : product(a, g, !left, false), b.shape),
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
function product(a: Tensor, b: Tensor, left: boolean, right: boolean): Tensor {
  const [x, xLeft] = a.transposed ? [a.transposed, !left] : [a, left]
  const [y, yRight] = b.transposed ? [b.transposed, !right] : [b, right]
  if (x.rank === 2 && y.rank === 2) return runMatmul([x, y], { left: xLeft, right: yRight })
  // One matrix on the right and rows on the left are one product of more rows.
  if (y.rank === 2 && !xLeft) {
    const [K, N] = [x.shape[x.rank - 1], seen(y.shape, yRight)[1]]
    if (seen(y.shape, yRight)[0] !== K) throw inequal(x.shape, y.shape, xLeft, yRight)
    return reshape(runMatmul([reshape(x, [sizeOf(x.shape.slice(0, -1)), K]), y], { left: false, right: yRight }), [
      ...x.shape.slice(0, -1),
      N,
    ])
  }
  const batch = batchShape(x.shape, y.shape)
  return runMatmul([whole(x, batch), whole(y, batch)], { left: xLeft, right: yRight })
}

/** x with the whole batch, or with one matrix, which the kernel repeats. */
function whole(x: Tensor, batch: Shape): Tensor {
  const own = sizeOf(x.shape.slice(0, -2))
  return own === 1 || own === sizeOf(batch) ? x : broadcastTo(x, [...batch, ...x.shape.slice(-2)])
}

/**
 * The matrix product of the last two axes; the axes before them broadcast. A vector is a row on the left and a column on the right, and
 * that axis is not in the result. float32. Transposed operands (`transpose(x)`, or by option) are read as they lie.
 *
 * Throws ShapeError where the inner dimensions differ or an operand is a scalar.
 *
 * @example tensor([[1, 2], [3, 4]]).matmul(tensor([1, 1])).toArray() // [3, 7]
 */
export const matmul = /* @__PURE__ */ composed(
  'matmul',
  function matmul(a: Tensor, b: Tensor, { transposeLeft = false, transposeRight = false }: MatmulOptions = {}): Tensor {
    checkTensor('matmul', a)
    checkTensor('matmul', b)
    if (a.rank === 0 || b.rank === 0) {
      throw new ShapeError(
        { operation: 'matmul', problem: 'a scalar is no matrix', came: `${show(a.shape)} x ${show(b.shape)}`, wayOut: 'Use mul.' },
        [a.shape, b.shape],
      )
    }
    if (a.rank > 1 && b.rank > 1) return product(a, b, transposeLeft, transposeRight)
    const row = a.rank === 1 ? reshape(a, [1, a.size]) : a
    const column = b.rank === 1 ? reshape(b, [b.size, 1]) : b
    if (a.rank === 1 && b.rank === 1 && a.size !== b.size) throw inequal(a.shape, b.shape, false, false)
    const y = product(row, column, a.rank > 1 && transposeLeft, b.rank > 1 && transposeRight)
    const batch = y.shape.slice(0, -2)
    const tail = [...(a.rank > 1 ? [y.shape[y.rank - 2]] : []), ...(b.rank > 1 ? [y.shape[y.rank - 1]] : [])]
    return reshape(y, [...batch, ...tail])
  },
)

const runLinear = operation<undefined, { x: Tensor; weight: Tensor }>({
  name: 'linear',
  shape: ([x, weight]) => [x[0], weight[0]],
  forward(y, [x, weight, bias]) {
    const [M, K] = x.shape
    multiply(y, matrices(x, false), matrices(weight, true), bias?.pointer ?? 0, 1, M, weight.shape[0], K)
  },
  save: (_, [x, weight]) => ({ x, weight }),
  pullback: [(g, { weight }) => product(g, weight, false, false), (g, { x }) => product(g, x, true, false), g => sum(g, 0)],
})

/**
 * x Wᵀ + b, the bias added while the product is written: x is [..., in], the weight [out, in], the bias [out], the result [..., out].
 * Throws ShapeError where they do not fit.
 * @example linear(tensor([1, 2]), tensor([[3, 4]]), tensor([5])).toArray() // [16]
 */
export const linear = /* @__PURE__ */ composed('linear', function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  checkTensor('linear', x)
  checkTensor('linear', weight)
  const inputs = x.shape[x.rank - 1]
  if (x.rank === 0 || weight.rank !== 2 || weight.shape[1] !== inputs || (bias && !sameShape(bias.shape, [weight.shape[0]]))) {
    const came = `x ${show(x.shape)}, weight ${show(weight.shape)}${bias ? `, bias ${show(bias.shape)}` : ''}`
    const wayOut = 'The last axis of x must be the second of the weight [out, in]; the bias is [out].'
    throw new ShapeError({ operation: 'linear', problem: 'sizes differ', came, wayOut }, [x.shape, weight.shape])
  }
  const rows = x.rank === 2 ? x : reshape(x, [sizeOf(x.shape.slice(0, -1)), inputs])
  const isFused = bias === undefined || fusion.bias
  const y = isFused ? runLinear(bias ? [rows, weight, bias] : [rows, weight], undefined) : add(product(rows, weight, false, true), bias)
  return x.rank === 2 ? y : reshape(y, [...x.shape.slice(0, -1), weight.shape[0]])
})

function inequal(a: Shape, b: Shape, left: boolean, right: boolean): ShapeError {
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
