// Workers that fail: within a second the right bits or a WorkerError, never a hang, and everything works afterwards.
import { createHash } from 'node:crypto'
import workerThreads from 'node:worker_threads'
import {
  Adam,
  Chain,
  clone,
  Dense,
  jit,
  loadOptimizerState,
  loadState,
  logitCrossEntropy,
  manualSeed,
  memory,
  optimizerState,
  params,
  rand,
  randint,
  randn,
  scope,
  state,
  type Tensor,
  tanh,
  threads,
  trainStep,
  update,
  WorkerError,
} from 'fluxtape'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { capacity, i32, SCRATCH } from '../../src/wasm/memory.ts'
import { inPlaceKernels } from '../../src/wasm/traits.generated.ts'
import { SIGNALS } from './pool-worker.ts'
import faulty from './pool-worker.ts?source'

/** While this is set, no worker can be terminated: as if the thread were not scheduled for as long. */
let held: Promise<unknown> | undefined
/** Workers as they were made. */
const spawned: { terminate(): unknown }[] = []

const { Worker } = workerThreads

/** Runs `pool-worker.ts` in front of what the library gives it. */
class FaultyWorker extends Worker {
  constructor(source: string, options: object) {
    super(`${faulty};${source}`, options)
    spawned.push(this)
  }

  override terminate(): Promise<number> {
    return held ? held.then(() => super.terminate()) : super.terminate()
  }
}

type Fault =
  | 'traps'
  | 'traps once'
  | 'ends'
  | 'ends when it comes back'
  | 'stalls'
  | 'stalls, then writes'
  | 'never starts'
  | 'throws at once'
  | 'throws before it is ready'
  | 'dawdles'

const DEADLINE = 1500
const uncaught: unknown[] = []
process.on('uncaughtException', error => uncaught.push(error))
process.on('unhandledRejection', error => uncaught.push(error))

/** What threads of the next pool do, in the first kernel that comes or in one of `kernels`. */
function withFault(fault: Fault | undefined, kernels?: Iterable<number>): void {
  for (const name of ['FAULT', 'FAULT_KERNELS']) delete process.env[name]
  if (fault) process.env.FAULT = fault
  if (kernels) process.env.FAULT_KERNELS = String([...kernels])
}

const sleep = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))
const hash = (x: Tensor) => createHash('sha256').update(x.data()).digest('hex')

let x: Tensor
let row: Tensor
let expected: string
let trained: unknown

/** A job of about a millisecond whose arguments lie in the scratch areas, too. */
function job(): Tensor {
  return x.mul(row)
}

beforeAll(() => void Object.assign(workerThreads, { Worker: FaultyWorker }))
afterAll(() => void Object.assign(workerThreads, { Worker }))

beforeEach(async () => {
  withFault(undefined)
  await threads(1)
  x ??= randn([4001, 211])
  row ??= randn([211])
  expected ??= scope(() => hash(job()))
  trained ??= training()
})

afterEach(async () => {
  held = undefined
  withFault(undefined)
  await threads(1)
  expect(uncaught).toEqual([])
})

const check = () => scope(() => expect(hash(job())).toBe(expected))

/** Runs a job, and looks at its bits if a worker was lost in it. */
function shared(pool: number): void {
  scope(() => {
    const y = job()
    if (threads().count < pool) expect(hash(y)).toBe(expected)
  })
}

/** Runs jobs until a worker has been lost; gives what each took at most, in milliseconds. */
async function untilLost(pool: number, reason: RegExp, run = () => shared(pool)): Promise<number> {
  let longest = 0
  for (let i = 0; i < 10_000; i++) {
    const begin = performance.now()
    run()
    longest = Math.max(longest, performance.now() - begin)
    const info = threads()
    if (info.count < pool && reason.test(info.reason)) return longest
    if (i % 50 === 49) await sleep(1)
  }
  throw new Error('no worker failed')
}

/** The library computes and trains as always, now and on new threads. */
async function expectHealthy(): Promise<void> {
  check()
  expect(training()).toEqual(trained)
  withFault(undefined)
  expect(await threads(2)).toEqual({ count: 2, reason: 'set by threads(n)' })
  check()
  expect(training()).toEqual(trained)
}

interface Task {
  readonly step: () => void
  readonly bits: () => unknown
  readonly save: () => () => void
}

/** `narrow`: with so few parameters that no worker takes part in the update. */
function task({ wrap = (loss: () => Tensor): (() => Tensor) => loss, narrow = false } = {}): Task {
  manualSeed(3)
  const [samples, inputSize, width] = narrow ? [3001, 20, 40] : [130, 120, 301]
  const model = Chain(Dense(inputSize, width, tanh), Dense(width, 10))
  const ps = params(model)
  const optimizer = Adam(0.01)
  const [inputs, classes] = [randn([samples, inputSize]), randint(0, 10, [samples])]
  const loss = wrap(() => logitCrossEntropy(model(inputs), classes))
  return {
    step: () => void trainStep(loss, ps, [], optimizer),
    bits: () => ps.entries().map(([path, each]) => [path, hash(each)]),
    save() {
      const saved = clone(state(model))
      const slots = clone(optimizerState(optimizer, ps))
      return () => {
        loadState(model, saved)
        loadOptimizerState(optimizer, ps, slots)
      }
    },
  }
}

function training(): unknown {
  const { step, bits } = task()
  for (let i = 0; i < 3; i++) step()
  return bits()
}

describe('a worker that', () => {
  test.each<[Fault, RegExp]>([
    ['traps', /^a worker failed$/],
    ['ends', /^a worker did not finish its work in time$/],
    ['stalls', /^a worker did not finish its work in time$/],
  ])('%s in the middle of a chunk: the right bits within a second', async (fault, reason) => {
    withFault(fault)
    expect(await threads(2)).toMatchObject({ count: 2 })
    expect(await untilLost(2, reason)).toBeLessThan(DEADLINE)
    expect(threads()).toMatchObject({ count: 1 })
    check()
    await sleep(20)
    expect(threads().count).toBe(1)
    await expectHealthy()
  })

  test('traps, among others that go on: the next big job starts as many as are left', async () => {
    withFault('traps once')
    await threads(4)
    expect(await untilLost(4, /^a worker failed$/)).toBeLessThan(DEADLINE)
    withFault(undefined)
    check()
    for (const end = Date.now() + 20_000; threads().count < 3 && Date.now() < end; ) {
      check()
      await sleep(5)
    }
    expect(threads()).toEqual({ count: 3, reason: 'a worker failed' })
    await expectHealthy()
  })

  test('is terminated from outside, in a job or before it: the right bits, and the others end, too', async () => {
    expect(await threads(3)).toMatchObject({ count: 3 })
    check()
    spawned.at(-1)?.terminate()
    const begin = performance.now()
    check()
    expect(performance.now() - begin).toBeLessThan(DEADLINE)
    while (threads().count === 3) await sleep(1)
    expect(threads().reason).toMatch(/^a worker (failed: it ended|did not finish its work in time)$/)
    await expectHealthy()
  })

  test('left, and ended while it was sent for again: another one takes its place', async () => {
    withFault('ends when it comes back')
    expect(await threads(2)).toMatchObject({ count: 2 })
    withFault(undefined)
    await threads(1)
    await sleep(50)
    expect(await threads(2)).toEqual({ count: 2, reason: 'set by threads(n)' })
    await expectHealthy()
  })

  test('never starts: work goes on without it', async () => {
    withFault('never starts')
    const up = threads(2)
    for (let i = 0; i < 5; i++) check()
    await sleep(50)
    check()
    expect(threads()).toEqual({ count: 1, reason: '1 of 1 workers are still starting' })
    withFault(undefined)
    expect(await threads(2)).toEqual({ count: 2, reason: 'set by threads(n)' })
    expect(await up).toEqual({ count: 2, reason: 'set by threads(n)' })
    await expectHealthy()
  })

  test('never starts, and is waited for: not longer than ten seconds', async () => {
    withFault('never starts')
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] })
    try {
      const up = threads(3)
      await vi.advanceTimersByTimeAsync(10_100)
      expect(await up).toEqual({ count: 1, reason: '2 of 2 workers are still starting' })
    } finally {
      vi.useRealTimers()
    }
    await expectHealthy()
  })

  test.each<[Fault, string]>([
    ['throws at once', 'no such thing'],
    ['throws before it is ready', 'not enough memory'],
  ])('%s: says so, and no other is tried', async (fault, message) => {
    withFault(fault)
    expect(await threads(3)).toEqual({ count: 1, reason: `a worker failed: ${message}` })
    for (let i = 0; i < 5; i++) check()
    await sleep(50)
    expect(threads()).toEqual({ count: 1, reason: `a worker failed: ${message}` })
    await expectHealthy()
  })
})

test.each<Fault>(['traps', 'stalls'])('a worker that %s in a step that is replayed: the right bits within a second', async fault => {
  const [wanted, failing] = [task({ narrow: true }), task({ narrow: true, wrap: jit })]
  for (const { step } of [wanted, failing]) for (let i = 0; i < 4; i++) step()
  withFault(fault)
  await threads(2)
  let steps = 0
  const once = () => {
    failing.step()
    steps++
  }
  expect(await untilLost(2, /^a worker/, once)).toBeLessThan(DEADLINE)
  for (let i = 0; i < 2; i++) once()
  for (; steps > 0; steps--) wanted.step()
  expect(failing.bits()).toEqual(wanted.bits())
  await expectHealthy()
})

describe('a worker that fails while values change in place', () => {
  test.each<Fault>(['traps', 'stalls'])('%s: a WorkerError within a second, and the last checkpoint goes on', async fault => {
    const [wanted, failing] = [task(), task()]
    for (const { step } of [wanted, failing]) step()
    const restore = failing.save()
    const parameter = rand([1_000_003])
    const g = rand([1_000_003])
    const optimizer = Adam(0.1)
    // Neither in the momenta's zeros nor where gradients are only looked at.
    withFault(fault, inPlaceKernels)
    await threads(2)
    let error: unknown
    const once = () => {
      try {
        update(optimizer, parameter, g, { keep: true })
      } catch (thrown) {
        error = thrown
      }
    }
    expect(await untilLost(2, /^a worker/, once)).toBeLessThan(DEADLINE)
    expect(error).toBeInstanceOf(WorkerError)
    expect((error as WorkerError).message).toMatch(
      /^threads: a worker (failed|did not finish its work in time) while it changed values in place: 1 of \d+ parts are in doubt\. When await threads\(n\) .* checkpoint\.$/,
    )
    restore()
    for (const { step } of [wanted, failing]) for (let i = 0; i < 3; i++) step()
    expect(failing.bits()).toEqual(wanted.bits())
    for (const each of [parameter, g]) each.dispose()
    await expectHealthy()
  })
})

describe('a worker that stalls for two seconds and then writes', () => {
  test('finds its arguments and its memory as they were, while everything else goes on', async () => {
    const { bytes, tensors } = memory()
    withFault('stalls, then writes')
    await threads(2)
    const late = (SCRATCH.control + SIGNALS.late) >>> 2
    const hasWritten = () => Atomics.load(i32, late) !== 0
    held = (async () => {
      while (!hasWritten()) await sleep(5)
    })()
    expect(await untilLost(2, /^a worker did not finish its work in time$/)).toBeLessThan(DEADLINE)
    // A loop that never waits goes on in as much memory again, at most.
    const most = capacity()
    for (let i = 0; i < most / 6e6; i++) scope(() => void job().exp())
    expect(memory().bytes).toBeLessThan(most + 8e6)
    withFault(undefined)
    expect(await threads(2)).toMatchObject({ count: 2 })
    const others: Tensor[] = []
    const hashes: string[] = []
    let rounds = 0
    for (const end = Date.now() + 20_000; !hasWritten() && Date.now() < end; rounds++) {
      if (others.length < 40) {
        const factor = scope(() => rand([4001, 1]))
        others.push(x.mul(factor))
        factor.dispose()
        hashes.push(hash(others[others.length - 1]))
      }
      check()
      scope(() => void x.sum(1).add(x.sum(0, { keepDims: true }).transpose().sum()))
      await sleep(5)
    }
    expect(hasWritten()).toBe(true)
    expect(others.map(hash)).toEqual(hashes)
    for (const other of others) other.dispose()
    await held
    for (const end = Date.now() + 20_000; memory().bytes > bytes && Date.now() < end; ) await sleep(5)
    expect(memory().bytes).toBeLessThanOrEqual(bytes)
    expect(memory().tensors).toBeLessThanOrEqual(tensors)
    expect(rounds).toBeGreaterThan(2)
    await expectHealthy()
  })
})

test('workers that dawdle at random: thousands of jobs, the same bits', async () => {
  const small = randn([1603, 128])
  const line = randn([128])
  const sums = () => scope(() => hash(small.mul(line).exp().sum(0)))
  const wanted = sums()
  withFault('dawdles')
  await threads(3)
  const claims = (SCRATCH.control + SIGNALS.claims) >>> 2
  for (let i = 0; i < 700; i++) {
    expect(sums()).toBe(wanted)
    if (i % 100 === 99) await sleep(1)
  }
  expect(i32[claims]).toBeGreaterThan(100)
  withFault(undefined)
  await threads(1)
  for (const each of [small, line]) each.dispose()
  await expectHealthy()
})
