import { createHash } from 'node:crypto'
import {
  Adam,
  Chain,
  clamp,
  crossEntropy,
  Dense,
  Descent,
  gather,
  logitCrossEntropy,
  Momentum,
  manualSeed,
  memory,
  type Optimizer,
  oneHot,
  params,
  rand,
  randint,
  randn,
  relu,
  scatterAdd,
  scope,
  type Tensor,
  takeAlong,
  tanh,
  tensor,
  threads,
  trainStep,
  zeros,
} from 'fluxtape'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bytesOf, cases, wake } from './cases.ts'

afterAll(() => threads(1))

const hash = (x: Tensor) => createHash('sha256').update(x.data()).digest('hex')

/** What `compute` gives on 1, 2, 3 and 4 threads. */
async function onEach<T>(compute: () => T): Promise<T[]> {
  const results: T[] = []
  for (const n of [1, 2, 3, 4]) {
    expect(await threads(n)).toMatchObject({ count: n })
    results.push(compute())
  }
  return results
}

describe('every family of kernels has the same bits on', () => {
  const expected = new Map<string, Uint8Array>()

  beforeAll(async () => {
    await threads(1)
    for (const [name, compute] of Object.entries(cases)) expected.set(name, bytesOf(compute))
  })

  describe.each(process.env.FLUXTAPE_NIGHTLY ? [2, 3, 4] : [2, 4])('%i threads as on one', n => {
    beforeAll(async () => expect(await threads(n)).toEqual({ count: n, reason: 'set by threads(n)' }))

    test.each(Object.entries(cases))('%s', (name, compute) => {
      const wanted = expected.get(name) ?? new Uint8Array()
      wake()
      expect(Buffer.compare(bytesOf(compute), wanted)).toBe(0)
    })
  })
})

describe('training has the same bits on any number of threads', () => {
  test.each<[string, () => Optimizer]>([
    ['Descent', () => Descent(0.05)],
    ['Momentum', () => Momentum(0.01)],
    ['Adam', () => Adam(0.003)],
  ])('%s', async (_, optimizer) => {
    const runs = await onEach(() => {
      manualSeed(5)
      const model = Chain(Dense(200, 301, tanh), Dense(301, 123, relu), Dense(123, 10))
      const ps = params(model)
      const opt = optimizer()
      const [x, y] = [randn([257, 200]), randint(0, 10, [257])]
      const losses: unknown[] = []
      for (let step = 0; step < 4; step++) losses.push(trainStep(() => logitCrossEntropy(model(x), y), ps, [], opt))
      return { losses, parameters: ps.entries().map(([path, each]) => [path, hash(each)]) }
    })
    for (const run of runs.slice(1)) expect(run).toEqual(runs[0])
    expect(runs[0].losses[3]).toBeLessThan(runs[0].losses[0] as number)
  })
})

test('memory that grows while workers are up is theirs, too', async () => {
  await threads(3)
  const before = memory().bytes
  scope(() => {
    const x = rand([1_000_003])
    const sums = [x.add(1).sum().item()]
    for (let i = 0; i < 12; i++) sums.push(x.add(1).sum().item())
    expect(new Set(sums).size).toBe(1)
    expect(memory().bytes - before).toBeGreaterThan(48e6)
  })
})

describe('the first bad index is named, whichever thread comes first', () => {
  const x = rand([4, 1000, 40])
  const flat = clamp(randn([20_000, 60]), -1, 1)
  const narrow = clamp(randn([20_000, 30]), -1, 1)
  /** Bad places in several chunks; the least has the largest number. */
  const bad = (n: number, places: readonly number[]) => {
    const indices = new Int32Array(n)
    places.forEach((place, i) => {
      indices[place] = 9_000_000 - i
    })
    return tensor(indices)
  }
  const places = [7_919, 7_920, 11_003, 15_001, 19_999]
  const classes = bad(20_000, places)

  test.each<[string, () => unknown]>([
    ['gather', () => gather(x, classes, 1)],
    ['scatterAdd', () => scatterAdd(x, classes, zeros([4, 20_000, 40]), 1)],
    ['takeAlong', () => takeAlong(narrow, bad(600_000, places).reshape([20_000, 30]), 1)],
    ['oneHot', () => oneHot(classes, 100)],
    ['logitCrossEntropy', () => logitCrossEntropy(flat, classes)],
    ['crossEntropy', () => crossEntropy(bad(600_000, places).cast('float32').reshape([20_000, 30]), narrow)],
  ])('%s', async (_, f) => {
    const messages = await onEach(() => {
      const seen = new Set<string>()
      for (let i = 0; i < 3; i++) {
        try {
          scope(f as () => undefined)
          seen.add('nothing was wrong')
        } catch (error) {
          seen.add(error instanceof RangeError ? error.message : String(error))
        }
      }
      return [...seen]
    })
    expect(messages[0]).toEqual([expect.stringContaining('9000000 at place 7919 ')])
    expect(messages).toEqual(Array(4).fill(messages[0]))
  })
})
