import {
  Chain,
  clone,
  Dense,
  full,
  gelu,
  glorotUniform,
  gradient,
  identity,
  kaimingNormal,
  logSoftmax,
  mse,
  ones,
  params,
  relu,
  ShapeError,
  sigmoid,
  softmax,
  type Tensor,
  tanh,
  tensor,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

const W = tensor([
  [1, 2, 3],
  [4, 5, 6],
])
const b = tensor([10, -20])

describe('the constructor of Dense', () => {
  it('makes a weight [outputs, inputs] within the bounds of glorotUniform, and a bias of zeros', () => {
    const dense = Dense(30, 20)
    const bound = Math.sqrt(6 / 50)
    expect([dense.weight.shape, dense.bias?.shape]).toEqual([[20, 30], [20]])
    expect(dense.bias?.data().every(value => value === 0)).toBe(true)
    const largest = Math.max(...dense.weight.data().map(Math.abs))
    expect(largest).toBeLessThanOrEqual(Math.fround(bound))
    expect(largest).toBeGreaterThan(bound * 0.95)
    expect(dense.activation).toBe(identity)
  })

  it('takes an activation and options', () => {
    const dense = Dense(3, 2, relu, { bias: false, init: shape => full(shape, -1) })
    expect([dense.weight.toArray(), dense.bias]).toEqual([
      [
        [-1, -1, -1],
        [-1, -1, -1],
      ],
      undefined,
    ])
    expect(dense(ones([1, 3])).toArray()).toEqual([[0, 0]])
    expect(params(dense).size).toBe(1)
    expect(Dense(3, 2, relu, { init: kaimingNormal({ gain: 1 }) }).weight.shape).toEqual([2, 3])
  })

  it('takes a tensor as bias, as it is', () => {
    const dense = Dense(3, 2, identity, { bias: b })
    expect(dense.bias).toBe(b)
    expect(Dense(3, 2, identity, { bias: true }).bias?.toArray()).toEqual([0, 0])
  })

  it('takes ready tensors, as they are', () => {
    const dense = Dense(W, b, relu)
    expect([dense.weight, dense.bias, dense.activation]).toEqual([W, b, relu])
    expect(dense.weight).toBe(W)
    expect(dense(tensor([[1, 1, 1]])).toArray()).toEqual([[16, 0]])
    expect(Dense(W, false).bias).toBeUndefined()
    expect(Dense(W, true).bias?.toArray()).toEqual([0, 0])
    expect(Dense(W).bias?.toArray()).toEqual([0, 0])
  })

  it.each([
    ['sizes that are no counts', () => Dense(0, 2), 'Dense: the sizes must be whole numbers from 1: 0, 2. Write Dense(inputs, outputs).'],
    [
      'one size',
      () => Dense(...([3] as unknown as [number, number])),
      'Dense: the sizes must be whole numbers from 1: 3, undefined. Write Dense(inputs, outputs).',
    ],
    ['a fraction', () => Dense(2, 1.5), 'Dense: the sizes must be whole numbers from 1: 2, 1.5. Write Dense(inputs, outputs).'],
    [
      'softmax',
      () => Dense(2, 2, softmax),
      'Dense: softmax is no function of single elements. Put it behind the layer: Chain(Dense(...), softmax).',
    ],
    [
      'logSoftmax',
      () => Dense(W, b, logSoftmax),
      'Dense: logSoftmax is no function of single elements. Put it behind the layer: Chain(Dense(...), logSoftmax).',
    ],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(new TypeError(message))
  })

  it.each([
    ['a weight that is no matrix', () => Dense(b, false), 'Dense: the weight is [outputs, inputs]: [2].'],
    ['a bias of another size', () => Dense(W, zeros([3])), 'Dense: the bias is [2]: [3].'],
    ['a bias of another size among the options', () => Dense(3, 2, relu, { bias: zeros([2, 1]) }), 'Dense: the bias is [2]: [2, 1].'],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(ShapeError)
    expect(make).toThrow(message)
  })
})

describe('a Dense', () => {
  it.each([
    [[3], [2]],
    [
      [4, 3],
      [4, 2],
    ],
    [
      [2, 4, 3],
      [2, 4, 2],
    ],
    [
      [2, 1, 4, 3],
      [2, 1, 4, 2],
    ],
    [
      [0, 3],
      [0, 2],
    ],
  ])('takes %j to %j, row by row what a matrix product gives', (from, to) => {
    const x = tensor(
      Float32Array.from({ length: from.reduce((a, c) => a * c, 1) }, (_, i) => Math.sin(i + 1)),
      from,
    )
    const y = Dense(W, b)(x)
    expect(y.shape).toEqual(to)
    const rows = x.data()
    const expected = Array.from({ length: y.size }, (_, at) => {
      const [row, unit] = [Math.floor(at / 2), at % 2]
      let sum = b.data()[unit]
      for (let k = 0; k < 3; k++) sum += rows[row * 3 + k] * W.data()[unit * 3 + k]
      return sum
    })
    expect([...y.data()].every((value, i) => Math.abs(value - expected[i]) < 1e-4)).toBe(true)
  })

  it('gives gradients of the shapes of its parameters for inputs of any rank', () => {
    const dense = Dense(3, 2, tanh)
    for (const shape of [[3], [5, 3], [2, 5, 3]]) {
      const grads = gradient(() => dense(ones(shape)).sum(), params(dense))
      expect([grads.get(dense.weight)?.shape, grads.get(dense.bias as Tensor)?.shape]).toEqual([[2, 3], [2]])
    }
  })

  it('takes integers as input', () => {
    expect(Dense(W, b)(tensor([1, 1, 1], undefined, { dtype: 'int32' })).toArray()).toEqual([16, -5])
  })

  it.each([relu, tanh, sigmoid, gelu])('applies $name last, to the same values as behind it', activation => {
    const x = tensor([
      [0.1, -0.2, 0.3],
      [1, 2, -3],
    ])
    const fused = Dense(W, b, activation)(x)
    const apart = activation(Dense(W, b)(x))
    expect(fused.data()).toEqual(apart.data())
  })

  it('takes any function of the output as its activation', () => {
    expect(Dense(W, b, x => x.mul(0).add(7))(ones([1, 3])).toArray()).toEqual([[7, 7]])
  })

  it('says what came and where, for an input of another size', () => {
    const x = ones([4, 2])
    expect(() => Dense(W, b)(x)).toThrow(ShapeError)
    expect(() => Dense(W, b)(x)).toThrow(/\[4, 2\][\s\S]*\nin Dense\(3, 2\)$/)
    expect(() => Dense(W, b)(tensor(1))).toThrow(/\nin Dense\(3, 2\)$/)
    expect(() => Chain(Dense(W, b, relu))(x)).toThrow(/\nin Chain\[0\]: Dense\(3, 2, relu\)$/)
  })

  it('without bias says so in its line, and has none after a clone', () => {
    const dense = Dense(3, 2, relu, { bias: false })
    expect(String(dense)).toBe('Dense(3, 2, relu, { bias: false })  # 6 parameters')
    expect(clone(dense).bias).toBeUndefined()
  })

  it('learns a linear function', () => {
    const dense = Dense(1, 1)
    const loss = () => mse(dense(tensor([[0], [1], [2]])), tensor([[1], [3], [5]]))
    for (let step = 0; step < 300; step++) {
      const grads = gradient(loss, params(dense))
      for (const [p, g] of grads) p.assign(p.sub(g.mul(0.2)))
    }
    expect(dense.weight.item()).toBeCloseTo(2, 4)
    expect(dense.bias?.item()).toBeCloseTo(1, 4)
  })

  it('draws its weight anew each time', () => {
    expect(Dense(3, 3).weight.data()).not.toEqual(Dense(3, 3).weight.data())
    expect(Dense(3, 3, relu, { init: glorotUniform }).weight.shape).toEqual([3, 3])
  })
})
