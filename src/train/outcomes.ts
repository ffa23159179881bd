// What a model gave for data and what it should have given, as the metrics read them: batch by batch.
import { scope } from '../autodiff/lifetime.ts'
import { DataLoader, passOf } from '../data/loader.ts'
import type { LoaderInput } from '../data/observations.ts'
import { drive, type Steps, unheard } from '../data/wait.ts'
import { kindOf, rangeError, ShapeError, typeError, written } from '../errors.ts'
import { asIndices, takeClasses } from '../ops/indices.ts'
import { checkTensor } from '../tape/operation.ts'
import type { TypedArray } from '../tensor/dtype.ts'
import { isThenable } from '../tensor/realm.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'

const CHUNK = 1024

/** What is measured on: inputs and targets, or an iterable of such batches `[...inputs, y]`, which may be asynchronous. */
export type MetricData = readonly [Tensor, Tensor] | Iterable<readonly unknown[]> | AsyncIterable<readonly unknown[]>

/** What a metric gives: a promise for asynchronous data. */
export type Measured<D, R> = D extends Iterable<unknown> ? R : Promise<R>

/** A model as metrics call it: from a batch's inputs, one or several, to its outputs. */
// biome-ignore lint/suspicious/noExplicitAny: what further inputs are is known to the model alone
export type Classifier = (x: Tensor, ...more: any[]) => Tensor

/** Shows each batch's outputs and targets to `see`, and gives the result. */
export function measured<D extends MetricData, R>(
  operation: string,
  model: Classifier,
  data: D,
  see: (outputs: Tensor, y: Tensor) => void,
  result: () => R,
): Measured<D, R> {
  if (typeof model !== 'function') throw typeError(operation, 'the model comes first, and is a function', `${kindOf(model)} came`)
  const show = (batch: unknown) =>
    scope(() => {
      const { inputs, y } = partsOf(operation, batch)
      const outputs = model(...inputs)
      checkTensor(operation, outputs)
      see(outputs, y)
    })
  const batches = batchesOf(operation, data)
  if (batches instanceof DataLoader) return drive(seen(batches, show, result)) as Measured<D, R>
  const run = async () => {
    for await (const batch of batches) show(batch)
    return result()
  }
  if (!(Symbol.iterator in batches)) return run() as Measured<D, R>
  for (const batch of batches) show(batch)
  return result() as Measured<D, R>
}

/** Shows each batch of a loader, of which there may be a promise. */
function* seen<D extends LoaderInput, B, M, R>(loader: DataLoader<D, B, M>, show: (batch: unknown) => void, result: () => R): Steps<R> {
  const pass = passOf(loader, 0, undefined)
  try {
    for (;;) {
      const pulled = pass.next()
      const { done, value } = (isThenable(pulled) ? yield pulled : pulled) as IteratorResult<unknown>
      if (done) return result()
      show(value)
    }
  } finally {
    unheard(pass.return())
  }
}

function batchesOf(operation: string, data: MetricData): Iterable<unknown> | AsyncIterable<unknown> {
  if (Array.isArray(data) && data.length === 2 && data[0] instanceof Tensor && data[1] instanceof Tensor) {
    // A loader of nothing is refused; of no data the metrics know what they are.
    return data[0].dims[0] === 0 ? [data] : new DataLoader([...data], { batchSize: CHUNK })
  }
  const isIterable = typeof data === 'object' && data !== null && (Symbol.iterator in data || Symbol.asyncIterator in data)
  if (isIterable && !(data instanceof Tensor)) return data
  throw typeError(operation, 'the data is [x, y], or an iterable of such batches, such as a DataLoader', `${written(data)} came`)
}

/** A batch as training has it: what the model takes, then the targets. */
function partsOf(operation: string, batch: unknown): { inputs: [Tensor, ...unknown[]]; y: Tensor } {
  const y: unknown = Array.isArray(batch) && batch.length > 1 ? batch[batch.length - 1] : undefined
  if (y instanceof Tensor) return { inputs: (batch as unknown[]).slice(0, -1) as [Tensor, ...unknown[]], y }
  throw typeError(operation, 'a batch is [x, y], inputs and targets', `${kindOf(batch)} came`, 'Write [[x, y]], or a DataLoader of [x, y].')
}

/** Throws TypeError for a threshold that is no number. */
export function checkThreshold(operation: string, threshold: number | undefined): void {
  if (threshold === undefined || (typeof threshold === 'number' && !Number.isNaN(threshold))) return
  throw typeError(operation, 'the threshold is a number', written(threshold), 'Write 0 for logits, 0.5 for probabilities.')
}

/** What is true and what was predicted, place by place: of the last axis one class, or of `columns` labels each 0 or 1. */
export interface Outcomes {
  readonly columns: number
  readonly actual: TypedArray
  /** Of a row of outputs with NaN -1, of a label whose output is NaN the wrong one. */
  readonly predicted: TypedArray
}

/** With a threshold each output counts for itself, else the largest of the last axis. Throws ShapeError, and RangeError for what are no such targets. */
export function outcomesOf(operation: string, outputs: Tensor, y: Tensor, threshold: number | undefined): Outcomes {
  return threshold === undefined ? classOutcomes(operation, outputs, y) : labelOutcomes(operation, outputs, y, threshold)
}

function classOutcomes(operation: string, outputs: Tensor, y: Tensor): Outcomes {
  const classes = classesOf(operation, outputs, y)
  const best = outputs.argMax(-1)
  const missing = outputs.max(-1).isNaN().view()
  const predicted = best.view()
  // NaN, which would be the largest, is no output.
  for (let i = 0; i < predicted.length; i++) if (missing[i]) predicted[i] = -1
  return { columns: outputs.dims[outputs.rank - 1], actual: classes.view(), predicted }
}

/** The classes that the targets are, in the shape of the outputs but for their last axis. */
export function classesOf(operation: string, outputs: Tensor, y: Tensor): Tensor {
  const isSame = sameShape(y.dims, outputs.dims)
  // Axis 0 counts observations: of [n] and [n] each has one.
  if (outputs.dims.at(-1) === 1 || (isSame && outputs.rank === 1)) {
    throw new ShapeError(
      {
        operation,
        problem: 'one output tells no classes apart',
        came: show(outputs.dims),
        wayOut: `${thresholds(operation, 'Pass', ', or use')} a model with an output for each class.`,
      },
      [outputs.dims],
    )
  }
  if (isSame && outputs.rank > 0) {
    checkShares(operation, y)
    return y.argMax(-1)
  }
  if (outputs.rank === 0 || !sameShape(y.dims, outputs.dims.slice(0, -1))) throw unfit(operation, outputs, y)
  const classes = asIndices(operation, y.type === 'bool' ? y.cast('int32') : y)
  // Throws for what is no class.
  takeClasses(operation, outputs, classes.expandDims(-1), outputs.rank - 1)
  return classes
}

/** How far from 1 the shares of the classes may be together: they may have been written with few digits. */
const SLACK = 0.01

/** Throws RangeError unless each row is one-hot, or has shares of the classes, which are 1 together. */
function checkShares(operation: string, y: Tensor): void {
  const [values, classes] = [y.view(), y.dims[y.rank - 1]]
  for (let start = 0; start < values.length; start += classes) {
    const row = values.subarray(start, start + classes)
    let sum = 0
    for (const each of row) sum += each < 0 ? Number.NaN : each
    if (Math.abs(sum - 1) <= SLACK) continue
    const came = row.length > 8 ? `row ${start / classes}` : `[${row.join(', ')}]`
    const wayOut = `Targets are integer classes, or one-hot. ${thresholds(operation, 'For labels that are each 0 or 1 pass', '.')}`
    throw rangeError(operation, 'a row of the target is not one-hot', came, wayOut.trim())
  }
}

/** What to do about outputs that count for themselves, where that can be said. */
function thresholds(operation: string, before: string, behind: string): string {
  if (operation === 'topKAccuracy') return behind === '.' ? '' : 'Use'
  return `${before} { threshold: 0 } for logits or { threshold: 0.5 } for probabilities${behind}`
}

/** The targets in the shape of the outputs; of one output [n, 1] they may be [n]. */
export function fitted(operation: string, outputs: Tensor, y: Tensor): Tensor {
  const targets = sameShape(outputs.dims, [...y.dims, 1]) ? y.expandDims(-1) : y
  if (sameShape(targets.dims, outputs.dims)) return targets
  throw unfit(operation, outputs, y)
}

/** How many outputs there are for an observation. */
export function columnsOf(outputs: Tensor): number {
  return outputs.rank < 2 ? 1 : outputs.dims[outputs.rank - 1]
}

/** Throws RangeError unless all are 0 or 1; `when` says where they have to be. */
export function checkLabels(operation: string, labels: TypedArray, when: string): void {
  const position = labels.findIndex((value: number) => value !== 0 && value !== 1)
  if (position >= 0) throw rangeError(operation, `${when} targets are 0 or 1`, `${labels[position]} at place ${position} came`)
}

function labelOutcomes(operation: string, outputs: Tensor, y: Tensor, threshold: number): Outcomes {
  const actual = fitted(operation, outputs, y).view()
  checkLabels(operation, actual, 'with a threshold')
  const scores = outputs.view()
  const predicted = Uint8Array.from(scores, (score, i) => (Number.isNaN(score) ? 1 - actual[i] : Number(score > threshold)))
  return { columns: columnsOf(outputs), actual, predicted }
}

function unfit(operation: string, outputs: Tensor, y: Tensor): ShapeError {
  return new ShapeError({ operation, problem: 'outputs and targets do not fit', came: `${show(outputs.dims)} and ${show(y.dims)}` }, [
    outputs.dims,
    y.dims,
  ])
}
