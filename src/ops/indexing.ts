import { checkOptions, rangeError, ShapeError, typeError, written } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor, operation, type Run } from '../tape/operation.ts'
import { fill } from '../tensor/create.ts'
import { bytesOf, promote } from '../tensor/dtype.ts'
import { resolveAxis, type Shape, sameShape, show } from '../tensor/shape.ts'
import { Storage } from '../tensor/storage.ts'
import { make, type Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { around, asIndices, BLOCK, blocksOf, checked, runTakeAlong } from './indices.ts'
import { add, cast } from './pointwise.ts'

const runGather: Run<{ axis: number }> = operation<{ axis: number }, { indices: Tensor; from: Shape }>({
  name: 'gather',
  types: ([dtype]) => ({ output: dtype }),
  shape: ([x, indices], { axis }) => [...x.slice(0, axis), ...indices, ...x.slice(axis + 1)],
  forward(y, [x, indices], { axis }) {
    const [outer, inner] = around(x.dims, axis)
    const size = x.dims[axis]
    const bytes = inner * bytesOf(x.type)
    const { count } = indices
    checked('gather', indices, size, status =>
      kernels.gather(
        { whole: x.pointer, indices: indices.pointer, parts: y.pointer, size, count, inner: bytes, status },
        outer * count,
        bytes,
      ),
    )
  },
  save: (_, [x, indices]) => ({ indices, from: x.dims }),
  pullback: [(g, { indices, from }, { axis }) => runScatter([indices, g], { axis, shape: from }), null],
  accumulate: (sum, g, { indices }, { axis }) => addSlices(sum, indices, g, axis),
})

/**
 * Whole slices of x along an axis (0), one for each index; the shape of the indices takes the axis' place. Throws RangeError for an index
 * that is not there, DTypeError for indices that are no whole numbers.
 * @example tensor([[1, 2], [3, 4], [5, 6]]).gather([2, 0]).toArray() // [[5, 6], [1, 2]]
 */
export const gather = /* @__PURE__ */ composed(
  'gather',
  3,
  function gather(x: Tensor, indices: Tensor | number | readonly number[], axis = 0): Tensor {
    checkTensor('gather', x)
    return runGather([x, asIndices('gather', indices)], { axis: resolveAxis('gather', axis, x.dims) })
  },
)

/** Adds slices to y at the indices. */
function addSlices(y: Tensor, indices: Tensor, updates: Tensor, axis: number): void {
  const [outer, inner] = around(y.dims, axis)
  const size = y.dims[axis]
  const { count } = indices
  checked('scatterAdd', indices, size, status =>
    kernels.scatterAdd(
      { whole: y.pointer, indices: indices.pointer, parts: updates.pointer, size, count, inner, status },
      outer * blocksOf(inner),
      count * Math.min(inner, BLOCK),
    ),
  )
}

/** Zeros of `shape`, with slices added at the indices: the adjoint of `gather`. */
const runScatter: Run<{ axis: number; shape: Shape }> = operation<{ axis: number; shape: Shape }, { indices: Tensor }>({
  name: 'scatter',
  types: () => ({ output: 'float32' }),
  shape: (_, { shape }) => shape,
  forward(y, [indices, updates], { axis }) {
    fill(y, 0)
    addSlices(y, indices, updates, axis)
  },
  save: (_, [indices]) => ({ indices }),
  pullback: [null, (g, { indices }, { axis }) => runGather([g, indices], { axis })],
})

/** x, with slices of int32 added at the indices; only what comes out must fit. */
const runScatterInts: Run<{ axis: number }> = operation<{ axis: number }>({
  name: 'scatterInts',
  types: () => ({ output: 'int32' }),
  shape: ([x]) => x,
  forward(y, [x, indices, updates], { axis }) {
    const [outer, inner] = around(y.dims, axis)
    const size = y.dims[axis]
    const { count } = indices
    const wide = new Storage(8 * y.count)
    y.scratch = wide
    checked('scatterAdd', indices, size, status =>
      kernels.scatterAddI(
        {
          x: x.pointer,
          indices: indices.pointer,
          updates: updates.pointer,
          wide: wide.pointer,
          out: y.pointer,
          size,
          count,
          inner,
          status,
        },
        outer,
        (size + count) * inner,
      ),
    )
    y.endScratch()
  },
})

/**
 * x, with slices of `updates` added at the indices along an axis (0); equal indices add up. The adjoint of `gather`. Throws ShapeError for
 * updates of another shape than `gather` would give; otherwise errors as `gather`.
 * @example zeros([3]).scatterAdd([0, 2, 2], tensor([1, 2, 3])).toArray() // [1, 0, 5]
 */
export const scatterAdd = /* @__PURE__ */ composed(
  'scatterAdd',
  4,
  function scatterAdd(x: Tensor, indices: Tensor | number | readonly number[], updates: Tensor, axis = 0): Tensor {
    checkTensor('scatterAdd', x)
    checkTensor('scatterAdd', updates)
    const at = resolveAxis('scatterAdd', axis, x.dims)
    const integers = asIndices('scatterAdd', indices)
    const wanted = [...x.dims.slice(0, at), ...integers.dims, ...x.dims.slice(at + 1)]
    if (!sameShape(updates.dims, wanted)) {
      throw new ShapeError(
        { operation: 'scatterAdd', problem: 'the updates do not fit', came: show(updates.dims), wayOut: `They must be ${show(wanted)}.` },
        [x.dims, integers.dims, updates.dims],
      )
    }
    const type = promote(x.type, updates.type)
    if (type === 'int32') return runScatterInts([cast(x, type), integers, cast(updates, type)], { axis: at })
    return add(cast(x, type), runScatter([integers, cast(updates, type)], { axis: at, shape: x.dims }))
  },
)

/**
 * Entries of x along an axis, as `torch.gather`: the indices have x's rank, and its sizes on the other axes. Throws ShapeError for other
 * sizes; otherwise errors as `gather`.
 * @example tensor([[1, 2], [3, 4]]).takeAlong(tensor([[1], [0]]), 1).toArray() // [[2], [3]]
 */
export const takeAlong = /* @__PURE__ */ composed('takeAlong', 3, function takeAlong(x: Tensor, indices: Tensor, axis: number): Tensor {
  checkTensor('takeAlong', x)
  const integers = asIndices('takeAlong', indices)
  const at = resolveAxis('takeAlong', axis, x.dims)
  if (integers.rank !== x.rank || x.dims.some((size, i) => i !== at && size !== integers.dims[i])) {
    throw new ShapeError(
      {
        operation: 'takeAlong',
        problem: `x and indices differ on another axis than ${at}`,
        came: `${show(x.dims)} and ${show(integers.dims)}`,
      },
      [x.dims, integers.dims],
    )
  }
  const floats = bytesOf(x.type) === 4 ? x : cast(x, 'int32')
  const y = runTakeAlong([floats, integers], { axis: at })
  return bytesOf(x.type) === 4 ? y : cast(y, x.type)
})

/**
 * bool rows that are true at the index: `[...]` to `[..., classes]`. Classes count from 0; left out, there is one more than the largest.
 * Throws RangeError for an index that is no class, DTypeError for indices that are no whole numbers.
 * @example oneHot([0, 2], 3).toArray() // [[true, false, false], [false, false, true]]
 */
export const oneHot = /* @__PURE__ */ composed('oneHot', 2, function oneHot(indices: Tensor | readonly number[], classes?: number): Tensor {
  const integers = asIndices('oneHot', indices)
  if (classes !== undefined) {
    if (typeof classes !== 'number') {
      throw typeError(
        'oneHot',
        'the number of classes is a number',
        `${written(classes)} came`,
        'Write oneHot(indices, 3), or oneHot(indices).',
      )
    }
    if (!Number.isInteger(classes) || classes < 0) throw rangeError('oneHot', 'the number of classes is a whole number from 0', classes)
  }
  const count = classes ?? (integers.count === 0 ? 0 : Math.max(0, integers.max().item() + 1))
  const y = make([...integers.dims, count], 'bool', 'oneHot')
  checked('oneHot', integers, count, status => kernels.oneHot(integers.pointer, y.pointer, count, status, integers.count, count / 8))
  return y
})

/**
 * Indices of the largest entries along an axis (-1): what `oneHot` undoes. Throws RangeError for a NaN among them, ShapeError for an axis that is not there or
 * has no classes.
 * @example tensor([[0.1, 0.9], [0.8, 0.2]]).oneCold().toArray() // [1, 0]
 */
export const oneCold = /* @__PURE__ */ composed(
  'oneCold',
  2,
  function oneCold(y: Tensor, options?: { readonly axis?: number | undefined }): Tensor {
    checkTensor('oneCold', y)
    if (options !== undefined) checkOptions('oneCold', options, ['axis'])
    if (y.isNaN().any().item()) throw rangeError('oneCold', 'NaN has no class', '', 'Look for where it comes from with isNaN(y).')
    const axis = resolveAxis('oneCold', options?.axis ?? -1, y.dims)
    if (y.dims[axis] === 0) throw new ShapeError({ operation: 'oneCold', problem: 'there are no classes', came: show(y.dims) }, [y.dims])
    return y.argMax(axis)
  },
)
