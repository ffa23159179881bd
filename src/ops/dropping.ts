// Dropout: what chance takes away. The mask is never stored, for a stream of random numbers can be read again: the pullback drops what was dropped.
import { checkOptions } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor } from '../tape/operation.ts'
import { ones } from '../tensor/create.ts'
import { takeStreams } from '../tensor/random.ts'
import { type Axis, resolveAxes } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Draw, runDropout } from './drop.ts'
import { add, cast, greater, mul, where } from './pointwise.ts'
import { checkShare } from './told.ts'

/** What `dropout` can be told. */
export interface DropoutOptions {
  /** The axes along which it decides for each entry by itself, the batch (0) always among them; along the others it drops all or none. All by default. */
  readonly axis?: number | readonly number[] | undefined
}

/**
 * x with entries set to 0 by chance, each with probability p, and the others times 1 / (1 - p), so that the mean stays: x of any shape, by the library's
 * random numbers (Srivastava et al. 2014). With `axis` it decides along these axes and the batch alone: `axis: 1` drops whole channels of a sample. It
 * drops in every mode; the layer `Dropout` does so in training. p = 1 gives zeros (a NaN stays). Throws RangeError for a p outside [0, 1], ShapeError
 * for an axis that is not there.
 *
 * @example dropout(ones([2, 3]), 0).toArray() // [[1, 1, 1], [1, 1, 1]]
 */
export const dropout = /* @__PURE__ */ composed('dropout', 3, function dropout(x: Tensor, p: number, options: DropoutOptions = {}): Tensor {
  checkTensor('dropout', x)
  checkShare('dropout', p)
  checkOptions('dropout', options, ['axis'])
  const axes = resolveAxes('dropout', options.axis as Axis, x.dims)
  if (p === 0) return cast(x, 'float32')
  const draw: Draw = { p, ...takeStreams(1) }
  const kept = x.dims.map((size, i) => (i === 0 || axes.includes(i) ? size : 1))
  return kept.every((size, i) => size === x.dims[i]) ? runDropout([x], draw) : mul(x, runDropout([ones(kept)], draw))
})

/** What `selu` goes towards far below 0. */
const LEAST = -1.7580993408473766

/**
 * Dropout for `selu`: entries become -1.7581, its least value, by chance, each with probability p, and all are then scaled and shifted so that mean and
 * variance stay (Klambauer et al. 2017): x of any shape. It drops in every mode; the layer `AlphaDropout` does so in training. p = 1 gives zeros. Throws
 * RangeError for a p outside [0, 1].
 *
 * @example alphaDropout(ones([2, 3]), 0).toArray() // [[1, 1, 1], [1, 1, 1]]
 */
export const alphaDropout = /* @__PURE__ */ composed('alphaDropout', 2, function alphaDropout(x: Tensor, p: number): Tensor {
  checkTensor('alphaDropout', x)
  checkShare('alphaDropout', p)
  const floats = cast(x, 'float32')
  if (p === 0) return floats
  if (p === 1) return mul(floats, 0)
  const scale = 1 / Math.sqrt((1 - p) * (1 + p * LEAST ** 2))
  return add(mul(where(greater(runDropout([ones(x.dims)], { p, ...takeStreams(1) }), 0), floats, LEAST), scale), -scale * LEAST * p)
})
