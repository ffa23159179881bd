// Data that comes later: datasets whose get is async, async maps, streams; batches under way, errors, ends.
import {
  Adam,
  accuracy,
  arange,
  DataLoader,
  Dense,
  filterObs,
  groupObs,
  kFolds,
  manualSeed,
  mapObs,
  memory,
  mse,
  params,
  rand,
  shuffleObs,
  slidingWindow,
  splitObs,
  stack,
  type Tensor,
  tensor,
  train,
  unbatch,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { refuses } from '../errors/table.ts'
import { unhandled } from '../train/problem.ts'
import { drain, plain } from './drain.ts'

const tick = (milliseconds = 0) => new Promise<void>(resolve => setTimeout(resolve, milliseconds))
const of = (n: number) => Array.from({ length: n }, (_, i) => i)

/** What is in the batches, of a loader of any kind. */
async function all(loader: AsyncIterable<unknown> | Iterable<unknown>): Promise<unknown[]> {
  const seen: unknown[] = []
  for await (const each of loader) seen.push(plain(each))
  return seen
}

const later = (n: number) => ({ length: n, get: async (i: number) => i })
async function* numbers(n: number) {
  for (let i = 0; i < n; i++) yield i
}
const stream = (n: number) => ({ [Symbol.asyncIterator]: () => numbers(n) })

describe('the batches of', () => {
  it.each<readonly [string, () => AsyncIterable<unknown> | Iterable<unknown>, unknown]>([
    ['an async get', () => new DataLoader(later(5), { batchSize: 2 }), [[0, 1], [2, 3], [4]]],
    ['an async get, whole ones', () => new DataLoader(later(5), { batchSize: 2, partial: false }), [[0, 1], [2, 3]]],
    ['an async get, collated', () => new DataLoader(later(3), { batchSize: 2, collate: list => list.map(each => -each) }), [[-0, -1], [-2]]],
    ['a get that is async at times', () => new DataLoader({ length: 4, get: i => (i % 3 ? i : Promise.resolve(i)) }, { batchSize: 3 }), [[0, 1, 2], [3]]],
    ['records', () => new DataLoader({ length: 2, get: async i => ({ x: Float32Array.of(i, 1), name: `n${i}` }) }, { batchSize: 2 }), [{ x: [[0, 1], [1, 1]], name: ['n0', 'n1'] }]],
    ['a list of promises', () => new DataLoader(of(3).map(async i => i), { batchSize: 2 }), [[0, 1], [2]]],
    ['a list and an async map', () => new DataLoader(['a', 'bc'], { batchSize: 2, map: async text => text.length }), [[1, 2]]],
    ['columns and a map', () => new DataLoader([arange(3), arange(3)], { batchSize: 2, map: ([x, y]) => x.mul(10).add(y) }), [[0, 11], [22]]],
    ['a map and a collate', () => new DataLoader([1, 2, 3], { batchSize: 2, map: n => n * 2, collate: list => list.join() }), ['2,4', '6']],
    ['a Set', () => new DataLoader(new Set([3, 4, 5]), { batchSize: 2 }), [[3, 4], [5]]],
    ['a generator', () => new DataLoader((function* () { yield* [1, 2] })()), [[1], [2]]],
    ['a stream', () => new DataLoader(stream(5), { batchSize: 2 }), [[0, 1], [2, 3], [4]]],
    ['a stream, whole ones', () => new DataLoader(stream(5), { batchSize: 2, partial: false, prefetch: 3 }), [[0, 1], [2, 3]]],
    ['a stream, mapped', () => new DataLoader(stream(3), { batchSize: 2, map: async i => i + 1, prefetch: 2 }), [[1, 2], [3]]],
    ['an empty stream', () => new DataLoader(stream(0)), []],
    ['mapObs of an async get', () => new DataLoader(mapObs(i => i * 2, later(3)), { batchSize: 3 }), [[0, 2, 4]]],
    ['a part of an async get', () => new DataLoader(splitObs(later(4), { at: 0.5 })[1], { batchSize: 2 }), [[2, 3]]],
    ['windows of an async get', () => new DataLoader(slidingWindow(later(3), { size: 2 }), { batchSize: 2 }), [[[0, 1], [1, 2]]]],
  ])('%s', async (_, make, batches) => {
    const before = memory().tensors
    expect(await all(make())).toEqual(batches)
    expect(memory().tensors - before).toBeLessThanOrEqual(_ === 'columns and a map' ? 2 : _ === 'windows of an async get' ? 2 : 0)
  }) // biome-ignore format: one row a line

  it('parts of an async dataset are datasets of promises', async () => {
    expect((await Promise.all([...shuffleObs(later(4), { seed: 1 })])).toSorted()).toEqual([0, 1, 2, 3])
    expect(await Promise.all(kFolds(later(4), 2).map(([, part]) => part.get(0)))).toEqual([0, 2])
  })

  it('a shuffled async get come in the order of a sync one', async () => {
    const options = { batchSize: 3, shuffle: true, seed: 5 } as const
    const [a, b] = [new DataLoader({ length: 10, get: i => i }, options), new DataLoader(later(10), { ...options, prefetch: 2 })]
    for (let epoch = 0; epoch < 2; epoch++) expect(await all(b)).toEqual(drain(a))
  })
})

describe('prefetch', () => {
  /** Reads with so many batches of two ahead; observations resolve in the order that `wait` says. */
  async function counted(prefetch: number, wait: (i: number) => number) {
    let [now, most] = [0, 0]
    const asked: number[] = []
    const get = async (i: number) => {
      asked.push(i)
      most = Math.max(most, ++now)
      await tick(wait(i))
      now--
      return i
    }
    const loader = new DataLoader({ length: 12, get }, { batchSize: 2, prefetch })
    const seen: unknown[] = []
    const ahead: number[] = []
    for await (const each of loader) {
      seen.push(...each.toArray<number[]>())
      ahead.push(asked.length - seen.length)
    }
    return { seen, most, ahead, asked }
  }

  it.each([0, 1, 2, 5, 50])('%d: so many are under way at once, and come in their order', async prefetch => {
    const { seen, most, ahead, asked } = await counted(prefetch, i => (12 - i) % 5)
    expect([seen, asked]).toEqual([of(12), of(12)])
    expect(most).toBeLessThanOrEqual(2 * Math.max(1, prefetch))
    expect(ahead).toEqual([10, 8, 6, 4, 2, 0].map(left => Math.min(left, 2 * prefetch)))
  })

  it('asks a get that is not async for no more than the batch', () => {
    const asked: number[] = []
    for (const _ of new DataLoader({ length: 4, get: i => asked.push(i) }, { prefetch: 3 })) break
    expect(asked).toEqual([0])
  })

  it('of a stream reads ahead', async () => {
    let read = 0
    const source = { async *[Symbol.asyncIterator]() { for (; read < 20; ) yield read++ } } // biome-ignore format: one line
    for await (const _ of new DataLoader(source, { batchSize: 2, prefetch: 3 })) {
      await tick(2)
      break
    }
    expect(read).toBe(8)
  })
})

describe('an error', () => {
  const boom = (at: number) => async (i: number) => {
    if (i === at) throw new Error('boom')
    return i
  }
  it.each<readonly [string, () => AsyncIterable<unknown> | Iterable<unknown>]>([
    ['of get', () => new DataLoader({ length: 9, get: boom(5) }, { batchSize: 2 })],
    ['of get that is prefetched', () => new DataLoader({ length: 9, get: boom(5) }, { batchSize: 2, prefetch: 5 })],
    ['of a get that throws', () => new DataLoader({ length: 9, get: i => { if (i === 5) throw new Error('boom'); return i } }, { batchSize: 2 })],
    ['of a map', () => new DataLoader(of(9), { batchSize: 2, map: boom(5), prefetch: 1 })],
    ['of a generator', () => new DataLoader({ async *[Symbol.asyncIterator]() { for (let i = 0; ; i++) yield await boom(5)(i) } }, { batchSize: 2, prefetch: 2 })],
    ['of a map of a stream', () => new DataLoader(stream(9), { batchSize: 2, map: i => { if (i === 5) throw new Error('boom'); return i } })],
  ])('%s names the observation, at its batch, and nothing is left', async (_, make) => {
    const before = memory().tensors
    const seen: unknown[] = []
    const run = async () => {
      for await (const each of make()) seen.push(plain(each))
    }
    expect(await unhandled(() => expect(run()).rejects.toThrow('DataLoader: observation 5: boom'))).toEqual([])
    await tick()
    expect(seen).toEqual([[0, 1], [2, 3]]) // biome-ignore format: one line
    expect(memory().tensors).toBe(before)
  }) // biome-ignore format: one row a line

  it('is the one that was thrown, and the cause of one that cannot say it', async () => {
    const error = Object.assign(new Error('gone'), { code: 'ENOENT' })
    const run = all(new DataLoader({ length: 1, get: () => Promise.reject(error) }))
    await expect(run).rejects.toBe(error)
    const reason = new DOMException('stopped', 'AbortError')
    await expect(all(new DataLoader({ length: 1, get: () => Promise.reject(reason) }))).rejects.toMatchObject({
      message: 'DataLoader: observation 0: stopped',
      cause: reason,
    })
    await expect(all(new DataLoader({ length: 1, get: () => Promise.reject('no') }))).rejects.toThrow("DataLoader: observation 0: 'no'")
  })

  it('of what gives nothing says so', async () => {
    await expect(all(new DataLoader({ length: 1, get: async () => undefined }))).rejects.toThrow(
      new TypeError('DataLoader: observation 0: it is undefined. Have get, map or the generator give it.'),
    )
  })
})

describe('the end', () => {
  it('by break aborts what is under way, and frees it', async () => {
    const before = memory().tensors
    const signals: AbortSignal[] = []
    const get = async (i: number, { signal }: { signal: AbortSignal }) => {
      signals.push(signal)
      await tick(i)
      return Float32Array.of(i)
    }
    for await (const _ of new DataLoader({ length: 9, get }, { prefetch: 3, map: x => tensor(x).mul(2) })) break
    // The first one has come.
    expect(signals.map(each => each.aborted)).toEqual([false, true, true, true])
    await tick(8)
    expect(memory().tensors).toBe(before)
  })

  it('is told to each by a signal of its own, of which a runtime with few listeners does not warn', async () => {
    const signals = new Set<AbortSignal>()
    let options: { signal: AbortSignal } | undefined
    const get = async (i: number, means: { signal: AbortSignal }) => {
      options = means
      if (i < 8) signals.add(means.signal)
      await tick(1)
      return i
    }
    for await (const _ of new DataLoader({ length: 16, get }, { batchSize: 8, prefetch: 1 })) break
    expect([signals.size, options?.signal.aborted]).toEqual([8, true])
  })

  it('of all is no abort', async () => {
    let seen: AbortSignal | undefined
    await all(new DataLoader({ length: 2, get: async (_, { signal }) => String((seen = signal)) }))
    expect(seen?.aborted).toBe(false)
  })

  it('by an abort of train is at once, whatever does not come; a stream is closed', async () => {
    const log: string[] = []
    const never = () => new Promise<never>(() => {})
    const note = (text: string) => {
      log.push(text)
      return never()
    }
    const get = (i: number, { signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', () => note('told'))
      return i < 2 ? Promise.resolve(i) : never()
    }
    const next = (i: number) => (i < 2 ? Promise.resolve({ done: false, value: i }) : never())
    const iterator = (i = 0): AsyncIterator<number> => ({ next: () => next(i++), return: () => note('closed') })
    const [w, opt] = [rand([1]), Adam()]
    const aborted = async (source: AsyncIterable<Tensor>) => {
      const controller = new AbortController()
      const run = train((x: Tensor) => w.mul(x).sum(), params(w), source, opt, { signal: controller.signal })
      setTimeout(() => controller.abort(new Error('enough')), 5)
      expect(await unhandled(() => expect(run).rejects.toThrow('enough'))).toEqual([])
      return memory().tensors
    }
    const dataset = () => new DataLoader({ length: 5, get }, { prefetch: 2, map: i => tensor(i) })
    const tensors = await aborted(dataset())
    expect([await aborted(dataset()), await aborted(new DataLoader({ [Symbol.asyncIterator]: iterator }))]).toEqual([tensors, tensors])
    expect(log).toEqual([...of(4).map(() => 'told'), 'closed'])
  })
})

describe('a stream', () => {
  it('is shuffled in a buffer: each comes once, none before it is read, and a seed fixes the order', async () => {
    const make = (seed: number) => new DataLoader(new Set(of(100)), { batchSize: 10, shuffle: 20, seed })
    const loader = make(1)
    const [first, second] = [drain(loader).flat() as number[], drain(loader).flat()]
    expect(first.toSorted((a, b) => a - b)).toEqual(of(100))
    expect(first).not.toEqual(second)
    expect(drain(make(1)).flat()).toEqual(first)
    expect(drain(make(2)).flat()).not.toEqual(first)
    expect(first.every((each, place) => each < place + 20)).toBe(true)
    expect(await all(new DataLoader(stream(100), { batchSize: 10, shuffle: 20, seed: 1, prefetch: 2 }))).toEqual(drain(make(1)))
  })

  it('has no length, and train lives with it', async () => {
    const loader = new DataLoader(stream(5), { batchSize: 2 })
    expect([loader.length, String(loader)]).toEqual([undefined, 'DataLoader: a stream, batches of 2'])
    const steps: unknown[] = []
    const w = rand([1])
    await train((x: Tensor) => w.mul(x).sum(), params(w), loader, Adam(), { epochs: 2, progress: info => steps.push(info.steps) })
    expect(steps).toEqual(Array.from({ length: 6 }, () => undefined))
  })
})

describe('map', () => {
  const noise = (loader: AsyncIterable<unknown> | Iterable<unknown>) => all(loader)
  const draws = (i: number) => rand([2]).add(i)
  it('draws numbers of the place: the same whatever is prefetched, async or not, and others in the next epoch', async () => {
    const options = { batchSize: 2, shuffle: true, seed: 3, map: draws } as const
    const make = () => new DataLoader({ length: 7, get: (i: number) => i }, options)
    const [loader, again] = [make(), make()]
    const [first, second] = [await noise(loader), await noise(loader)]
    expect(first).not.toEqual(second)
    expect([await noise(again), await noise(again)]).toEqual([first, second])
    const get = async (i: number) => tick((7 * i) % 4).then(() => i)
    expect(await noise(new DataLoader({ length: 7, get }, { ...options, prefetch: 3 }))).toEqual(first)
    expect(await noise(new DataLoader(later(7), { ...options, map: async i => draws(i), prefetch: 1 }))).toEqual(first)
  })

  it('follows manualSeed without a seed', () => {
    const loader = new DataLoader(of(4), { batchSize: 2, map: draws })
    manualSeed(1)
    const first = drain(loader)
    expect(drain(loader)).not.toEqual(first)
    manualSeed(1)
    expect(drain(loader)).toEqual(first)
  })
})

it('train, validation and metrics take what comes later', async () => {
  const model = Dense(1, 2)
  const get = async (i: number) => [Float32Array.of(i), i % 2] as const
  const loader = new DataLoader({ length: 6, get }, { batchSize: 4, prefetch: 1 })
  const loss = (x: Tensor, y: Tensor) => mse(model(x).sum(1), y)
  const { steps, epochs } = await train(loss, params(model), loader, Adam(), { epochs: 2, validation: loader })
  expect([steps.length, epochs[1].validation]).toEqual([4, expect.any(Number)])
  const parity = (x: Tensor) => stack([x.squeeze(1).mul(0).add(0.5), x.squeeze(1)], 1)
  const right = accuracy(parity, loader)
  expect(right).toBeInstanceOf(Promise)
  // 0 of 0, 1, 2 to 5 is even; the odd ones above it are right.
  expect(await right).toBeCloseTo(4 / 6)
  expect(accuracy(parity, new DataLoader({ length: 6, get: i => [Float32Array.of(i), i % 2] as const }, { batchSize: 4 }))).toBeCloseTo(
    4 / 6,
  )
})

describe('what comes later refuses', () => {
  refuses([
    ['a loop that does not wait', () => drain(new DataLoader(later(2)) as never), 'TypeError: DataLoader: its batches have to be waited for. Write for await (const batch of loader).'],
    ['the same of a stream', () => drain(new DataLoader(stream(2)) as never), 'TypeError: DataLoader: its batches have to be waited for. Write for await (const batch of loader).'],
    ['a stream that is shuffled as a whole', () => new DataLoader(stream(2), { shuffle: true as never }), 'TypeError: DataLoader: a stream is shuffled within a buffer of a whole number of observations: true came. Write { shuffle: 1000 }: each is then drawn from a buffer of so many.'],
    ['a buffer of half an observation', () => new DataLoader(stream(2), { shuffle: 0.5 }), 'TypeError: DataLoader: a stream is shuffled within a buffer of a whole number of observations: 0.5 came. Write { shuffle: 1000 }: each is then drawn from a buffer of so many.'],
    ['a buffer of what is no stream', () => new DataLoader([1], { shuffle: 2 as never }), 'TypeError: DataLoader: shuffle is true or false: 2 came.'],
    ['to prefetch what is there', () => new DataLoader(arange(3), { prefetch: 1 }), 'TypeError: DataLoader: prefetch is for data that has to be waited for. Leave it out: this data is there.'],
    ['half a batch ahead', () => new DataLoader(later(1), { prefetch: 0.5 }), 'RangeError: DataLoader: prefetch is a whole number of batches from 0: 0.5.'],
    ['a map that is none', () => new DataLoader([1], { map: 3 as never }), 'TypeError: DataLoader: map is a function: 3 came.'],
    ['a loader of a loader', () => new DataLoader(new DataLoader([1])), 'TypeError: DataLoader: it takes observations: a DataLoader came. Pass the data of that one.'],
    ['to filter promises', () => filterObs(() => true, later(2)), 'TypeError: filterObs: the observations are promises. Read them before: await Promise.all(Array.from(data, each => each)), or with get(i).'],
    ['to group promises', () => groupObs(() => 1, later(2)), 'TypeError: groupObs: the observations are promises. Read them before: await Promise.all(Array.from(data, each => each)), or with get(i).'],
    ['to unbatch promises', () => unbatch(later(2)), 'TypeError: unbatch: the observations are promises. Read them before: await Promise.all(Array.from(data, each => each)), or with get(i).'],
    ['a generator object for two epochs', () => train((x: Tensor) => x.sum(), params({ w: rand([1]) }), new DataLoader(numbers(3)), Adam(), { epochs: 2 }), 'TypeError: train: the data can be gone through once, and epochs is 2. Pass an iterable that starts anew, such as a DataLoader or a list, not an iterator.'],
  ]) // biome-ignore format: one row a line
})
