// checkpoint: the results, gradients and draws of the same without it, whatever happens between its two runs.
import {
  Chain,
  checkpoint,
  Dense,
  Descent,
  freeze,
  gradient,
  hvp,
  isTraining,
  jacobian,
  jit,
  later,
  layer,
  manualSeed,
  memory,
  mse,
  ones,
  onGradient,
  params,
  pullback,
  randn,
  relu,
  scope,
  type Tensor,
  tanh,
  tensor,
  testMode,
  topK,
  trainMode,
  trainStep,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

type Checkpoint = typeof checkpoint
const plain = ((f: (...args: never[]) => unknown, ...args: never[]) => f(...args)) as Checkpoint
const w = tensor([0.5, -1, 2])
const x = tensor([1, 2, 3])
const list = (all: unknown): unknown => (Array.isArray(all) ? all.map(list) : (all as Tensor).toArray())
const Noise = () => layer('Noise', {}, (self, z: Tensor) => (isTraining(self) ? z.mul(randn(z.shape)) : z))
const cube = (z: Tensor) => z.mul(z).mul(z)

/** What is differentiated, with a checkpoint as without. */
const cases: Record<string, (cp: Checkpoint) => unknown> = {
  'of its argument': cp => gradient(z => cp(cube, z).sum(), x),
  'of a tensor that it closes over': cp => gradient(z => cp(() => cube(z)).sum(), x),
  'of both, and of a number': cp => gradient((z, u) => cp((a, k) => a.mul(u).mul(k), z, 3).sum(), x, w),
  'of what the loss made before, and its scope has freed': cp =>
    gradient(z => {
      const [made, mask] = [z.exp(), z.greater(1)]
      return cp(u => u.mul(made).mul(mask), z.square()).sum()
    }, x),
  'of what was disposed since': cp =>
    gradient(z => {
      const made = z.exp()
      const y = cp(() => made.square()).sum()
      made.dispose()
      return y
    }, x),
  'of what waits to be transposed': cp =>
    gradient(z => {
      const t = z.reshape([1, 3]).transpose()
      return cp(u => t.matmul(u.reshape([1, 3])).square(), w).sum()
    }, x),
  'of parameters': cp => {
    const ps = params(w, x)
    const grads = gradient(() => cp(() => w.mul(x).sin()).sum(), ps)
    return [grads.get(w), grads.get(x)]
  },
  'of a result that is its argument, or what it closes over': cp =>
    gradient(
      (z, u) =>
        cp(a => a, z.mul(2))
          .mul(cp(() => u))
          .sum(),
      x,
      w,
    ),
  'of a view': cp =>
    gradient(
      z =>
        cp(a => a.reshape([3, 1]), z)
          .square()
          .sum(),
      x,
    ),
  'of a result of which the argument takes no part': cp =>
    gradient(
      z =>
        cp(() => w)
          .sum()
          .add(z.sum()),
      x,
    ),
  'of several results': cp =>
    gradient(z => {
      const [a, b, c] = cp(u => [u.greater(1), u.square(), u.exp()] as const, z)
      return b.mul(c).mul(a).sum()
    }, x),
  'of the second of several results': cp => gradient(z => (cp(u => [u.square(), u.exp()] as const, z)[1] as Tensor).sum(), x),
  'of one result twice': cp =>
    gradient(z => {
      const [a, b] = cp(u => {
        const y = u.square()
        return [y, y, u] as const
      }, z)
      return a.add(b.mul(3)).sum()
    }, x),
  'of an operation of several results': cp => gradient(z => cp(u => topK(u.square(), 2).values, z).sum(), x),
  'within a checkpoint': cp => gradient(z => cp(a => cp(b => cp(cube, b.sin()), a.exp()).mul(a), z).sum(), x),
  'with a gradient in it': cp => gradient(z => cp(a => gradient(b => cube(b).sum(), a)[0], z).sum(), x),
  'with a pullback in it': cp => gradient(z => cp(a => pullback(b => cube(b), a)[1](a)[0], z).sum(), x),
  'of second order': cp => gradient(z => gradient(u => cp(cube, u).sum(), z)[0].sum(), x),
  'of second order, by what it closes over': cp => gradient(z => gradient(u => cp(() => cube(u).mul(z)).sum(), x)[0].sum(), w),
  'of second order, nested': cp => gradient(z => gradient(u => cp(a => cp(cube, a).mul(z), u).sum(), z)[0].sum(), x),
  'of third order': cp => gradient(a => gradient(b => gradient(u => cp(v => v.pow(4), u).sum(), b)[0].sum(), a)[0].sum(), x),
  'of a jacobian': cp => [jacobian(z => cp(cube, z), x), hvp(z => cp(cube, z).sum(), x, w)],
  'of a walk within another gradient, which does not see the point': cp => {
    const [, back] = pullback(z => cp(cube, z), x)
    return gradient((c, z) => back(c)[0].mul(z).sum(), w, x)
  },
  'twice, by a pullback': cp => {
    const [y, back] = pullback(z => cp(cube, z), x)
    return [y, back(w), back(x)]
  },
  'of random numbers': cp => {
    manualSeed(5)
    const g = gradient(
      z =>
        cp(u => u.mul(randn([3])).add(randn([3])), z)
          .mul(randn([3]))
          .sum(),
      x,
    )
    return [g, randn([2])]
  },
  'of random numbers, nested and of second order': cp => {
    manualSeed(6)
    return gradient(
      z =>
        gradient(u => cp(a => cp(b => cube(b).mul(randn([3])), a).mul(randn([3])), u).sum(), z)[0]
          .mul(randn([3]))
          .sum(),
      x,
    )
  },
  'of a random layer whose mode has changed since': cp => {
    manualSeed(7)
    const model = Chain(Noise(), Noise())
    const [y, back] = pullback(z => cp(model, z), x)
    testMode(model)
    return [y, back()]
  },
  'of a layer in test mode': cp => {
    const model = testMode(Chain(Noise()))
    const [y, back] = pullback(z => cp(model, z), x)
    trainMode(model)
    return [y, back()]
  },
  'of a function that changes modes': cp => {
    manualSeed(8)
    const model = Noise()
    return gradient(z => cp(u => trainMode(model)(testMode(model)(u).sin()), z).sum(), x)
  },
  'with a hook in it': cp => {
    const seen: unknown[] = []
    const g = gradient(
      z =>
        cp(u => onGradient(cube(u), h => void seen.push(h.toArray())), z)
          .mul(w)
          .sum(),
      x,
    )
    expect(seen).toEqual([w.toArray()])
    return g
  },
}

it.each(Object.entries(cases))('gives the gradient %s', (_, run) => {
  const before = memory()
  scope(() => expect(list(run(checkpoint))).toEqual(list(run(plain))))
  expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
})

describe('in a step of training', () => {
  const make = (cp: Checkpoint) => {
    manualSeed(1)
    const [first, last] = [Chain(Dense(3, 4, relu), Noise(), Dense(4, 4, tanh)), Dense(4, 1)]
    const model = layer('Cut', { first, last }, (self, z: Tensor) => cp(self.last, cp(self.first, z)))
    return { model, loss: (a: Tensor, b: Tensor) => mse(model(a), b) }
  }
  const steps = (cp: Checkpoint, wrap: typeof jit) => {
    const { model, loss } = make(cp)
    const replayed = wrap(loss)
    return Array.from({ length: 5 }, () => {
      const batch = [randn([4, 3]), randn([4, 1])]
      return [trainStep(replayed, params(model), batch, Descent(0.1)), ...(list([...params(model)] as Tensor[]) as unknown[])]
    })
  }

  it.each([
    ['as without', (f => f) as typeof jit],
    ['by jit', jit],
  ])('gives the bits of the same without: %s', (_, wrap) => {
    expect(scope(() => steps(checkpoint, wrap))).toEqual(scope(() => steps(plain, (f => f) as typeof jit)))
  })

  it('leaves frozen parameters out', () => {
    const model = Chain(Dense(3, 2), Dense(2, 1))
    freeze(model[0])
    const grads = gradient(() => checkpoint(model, ones([2, 3])).sum(), params(model))
    expect([...grads].map(([p]) => params(model).path(p))).toEqual(['layers.1.weight', 'layers.1.bias'])
  })

  it('writes running values once, and goes back with the old ones', () => {
    const make = () =>
      layer(
        'Centered',
        { mean: ones([3]), w: ones([3]) },
        (self, z: Tensor) => {
          later(self.mean, old => old.add(z))
          return z.mul(self.mean).mul(self.w)
        },
        { trainable: ['w'] },
      )
    const run = (cp: Checkpoint) => {
      const m = make()
      const seen: unknown[] = [gradient(z => cp(m, z).sum(), x)[0].toArray(), m.mean.toArray()]
      const [, back] = pullback(z => cp(m, z), x)
      seen.push(back()[0].toArray(), m.mean.toArray(), back()[0].toArray(), m.mean.toArray())
      expect(() => gradient(z => cp(u => [m(u), zeros([2]).item()] as never, z), x)).toThrow()
      return [...seen, m.mean.toArray()]
    }
    expect(run(checkpoint)).toEqual(run(plain))
    expect(run(checkpoint).at(-1)).toEqual([3, 5, 7])
  })
})

it('is a call where no gradient is taken, and frees what was made on the way', () => {
  const { bytes, tensors } = memory()
  const y = checkpoint((z, k) => z.mul(2).add(k), x, 1)
  expect(y.toArray()).toEqual([3, 5, 7])
  y.dispose()
  expect(memory()).toMatchObject({ bytes, tensors })
})

it('goes on after a run that throws, forward or on the way back', () => {
  const before = memory()
  scope(() => {
    let calls = 0
    const failing = (at: number) => (z: Tensor) => {
      const y = cube(z)
      if (++calls === at) throw new Error('boom')
      return y
    }
    expect(() => gradient(z => checkpoint(failing(1), z).sum(), x)).toThrow('boom')
    expect(() => gradient(z => checkpoint(failing(3), z.mul(2)).sum(), x)).toThrow('boom')
    expect(gradient(z => checkpoint(cube, z).sum(), x)[0].toArray()).toEqual([3, 12, 27])
  })
  expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
})
