import { checkNumber, checkOptions, kindOf, ShapeError, typeError } from '../errors.ts'
import { softmaxCrossEntropy } from '../ops/cross-entropy.ts'
import { fusion, isFused } from '../ops/fusion.ts'
import { gather } from '../ops/indexing.ts'
import { asIndices, takeClasses } from '../ops/indices.ts'
import { binaryCrossEntropy, checkedTarget, logProbability } from '../ops/likelihood.ts'
import { broadcastTo, expandDims, reshape, sum } from '../ops/movement.ts'
import { abs, cast, div, equal, isFinite, logicalAnd, logicalNot, mul, neg, square, sub, where } from '../ops/pointwise.ts'
import { mean } from '../ops/reduce.ts'
import { logSoftmax } from '../ops/softmax.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor } from '../tape/operation.ts'
import { full } from '../tensor/create.ts'
import { resolveAxis, type Shape, sameShape, show } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** float32's machine epsilon: what Flux adds before a logarithm. */
const EPSILON = 2 ** -23
const CLASS_OPTIONS = ['agg', 'axis', 'weight', 'ignoreIndex']

/** What every loss can be told. */
export interface LossOptions {
  /** From the loss of each element or sample to the result: `mean` (default), `sum`, `identity`, or a function of your own. */
  readonly agg?: ((losses: Tensor) => Tensor) | undefined
}

/** What a loss of classes can be told. */
export interface ClassLossOptions extends LossOptions {
  /** The axis of the classes. */
  readonly axis?: number | undefined
  /**
   * A factor [classes] for each class. `mean` then divides by the sum of the factors of integer targets, and with targets that are one-hot or soft
   * by the number of samples, both as PyTorch.
   */
  readonly weight?: Tensor | undefined
  /** A class, as an integer target, that does not count. */
  readonly ignoreIndex?: number | undefined
}

/** A target: of the prediction's shape, or one number for all. */
export type Target = Tensor | number

/** The `agg` of a loss, which a habit from elsewhere takes for a word. */
function aggregation(name: string, { agg = mean }: LossOptions): (losses: Tensor) => Tensor {
  if (typeof agg === 'function') return agg
  throw typeError(name, 'agg is a function', `${kindOf(agg)} came`, 'Write { agg: sum }, with the sum, mean or identity of fluxtape.')
}

function matched(name: string, prediction: Tensor, target: Target): void {
  checkTensor(name, prediction)
  if (typeof target === 'number') return
  checkTensor(name, target)
  if (sameShape(prediction.dims, target.dims) || target.rank === 0) return
  throw new ShapeError(
    {
      operation: name,
      problem: 'prediction and target differ in shape',
      came: `${show(prediction.dims)} and ${show(target.dims)}`,
      wayOut: `Losses do not broadcast: ${trimmed(prediction.dims, target.dims) ?? 'reshape one of them'}. The prediction comes first.`,
    },
    [prediction.dims, target.dims],
  )
}

/** How one of two shapes becomes the other, where a last axis of 1 is all that they differ by. */
function trimmed(prediction: Shape, target: Shape): string | undefined {
  if (sameShape(prediction, [...target, 1])) return 'write prediction.squeeze(-1)'
  return sameShape([...prediction, 1], target) ? 'write target.squeeze(-1)' : undefined
}

/** The mean of |ŷ - y|; derivative 0 where they are equal. Throws ShapeError for different shapes, TypeError for an `agg` that is no
 * function.
 * @example mae(tensor([1, 2]), tensor([0, 4])).item() // 1.5 */
export const mae = /* @__PURE__ */ composed('mae', 3, function mae(prediction: Tensor, target: Target, options: LossOptions = {}): Tensor {
  checkOptions('mae', options, ['agg'])
  matched('mae', prediction, target)
  return aggregation('mae', options)(abs(sub(cast(prediction, 'float32'), target)))
})

/** The mean of (ŷ - y)². Throws ShapeError for different shapes, TypeError for an `agg` that is no function.
 * @example mse(tensor([1, 2]), tensor([0, 4])).item() // 2.5 */
export const mse = /* @__PURE__ */ composed('mse', 3, function mse(prediction: Tensor, target: Target, options: LossOptions = {}): Tensor {
  checkOptions('mse', options, ['agg'])
  matched('mse', prediction, target)
  return aggregation('mse', options)(square(sub(cast(prediction, 'float32'), target)))
})

/**
 * -Σ y log(ŷ + ε) over the classes, of probabilities ŷ; the mean over all samples.
 *
 * Targets are integer classes (ŷ's shape without the class axis), or one-hot or soft (ŷ's shape). `eps` is 1.19e-7. Throws ShapeError for
 * other shapes and for a single output, RangeError for what is no class and for predictions and targets that are no probabilities, such as
 * logits, TypeError for `ignoreIndex` with targets that are one-hot or soft.
 *
 * @example crossEntropy(tensor([[0.25, 0.75]]), tensor([1])).item() // 0.2877
 */
export const crossEntropy = /* @__PURE__ */ composed(
  'crossEntropy',
  3,
  function crossEntropy(
    prediction: Tensor,
    target: Tensor,
    options: ClassLossOptions & { readonly eps?: number | undefined } = {},
  ): Tensor {
    checkOptions('crossEntropy', options, [...CLASS_OPTIONS, 'eps'])
    const { eps = EPSILON } = options
    checkNumber('crossEntropy', 'eps', eps)
    checkClasses('crossEntropy', prediction, target, options)
    return ofClasses('crossEntropy', logProbability('crossEntropy', prediction, eps), target, options)
  },
)

/**
 * -Σ y log softmax(ŷ) over the classes, of logits ŷ, without overflow; the mean over all samples. Shapes and errors as `crossEntropy`, but for
 * those of predictions; a class whose target is 0 adds 0 even where its logit is -Infinity.
 * @example logitCrossEntropy(tensor([[0, 0]]), tensor([1])).item() // 0.6931
 */
export const logitCrossEntropy = /* @__PURE__ */ composed(
  'logitCrossEntropy',
  3,
  function logitCrossEntropy(logits: Tensor, target: Tensor, options: ClassLossOptions = {}): Tensor {
    checkOptions('logitCrossEntropy', options, CLASS_OPTIONS)
    checkClasses('logitCrossEntropy', logits, target, options)
    const { axis = -1, weight, ignoreIndex } = options
    const agg = aggregation('logitCrossEntropy', options)
    const isPlain = weight === undefined && ignoreIndex === undefined && (axis === -1 || axis === logits.rank - 1)
    const isOfClasses = isPlain && logits.rank > 0 && sameShape(target.dims, logits.dims.slice(0, -1))
    if (isOfClasses && isFused(fusion.crossEntropy, [logits])) {
      const classes = asIndices('logitCrossEntropy', target)
      return agg === mean ? softmaxCrossEntropy(logits, classes, true) : agg(softmaxCrossEntropy(logits, classes, false))
    }
    return ofClasses('logitCrossEntropy', logSoftmax(logits, axis), target, options)
  },
)

/** What both losses of classes refuse before they compute. */
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

/** The cross-entropy from the logarithms of the probabilities. */
function ofClasses(name: string, logarithms: Tensor, target: Tensor, options: ClassLossOptions): Tensor {
  const { axis = -1, weight, ignoreIndex } = options
  const agg = aggregation(name, options)
  const at = resolveAxis(name, axis, logarithms.dims)
  const classes = logarithms.dims[at]
  if (weight !== undefined) checkTensor(name, weight)
  if (ignoreIndex !== undefined) checkNumber(name, 'ignoreIndex', ignoreIndex)
  if (weight && show(weight.dims) !== show([classes])) {
    throw new ShapeError({ operation: name, problem: `the weight is [${classes}]`, came: show(weight.dims) }, [weight.dims])
  }
  if (sameShape(logarithms.dims, target.dims)) {
    if (ignoreIndex === undefined) return ofDistributions(logarithms, checkedTarget(name, target), at, agg, weight)
    throw typeError(
      name,
      'ignoreIndex is an integer class, and the targets are one-hot or soft',
      show(target.dims),
      `Pass integer classes (oneCold(targets, { axis: ${axis} })), or leave it out.`,
    )
  }
  const samples = logarithms.dims.filter((_, i) => i !== at)
  if (!sameShape(samples, target.dims)) throw unfit(name, logarithms.dims, target.dims, samples)
  const indices = asIndices(name, target)
  const ignored = ignoreIndex === undefined ? undefined : equal(indices, ignoreIndex)
  const counted = ignored ? where(ignored, 0, indices) : indices
  const losses = neg(reshape(takeClasses(name, logarithms, expandDims(counted, at), at), samples))
  if (!weight && !ignored) return agg(losses)
  let factors = weight ? gather(weight, counted) : cast(logicalNot(ignored as Tensor), 'float32')
  if (weight && ignored) factors = mul(factors, logicalNot(ignored))
  // An ignored sample adds nothing, even where its logarithm is infinite.
  const weighted = mul(ignored ? where(ignored, 0, losses) : losses, factors)
  if (agg !== mean) return agg(weighted)
  const total = sum(factors)
  return div(sum(weighted), where(equal(total, 0), 1, total))
}

function ofDistributions(
  logarithms: Tensor,
  target: Tensor,
  axis: number,
  agg: (losses: Tensor) => Tensor,
  weight: Tensor | undefined,
): Tensor {
  const nothing = logicalAnd(equal(target, 0), logicalNot(isFinite(logarithms)))
  const terms = mul(target, where(nothing, 0, logarithms))
  const shape = logarithms.dims.map((size, i) => (i === axis ? size : 1))
  return agg(neg(sum(weight ? mul(terms, reshape(weight, shape)) : terms, axis)))
}

function unfit(name: string, prediction: Shape, target: Shape, samples: Shape): ShapeError {
  return new ShapeError(
    {
      operation: name,
      problem: 'prediction and target do not fit',
      came: `${show(prediction)} and ${show(target)}`,
      wayOut: `Targets are integer classes ${show(samples)}, or one-hot or soft ${show(prediction)}. The prediction comes first.`,
    },
    [prediction, target],
  )
}

/**
 * The binary cross-entropy of logits ŷ: -y log σ(ŷ) - (1 - y) log σ(-ŷ), without overflow and as accurate where σ(ŷ) is near 1 as where it
 * is near 0; the mean over all elements. `posWeight` (a number or a tensor that broadcasts) is a factor of the positive term. Throws ShapeError
 * for different shapes, RangeError for targets outside of [0, 1], TypeError for an `agg` that is no function.
 * @example logitBinaryCrossEntropy(tensor([0, 0]), tensor([0, 1])).item() // 0.6931
 */
export const logitBinaryCrossEntropy = /* @__PURE__ */ composed(
  'logitBinaryCrossEntropy',
  3,
  function logitBinaryCrossEntropy(
    logits: Tensor,
    target: Target,
    options: LossOptions & { readonly posWeight?: Tensor | number | undefined } = {},
  ): Tensor {
    checkOptions('logitBinaryCrossEntropy', options, ['agg', 'posWeight'])
    const { posWeight } = options
    matched('logitBinaryCrossEntropy', logits, target)
    const { dims } = logits
    const y = checkedTarget('logitBinaryCrossEntropy', typeof target === 'number' ? full([], target) : target)
    if (posWeight !== undefined && typeof posWeight !== 'number') checkTensor('logitBinaryCrossEntropy', posWeight)
    const positive = posWeight === undefined ? y : mul(y, posWeight)
    const losses = binaryCrossEntropy(logits, broadcastTo(positive, dims), broadcastTo(sub(1, y), dims))
    return aggregation('logitBinaryCrossEntropy', options)(losses)
  },
)
