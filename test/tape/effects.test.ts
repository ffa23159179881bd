// What layers write while they train: a running mean, which commits once a step, in the order of the calls, and leaves no trace of what failed.
import {
  autoMode,
  Chain,
  customGradient,
  Dense,
  Descent,
  gradient,
  isTraining,
  jit,
  later,
  layer,
  memory,
  ones,
  params,
  pullback,
  ReleasedError,
  scope,
  setup,
  skip,
  stop,
  type Tensor,
  tensor,
  testMode,
  train,
  trainMode,
  trainStep,
  withGradient,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

/** Moves half the way to the mean of its input; gives x minus what the mean was, times w. */
const Centered = () =>
  layer(
    'Centered',
    { mean: zeros([1]), w: ones([1]) },
    (self, x: Tensor) => {
      later(self.mean, old => old.add(x.mean(0)).mul(0.5))
      return x.sub(self.mean).mul(self.w).mul(self.mean.add(1))
    },
    { trainable: ['w'] },
  )
const x = tensor([[4], [8]])
const half = tensor([[3]])
const lossOf = (m: (x: Tensor) => Tensor) => (z: Tensor) => m(z).square().mean()
/** Of several, done in order, the last. */
const last = <T>(...all: readonly [...unknown[], T]): T => all.at(-1) as T
const boom = (): never => {
  throw new Error('boom')
}
const step = (m: ReturnType<typeof Centered>, z: Tensor = x) => gradient(() => lossOf(m)(z), params(m))

describe('a running mean', () => {
  it.each<[string, (m: ReturnType<typeof Centered>) => unknown, number]>([
    ['moves once a gradient', m => step(m), 3],
    ['moves once a gradient of the explicit form', m => gradient(n => lossOf(n)(x), m), 3],
    ['moves by withGradient', m => withGradient(() => lossOf(m)(x), params(m)), 3],
    ['moves by two gradients', m => [step(m), step(m)], 4.5],
    ['moves twice where the layer is used twice', m => gradient(() => lossOf(m)(m(x)), params(m)), (3 + 6) / 2],
    ['stays where the loss throws', m => expect(() => gradient(() => last(m(x), boom()), params(m))).toThrow('boom'), 0],
    ['stays where the loss is no scalar', m => expect(() => gradient(() => m(x) as never, params(m))).toThrow('gradient'), 0],
    [
      'stays where the way back throws',
      m => expect(() => gradient(() => customGradient((z: Tensor) => z.sum(), boom)(m(x)), params(m))).toThrow('boom'),
      0,
    ],
    [
      'forgets an inner gradient that throws and is caught',
      m =>
        gradient(() => {
          expect(() => gradient(() => last(m(tensor([[100]])), boom()), params(m))).toThrow('boom')
          return lossOf(m)(x)
        }, params(m)),
      3,
    ],
    [
      'moves once by a gradient within a gradient',
      m => gradient(w => gradient(() => lossOf(m)(x.mul(w)), params(m)).get(m.w) as Tensor, tensor([1])),
      3,
    ],
    ['stays by a call in test mode', m => m(x), 0],
    ['moves at once by a call in training mode', m => trainMode(m)(x), 3],
    ['stays by a gradient in test mode', m => step(testMode(m)), 0],
    ['moves again in auto mode', m => step(autoMode(testMode(m))), 3],
    ['moves in a scope', m => scope(() => void step(m)), 3],
    ['stays by a pullback without back', m => pullback(z => m(z), x)[1].dispose(), 0],
    [
      'moves at the first back of a pullback',
      m => {
        const [, back] = pullback(z => m(z), x)
        expect(m.mean.item()).toBe(0)
        back()
        back()
      },
      3,
    ],
    [
      'stays at a back that throws, and moves at the next',
      m => {
        const [, back] = pullback(z => m(z), x)
        expect(() => back(ones([7]))).toThrow('cotangent')
        expect(m.mean.item()).toBe(0)
        back()
      },
      3,
    ],
    [
      'moves by each of two pullbacks, in the order of their walks',
      m => {
        const backs = [x, half].map(z => pullback(v => m(v), z)[1])
        backs[1]()
        backs[0]()
      },
      (1.5 + 6) / 2,
    ],
    [
      'moves from what was assigned before the walk',
      m => {
        const [, back] = pullback(
          () =>
            Centered()(x)
              .sum()
              .add(later(m.mean, old => old.add(1)) ?? 0),
          params(m),
        )
        m.mean.assign(tensor([10]))
        back()
      },
      11,
    ],
    [
      'moves by a pullback within a gradient, when that has succeeded',
      m =>
        gradient(() => {
          const [y, back] = pullback(z => m(z), x)
          back()
          expect(m.mean.item()).toBe(0)
          return y.sum()
        }, params(m)),
      3,
    ],
  ])('%s', (_, run, expected) => {
    const m = Centered()
    run(m)
    // Used twice it goes to 3, then to the middle of 3 and 6, the mean of its own output.
    expect(m.mean.item()).toBe(expected)
  })

  it('leaves what pullbacks have saved as it was, whoever moves it', () => {
    const [m, twin] = [Centered(), Centered()]
    for (const each of [m, twin]) each.mean.assign(tensor([2]))
    const [, back] = pullback(z => m(z), x)
    const [, other] = pullback(z => testMode(twin)(z), x)
    const before = [other(), other()].map(([g]) => g.toArray())
    const seen = [back(), back()].map(([g]) => g.toArray())
    step(m)
    step(m)
    seen.push(back()[0].toArray())
    expect(seen).toEqual([before[0], before[0], before[0]])
    expect(m.mean.item()).toBe(((2 + 6) / 2 / 2 + 3) / 2 + 3)
    m.w.assign(tensor([2]))
    expect(() => back()).toThrow(ReleasedError)
  })

  it('is seen by views of the buffer, and frees what it puts off', () => {
    const m = Centered()
    const view = m.mean.reshape([1, 1])
    const before = memory()
    scope(() => {
      step(m)
      const [, back] = pullback(z => m(z), x)
      back()
      pullback(z => m(z), x)
      pullback(z => m(z), x)[1].dispose()
      expect(() => gradient(() => last(m(x), boom()), params(m))).toThrow('boom')
      trainMode(m)(x)
    })
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
    expect([view.item(), m.mean.item()]).toEqual([view.item(), view.item()])
    expect(view.item()).toBe(5.25)
  })
})

describe('a step of training', () => {
  it.each<[string, (m: ReturnType<typeof Centered>) => unknown, number]>([
    ['moves it once', m => trainStep(lossOf(m), params(m), x, Descent(0)), 3],
    ['moves it once in the explicit form', m => trainStep((n: typeof m, z: Tensor) => lossOf(n)(z), m, x, setup(Descent(0), m)), 3],
    ['that skips in the loss leaves it', m => trainStep((z: Tensor) => last(m(z), skip), params(m), x, Descent(0)), 0],
    [
      'whose loss is NaN leaves it',
      m => expect(() => trainStep((z: Tensor) => m(z).mul(Number.NaN).sum(), params(m), x, Descent(0))).toThrow('finite'),
      0,
    ],
    [
      'whose gradient is NaN leaves it',
      m =>
        expect(() => trainStep((z: Tensor) => m(z).sum().mul(0).add(m.w.sub(1).abs().sqrt().sum()), params(m), x, Descent(0))).toThrow(
          'finite',
        ),
      0,
    ],
    [
      'of which onGradient skips every other moves it by the rest',
      m => train(lossOf(m), params(m), [x, x, x], Descent(0), { callbacks: { onGradient: ({ step }) => (step === 1 ? skip : undefined) } }),
      4.5,
    ],
    [
      'that diverges and is skipped leaves it',
      m =>
        train((z: Tensor) => (z.dims.length === 1 ? m(z).sum().div(0) : lossOf(m)(z)), params(m), [[x], [tensor([1])], [x]], Descent(0), {
          onDiverged: () => skip,
        }),
      4.5,
    ],
    [
      'that is the last counts',
      m => train(lossOf(m), params(m), [x, x, x], Descent(0), { callbacks: ({ step }) => (step === 1 ? stop : undefined) }),
      4.5,
    ],
    ['moves it, and validation does not', m => train(lossOf(m), params(m), [x], Descent(0), { epochs: 2, validation: [[x], [x]] }), 4.5],
    [
      'moves it, and validation does not, in training mode either',
      m => train(lossOf(trainMode(m)), params(m), [x], Descent(0), { validation: () => m(x).sum() }),
      3,
    ],
    [
      'that is aborted in a callback has moved it',
      async m => {
        const controller = new AbortController()
        const run = train(lossOf(m), params(m), [x, x, x], Descent(0), {
          signal: controller.signal,
          callbacks: () => controller.abort(new Error('enough')),
        })
        await expect(run).rejects.toThrow('enough')
      },
      3,
    ],
  ])('%s', async (_, run, expected) => {
    const m = Centered()
    await run(m)
    expect(m.mean.item()).toBe(expected)
  })

  it('writes before its callbacks run, and all of it at once', async () => {
    const m = Centered()
    const seen: number[] = []
    await train(lossOf(m), params(m), [[x], [x]], Descent(0), {
      callbacks: { onGradient: () => void seen.push(m.mean.item()), onStep: () => void seen.push(m.mean.item()) },
    })
    expect(seen).toEqual([0, 3, 3, 4.5])
  })

  it('does not mix with those of another run that interleaves', async () => {
    const [a, b] = [Centered(), Centered()]
    const data = async function* (z: Tensor) {
      for (let i = 0; i < 4; i++) {
        await Promise.resolve()
        yield z
      }
    }
    const lossOfA = (z: Tensor) => (z.size === 1 ? last(a(z), skip) : lossOf(a)(z))
    await Promise.all([train(lossOfA, params(a), data(half), Descent(0)), train(lossOf(b), params(b), data(x), Descent(0))])
    expect([a.mean.item(), b.mean.item()]).toEqual([0, 5.625])
  })
})

describe('under jit', () => {
  const run = async (isReplayed: boolean, change?: (m: ReturnType<typeof Centered>, step: number) => void) => {
    const m = Centered()
    const loss = (z: Tensor) => lossOf(m)(m(z))
    const batches = Array.from({ length: 8 }, (_, i) => tensor([[i], [1]]))
    const seen: number[] = []
    await train(isReplayed ? jit(loss) : loss, params(m), batches, Descent(0.001), {
      callbacks({ step }) {
        seen.push(m.mean.item(), m.w.item())
        change?.(m, step)
      },
    })
    return seen
  }
  it('the mean is one more result of the plan', async () => expect(await run(true)).toEqual(await run(false)))

  it('modes that change are seen', async () => {
    const change = (m: object, step: number) => void (step === 3 ? testMode(m) : step === 5 && autoMode(m))
    expect(await run(true, change)).toEqual(await run(false, change))
    expect(await run(true, change)).not.toEqual(await run(true))
  })

  it('a buffer that moves is seen', async () => {
    const backs: unknown[] = []
    // The tape saves the mean, which the next step must leave to it.
    const change = (m: (z: Tensor) => Tensor, step: number) =>
      void (
        step > 2 &&
        backs.push(
          pullback(z => testMode(m)(z), x),
          autoMode(m),
        )
      )
    expect(await run(true, change)).toEqual(await run(false, change))
  })

  it('a step that is replayed only in part leaves no trace of that', async () => {
    const moved = async (isReplayed: boolean) => {
      const m = Centered()
      const table = tensor([1, 2, 3])
      const loss = (i: Tensor) => lossOf(m)(table.gather(i).expandDims(1))
      const good = tensor([0, 2], { dtype: 'int32' })
      const run = train(isReplayed ? jit(loss) : loss, params(m), [good, good, good, tensor([0, 9], { dtype: 'int32' })], Descent(0.01))
      await expect(run).rejects.toThrow(RangeError)
      return [m.mean.item(), m.w.item()]
    }
    expect(await moved(true)).toEqual(await moved(false))
  })
})

describe('later refuses', () => {
  const buffer = zeros([2])
  const gone = zeros([2])
  gone.dispose()
  it.each<[string, () => unknown, string]>([
    ['no tensor', () => later(3 as never, old => old), 'TypeError: later: a tensor is needed: number. Make one with tensor(...).'],
    ['a buffer that was freed', () => later(gone, old => old), 'ReleasedError: later: the tensor has been released: float32 [2].'],
    [
      'no function',
      () => later(buffer, ones([2]) as never),
      'TypeError: later: takes a buffer and a function of its old value: a tensor came.',
    ],
    ['nothing', () => later(buffer, (() => {}) as never), 'TypeError: later: the function gives the next value, a tensor: undefined came.'],
    [
      'a promise',
      () => later(buffer, (async () => ones([2])) as never),
      'TypeError: later: the function gives the next value, a tensor: a promise came.',
    ],
    [
      'another shape',
      () => later(buffer, () => ones([1, 2])),
      'ShapeError: later: the next value has another shape than the buffer: [1, 2] for [2].',
    ],
    [
      'another dtype',
      () => later(buffer, old => old.cast('int32')),
      'DTypeError: later: the next value has another dtype than the buffer: int32 for float32.',
    ],
    ['a next value that was freed', () => later(buffer, () => gone), 'ReleasedError: later: the tensor has been released'],
  ])('%s', (_, call, text) => {
    const before = memory().tensors
    for (const run of [call, () => gradient(() => last(call(), buffer.sum()), buffer)]) {
      let came = ''
      try {
        scope(() => void run())
      } catch (error) {
        came = String(error)
      }
      expect(came).toContain(text)
    }
    expect(buffer.toArray()).toEqual([0, 0])
    expect(memory().tensors).toBe(before)
  })

  it('a buffer that is freed before it is written', () => {
    const mean = zeros([1])
    const [, back] = pullback(
      z =>
        last(
          later(mean, old => old.add(1)),
          z,
        ),
      ones([1]),
    )
    mean.dispose()
    expect(() => back()).toThrow(ReleasedError)
  })
})

it('applies effects in the order of the calls, at once where nobody records', () => {
  const buffer = tensor([1])
  later(buffer, old => old.add(1))
  expect(buffer.item()).toBe(2)
  gradient(z => {
    later(buffer, old => old.mul(10))
    later(buffer, old => old.add(1))
    expect(buffer.item()).toBe(2)
    return z
  }, 1)
  expect(buffer.item()).toBe(21)
  later(buffer, old => old)
  expect(buffer.item()).toBe(21)
})

describe('modes', () => {
  const model = Chain(Dense(1, 1), Chain(Dense(1, 1)))
  it('are those of all layers in a model', () => {
    const inner = model[1][0]
    expect(isTraining(inner)).toBe(false)
    expect(trainMode(model)).toBe(model)
    expect([isTraining(inner), isTraining(model), isTraining()]).toEqual([true, true, false])
    testMode([inner])
    gradient(z => {
      expect([isTraining(inner), isTraining(model), isTraining()]).toEqual([false, true, true])
      return z
    }, 1)
    autoMode({ model })
    expect(isTraining(inner)).toBe(false)
    gradient(z => last(expect(isTraining(inner)).toBe(true), z), 1)
  })

  it('within the function of a layer are its own', () => {
    const seen: boolean[] = []
    const Spy = () => layer('Spy', {}, (_, z: Tensor) => last(seen.push(isTraining()), z))
    const [a, b] = [Spy(), Spy()]
    testMode(a)
    gradient(z => Chain(a, b)(z).sum(), ones([1]))
    expect(seen).toEqual([false, true])
  })

  it('are as before after a run, whatever its loss and its callbacks set', async () => {
    const m = Centered()
    const other = trainMode(Dense(1, 1))
    const seen: boolean[] = []
    await train(lossOf(m), params(m), [[x], [x]], Descent(0), {
      callbacks: [() => void autoMode(testMode([m, other])), () => void testMode(m), () => void seen.push(isTraining(other))],
    })
    expect([seen, isTraining(other)]).toEqual([[false, false], true])
    step(m)
    expect(m.mean.item()).not.toBe(3)
  })

  it.each<[string, () => unknown, string]>([
    [
      'trainMode of what holds no layer',
      () => trainMode([ones([1])]),
      'trainMode: there is no layer in it: an array came. Pass a model or a layer.',
    ],
    ['testMode of a tensor', () => testMode(ones([1])), 'testMode: there is no layer in it: a tensor came. Pass a model or a layer.'],
    [
      'autoMode of a function',
      () => autoMode((z: Tensor) => z),
      'autoMode: there is no layer in it: function came. Pass a model or a layer.',
    ],
    ['isTraining of a number', () => isTraining(1 as never), 'isTraining: takes a layer, or nothing: number came.'],
  ])('%s is refused', (_, call, text) => expect(call).toThrow(new TypeError(text)))
})
