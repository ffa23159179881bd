import { kindOf, refuseSurplus, ShapeError, typeError } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor, operation } from '../tape/operation.ts'
import { type DType, promote } from '../tensor/dtype.ts'
import { resolveAxis, show, stepsOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { copyElements } from './copying.ts'
import { expandDims } from './movement.ts'
import { section } from './ranges.ts'

const runConcat = operation<{ axis: number }, { starts: readonly number[] }>({
  name: 'concat',
  types: dtypes => {
    const [first] = dtypes
    if (dtypes.every(dtype => dtype === first)) return { output: first }
    const common = dtypes.reduce<DType>(promote, first)
    return { inputs: common, output: common }
  },
  shape(shapes, { axis }) {
    const [first] = shapes
    for (const shape of shapes) {
      if (shape.length === first.length && shape.every((size, i) => i === axis || size === first[i])) continue
      throw new ShapeError(
        { operation: 'concat', problem: `shapes differ on another axis than ${axis}`, came: shapes.map(show).join(' and ') },
        shapes,
      )
    }
    return first.map((size, i) => (i === axis ? shapes.reduce((sum, shape) => sum + shape[axis], 0) : size))
  },
  forward(y, xs, { axis }) {
    const steps = stepsOf(y.dims)
    let at = 0
    for (const x of xs) {
      copyElements('concat', x.dims, x, stepsOf(x.dims), 0, y, steps, at * steps[axis])
      at += x.dims[axis]
    }
  },
  save(_, xs, { axis }) {
    const starts = [0]
    for (const x of xs) starts.push(starts[starts.length - 1] + x.dims[axis])
    return { starts }
  },
  pullback: (g, { starts }, { axis }, index) => section(g, axis, starts[index], starts[index + 1] - starts[index]),
})

/** Joins tensors along an axis (0). Throws ShapeError where other sizes differ, TypeError for an empty list.
 * @example concat([tensor([1]), tensor([2, 3])]).toArray() // [1, 2, 3] */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  if (arguments.length > 2) refuseSurplus('concat', 2, arguments, 'The tensors are a list: [x, y].')
  checkList('concat', tensors)
  return runConcat(tensors, { axis: resolveAxis('concat', axis, tensors[0].dims) })
}

/** Joins tensors of one shape along a new axis (0). Throws ShapeError where the shapes differ, TypeError for an empty list.
 * @example stack([tensor([1, 2]), tensor([3, 4])]).toArray() // [[1, 2], [3, 4]] */
export const stack = /* @__PURE__ */ composed('stack', 2, function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  checkList('stack', tensors)
  const [{ dims: shape }] = tensors
  const odd = tensors.find(each => show(each.dims) !== show(shape))
  if (odd)
    throw new ShapeError({ operation: 'stack', problem: 'shapes differ', came: `${show(shape)} and ${show(odd.dims)}` }, [shape, odd.dims])
  const at = resolveAxis('stack', axis, [...shape, 1])
  return concat(
    tensors.map(each => expandDims(each, at)),
    at,
  )
})

function checkList(operation: string, tensors: readonly Tensor[]): void {
  if (!Array.isArray(tensors)) throw typeError(operation, 'takes a list of tensors', kindOf(tensors), `Write ${operation}([x, y]).`)
  if (tensors.length === 0) throw typeError(operation, 'the list of tensors is empty')
  for (const each of tensors) checkTensor(operation, each)
}
