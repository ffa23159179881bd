import * as f from 'fluxtape'
import { expect, it } from 'vitest'

const x = f.rand([4, 3])
const y = f.rand([4, 3])
const classes = f.tensor([0, 2, 1, 0], undefined, { dtype: 'int32' })
const labels = f.tensor([0, 1])
const signs = f.full([4, 3], -1)
const shares = f.full([4, 3], 1 / 3)
/** Functions of several operations, called outside every scope. */
const calls: readonly [name: string, call: () => f.Tensor][] = [
  ['mean', () => x.mean()],
  ['variance', () => x.variance(0)],
  ['std', () => x.std()],
  ['norm', () => x.norm()],
  ['prod', () => x.prod(1)],
  ['logSumExp', () => x.logSumExp(1)],
  ['any', () => x.any()],
  ['all', () => x.all(1)],
  ['argMax', () => x.argMax()],
  ['where', () => f.where(x.greater(y), x, 0)],
  ['clamp', () => classes.clamp(1, 2)],
  ['logicalAnd', () => f.logicalAnd(x, y)],
  ['gather', () => x.gather([0, 1])],
  ['takeAlong', () => x.takeAlong(classes.reshape([4, 1]), 1)],
  ['scatterAdd', () => x.scatterAdd([0], f.ones([1, 3]))],
  ['oneHot', () => f.oneHot(f.tensor([0, 1]))],
  ['slice', () => x.slice('0, 1:')],
  ['stack', () => f.stack([x, y])],
  ['matmul', () => x.matmul(y.transpose())],
  ['linear', () => f.linear(f.ones([2, 2, 3]), x)],
  ['softmax', () => x.softmax(0)],
  ['logSoftmax', () => x.logSoftmax(0)],
  ['mae', () => f.mae(x, y)],
  ['mse', () => f.mse(x, y)],
  ['huber', () => f.huber(x, y)],
  ['poisson', () => f.poisson(x, y)],
  ['squaredHinge', () => f.squaredHinge(x, signs)],
  ['dice', () => f.dice(x, x)],
  ['binaryFocal', () => f.binaryFocal(x, x)],
  ['labelSmoothing', () => f.labelSmoothing(shares, 0.1)],
  ['ctc', () => f.ctc(x, labels)],
  ['crossEntropy', () => f.crossEntropy(x, classes)],
  ['logitCrossEntropy of classes', () => f.logitCrossEntropy(x, classes)],
  ['logitCrossEntropy of soft targets', () => f.logitCrossEntropy(x, y)],
  ['logitBinaryCrossEntropy', () => f.logitBinaryCrossEntropy(x, y)],
]

it.each(calls)('%s leaves nothing behind but its result and the arguments written into the call', (name, call) => {
  /** How many arguments with memory of their own a call makes itself; they belong to whoever wrote it. */
  const written = { where: 1, scatterAdd: 1, oneHot: 1, matmul: 1, linear: 1 } as Readonly<Record<string, number>>
  const before = f.memory().tensors
  const result = call()
  result.dispose()
  expect(f.memory().tensors - before).toBeLessThanOrEqual(written[name] ?? 0)
})
