import { ShapeError } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor } from '../tape/operation.ts'
import { arange } from '../tensor/create.ts'
import { show } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { expandDims } from './movement.ts'
import { cast, greaterEqual, lessEqual, where } from './pointwise.ts'
import { laid, taken } from './strided.ts'
import { checkWhole } from './whole.ts'

function triangle(operation: string, x: Tensor, k: number, keeps: (row: Tensor, column: Tensor) => Tensor): Tensor {
  checkTensor(operation, x)
  checkWhole(operation, 'a diagonal', [k])
  if (x.rank < 2) throw new ShapeError({ operation, problem: 'needs two axes', came: show(x.dims) }, [x.dims])
  const [rows, columns] = x.dims.slice(-2)
  const from = Math.min(Math.max(k, -rows), columns)
  const whole = { dtype: 'int32' } as const
  const kept = keeps(expandDims(arange(from, from + rows, 1, whole), 1), arange(0, columns, 1, whole))
  return cast(where(kept, x, 0), x.type)
}

/**
 * The upper triangles of the matrices of the last two axes: what lies on the diagonal `k` (0, above it 1) and above, 0 below. Throws
 * ShapeError below rank 2, RangeError for a `k` that is not whole.
 * @example tensor([[1, 2], [3, 4]]).triu().toArray() // [[1, 2], [0, 4]]
 */
export const triu = /* @__PURE__ */ composed('triu', 2, function triu(x: Tensor, k = 0): Tensor {
  return triangle('triu', x, k, lessEqual)
})

/** The lower triangles: what lies on the diagonal `k` (0) and below. Errors as `triu`.
 * @example tensor([[1, 2], [3, 4]]).tril().toArray() // [[1, 0], [3, 4]] */
export const tril = /* @__PURE__ */ composed('tril', 2, function tril(x: Tensor, k = 0): Tensor {
  return triangle('tril', x, k, greaterEqual)
})

/**
 * The diagonal `k` (0, above it 1) of a matrix, as a vector; of a vector the matrix that has it there, and zeros elsewhere, as NumPy. Throws
 * ShapeError for other ranks, RangeError for a `k` that is not whole.
 * @example tensor([[1, 2], [3, 4]]).diag().toArray() // [1, 4]
 */
export const diag = /* @__PURE__ */ composed('diag', 2, function diag(x: Tensor, k = 0): Tensor {
  checkTensor('diag', x)
  checkWhole('diag', 'a diagonal', [k])
  const [down, right] = [Math.max(-k, 0), Math.max(k, 0)]
  if (x.rank === 1) {
    const n = x.count + down + right
    return laid(x, down * n + right, [n + 1], [n, n])
  }
  if (x.rank !== 2) throw new ShapeError({ operation: 'diag', problem: 'takes a matrix or a vector', came: show(x.dims) }, [x.dims])
  const [rows, columns] = x.dims
  return taken(x, down * columns + right, [Math.max(0, Math.min(rows - down, columns - right))], [columns + 1])
})
