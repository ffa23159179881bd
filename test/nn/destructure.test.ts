import {
  Chain,
  Dense,
  destructure,
  freeze,
  gradient,
  isTraining,
  layer,
  memory,
  mse,
  ones,
  params,
  randn,
  relu,
  scope,
  type Tensor,
  tensor,
  testMode,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { thrown } from '../errors/thrown.ts'

const x = randn([5, 3])
const y = randn([5, 2])

describe('destructure', () => {
  it('gives the parameters in their order, and the model back', () => {
    const model = Chain({ hidden: Dense(3, 4, relu), out: Dense(4, 2) })
    const [flat, rebuild] = destructure(model)
    expect([...flat.data()]).toEqual([...params(model)].flatMap(p => [...p.data()]))
    expect(flat.dtype).toBe('float32')
    const again = rebuild(flat)
    expect(again(x).toArray()).toEqual(model(x).toArray())
    expect(String(again)).toBe(String(model))
    expect(params(again).paths()).toEqual(params(model).paths())
    expect(again.hidden.weight).not.toBe(model.hidden.weight)
    expect(rebuild(flat.mul(0))(x).toArray()).toEqual(zeros([5, 2]).toArray())
  })

  it('lets the gradient flow to the vector', () => {
    const model = Chain(Dense(3, 4, relu), Dense(4, 2))
    const [flat, rebuild] = destructure(model)
    const [found] = gradient((v: Tensor) => mse(rebuild(v)(x), y), flat)
    const gs = gradient(() => mse(model(x), y), params(model))
    expect([...found.data()]).toEqual([...params(model)].flatMap(p => [...(gs.get(p)?.data() ?? [])]))
    // And the second: of a sum of squares it is 2.
    const [own, back] = destructure(Dense(2, 1, undefined, { bias: false }))
    const slope = (v: Tensor) => gradient((u: Tensor) => back(u).weight.square().sum(), v)[0].sum()
    expect(gradient(slope, own)[0].toArray()).toEqual([2, 2])
  })

  it('has tied parameters once, and adds their gradients up', () => {
    const w = ones([2, 2])
    const model = { first: w, rest: [w, zeros([2])] }
    const [flat, rebuild] = destructure(model)
    expect(flat.shape).toEqual([6])
    const again = rebuild(flat)
    expect(again.rest[0]).toBe(again.first)
    expect(gradient((v: Tensor) => rebuild(v).first.sum().add(rebuild(v).rest[0].sum()), flat)[0].toArray()).toEqual([2, 2, 2, 2, 0, 0])
  })

  it('shares buffers, integers and what is frozen', () => {
    const own = layer('Own', { w: ones([2]), mean: zeros([2]), table: tensor([1], { dtype: 'int32' }) }, (_, z: Tensor) => z, {
      trainable: ['w', 'table'],
    })
    const model = Chain(Dense(2, 2), own)
    freeze(model[0].weight)
    const [flat, rebuild] = destructure(model)
    expect(flat.shape).toEqual([4])
    const again = rebuild(flat)
    expect([again[1].mean, again[1].table, again[0].weight]).toEqual([own.mean, own.table, model[0].weight])
    expect(again[1].mean).toBe(own.mean)
    expect(again[0].weight).toBe(model[0].weight)
  })

  it('takes the modes of layers along', () => {
    const model = Chain(Dense(2, 1), Dense(1, 1))
    testMode(model[1])
    const [flat, rebuild] = destructure(model)
    const modes = gradient((v: Tensor) => {
      const [a, b] = rebuild(v)
      expect([isTraining(a), isTraining(b)]).toEqual([true, false])
      return v.sum()
    }, flat)
    expect(modes.length).toBe(1)
  })

  it('frees what a rebuilt model took', () => {
    const model = Chain(Dense(3, 4, relu), Dense(4, 2))
    const [flat, rebuild] = destructure(model)
    const before = memory()
    scope(() => void gradient((v: Tensor) => mse(rebuild(v)(x), y), flat))
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
    expect(model(x).shape).toEqual([5, 2])
  })

  const [flat, rebuild] = destructure(Dense(2, 1))
  it.each<[call: () => unknown, text: string]>([
    [() => rebuild(zeros([4])), 'ShapeError: rebuild: the vector has another length than the parameters: [4], not [3].'],
    [() => rebuild(flat.reshape([3, 1])), 'ShapeError: rebuild: the vector has another length than the parameters: [3, 1], not [3].'],
    [() => rebuild([1, 2, 3] as never), 'TypeError: rebuild: a tensor is needed: an array. Make one with tensor(...).'],
    [() => (rebuild as (...args: unknown[]) => unknown)(flat, 1), 'TypeError: rebuild: there is an argument too many: 1 came.'],
    [() => destructure(relu), 'TypeError: destructure: no trainable tensor was found: function.'],
    [
      () => {
        const model = Dense(2, 1)
        freeze(model)
        return destructure(model)
      },
      'TypeError: destructure: all parameters are frozen. Write thaw(model).',
    ],
  ])('%s', (call, text) => {
    const came = thrown(call)
    expect(came.startsWith(text) ? text : came).toBe(text)
  })
})
