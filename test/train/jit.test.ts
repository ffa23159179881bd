import {
  Adam,
  bernoulli,
  Chain,
  Dense,
  Descent,
  DivergedError,
  freeze,
  gradient,
  jit,
  keep,
  logitCrossEntropy,
  manualSeed,
  memory,
  params,
  randint,
  randn,
  relu,
  scope,
  setup,
  skip,
  type Tensor,
  tanh,
  tensor,
  thaw,
  train,
  trainStep,
  withGradient,
  zeros,
} from 'fluxtape'
import { describe, expect, test } from 'vitest'

// biome-ignore lint/suspicious/noExplicitAny: what a batch is made of is known to the data alone
type Step = (...batch: any[]) => any

const classes = (n = 6) => randint(0, 3, [n])
const mlp = () => Chain(Dense(4, 5, relu), Dense(5, 3))
const labelled = () => Array.from({ length: 3 }, () => [randn([6, 4]), classes()])

const plain = <F>(loss: F): F => loss

/** How often a loss is called. */
function counted<F extends Step>(loss: F): { loss: F; calls: () => number } {
  let calls = 0
  const wrapped = (...args: unknown[]) => {
    calls++
    return loss(...args)
  }
  return { loss: wrapped as F, calls: () => calls }
}

describe('jit', () => {
  test('after two steps of a kind the loss is not called any more', () => {
    const model = mlp()
    const { loss, calls } = counted((x: Tensor, y: Tensor) => logitCrossEntropy(model(x), y))
    const marked = jit(loss)
    const step = (n: number) => scope(() => trainStep(marked, params(model), [randn([n, 4]), classes(n)], Descent(0.1)))
    for (let i = 0; i < 5; i++) step(6)
    expect(calls()).toBe(2)
    for (let i = 0; i < 5; i++) step(3)
    expect(calls()).toBe(4)
    step(6)
    expect(calls()).toBe(4)
  })

  test('called by itself it is the loss', () => {
    const loss = jit((x: Tensor) => x.square().sum())
    expect(loss(tensor([1, 2])).item()).toBe(5)
    expect(loss.length).toBe(1)
    expect(gradient(loss, tensor([1, 2]))[0].toArray()).toEqual([2, 4])
    expect(() => jit(3 as never)).toThrow('jit: takes a function: number came.')
  })

  test('train takes it in both forms, with callbacks', async () => {
    const history = async (wrap: <F extends Step>(loss: F) => F, explicit: boolean) => {
      manualSeed(3)
      const model = mlp()
      const data = labelled()
      const norms: number[] = []
      const callbacks = {
        onGradient: ({ gradients, step }: { gradients?: Iterable<[Tensor, Tensor]>; step: number }) => {
          for (const [, g] of gradients ?? []) norms.push(g.norm().item())
          return step % 4 === 3 ? skip : undefined
        },
      }
      const options = { epochs: 4, callbacks, validation: data }
      const run = explicit
        ? await train(
            wrap((m: typeof model, x: Tensor, y: Tensor) => logitCrossEntropy(m(x), y)),
            model,
            data,
            setup(Adam(), model),
            options,
          )
        : await train(
            wrap((x: Tensor, y: Tensor) => logitCrossEntropy(model(x), y)),
            params(model),
            data,
            Adam(),
            options,
          )
      return [run.steps, run.epochs.map(({ loss, validation }) => [loss, validation]), norms]
    }
    const wanted = await history(plain, false)
    for (const explicit of [false, true]) expect(await history(jit, explicit)).toEqual(wanted)
  })

  test('a parameter that is frozen, thawed, or left out of the Params', () => {
    const losses = (wrap: <F extends Step>(loss: F) => F) => {
      manualSeed(5)
      const model = mlp()
      const loss = wrap((x: Tensor, y: Tensor) => logitCrossEntropy(model(x), y))
      const batch = [randn([6, 4]), classes()]
      const opt = Adam(0.1)
      const take = (ps = params(model)) => Array.from({ length: 4 }, () => trainStep(loss, ps, batch, opt))
      const all = [take()]
      freeze(model[0])
      all.push(take())
      thaw(model[0])
      all.push(take(), take(params(model[1])), take())
      return all
    }
    expect(losses(jit)).toEqual(losses(plain))
  })

  test('memory: nothing is held between two steps, and views of gradients that are kept stay as they were', () => {
    const model = mlp()
    const ps = params(model)
    const loss = jit((x: Tensor, y: Tensor) => logitCrossEntropy(model(x), y))
    const batch = [randn([6, 4]), classes()]
    const opt = Descent(0.1)
    for (let i = 0; i < 3; i++) trainStep(loss, ps, batch, opt)
    const before = memory()
    for (let i = 0; i < 50; i++) trainStep(loss, ps, batch, opt)
    expect(memory()).toEqual(before)
    const kept: Tensor[] = []
    const values: unknown[] = []
    return train(loss, ps, [batch, batch, batch], opt, {
      callbacks: {
        onGradient({ gradients }) {
          for (const [, g] of gradients ?? []) {
            kept.push(keep(g.reshape(g.shape)))
            values.push(g.toArray())
          }
        },
      },
    }).then(() => {
      expect(kept.map(each => each.toArray())).toEqual(values)
      for (const each of kept) each.dispose()
      expect(memory().bytes).toBe(before.bytes)
    })
  })

  test('what it closes over is not read when it has been released', () => {
    const weight = tensor([1, 2])
    const factor = tensor([3, 4])
    const loss = jit(() => weight.mul(factor).sum())
    for (let i = 0; i < 4; i++) trainStep(loss, params(weight), [], Descent(0.1))
    factor.dispose()
    expect(() => trainStep(loss, params(weight), [], Descent(0.1))).toThrow('mul: the tensor has been released')
  })

  test('it may close over classes as float32, and over transpositions that wait', () => {
    const losses = (wrap: <F extends Step>(loss: F) => F) => {
      manualSeed(2)
      const [weight, x, y] = [randn([3, 3]), randn([4, 3]), tensor([0, 2, 1, 2])]
      const [transposed, ofWeight] = [randn([3, 3]).transpose(), weight.transpose()]
      const loss = wrap(() => logitCrossEntropy(x.matmul(weight).matmul(transposed).add(x.matmul(ofWeight)), y))
      return Array.from({ length: 6 }, () => trainStep(loss, params(weight), [], Descent(0.1)))
    }
    expect(losses(jit)).toEqual(losses(plain))
  })

  test('what it closes over may change in place', () => {
    const weight = tensor([1, 2])
    const factor = tensor([3, 4])
    const loss = jit(() => weight.mul(factor).sum())
    for (let i = 0; i < 4; i++) trainStep(loss, params(weight), [], Descent(0))
    factor.assign(tensor([5, 6]))
    expect(trainStep(loss, params(weight), [], Descent(0))).toBe(17)
  })

  test('a batch that is a parameter, or a transposition that waits, is taken as ever', () => {
    const losses = (wrap: <F extends Step>(loss: F) => F) => {
      manualSeed(2)
      const [weight, x, z] = [randn([3, 3]), randn([3, 3]), randn([3, 3])]
      const loss = wrap((a: Tensor) => weight.matmul(a).square().mean())
      const opt = Descent(0.1)
      return [x, x, x, weight, z.transpose(), x, z.transpose()].map(each => trainStep(loss, params(weight), [each], opt))
    }
    expect(losses(jit)).toEqual(losses(plain))
  })

  test('a batch of the memory of a parameter, or of what it closes over, is taken as ever', () => {
    const losses = (wrap: <F extends Step>(loss: F) => F) => {
      manualSeed(2)
      const [weight, x] = [randn([3, 3]), randn([3, 3])]
      const loss = wrap((a: Tensor) =>
        weight
          .matmul(x)
          .mul(a.reshape([3, 3]))
          .square()
          .mean(),
      )
      const batches = [weight, x].flatMap(each => [each.reshape([9]), each.reshape([9]), each.reshape([9]), randn([9])])
      return batches.map(each => trainStep(loss, params(weight), [each], Descent(0.1)))
    }
    expect(losses(jit)).toEqual(losses(plain))
  })

  test('a class that is none: RangeError, nothing changed, random numbers where they were', () => {
    const losses = (wrap: <F extends Step>(loss: F) => F) => {
      manualSeed(9)
      const model = mlp()
      const loss = wrap((x: Tensor, y: Tensor) => logitCrossEntropy(model(x.mul(bernoulli(0.5, [6, 4]))), y))
      const x = randn([6, 4])
      const [y, bad] = [classes(), tensor(new Int32Array([0, 1, 2, 0, 3, 1]))]
      const opt = Adam(0.1)
      const step = (target: Tensor) => trainStep(loss, params(model), [x, target], opt)
      const isRefused = () => expect(() => step(bad)).toThrow('logitCrossEntropy: 3 at place 4 is no class: classes count from 0 to 2.')
      isRefused()
      const first = [y, y, y, y].map(step)
      isRefused()
      return [...first, ...[y, y].map(step)]
    }
    expect(losses(jit)).toEqual(losses(plain))
  })

  test('a class far away: RangeError, and nothing was written there', () => {
    const model = mlp()
    const others = Array.from({ length: 200 }, () => zeros([64]))
    const loss = jit((x: Tensor, y: Tensor) => logitCrossEntropy(model(x), y))
    const step = (y: Tensor) => trainStep(loss, params(model), [x, y], Descent(0.1))
    const [x, y] = [randn([6, 4]), classes()]
    for (let i = 0; i < 4; i++) step(y)
    for (const bad of [-3000, -300, 300, 3000]) {
      expect(() => step(tensor(new Int32Array([0, 1, bad, 0, 1, 2])))).toThrow(`${bad} at place 2 is no class`)
      for (const other of others) expect(other.abs().max().item()).toBe(0)
    }
    for (const other of others) other.dispose()
    expect(step(y)).toBeGreaterThan(0)
  })

  test('a loss that is not finite is a DivergedError, and nothing was updated', () => {
    const weight = tensor([1, 2])
    const loss = jit((x: Tensor) => weight.mul(x).sum())
    const step = (x: Tensor) => trainStep(loss, params(weight), [x], Descent(0.1))
    for (let i = 0; i < 4; i++) step(tensor([1, 1]))
    const before = weight.toArray()
    expect(() => step(tensor([Number.NaN, 1]))).toThrow(DivergedError)
    expect(weight.toArray()).toEqual(before)
  })

  test('a loss that reads numbers is refused', () => {
    const weight = tensor([1, 2])
    const message = /^trainStep: the loss of a jit reads the numbers of a tensor, .* pass the loss without jit\.$/
    const losses = [
      () => weight.mul(weight.sum().item()).sum(),
      () => weight.mul(Number(weight.data()[0])).sum(),
      () => weight.mul(String(weight).length).sum(),
    ]
    for (const loss of losses) expect(() => trainStep(jit(loss), params(weight), [], Descent(0.1))).toThrow(message)
    expect(weight.toArray()).toEqual([1, 2])
    expect(weight.sum().item()).toBe(3)
  })

  test('a loss that does something else at each step is refused', () => {
    const weight = tensor([1, 2])
    let count = 0
    const step = (loss: () => Tensor) => {
      const marked = jit(loss)
      for (let i = 0; i < 3; i++) trainStep(marked, params(weight), [], Descent(0))
    }
    expect(() => step(() => weight.mul(count++).sum())).toThrow(
      'trainStep: the loss of a jit does not do the same at each step: mul differs. Pass what changes as part of the batch, or pass the loss without jit.',
    )
    expect(() => step(() => (count++ % 2 ? weight.exp() : weight.neg()).sum())).toThrow('exp differs')
    expect(() => step(() => weight.mul(tensor([count++, 1])).sum())).toThrow('differs')
  })

  test('a step that is the same from the second on is replayed', () => {
    const weight = tensor([1, 2])
    let mask: Tensor | undefined
    const { loss, calls } = counted(() => {
      mask ??= keep(tensor([1, 0]))
      return weight.mul(mask).sum()
    })
    const marked = jit(loss)
    for (let i = 0; i < 5; i++) trainStep(marked, params(weight), [], Descent(0.1))
    expect(calls()).toBe(3)
  })

  test('a loss that answers skip for batches of a shape', () => {
    const model = mlp()
    const loss = jit((x: Tensor, y: Tensor) => (x.shape[0] < 6 ? skip : logitCrossEntropy(model(x), y)))
    const before = [...params(model)][0].toArray()
    for (let i = 0; i < 4; i++) expect(trainStep(loss, params(model), [randn([2, 4]), classes(2)], Descent(0.1))).toBeNaN()
    expect([...params(model)][0].toArray()).toEqual(before)
    for (let i = 0; i < 4; i++) expect(trainStep(loss, params(model), [randn([6, 4]), classes()], Descent(0.1))).toBeGreaterThan(0)
  })

  test('a model that is a plain object, in the explicit form', () => {
    const model = { weight: tensor([1, 2]), shift: tensor([3, 4]) }
    const { loss, calls } = counted((m: typeof model, x: Tensor) => m.weight.mul(x).add(m.shift).sum())
    const [marked, state] = [jit(loss), setup(Descent(0.1), model)]
    for (let i = 0; i < 4; i++) trainStep(marked, model, [tensor([1, 1])], state)
    expect(calls()).toBe(2)
    expect(model.weight.toArray()).toEqual([expect.closeTo(0.6), expect.closeTo(1.6)])
  })

  test('a batch of one kind more than are remembered is taken as ever', () => {
    const weight = tensor([1, 2])
    const { loss, calls } = counted((factor: number) => weight.mul(factor).sum())
    const marked = jit(loss)
    const losses = Array.from({ length: 66 }, (_, i) => trainStep(marked, params(weight), [i], Descent(0)))
    expect(losses).toEqual(losses.map((_, i) => 3 * i))
    for (let i = 0; i < 3; i++) trainStep(marked, params(weight), [5], Descent(0))
    expect(calls()).toBe(67)
  })

  test('hundreds of operations, one after the other', () => {
    const losses = (wrap: <F extends Step>(loss: F) => F) => {
      const weight = tensor([0.5, 0.25])
      const loss = wrap((x: Tensor) => {
        let y = x
        for (let i = 0; i < 300; i++) y = y.mul(weight).add(x)
        return y.sum()
      })
      return Array.from({ length: 4 }, () => trainStep(loss, params(weight), [tensor([1, 2])], Descent(1e-4)))
    }
    expect(losses(jit)).toEqual(losses(plain))
  })

  test('gradient within the loss: a penalty on the gradient', () => {
    const losses = (wrap: <F extends Step>(loss: F) => F) => {
      manualSeed(4)
      const model = Dense(3, 1, tanh)
      const loss = wrap((x: Tensor) => {
        const { value, gradient: gs } = withGradient(each => model(each).sum(), x)
        return value.square().add(gs[0].square().sum())
      })
      const opt = Adam(0.1)
      const batches = [randn([4, 3]), randn([4, 3])]
      return Array.from({ length: 6 }, (_, i) => trainStep(loss, params(model), [batches[i % 2]], opt))
    }
    expect(losses(jit)).toEqual(losses(plain))
  })
})
