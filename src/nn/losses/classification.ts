// Losses that tell classes apart: -Σ y s(ŷ) over the classes, where s is what a loss gives to each class.
import { checkNumber, checkOptions, rangeError, ShapeError, typeError } from '../../errors.ts'
import { softmaxCrossEntropy } from '../../ops/cross-entropy.ts'
import { fusion, isFused } from '../../ops/fusion.ts'
import { gather } from '../../ops/indexing.ts'
import { asIndices, takeClasses } from '../../ops/indices.ts'
import { checkedTarget, checkFactors, checkShares, logProbability, modulated, shareOf } from '../../ops/likelihood.ts'
import { expandDims, reshape, sum } from '../../ops/movement.ts'
import { add, cast, div, equal, isFinite, log, logicalAnd, logicalNot, mul, neg, sub, where } from '../../ops/pointwise.ts'
import { mean } from '../../ops/reduce.ts'
import { logSoftmax } from '../../ops/softmax.ts'
import { composed } from '../../tape/composed.ts'
import { checkTensor } from '../../tape/operation.ts'
import { resolveAxis, type Shape, sameShape, show } from '../../tensor/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { aggregation, EPSILON, type Given, type LossOptions, loss, type Numbers, TINY } from './loss.ts'

/** What a loss of classes can be told. */
export interface ClassLossOptions extends LossOptions {
  /** The axis of the classes. */
  readonly axis?: number | undefined
  /**
   * A factor [classes] for each class. `mean` then divides by the sum of the factors of integer targets, and with targets that are one-hot or soft
   * by the number of samples, both as PyTorch. An `agg` of your own gets the losses times their factors, without these: `l => l.mean()` divides by the
   * number of samples, those of `ignoreIndex` (which are 0) among them, and is not `mean`.
   */
  readonly weight?: Tensor | undefined
  /** A class, as an integer target, that does not count. */
  readonly ignoreIndex?: number | undefined
}

/**
 * -Σ y log(ŷ + ε) over the classes, of probabilities ŷ; the mean over all samples.
 *
 * Targets are integer classes (ŷ's shape without the class axis), or one-hot or soft (ŷ's shape). `eps` is 1.19e-7. Throws ShapeError for
 * other shapes and for a single output, RangeError for what is no class, a negative `weight`, and predictions and targets that are no probabilities, such
 * as logits, TypeError for `ignoreIndex` with targets that are one-hot or soft.
 *
 * @example crossEntropy(tensor([[0.25, 0.75]]), tensor([1])).item() // 0.2877
 */
export const crossEntropy = /* @__PURE__ */ classes('crossEntropy', { eps: EPSILON }, (prediction, _, { eps }, name) =>
  logProbability(name, prediction, eps),
)

/**
 * -Σ y log softmax(ŷ) over the classes, of logits ŷ, without overflow; the mean over all samples. Shapes and errors as `crossEntropy`, but for
 * those of predictions; a class whose target is 0 adds 0 even where its logit is -Infinity.
 * @example logitCrossEntropy(tensor([[0, 0]]), tensor([1])).item() // 0.6931
 */
export const logitCrossEntropy = /* @__PURE__ */ classes(
  'logitCrossEntropy',
  {},
  (logits, axis) => logSoftmax(logits, axis),
  softmaxCrossEntropy,
)

/**
 * The divergence Σ y (log y - log(ŷ + ε)) over the classes (Kullback & Leibler 1951), of probabilities ŷ; the mean over all samples, which PyTorch calls
 * batchmean. 0 log 0 is 0. `eps`, targets, shapes and errors as `crossEntropy`.
 * @example klDivergence(tensor([[0.25, 0.75]]), tensor([[0.5, 0.5]])).item() // 0.1438
 */
export const klDivergence = /* @__PURE__ */ classes(
  'klDivergence',
  { eps: EPSILON },
  (prediction, _, { eps }, name) => logProbability(name, prediction, eps),
  undefined,
  y => shareOf(y, y, log, 1),
)

/**
 * The focal loss -Σ y (1 - p)^γ log p over the classes, p = ŷ + ε, of probabilities ŷ (Lin et al. 2017); the mean over all samples. `gamma` is
 * 2, `eps` 1.19e-7. Targets, shapes and errors as `crossEntropy`.
 * @example focal(tensor([[0.25, 0.75]]), tensor([1])).item() // 0.018
 */
export const focal = /* @__PURE__ */ classes('focal', { gamma: 2, eps: EPSILON }, (prediction, _, { gamma, eps }, name) =>
  modulated(logProbability(name, prediction, eps || TINY), add(cast(prediction, 'float32'), eps), gamma),
)

/** From the logits [..., classes] and the classes to the loss of each sample, or to their mean. */
type Fused = (logits: Tensor, classes: Tensor, isMean: boolean) => Tensor

/**
 * A loss of classes: `score` gives what each class counts for. What `fused` computes at once goes to it: integer classes on the last axis, that
 * count alike. `own` is what the targets of a distribution have for themselves.
 */
function classes<N extends Numbers>(
  name: string,
  numbers: N,
  score: (prediction: Tensor, axis: number, numbers: N, name: string) => Tensor,
  fused?: Fused,
  own?: (target: Tensor) => Tensor,
): (prediction: Tensor, target: Tensor, options?: ClassLossOptions & Given<N>) => Tensor {
  return loss(name, numbers, ['axis', 'weight', 'ignoreIndex'], (prediction, target: Tensor, options: ClassLossOptions, all) => {
    checkClasses(name, prediction, target, options)
    const { axis = -1, weight, ignoreIndex } = options
    const agg = aggregation(name, options)
    const isPlain = weight === undefined && ignoreIndex === undefined && (axis === -1 || axis === prediction.rank - 1)
    const isOfClasses = isPlain && prediction.rank > 0 && sameShape(target.dims, prediction.dims.slice(0, -1))
    if (fused && isOfClasses && isFused(fusion.crossEntropy, [prediction])) {
      const indices = asIndices(name, target)
      return agg === mean ? fused(prediction, indices, true) : agg(fused(prediction, indices, false))
    }
    return ofClasses(name, score(prediction, axis, all, name), target, options, agg, own)
  })
}

/** What losses of classes refuse before they compute. */
function checkClasses(name: string, prediction: Tensor, target: Tensor, { axis = -1 }: ClassLossOptions): void {
  checkTensor(name, prediction)
  checkTensor(name, target)
  if (prediction.dims[resolveAxis(name, axis, prediction.dims)] !== 1) return
  throw new ShapeError(
    {
      operation: name,
      problem: 'one output tells no classes apart',
      came: show(prediction.dims),
      wayOut: 'Use logitBinaryCrossEntropy, with targets of 0 and 1 in the shape of the logits, or a model with an output for each class.',
    },
    [prediction.dims],
  )
}

type Aggregation = (losses: Tensor) => Tensor

/** The loss from the scores of all classes: in the cross-entropy, the logarithms of their probabilities. */
function ofClasses(
  name: string,
  scores: Tensor,
  target: Tensor,
  options: ClassLossOptions,
  agg: Aggregation,
  own: ((target: Tensor) => Tensor) | undefined,
): Tensor {
  const { axis = -1, weight, ignoreIndex } = options
  const at = resolveAxis(name, axis, scores.dims)
  const classes = scores.dims[at]
  if (weight !== undefined) checkTensor(name, weight)
  if (ignoreIndex !== undefined) checkNumber(name, 'ignoreIndex', ignoreIndex)
  if (weight && show(weight.dims) !== show([classes])) {
    throw new ShapeError({ operation: name, problem: `the weight is [${classes}]`, came: show(weight.dims) }, [weight.dims])
  }
  if (weight) checkFactors(name, 'weight', weight)
  if (sameShape(scores.dims, target.dims)) {
    if (ignoreIndex === undefined) return ofDistributions(scores, checkedTarget(name, target), at, agg, weight, own)
    throw typeError(
      name,
      'ignoreIndex is an integer class, and the targets are one-hot or soft',
      show(target.dims),
      `Pass integer classes (oneCold(targets, { axis: ${axis} })), or leave it out.`,
    )
  }
  const samples = scores.dims.filter((_, i) => i !== at)
  if (!sameShape(samples, target.dims)) throw unfit(name, scores.dims, target.dims, samples)
  const indices = asIndices(name, target)
  const ignored = ignoreIndex === undefined ? undefined : equal(indices, ignoreIndex)
  const counted = ignored ? where(ignored, 0, indices) : indices
  const losses = neg(reshape(takeClasses(name, scores, expandDims(counted, at), at), samples))
  if (!weight && !ignored) return agg(losses)
  let factors = weight ? gather(weight, counted) : cast(logicalNot(ignored as Tensor), 'float32')
  if (weight && ignored) factors = mul(factors, logicalNot(ignored))
  // An ignored sample adds nothing, even where its score is infinite.
  const weighted = mul(ignored ? where(ignored, 0, losses) : losses, factors)
  if (agg !== mean) return agg(weighted)
  const total = sum(factors)
  return div(sum(weighted), where(equal(total, 0), 1, total))
}

function ofDistributions(
  scores: Tensor,
  target: Tensor,
  axis: number,
  agg: Aggregation,
  weight: Tensor | undefined,
  own: ((target: Tensor) => Tensor) | undefined,
): Tensor {
  const nothing = logicalAnd(equal(target, 0), logicalNot(isFinite(scores)))
  const shares = mul(target, where(nothing, 0, scores))
  const terms = own ? sub(shares, own(target)) : shares
  const shape = scores.dims.map((size, i) => (i === axis ? size : 1))
  return agg(neg(sum(weight ? mul(terms, reshape(weight, shape)) : terms, axis)))
}

function unfit(name: string, prediction: Shape, target: Shape, samples: Shape): ShapeError {
  const other = prediction.findIndex((_, axis) =>
    sameShape(
      prediction.filter((_, i) => i !== axis),
      target,
    ),
  )
  const wayOut = other < 0 ? 'The prediction comes first.' : `Where axis ${other} counts classes, pass { axis: ${other} }.`
  return new ShapeError(
    {
      operation: name,
      problem: 'prediction and target do not fit',
      came: `${show(prediction)} and ${show(target)}`,
      wayOut: `Targets are integer classes ${show(samples)}, or one-hot or soft ${show(prediction)}. ${wayOut}`,
    },
    [prediction, target],
  )
}

/**
 * Softens targets that are one-hot or soft: y (1 - α) + α / K, K the number of classes along the axis (-1), so that a loss no longer asks for
 * certainty (Szegedy et al. 2016). `axis: null` is for labels of two classes, each an element of its own: y (1 - α) + α / 2. Throws
 * RangeError for an α outside of [0, 1], targets outside of it and classes that are not 1 together, ShapeError for an axis that is not there or has
 * one class, TypeError for what is no number.
 *
 * @example
 * labelSmoothing(tensor([[0, 1]]), 0.1).toArray() // [[0.05, 0.95]]
 * labelSmoothing(tensor([0, 1, 1]), 0.2, { axis: null }).toArray() // [0.1, 0.9, 0.9]
 */
export const labelSmoothing = /* @__PURE__ */ composed(
  'labelSmoothing',
  3,
  function labelSmoothing(y: Tensor, alpha: number, options: SmoothingOptions = {}): Tensor {
    checkTensor('labelSmoothing', y)
    checkNumber('labelSmoothing', 'alpha', alpha)
    checkOptions('labelSmoothing', options, ['axis'])
    if (!(alpha >= 0 && alpha <= 1)) throw rangeError('labelSmoothing', 'alpha is out of range', `${alpha}`, 'It lies from 0 to 1.')
    const { axis = -1 } = options
    const wayOut = 'Labels of 0 and 1, each of its own, take { axis: null }; integer classes become oneHot(y, n).'
    const shares = checkedTarget('labelSmoothing', y, wayOut)
    if (axis === null) return add(mul(shares, 1 - alpha), alpha / 2)
    const at = resolveAxis('labelSmoothing', axis, y.dims)
    const classes = y.dims[at]
    if (classes === 1) {
      throw new ShapeError({ operation: 'labelSmoothing', problem: 'one class has none to share with', came: show(y.dims), wayOut }, [
        y.dims,
      ])
    }
    checkShares('labelSmoothing', shares, at, wayOut)
    return add(mul(shares, 1 - alpha), alpha / classes)
  },
)

/** What `labelSmoothing` can be told. */
export interface SmoothingOptions {
  /** The axis of the classes; null for labels of two classes. */
  readonly axis?: number | null | undefined
}
