import { ShapeError, speaking } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor } from '../tape/operation.ts'
import { show, sizeOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { integerProduct } from './integer-product.ts'
import { permute, reshape } from './movement.ts'
import { mul } from './pointwise.ts'
import { product } from './product.ts'

/**
 * The dot product, as `numpy.dot`: of two vectors a number; else the last axis of x is contracted with the last but one of y, or y's only
 * one, and the other axes of both stay, x's first. A scalar multiplies. float32, or int32 of integers. Throws ShapeError where the sizes
 * differ, RangeError for integers that do not fit.
 * @example tensor([1, 2]).dot(tensor([3, 4])).item() // 11
 */
export const dot = /* @__PURE__ */ composed('dot', 2, function dot(x: Tensor, y: Tensor): Tensor {
  checkTensor('dot', x)
  checkTensor('dot', y)
  if (x.rank === 0 || y.rank === 0) return speaking('dot', () => mul(x, y))
  const at = Math.max(0, y.rank - 2)
  if (x.dims[x.rank - 1] !== y.dims[at]) {
    const came = `${show(x.dims)} and ${show(y.dims)}`
    throw new ShapeError({ operation: 'dot', problem: `the last axis of x and axis ${at} of y differ`, came }, [x.dims, y.dims])
  }
  const others = y.dims.flatMap((_, i) => (i === at ? [] : [i]))
  const rest = others.map(i => y.dims[i])
  const inner = y.dims[at]
  const left = reshape(x, [sizeOf(x.dims, 0, x.rank - 1), inner])
  const isInteger = x.type !== 'float32' && y.type !== 'float32'
  const order = isInteger ? [...others, at] : [at, ...others]
  const shape = isInteger ? [sizeOf(rest), inner] : [inner, sizeOf(rest)]
  const right = reshape(order.every((axis, i) => axis === i) ? y : permute(y, order), shape)
  const products = speaking('dot', () => (isInteger ? integerProduct(left, right) : product(left, right, false, false)))
  return reshape(products, [...x.dims.slice(0, -1), ...rest])
})

/** The products of each element of x with each of y, both flattened: `[x.size, y.size]`, as `numpy.outer`. Integers as `mul`.
 * @example tensor([1, 2]).outer(tensor([3, 4])).toArray() // [[3, 4], [6, 8]] */
export const outer = /* @__PURE__ */ composed('outer', 2, function outer(x: Tensor, y: Tensor): Tensor {
  checkTensor('outer', x)
  checkTensor('outer', y)
  return speaking('outer', () => mul(reshape(x, [x.count, 1]), reshape(y, [y.count])))
})
