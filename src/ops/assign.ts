import { refuseSurplus, ShapeError, typeError } from '../errors.ts'
import { isRecording } from '../tape/level.ts'
import { checkTensor } from '../tape/operation.ts'
import { convert, converted } from '../tensor/convert.ts'
import { sameShape, show } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'

/**
 * Writes y into x, in place, converted to x's dtype, and returns x. Throws ShapeError where the shapes differ, RangeError for what does not fit
 * an integer type, TypeError while a gradient is being taken.
 * @example zeros([2]).assign(tensor([1, 2])).toArray() // [1, 2]
 */
export function assign(x: Tensor, y: Tensor): Tensor {
  if (arguments.length > 2) refuseSurplus('assign', 2, arguments)
  checkTensor('assign', x)
  checkTensor('assign', y)
  if (isRecording())
    throw typeError('assign', 'a gradient is being taken, and it could not see the change', '', 'Compute a new tensor instead.')
  if (!sameShape(x.dims, y.dims)) {
    throw new ShapeError({ operation: 'assign', problem: 'shapes differ', came: `${show(y.dims)} into ${show(x.dims)}` }, [x.dims, y.dims])
  }
  if (x.storage === y.storage) return x
  // First elsewhere: what does not fit must leave x as it was.
  const fitting = x.type === 'int32' || x.type === 'uint8' ? converted(y, x.type, 'assign') : y
  try {
    x.startWrite()
    convert(fitting, x, 'assign')
  } finally {
    if (fitting !== y) fitting.dispose()
  }
  return x
}
