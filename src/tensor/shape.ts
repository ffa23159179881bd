import { ShapeError } from '../errors.ts'
import type { Layout } from '../wasm/kinds.ts'
import { i32, SCRATCH } from '../wasm/memory.ts'
import { kindOf, typeError, written } from '../words.ts'

/** The sizes of the axes, the outermost first; a scalar has none. */
export type Shape = readonly number[]

/** One axis, several, or all (undefined). Negative ones count from the end. */
export type Axis = number | readonly number[] | undefined

const MAX_RANK = 8

/** So many elements a tensor can have, of whatever type. */
export const MOST_ELEMENTS = 2 ** 30 - 1
export const TOO_MANY_ELEMENTS = 'more elements than a tensor can have, 2^30 - 1'

/** How many elements a shape has, or some neighbouring axes of it: from `from` up to, but without, `to`. */
export function sizeOf(shape: Shape, from = 0, to = shape.length): number {
  let size = 1
  for (let i = from; i < to; i++) size *= shape[i]
  return size
}

/** `[2, 3]` */
export function show(shape: Shape): string {
  return `[${shape.map(written).join(', ')}]`
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Are all of them whole numbers from 0? */
export function areSizes(sizes: readonly number[]): boolean {
  for (const size of sizes) if (!Number.isInteger(size) || size < 0) return false
  return true
}

/** Throws unless `shape` is a list of whole numbers >= 0. */
export function checkSizes(operation: string, shape: unknown): asserts shape is Shape {
  if (!Array.isArray(shape)) {
    const wayOut = typeof shape === 'number' ? `Write [${shape}].` : 'Write [2, 3], or [] for a scalar.'
    throw typeError(operation, 'a shape is a list of numbers', written(shape), wayOut)
  }
  if (!areSizes(shape)) throw new ShapeError({ operation, problem: 'sizes must be whole numbers from 0', came: show(shape) }, [shape])
}

/** Throws unless `shape` is a list of whole numbers >= 0 whose product can be addressed. */
export function checkShape(operation: string, shape: unknown): asserts shape is Shape {
  checkSizes(operation, shape)
  if (!(sizeOf(shape) <= MOST_ELEMENTS)) {
    throw new ShapeError({ operation, problem: TOO_MANY_ELEMENTS, came: show(shape) }, [shape])
  }
}

/** The error for what is no axis; options in its place come too early. */
function noAxis(operation: string, axis: unknown, what: string): TypeError {
  const { axis: inner, dim = inner } = Object(axis) as { readonly axis?: unknown; readonly dim?: unknown }
  const wayOut = typeof dim === 'number' ? `Write ${operation}(x, ${dim}).` : 'Options come behind the axis.'
  return typeError(operation, what, written(axis), kindOf(axis) === 'object' ? wayOut : '')
}

/** An axis from 0 to rank - 1. Throws ShapeError where it is not there. */
export function resolveAxis(operation: string, axis: number, shape: Shape): number {
  if (typeof axis !== 'number') throw noAxis(operation, axis, 'an axis is a number')
  const resolved = axis < 0 ? axis + shape.length : axis
  if (Number.isInteger(axis) && resolved >= 0 && resolved < shape.length) return resolved
  throw new ShapeError(
    {
      operation,
      problem: `there is no axis ${axis}`,
      came: show(shape),
      wayOut: shape.length === 0 ? 'A scalar has no axes.' : `Axes go from ${-shape.length} to ${shape.length - 1}.`,
    },
    [shape],
  )
}

/** Axes in ascending order. Throws ShapeError where one is not there or comes twice. */
export function resolveAxes(operation: string, axis: Axis, shape: Shape): readonly number[] {
  if (axis === undefined) return shape.map((_, i) => i)
  if (typeof axis === 'number') return [resolveAxis(operation, axis, shape)]
  if (!Array.isArray(axis)) throw noAxis(operation, axis, 'an axis is a number or a list of numbers')
  const axes = axis.map(each => resolveAxis(operation, each, shape)).sort((a, b) => a - b)
  const twice = axes.find((each, i) => each === axes[i + 1])
  if (twice !== undefined) throw new ShapeError({ operation, problem: `axis ${twice} comes twice`, came: show(axis) }, [shape])
  return axes
}

/** The shape of two tensors broadcast against each other, by NumPy's rules. Throws ShapeError. */
export function broadcastShapes(operation: string, a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a
  const rank = Math.max(a.length, b.length)
  const shape = new Array<number>(rank)
  for (let i = 1; i <= rank; i++) {
    const x = i <= a.length ? a[a.length - i] : 1
    const y = i <= b.length ? b[b.length - i] : 1
    if (x !== y && x !== 1 && y !== 1) {
      throw new ShapeError(
        {
          operation,
          problem: 'shapes do not broadcast',
          came: `${show(a)} and ${show(b)}`,
          wayOut: 'Compared from the right, sizes must be equal or 1; reshape or expandDims one of them.',
        },
        [a, b],
      )
    }
    shape[rank - i] = x === 1 ? y : x
  }
  return shape
}

/** Steps in elements of a contiguous tensor. */
export function stepsOf(shape: Shape): number[] {
  const steps = new Array<number>(shape.length)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    steps[i] = step
    step *= shape[i]
  }
  return steps
}

/**
 * Writes the layout of a loop over `shape` to the scratch area: its axes, merged where both operands allow it, with the steps of each.
 * Returns its address and the number of rows (all axes but the last). Throws ShapeError for more than 8 axes that do not merge.
 */
export function writeLayout(
  operation: string,
  shape: Shape,
  xSteps: Shape,
  ySteps: Shape,
): { layout: Layout; rows: number; flat: boolean } {
  let rank = 0
  for (let i = 0; i < shape.length; i++) {
    if (shape[i] === 1) continue
    const merges = rank > 0 && x[rank - 1] === xSteps[i] * shape[i] && y[rank - 1] === ySteps[i] * shape[i]
    if (!merges && rank === MAX_RANK) {
      throw new ShapeError({ operation, problem: 'more than 8 axes that do not merge', came: show(shape) }, [shape])
    }
    if (merges) rank--
    sizes[rank] = merges ? sizes[rank] * shape[i] : shape[i]
    x[rank] = xSteps[i]
    y[rank] = ySteps[i]
    rank++
  }
  if (rank === 0) {
    rank = 1
    sizes[0] = x[0] = y[0] = 1
  }
  const base = SCRATCH.layout >>> 2
  i32[base] = rank
  let rows = 1
  for (let i = 0; i < rank; i++) {
    i32[base + 1 + i] = sizes[i]
    i32[base + 1 + rank + i] = x[i]
    i32[base + 1 + 2 * rank + i] = y[i]
    if (i < rank - 1) rows *= sizes[i]
  }
  // No operand is a number.
  i32[base + 1 + 3 * rank] = 0
  return { layout: SCRATCH.layout, rows, flat: rank === 1 && x[0] === 1 && y[0] === 1 }
}

const sizes = new Array<number>(MAX_RANK).fill(1)
const x = new Array<number>(MAX_RANK).fill(1)
const y = new Array<number>(MAX_RANK).fill(1)

/** The axes of `to` along which `from` is repeated. */
export function broadcastAxes(from: Shape, to: Shape): number[] {
  const lead = to.length - from.length
  const axes: number[] = []
  for (let i = 0; i < to.length; i++) if (i < lead || (from[i - lead] === 1 && to[i] !== 1)) axes.push(i)
  return axes
}

/** Steps with which a tensor of `from` is read as one of `to`: 0 along the axes that are broadcast. */
export function broadcastSteps(from: Shape, to: Shape): number[] {
  const strides = stepsOf(from)
  const lead = to.length - from.length
  const steps = new Array<number>(to.length)
  for (let i = 0; i < to.length; i++) steps[i] = i < lead || (from[i - lead] === 1 && to[i] !== 1) ? 0 : strides[i - lead]
  return steps
}
