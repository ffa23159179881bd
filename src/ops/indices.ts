// Indices, as what reads and writes by them takes them; and the entries along an axis.
import { DTypeError, rangeError, typeError, written } from '../errors.ts'
import { checkTensor, operation, type Run } from '../tape/operation.ts'
import { fill, tensor } from '../tensor/create.ts'
import { overflow } from '../tensor/fits.ts'
import { type Shape, show, sizeOf } from '../tensor/shape.ts'
import { make, Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import type { Status } from '../wasm/kinds.ts'
import { f32, i32 } from '../wasm/memory.ts'
import { reported } from '../wasm/status.ts'
import { cast } from './pointwise.ts'

/** Runs a kernel that reports the first bad index, or behind them that a sum does not fit, and throws RangeError for it. `kind` is what the
 * indices stand for. */
export function checked(
  operation: string,
  indices: Tensor,
  size: number,
  run: (status: Status) => void,
  kind: 'index' | 'class' = 'index',
): void {
  const position = reported(run)
  if (position === indices.count) throw overflow(operation)
  if (position >= 0) throw badIndex(operation, i32[(indices.pointer >>> 2) + position], position, size, kind)
}

/** The error for an index that is not there. */
function badIndex(operation: string, index: number, position: number, size: number, kind: 'index' | 'class'): RangeError {
  const range = `from 0 to ${size - 1}`
  if (kind === 'class') {
    const wayOut = index < -1 ? `A loss leaves samples out with { ignoreIndex: ${index} }.` : ''
    return rangeError(operation, `${index} at place ${position} is no class`, `classes count ${range}`, wayOut)
  }
  return rangeError(operation, `index ${index} at place ${position} is out of range`, `indices go ${range}`)
}

/** Indices, whole numbers: a tensor, a list or an array of them. */
export type IndicesInput = Tensor | readonly number[] | Int32Array | Uint8Array

/** Indices as int32: whole float32 numbers are taken, too. Throws DTypeError for others; `what` each of them is. */
export function asIndices(operation: string, indices: IndicesInput | number, what = 'index'): Tensor {
  const isArray = ArrayBuffer.isView(indices)
  const given = indices instanceof Tensor ? indices : isArray ? tensor(indices) : ofNumbers(operation, indices, what)
  checkTensor(operation, given)
  if (given.type === 'int32') return given
  if (given.type === 'bool') {
    const [many, wayOut] = what === 'index' ? ['indices', 'Use where, or cast them to int32.'] : [`${what}s`, 'Cast them to int32.']
    throw new DTypeError({ operation, problem: `${many} cannot be bool`, came: show(given.dims), wayOut }, ['bool'])
  }
  if (given.type !== 'float32') return cast(given, 'int32')
  const whole = make(given.dims, 'int32', operation)
  const odd = reported(status => kernels.toIndices(given.pointer, whole.pointer, status, given.count))
  if (odd >= 0) throw rangeError(operation, `${what} ${f32[(given.pointer >>> 2) + odd]} at place ${odd} is not a whole number`)
  return whole
}

/** Not by way of float32, which rounds numbers from 2^24 up. */
function ofNumbers(operation: string, indices: number | readonly number[], what: string): Tensor {
  if (typeof indices !== 'number' && !Array.isArray(indices)) checkTensor(operation, indices)
  const exact = [indices].flat(Number.POSITIVE_INFINITY)
  const text = exact.find(value => typeof value === 'string')
  if (text !== undefined) {
    const isIndex = what === 'index'
    const wayOut = isIndex ? 'Count names: labels.map(each => names.indexOf(each)).' : ''
    throw typeError(operation, `${isIndex ? 'an index' : `a ${what}`} is a number`, `${written(text)} came`, wayOut)
  }
  // Rows may be typed arrays or tensors.
  const odd = exact.findIndex((value: unknown) =>
    typeof value === 'number' ? value !== (value | 0) : value === null || typeof value !== 'object',
  )
  if (odd >= 0) throw rangeError(operation, `${what} ${String(exact[odd])} at place ${odd} is not a whole number`)
  return tensor(indices, undefined, { dtype: 'int32' })
}

/** [elements before the axis, elements behind it] */
export function around(shape: Shape, axis: number): [number, number] {
  return [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))]
}

/** Sums by index are shared among threads by so many columns, a cache line, so that their order is that of the indices. */
export const BLOCK = 16

/** How many blocks there are; one without columns, which looks at the indices. */
export function blocksOf(columns: number): number {
  return Math.max(1, Math.ceil(columns / BLOCK))
}

/** Along which axis, and for errors the loss whose classes the indices are. */
interface Along {
  readonly axis: number
  readonly loss?: string
}

export const runTakeAlong: Run<Along> = operation<Along, { indices: Tensor; from: Shape }>({
  name: 'takeAlong',
  types: ([dtype]) => ({ output: dtype }),
  shape: ([, indices]) => indices,
  forward(y, [x, indices], { axis, loss }) {
    const [, inner] = around(x.dims, axis)
    const size = x.dims[axis]
    const count = indices.dims[axis]
    const run = (status: Status) =>
      kernels.takeAlong({ whole: x.pointer, indices: indices.pointer, parts: y.pointer, size, count, inner, status }, y.count)
    checked(loss ?? 'takeAlong', indices, size, run, loss ? 'class' : 'index')
  },
  save: (_, [x, indices]) => ({ indices, from: x.dims }),
  pullback: [(g, { indices, from }, { axis }) => runPutAlong([indices, g], { axis, shape: from }), null],
})

/** Zeros of `shape`, with entries added at the indices: the adjoint of `takeAlong`. */
const runPutAlong: Run<{ axis: number; shape: Shape }> = operation<{ axis: number; shape: Shape }, { indices: Tensor }>({
  name: 'putAlong',
  types: () => ({ output: 'float32' }),
  shape: (_, { shape }) => shape,
  forward(y, [indices, updates], { axis }) {
    fill(y, 0)
    const [outer, inner] = around(y.dims, axis)
    const size = y.dims[axis]
    const count = indices.dims[axis]
    checked('putAlong', indices, size, status =>
      kernels.putAlong(
        { whole: y.pointer, indices: indices.pointer, parts: updates.pointer, size, count, inner, status },
        outer,
        indices.count / Math.max(1, outer),
      ),
    )
  },
  save: (_, [indices]) => ({ indices }),
  pullback: [null, (g, { indices }, { axis }) => runTakeAlong([g, indices], { axis })],
})

/** @internal Zeros of `shape`, with entries added at the indices along an axis. */
export function putAlong(indices: Tensor, updates: Tensor, shape: Shape, axis: number): Tensor {
  return runPutAlong([indices, updates], { axis, shape })
}

/** @internal The entry of each sample's class, int32 of x's shape with 1 in place of the axis, for a loss. */
export function takeClasses(loss: string, x: Tensor, classes: Tensor, axis: number): Tensor {
  return runTakeAlong([x, classes], { axis, loss })
}
