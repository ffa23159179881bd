import { scoped } from '../tensor/scope.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { concat } from './joining.ts'
import { expandDims, sum } from './movement.ts'
import { mul } from './pointwise.ts'
import { section } from './ranges.ts'

/** So many products of integers lie in memory at once, or one sum's: as fast as more, and in the cache. */
const AT_ONCE = 2 ** 16

/** The product of integers [batch, M, K] by [batch, N, K], or of two matrices, in pieces of the result; all products must fit, and their sums. */
export function integerProduct(a: Tensor, b: Tensor): Tensor {
  const last = a.rank - 1
  const M = a.dims[last - 1]
  const [batch, N, K] = b.rank > 2 ? b.dims : [1, ...b.dims]
  // Freed piece by piece, within a scope too.
  return scoped(
    () => {
      const most = Math.max(batch, M, N)
      if (most === 1 || batch * M * N * K <= AT_ONCE) return sum(mul(expandDims(a, last), expandDims(b, last - 1)), last + 1)
      const axis = batch === most ? 0 : last - 1
      const [ofA, ofB] = batch === most ? [true, true] : [M === most, M < most]
      const part = (start: number, count: number) =>
        integerProduct(ofA ? section(a, axis, start, count) : a, ofB ? section(b, axis, start, count) : b)
      const middle = most >>> 1
      return concat([part(0, middle), part(middle, most - middle)], ofA ? axis : last)
    },
    y => [y],
  )
}
