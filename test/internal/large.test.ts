import {
  Adam,
  arange,
  concat,
  Dense,
  gradient,
  logitCrossEntropy,
  MemoryError,
  memory,
  oneHot,
  optimizerState,
  params,
  scope,
  type Tensor,
  tensor,
  trainStep,
  zeros,
} from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { make } from '../../src/tensor/tensor.ts'
import { thrown } from '../errors/thrown.ts'

const PAGE = 65536
const MIB = 2 ** 20
const GIB = 2 ** 30

/** Where a tensor lies in the linear memory. */
const addressOf = (x: Tensor) => x.view().byteOffset

function memoryErrorOf(f: () => unknown): MemoryError {
  try {
    f()
  } catch (error) {
    if (error instanceof MemoryError) return error
    throw error
  }
  throw new Error('there was memory enough')
}

/** Results of many kinds of kernels, from inputs made here and now. */
function sampleOfEverything(): unknown[] {
  return scope(() => {
    const x = arange(0, 391).reshape([17, 23]).mul(0.25)
    const y = arange(0, 391).reshape([17, 23]).sin()
    const classes = tensor(Int32Array.from({ length: 17 }, (_, i) => (i * 7) % 17))
    return [
      x,
      x.add(y),
      x.mul(y.slice('3')),
      x.matmul(y.transpose()),
      x.transpose().matmul(y),
      x.transpose().add(0),
      x.sum(),
      x.sum(0),
      y.max(1),
      y.argMax(1),
      y.softmax(),
      x.slice('2:14:3, ::-2'),
      x.permute([1, 0]),
      x.gather(classes),
      x.takeAlong(classes.reshape([17, 1]), 1),
      x.scatterAdd(classes, y),
      concat([x, y], 1),
      x.less(y.mul(50)),
      x.greater(20).cast('uint8'),
      oneHot(classes, 17),
      gradient(z => logitCrossEntropy(z, classes), y)[0] as Tensor,
    ].map(each => each.toArray())
  })
}

/** The loss of a step of training, and the parameters after it. */
function stepped(): unknown {
  return scope(() => {
    const model = Dense(tensor([[0.5, -0.25, 0.125]]), true)
    const ps = params(model)
    const optimizer = Adam(0.1)
    const loss = trainStep((x: Tensor) => model(x).square().mean(), ps, tensor([[1, 2, 3]]), optimizer)
    for (const slot of optimizerState(optimizer, ps).values()) if (typeof slot !== 'number') slot.dispose()
    return [loss, model.weight.toArray(), model.bias?.toArray()]
  })
}

describe('a linear memory that is almost full', () => {
  test('a tensor that can never fit is a MemoryError, and what exists still works', () => {
    const x = tensor([1, 2, 3])
    const { peak } = memory()
    const { message, bytes, operation } = memoryErrorOf(() => zeros([2 ** 30 - 1]))
    expect(operation).toBe('zeros')
    expect(bytes % PAGE).toBe(0)
    expect(bytes).toBeGreaterThan(4 * GIB - 256 * PAGE)
    expect(bytes).toBeLessThan(4 * GIB)
    // The memory begins with 256 pages.
    expect(message).toBe(
      `zeros: the linear memory cannot grow: ${256 * PAGE} bytes are in use or free, ${bytes} more were needed for float32 [1073741823]. Free what is not needed: wrap the code that makes many tensors in scope(() => ...), or use smaller batches.`,
    )
    expect(memory().peak).toBe(peak)
    expect(x.add(1).toArray()).toEqual([2, 3, 4])
  })

  test('a shape of more elements than there are addresses is a ShapeError', () => {
    expect(thrown(() => zeros([2 ** 15, 2 ** 15]))).toBe(
      'ShapeError: zeros: more elements than a tensor can have, 2^30 - 1: [32768, 32768].',
    )
  })

  test('kernels are right above 2^31 and past 2.5 GiB, and training goes on when no more fits', () => {
    const before = memory().bytes
    const low = sampleOfEverything()
    const lowStep = stepped()
    scope(() => {
      const huge = make([2.25 * 2 ** 28], 'float32')
      const big = make([384 * 2 ** 18], 'float32')
      const fillers = [64, 128, 256, 512, 1024, 2048].flatMap(size => Array.from({ length: 60 }, () => make([size], 'float32')))
      expect(fillers.length).toBe(360)
      expect(addressOf(huge)).toBeLessThan(16 * MIB)
      expect(addressOf(big)).toBeGreaterThan(2.25 * GIB)
      expect(memory().bytes - before).toBeGreaterThan(2.625 * GIB)

      // One tensor whose end is further than 2^31 bytes from its beginning.
      const end = huge.size - 3
      const view = huge.view()
      view.fill(0, end - 1)
      view[5] = 3
      view[2 ** 29 + 1] = 4
      view[end] = 5
      expect(huge.gather([5, 2 ** 29 + 1, end]).toArray()).toEqual([3, 4, 5])
      expect(huge.slice([[end - 1, end + 2]]).toArray()).toEqual([0, 5, 0])
      expect(huge.slice([[end, 0, -(2 ** 28)]]).shape).toEqual([3])
      expect(huge.slice([[2 ** 29 + 1, 5, -(2 ** 29 - 4)]]).toArray()).toEqual([4])
      expect(
        huge
          .reshape([2.25 * 2 ** 10, 2 ** 18])
          .slice('-1, -4:')
          .toArray(),
      ).toEqual([0, 5, 0, 0])
      const step = tensor([0, 10, 0])
      expect(
        huge
          .slice([[end - 1, end + 2]])
          .add(step)
          .sum()
          .item(),
      ).toBe(15)

      // Everything lies high now, for the free blocks below are taken.
      const x = zeros([2 ** 20]).add(1)
      expect(addressOf(x)).toBeGreaterThan(2.625 * GIB)
      expect(x.sum().item()).toBe(2 ** 20)
      const rows = x.reshape([1024, 1024])
      const product = rows.matmul(rows.transpose())
      expect(addressOf(product)).toBeGreaterThan(2.625 * GIB)
      expect(product.equal(1024).all().item()).toBe(1)
      expect(rows.softmax().sum(1).sub(1).abs().max().item()).toBeLessThan(1e-5)
      expect(sampleOfEverything()).toEqual(low)
      expect(stepped()).toEqual(lowStep)

      const used = memory()
      const error = memoryErrorOf(() => make(huge.shape, 'float32'))
      expect(error.bytes).toBeGreaterThan(0.5 * GIB)
      expect(memory()).toEqual(used)
      expect(huge.gather([end]).toArray()).toEqual([5])
      expect(stepped()).toEqual(lowStep)
    })

    expect(memory().bytes).toBe(before)
    const again = make([2.5 * 2 ** 28], 'float32')
    expect(addressOf(again) + 4 * again.size).toBeGreaterThan(2.5 * GIB)
    again.dispose()
    expect(stepped()).toEqual(lowStep)
  })
})
