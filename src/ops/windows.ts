// Windows over the spatial axes of x [batch, channels, ...]: what a pooling is told, checked, and in the words of its kernel.
import { checkBoolean, checkOptions, rangeError, ShapeError } from '../errors.ts'
import { checkTensor } from '../tape/operation.ts'
import { checkShape, MOST_ELEMENTS, type Shape, show, sizeOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type PerAxis, perAxis, perSide, placesOf } from './per-axis.ts'

/** What `maxPool` can be told besides its window: each a number for all spatial axes, or a list of one an axis. */
export interface MaxPoolOptions {
  /** From one window to the next so many elements: the window itself. */
  readonly stride?: PerAxis | undefined
  /** So many places around x that count for nothing: a number, one an axis, two an axis (before and behind), or 'same': 0. */
  readonly pad?: PerAxis | 'same' | undefined
}

/** What `meanPool` can be told besides its window. */
export interface MeanPoolOptions extends MaxPoolOptions {
  /** Does the mean divide by the whole window (true), or by what of it lies in x? */
  readonly countPadding?: boolean | undefined
}

/** The words of an axis, as assembly/pooling.ts has them. */
type Axis = readonly [size: number, count: number, window: number, stride: number, pad: number]

/** Windows over x, and what they give. */
export interface Windows {
  readonly x: Shape
  readonly y: Shape
  /** So many parts of x are pooled each by itself, of so many elements. */
  readonly planes: number
  readonly size: number
  readonly taps: number
  readonly axes: readonly [Axis, Axis, Axis]
  readonly divisor: number
}

const ALONE: Axis = [1, 1, 1, 1, 0]

/** Window, stride, and the padding before and behind, of each axis. */
type Told = readonly (readonly [window: number, stride: number, low: number, high: number])[]

function told(operation: string, window: PerAxis, { stride, pad = 0 }: MaxPoolOptions, axes: number): Told {
  const windows = perAxis(operation, 'the window', window, axes)
  const strides = perAxis(operation, 'stride', stride ?? window, axes)
  const sides = pad === 'same' ? undefined : perSide(operation, pad, axes)
  return windows.map((size, i) => {
    // Of an odd number the last stands behind.
    const [low, high] = sides ? [sides[0][i], sides[1][i]] : [(size - 1) >> 1, size >> 1]
    if (Math.max(low, high) < size) return [size, strides[i], low, high]
    throw rangeError(operation, 'the padding is smaller than the window', `pad ${Math.max(low, high)}, window ${size}`)
  })
}

/** Throws for a window and options that fit no x. */
export function checkWindow(operation: string, window: PerAxis, options: MeanPoolOptions, known: readonly string[]): void {
  checkOptions(operation, options, known)
  const { stride, pad, countPadding = true } = options
  checkBoolean(operation, 'countPadding', countPadding)
  const lists = [window, stride, pad].filter(Array.isArray) as (readonly number[])[]
  if (Array.isArray(window) && (window.length < 1 || window.length > 3)) {
    throw new ShapeError({ operation, problem: 'there are 1 to 3 spatial axes', came: `the window ${show(window)}` })
  }
  told(operation, window, options, lists[0]?.length ?? 1)
}

/** How many spatial axes x has, `wanted` of them unless that is 0. Throws ShapeError unless they are 1 to 3. */
export function spatial(operation: string, x: Tensor, wanted = 0): number {
  checkTensor(operation, x)
  const axes = x.rank - 2
  if (axes >= 1 && axes <= 3 && axes === (wanted || axes)) return axes
  const problem = `x is [batch, channels, ...${wanted || '1 to 3'} ${wanted === 1 ? 'axis' : 'axes'}]`
  const wayOut = axes + 1 === wanted ? 'expandDims(x) makes a batch of one.' : ''
  throw new ShapeError({ operation, problem, came: show(x.dims), wayOut }, [x.dims])
}

const lengthOf = (value: PerAxis) => (Array.isArray(value) ? value.length : 0)

/** Windows of these axes; leading ones that are not pooled make planes of their own. */
function windows(operation: string, x: Tensor, axes: readonly Axis[], countPadding = true): Windows {
  const y = [x.dims[0], x.dims[1], ...axes.map(([, count]) => count)]
  checkShape(operation, y)
  let planes = x.dims[0] * x.dims[1]
  const rest = [...axes]
  while (rest.length > 1 && rest[0][0] === rest[0][1] && rest[0][2] === 1) planes *= (rest.shift() as Axis)[0]
  while (rest.length < 3) rest.unshift(ALONE)
  const taps = rest.reduce((product, [size, count, window]) => product * (window || Math.ceil(size / count) + 1), 1)
  return {
    x: x.dims,
    y,
    planes,
    size: sizeOf(rest.map(([size]) => size)),
    taps,
    axes: rest as unknown as readonly [Axis, Axis, Axis],
    divisor: countPadding && rest.every(([, , window]) => window > 0) ? taps : 0,
  }
}

function checkSome(operation: string, x: Tensor, n: number): void {
  if (n === 0) throw new ShapeError({ operation, problem: 'there is nothing to pool', came: show(x.dims) }, [x.dims])
}

/** The windows that a call asks for. */
export function windowed(operation: string, x: Tensor, window: PerAxis, options: MeanPoolOptions): Windows {
  const axes = told(operation, window, options, spatial(operation, x, lengthOf(window))).map(([size, stride, low, high], i): Axis => {
    const n = x.dims[i + 2]
    checkSome(operation, x, n)
    return [n, placesOf(operation, 'window', x.dims, i + 2, low + high, size, stride), size, stride, low]
  })
  const found = windows(operation, x, axes, options.countPadding)
  if (found.taps <= MOST_ELEMENTS) return found
  throw new ShapeError({ operation, problem: 'the window is too large', came: show(axes.map(([, , size]) => size)) }, [x.dims])
}

/** Those of which there are so many: window i goes from ⌊i n / out⌋ up to ⌈(i + 1) n / out⌉. */
export function adaptive(operation: string, x: Tensor, out: PerAxis): Windows {
  const counts = perAxis(operation, 'out', out, spatial(operation, x, lengthOf(out)))
  const axes = counts.map((count, i): Axis => {
    const n = x.dims[i + 2]
    checkSome(operation, x, n)
    const window = n % count === 0 ? n / count : 0
    return [n, count, window, window, 0]
  })
  return windows(operation, x, axes)
}
