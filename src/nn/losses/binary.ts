// Losses whose targets are 0 or 1, or lie between.
import { binaryCrossEntropy, checkedTarget } from '../../ops/likelihood.ts'
import { broadcastTo } from '../../ops/movement.ts'
import { mul, sub } from '../../ops/pointwise.ts'
import { checkTensor } from '../../tape/operation.ts'
import { full } from '../../tensor/create.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { aggregation, type LossOptions, loss, matched, type Target } from './loss.ts'

/** What a loss of two classes can be told. */
interface BinaryLossOptions extends LossOptions {
  /** A factor of the positive term: a number, or a tensor that broadcasts. */
  readonly posWeight?: Tensor | number | undefined
}

/**
 * The binary cross-entropy of logits ŷ: -y log σ(ŷ) - (1 - y) log σ(-ŷ), without overflow and as accurate where σ(ŷ) is near 1 as where it
 * is near 0; the mean over all elements. `posWeight` (a number or a tensor that broadcasts) is a factor of the positive term. Throws ShapeError
 * for different shapes, RangeError for targets outside of [0, 1], TypeError for an `agg` that is no function.
 * @example logitBinaryCrossEntropy(tensor([0, 0]), tensor([0, 1])).item() // 0.6931
 */
export const logitBinaryCrossEntropy = /* @__PURE__ */ loss(
  'logitBinaryCrossEntropy',
  {},
  ['posWeight'],
  (logits, target: Target, options: BinaryLossOptions, _, name) => {
    const { posWeight } = options
    matched(name, logits, target)
    const { dims } = logits
    const y = checkedTarget(name, typeof target === 'number' ? full([], target) : target)
    if (posWeight !== undefined && typeof posWeight !== 'number') checkTensor(name, posWeight)
    const positive = posWeight === undefined ? y : mul(y, posWeight)
    const losses = binaryCrossEntropy(logits, broadcastTo(positive, dims), broadcastTo(sub(1, y), dims))
    return aggregation(name, options)(losses)
  },
)
