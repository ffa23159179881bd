import {
  accuracy,
  Chain,
  DataLoader,
  Dense,
  full,
  identity,
  memory,
  oneHot,
  ones,
  randint,
  randn,
  ShapeError,
  softmax,
  type Tensor,
  tensor,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

const int32 = (values: number[]) => tensor(values, undefined, { dtype: 'int32' })
const logits = tensor([
  [1, 2, 3],
  [3, 2, 1],
  [0, 5, 0],
  [1, 1, 0],
])

describe('accuracy', () => {
  it('is the share of observations whose largest output is their class', () => {
    expect(accuracy(identity, [logits, int32([2, 0, 1, 1])])).toBe(0.75)
    expect(accuracy(identity, [logits, int32([2, 0, 1, 0])])).toBe(1)
    expect(accuracy(identity, [logits, int32([0, 1, 2, 2])])).toBe(0)
  })

  it('takes classes of other types, one-hot and soft targets', () => {
    const classes = int32([2, 0, 1, 1])
    for (const y of [
      tensor([2, 0, 1, 1]),
      tensor(new Uint8Array([2, 0, 1, 1])),
      oneHot(classes, 3),
      softmax(oneHot(classes, 3).cast('float32')),
    ]) {
      expect(accuracy(identity, [logits, y])).toBe(0.75)
    }
  })

  it('takes a DataLoader and lists of batches, and weighs batches by their size', () => {
    const y = int32([2, 0, 1, 1])
    expect(accuracy(identity, new DataLoader([logits, y], { batchSize: 3 }))).toBe(0.75)
    expect(
      accuracy(identity, [
        [logits, y],
        [logits, int32([0, 0, 0, 0])],
      ]),
    ).toBe((3 + 2) / 8)
    expect(
      accuracy(identity, [
        [logits, y],
        [tensor([[0, 1]]), int32([0])],
      ]),
    ).toBe(3 / 5)
  })

  it('counts every place where there are several in an observation', () => {
    expect(
      accuracy(identity, [
        randn([4, 5, 3])
          .mul(0)
          .add(tensor([0, 1, 0])),
        randint(1, 2, [4, 5]),
      ]),
    ).toBe(1)
  })

  it('of more observations than go into one batch counts all', () => {
    const n = 2500
    const x = tensor(
      Float32Array.from({ length: n * 2 }, (_, i) => (i % 2 === 0 ? Math.sin(i) : 0)),
      [n, 2],
    )
    const values = x.data()
    const y = tensor(Int32Array.from({ length: n }, (_, i) => (i % 3 === 0 ? 1 : 0)))
    let right = 0
    for (let i = 0; i < n; i++) if ((values[i * 2] >= 0 ? 0 : 1) === (i % 3 === 0 ? 1 : 0)) right++
    expect(accuracy(identity, [x, y])).toBe(right / n)
  })

  it('of no batch is NaN', () => {
    expect(accuracy(identity, [])).toBeNaN()
  })

  it('leaks nothing, and leaves model and data alone', () => {
    const model = Chain(Dense(3, 4), Dense(4, 3), softmax)
    const [x, y] = [randn([30, 3]), randint(0, 3, [30])]
    const wrong = randint(0, 3, [30, 2])
    const before = memory().tensors
    accuracy(model, [x, y])
    accuracy(model, new DataLoader([x, y], { batchSize: 7, shuffle: true }))
    accuracy(model, [[x, y]])
    expect(() => accuracy(model, [x, wrong])).toThrow(ShapeError)
    expect(memory().tensors).toBe(before)
    expect([x.released, y.released]).toEqual([false, false])
  })

  it('refuses targets that fit in no way', () => {
    expect(() => accuracy(identity, [logits, ones([4, 1])])).toThrow('accuracy: outputs and targets do not fit: [4, 3] and [4, 1].')
    expect(() => accuracy((x: Tensor) => x.sum(), [logits, int32([0, 0, 0, 0])])).toThrow(ShapeError)
  })

  it('refuses a model with one output, which would always be the largest', () => {
    expect(() => accuracy(Dense(3, 1), [logits, ones([4, 1])])).toThrow(
      'accuracy: one output tells no classes apart: [4, 1]. Pass { threshold: 0 } for logits or { threshold: 0.5 } for probabilities, or use a model with an output for each class.',
    )
  })

  it('takes a row with NaN for wrong, whatever its class', () => {
    const nan = Number.NaN
    expect(accuracy(identity, [tensor([[nan, nan]]), int32([0])])).toBe(0)
    const rows = tensor([
      [nan, 1],
      [nan, 1],
      [0, nan],
      [0, 1],
    ])
    expect(accuracy(identity, [rows, int32([0, 1, 1, 1])])).toBe(0.25)
    expect(accuracy(identity, [rows, oneHot(int32([0, 1, 1, 1]), 2)])).toBe(0.25)
  })
})

describe('accuracy by a threshold', () => {
  const outputs = tensor([[2], [-1], [0], [0.25]])
  const y = int32([1, 0, 0, 1])

  it.each<[string, Tensor]>([
    ['of the shape of the outputs', y.reshape([4, 1])],
    ['without the axis of the one output', y],
    ['float32', y.cast('float32')],
    ['bool', y.cast('bool')],
    ['uint8', y.cast('uint8')],
  ])('takes targets %s', (_, targets) => {
    expect(accuracy(identity, [outputs, targets], { threshold: 0 })).toBe(1)
    expect(accuracy(identity, [outputs, targets], { threshold: 0.5 })).toBe(0.75)
    expect(accuracy(identity, [outputs, targets], { threshold: -2 })).toBe(0.5)
    expect(accuracy(identity, new DataLoader([outputs, targets], { batchSize: 3 }), { threshold: 0.5 })).toBe(0.75)
  })

  it('counts each of several labels', () => {
    const labels = tensor([
      [0.9, 0.1, 0.6],
      [0.2, 0.7, 0.5],
    ])
    expect(accuracy(identity, [labels, int32([1, 0, 0, 0, 1, 0]).reshape([2, 3])], { threshold: 0.5 })).toBe(5 / 6)
  })

  it('takes an output that is NaN for wrong', () => {
    expect(accuracy(identity, [tensor([Number.NaN, Number.NaN, 1]), int32([0, 1, 1])], { threshold: 0 })).toBe(1 / 3)
  })

  it.each<[name: string, targets: Tensor, text: string, options?: { threshold: number }]>([
    ['a fraction', tensor([0, 0.5]), 'accuracy: index 0.5 at place 1 is not a whole number.'],
    ['NaN', tensor([0, Number.NaN]), 'accuracy: index NaN at place 1 is not a whole number.'],
    ['below 0', int32([-1, 0]), 'accuracy: -1 at place 0 is no class: classes count from 0 to 2.'],
    ['beyond the outputs', int32([0, 3]), 'accuracy: 3 at place 1 is no class: classes count from 0 to 2.'],
    ['beyond 1', ones([2, 3]).mul(2), 'accuracy: with a threshold targets are 0 or 1: 2 at place 0 came.', { threshold: 0 }],
    ['soft', full([2, 3], 0.5), 'accuracy: with a threshold targets are 0 or 1: 0.5 at place 0 came.', { threshold: 0 }],
  ])('refuses targets that are no classes: %s', (_, targets, text, options) => {
    expect(() => accuracy(identity, [ones([2, 3]), targets], options)).toThrow(new RangeError(text))
  })

  it('refuses targets of another shape', () => {
    expect(() => accuracy(identity, [ones([4, 3]), ones([4])], { threshold: 0 })).toThrow(
      'accuracy: outputs and targets do not fit: [4, 3] and [4].',
    )
  })
})
