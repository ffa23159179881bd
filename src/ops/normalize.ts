import { checkNumber, checkOptions, rangeError } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor } from '../tape/operation.ts'
import { type Axis, resolveAxes } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { add, cast, div, sqrt, square, sub } from './pointwise.ts'
import { mean } from './reduce.ts'

/** What `normalize` can be told. */
export interface NormalizeOptions {
  /** Is added to the variance; 1e-5 by default. */
  readonly eps?: number | undefined
}

/**
 * x with mean 0 and variance 1 along an axis (0, the observations: each feature for itself), or several: (x - mean) / sqrt(variance + eps), where
 * the variance is divided by n. A feature that never changes becomes 0, with a finite gradient. `eps` (1e-5) is added to the variance: of features in
 * small units, whose deviation is not far above 0.003, the variance stays below 1, so scale them, or pass a smaller one. Of integers and booleans comes float32. Throws
 * RangeError for an axis that x does not have and for an `eps` below 0.
 * @example normalize(tensor([[1, 10], [3, 10]]), 0, { eps: 0.25 }).toArray() // [[-0.8944, 0], [0.8944, 0]]
 */
export const normalize = /* @__PURE__ */ composed(
  'normalize',
  3,
  function normalize(x: Tensor, axis: Axis = 0, options: NormalizeOptions = {}): Tensor {
    checkTensor('normalize', x)
    checkOptions('normalize', options, ['eps'])
    const { eps = 1e-5 } = options
    checkNumber('normalize', 'eps', eps)
    if (!(eps >= 0)) throw rangeError('normalize', 'eps is a number from 0', eps)
    const axes = resolveAxes('normalize', axis, x.dims)
    const values = cast(x, 'float32')
    const deviations = sub(values, mean(values, axes, { keepDims: true }))
    return div(deviations, sqrt(add(mean(square(deviations), axes, { keepDims: true }), eps)))
  },
)
