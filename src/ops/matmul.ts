import { checkBoolean, checkOptions, ShapeError } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor } from '../tape/operation.ts'
import { show } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { reshape } from './movement.ts'
import { inequal, product } from './product.ts'

/** Which operand is read as its transposition. */
export interface MatmulOptions {
  readonly transposeLeft?: boolean | undefined
  readonly transposeRight?: boolean | undefined
}

/**
 * The matrix product of the last two axes; the axes before them broadcast. A vector is a row on the left and a column on the right, and
 * that axis is not in the result. float32. Transposed operands (`transpose(x)`, or by option) are read as they lie.
 *
 * Throws ShapeError where the inner dimensions differ or an operand is a scalar.
 *
 * @example tensor([[1, 2], [3, 4]]).matmul(tensor([1, 1])).toArray() // [3, 7]
 */
export const matmul = /* @__PURE__ */ composed('matmul', 3, function matmul(a: Tensor, b: Tensor, options?: MatmulOptions): Tensor {
  const { transposeLeft = false, transposeRight = false } = options ?? {}
  if (options !== undefined) {
    checkOptions('matmul', options, ['transposeLeft', 'transposeRight'])
    checkBoolean('matmul', 'transposeLeft', transposeLeft)
    checkBoolean('matmul', 'transposeRight', transposeRight)
  }
  checkTensor('matmul', a)
  checkTensor('matmul', b)
  if (a.rank === 0 || b.rank === 0) {
    throw new ShapeError(
      { operation: 'matmul', problem: 'a scalar is no matrix', came: `${show(a.dims)} x ${show(b.dims)}`, wayOut: 'Use mul.' },
      [a.dims, b.dims],
    )
  }
  if (a.rank > 1 && b.rank > 1) return product(a, b, transposeLeft, transposeRight)
  const row = a.rank === 1 ? reshape(a, [1, a.count]) : a
  const column = b.rank === 1 ? reshape(b, [b.count, 1]) : b
  if (a.rank === 1 && b.rank === 1 && a.count !== b.count) throw inequal(a.dims, b.dims, false, false)
  const y = product(row, column, a.rank > 1 && transposeLeft, b.rank > 1 && transposeRight)
  const batch = y.dims.slice(0, -2)
  const tail = [...(a.rank > 1 ? [y.dims[y.rank - 2]] : []), ...(b.rank > 1 ? [y.dims[y.rank - 1]] : [])]
  return reshape(y, [...batch, ...tail])
})
