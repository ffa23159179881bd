import {
  Adam,
  add,
  autoMode,
  Chain,
  clone,
  Dense,
  Dropout,
  freeze,
  gradient,
  isTraining,
  layer,
  loadOptimizerState,
  loadState,
  mse,
  ones,
  optimizerState,
  params,
  relu,
  SkipConnection,
  state,
  type Tensor,
  tensor,
  testMode,
  train,
  trainMode,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

const x = tensor([
  [1, 2, 3],
  [4, 5, 6],
])
const y = tensor([[1], [0]])

describe('clone', () => {
  it('gives the same paths and values with tensors of its own', () => {
    const model = Chain(Dense(3, 4, relu), Dense(4, 1))
    const copy = clone(model)
    const [ours, theirs] = [params(model), params(copy)]
    expect(theirs.paths()).toEqual(ours.paths())
    for (const [i, tensor] of [...theirs].entries()) {
      expect(ours.has(tensor)).toBe(false)
      expect(tensor.data()).toEqual([...ours][i].data())
    }
    expect(copy(x).data()).toEqual(model(x).data())
    expect(String(copy)).toBe(String(model))
    expect(copy[0]).not.toBe(model[0])
  })

  it('is not moved by what happens to the original, nor the other way round', () => {
    const dense = Dense(3, 1)
    const copy = clone(dense)
    const before = copy.weight.data()
    dense.weight.assign(zeros([1, 3]))
    expect(copy.weight.data()).toEqual(before)
    copy.bias?.assign(ones([1]))
    expect(dense.bias?.data()).toEqual(new Float32Array(1))
    expect(dense(x).data()).toEqual(new Float32Array(2))
  })

  it('of a state is a state, of gradients are gradients, of a Params is one', () => {
    const model = Dense(3, 1)
    const ps = params(model)
    const found = clone(state(model))
    expect(JSON.stringify(found)).toBe(JSON.stringify(state(model)))
    expect(found.get('weight')).not.toBe(model.weight)
    const grads = gradient(() => model(x).sum(), ps)
    const copy = clone(grads)
    expect(copy.get(model.weight)?.data()).toEqual(grads.get(model.weight)?.data())
    expect(copy.get(model.weight)).not.toBe(grads.get(model.weight))
    expect(clone(ps).paths()).toEqual(ps.paths())
  })

  it('keeps tied tensors and tied layers tied', () => {
    const tied = ones([3, 3])
    const shared = Dense(3, 3)
    const copy = clone({ a: Dense(tied, false), b: Dense(tied, false), list: [shared, shared] })
    expect(copy.a.weight).toBe(copy.b.weight)
    expect(copy.a.weight).not.toBe(tied)
    expect(copy.list[0]).toBe(copy.list[1])
    expect(copy.list[0]).not.toBe(shared)
  })

  it('copies a named chain with its names', () => {
    const model = Chain({ hidden: Dense(3, 4, relu), out: Dense(4, 1) })
    const copy = clone(model)
    expect(copy.hidden.weight.data()).toEqual(model.hidden.weight.data())
    expect(copy.hidden).not.toBe(model.hidden)
    expect([copy.length, copy[1] === copy.out]).toEqual([2, true])
  })

  it('copies a layer of your own, whose function sees the copies', () => {
    const own = layer('Shift', { by: ones([1]), times: 3 }, (self, input: Tensor) => input.add(self.by.mul(self.times)), { trainable: [] })
    const copy = clone(own)
    own.by.assign(zeros([1]))
    expect(copy(tensor([1])).toArray()).toEqual([4])
    expect(own(tensor([1])).toArray()).toEqual([1])
    expect(() => params(copy)).toThrow(TypeError)
    expect(copy.times).toBe(3)
  })

  it('copies arrays, objects, Maps, Sets, instances, typed arrays and loose tensors', () => {
    class Pair {
      a = ones([1])
      b = tensor([2])
      sum(): Tensor {
        return this.a.add(this.b)
      }
    }
    const source = {
      list: [ones([1])],
      map: new Map([['k', ones([2])]]),
      set: new Set([ones([3])]),
      pair: new Pair(),
      raw: new Float32Array([1, 2]),
      name: 'n',
    }
    const copy = clone(source)
    expect(params(copy).paths()).toEqual(params(source).paths())
    expect([...params(copy)].some(tensor => params(source).has(tensor))).toBe(false)
    expect(copy.pair).toBeInstanceOf(Pair)
    source.pair.a.assign(zeros([1]))
    expect(copy.pair.sum().toArray()).toEqual([3])
    source.raw[0] = 9
    expect([copy.raw[0], copy.name]).toEqual([1, 'n'])
    const loose = tensor([1, 2], undefined, { dtype: 'int32' })
    expect([clone(loose).dtype, clone(loose).toArray()]).toEqual(['int32', [1, 2]])
  })

  it('comes back from cycles', () => {
    interface Node {
      w: Tensor
      self?: Node
      all: Node[]
    }
    const node: Node = { w: ones([1]), all: [] }
    node.self = node
    node.all.push(node)
    const copy = clone(node)
    expect(copy.self).toBe(copy)
    expect(copy.all[0]).toBe(copy)
    expect(copy.w).not.toBe(node.w)
  })

  it('keeps frozen what is frozen', () => {
    const dense = Dense(3, 1)
    freeze(dense.weight)
    const copy = clone(dense)
    expect([...gradient(() => mse(copy(x), y), params(copy))].map(([p]) => p)).toEqual([copy.bias])
  })

  it('keeps the modes of layers', () => {
    const model = Chain(Dropout(0.5), SkipConnection(testMode(Dropout(0.5)), add), Dense(3, 3))
    trainMode(model[0])
    const copy = clone(model)
    const training = <T>(f: () => T): T => {
      let found: T | undefined
      gradient(x => {
        found = f()
        return x.mul(1)
      }, 1)
      return found as T
    }
    const modes = (of: typeof model) => [...[...of], of[1].layer].map(each => isTraining(each))
    expect(modes(copy)).toEqual([true, false, false, false])
    expect(training(() => modes(copy))).toEqual([true, true, true, false])
    autoMode(copy)
    expect(training(() => [modes(model)[3], modes(copy)[3]])).toEqual([false, true])
  })

  it('is a snapshot of a state', () => {
    const dense = Dense(3, 1)
    const snapshot = clone(state(dense))
    const before = dense.weight.data()
    dense.weight.assign(zeros([1, 3]))
    expect(snapshot.get('weight')?.data()).toEqual(before)
    loadState(dense, snapshot)
    expect(dense.weight.data()).toEqual(before)
  })

  it('adopts the optimizer state of the original and then trains to the same bits', async () => {
    const model = Chain(Dense(3, 4, relu), Dense(4, 1))
    const batches = [
      [x, y],
      [x, y],
      [x, y],
    ]
    const lossOf = (m: typeof model) => (a: Tensor, b: Tensor) => mse(m(a), b)
    const opt = Adam(0.01)
    await train(lossOf(model), params(model), batches, opt)
    const copy = clone(model)
    const adopted = Adam(0.01)
    loadOptimizerState(adopted, params(copy), optimizerState(opt, params(model)))
    await train(lossOf(model), params(model), batches, opt)
    await train(lossOf(copy), params(copy), batches, adopted)
    for (const [i, tensor] of [...params(copy)].entries()) expect(tensor.data()).toEqual([...params(model)][i].data())
  })
})

describe('a Params', () => {
  it('sees what assign and loadState wrote, because they write in place', () => {
    const dense = Dense(2, 1)
    const ps = params(dense)
    dense.weight.assign(tensor([[5, 6]]))
    expect([...ps][0].toArray()).toEqual([[5, 6]])
    loadState(dense, { weight: tensor([[7, 8]]), bias: tensor([9]) })
    expect([...ps].map(p => p.toArray())).toEqual([[[7, 8]], [9]])
    expect(
      gradient(
        () =>
          dense(tensor([[1, 1]]))
            .square()
            .sum(),
        ps,
      )
        .get(dense.bias as Tensor)
        ?.toArray(),
    ).toEqual([48])
  })
})
