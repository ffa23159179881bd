import { scope } from '../autodiff/lifetime.ts'
import { DataLoader } from '../data/loader.ts'
import { checkOptions, kindOf, rangeError, refuseSurplus, ShapeError, typeError, written } from '../errors.ts'
import { asIndices, takeClasses } from '../ops/indices.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'

const CHUNK = 1024

/** How outputs are read. */
export interface AccuracyOptions {
  /** What an output must exceed to be taken for 1: 0 for logits, 0.5 for probabilities. For one output, or several labels. */
  readonly threshold?: number | undefined
}

/**
 * The share of observations that a model classifies right, from 0 to 1: the largest of its outputs along the last axis against integer classes
 * or one-hot targets. The data is `[x, y]`, or an iterable of such batches.
 *
 * With a `threshold` each output counts for itself, against targets of 0 and 1 in its shape (of one output `[n, 1]` also `[n]`): for models of
 * one output, or of several labels. Outputs that are NaN, or a row with one, are wrong. Throws ShapeError where predictions and targets do not
 * fit, and for one output without a threshold, RangeError for targets that are no classes (fractions, below 0, above the outputs; with a
 * threshold others than 0 and 1), TypeError for what are no batches of pairs.
 *
 * @example
 * accuracy(x => x, [tensor([[0, 1], [1, 0]]), tensor([1, 1])]) // 0.5
 * accuracy(x => x, [tensor([[2], [-3]]), tensor([1, 0])], { threshold: 0 }) // 1
 */
export function accuracy(
  model: (x: Tensor) => Tensor,
  data: readonly [Tensor, Tensor] | Iterable<readonly unknown[]>,
  options: AccuracyOptions = {},
): number {
  if (arguments.length > 3) refuseSurplus('accuracy', 3, arguments)
  if (options instanceof Tensor) throw typeError('accuracy', 'inputs and targets are one argument', '', 'Write accuracy(model, [x, y]).')
  checkOptions('accuracy', options, ['threshold'])
  const { threshold } = options
  if (typeof model !== 'function') throw typeError('accuracy', 'the model comes first, and is a function', `${kindOf(model)} came`)
  if (threshold !== undefined && (typeof threshold !== 'number' || Number.isNaN(threshold))) {
    throw typeError('accuracy', 'the threshold is a number', written(threshold), 'Write 0 for logits, 0.5 for probabilities.')
  }
  let right = 0
  let count = 0
  for (const batch of batchesOf(data)) {
    scope(() => {
      const [x, y] = pairOf(batch)
      const outputs = model(x)
      const hits = threshold === undefined ? hitsOfClasses(outputs, y) : hitsOfLabels(outputs, y, threshold)
      right += hits.sum().item()
      count += hits.count
    })
  }
  return count === 0 ? Number.NaN : right / count
}

function batchesOf(data: readonly unknown[] | Iterable<unknown>): Iterable<unknown> {
  if (Array.isArray(data) && data.length === 2 && data[0] instanceof Tensor && data[1] instanceof Tensor) {
    return new DataLoader([...data], { batchSize: CHUNK })
  }
  if (typeof data === 'object' && data !== null && Symbol.iterator in data && !(data instanceof Tensor)) return data
  throw typeError('accuracy', 'the data is [x, y], or an iterable of such batches, such as a DataLoader')
}

function pairOf(batch: unknown): [Tensor, Tensor] {
  if (Array.isArray(batch) && batch[0] instanceof Tensor && batch[1] instanceof Tensor) return [batch[0], batch[1]]
  throw typeError(
    'accuracy',
    'a batch is [x, y], inputs and targets',
    `${kindOf(batch)} came`,
    'Write [[x, y]], or a DataLoader of [x, y].',
  )
}

/** Where the largest output is that of the class; NaN, which would be the largest, is no output. */
function hitsOfClasses(outputs: Tensor, y: Tensor): Tensor {
  if (outputs.dims.at(-1) === 1) {
    throw new ShapeError(
      {
        operation: 'accuracy',
        problem: 'one output tells no classes apart',
        came: show(outputs.dims),
        wayOut: 'Pass { threshold: 0 } for logits or { threshold: 0.5 } for probabilities, or use a model with an output for each class.',
      },
      [outputs.dims],
    )
  }
  const predicted = outputs.argMax(-1)
  const isOneHot = sameShape(y.dims, outputs.dims)
  const classes = isOneHot ? y.argMax(-1) : y
  if (!sameShape(classes.dims, predicted.dims)) throw unfit(outputs, y)
  // Throws for what is no class.
  if (!isOneHot)
    takeClasses('accuracy', outputs, asIndices('accuracy', y.type === 'bool' ? y.cast('int32') : y).expandDims(-1), outputs.rank - 1)
  return predicted.equal(classes).logicalAnd(outputs.max(-1).isNaN().logicalNot())
}

/** Where an output is above the threshold and its target 1, or neither. */
function hitsOfLabels(outputs: Tensor, y: Tensor, threshold: number): Tensor {
  const labels = sameShape(outputs.dims, [...y.dims, 1]) ? y.expandDims(-1) : y
  if (!sameShape(labels.dims, outputs.dims)) throw unfit(outputs, y)
  const position = labels.view().findIndex((value: number) => value !== 0 && value !== 1)
  if (position >= 0)
    throw rangeError('accuracy', 'with a threshold targets are 0 or 1', `${labels.view()[position]} at place ${position} came`)
  return outputs.greater(threshold).equal(labels.greater(0.5)).logicalAnd(outputs.isNaN().logicalNot())
}

function unfit(outputs: Tensor, y: Tensor): ShapeError {
  return new ShapeError(
    { operation: 'accuracy', problem: 'outputs and targets do not fit', came: `${show(outputs.dims)} and ${show(y.dims)}` },
    [outputs.dims, y.dims],
  )
}
