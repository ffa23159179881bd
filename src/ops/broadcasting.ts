// Cotangents of what was broadcast or reduced.
import { broadcastAxes, type Shape, sameShape } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { broadcastTo, reshape, sum } from './movement.ts'
import { areFirst, reducedShape } from './reduction.ts'

/** Repeats the cotangent of a reduction along the axes that were reduced. */
export function spread(g: Tensor, shape: Shape, axes: readonly number[]): Tensor {
  return broadcastTo(areFirst(axes) ? g : reshape(g, reducedShape(shape, axes, true)), shape)
}

/** The adjoint of `broadcastTo`: sums over the axes along which `shape` was broadcast. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.dims, shape) ? x : reshape(sum(x, broadcastAxes(shape, x.dims)), shape)
}
