// Pooling: what a window over the spatial axes of x [batch, channels, ...] holds, as one number.
import { checkBoolean, checkOptions, refuseSurplus } from '../errors.ts'
import { operation, type Run } from '../tape/operation.ts'
import { sizeOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { NONE } from '../wasm/kinds.ts'
import { runTakeAlong } from './indices.ts'
import { reshape } from './movement.ts'
import { mean } from './reduce.ts'
import { adaptive, type MaxPoolOptions, type MeanPoolOptions, spatial, type Windows, windowed } from './windows.ts'

/** The record of a kernel, without its addresses. */
function words({ axes: [d, h, w], divisor }: Windows) {
  const [sizeD, countD, windowD, strideD, padD] = d
  const [sizeH, countH, windowH, strideH, padH] = h
  const [sizeW, countW, windowW, strideW, padW] = w
  const ofDepth = { sizeD, countD, windowD, strideD, padD }
  return { ...ofDepth, sizeH, countH, windowH, strideH, padH, sizeW, countW, windowW, strideW, padW, divisor }
}

const rowsOf = ({ planes, axes: [d, h] }: Windows) => planes * d[1] * h[1]

const runMaxPool = /* @__PURE__ */ operation<Windows, { places: Tensor }>({
  name: 'maxPool',
  shape: (_, { y }) => y,
  extras: (_, { y }) => ({ places: [y, 'int32'] }),
  forward(y, [x], by, extras) {
    const places = extras?.places?.pointer ?? NONE
    kernels.maxPool({ x: x.pointer, y: y.pointer, places, ...words(by) }, rowsOf(by), by.taps * by.axes[2][1])
  },
  pullback: [(g, { places }, by) => runMaxPoolGradient([g, places], by)],
})

const runMaxPoolGradient: Run<Windows> = /* @__PURE__ */ operation<Windows, { places: Tensor }>({
  name: 'maxPoolGradient',
  types: () => ({ output: 'float32' }),
  shape: (_, { x }) => x,
  forward(y, [g, places], by) {
    kernels.maxPoolGradient({ x: y.pointer, y: g.pointer, places: places.pointer, ...words(by) }, by.planes, by.size)
  },
  save: (_, [, places]) => ({ places }),
  pullback: [
    (h, { places }, { planes, size, y }) => {
      const taken = runTakeAlong([reshape(h, [planes, size]), reshape(places, [planes, sizeOf(y) / Math.max(1, planes)])], { axis: 1 })
      return reshape(taken, y)
    },
    null,
  ],
})

const runMeanPool: Run<Windows> = /* @__PURE__ */ operation<Windows>({
  name: 'meanPool',
  shape: (_, { y }) => y,
  forward(y, [x], by) {
    kernels.meanPool({ x: x.pointer, y: y.pointer, places: NONE, ...words(by) }, rowsOf(by), by.taps * by.axes[2][1])
  },
  pullback: [(g, _, by) => runMeanPoolGradient([g], by)],
})

const runMeanPoolGradient: Run<Windows> = /* @__PURE__ */ operation<Windows>({
  name: 'meanPoolGradient',
  shape: (_, { x }) => x,
  forward(y, [g], by) {
    const work = Math.max(by.size, (by.taps * g.count) / Math.max(1, by.planes))
    kernels.meanPoolGradient({ x: y.pointer, y: g.pointer, places: NONE, ...words(by) }, by.planes, work)
  },
  pullback: [(g, _, by) => runMeanPool([g], by)],
})

/**
 * The largest element of each window over the 1 to 3 spatial axes of x [batch, channels, ...]: gives [batch, channels, ...] with
 * ⌊(n + padding - window) / stride⌋ + 1 windows along an axis. `window` is a number or one an axis, `stride` (the window) too, and `pad` (0) also two an
 * axis, or 'same', which gives n / stride, rounded up, and has the odd place behind. Padding never wins; a NaN does, and of equals the first, which gets
 * the whole gradient, as in PyTorch. Throws ShapeError for an x of another rank, or smaller than the window with its padding, RangeError for numbers
 * that are not whole, and for padding as large as the window.
 *
 * @example maxPool(arange(16).reshape([1, 1, 4, 4]), 2).toArray() // [[[[5, 7], [13, 15]]]]
 */
export function maxPool(x: Tensor, window: number | readonly number[], options: MaxPoolOptions = {}): Tensor {
  if (arguments.length > 3) refuseSurplus('maxPool', 3, arguments)
  checkOptions('maxPool', options, ['stride', 'pad'])
  return runMaxPool([x], windowed('maxPool', x, window, options))
}

/**
 * The mean of each window: arguments, shapes and errors as `maxPool`. Padding counts as zeros; with `countPadding: false` the mean is that of what
 * lies in x. Throws ShapeError and RangeError as `maxPool`.
 *
 * @example meanPool(arange(16).reshape([1, 1, 4, 4]), 2).toArray() // [[[[2.5, 4.5], [10.5, 12.5]]]]
 */
export function meanPool(x: Tensor, window: number | readonly number[], options: MeanPoolOptions = {}): Tensor {
  if (arguments.length > 3) refuseSurplus('meanPool', 3, arguments)
  checkOptions('meanPool', options, ['stride', 'pad', 'countPadding'])
  checkBoolean('meanPool', 'countPadding', options.countPadding ?? true)
  return runMeanPool([x], windowed('meanPool', x, window, options))
}

/**
 * The largest element of each of `out` windows along the spatial axes of x [batch, channels, ...], a number or one an axis: gives [batch, channels,
 * ...out]. Window i goes from ⌊i n / out⌋ up to ⌈(i + 1) n / out⌉, as in PyTorch. Throws ShapeError for an x of another rank or of nothing, RangeError
 * for numbers that are not whole from 1.
 *
 * @example adaptiveMaxPool(arange(5).reshape([1, 1, 5]), 2).toArray() // [[[2, 4]]]
 */
export function adaptiveMaxPool(x: Tensor, out: number | readonly number[]): Tensor {
  if (arguments.length > 2) refuseSurplus('adaptiveMaxPool', 2, arguments)
  return runMaxPool([x], adaptive('adaptiveMaxPool', x, out))
}

/**
 * The mean of each of `out` windows: arguments, shapes, windows and errors as `adaptiveMaxPool`. Throws ShapeError and RangeError as it does.
 *
 * @example adaptiveMeanPool(arange(5).reshape([1, 1, 5]), 2).toArray() // [[[1, 3]]]
 */
export function adaptiveMeanPool(x: Tensor, out: number | readonly number[]): Tensor {
  if (arguments.length > 2) refuseSurplus('adaptiveMeanPool', 2, arguments)
  return runMeanPool([x], adaptive('adaptiveMeanPool', x, out))
}

/**
 * The largest element of each channel of x [batch, channels, ...]: gives [batch, channels, 1, ...], of 1 to 3 spatial axes. Throws ShapeError for an x
 * of another rank or of nothing.
 *
 * @example globalMaxPool(arange(8).reshape([1, 2, 2, 2])).toArray() // [[[[3]], [[7]]]]
 */
export function globalMaxPool(x: Tensor): Tensor {
  if (arguments.length > 1) refuseSurplus('globalMaxPool', 1, arguments)
  return runMaxPool([x], adaptive('globalMaxPool', x, 1))
}

/**
 * The mean of each channel of x [batch, channels, ...]: gives [batch, channels, 1, ...], of 1 to 3 spatial axes. Throws ShapeError for an x of another
 * rank.
 *
 * @example globalMeanPool(arange(8).reshape([1, 2, 2, 2])).toArray() // [[[[1.5]], [[5.5]]]]
 */
export function globalMeanPool(x: Tensor): Tensor {
  if (arguments.length > 1) refuseSurplus('globalMeanPool', 1, arguments)
  spatial('globalMeanPool', x)
  const axes = x.dims.map((_, i) => i).slice(2)
  return mean(x, axes, { keepDims: true })
}
