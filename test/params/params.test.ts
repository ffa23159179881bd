import { Chain, Dense, freeze, gradient, layer, ones, Params, params, randint, relu, type Tensor, tensor, zeros } from 'fluxtape'
import { describe, expect, it } from 'vitest'

describe('the walk', () => {
  it('finds the parameters of a chain in the order of its layers', () => {
    const model = Chain(Dense(3, 4, relu), Dense(4, 2))
    const ps = params(model)
    expect(ps.paths()).toEqual(['layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias'])
    const [first, second] = model as unknown as Iterable<{ weight: Tensor; bias: Tensor }>
    expect([...ps]).toEqual([first.weight, first.bias, second.weight, second.bias])
    expect([...ps][2]).toBe(second.weight)
  })

  it('gives a single layer the bare names of its fields', () => {
    expect(params(Dense(2, 3)).paths()).toEqual(['weight', 'bias'])
    expect(params(Dense(2, 3, relu, { bias: false })).paths()).toEqual(['weight'])
  })

  it('goes through arrays, objects, Maps, Sets and instances, nested in each other', () => {
    class Block {
      gamma = ones([2])
      private readonly inner = { deep: [zeros([1]), zeros([2])] }
      get innermost(): Tensor {
        return this.inner.deep[1]
      }
    }
    const block = new Block()
    const model = {
      list: [ones([1]), ones([2])],
      map: new Map<unknown, unknown>([
        ['key', ones([3])],
        [7, block],
      ]),
      set: new Set([ones([4])]),
    }
    const ps = params(model)
    expect(ps.paths()).toEqual(['list.0', 'list.1', 'map.key', 'map.1.gamma', 'map.1.inner.deep.0', 'map.1.inner.deep.1', 'set.0'])
    expect(ps.path(block.innermost)).toBe('map.1.inner.deep.1')
  })

  it('finds tensors that hang on a function as properties', () => {
    const W = ones([2, 2])
    const f = Object.assign((x: Tensor) => x.matmul(W), { W })
    expect(params(f).entries()).toEqual([['W', W]])
  })

  it('takes a tied tensor once, under its first path', () => {
    const tied = ones([3, 3])
    const ps = params(Chain(Dense(tied, false), Dense(3, 3), Dense(tied, false)))
    expect(ps.paths()).toEqual(['layers.0.weight', 'layers.1.weight', 'layers.1.bias'])
    expect(ps.path(tied)).toBe('layers.0.weight')
  })

  it('takes a layer that stands in two places once', () => {
    const dense = Dense(3, 3)
    expect(params(Chain(dense, relu, dense)).paths()).toEqual(['layers.0.weight', 'layers.0.bias'])
  })

  it('does not take a reshaped parameter for the parameter', () => {
    const w = ones([4])
    const ps = params(w)
    expect(ps.has(w.reshape([2, 2]))).toBe(false)
  })

  it('leaves out tensors that are not float32, and typed arrays', () => {
    const ps = params({
      table: randint(0, 9, [3]),
      mask: tensor([true, false]),
      bytes: zeros([2], { dtype: 'uint8' }),
      raw: new Float32Array(2),
      w: ones([1]),
    })
    expect(ps.paths()).toEqual(['w'])
  })

  it('leaves out what `trainable` does not name, all the way down', () => {
    const own = layer('Own', { scale: ones([2]), mean: zeros([2]), inner: Dense(2, 2) }, (_, x: Tensor) => x, { trainable: ['scale'] })
    expect(params(own).paths()).toEqual(['scale'])
    expect(params({ own, w: own.inner.weight }).paths()).toEqual(['own.scale', 'w'])
  })

  it('comes back from cycles', () => {
    interface Ring {
      w: Tensor
      next?: Ring
    }
    const first: Ring = { w: ones([1]) }
    const second: Ring = { w: ones([2]), next: first }
    first.next = second
    expect(params(first).paths()).toEqual(['w', 'next.w'])
  })

  it('numbers several sources, and loose tensors by their place', () => {
    const [W, b] = [ones([2, 5]), ones([2, 1])]
    expect(params(W, b).entries()).toEqual([
      ['0', W],
      ['1', b],
    ])
    expect(params(Dense(2, 2), { w: W }).paths()).toEqual(['0.weight', '0.bias', '1.w'])
    expect(params(W).paths()).toEqual(['0'])
    expect(params([W, b]).paths()).toEqual(['0', '1'])
  })

  it('takes loose tensors twice for one', () => {
    const W = ones([2])
    expect(params(W, W).size).toBe(1)
  })
})

describe('the set', () => {
  it('adds, finds and deletes by identity', () => {
    const [a, b, c] = [ones([1]), ones([1]), ones([1])]
    const ps = params(a, b)
    expect([ps.size, ps.has(a), ps.has(c), ps.path(c)]).toEqual([2, true, false, undefined])
    expect(ps.add(c)).toBe(ps)
    expect(ps.add(a).size).toBe(3)
    expect([...ps]).toEqual([a, b, c])
    expect(ps.delete(b)).toBe(true)
    expect(ps.delete(b)).toBe(false)
    expect([ps.size, ps.has(b)]).toEqual([2, false])
    expect([...ps][1]).toBe(c)
  })

  it('keeps its paths apart when tensors went and came', () => {
    const [a, b, c] = [ones([1]), ones([1]), ones([1])]
    const ps = params(a, b)
    ps.delete(a)
    ps.add(c)
    expect(new Set(ps.paths()).size).toBe(2)
    expect(ps.path(b)).toBe('1')
  })

  it('gives the path of one that went to the next that comes', () => {
    const [a, b] = [Dense(2, 2), Dense(2, 2)]
    const ps = params(a)
    ps.add(b)
    expect(ps.paths()).toEqual(['weight', 'bias', '1.weight', '1.bias'])
    ps.delete(a)
    ps.add(a)
    expect(ps.paths()).toEqual(['1.weight', '1.bias', 'weight', 'bias'])
  })

  it('adds and deletes whole models', () => {
    const [first, second] = [Dense(2, 2), Dense(2, 2)]
    const ps = params({ first, second })
    expect(ps.delete(second)).toBe(true)
    expect(ps.paths()).toEqual(['first.weight', 'first.bias'])
    ps.add(second, 'again')
    expect(ps.paths()).toEqual(['first.weight', 'first.bias', 'again.weight', 'again.bias'])
    expect(ps.delete(Dense(2, 2))).toBe(false)
  })

  it('iterates as often as wanted', () => {
    const ps = params(Dense(2, 2))
    expect([...ps]).toHaveLength(2)
    expect([...ps]).toHaveLength(2)
  })

  it('takes the tensors of another Params', () => {
    const model = { a: Dense(2, 2), b: Dense(2, 2) }
    const a = params(model.a)
    expect([...params(a)]).toEqual([...a])
    expect([...new Params().add(a)][0]).toBe(model.a.weight)
  })

  it('prints its paths and shapes', () => {
    expect(String(params(Dense(2, 3)))).toBe('Params (2): weight [3, 2], bias [3]')
  })

  it('may be empty if made so', () => {
    const ps = new Params()
    expect([ps.size, [...ps], ps.paths()]).toEqual([0, [], []])
  })
})

describe('params of what holds no parameter', () => {
  const W = ones([2])
  const hidden = (x: Tensor) => x.mul(W)
  it.each([
    ['nothing', [], 'params: no trainable tensor was found: nothing was passed. Pass float32 tensors, or models that hold them.'],
    [
      'a closure',
      [hidden],
      'params: no trainable tensor was found: function. A function hides the tensors that it closes over: pass them, as in params(W, b), or make the model with layer(...).',
    ],
    [
      'integers',
      [randint(0, 2, [3])],
      'params: no trainable tensor was found: a tensor of int32. Pass float32 tensors, or models that hold them.',
    ],
    [
      'other things',
      [null, [], { name: 'x' }, 3, 'text'],
      'params: no trainable tensor was found: null, an array, object, number, string. Pass float32 tensors, or models that hold them.',
    ],
  ])('of %s is an error that says so', (_, sources, message) => {
    expect(() => params(...sources)).toThrow(new TypeError(message))
  })

  it('counts a frozen parameter as one', () => {
    const dense = Dense(2, 2)
    freeze(dense)
    expect(params(dense).size).toBe(2)
  })
})

describe('the gradients of a Params', () => {
  it('are read by identity, undefined for what took no part, an error for what was not asked for', () => {
    const [W, b, other] = [ones([2]), ones([2]), ones([2])]
    const grads = gradient(() => W.mul(W).sum(), params(W, b))
    expect(grads.get(W)?.toArray()).toEqual([2, 2])
    expect(grads.get(b)).toBeUndefined()
    expect([grads.has(W), grads.has(b), grads.size]).toEqual([true, false, 1])
    expect([...grads].map(([p]) => p)).toEqual([W])
    expect(() => grads.get(other)).toThrow(RangeError)
  })

  it('of a tied tensor add up over its places', () => {
    const w = tensor([3])
    const model = Chain(
      (x: Tensor) => x.mul(w),
      (x: Tensor) => x.mul(w),
    )
    expect(
      gradient(() => model(tensor([5])).sum(), params(w))
        .get(w)
        ?.toArray(),
    ).toEqual([30])
  })

  it('see a penalty over the parameters inside the loss', () => {
    const dense = Dense(2, 2)
    const ps = params(dense)
    const grads = gradient(() => [...ps].map(p => p.square().sum()).reduce((a, b) => a.add(b)), ps)
    expect(grads.get(dense.weight)?.toArray()).toEqual(dense.weight.mul(2).toArray())
  })
})
