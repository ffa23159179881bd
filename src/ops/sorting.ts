// What orders elements.
import { kindOf, rangeError, typeError } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor, several } from '../tape/operation.ts'
import { bytesOf } from '../tensor/dtype.ts'
import { resolveAxis, type Shape, sizeOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { putAlong } from './indices.ts'
import { cast } from './pointwise.ts'

const runTopK = several<{ k: number; axis: number }, { indices: Tensor; from: Shape }>({
  name: 'topK',
  results([x], [dtype], { k, axis }) {
    const shape = x.map((size, i) => (i === axis ? k : size))
    return [
      [shape, dtype],
      [shape, 'int32'],
    ]
  },
  forward([values, indices], [x], { k, axis }) {
    if (values.count === 0) return
    const [n, inner] = [x.dims[axis], sizeOf(x.dims, axis + 1)]
    const run = x.type === 'float32' ? kernels.topK : kernels.topKI
    run(x.pointer, values.pointer, indices.pointer, n, inner, k, values.count / k, n)
  },
  save: ([, indices], [x]) => ({ indices, from: x.dims }),
  joint: ([g], { indices, from }, { axis }) => [g && putAlong(indices, g, from, axis)],
})

/**
 * The k largest along an axis (-1), largest first, and where they stood: `{ values, indices }`, x's shape with k in place of the axis. Of equals
 * the first comes first; NaN is the largest. Values have x's type, indices are int32; the gradient goes to the elements that were chosen.
 * Throws RangeError for a k that is no whole number from 0 to the length of the axis, TypeError for one that is no number, ShapeError for an axis that
 * is not there.
 * @example topK(tensor([3, 1, 2]), 2).indices.toArray() // [0, 2]
 */
export const topK = /* @__PURE__ */ composed('topK', 3, function topK(x: Tensor, k: number, axis = -1): {
  values: Tensor
  indices: Tensor
} {
  checkTensor('topK', x)
  const at = resolveAxis('topK', axis, x.dims)
  const n = x.dims[at]
  if (typeof k !== 'number') throw typeError('topK', 'k is a number', `${kindOf(k)} came`)
  if (!Number.isInteger(k) || k < 0 || k > n) throw rangeError('topK', `k is a whole number from 0 to ${n}, the length of axis ${at}`, k)
  const isByte = bytesOf(x.type) === 1
  const [values, indices] = runTopK([isByte ? cast(x, 'int32') : x], { k, axis: at })
  return { values: isByte ? cast(values, x.type) : values, indices }
})
