import { checkOptions, refuseSurplus, typeError, written } from '../../errors.ts'
import { alphaDropout, type DropoutOptions, dropout } from '../../ops/dropping.ts'
import { checkShare } from '../../ops/told.ts'
import { isTraining } from '../../tape/mode.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { Layer } from '../layer.ts'
import { plain } from './plain.ts'

/** What `Dropout` makes: from x of any shape to the same shape. */
export type DropoutLayer = Layer<{ p: number } & DropoutOptions, [x: Tensor], Tensor>

/** What `AlphaDropout` makes: from x of any shape to the same shape. */
export type AlphaDropoutLayer = Layer<{ p: number }, [x: Tensor], Tensor>

/**
 * Drops entries by chance in training and nothing otherwise: `Dropout(p, { axis })`, of x of any shape; each entry becomes 0 with probability p, the
 * others are divided by 1 - p (Srivastava et al. 2014). With `axis` it decides along these axes and the batch alone: `Dropout(0.5, { axis: 1 })` drops
 * whole channels of a sample, as `nn.Dropout2d`. `trainMode` and `testMode` overrule; see `dropout`. Throws TypeError for a p that is no number,
 * RangeError for one outside [0, 1], ShapeError for an axis that x does not have.
 *
 * @example Dropout(0.5)(tensor([1, 2])).toArray() // [1, 2]
 */
export function Dropout(p: number, options: DropoutOptions = {}): DropoutLayer {
  if (arguments.length > 2) refuseSurplus('Dropout', 2, arguments)
  checkShare('Dropout', p)
  checkOptions('Dropout', options, ['axis'])
  const { axis } = options
  if (axis !== undefined && ![axis].flat().every(Number.isInteger)) {
    throw typeError('Dropout', 'an axis is a number or a list of numbers', written(axis))
  }
  return plain('Dropout', { p, axis }, [p, { axis }], (self, x) => (isTraining(self) ? dropout(x, self.p, { axis: self.axis }) : x))
}

/**
 * Dropout for networks of `selu`, in training and not otherwise: `AlphaDropout(p)`, of x of any shape; mean and variance stay (Klambauer et al. 2017).
 * `trainMode` and `testMode` overrule; see `alphaDropout`. Throws TypeError for a p that is no number, RangeError for one outside [0, 1].
 *
 * @example AlphaDropout(0.1)(tensor([1, 2])).toArray() // [1, 2]
 */
export function AlphaDropout(p: number): AlphaDropoutLayer {
  if (arguments.length > 1) refuseSurplus('AlphaDropout', 1, arguments)
  checkShare('AlphaDropout', p)
  return plain('AlphaDropout', { p }, [p], (self, x) => (isTraining(self) ? alphaDropout(x, self.p) : x))
}
