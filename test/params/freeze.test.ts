import {
  Adam,
  Chain,
  Dense,
  Descent,
  freeze,
  gradient,
  layer,
  mse,
  ones,
  params,
  relu,
  type Tensor,
  tensor,
  thaw,
  train,
  update,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

const x = tensor([
  [1, 2],
  [3, 4],
])
const y = tensor([[1], [0]])

describe('freeze', () => {
  it('takes a tensor out of the gradient, thaw puts it back', () => {
    const dense = Dense(2, 1)
    const loss = () => mse(dense(x), y)
    freeze(dense.weight)
    const frozen = gradient(loss, params(dense))
    expect([frozen.has(dense.weight), frozen.has(dense.bias as Tensor)]).toEqual([false, true])
    thaw(dense.weight)
    expect(gradient(loss, params(dense)).has(dense.weight)).toBe(true)
  })

  it('gives back what it was passed', () => {
    const [a, b] = [Dense(2, 3), Dense(3, 1)]
    const model = Chain(freeze(a), b)
    expect([model[0] === a, a.weight.frozen]).toEqual([true, true])
    const [c, d] = thaw(a, b)
    expect([c === a, d === b, a.weight.frozen]).toEqual([true, true, false])
  })

  it('takes a layer, several things and a Params', () => {
    const model = Chain(Dense(2, 3), Dense(3, 3), Dense(3, 1))
    const reached = () => {
      const ps = params(model)
      return [...gradient(() => mse(model(x), y), ps)].map(([p]) => ps.path(p))
    }
    freeze(model[0], params(model[2]))
    expect(reached()).toEqual(['layers.1.weight', 'layers.1.bias'])
    thaw(params(model[0]))
    expect(reached()).toEqual(['layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias'])
    thaw(model)
    expect(reached()).toHaveLength(6)
  })

  it('lets the gradient through to what lies below', () => {
    const model = Chain(Dense(2, 3, relu), Dense(3, 1))
    freeze(model[1])
    const grads = gradient(() => mse(model(x), y), params(model))
    expect(grads.size).toBe(2)
    expect(grads.has((model[0] as ReturnType<typeof Dense>).weight)).toBe(true)
  })

  it('holds in the explicit form, where the place of a frozen parameter stays empty', () => {
    const dense = Dense(2, 1)
    freeze(dense.bias)
    const [tree] = gradient(model => mse(model(x), y), dense)
    expect(Object.keys(tree as object)).toEqual(['weight'])
  })

  it('keeps a parameter and its momenta as they are, in training and in update', async () => {
    const model = Chain(Dense(2, 3), Dense(3, 1))
    const [first, second] = [...model] as ReturnType<typeof Dense>[]
    const before = first.weight.data()
    freeze(first)
    const opt = Adam(0.1)
    await train(
      (a: Tensor, b: Tensor) => mse(model(a), b),
      params(model),
      [
        [x, y],
        [x, y],
      ],
      opt,
    )
    expect(first.weight.data()).toEqual(before)
    const moved = second.weight.data()
    thaw(first)
    await train((a: Tensor, b: Tensor) => mse(model(a), b), params(model), [[x, y]], opt)
    expect(first.weight.data()).not.toEqual(before)
    expect(second.weight.data()).not.toEqual(moved)
  })

  it('makes update ignore a gradient that is given for it', () => {
    const w = ones([2])
    freeze(w)
    update(Descent(1), w, ones([2]))
    expect(w.toArray()).toEqual([1, 1])
  })

  it('of a model reaches its buffers, too, and hurts none', () => {
    const own = layer('Own', { scale: ones([2]), mean: zeros([2]) }, (self, input: Tensor) => input.mul(self.scale), {
      trainable: ['scale'],
    })
    freeze(own)
    expect(own(ones([2])).toArray()).toEqual([1, 1])
    expect(own.mean.frozen).toBe(true)
  })
})
