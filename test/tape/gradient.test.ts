import {
  Chain,
  Dense,
  freeze,
  Grads,
  gradient,
  layer,
  memory,
  mse,
  ones,
  params,
  scope,
  Tensor,
  tanh,
  tensor,
  withGradient,
  zeros,
} from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { thrown } from '../errors/thrown.ts'

describe('gradient of arguments', () => {
  test('gives one gradient an argument', () => {
    const [gx, gy] = gradient((x, y) => x.mul(y).sum(), tensor([1, 2]), tensor([3, 4]))
    expect(gx.toArray()).toEqual([3, 4])
    expect(gy.toArray()).toEqual([1, 2])
  })

  test('takes a number for a tensor without axes', () => {
    const [g] = gradient(x => x.mul(x), 3)
    expect(g.shape).toEqual([])
    expect(g.item()).toBe(6)
  })

  test('takes numbers and tensors together', () => {
    const [gx, gy, gz] = gradient((x, y, z) => x.mul(y).add(z).sum(), 2, tensor([3, 4]), 5)
    expect([gx.item(), gy.toArray(), gz.item()]).toEqual([7, [2, 2], 2])
  })

  test('of a tensor that took no part is zeros', () => {
    const [gx, gy] = gradient((x, _) => x.sum(), tensor([1, 2]), tensor([[3, 4]]))
    expect(gx.toArray()).toEqual([1, 1])
    expect(gy.toArray()).toEqual([[0, 0]])
  })

  test('of a model is its tree, with undefined for a parameter that took no part', () => {
    const model = { used: tensor([1, 2]), unused: tensor([3]), inner: [{ w: tensor([5, 6]) }], name: 'm', count: 3 }
    const [g] = gradient(m => m.used.mul(m.inner[0].w).sum(), model)
    expect(g).toEqual({ used: expect.any(Tensor), inner: [{ w: expect.any(Tensor) }] })
    const tree = g as { used: Tensor; inner: { w: Tensor }[] }
    expect(tree.used.toArray()).toEqual([5, 6])
    expect(tree.inner[0].w.toArray()).toEqual([1, 2])
  })

  test('of an array is an array, of a Map a Map', () => {
    const [list, map] = gradient(
      ([a, b], m) =>
        a
          .mul(2)
          .add(b)
          .add(m.get('w') as Tensor)
          .sum(),
      [tensor([1]), tensor([2]), tensor([3])],
      new Map([['w', tensor([4])]]),
    )
    expect((list as (Tensor | undefined)[]).map(each => each?.toArray())).toEqual([[2], [1], undefined])
    expect((map as Map<string, Tensor>).get('w')?.toArray()).toEqual([1])
  })

  test('of a layer has the paths of its parameters', () => {
    const model = Chain(Dense(2, 2, tanh), Dense(2, 1))
    const [g] = gradient(m => m(ones([1, 2])).sum(), model)
    const { layers } = g as unknown as { layers: { weight: Tensor; bias: Tensor }[] }
    expect(layers.map(each => [each.weight.shape, each.bias.shape])).toEqual([
      [[2, 2], [2]],
      [[1, 2], [1]],
    ])
    expect(layers[1].bias.toArray()).toEqual([1])
  })

  test('leaves out the fields of a layer that are not trained', () => {
    const Shifted = layer('Shifted', { scale: ones([2]), shift: ones([2]) }, (self, x: Tensor) => x.mul(self.scale).add(self.shift), {
      trainable: ['scale'],
    })
    const [g] = gradient(m => m(tensor([3, 4])).sum(), Shifted)
    expect(g).toEqual({ scale: expect.any(Tensor) })
  })

  test('of one tensor that stands in two arguments adds up, in both', () => {
    const w = tensor([2, 3])
    const [a, b] = gradient((x, y) => x.mul(y).sum(), w, w)
    expect(a.toArray()).toEqual([4, 6])
    expect(b.toArray()).toEqual([4, 6])
  })

  test('leaves integers out inside of a tree', () => {
    const i = tensor(new Int32Array([1, 0]))
    const [tree, list] = gradient((z, [weights]) => z.x.gather(z.i).mul(weights).sum(), { x: tensor([1, 2]), i, name: 'a' }, [
      tensor([3, 5]),
      i,
    ] as const)
    expect(tree).toEqual({ x: expect.any(Tensor) })
    expect([(tree as { x: Tensor }).x.toArray(), (list as Tensor[])[0].toArray(), (list as unknown[])[1]]).toEqual([
      [5, 3],
      [2, 1],
      undefined,
    ])
  })

  test('of what is frozen is no error', () => {
    const model = Dense(2, 1)
    freeze(model)
    const [g, gx] = gradient((m, x) => m(x.mul(0)).sum().add(x.sum()), model, ones([1, 2]))
    expect([g, (gx as Tensor).toArray()]).toEqual([undefined, [[1, 1]]])
    expect(gradient(() => model(ones([1, 2])).sum(), params(model)).size).toBe(0)
    expect(gradient(x => x.mul(model.weight).sum(), model.weight)[0].toArray()).toEqual([[0, 0]])
  })

  test('sees a cast of integers as a constant', () => {
    const counts = tensor(new Int32Array([2, 3]))
    const [g] = gradient(x => x.mul(counts.cast('float32')).add(counts).sum(), tensor([1, 1]))
    expect(g.toArray()).toEqual([2, 3])
  })

  test('lets NaN and Infinity through', () => {
    const [g] = gradient(x => x.mul(tensor([Number.NaN, Number.POSITIVE_INFINITY, 2])).sum(), tensor([1, 1, 1]))
    expect(g.toArray()).toEqual([Number.NaN, Number.POSITIVE_INFINITY, 2])
    const [h] = gradient(x => x.log().sum(), tensor([0, 1]))
    expect(h.toArray()).toEqual([Number.POSITIVE_INFINITY, 1])
    expect(gradient(x => x.mul(Number.NaN), 1)[0].item()).toBeNaN()
  })

  test('takes a loss of one element, whatever its axes', () => {
    const [g] = gradient(x => x.square().sum(undefined, { keepDims: true }), tensor([[1, 2]]))
    expect(g.toArray()).toEqual([[2, 4]])
  })

  test('adds up over branches that meet again', () => {
    const [g] = gradient(
      x => {
        const y = x.square()
        return y.mul(y).add(y).add(x).sum()
      },
      tensor([2]),
    )
    expect(g.item()).toBe(4 * 8 + 4 + 1)
  })

  test('undoes broadcasting, by summing', () => {
    const [gx, gy] = gradient((x, y) => x.mul(y).sum(), ones([2, 1, 3]), ones([4, 1]))
    expect(gx.toArray()).toEqual([[[4, 4, 4]], [[4, 4, 4]]])
    expect(gy.toArray()).toEqual([[6], [6], [6], [6]])
  })
})

describe('gradient of parameters', () => {
  const w = tensor([[1, 2]])
  const b = tensor([3])
  const x = tensor([[5], [7]])

  test('gives Grads, read by identity, in the order of the parameters', () => {
    const ps = params(w, b)
    const grads = gradient(() => w.matmul(x).add(b).sum(), ps)
    expect(grads).toBeInstanceOf(Grads)
    expect(grads.get(w)?.toArray()).toEqual([[5, 7]])
    expect(grads.get(b)?.toArray()).toEqual([1])
    expect([...grads].map(([p]) => p)).toEqual([w, b])
    expect(grads.size).toBe(2)
    expect(grads.params).toBe(ps)
  })

  test('leaves out a parameter that took no part', () => {
    const grads = gradient(() => w.sum(), params(w, b))
    expect(grads.get(b)).toBe(undefined)
    expect(grads.has(b)).toBe(false)
    expect(grads.has(w)).toBe(true)
    expect(grads.size).toBe(1)
  })

  test('is that of the arguments, arranged otherwise', () => {
    const model = Chain(Dense(2, 3, tanh), Dense(3, 1))
    const ps = params(model)
    const loss = (m: typeof model) => mse(m(ones([4, 2])), zeros([4, 1]))
    const grads = gradient(() => loss(model), ps)
    const [tree] = gradient(loss, model)
    const byPath = new Map(params(tree).entries())
    for (const [path, p] of ps.entries()) expect(grads.get(p)?.toArray()).toEqual(byPath.get(path)?.toArray())
    expect(byPath.size).toBe(4)
  })

  test('adds up where a parameter is used twice', () => {
    const grads = gradient(() => w.mul(w).mul(w).sum(), params(w))
    expect(grads.get(w)?.toArray()).toEqual([[3, 12]])
  })

  test('adds up where two layers share a weight', () => {
    const shared = tensor([[2]])
    const model = Chain(Dense(shared, false), Dense(shared, false))
    expect(params(model).size).toBe(1)
    const grads = gradient(() => model(tensor([[3]])).sum(), params(model))
    expect(grads.get(shared)?.toArray()).toEqual([[12]])
    const [tree] = gradient(m => m(tensor([[3]])).sum(), model)
    const { layers } = tree as unknown as { layers: { weight: Tensor }[] }
    expect(layers.map(each => each.weight.toArray())).toEqual([[[12]], [[12]]])
  })

  test('finds a penalty over the parameters inside the loss', () => {
    const model = Dense(tensor([[1, -2]]), tensor([3]))
    const penalty = () => [...params(model)].map(p => p.square().sum()).reduce((sum, each) => sum.add(each))
    const grads = gradient(() => penalty().mul(0.5), params(model))
    expect(grads.get(model.weight)?.toArray()).toEqual([[1, -2]])
    const [tree] = gradient(
      m =>
        m(tensor([[1, 1]]))
          .sum()
          .add(penalty()),
      model,
    )
    expect((tree as { weight: Tensor }).weight.toArray()).toEqual([[3, -3]])
  })

  test('does not take a reshaped parameter for another one', () => {
    const grads = gradient(() => w.reshape([2]).square().sum(), params(w))
    expect(grads.get(w)?.toArray()).toEqual([[2, 4]])
  })
})

describe('withGradient', () => {
  test('gives value and gradient at once', () => {
    const { value, gradient: g } = withGradient(x => x.square().sum(), tensor([1, 2]))
    expect(value.item()).toBe(5)
    expect(g[0].toArray()).toEqual([2, 4])
  })

  test('differentiates the first of a list, and returns all of it', () => {
    const w = tensor([1, 2])
    const { value, gradient: g } = withGradient(() => {
      const y = w.mul(3)
      return [y.square().sum(), y, { twice: y.mul(2) }, 'text'] as const
    }, params(w))
    expect(value[0].item()).toBe(45)
    expect(value[1].toArray()).toEqual([3, 6])
    expect(value[2].twice.toArray()).toEqual([6, 12])
    expect(value[3]).toBe('text')
    expect(g.get(w)?.toArray()).toEqual([18, 36])
  })

  test('gradient, too, differentiates the first of a list', () => {
    expect(gradient(x => [x.mul(2), x.mul(100)], 1)[0].item()).toBe(2)
  })
})

describe('an error inside', () => {
  const x = tensor([1, 2])
  const cases: Record<string, () => unknown> = {
    'in the function': () =>
      gradient(y => {
        y.exp().mul(y)
        throw new RangeError('mine')
      }, x),
    'in an operation': () =>
      gradient(
        y =>
          y
            .exp()
            .add(ones([3]))
            .sum(),
        x,
      ),
    'for a loss that is not scalar': () => gradient(y => y.exp(), x),
    'for a loss that is no tensor': () => gradient(y => y.exp().data() as never, x),
    'in a gradient in a gradient': () => gradient(y => gradient(z => z.exp(), y)[0].sum(), x),
    'in a scope in a gradient': () => gradient(y => scope(() => y.add(ones([3])).sum()), x),
    'in a parameter': () =>
      gradient(
        () =>
          x
            .exp()
            .add(ones([3]))
            .sum(),
        params(x),
      ),
  }

  test.each(Object.entries(cases))('leaves nothing open and nothing behind: %s', (_, f) => {
    const before = memory()
    expect(thrown(f)).not.toBe('nothing was thrown')
    const leftover = memory().tensors - before.tensors
    expect(leftover).toBe(0)
    // Nothing is recorded any more, so assign is allowed, and the next gradient is right.
    expect(zeros([2]).assign(x).toArray()).toEqual([1, 2])
    expect(gradient(y => y.square().sum(), x)[0].toArray()).toEqual([2, 4])
  })
})

describe('size', () => {
  test('50,000 operations in a row do not overflow the stack', () => {
    const length = 50_000
    const [g] = gradient(
      x => {
        let y = x.mul(1)
        for (let i = 0; i < length; i++) {
          const next = i % 2 === 0 ? y.neg() : y.add(0.5)
          y.dispose()
          y = next
        }
        return y.sum()
      },
      tensor([1, 2]),
    )
    expect(g.toArray()).toEqual([1, 1])
  })

  test('what is used 10,000 times has a gradient of 10,000', () => {
    const x = tensor([1])
    const [g] = gradient(y => {
      let sum = y.mul(0)
      for (let i = 0; i < 10_000; i++) {
        const next = sum.add(y)
        sum.dispose()
        sum = next
      }
      return sum.sum()
    }, x)
    expect(g.item()).toBe(10_000)
  })

  test('the forward pass holds only what pullbacks need, and frees it as it goes back', () => {
    const x = zeros([1000])
    const { bytes } = memory()
    let widest = 0
    gradient(y => {
      let z = y
      for (let i = 0; i < 10; i++) z = z.add(1)
      const sum = z.sum()
      widest = memory().bytes - bytes
      return sum
    }, x)
    expect(widest).toBeLessThan(14 * 4096)
    expect(memory().bytes - bytes).toBeLessThan(2 * 4096)
  })
})
