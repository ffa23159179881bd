import { refuseSurplus } from '../../errors.ts'
import { flatten } from '../../ops/movement.ts'
import { checkFactor, checkUpsample, type UpsampleMode, type UpsampleOptions } from '../../ops/told.ts'
import { pixelShuffle, upsample } from '../../ops/upsampling.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { Layer } from '../layer.ts'
import { plain } from './plain.ts'

/** A layer without settings, such as `Flatten()`: from one tensor to another, of the shape that its docs say. */
export type PlainLayer = Layer<object, [x: Tensor], Tensor>

/** What `Upsample` makes, with its settings as they were given: from [batch, channels, ...] to as many axes, longer ones. */
export type UpsampleLayer = Layer<{ mode: UpsampleMode } & UpsampleOptions, [x: Tensor], Tensor>

/** What `PixelShuffle` makes: from [batch, channels r^d, ...] to [batch, channels, ...] with each of d axes r times as long. */
export type PixelShuffleLayer = Layer<{ r: number }, [x: Tensor], Tensor>

/**
 * Larger images: `Upsample(mode, { scale or size, alignCorners = true })`, from [batch, channels, ...] to longer axes; the mode is 'nearest', 'linear' (one
 * spatial axis), 'bilinear' (two) or 'trilinear' (three); see `upsample`. Corners stay corners, as in Flux: what PyTorch does by default is
 * `alignCorners: false`. Throws TypeError for another mode and unless one of scale and size is given, RangeError for sizes that are not whole from 1,
 * ShapeError for an input of another rank.
 *
 * @example Upsample('nearest', { scale: 2 })(tensor([[[[1, 2]]]])).toArray() // [[[[1, 1, 2, 2], [1, 1, 2, 2]]]]
 */
export function Upsample(mode: UpsampleMode, options: UpsampleOptions): UpsampleLayer {
  if (arguments.length > 2) refuseSurplus('Upsample', 2, arguments)
  checkUpsample('Upsample', mode, options)
  const { scale, size, alignCorners } = options
  const args = [mode, { scale, size, alignCorners: alignCorners === true ? undefined : alignCorners }]
  return plain('Upsample', { mode, scale, size, alignCorners }, args, (self, x) => {
    return upsample(x, self.mode, { scale: self.scale, size: self.size, alignCorners: self.alignCorners })
  })
}

/**
 * Channels as places: `PixelShuffle(r)`, from [batch, channels r^d, ...] to [batch, channels, ...] with each of d spatial axes r times as long; see
 * `pixelShuffle`. Throws RangeError for an r that is not whole from 1, ShapeError where r^d does not divide the channels.
 *
 * @example PixelShuffle(2)(zeros([1, 8, 5, 5])).shape // [1, 2, 10, 10]
 */
export function PixelShuffle(r: number): PixelShuffleLayer {
  if (arguments.length > 1) refuseSurplus('PixelShuffle', 1, arguments)
  checkFactor('PixelShuffle', r)
  return plain('PixelShuffle', { r }, [r], (self, x) => pixelShuffle(x, self.r))
}

/**
 * All axes but the batch as one: from [batch, ...] to [batch, features]. The function `flatten` stands in a Chain as well.
 *
 * @example Chain(Flatten(), Dense(12, 2))(zeros([5, 3, 4])).shape // [5, 2]
 */
export function Flatten(): PlainLayer {
  if (arguments.length > 0) refuseSurplus('Flatten', 0, arguments)
  return plain('Flatten', {}, [], (_, x) => flatten(x))
}
