// Runs that are saved: when, how they may end, and that they go on from there.
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Adam,
  type CallbackObject,
  Chain,
  DataLoader,
  Dense,
  Dropout,
  freeze,
  isTraining,
  later,
  layer,
  manualSeed,
  memory,
  mse,
  params,
  patience,
  rand,
  relu,
  type skip,
  state,
  stop,
  type Tensor,
  type TrainOptions,
  threads,
  train,
  zeros,
} from 'fluxtape'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const root = fs.mkdtempSync(join(tmpdir(), 'fluxtape-'))
afterAll(() => fs.rmSync(root, { recursive: true }))
beforeEach(() => void vi.spyOn(console, 'info').mockImplementation(() => {}))
afterEach(() => vi.restoreAllMocks())
let folders = 0
const fresh = () => join(root, `${folders++}`)
const newest = (path: string) => Math.max(...fs.readdirSync(path).map(each => Number(/^step-(\d+)\.safetensors$/.exec(each)?.[1] ?? -1)))

manualSeed(1)
const x = rand([12, 2])
const y = x.sum(1, { keepDims: true })

interface Setting extends TrainOptions {
  readonly make?: () => (x: Tensor) => Tensor
  /** What the loss is, from the step that is told, instead. */
  readonly wrong?: (step: number, loss: Tensor) => Tensor | typeof skip
}

/** Two epochs of three steps, or as told: the run, and what there is when it has ended. */
function begin(path: string, { make, wrong, ...options }: Setting = {}) {
  manualSeed(7)
  const model = make?.() ?? Chain(Dense(2, 8, relu), Dropout(0.2), Dense(8, 1))
  let calls = 0
  const loss = (a: Tensor, b: Tensor) => {
    const value = mse(model(a), b)
    return wrong?.(calls++, value) ?? value
  }
  const data = new DataLoader([x, y], { batchSize: 4, shuffle: true })
  const checkpoint = { path, every: 100 }
  const run = train(loss, params(model), data, Adam(0.01), { epochs: 2, checkpoint, resume: path, ...options })
  const end = async () => {
    const { steps, epochs } = await run
    const values = [...state(model)].map(([path, each]) => [path, each.frozen, [...each.data()]])
    return { values, steps: [...steps], epochs: epochs.map(({ epoch, loss }) => [epoch, loss]) }
  }
  return { run, end, model }
}
const whole = (setting?: Setting) => begin(fresh(), setting).end()

describe('however it ended, the last checkpoint is that of the last whole step', () => {
  const controller = () => {
    const aborts = new AbortController()
    return { signal: aborts.signal, callbacks: { onStep: ({ step }: { step: number }) => void (step === 3 && aborts.abort()) } }
  }
  it.each<[string, number, () => Setting, RegExp | undefined]>([
    ['out of steps', 4, () => ({ steps: 4 }), undefined],
    [
      'stopped by a callback that may load',
      4,
      () => ({ callbacks: { onStep: ({ step }) => (step === 3 ? stop : undefined), load() {} } }),
      undefined,
    ],
    ['stopped by a gradient', 5, () => ({ callbacks: { onGradient: ({ step }) => (step === 4 ? stop : undefined) } }), undefined],
    ['aborted', 4, controller, /abort/],
    [
      'failed',
      4,
      () => ({
        wrong(step) {
          if (step === 4) throw new Error('no luck')
          return undefined as never
        },
      }),
      /no luck/,
    ],
    // Who was told of it and who was not is not known.
    ['failed in a callback', 3, () => ({ callbacks: { onStep: ({ step }) => expect(step).toBeLessThan(3) } }), /to be less than/],
    ['diverged', 4, () => ({ wrong: (step, loss) => (step === 4 ? loss.log().mul(Number.NaN) : loss) }), /step 4/],
    [
      'diverged and stopped',
      4,
      () => ({ wrong: (step, loss) => (step === 4 ? loss.mul(Number.NaN) : loss), onDiverged: () => stop }),
      undefined,
    ],
  ])('%s', async (_, last, setting, error) => {
    const path = fresh()
    const { end } = begin(path, setting())
    await (error ? expect(end()).rejects.toThrow(error) : end())
    expect(newest(path)).toBe(last)
    expect(await begin(path).end()).toEqual(await whole())
  })
})

describe('a run that is over stays over', () => {
  const rows: [string, () => Setting, number, number][] = [
    ['stopped within an epoch', () => ({ callbacks: ({ step }) => (step === 3 ? stop : undefined) }), 4, 2],
    ['stopped at the end of an epoch', () => ({ callbacks: { onEpoch: ({ epoch }) => (epoch === 0 ? stop : undefined) } }), 3, 1],
    ['out of steps within an epoch', () => ({ steps: 5, epochs: undefined }), 5, 2],
    ['out of steps at the end of one', () => ({ steps: 6, epochs: 9 }), 6, 2],
    ['patience within an epoch', () => ({ callbacks: patience(() => true, 2, { every: 'step' }) }), 2, 1],
  ]
  it.each(rows)('%s', async (_, setting, steps, epochs) => {
    const path = fresh()
    const ended = await begin(path, { ...setting(), validation: [[x, y]] }).end()
    expect([ended.steps.length, ended.epochs.length, newest(path)]).toEqual([steps, epochs, steps])
    for (let i = 0; i < 2; i++) expect(await begin(path, { ...setting(), validation: [[x, y]] }).end()).toEqual(ended)
  })

  it('and says so; more steps go on', async () => {
    const path = fresh()
    await begin(path, rows[0][1]()).end()
    await begin(path, rows[0][1]()).end()
    expect(console.info).toHaveBeenLastCalledWith(`train: the run in '${path}' was ended by stop after 4 steps, and is not gone on with.`)
    const other = fresh()
    await begin(other, { steps: 2 }).end()
    expect(await begin(other, { steps: 6 }).end()).toEqual(await whole())
  })
})

describe('within an epoch the data must be the same', () => {
  const list = (n: number) => Array.from({ length: n }, () => [x, y])
  const loader = (n: number, options: object) => new DataLoader([x.slice([[0, n]]), y.slice([[0, n]])], options)
  it.each<[string, () => unknown, () => unknown, RegExp]>([
    [
      'fewer observations',
      () => loader(12, { batchSize: 4 }),
      () => loader(8, { batchSize: 4 }),
      /epoch of DataLoader \(3\): 12 observations.* here is DataLoader \(2\): 8/,
    ],
    ['another batch size', () => loader(12, { batchSize: 4 }), () => loader(12, { batchSize: 3 }), /batches of 4, here is .* batches of 3/],
    [
      'shuffled',
      () => loader(12, { batchSize: 4 }),
      () => loader(12, { batchSize: 4, shuffle: true }),
      /batches of 4, here is .* batches of 4, shuffled/,
    ],
    ['a shorter list', () => list(3), () => list(2), /a list of 3 batches, here is a list of 2 batches/],
    [
      'another kind',
      () => list(3),
      () => ({
        *[Symbol.iterator]() {
          yield* list(3)
        },
      }),
      /a list of 3 batches, here is another kind/,
    ],
  ])('%s', async (_, make, other, error) => {
    const run = (path: string, data: unknown, steps?: number) => {
      const model = Dense(2, 1)
      return train((a, b) => mse(model(a), b), params(model), data as Tensor[][], Adam(), {
        epochs: 2,
        steps,
        checkpoint: { path },
        resume: path,
      })
    }
    const path = fresh()
    await run(path, make(), 2)
    await expect(run(path, other())).rejects.toThrow(error)
    // Nothing was lost, and at the end of an epoch they may be others.
    await run(path, make(), 3)
    expect((await run(path, make())).steps.length).toBe(6)
  })
})

it('left by a break, and iterated from where it is taken up', async () => {
  const path = fresh()
  for await (const { step } of begin(path).run) if (step === 1) break
  expect(newest(path)).toBe(2)
  const again = begin(path)
  const seen: number[] = []
  for await (const { step, epoch } of again.run) seen.push(step, epoch)
  expect(seen).toEqual([2, 0, 3, 1, 4, 1, 5, 1])
  expect(await again.end()).toEqual(await whole())
})

it('ended at every step', async () => {
  const path = fresh()
  for (let at = 0; at < 6; at++) {
    await begin(path, { steps: at + 1 }).end()
    expect(newest(path)).toBe(at + 1)
  }
  expect(await begin(path).end()).toEqual(await whole())
})

it('more epochs than before go on', async () => {
  const path = fresh()
  await begin(path, { epochs: 1 }).end()
  const ended = await begin(path, { epochs: 3 }).end()
  expect(ended).toEqual(await whole({ epochs: 3 }))
  expect(ended.epochs).toHaveLength(3)
})

it('a finished run takes no step, and writes nothing', async () => {
  const path = fresh()
  const ended = await begin(path).end()
  const write = vi.spyOn(fs.promises, 'open')
  const onStep = vi.fn()
  expect(await begin(path, { callbacks: { onStep } }).end()).toEqual(ended)
  expect([onStep.mock.calls, write.mock.calls]).toEqual([[], []])
})

it('by minutes, which pass here faster', async () => {
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const path = fresh()
  const checkpoint = { path, every: { minutes: 1 }, keep: 99 }
  await begin(path, { epochs: 4, checkpoint, callbacks: { onStep: () => void (now += 25_000) }, validation: () => 1 }).end()
  // The first epoch is the best.
  expect(fs.readdirSync(path).sort()).toEqual(
    ['best', 'step-0', 'step-12', 'step-3', 'step-6', 'step-9'].map(each => `${each}.safetensors`),
  )
})

it('steps go on while it is written, and the next save waits', async () => {
  const path = fresh()
  const { rename } = fs.promises
  let release = () => {}
  let isSlow = true
  let isHeld = false
  vi.spyOn(fs.promises, 'rename').mockImplementation(async (from, to) => {
    if (isSlow && /step-2/.test(`${to}`)) {
      await new Promise<void>(resolve => {
        release = resolve
        isHeld = true
      })
    }
    return rename(from, to)
  })
  let steps = 0
  const { end } = begin(path, { checkpoint: { path, every: 2 }, epochs: 1, callbacks: () => void steps++ })
  const ended = end()
  await vi.waitFor(() => expect([steps, isHeld]).toEqual([3, true]))
  isSlow = false
  await new Promise(resolve => setTimeout(resolve, 20))
  // The third step ends the epoch, which is to be saved.
  expect([steps, newest(path)]).toEqual([3, 0])
  release()
  await ended
  expect(newest(path)).toBe(3)
})

it('what a killed process had begun is removed, and what is not of a run stays', async () => {
  const path = fresh()
  await begin(path, { checkpoint: { path, every: 2 }, steps: 3 }).end()
  const begun = ['step-4.safetensors.x1y2z3.tmp', 'best.safetensors.x1y2z3.tmp']
  for (const name of [...begun, 'mine.tmp']) fs.writeFileSync(join(path, name), 'half')
  await begin(path, { checkpoint: { path, every: 2 }, resume: path }).end()
  expect(fs.readdirSync(path).filter(name => name.endsWith('.tmp'))).toEqual(['mine.tmp'])
})

it('a folder that is removed midway is made anew', async () => {
  const path = fresh()
  const remove: CallbackObject = { onStep: ({ step }) => void (step === 2 && fs.rmSync(path, { recursive: true })) }
  expect(await begin(path, { callbacks: remove, checkpoint: { path, every: 2 } }).end()).toEqual(await whole())
  expect(newest(path)).toBe(6)
})

const tied = () => {
  const shared = Dense(2, 2)
  const head = Dense(2, 1)
  return Object.assign((a: Tensor) => head(shared(shared(a))), { shared, again: shared.weight, head })
}
const counted = () =>
  layer('Counted', { inner: Dense(2, 1), mean: zeros([2]) }, (self, a: Tensor) => {
    if (isTraining()) later(self.mean, old => old.mul(0.5).add(a.mean(0)))
    return self.inner(a.sub(self.mean))
  }, { trainable: ['inner'] } as never) // biome-ignore format: one line
const frozenLater = () => Chain(Dense(2, 4), Dense(4, 1))

it.each<[string, () => (x: Tensor) => Tensor]>([
  ['tied parameters', tied as never],
  ['a layer of one’s own with a buffer', counted as never],
  ['a parameter that is frozen on the way', frozenLater as never],
])('%s', async (name, make) => {
  const freezing = (steps?: number): Setting => {
    let model: ((x: Tensor) => Tensor) | undefined
    const onStep = ({ step }: { step: number }) => {
      if (step === 0 && /frozen/.test(name)) freeze((model as unknown as ReturnType<typeof frozenLater>)[0])
    }
    return { make: () => (model = make()), callbacks: { onStep }, steps }
  }
  const path = fresh()
  await begin(path, freezing(2)).end()
  const ended = await begin(path, freezing()).end()
  expect(ended).toEqual(await whole(freezing()))
  expect(ended.values.some(([, frozen]) => frozen)).toBe(/frozen/.test(name))
})

it('no tensor is left of many saves and of taking up', async () => {
  const path = fresh()
  let times = 0
  const once = async () => {
    const { end } = begin(path, { checkpoint: { path, every: 1 }, epochs: 4, steps: 5 * ++times })
    await end()
  }
  const counts: number[] = []
  // Of a model and its optimizer each time, and of nothing else.
  for (let i = 0; i < 3; i++) {
    const before = memory().tensors
    await once()
    counts.push(memory().tensors - before)
  }
  expect(counts).toEqual([counts[0], counts[0], counts[0]])
})

describe('what a callback counts in onGradient', () => {
  /** It counts gradients, and behind it the fifth step fails. */
  const counted = async (path: string, way?: 'throws' | 'diverges') => {
    let count = 0
    const counting: CallbackObject = {
      onGradient: () => void count++,
      state: () => count,
      load: state => void (count = state as number),
    }
    const failing: CallbackObject = {
      onGradient({ step, gradients }) {
        if (step !== 4) return
        if (way === 'throws') throw new Error('no luck')
        if (way === 'diverges') return new Map([...(gradients ?? [])].map(([p, g]): [Tensor, Tensor] => [p, g.mul(Number.NaN)]))
      },
    }
    await begin(path, { callbacks: [counting, failing], checkpoint: { path, every: 100 } }).end()
    return count
  }

  it.each(['throws', 'diverges'] as const)('is not counted twice where the step %s afterwards', async way => {
    const path = fresh()
    await expect(counted(path, way)).rejects.toThrow(way === 'throws' ? 'no luck' : 'not finite')
    // As it was after the epoch.
    expect(newest(path)).toBe(3)
    expect(await counted(path)).toBe(6)
  })
})

it('two threads, and one', async () => {
  const make = () => Chain(Dense(2, 256, relu), Dense(256, 256, relu), Dense(256, 1))
  const ended = await whole({ make })
  const path = fresh()
  try {
    await threads(2)
    await begin(path, { make, steps: 4 }).end()
  } finally {
    await threads(1)
  }
  expect(await begin(path, { make }).end()).toEqual(ended)
})
