import { checkOptions, refuseSurplus, typeError } from '../errors.ts'
import { Tensor } from '../tensor/tensor.ts'
import { type Classifier, checkThreshold, type Measured, type MetricData, measured, outcomesOf } from './outcomes.ts'

/** How outputs are read. */
export interface AccuracyOptions {
  /** What an output must exceed to be taken for 1: 0 for logits, 0.5 for probabilities. For one output, or several labels. */
  readonly threshold?: number | undefined
}

/**
 * The share of observations that a model classifies right, from 0 to 1: the largest of its outputs along the last axis against integer classes,
 * or one-hot or soft targets. The data is `[x, y]`, or an iterable of such batches, `[...inputs, y]` for a model of several; for an asynchronous one there
 * is a promise.
 *
 * With a `threshold` each output counts for itself, against targets of 0 and 1 in its shape (of one output `[n, 1]` also `[n]`): for models of
 * one output, or of several labels. Outputs that are NaN, or a row with one, are wrong; of no data it is NaN. Throws ShapeError where predictions and targets do not
 * fit, and for one output without a threshold (`[n]` against `[n]` is that, too), RangeError for targets that are no classes (fractions, below 0,
 * above the outputs; rows of several labels or none, whose sum is not 1; with a threshold others than 0 and 1), TypeError for what are no batches
 * of pairs.
 *
 * @example
 * accuracy(x => x, [tensor([[0, 1], [1, 0]]), tensor([1, 1])]) // 0.5
 * accuracy(x => x, [tensor([[2], [-3]]), tensor([1, 0])], { threshold: 0 }) // 1
 */
export function accuracy<D extends MetricData>(model: Classifier, data: D, options: AccuracyOptions = {}): Measured<D, number> {
  if (arguments.length > 3) refuseSurplus('accuracy', 3, arguments)
  if (options instanceof Tensor) throw typeError('accuracy', 'inputs and targets are one argument', '', 'Write accuracy(model, [x, y]).')
  checkOptions('accuracy', options, ['threshold'])
  const { threshold } = options
  checkThreshold('accuracy', threshold)
  let right = 0
  let count = 0
  return measured(
    'accuracy',
    model,
    data,
    (outputs, y) => {
      const { actual, predicted } = outcomesOf('accuracy', outputs, y, threshold)
      count += actual.length
      for (let i = 0; i < actual.length; i++) if (actual[i] === predicted[i]) right++
    },
    () => right / count,
  )
}
