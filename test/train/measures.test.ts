// The option `metrics`: numbers of each epoch by name.
import {
  accuracy,
  BatchNorm,
  Chain,
  DataLoader,
  Dense,
  Descent,
  Dropout,
  isTraining,
  memory,
  mse,
  params,
  scope,
  setup,
  state,
  type Tensor,
  tensor,
  train,
} from 'fluxtape'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { batches, bits, problem, x, y } from './problem.ts'

let warned: unknown[] = []
beforeEach(() => {
  warned = []
  vi.spyOn(console, 'warn').mockImplementation(text => void warned.push(text))
})

async function run(metrics: unknown, options: object = {}) {
  const { loss, ps } = problem()
  return train(loss, ps, batches(2), Descent(0.01), { epochs: 2, metrics: metrics as never, ...options })
}

describe('metrics', () => {
  it('stand in the record of each epoch, which callbacks, history and progress see', async () => {
    const { model, ps, loss } = problem()
    const told: unknown[] = []
    const log = vi.spyOn(console, 'log').mockImplementation(text => void told.push(text))
    const seen: unknown[] = []
    let count = 0
    const metrics = { mine: () => loss(x, y), count: async () => ++count, plain: () => -3 }
    const after: number[] = []
    const { epochs } = await train(loss, ps, batches(2), Descent(0.01), {
      ...{ epochs: 2, metrics, progress: true, validation: () => 7 },
      callbacks: {
        onEpoch: record => {
          seen.push(record)
          after.push(mse(model(x), y).item())
        },
      },
    })
    log.mockRestore()
    expect(epochs.map(each => each.metrics)).toEqual(after.map((mine, i) => ({ mine, count: i + 1, plain: -3 })))
    expect(seen).toEqual(epochs)
    expect(told[0]).toMatch(/^epoch 1 {2}loss [\d.]+ {2}validation 7.000 {2}mine [\d.]+ {2}count 1.000 {2}plain -3.000 {2}[\d.]+ s$/)
  })

  it('are not there without the option; of none there are none', async () => {
    expect('metrics' in (await run(undefined)).epochs[0]).toBe(false)
    expect((await run({})).epochs[0].metrics).toEqual({})
  })

  it('get the model of the explicit form, and may be the library’s, of a loader', async () => {
    const { model, explicit } = problem()
    const loader = new DataLoader([x, y.greater(0)], { batchSize: 3 })
    const { epochs } = await train(explicit, model, batches(2), setup(Descent(0.01), model), {
      metrics: { same: (m: unknown) => Number(m === model), accuracy: (m: typeof model) => accuracy(m, loader, { threshold: 0.5 }) },
    })
    expect(epochs[0].metrics).toEqual({ same: 1, accuracy: accuracy(model, [x, y.greater(0)], { threshold: 0.5 }) })
  })

  it('are taken in test mode, one after the other, and leave training as it is', async () => {
    const make = () => Chain(Dense(2, 4), BatchNorm(4), Dropout(0.5), Dense(4, 1))
    const model = make()
    const order: unknown[] = []
    const slow = async () => {
      order.push('slow', isTraining())
      await new Promise(resolve => setTimeout(resolve, 1))
      order.push('slow ends')
      return 1
    }
    let before: unknown
    const stats = () => [...state(model)].map(([, each]) => [...each.data()])
    await train((a: Tensor, b: Tensor) => mse(model(a), b), params(model), batches(1), Descent(0.01), {
      callbacks: () => void (before = stats()),
      metrics: {
        slow,
        next: () => {
          order.push('next', isTraining())
          const [one, two] = [model(x), model(x)].map(each => [...each.data()])
          expect(one).toEqual(two)
          expect(stats()).toEqual(before)
          return 0
        },
      },
    })
    expect(order).toEqual(['slow', false, 'slow ends', 'next', false])
  })

  it('end the run with what they throw, and the weights are as after the last step', async () => {
    const boom = new Error('boom')
    for (const f of [
      () => {
        throw boom
      },
      () => Promise.reject(boom),
    ]) {
      const { model, ps, loss } = problem()
      let after: unknown
      const trial = train(loss, ps, batches(2), Descent(0.01), { metrics: { f }, callbacks: () => void (after = bits(model)) })
      await expect(trial).rejects.toBe(boom)
      expect(bits(model)).toEqual(after)
      await train(loss, ps, batches(2), Descent(0.01))
    }
  })

  it('that wait end with an abort', async () => {
    const control = new AbortController()
    const trial = run({ f: () => new Promise<number>(() => control.abort(new Error('enough'))) }, { signal: control.signal })
    await expect(trial).rejects.toThrow('enough')
  })

  it('that are not finite are told once each, and stand in the record', async () => {
    const { epochs } = await run({ a: () => Number.NaN, b: () => Number.POSITIVE_INFINITY, c: () => 1 })
    expect(epochs.map(each => each.metrics)).toEqual(Array(2).fill({ a: Number.NaN, b: Number.POSITIVE_INFINITY, c: 1 }))
    expect(warned).toEqual([
      "train: the metric 'a' of epoch 0 is not finite: NaN. Look for NaN in its data, and for a division by 0.",
      "train: the metric 'b' of epoch 0 is not finite: Infinity. Look for NaN in its data, and for a division by 0.",
    ])
  })

  it.each([
    [undefined, 'undefined came'],
    ['0.5', 'string came'],
    [true, 'boolean came'],
    [tensor([1, 2]), 'a tensor [2] came'],
    [{ value: 1 }, 'object came'],
  ])('that give %s are refused', async (value, came) => {
    await expect(run({ f: () => value })).rejects.toThrow(
      `train: the metric 'f' gives a number: ${came}. Return it: () => accuracy(model, data).`,
    )
  })

  it('may give a tensor of one element', async () => {
    expect((await run({ a: () => tensor([[4]]), b: async () => tensor(2) })).epochs[0].metrics).toEqual({ a: 4, b: 2 })
  })

  const wayOut = 'Write { metrics: { accuracy: () => accuracy(model, test) } }.'
  it.each([
    [3, `train: metrics are functions by name: 3 came. ${wayOut}`],
    [null, `train: metrics are functions by name: null came. ${wayOut}`],
    [[() => 1], 'train: metrics are functions by name'],
    [() => 1, 'train: metrics are functions by name'],
    [new Map([['a', () => 1]]), 'train: metrics are functions by name'],
    [{ accuracy: 0.5 }, `train: the metric 'accuracy' is a function: 0.5 came. ${wayOut}`],
    [
      { loss: () => 1 },
      "train: a metric cannot be called 'loss'. epoch, step, steps, loss, validation, metrics, seconds are numbers that an epoch has anyway.",
    ],
    [{ '': () => 1 }, "train: a metric cannot be called ''."],
  ])('refuses %s before anything is done', async (metrics, message) => {
    expect(() => void run(metrics).catch(() => {})).not.toThrow()
    await expect(run(metrics)).rejects.toThrow(message)
  })

  it('leave no tensors behind', async () => {
    const { model, ps, loss } = problem()
    const data: [Tensor, Tensor] = [x, y.greater(0)]
    const metrics = { a: () => accuracy(model, data, { threshold: 0.5 }), b: async () => scope(() => loss(x, y).item()) }
    const once = () => train(loss, ps, batches(2), Descent(0.01), { metrics, epochs: 3 })
    await once()
    const before = memory().tensors
    for (let i = 0; i < 20; i++) await once()
    expect(memory().tensors).toBe(before)
  })
})
