// What orders elements.
import { checkBoolean, checkOptions, kindOf, rangeError, typeError } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor, operation, several } from '../tape/operation.ts'
import { bytesOf } from '../tensor/dtype.ts'
import { resolveAxis, type Shape, sizeOf } from '../tensor/shape.ts'
import { Storage } from '../tensor/storage.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { NONE } from '../wasm/kinds.ts'
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

/** What `sort` and `argSort` can be told. */
export interface SortOptions {
  /** The largest first. */
  readonly descending?: boolean | undefined
}

interface Order {
  readonly axis: number
  readonly descending: boolean
}

/** Writes the places, and the values if they are wanted. */
function writeOrder(values: Tensor | undefined, places: Tensor, x: Tensor, { axis, descending }: Order): void {
  if (x.count === 0) return
  const [n, inner] = [x.dims[axis], sizeOf(x.dims, axis + 1)]
  const rows = x.count / n
  places.scratch = new Storage(rows * (n > 32 ? 16 * n + 1024 : 8 * n))
  const run = x.type === 'float32' ? kernels.sort : kernels.sortI
  run(x.pointer, values?.pointer ?? NONE, places.pointer, places.scratch.pointer, n, inner, Number(descending), rows, n)
  places.endScratch()
}

const runSort = several<Order, { indices: Tensor; from: Shape }>({
  name: 'sort',
  results: ([x], [dtype]) => [
    [x, dtype],
    [x, 'int32'],
  ],
  forward: ([values, indices], [x], options) => writeOrder(values, indices, x, options),
  save: ([, indices], [x]) => ({ indices, from: x.dims }),
  joint: ([g], { indices, from }, { axis }) => [g && putAlong(indices, g, from, axis)],
})

const runArgSort = operation<Order>({
  name: 'argSort',
  types: () => ({ output: 'int32' }),
  shape: ([x]) => x,
  forward: (y, [x], options) => writeOrder(undefined, y, x, options),
})

/** What the kernels take: bytes as int32. */
function sortable(name: string, x: Tensor, axis: number, options: SortOptions | undefined): [Tensor, Order] {
  checkTensor(name, x)
  if (options !== undefined) checkOptions(name, options, ['descending'])
  const { descending = false } = options ?? {}
  checkBoolean(name, 'descending', descending)
  const order = { axis: resolveAxis(name, axis, x.dims), descending }
  return [bytesOf(x.type) === 1 ? cast(x, 'int32') : x, order]
}

/**
 * The elements in ascending order along an axis (-1), or in descending order. NaN is the largest; both zeros are equal, and equals keep their order. The
 * gradient goes to where each came from. Throws ShapeError for an axis that is not there.
 * @example tensor([3, 1, 2]).sort(-1, { descending: true }).toArray() // [3, 2, 1]
 */
export const sort = /* @__PURE__ */ composed('sort', 3, function sort(x: Tensor, axis = -1, options?: SortOptions): Tensor {
  const [values, order] = sortable('sort', x, axis, options)
  return cast(runSort([values], order)[0], x.type)
})

/**
 * The indices that put x in order along an axis (-1), as int32: what `sort` gives is `takeAlong(x, argSort(x), axis)`. Order and errors as `sort`.
 * @example tensor([3, 1, 2]).argSort().toArray() // [1, 2, 0]
 */
export const argSort = /* @__PURE__ */ composed('argSort', 3, function argSort(x: Tensor, axis = -1, options?: SortOptions): Tensor {
  const [values, order] = sortable('argSort', x, axis, options)
  return runArgSort([values], order)
})
