import { checkBoolean, checkOptions } from '../errors.ts'
import { fitting } from '../tensor/convert.ts'
import { type Shape, sizeOf, stepsOf, writeLayout } from '../tensor/shape.ts'
import { Storage } from '../tensor/storage.ts'
import { make, type Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import type { Address, Status } from '../wasm/kinds.ts'

/** Which axes go, and whether they stay with size 1. */
export interface Reduced {
  readonly axes: readonly number[]
  readonly keepDims: boolean
}

/** A kernel over x of [outer, n, inner]. */
export type ReduceKernel = (x: Address, out: Address, n: number, inner: number, units: number, work: number) => void

/** One of integers, which reports a result that does not fit. */
type IntReduceKernel = (x: Address, out: Address, n: number, inner: number, status: Status, units: number, work: number) => void
/** What `mean`, `max` and their like can be told. */
export interface ReduceOptions {
  /** Keep the reduced axes, with size 1. */
  readonly keepDims?: boolean | undefined
}

const KEEP = ['keepDims']

/** Are the reduced axes kept? Throws TypeError for options that a reduction does not have. */
export function keepsDims(operation: string, options: ReduceOptions | undefined, known: readonly string[] = KEEP): boolean {
  if (options === undefined) return false
  checkOptions(operation, options, known)
  const { keepDims = false } = options
  checkBoolean(operation, 'keepDims', keepDims)
  return keepDims
}

/** The shape that is left of `shape` after a reduction. */
export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Shape {
  const left = new Array<number>(keepDims ? shape.length : shape.length - axes.length)
  for (let i = 0, at = 0; i < shape.length; i++) {
    const isLeft = !axes.includes(i)
    if (isLeft || keepDims) left[at++] = isLeft ? shape[i] : 1
  }
  return left
}

/** Are they the first axes, which are new ones to `broadcastTo`? */
export function areFirst(axes: readonly number[]): boolean {
  return axes.length === 0 || axes[axes.length - 1] === axes.length - 1
}

/** From so many elements on a reduction to one is cut into parts for all threads, with the same bits. */
const PARTED = 2 ** 17
/** In the order of their numbers in `reduceParts`. */
const kinds: readonly ReduceKernel[] = [kernels.sum, kernels.prod, kernels.max, kernels.min, kernels.maxI, kernels.minI]

/** Reduces neighbouring axes in one kernel call each, the last ones first. Both tensors have elements of 4 bytes. */
export function reduceAxes(x: Tensor, y: Tensor, axes: readonly number[], kernel: ReduceKernel): void {
  const groups = neighbours(axes)
  if (groups.length === 0) return kernels.copyWords(x.pointer, y.pointer, y.count)
  let shape = x.dims
  let from = x.pointer
  let scratch: Tensor | undefined
  let target: Tensor | undefined
  try {
    for (let i = groups.length - 1; i >= 0; i--) {
      const [first, last] = groups[i]
      const outer = sizeOf(shape, 0, first)
      const n = sizeOf(shape, first, last + 1)
      const inner = sizeOf(shape, last + 1)
      const kind = outer * inner === 1 && n >= PARTED ? kinds.indexOf(kernel) : -1
      target = kind >= 0 ? make([256], x.type) : i === 0 ? undefined : make([outer * inner], x.type)
      if (kind >= 0 && target) {
        kernels.reduceParts(from, target.pointer, n, kind, 64, n / 64)
        kernels.reduceJoin(target.pointer, y.pointer, kind, 1)
      } else kernel(from, target?.pointer ?? y.pointer, n, inner, outer * inner, n)
      scratch?.dispose()
      scratch = target
      if (scratch) from = scratch.pointer
      if (i > 0) shape = [...shape.slice(0, first), ...shape.slice(last + 1)]
    }
  } finally {
    scratch?.dispose()
    target?.dispose()
  }
}

/**
 * `reduceAxes` of int32 in one kernel call, so that the result alone must fit; throws RangeError where it does not, with the one of
 * `inFloats`.
 */
export function reduceInts(
  name: string,
  x: Tensor,
  y: Tensor,
  axes: readonly number[],
  kernel: IntReduceKernel,
  inFloats: (xs: readonly Tensor[]) => Tensor,
): void {
  if (axes.length === 0) return kernels.copyWords(x.pointer, y.pointer, y.count)
  const [from, n, inner] = together(name, x, y, axes)
  fitting(name, status => kernel(from, y.pointer, n, inner, status, y.count, n), [x], inFloats)
  y.endScratch()
}

/** Where x lies with all reduced axes beside each other, in the scratch of y if it must be moved; the sizes of the reduced ones and of those behind them. */
function together(name: string, x: Tensor, y: Tensor, axes: readonly number[]): [from: Address, n: number, inner: number] {
  const groups = neighbours(axes)
  // Sizes of the axes that stay and of those that go, in turn.
  const runs = groups.flatMap(([first, last], i) => [
    sizeOf(x.dims, i === 0 ? 0 : groups[i - 1][1] + 1, first),
    sizeOf(x.dims, first, last + 1),
  ])
  runs.push(sizeOf(x.dims, groups[groups.length - 1][1] + 1))
  let from = x.pointer
  while (runs.length > 3) {
    const [outer, n, between, next] = runs
    if (n !== 1 && between !== 1 && x.count > 0) {
      const rest = sizeOf(runs, 3)
      const shape = [outer, between, n, rest]
      const moved = new Storage(4 * x.count)
      const { layout, rows } = writeLayout(name, shape, [n * between * rest, rest, between * rest, 1], stepsOf(shape))
      kernels.copy(from, moved.pointer, layout, rows, x.count / rows)
      from = moved.pointer
      y.endScratch()
      y.scratch = moved
    }
    runs.splice(0, 4, outer * between, n * next)
  }
  return [from, runs[1], runs[2]]
}

/** The first and last of each run of axes; ascending. */
function neighbours(axes: readonly number[]): [number, number][] {
  // Mostly there is one, and a list that grows takes room for seventeen.
  if (axes.length === 1) return [[axes[0], axes[0]]]
  const groups: [number, number][] = []
  for (const axis of axes) {
    const last = groups[groups.length - 1]
    if (last && last[1] === axis - 1) last[1] = axis
    else groups.push([axis, axis])
  }
  return groups
}

/** The last axis, how many rows of it there are, and the work of one. */
export function rowsOf(shape: Shape): [n: number, rows: number, work: number] {
  const n = shape[shape.length - 1]
  return [n, sizeOf(shape) / (n || 1), n]
}
