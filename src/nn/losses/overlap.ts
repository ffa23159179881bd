// Losses of overlap, as segmentation has them: one number for a whole mask.
import { checkedTarget } from '../../ops/likelihood.ts'
import { broadcastTo, sum } from '../../ops/movement.ts'
import { add, cast, div, mul, square, sub } from '../../ops/pointwise.ts'
import { type Axis, resolveAxes } from '../../tensor/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { aggregation, asTensor, type Given, type LossOptions, loss, matched, type Numbers, type Target } from './loss.ts'

/** What a loss of overlap can be told. */
export interface OverlapLossOptions extends LossOptions {
  /** The axes of a mask: all, or those that are given; then `agg` is of the others. */
  readonly axis?: Axis | undefined
}

/** 1 less a share of overlap, of a prediction, a target and what sums over a mask. */
function overlap<N extends Numbers>(
  name: string,
  numbers: N,
  share: (prediction: Tensor, target: Tensor, total: (x: Tensor) => Tensor, numbers: N) => Tensor,
): (prediction: Tensor, target: Target, options?: OverlapLossOptions & Given<N>) => Tensor {
  return loss(name, numbers, ['axis'], (prediction, target: Target, options: OverlapLossOptions, all) => {
    matched(name, prediction, target)
    const x = cast(prediction, 'float32')
    const y = broadcastTo(checkedTarget(name, asTensor(target)), x.dims)
    const axes = resolveAxes(name, options.axis, x.dims)
    return aggregation(
      name,
      options,
    )(
      sub(
        1,
        share(x, y, each => sum(each, axes), all),
      ),
    )
  })
}

/**
 * The dice loss 1 - (2 Σyŷ + s) / (Σy² + Σŷ² + s) of probabilities ŷ (Milletari et al. 2016), sums over all elements, or over the axes `axis`;
 * then the mean over the others. `smooth` is 1. Throws ShapeError for different shapes and an axis that is not there, RangeError for targets
 * outside of [0, 1] and a negative `smooth`, TypeError for an `agg` that is no function.
 * @example dice(tensor([0.5, 0.5]), tensor([0, 1])).item() // 0.2
 */
export const dice = /* @__PURE__ */ overlap('dice', { smooth: 1 }, (prediction, target, total, { smooth }) =>
  div(add(mul(total(mul(prediction, target)), 2), smooth), add(add(total(square(target)), total(square(prediction))), smooth)),
)

/**
 * The Tversky loss 1 - (TP + s) / (TP + (1 - β) FP + β FN + s) of probabilities ŷ (Salehi et al. 2017), TP = Σyŷ, FP = Σ(1 - y)ŷ,
 * FN = Σy(1 - ŷ); a β above a half counts what was missed more than what was wrongly found. `beta` is 0.7, `smooth` 1. `axis` and errors as
 * `dice`, and RangeError for a `beta` outside of [0, 1].
 * @example tversky(tensor([0.5, 0.5]), tensor([0, 1])).item() // 0.25
 */
export const tversky = /* @__PURE__ */ overlap('tversky', { beta: 0.7, smooth: 1 }, (prediction, target, total, { beta, smooth }) => {
  const both = total(mul(prediction, target))
  const wrong = mul(total(mul(sub(1, target), prediction)), 1 - beta)
  const missed = mul(total(mul(target, sub(1, prediction))), beta)
  return div(add(both, smooth), add(add(add(both, wrong), missed), smooth))
})
