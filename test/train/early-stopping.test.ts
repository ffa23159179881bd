// What is watched (earlyStopping, plateau), when a run ends, and which weights are left.
import {
  Adam,
  BatchNorm,
  Chain,
  Dense,
  Descent,
  type EarlyStoppingOptions,
  earlyStopping,
  freeze,
  memory,
  mse,
  params,
  patience,
  setup,
  state,
  stop,
  type Tensor,
  train,
} from 'fluxtape'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { batches, bits, problem, x } from './problem.ts'

// It is said once that a metric is not finite.
beforeEach(() => vi.spyOn(console, 'warn').mockImplementation(() => {}))

const { NaN: nan, POSITIVE_INFINITY: inf } = Number

/** A run whose metric `score` is told in advance, an epoch each; the bits of the weights after each epoch. */
async function run(scores: readonly number[], callbacks: unknown, { model, ps, loss } = problem()) {
  const after: number[][][] = []
  const metrics = { score: () => scores[after.push(bits(model)) - 1] }
  const { epochs } = await train(loss, ps, batches(2), Descent(0.01), { epochs: scores.length, metrics, callbacks: callbacks as never })
  return { epochs, after, model }
}

describe('earlyStopping', () => {
  // Of the scores of up to so many epochs: how many there were, and which was best.
  const rows: [string, EarlyStoppingOptions, readonly number[], number, number | undefined][] = [
    ['ends after patience epochs in a row that were no better', { patience: 2 }, [5, 4, 4, 4, 1], 4, 1],
    ['counts in a row', { patience: 2 }, [5, 6, 4, 5, 3, 3, 3], 7, 4],
    ['has patience 1', { patience: 1 }, [5, 4, 4, 3], 3, 1],
    ['has patience 5 by itself', {}, [1, 2, 2, 2, 2, 2, 2], 6, 0],
    ['takes NaN for no better', { patience: 2 }, [5, nan, nan, 1], 3, 0],
    ['begins with the first number', { patience: 3 }, [nan, nan, 7, 6], 4, 3],
    ['ends a run of NaN without a best epoch', { patience: 2 }, [nan, nan, nan], 2, undefined],
    ['takes an infinite one for the worst', { patience: 2 }, [inf, inf, 3], 2, undefined],
    ['wants more than minDelta', { patience: 2, minDelta: 1 }, [5, 4.5, 4, 3], 3, 0],
    ['measures minDelta from the best', { patience: 3, minDelta: 1 }, [5, 4.5, 3.9, 3], 4, 2],
    ['wants more with max', { mode: 'max', patience: 2 }, [1, 2, 2, 0, 9], 4, 1],
    ['wants more than minDelta with max', { mode: 'max', patience: 2, minDelta: 0.5 }, [1, 1.5, 1.4, 9], 3, 0],
    ['takes NaN for no better with max', { mode: 'max', patience: 1 }, [1, nan, 9], 2, 0],
  ]
  it.each(rows)('%s', async (_, options, scores, count, best) => {
    const stopping = earlyStopping({ metric: 'score', ...options })
    expect(stopping.best).toBeUndefined()
    const { epochs, after, model } = await run(scores, stopping)
    expect(epochs.length).toBe(count)
    expect(stopping.best).toEqual(best === undefined ? undefined : { epoch: best, value: scores[best] })
    expect(bits(model)).toEqual(after[best ?? count - 1])
  })

  it('leaves the last weights without restoreBest, and keeps no copies', async () => {
    const before = memory().tensors
    const stopping = earlyStopping({ metric: 'score', patience: 2, restoreBest: false })
    const own = problem()
    const { after, model } = await run(
      [1, 2, 3],
      [stopping, { onEpoch: () => expect(stopping.state?.()).toHaveProperty('tensors', {}) }],
      own,
    )
    expect(bits(model)).toEqual(after[2])
    expect(memory().tensors - before).toBeLessThanOrEqual([...own.ps].length)
  })

  const boom = new Error('boom')
  const ends: [string, () => object][] = [
    ['done', () => ({})],
    ['stopped', () => ({ callbacks: ({ step }: { step: number }) => (step === 9 ? stop : undefined) })],
    [
      'aborted',
      () => {
        const control = new AbortController()
        return { signal: control.signal, callbacks: ({ step }: { step: number }) => (step === 9 ? control.abort() : undefined) }
      },
    ],
    ['diverged', () => ({ at: (step: number) => (step === 9 ? nan : 1) })],
    ['failed', () => ({ callbacks: ({ step }: { step: number }) => step === 9 && Promise.reject(boom) })],
  ]
  it.each(ends)('restores the best weights of a run that is %s', async (how, make) => {
    const { model, ps, loss } = problem()
    const { at, callbacks, ...options } = make() as { at?: (step: number) => number; callbacks?: never }
    const scores = [5, 3, 4, 6, 7, 8]
    const after: number[][][] = []
    const seen: unknown[] = []
    let step = 0
    const run = train((a: Tensor, b: Tensor) => loss(a, b).mul(at?.(step++) ?? 1), ps, batches(2), Descent(0.01), {
      ...options,
      epochs: 6,
      metrics: { score: () => scores[after.push(bits(model)) - 1] },
      callbacks: [
        earlyStopping({ metric: 'score', patience: 9 }),
        { onEnd: (_, end) => void seen.push(end.how, bits(model)) },
        ...(callbacks ? [callbacks] : []),
      ],
    })
    await Promise.resolve(run).catch(error => seen.push(error))
    expect(after.length).toBeGreaterThan(3)
    expect(seen.slice(0, 2)).toEqual([how, after[1]])
    expect(bits(model)).toEqual(after[1])
  })

  it.each(['implicit', 'explicit'])('restores what lies beside the parameters, too, in the %s form', async form => {
    const model = Chain(Dense(2, 3), BatchNorm(3), Dense(3, 1))
    const all = () => [...state(model)].map(([path, each]) => [path, [...each.data()]])
    const after: unknown[] = []
    const options = {
      epochs: 4,
      metrics: { score: () => [2, 1, 3, 3][after.push(all()) - 1] },
      callbacks: earlyStopping({ metric: 'score', patience: 2 }),
    }
    if (form === 'implicit') await train((a: Tensor, b: Tensor) => mse(model(a), b), params(model), batches(2), Adam(0.01), options)
    else await train((m: typeof model, a: Tensor, b: Tensor) => mse(m(a), b), model, batches(2), setup(Adam(0.01), model), options)
    expect(all()).toEqual(after[1])
    expect(after[3]).not.toEqual(after[1])
  })

  it('reads loss and validation, and says what is missing', async () => {
    const { loss, ps } = problem()
    const go = (options: object, more: object = {}) =>
      train(loss, ps, batches(1), Descent(1e-3), { epochs: 3, callbacks: earlyStopping(options), ...more })
    expect((await go({ metric: 'loss' })).epochs.length).toBe(3)
    let count = 0
    expect((await go({ patience: 1 }, { validation: () => count++ })).epochs.length).toBe(2)
    for (const [options, more, message] of [
      [{}, {}, "earlyStopping: the run has no validation. Pass train { validation }, or write earlyStopping({ metric: 'loss' })."],
      [
        { metric: 'acc' },
        { metrics: { accuracy: () => 1 } },
        "earlyStopping: the run has no metric 'acc'. Pass train { metrics: { acc: () => ... } }; it has loss, accuracy.",
      ],
      [
        { metric: 'a b' },
        { validation: () => 1 },
        "earlyStopping: the run has no metric 'a b'. Pass train { metrics: { 'a b': () => ... } }; it has loss, validation.",
      ],
    ] as const) {
      await expect(go(options, more)).rejects.toThrow(message)
    }
  })

  it('is of use for a second run, which begins anew, with another model too', async () => {
    const stopping = earlyStopping({ metric: 'score', patience: 2 })
    await run([1, 2, 3], stopping)
    const { epochs, after, model } = await run([7, 6, 8, 9, 1], stopping)
    expect([epochs.length, stopping.best]).toEqual([4, { epoch: 1, value: 6 }])
    expect(bits(model)).toEqual(after[1])
    const other = Dense(2, 1)
    await train((a: Tensor, b: Tensor) => mse(other(a), b), params(other), batches(1), Descent(0.1), {
      callbacks: earlyStopping({ metric: 'loss' }),
    })
    expect(stopping.state?.()).toHaveProperty('tensors', {})
  })

  it('restores parameters that are frozen, and goes past those that are no more', async () => {
    const own = problem()
    freeze(own.model.layers[0])
    const other = own.model.layers[1].bias as Tensor
    const gone = { onEpoch: ({ epoch }: { epoch: number }) => void (epoch === 2 && other.dispose()) }
    const { after } = await run([1, 2, 3], [gone, earlyStopping({ metric: 'score', patience: 2 })], own)
    expect([...own.ps].slice(0, 3).map(each => [...each.data()])).toEqual(after[0].slice(0, 3))
    expect(other.released).toBe(true)
  })

  it('leaves no tensors behind', async () => {
    const own = problem()
    const once = () => run([3, 2, 4, 1, 5], earlyStopping({ metric: 'score' }), own)
    await once()
    const before = memory()
    for (let i = 0; i < 20; i++) await once()
    const after = memory()
    expect([after.tensors, after.bytes]).toEqual([before.tensors, before.bytes])
  })

  const wrong: [unknown, string][] = [
    [{ metric: 3 }, 'earlyStopping: metric is a name: 3 came. Pass train { metrics: { name: f } }, and the name here.'],
    [{ patience: 0 }, 'earlyStopping: patience is a whole number from 1: 0.'],
    [{ patience: 1.5 }, 'earlyStopping: patience is a whole number from 1: 1.5.'],
    [{ patience: '3' }, "earlyStopping: patience is a number: '3' came."],
    [{ minDelta: -1 }, 'earlyStopping: minDelta is a finite number from 0: -1.'],
    [{ minDelta: nan }, 'earlyStopping: minDelta is a finite number from 0: NaN.'],
    [{ mode: 'maximum' }, "earlyStopping: mode is 'min' or 'max': 'maximum' came."],
    [{ restoreBest: 1 }, 'earlyStopping: restoreBest is true or false: 1 came.'],
    [{ monitor: 'loss' }, "earlyStopping: there is no option 'monitor'."],
    [5, 'earlyStopping'],
    [null, 'earlyStopping'],
  ]
  it.each(wrong)('refuses %j', (options, message) => {
    expect(() => earlyStopping(options as never)).toThrow(message)
  })

  const states: [unknown, string][] = [
    [undefined, 'load takes what state() of earlyStopping gave'],
    [{ count: 1 }, 'load takes what state() of earlyStopping gave'],
    [{ best: 1, bad: 0, epoch: 0, tensors: { '0.weight': x } }, "the state has '0.weight', and the run has no such tensor"],
    [{ best: 1, bad: 0, epoch: 0, tensors: { 'layers.0.weight': 3 } }, "the state has 'layers.0.weight', and the run has no such tensor"],
  ]
  it.each(states)('refuses the state %#, and is as before', async (saved, message) => {
    const stopping = earlyStopping({ metric: 'score', patience: 3 })
    const load = { onEpoch: ({ epoch }: { epoch: number }) => void (epoch === 1 && expect(() => stopping.load?.(saved)).toThrow(message)) }
    const { after, model } = await run([1, 2, 3, 4], [stopping, load])
    expect(stopping.best).toEqual({ epoch: 0, value: 1 })
    expect(bits(model)).toEqual(after[0])
  })
})

describe('patience', () => {
  const go = async (callbacks: unknown, epochs = 6) => {
    const { loss, ps } = problem()
    return train(loss, ps, batches(2), Descent(0.01), { epochs, callbacks: callbacks as never })
  }

  it('ends a run when it was true n times in a row, of epochs or of steps', async () => {
    const answers = [true, false, true, true, true]
    expect((await go(patience(({ epoch }) => answers[epoch], 2))).epochs.length).toBe(4)
    expect((await go(patience(({ epoch }, { params: ps }) => [...ps].length === 4 && answers[epoch], 3))).epochs.length).toBe(5)
    expect((await go(patience(({ step }) => answers[step], 2, { every: 'step' }))).steps.length).toBe(4)
    expect((await go(patience(() => false, 1))).epochs.length).toBe(6)
  })

  it('counts anew in a second run', async () => {
    const three = patience(() => true, 3)
    for (let i = 0; i < 2; i++) {
      expect((await go(three, 2)).epochs.length).toBe(2)
      expect((await go(three, 4)).epochs.length).toBe(3)
    }
  })

  it('refuses what is no answer, and what it cannot use', async () => {
    for (const [answer, came] of [
      [undefined, 'undefined'],
      [1, '1'],
      [Promise.resolve(true), 'a promise'],
    ] as const) {
      await expect(go(patience((() => answer) as never, 2))).rejects.toThrow(
        `patience: what the function gives is true or false: ${came} came`,
      )
    }
    const f = () => true
    expect(() => patience(3 as never, 3)).toThrow('patience: the first argument is a function')
    expect(() => patience(f, 0)).toThrow('patience: n is a whole number from 1: 0.')
    expect(() => patience(f, undefined as never)).toThrow('patience: n is a number')
    expect(() => patience(f, 1, { every: 'steps' as never })).toThrow("patience: every is 'step' or 'epoch': 'steps' came.")
  })
})
