import { checkOptions, rangeError, refuseSurplus, ShapeError, written } from '../errors.ts'
import { tensor } from '../tensor/create.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { AccuracyOptions } from './accuracy.ts'
import { type Average, checkAverage, meanOf, type Score } from './averages.ts'
import {
  type Classifier,
  checkThreshold,
  classesOf,
  columnsOf,
  fitted,
  type Measured,
  type MetricData,
  measured,
  type Outcomes,
  outcomesOf,
} from './outcomes.ts'

/** How outputs are read, and how the scores of several classes or labels become one. */
export interface ScoreOptions<A extends Average = Average> extends AccuracyOptions {
  /** 'macro', the default: the mean; 'weighted': by how often each occurs; 'micro': of all counted together; 'none': a list. */
  readonly average?: A | undefined
}

/** Of each class or label how often it was there, was predicted, and both. */
interface Tally {
  readonly actual: number[]
  readonly predicted: number[]
  readonly both: number[]
}

/** Throws ShapeError for a batch with another number of outputs than those before. */
export function checkColumns(operation: string, before: number, columns: number): void {
  if (before === 0 || before === columns) return
  throw new ShapeError({ operation, problem: 'batches differ in the number of outputs', came: `${columns} after ${before}` }, [])
}

function count({ actual, predicted, both }: Tally, outcomes: Outcomes, isLabels: boolean): void {
  const { columns, actual: truth, predicted: guesses } = outcomes
  if (actual.length === 0) for (const list of [actual, predicted, both]) for (let i = 0; i < columns; i++) list.push(0)
  for (let i = 0; i < truth.length; i++) {
    const [yes, guess] = [truth[i], guesses[i]]
    if (!isLabels) {
      actual[yes]++
      if (guess >= 0) predicted[guess]++
      if (guess === yes) both[yes]++
      continue
    }
    const column = i % columns
    actual[column] += yes
    predicted[column] += guess
    both[column] += yes * guess
  }
}

type Formula = (both: number, predicted: number, actual: number) => number

const over = (part: number, whole: number) => (whole === 0 ? 0 : part / whole)
const sum = (list: readonly number[]) => list.reduce((total, each) => total + each, 0)

function scored<D extends MetricData, A extends Average>(
  operation: string,
  formula: Formula,
  model: Classifier,
  data: D,
  options: ScoreOptions<A>,
): Measured<D, Score<A>> {
  checkOptions(operation, options, ['average', 'threshold'])
  const { average = 'macro', threshold } = options
  checkAverage(operation, average)
  checkThreshold(operation, threshold)
  const tally: Tally = { actual: [], predicted: [], both: [] }
  const { actual, predicted, both } = tally
  const isLabels = threshold !== undefined
  let seen = 0
  const see = (outputs: Tensor, y: Tensor) => {
    const outcomes = outcomesOf(operation, outputs, y, threshold)
    checkColumns(operation, actual.length, outcomes.columns)
    count(tally, outcomes, isLabels)
    seen += outcomes.actual.length
  }
  const result = () => {
    if (average === 'micro') return seen === 0 ? Number.NaN : formula(sum(both), sum(predicted), sum(actual))
    // A class that is nowhere has no score, a label that is never there has.
    const isThere = (i: number) => seen > 0 && (isLabels || actual[i] + predicted[i] > 0)
    const scores = both.map((each, i) => (isThere(i) ? formula(each, predicted[i], actual[i]) : Number.NaN))
    if (average === 'none') return scores
    return meanOf(scores, average === 'weighted' ? actual : undefined, isThere)
  }
  return measured(operation, model, data, see, result) as Measured<D, Score<A>>
}

/**
 * Of what was predicted to be of a class, the share that is: true positives / (true + false positives). Model, data and `threshold` as `accuracy`
 * takes them, [n, classes] against [n]; with a threshold each output is a label of its own, and of one output that is the only score.
 *
 * `average`: 'macro' (the mean over the classes), 'weighted' by how often each occurs, 'micro' (all counted together), 'none' (a list). A class that
 * was never predicted has 0; one that neither occurs nor was predicted is left out, and NaN in the list; of no data it is NaN. A row with NaN is
 * of no class that was predicted. Throws TypeError for another average, ShapeError for batches with different numbers of outputs; otherwise errors as
 * `accuracy`.
 *
 * @example
 * const outputs = tensor([[2, 1], [2, 1], [0, 1]])
 * precision(x => x, [outputs, tensor([0, 1, 1])]) // 0.75
 * precision(x => x, [outputs, tensor([0, 1, 1])], { average: 'none' }) // [0.5, 1]
 */
export function precision<D extends MetricData, A extends Average = 'macro'>(
  model: Classifier,
  data: D,
  options: ScoreOptions<A> = {},
): Measured<D, Score<A>> {
  if (arguments.length > 3) refuseSurplus('precision', 3, arguments)
  return scored('precision', (both, predicted) => over(both, predicted), model, data, options)
}

/**
 * Of what is of a class, the share that was predicted to be: true positives / (true positives + false negatives). Everything else is as for `precision`:
 * [n, classes] against [n]; a class that only was predicted has 0. Errors as `precision`.
 *
 * @example
 * const outputs = tensor([[2, 1], [2, 1], [0, 1]])
 * recall(x => x, [outputs, tensor([0, 1, 1])]) // 0.75
 * recall(x => x, [tensor([0.9, 0.2]), tensor([1, 1])], { threshold: 0.5 }) // 0.5
 */
export function recall<D extends MetricData, A extends Average = 'macro'>(
  model: Classifier,
  data: D,
  options: ScoreOptions<A> = {},
): Measured<D, Score<A>> {
  if (arguments.length > 3) refuseSurplus('recall', 3, arguments)
  return scored('recall', (both, _, actual) => over(both, actual), model, data, options)
}

/**
 * The harmonic mean of precision and recall of each class, 2 tp / (2 tp + fp + fn), and the average of that. Everything else is as for `precision`:
 * [n, classes] against [n]. Errors as `precision`.
 *
 * @example
 * const outputs = tensor([[2, 1], [2, 1], [2, 1], [0, 1]])
 * f1(x => x, [outputs, tensor([0, 0, 0, 1])]) // 1
 * f1(x => x, [tensor([3, 1, -1]), tensor([1, 0, 0])], { threshold: 0 }) // 0.6667
 */
export function f1<D extends MetricData, A extends Average = 'macro'>(
  model: Classifier,
  data: D,
  options: ScoreOptions<A> = {},
): Measured<D, Score<A>> {
  if (arguments.length > 3) refuseSurplus('f1', 3, arguments)
  return scored('f1', (both, predicted, actual) => over(2 * both, predicted + actual), model, data, options)
}

/**
 * How often each class (the row) was predicted as each class (the column): int32 [classes, classes], with a `threshold` of one output [2, 2], of several
 * labels [labels, 2, 2]. Model, data and `threshold` as `accuracy` takes them. A row of outputs with NaN is in no column; a label whose output is NaN
 * counts as predicted wrong. Throws ShapeError for batches with different numbers of outputs; otherwise errors as `accuracy`.
 *
 * @example
 * confusionMatrix(x => x, [tensor([[2, 1], [2, 1], [0, 1]]), tensor([0, 1, 1])]).toArray() // [[1, 0], [1, 1]]
 */
export function confusionMatrix<D extends MetricData>(model: Classifier, data: D, options: AccuracyOptions = {}): Measured<D, Tensor> {
  if (arguments.length > 3) refuseSurplus('confusionMatrix', 3, arguments)
  checkOptions('confusionMatrix', options, ['threshold'])
  const { threshold } = options
  checkThreshold('confusionMatrix', threshold)
  const isLabels = threshold !== undefined
  let columns = 0
  let counts = new Float64Array(0)
  const see = (outputs: Tensor, y: Tensor) => {
    const { columns: own, actual, predicted } = outcomesOf('confusionMatrix', outputs, y, threshold)
    checkColumns('confusionMatrix', columns, own)
    if (columns === 0) counts = new Float64Array(isLabels ? 4 * own : own * own)
    columns = own
    for (let i = 0; i < actual.length; i++) {
      if (predicted[i] < 0) continue
      counts[isLabels ? 4 * (i % own) + 2 * actual[i] + predicted[i] : own * actual[i] + predicted[i]]++
    }
  }
  const result = () => {
    const shape = !isLabels ? [columns, columns] : columns === 1 ? [2, 2] : [columns, 2, 2]
    return tensor(counts, shape, { dtype: 'int32' })
  }
  return measured('confusionMatrix', model, data, see, result)
}

/**
 * The share of observations whose class is among the `k` largest outputs (5, or all of fewer classes), from 0 to 1: [n, classes] against integer classes [n] or
 * one-hot targets. Of equal outputs the first come first, and a row with NaN is wrong, so that with a `k` of 1 it is `accuracy`. Throws RangeError for a `k` that is no
 * whole number from 1 to the number of classes; otherwise errors as `accuracy`.
 *
 * @example
 * const outputs = tensor([[3, 2, 1], [3, 2, 1]])
 * topKAccuracy(x => x, [outputs, tensor([1, 2])], { k: 2 }) // 0.5
 */
export function topKAccuracy<D extends MetricData>(
  model: Classifier,
  data: D,
  options: { readonly k?: number | undefined } = {},
): Measured<D, number> {
  if (arguments.length > 3) refuseSurplus('topKAccuracy', 3, arguments)
  checkOptions('topKAccuracy', options, ['k'])
  let right = 0
  let count = 0
  const see = (outputs: Tensor, y: Tensor) => {
    const classes = classesOf('topKAccuracy', outputs, y)
    const n = outputs.dims[outputs.rank - 1]
    const { k = Math.min(5, n) } = options
    if (!Number.isInteger(k) || k < 1 || k > n)
      throw rangeError('topKAccuracy', `k is a whole number from 1 to ${n}, the number of classes`, written(k))
    const [scores, actual] = [outputs.view(), classes.view()]
    count += actual.length
    for (let i = 0; i < actual.length; i++) {
      const start = i * n
      const own = start + actual[i]
      let before = 0
      for (let at = start; at < start + n; at++) {
        // A row with NaN is wrong.
        if (!(scores[at] <= scores[own])) before += scores[at] > scores[own] ? 1 : n
        else if (scores[at] === scores[own] && at < own) before++
      }
      if (before < k) right++
    }
  }
  return measured('topKAccuracy', model, data, see, () => right / count)
}

/**
 * How much of the targets' variance the model explains, R² = 1 - Σ (y - ŷ)² / Σ (y - ȳ)²: 1 is perfect, 0 is as good as their mean, and it may be
 * below. Outputs and targets are [n, outputs], or [n], of any size, since the data is gone through once; sums are in double.
 *
 * `average`: 'macro' (the mean over the outputs), 'weighted' by the variance of each, 'micro' (all sums together), 'none' (a list). Targets that are all
 * the same give 1 if they are met exactly and 0 otherwise; of less than two observations it is NaN. Throws TypeError for another average, ShapeError
 * where outputs and targets do not fit, and for batches with different numbers of outputs; otherwise errors as `accuracy`.
 *
 * @example
 * r2(x => x, [tensor([2.5, 0, 2, 8]), tensor([3, -0.5, 2, 7])]) // 0.9486
 */
export function r2<D extends MetricData, A extends Average = 'macro'>(
  model: Classifier,
  data: D,
  options: { readonly average?: A | undefined } = {},
): Measured<D, Score<A>> {
  if (arguments.length > 3) refuseSurplus('r2', 3, arguments)
  checkOptions('r2', options, ['average'])
  const { average = 'macro' } = options
  checkAverage('r2', average)
  let n = 0
  const means: number[] = []
  const squares: number[] = []
  const residuals: number[] = []
  const see = (outputs: Tensor, y: Tensor) => {
    const wanted = fitted('r2', outputs, y).view()
    const found = outputs.view()
    const columns = columnsOf(outputs)
    checkColumns('r2', means.length, columns)
    if (means.length === 0) for (const list of [means, squares, residuals]) for (let i = 0; i < columns; i++) list.push(0)
    for (let i = 0; i < wanted.length; i++) {
      const column = i % columns
      if (column === 0) n++
      // Welford (1962): a large mean does not swallow the variance.
      const distance = wanted[i] - means[column]
      means[column] += distance / n
      squares[column] += distance * (wanted[i] - means[column])
      residuals[column] += (wanted[i] - found[i]) ** 2
    }
  }
  const score = (rest: number, all: number) => (n < 2 ? Number.NaN : all === 0 ? Number(rest === 0) : 1 - rest / all)
  const result = () => {
    if (average === 'micro') return score(sum(residuals), sum(squares))
    const scores = residuals.map((rest, i) => score(rest, squares[i]))
    if (average === 'none') return scores
    return meanOf(scores, average === 'weighted' && sum(squares) > 0 ? squares : undefined, () => true)
  }
  return measured('r2', model, data, see, result) as Measured<D, Score<A>>
}
