import { refuseSurplus } from '../../errors.ts'
import { type PerAxis, perAxis } from '../../ops/per-axis.ts'
import { adaptiveMaxPool, adaptiveMeanPool, globalMaxPool, globalMeanPool, maxPool, meanPool } from '../../ops/pooling.ts'
import { checkWindow, type MaxPoolOptions, type MeanPoolOptions } from '../../ops/windows.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { Layer } from '../layer.ts'
import { plain } from './plain.ts'
import type { PlainLayer } from './shaping.ts'

/** What `MaxPool` makes, with its settings as they were given: from [batch, channels, ...] to as many axes, shorter ones. */
export type MaxPoolLayer = Layer<{ window: PerAxis } & MaxPoolOptions, [x: Tensor], Tensor>

/** What `MeanPool` makes, with its settings as they were given: from [batch, channels, ...] to as many axes, shorter ones. */
export type MeanPoolLayer = Layer<{ window: PerAxis } & MeanPoolOptions, [x: Tensor], Tensor>

/** What `AdaptiveMaxPool` and `AdaptiveMeanPool` make: from [batch, channels, ...] to [batch, channels, ...out]. */
export type AdaptivePoolLayer = Layer<{ out: PerAxis }, [x: Tensor], Tensor>

/** A setting that is not its default. */
const unless = <T>(value: T, standard: unknown): T | undefined => (value === standard ? undefined : value)

/**
 * The largest of each window, from [batch, channels, ...] to shorter axes: `MaxPool(window, { stride = window, pad = 0 })`, of which each is a number
 * or one a spatial axis (1 to 3), and `pad` also two an axis or 'same'; see `maxPool`. Throws TypeError, RangeError and ShapeError for a window and
 * options that fit no input, and ShapeError for an input that does not fit.
 *
 * @example MaxPool([2, 2])(zeros([64, 6, 28, 28])).shape // [64, 6, 14, 14]
 */
export function MaxPool(window: PerAxis, options: MaxPoolOptions = {}): MaxPoolLayer {
  if (arguments.length > 2) refuseSurplus('MaxPool', 2, arguments, 'Write MaxPool(3, { stride: 2, pad: 1 }).')
  checkWindow('MaxPool', window, options, ['stride', 'pad'])
  const { stride, pad } = options
  const args = [window, { stride, pad: unless(pad, 0) }]
  return plain('MaxPool', { window, stride, pad }, args, (self, x) => maxPool(x, self.window, { stride: self.stride, pad: self.pad }))
}

/**
 * The mean of each window, from [batch, channels, ...] to shorter axes: `MeanPool(window, { stride = window, pad = 0, countPadding = true })`; arguments
 * and errors as `MaxPool`, see `meanPool`. Throws TypeError, RangeError and ShapeError as it does.
 *
 * @example MeanPool(2)(ones([1, 1, 4, 4])).toArray() // [[[[1, 1], [1, 1]]]]
 */
export function MeanPool(window: PerAxis, options: MeanPoolOptions = {}): MeanPoolLayer {
  if (arguments.length > 2) refuseSurplus('MeanPool', 2, arguments, 'Write MeanPool(3, { stride: 2, pad: 1 }).')
  checkWindow('MeanPool', window, options, ['stride', 'pad', 'countPadding'])
  const { stride, pad, countPadding } = options
  const args = [window, { stride, pad: unless(pad, 0), countPadding: unless(countPadding, true) }]
  return plain('MeanPool', { window, stride, pad, countPadding }, args, (self, x) => {
    return meanPool(x, self.window, { stride: self.stride, pad: self.pad, countPadding: self.countPadding })
  })
}

function adapting(name: string, out: PerAxis, pool: (x: Tensor, out: PerAxis) => Tensor): AdaptivePoolLayer {
  perAxis(name, 'out', out, Array.isArray(out) ? out.length : 1)
  return plain(name, { out }, [out], (self, x) => pool(x, self.out))
}

/**
 * The largest of each of `out` windows, a number or one a spatial axis: from [batch, channels, ...] to [batch, channels, ...out], whatever the size that
 * comes; see `adaptiveMaxPool`. Throws TypeError and RangeError for an `out` that is not whole from 1, ShapeError for an input of another rank.
 *
 * @example AdaptiveMaxPool([7, 7])(zeros([1, 3, 20, 30])).shape // [1, 3, 7, 7]
 */
export function AdaptiveMaxPool(out: PerAxis): AdaptivePoolLayer {
  if (arguments.length > 1) refuseSurplus('AdaptiveMaxPool', 1, arguments)
  return adapting('AdaptiveMaxPool', out, adaptiveMaxPool)
}

/**
 * The mean of each of `out` windows, a number or one a spatial axis: from [batch, channels, ...] to [batch, channels, ...out], whatever the size that
 * comes; see `adaptiveMeanPool`. Throws TypeError and RangeError for an `out` that is not whole from 1, ShapeError for an input of another rank.
 *
 * @example AdaptiveMeanPool([7, 7])(zeros([1, 3, 20, 30])).shape // [1, 3, 7, 7]
 */
export function AdaptiveMeanPool(out: PerAxis): AdaptivePoolLayer {
  if (arguments.length > 1) refuseSurplus('AdaptiveMeanPool', 1, arguments)
  return adapting('AdaptiveMeanPool', out, adaptiveMeanPool)
}

/**
 * The largest of each channel: from [batch, channels, ...] to [batch, channels, 1, ...]; see `globalMaxPool`. Throws ShapeError for an input of another
 * rank.
 *
 * @example Chain(GlobalMaxPool(), flatten)(zeros([2, 8, 5, 5])).shape // [2, 8]
 */
export function GlobalMaxPool(): PlainLayer {
  if (arguments.length > 0) refuseSurplus('GlobalMaxPool', 0, arguments)
  return plain('GlobalMaxPool', {}, [], (_, x) => globalMaxPool(x))
}

/**
 * The mean of each channel: from [batch, channels, ...] to [batch, channels, 1, ...]; see `globalMeanPool`. Throws ShapeError for an input of another
 * rank.
 *
 * @example Chain(GlobalMeanPool(), flatten)(zeros([2, 8, 5, 5])).shape // [2, 8]
 */
export function GlobalMeanPool(): PlainLayer {
  if (arguments.length > 0) refuseSurplus('GlobalMeanPool', 0, arguments)
  return plain('GlobalMeanPool', {}, [], (_, x) => globalMeanPool(x))
}
