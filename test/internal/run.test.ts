// A run is data: a copy of its record, taken after any step or epoch, is taken up and ends with the bits of a run that was not interrupted.
import {
  Adam,
  type Callback,
  Chain,
  clone,
  DataLoader,
  Dense,
  loadOptimizerState,
  loadState,
  manualSeed,
  mse,
  optimizerState,
  params,
  rand,
  randn,
  relu,
  type State,
  skip,
  state,
  type Tensor,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { passOf } from '../../src/data/loader.ts'
import { Batches } from '../../src/train/batches.ts'
import type { CallbackObject } from '../../src/train/callbacks.ts'
import { copyRecord, newRecord, type RunRecord } from '../../src/train/record.ts'
import { type LossFunction, trainingSubject } from '../../src/train/step.ts'
import { start, type TrainOptions } from '../../src/train/train.ts'
import type { TrainingData } from '../../src/train/types.ts'

const x = rand([22, 2])
const y = x.sum(1, { keepDims: true })
const bits = (model: unknown) => [...params(model)].map(p => [...p.data()])

/** Everything that a run needs beside its record, as it was after a step. */
interface Saved {
  readonly record: RunRecord
  readonly weights: State
  readonly slots: ReturnType<typeof optimizerState>
}

/** Observations as a stream. */
const rows = () => ({
  async *[Symbol.asyncIterator]() {
    for (let i = 0; i < 22; i++) yield [x.slice([i]), y.slice([i])] as const
  },
})

const kinds: readonly [name: string, data: () => TrainingData][] = [
  ['a loader', () => new DataLoader([x, y], { batchSize: 4 })],
  ['a loader that shuffles', () => new DataLoader([x, y], { batchSize: 4, shuffle: true })],
  ['a loader with a seed', () => new DataLoader([x, y], { batchSize: 4, shuffle: true, seed: 3, partial: false })],
  ['a list', () => [0, 4, 8].map(i => [x.slice([[i, i + 4]]), y.slice([[i, i + 4]])])],
  [
    'a loader within a generator',
    () => ({ [Symbol.iterator]: () => new DataLoader([x, y], { batchSize: 8, shuffle: true })[Symbol.iterator]() }),
  ],
  [
    'a loader whose get is async',
    () =>
      new DataLoader({ length: 22, get: async i => [x.slice([i]), y.slice([i])] as const }, { batchSize: 4, shuffle: true, prefetch: 2 }),
  ],
  ['a loader that maps by chance', () => new DataLoader([x, y], { batchSize: 4, shuffle: true, map: ([a, b]) => [a.add(rand([2])), b] })],
  [
    'a loader with a seed that maps by chance, later',
    () => new DataLoader([x, y], { batchSize: 4, shuffle: true, seed: 3, prefetch: 2, map: async ([a, b]) => [a.add(rand([2])), b] }),
  ],
  [
    'a loader over a stream',
    () => new DataLoader(rows(), { batchSize: 5, shuffle: 7, prefetch: 1, map: ([a, b]) => [a.add(rand([2])), b] }),
  ],
  ['a loader over a stream with a seed', () => new DataLoader(rows(), { batchSize: 5, shuffle: 7, seed: 4 })],
  [
    'async data',
    () => ({
      async *[Symbol.asyncIterator]() {
        yield* new DataLoader([x, y], { batchSize: 8, shuffle: true })
      },
    }),
  ],
]

/** A run of three epochs from the seed, or on from what was saved, and what `save` saves on the way. */
async function run(data: TrainingData, save: readonly string[], from?: Saved) {
  manualSeed(7)
  const model = Chain(Dense(2, 8, relu), Dense(8, 1))
  const ps = params(model)
  const opt = Adam(0.01)
  if (from) {
    loadState(model, from.weights)
    loadOptimizerState(opt, ps, from.slots)
  }
  const saved: Saved[] = []
  const record = from ? structuredClone(from.record) : newRecord()
  let sum = 0
  const adding: CallbackObject = {
    onStart: () => void (sum = 0),
    onStep: ({ loss }) => void (sum += loss),
    state: () => ({ sum }),
    load: state => void (sum = (state as { sum: number }).sum),
  }
  const callbacks: Callback[] = [
    adding,
    {
      onStep: ({ step }) => save.includes(`step ${step}`) && take(),
      onEpoch: ({ epoch }) => save.includes(`epoch ${epoch}`) && take(),
    } as CallbackObject,
  ]
  const take = (): undefined => {
    const weights = clone(state(model))
    const slots = new Map(Array.from(optimizerState(opt, ps), ([path, slot]) => [path, typeof slot === 'number' ? slot : clone(slot)]))
    saved.push({ record: copyRecord(record, [adding, {}]), weights, slots })
  }
  const loss: LossFunction = (a: Tensor, b: Tensor) => mse(model(a.add(randn(a.shape, { std: 0.1 }))), b)
  const options: TrainOptions = {
    epochs: 3,
    callbacks: callbacks.map(each => (typeof each === 'function' ? each : undone(each))),
    validation: new DataLoader([x, y], { batchSize: 5, shuffle: true }),
  }
  const { steps, epochs } = await start(loss, trainingSubject('train', ps, opt), data, options, record)
  return {
    saved,
    model: bits(model),
    steps: [...steps],
    epochs: epochs.map(({ seconds, ...rest }) => rest),
    sum,
    stream: record.random.stream,
  }
}

/** A callback that answers nothing. */
function undone({ onStep, onEpoch, ...rest }: CallbackObject): CallbackObject {
  return { ...rest, onStep: context => void onStep?.(context), onEpoch: (record, run) => void onEpoch?.(record, run) }
}

describe.each(kinds)('a run over %s', (_, data) => {
  it('goes on from any of its records as if it had not been interrupted', async () => {
    const whole = await run(data(), [])
    const { saved, ...again } = await run(data(), ['step 0', 'step 2', 'epoch 0', 'step 4', 'epoch 1', 'step 7'])
    expect({ ...again, saved: [] }).toEqual(whole)
    expect(saved).toHaveLength(6)
    for (const each of saved) expect(await run(data(), [], each)).toEqual(whole)
  })
})

it('the record is plain: JSON takes it, but for the losses, which are typed arrays', async () => {
  const { saved } = await run(kinds[1][1](), ['step 7'])
  const { losses, ...rest } = saved[0].record
  expect(losses).toEqual([new Float32Array(losses[0])])
  expect(losses[0].findLastIndex(loss => loss !== 0)).toBe(7)
  expect(JSON.parse(JSON.stringify(rest))).toEqual({ ...rest })
  expect(rest).toMatchObject({ step: 8, epoch: 1, batches: 2, firsts: [0, 6], states: [{ sum: expect.any(Number) }, null] })
  expect(rest.order?.stream).toBe(rest.begun)
})

it('a finished run that is taken up ends at once', async () => {
  const { saved, model, steps } = await run(kinds[0][1](), ['epoch 2'])
  const again = await run(kinds[0][1](), [], saved[0])
  expect([again.model, again.steps]).toEqual([model, steps])
})

describe('a pass over a loader', () => {
  it('draws no more and no other numbers than to iterate it', () => {
    const loader = new DataLoader(
      Array.from({ length: 9 }, (_, i) => `${i}`),
      { batchSize: 2, shuffle: true },
    )
    const seeded = new DataLoader(
      Array.from({ length: 9 }, (_, i) => `${i}`),
      { batchSize: 2, shuffle: true, seed: 5 },
    )
    for (const each of [loader, seeded]) {
      manualSeed(1)
      const first = [...each].flat()
      const second = passOf(each, 0, undefined)
      const whole = [...(second as Iterable<string[]>)].flat()
      manualSeed(1)
      const again = passOf(each, 2, second.order)
      expect([...(again as Iterable<string[]>)].flat()).toEqual(whole.slice(4))
      // The next pass of a loader with a seed comes after the one that was taken up, the numbers of the library are as they were.
      if (each === loader) expect([...each].flat()).toEqual(first)
    }
    const twin = new DataLoader(
      Array.from({ length: 9 }, (_, i) => `${i}`),
      { batchSize: 2, shuffle: true, seed: 5 },
    )
    const passes = [[...twin], [...twin], [...twin]].map(each => each.flat())
    expect([...seeded].flat()).toEqual(passes[2])
  })

  it('of other data is read up to a batch', async () => {
    const batches = new Batches(['a', 'b', 'c'], { key: [1, 2], stream: 0 }, undefined, 2)
    await batches.goTo(2, { key: [1, 2], stream: 0 })
    expect(await batches.next()).toMatchObject({ value: 'c' })
  })
})

it('a run of many steps takes little memory, and its history is built when it is read', async () => {
  const record = newRecord()
  const ps = params(rand([1]))
  const data = {
    *[Symbol.iterator]() {
      for (let i = 0; i < 3000; i++) yield i
    },
  }
  const history = await start(() => skip, trainingSubject('train', ps, Adam()), data, { epochs: 2 }, record)
  expect(record.losses.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThanOrEqual(4 * 2 * 6000)
  expect(history.steps).toHaveLength(6000)
  expect(history.steps).toBe(history.steps)
  expect([history.steps[2999], history.steps[3000]]).toEqual([
    { step: 2999, epoch: 0, loss: Number.NaN },
    { step: 3000, epoch: 1, loss: Number.NaN },
  ])
})
