// Losses of two classes: targets are 0 or 1, or lie between, or are -1 and 1.
import {
  checkedPrediction,
  checkedTarget,
  checkFactors,
  checkSigns,
  modulated,
  binaryCrossEntropy as ofSides,
  shareOf,
} from '../../ops/likelihood.ts'
import { broadcastTo } from '../../ops/movement.ts'
import { add, cast, clamp, log, mul, neg, square, sub } from '../../ops/pointwise.ts'
import { checkTensor } from '../../tape/operation.ts'
import { broadcastShapes } from '../../tensor/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import {
  aggregation,
  asTensor,
  EPSILON,
  elementwise,
  type Given,
  type LossOptions,
  loss,
  matched,
  type Numbers,
  type Target,
  TINY,
} from './loss.ts'

/** What a loss of two classes can be told. */
export interface BinaryLossOptions extends LossOptions {
  /** A factor of the positive term: a number, or a tensor that broadcasts. */
  readonly posWeight?: Tensor | number | undefined
}

/** A loss of a prediction and the weights of the positive and the negative side, all of one shape. */
function binary<N extends Numbers>(
  name: string,
  numbers: N,
  formula: (prediction: Tensor, positive: Tensor, negative: Tensor, numbers: N) => Tensor,
): (prediction: Tensor, target: Target, options?: BinaryLossOptions & Given<N>) => Tensor {
  return loss(name, numbers, ['posWeight'], (prediction, target: Target, options: BinaryLossOptions, all) => {
    const { posWeight } = options
    matched(name, prediction, target)
    const { dims } = prediction
    const y = checkedTarget(name, asTensor(target))
    if (posWeight !== undefined && typeof posWeight !== 'number') {
      checkTensor(name, posWeight)
      broadcastShapes(name, dims, posWeight.dims)
    }
    if (posWeight !== undefined) checkFactors(name, 'posWeight', posWeight)
    const positive = posWeight === undefined ? y : mul(y, posWeight)
    return aggregation(name, options)(formula(prediction, broadcastTo(positive, dims), broadcastTo(sub(1, y), dims), all))
  })
}

/**
 * The binary cross-entropy of logits ŷ: -y log σ(ŷ) - (1 - y) log σ(-ŷ), without overflow and as accurate where σ(ŷ) is near 1 as where it
 * is near 0; the mean over all elements. `posWeight` (a number or a tensor that broadcasts) is a factor of the positive term. Throws ShapeError
 * for different shapes, RangeError for targets outside of [0, 1] and a negative `posWeight`, TypeError for an `agg` that is no function.
 * @example logitBinaryCrossEntropy(tensor([0, 0]), tensor([0, 1])).item() // 0.6931
 */
export const logitBinaryCrossEntropy = /* @__PURE__ */ binary('logitBinaryCrossEntropy', {}, ofSides)

/**
 * The binary cross-entropy of probabilities ŷ: -y log(ŷ + ε) - (1 - y) log(1 - ŷ + ε); the mean over all elements. `eps` is 1.19e-7,
 * `posWeight` as in `logitBinaryCrossEntropy`, which is more accurate. Throws ShapeError for different shapes, RangeError for predictions and
 * targets outside of [0, 1] and a negative `posWeight`, TypeError for an `agg` that is no function.
 * @example binaryCrossEntropy(tensor([0.25, 0.75]), tensor([0, 1])).item() // 0.2877
 */
export const binaryCrossEntropy = /* @__PURE__ */ binary(
  'binaryCrossEntropy',
  { eps: EPSILON },
  (prediction, positive, negative, { eps }) => {
    const p = checkedPrediction('binaryCrossEntropy', cast(prediction, 'float32'), eps)
    const part = (share: Tensor, x: Tensor) => shareOf(share, x, z => log(add(z, eps)), 1)
    return neg(add(part(positive, p), part(negative, sub(1, p))))
  },
)

/**
 * The focal loss of probabilities ŷ (Lin et al. 2017): -(1 - p)^γ log p, where p is ŷ + ε for a target of 1, 1 - ŷ - ε for one of 0, and at
 * least ε; the mean over all elements. `gamma` is 2, `eps` 1.19e-7. Errors as `binaryCrossEntropy`.
 * @example binaryFocal(tensor([0.25, 0.75]), tensor([0, 1])).item() // 0.018
 */
export const binaryFocal = /* @__PURE__ */ elementwise(
  'binaryFocal',
  { gamma: 2, eps: EPSILON },
  (prediction, target, { gamma, eps }, name) => {
    const y = checkedTarget(name, asTensor(target))
    const p = add(checkedPrediction(name, prediction, eps), eps)
    const likely = clamp(add(mul(y, p), mul(sub(1, y), sub(1, p))), eps || TINY)
    return neg(modulated(log(likely), likely, gamma))
  },
)

/** 1 - ŷy where it is above 0, else 0, of targets that are signs. */
function missing(prediction: Tensor, target: Target, name: string): Tensor {
  checkSigns(name, asTensor(target))
  return clamp(sub(1, mul(prediction, target)), 0)
}

/** The mean of max(0, 1 - ŷy) (Cortes & Vapnik 1995), for targets of -1 and 1; the derivative at the margin is -y. Shapes and errors as `mse`, and RangeError for
 * other targets.
 * @example hinge(tensor([0.5, 2]), tensor([-1, 1])).item() // 0.75 */
export const hinge = /* @__PURE__ */ elementwise('hinge', {}, (prediction, target, _, name) => missing(prediction, target, name))

/** The mean of max(0, 1 - ŷy)² (Cortes & Vapnik 1995), for targets of -1 and 1. Shapes and errors as `hinge`.
 * @example squaredHinge(tensor([0.5, 2]), tensor([-1, 1])).item() // 1.125 */
export const squaredHinge = /* @__PURE__ */ elementwise('squaredHinge', {}, (prediction, target, _, name) =>
  square(missing(prediction, target, name)),
)

/**
 * The contrastive loss of distances ŷ between two of a kind (target 0) or of different ones (1): (1 - y) ŷ² + y max(0, margin - ŷ)²; the
 * mean over all elements (Hadsell, Chopra and LeCun 2006, twice theirs). `margin` is 1. Shapes and errors as `mse`, and RangeError for targets outside
 * of [0, 1] and a negative `margin`.
 * @example siameseContrastive(tensor([0.5, 0.5]), tensor([0, 1])).item() // 0.25
 */
export const siameseContrastive = /* @__PURE__ */ elementwise(
  'siameseContrastive',
  { margin: 1 },
  (prediction, target, { margin }, name) => {
    const y = checkedTarget(name, asTensor(target))
    return add(
      shareOf(sub(1, y), prediction, square, 0),
      shareOf(y, prediction, x => square(clamp(sub(margin, x), 0)), 0),
    )
  },
)
