import { arange, Chain, Dense, gradient, type Layer, layer, memory, ones, params, scope, state, type Tensor, tensor, zeros } from 'fluxtape'
import { describe, expect, it } from 'vitest'

const Affine = (n: number) =>
  layer('Affine', { scale: ones([n]), shift: zeros([n]) }, (self, x: Tensor) => x.mul(self.scale).add(self.shift))

describe('layer', () => {
  it('is a function with its fields as properties', () => {
    const affine = Affine(2)
    affine.shift.assign(tensor([1, 2]))
    expect(affine(tensor([3, 4])).toArray()).toEqual([4, 6])
    expect(params(affine).entries()).toEqual([
      ['scale', affine.scale],
      ['shift', affine.shift],
    ])
    expect(Object.keys(affine)).toEqual(['scale', 'shift'])
  })

  it('trains what `trainable` names, and keeps the others in its state', () => {
    const norm = layer(
      'Norm',
      { gain: ones([2]), mean: zeros([2]), count: zeros([], { dtype: 'int32' }) },
      (self, x: Tensor) => x.sub(self.mean).mul(self.gain),
      {
        trainable: ['gain'],
      },
    )
    expect(params(norm).paths()).toEqual(['gain'])
    expect([...state(norm).keys()]).toEqual(['gain', 'mean', 'count'])
    const [tree] = gradient(model => model(tensor([1, 2])).sum(), norm)
    expect(Object.keys(tree as object)).toEqual(['gain'])
  })

  it('takes several inputs, gives anything, and holds layers and settings', () => {
    const split = layer('Split', { left: Dense(2, 1), right: Dense(2, 1), factor: 2 }, (self, x: Tensor, y: Tensor) => ({
      sum: self.left(x).add(self.right(y)).mul(self.factor),
      inputs: [x, y] as const,
    }))
    const x = ones([1, 2])
    const { sum, inputs } = split(x, x)
    expect(sum.shape).toEqual([1, 1])
    expect(inputs[0]).toBe(x)
    expect(params(split).paths()).toEqual(['left.weight', 'left.bias', 'right.weight', 'right.bias'])
  })

  it('may have fields called `name` and `length`', () => {
    const odd = layer('Odd', { name: 'mine', length: ones([2]) }, (self, x: Tensor) => x.add(self.length))
    expect([odd.name, odd.length.shape]).toEqual(['mine', [2]])
    expect(params(odd).paths()).toEqual(['length'])
    expect(odd(zeros([2])).toArray()).toEqual([1, 1])
    expect(Affine(1).name).toBe('Affine')
  })

  it('reads its fields at each call, so that one may be replaced', () => {
    const affine = Affine(1) as { scale: Tensor } & Layer<{ scale: Tensor; shift: Tensor }, [Tensor], Tensor>
    affine.scale = tensor([5])
    expect(affine(tensor([2])).toArray()).toEqual([10])
  })

  it.each(['apply', 'call', 'bind', 'toString', 'constructor', 'prototype', 'caller', 'arguments'])('refuses a field called %s', name => {
    expect(() => layer('Own', { [name]: ones([1]) }, (_, x: Tensor) => x)).toThrow(
      new TypeError(`layer: a field cannot be named '${name}': every function has it. Choose another name in Own.`),
    )
  })

  it('refuses a trainable field that it does not have', () => {
    expect(() => layer('Own', { a: ones([1]) }, (_, x: Tensor) => x, { trainable: ['b' as 'a'] })).toThrow(
      new TypeError("layer: trainable names a field that Own does not have: 'b'."),
    )
  })

  it('trains a model of its own kind', () => {
    const affine = Affine(1)
    for (let step = 0; step < 200; step++) {
      for (const [p, g] of gradient(
        () =>
          affine(arange(3))
            .sub(tensor([1, 3, 5]))
            .square()
            .mean(),
        params(affine),
      ))
        p.assign(p.sub(g.mul(0.2)))
    }
    expect([affine.scale.item(), affine.shift.item()].map(value => value.toFixed(3))).toEqual(['2.000', '1.000'])
  })
})

describe('the outermost call of a layer', () => {
  const deep = layer('Deep', { w: ones([8]) }, (self, x: Tensor) => {
    let y = x
    for (let i = 0; i < 10; i++) y = y.mul(self.w).add(1)
    return y
  })

  it('frees what it made on the way, but for what it returns', () => {
    const x = ones([8])
    const model = Chain(deep, deep)
    const before = memory().tensors
    const y = model(x)
    expect(memory().tensors).toBe(before + 1)
    expect(y.released).toBe(false)
    y.dispose()
    expect(memory().tensors).toBe(before)
  })

  it('keeps every tensor of a structure that it returns', () => {
    const both = layer('Both', {}, (_, x: Tensor) => ({ sum: x.sum(), list: [x.mul(2), x.mul(3).add(1)] }))
    const x = ones([2])
    const before = memory().tensors
    const { sum, list } = both(x)
    expect(memory().tensors).toBe(before + 3)
    expect([sum.item(), ...list.map(t => t.toArray())]).toEqual([2, [2, 2], [4, 4]])
    for (const t of [sum, ...list]) t.dispose()
  })

  it('frees all that it made when it throws', () => {
    const failing = layer('Failing', {}, (_, x: Tensor) =>
      x
        .mul(2)
        .add(1)
        .matmul(ones([9, 9])),
    )
    const x = ones([2])
    const before = memory().tensors
    expect(() => failing(x)).toThrow()
    expect(memory().tensors).toBe(before)
    expect(deep(ones([8])).shape).toEqual([8])
  })

  it('leaves its input alone', () => {
    const x = ones([2])
    expect(Chain()(x)).toBe(x)
    expect(layer('Same', {}, (_, input: Tensor) => input)(x)).toBe(x)
    expect(x.released).toBe(false)
  })

  it('inside a scope leaves freeing to the scope', () => {
    const x = ones([8])
    const before = memory().tensors
    scope(() => {
      deep(x)
      expect(memory().tensors).toBeGreaterThan(before + 5)
    })
    expect(memory().tensors).toBe(before)
  })
})

describe('a call with surplus arguments', () => {
  const z = ones([2, 2])
  const any = (f: unknown) => f as (...args: unknown[]) => unknown
  it.each<[string, () => unknown, string]>([
    ['of Dense', () => any(Dense(2, 1))(z, z), 'Dense: there is an argument too many: a tensor came.\nin Dense(2, 1)'],
    ['of a Chain', () => any(Chain(Dense(2, 1)))(z, 3), 'Dense: there is an argument too many: 3 came.\nin Chain[0]: Dense(2, 1)'],
    ['of an empty Chain', () => any(Chain())(z, z), 'Chain: there is an argument too many: a tensor came.'],
  ])('%s is refused', (_, call, text) => expect(call).toThrow(new TypeError(text)))

  it('is the concern of the function of a layer of your own', () => {
    expect(any(layer('Own', {}, (_, a: Tensor, b: number) => a.mul(b)))(z, 3)).toBeTruthy()
  })

  it('of map is let be', () => {
    expect([z, z].map(any(Dense(2, 1)))).toHaveLength(2)
  })
})
