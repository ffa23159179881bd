import { scope } from '../autodiff/scope.ts'
import { DataLoader } from '../data/loader.ts'
import { refuseSurplus, ShapeError } from '../errors.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'

const CHUNK = 1024

/**
 * The share of observations that a model classifies right, from 0 to 1: the largest of its outputs along the last axis against integer classes
 * or one-hot targets. The data is `[x, y]`, or an iterable of such batches. Throws ShapeError where predictions and targets do not fit.
 * @example accuracy(x => x, [tensor([[0, 1], [1, 0]]), tensor([1, 1])]) // 0.5
 */
export function accuracy(model: (x: Tensor) => Tensor, data: readonly [Tensor, Tensor] | Iterable<readonly unknown[]>): number {
  if (arguments.length > 2) refuseSurplus('accuracy', 2, arguments, 'The data is one argument: [x, y].')
  const batches = isPair(data) ? new DataLoader([...data], { batchSize: CHUNK }) : (data as Iterable<readonly [Tensor, Tensor]>)
  let right = 0
  let count = 0
  for (const [x, y] of batches as Iterable<readonly [Tensor, Tensor]>) {
    scope(() => {
      const outputs = model(x)
      if (outputs.dims.at(-1) === 1) {
        throw new ShapeError(
          {
            operation: 'accuracy',
            problem: 'one output tells no classes apart',
            came: show(outputs.dims),
            wayOut: 'The last axis holds an output for each class.',
          },
          [outputs.dims],
        )
      }
      const predicted = outputs.argMax(-1)
      const classes = sameShape(y.dims, outputs.dims) ? y.argMax(-1) : y
      if (!sameShape(classes.dims, predicted.dims)) {
        throw new ShapeError(
          { operation: 'accuracy', problem: 'outputs and targets do not fit', came: `${show(outputs.dims)} and ${show(y.dims)}` },
          [outputs.dims, y.dims],
        )
      }
      right += predicted.equal(classes).sum().item()
      count += predicted.size
    })
  }
  return count === 0 ? Number.NaN : right / count
}

function isPair(data: readonly unknown[] | Iterable<unknown>): data is readonly [Tensor, Tensor] {
  return Array.isArray(data) && data.length === 2 && data[0] instanceof Tensor && data[1] instanceof Tensor
}
