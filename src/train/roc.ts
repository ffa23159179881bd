import { checkOptions, refuseSurplus } from '../errors.ts'
import { argSort } from '../ops/sorting.ts'
import { tensor } from '../tensor/create.ts'
import { scoped } from '../tensor/scope.ts'
import { sameShape } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Average, checkAverage, meanOf, type Score } from './averages.ts'
import { checkColumns } from './metrics.ts'
import { type Classifier, checkLabels, classesOf, columnsOf, fitted, type Measured, type MetricData, measured } from './outcomes.ts'

/**
 * The area under the ROC curve: how likely a positive has a higher output than a negative, ties counting half (Mann and Whitney 1947). Logits and
 * probabilities give the same of one output [n] or [n, 1] against 0 and 1; of several labels [n, labels] against 0 and 1 in the same shape there is an area
 * each, and of [n, classes] against integer classes [n] one of each class against the rest, for which outputs should be probabilities.
 *
 * `average`: 'macro' (the mean), 'weighted' by the positives of each, 'micro' (of all outputs in one), 'none' (a list). Where there are no positives, or no
 * negatives, there is no area: left out of the mean, NaN in the list and on its own. An output that is NaN counts as wrong: as the lowest of a positive, the
 * highest of a negative. Holds all outputs in memory, 5 bytes each. Throws TypeError for another average, RangeError for targets that are neither 0 nor 1, or
 * no classes; otherwise errors as `accuracy`.
 *
 * @example
 * rocAuc(x => x, [tensor([0.1, 0.4, 0.35, 0.8]), tensor([0, 0, 1, 1])]) // 0.75
 */
export function rocAuc<D extends MetricData, A extends Average = 'macro'>(
  model: Classifier,
  data: D,
  options: { readonly average?: A | undefined } = {},
): Measured<D, Score<A>> {
  if (arguments.length > 3) refuseSurplus('rocAuc', 3, arguments)
  checkOptions('rocAuc', options, ['average'])
  const { average = 'macro' } = options
  checkAverage('rocAuc', average)
  let columns = 0
  let total = 0
  const scores: Float32Array[] = []
  const labels: Uint8Array[] = []
  const see = (outputs: Tensor, y: Tensor) => {
    const own = columnsOf(outputs)
    checkColumns('rocAuc', columns, own)
    columns = own
    const positive = positives(outputs, y)
    scores.push(Float32Array.from(outputs.view(), (score, i) => (Number.isNaN(score) ? (positive[i] ? -1 : 1) / 0 : score)))
    labels.push(positive)
    total += positive.length
  }
  /** The area of a column, or of all, and how many positives it has. */
  const area = (column: number, step: number): [area: number, positives: number] => {
    const size = total / step
    const [all, isPositive] = [new Float32Array(size), new Uint8Array(size)]
    let at = 0
    scores.forEach((part, i) => {
      for (let k = column; k < part.length; k += step) {
        all[at] = part[k]
        isPositive[at++] = labels[i][k]
      }
    })
    const order = scoped(() => argSort(tensor(all)).data())
    return areaOf(all, isPositive, order as Int32Array)
  }
  const result = () => {
    if (average === 'micro') return area(0, 1)[0]
    const areas = Array.from({ length: columns }, (_, i) => area(i, columns))
    const each = areas.map(([value]) => value)
    if (average === 'none') return each
    const weights = average === 'weighted' ? areas.map(([, count]) => count) : undefined
    return meanOf(each, weights, i => !Number.isNaN(each[i]))
  }
  return measured('rocAuc', model, data, see, result) as Measured<D, Score<A>>
}

/** 1 for each output whose label it is. */
function positives(outputs: Tensor, y: Tensor): Uint8Array {
  const columns = columnsOf(outputs)
  if (columns > 1 && sameShape(y.dims, outputs.dims.slice(0, -1))) {
    const marks = new Uint8Array(outputs.count)
    classesOf('rocAuc', outputs, y)
      .view()
      .forEach((each: number, i: number) => {
        marks[i * columns + each] = 1
      })
    return marks
  }
  const marks = fitted('rocAuc', outputs, y).view()
  checkLabels('rocAuc', marks, 'for scores')
  return Uint8Array.from(marks)
}

/** Over groups of equal scores, in ascending order: each positive is above the negatives before, and half above its own. */
function areaOf(scores: Float32Array, isPositive: Uint8Array, order: Int32Array): [area: number, positives: number] {
  let [negatives, positives, above] = [0, 0, 0]
  for (let i = 0; i < order.length; ) {
    const score = scores[order[i]]
    let [here, both] = [0, 0]
    for (; i < order.length && scores[order[i]] === score; i++) {
      here += isPositive[order[i]]
      both++
    }
    above += here * (negatives + (both - here) / 2)
    positives += here
    negatives += both - here
  }
  return [above / (positives * negatives), positives]
}
