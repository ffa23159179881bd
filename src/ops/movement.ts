import { refuseMore, refuseSurplus, ShapeError, typeError, written } from '../errors.ts'
import { trackedAlias } from '../tape/level.ts'
import { checkTensor, operation, type Run } from '../tape/operation.ts'
import { bytesOf, type DType } from '../tensor/dtype.ts'
import { own } from '../tensor/scope.ts'
import {
  type Axis,
  areSizes,
  broadcastAxes,
  broadcastSteps,
  checkShape,
  checkSizes,
  resolveAxes,
  resolveAxis,
  type Shape,
  sameShape,
  show,
  sizeOf,
  stepsOf,
} from '../tensor/shape.ts'
import { ownedAlias, Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { copyElements } from './copying.ts'
import { areFirst, keepsDims, type Reduced, type ReduceOptions, reduceAxes, reducedShape, reduceInts } from './reduction.ts'

/** Leaves every type as it is. */
const asIs = ([dtype]: readonly DType[]) => ({ output: dtype })

const runReshape = operation<{ shape: Shape }, { from: Shape }>({
  name: 'reshape',
  types: asIs,
  shape: (_, { shape }) => shape,
  view: (x, shape) => ownedAlias(x, shape),
  save: (_, [x]) => ({ from: x.dims }),
  pullback: [(g, { from }) => reshape(g, from)],
})

/**
 * The same elements in another shape, sharing memory; one size may be -1 and is worked out. Throws ShapeError unless the sizes multiply to
 * x's.
 * @example arange(6).reshape([2, -1]).toArray() // [[0, 1, 2], [3, 4, 5]]
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  if (arguments.length > 2) refuseMore('reshape', 'the shape is', arguments)
  checkTensor('reshape', x)
  if (!Array.isArray(shape)) checkShape('reshape', shape)
  const settled = [...shape]
  const open = settled.indexOf(-1)
  if (open >= 0) {
    settled[open] = 1
    if (areSizes(settled)) settled[open] = x.count / sizeOf(settled)
  }
  if (!areSizes(settled) || sizeOf(settled) !== x.count) {
    throw new ShapeError(
      {
        operation: 'reshape',
        problem: 'the sizes do not multiply to the number of elements',
        came: `${show(x.dims)} to ${show(shape)}`,
        wayOut: `They must multiply to ${x.count}; one of them may be -1.`,
      },
      [x.dims, shape],
    )
  }
  return runReshape([x], { shape: settled })
}

/**
 * Joins the axes from `from` (1) on into one: samples stay apart, and `flatten(x, 0)` joins all. What has no axis 1 is as it was, if `from` is left
 * out. Throws ShapeError for an axis that is not there.
 * @example zeros([2, 3, 4]).flatten().shape // [2, 12]
 */
export function flatten(x: Tensor, from = 1): Tensor {
  if (arguments.length > 2) refuseSurplus('flatten', 2, arguments)
  checkTensor('flatten', x)
  if (from === 1 && x.rank < 2) return reshape(x, x.dims)
  const axis = x.rank === 0 ? 0 : resolveAxis('flatten', from, x.dims)
  return reshape(x, [...x.dims.slice(0, axis), sizeOf(x.dims.slice(axis))])
}

/** Leaves out axes of size 1: those named, or all. Throws ShapeError where a named one is longer.
 * @example zeros([1, 3, 1]).squeeze().shape // [3] */
export function squeeze(x: Tensor, axis?: Axis): Tensor {
  if (arguments.length > 2) refuseMore('squeeze', 'the axes are', arguments)
  checkTensor('squeeze', x)
  const axes = axis === undefined ? x.dims.flatMap((size, i) => (size === 1 ? [i] : [])) : resolveAxes('squeeze', axis, x.dims)
  const long = axes.find(each => x.dims[each] !== 1)
  if (long !== undefined) {
    throw new ShapeError({ operation: 'squeeze', problem: `axis ${long} is longer than 1`, came: show(x.dims) }, [x.dims])
  }
  return reshape(
    x,
    x.dims.filter((_, i) => !axes.includes(i)),
  )
}

/** Puts in an axis of size 1, at `axis` (0) of the result. Throws ShapeError for an axis that is not there.
 * @example zeros([3]).expandDims(1).shape // [3, 1] */
export function expandDims(x: Tensor, axis = 0): Tensor {
  if (arguments.length > 2) refuseSurplus('expandDims', 2, arguments)
  checkTensor('expandDims', x)
  const at = resolveAxis('expandDims', axis, [...x.dims, 1])
  return reshape(x, [...x.dims.slice(0, at), 1, ...x.dims.slice(at)])
}

const runTranspose = operation({
  name: 'transpose',
  types: asIs,
  shape: ([x]) => [...x.slice(0, -2), x[x.length - 1], x[x.length - 2]],
  view: (x, shape) => {
    const y = new Tensor(shape, x.type, null)
    own(y)
    y.source = trackedAlias(x)
    const { storage } = y.source
    storage.waiting ??= new Set()
    storage.waiting.add(y)
    return y
  },
  pullback: [g => transpose(g)],
})

/** Swaps the last two axes. Nothing is copied before the result is read, and nothing at all by `matmul`. Throws ShapeError below rank 2.
 * @example tensor([[1, 2, 3]]).transpose().toArray() // [[1], [2], [3]] */
export function transpose(x: Tensor): Tensor {
  if (arguments.length > 1) refuseSurplus('transpose', 1, arguments, 'Write permute(x, axes) to order all axes.')
  checkTensor('transpose', x)
  if (x.rank < 2) {
    throw new ShapeError(
      { operation: 'transpose', problem: 'needs two axes', came: show(x.dims), wayOut: 'expandDims makes a row or column.' },
      [x.dims],
    )
  }
  if (bytesOf(x.type) === 4) return runTranspose([x], undefined)
  const axes = x.dims.map((_, i) => i)
  return permute(x, [...axes.slice(0, -2), x.rank - 1, x.rank - 2])
}

const runPermute = operation<{ axes: readonly number[] }>({
  name: 'permute',
  types: asIs,
  shape: ([x], { axes }) => axes.map(axis => x[axis]),
  forward(y, [x], { axes }) {
    const steps = stepsOf(x.dims)
    copyElements(
      'permute',
      y.dims,
      x,
      axes.map(axis => steps[axis]),
      0,
      y,
      stepsOf(y.dims),
      0,
    )
  },
  pullback: [
    (g, _, { axes }) =>
      permute(
        g,
        axes.map((_, i) => axes.indexOf(i)),
      ),
  ],
})

/**
 * The axes in another order: axis i of the result is axis `axes[i]` of x. Throws ShapeError unless each is named once, TypeError for no
 * list.
 * @example zeros([2, 3, 4]).permute([2, 0, 1]).shape // [4, 2, 3]
 */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  if (arguments.length > 2) refuseMore('permute', 'the axes are', arguments)
  checkTensor('permute', x)
  if (!Array.isArray(axes)) throw typeError('permute', 'takes the list of all axes in their new order', written(axes))
  const order = axes.map(axis => resolveAxis('permute', axis, x.dims))
  if (order.length !== x.rank || new Set(order).size !== x.rank) {
    throw new ShapeError({ operation: 'permute', problem: 'every axis must be named once', came: `${show(axes)} for ${show(x.dims)}` }, [
      x.dims,
    ])
  }
  return runPermute([x], { axes: order })
}

const runSum: Run<Reduced> = operation<Reduced, { from: Shape }>({
  name: 'sum',
  types: ([dtype]) => (dtype === 'float32' ? { output: dtype } : { inputs: 'int32', output: 'int32' }),
  shape: ([x], { axes, keepDims }) => reducedShape(x, axes, keepDims),
  forward(y, [x], options) {
    if (x.type === 'float32') reduceAxes(x, y, options.axes, kernels.sum)
    else reduceInts('sum', x, y, options.axes, kernels.sumI, floats => runSum(floats, options))
  },
  save: (_, [x]) => ({ from: x.dims }),
  pullback: [(g, { from }, { axes }) => broadcastTo(areFirst(axes) ? g : reshape(g, reducedShape(from, axes, true)), from)],
})

/**
 * The sum along an axis, several, or all. float32, or int32 for integers and bool. Pairwise, so errors grow with log n. Throws ShapeError
 * for an axis that is not there, RangeError for integers whose sum does not fit.
 * @example tensor([[1, 2], [3, 4]]).sum(0).toArray() // [4, 6]
 */
export function sum(x: Tensor, axis?: Axis, options?: ReduceOptions): Tensor {
  if (arguments.length > 3) refuseSurplus('sum', 3, arguments)
  checkTensor('sum', x)
  return runSum([x], { axes: resolveAxes('sum', axis, x.dims), keepDims: keepsDims('sum', options) })
}

const runBroadcastTo = operation<{ shape: Shape }, { from: Shape }>({
  name: 'broadcastTo',
  types: asIs,
  shape: (_, { shape }) => shape,
  forward: (y, [x]) => copyElements('broadcastTo', y.dims, x, broadcastSteps(x.dims, y.dims), 0, y, stepsOf(y.dims), 0),
  save: (_, [x]) => ({ from: x.dims }),
  pullback: [(g, { from }) => reshape(sum(g, broadcastAxes(from, g.dims)), from)],
})

/** Repeats x along new axes and those of size 1 until it has the given shape. Throws ShapeError where a size differs otherwise.
 * @example tensor([1, 2]).broadcastTo([2, 2]).toArray() // [[1, 2], [1, 2]] */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  if (arguments.length > 2) refuseMore('broadcastTo', 'the shape is', arguments)
  checkTensor('broadcastTo', x)
  checkSizes('broadcastTo', shape)
  const lead = shape.length - x.rank
  if (lead < 0 || x.dims.some((size, i) => size !== 1 && size !== shape[lead + i])) {
    throw new ShapeError({ operation: 'broadcastTo', problem: 'the shape does not broadcast', came: `${show(x.dims)} to ${show(shape)}` }, [
      x.dims,
      shape,
    ])
  }
  return sameShape(x.dims, shape) ? x : runBroadcastTo([x], { shape: [...shape] })
}
