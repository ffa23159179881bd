import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { configure, gradient, keep, matmul, rand, scope, type Tensor, tensor, threads, variant } from 'fluxtape'
import { afterAll, describe, expect, test } from 'vitest'

const isBaseline = process.env.FLUXTAPE_VARIANT === 'baseline'
const waiting = 'workers start with the first job that is worth them'

afterAll(() => threads(1))

const sleep = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))

/** Runs `f` inside a gradient, where nothing may change. */
function whileRecording(f: () => void): void {
  gradient(x => {
    f()
    return x
  }, 1)
}

let big: Tensor | undefined
/** A product that is worth several threads. */
function work(): unknown {
  const x = (big ??= keep(rand([300, 300])))
  return scope(() => createHash('sha256').update(matmul(x, x).data()).digest('hex'))
}

describe('threads that nobody asked for', () => {
  test('are not there before a job that is worth them', async () => {
    expect(threads()).toEqual({ count: 1, reason: waiting })
    const x = tensor([1, 2, 3])
    for (let i = 0; i < 3000; i++) scope(() => void x.add(i).mul(x).sum())
    await sleep(20)
    expect(threads()).toEqual({ count: 1, reason: waiting })
  })

  test('start with it, and join later', async () => {
    const first = work()
    const cores = availableParallelism()
    if (cores === 1) return expect(threads()).toEqual({ count: 1, reason: 'the machine has one core' })
    expect(threads()).toMatchObject({ reason: expect.stringMatching(/^\d+ of \d+ workers are still starting$/) })
    for (const end = Date.now() + 20_000; threads().count < cores && Date.now() < end; ) {
      expect(work()).toEqual(first)
      await sleep(5)
    }
    expect(threads()).toEqual({ count: cores, reason: 'as many as the machine has cores' })
    expect(work()).toEqual(first)
  })

  test('end with threads(1), for good', async () => {
    expect(await threads(1)).toEqual({ count: 1, reason: 'set to one' })
    work()
    await sleep(20)
    expect(threads()).toEqual({ count: 1, reason: 'set to one' })
  })
})

describe('threads(n)', () => {
  test('brings up as many as it is told, each time', async () => {
    const first = work()
    for (const n of [2, 4, 1, 3, 2, 2]) {
      expect(await threads(n)).toMatchObject({ count: n })
      expect(threads()).toEqual({ count: n, reason: n === 1 ? 'set to one' : 'set by threads(n)' })
      expect(work()).toEqual(first)
    }
  })

  test('right after jobs, again and again, leaves no job without an answer', async () => {
    const first = work()
    for (let i = 0; i < 24; i++) {
      const up = threads(2 + (i % 3))
      expect(work()).toEqual(first)
      if (i % 2) await up
      expect(work()).toEqual(first)
    }
    await threads(2)
    expect(threads()).toEqual({ count: 2, reason: 'set by threads(n)' })
  })

  test('called twice without waiting does what the second says', async () => {
    const both = [threads(4), threads(2)]
    await Promise.all(both)
    expect(threads()).toEqual({ count: 2, reason: 'set by threads(n)' })
    await Promise.all([threads(3), threads(1)])
    expect(threads()).toEqual({ count: 1, reason: 'set to one' })
  })

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d', n => {
    expect(() => threads(n)).toThrow(new RangeError(`threads: a number of threads is a whole number from 1: ${n}.`))
  })

  test('refuses what is no number', () => {
    const call = threads as (count: unknown) => unknown
    for (const wrong of ['2', null, {}]) expect(() => call(wrong)).toThrow(TypeError)
  })

  test('refuses to change anything while a gradient is being taken; threads() may be asked', async () => {
    await threads(2)
    whileRecording(() => {
      expect(threads()).toEqual({ count: 2, reason: 'set by threads(n)' })
      expect(() => threads(3)).toThrow(new TypeError('threads: a gradient is being taken. Call it before or after.'))
    })
    expect(threads().count).toBe(2)
  })
})

describe('configure', () => {
  const [a, b] = [
    tensor(Array.from({ length: 90_000 }, (_, i) => Math.sin(i))),
    tensor(Array.from({ length: 90_000 }, (_, i) => Math.cos(i))),
  ]
  const product = (): unknown =>
    scope(() =>
      createHash('sha256')
        .update(matmul(a.reshape([300, 300]), b.reshape([300, 300])).data())
        .digest('hex'),
    )

  /** Bits of both variants on one thread. */
  async function alone(deterministic: boolean): Promise<unknown> {
    await threads(1)
    await configure({ deterministic })
    return product()
  }

  test('keeps the number of threads, and changes the kernels of all', async () => {
    const baseline = await alone(true)
    const best = await alone(false)
    const doesFuse = variant() === 'relaxed'
    expect(best === baseline).toBe(!doesFuse)
    for (const n of [2, 3]) {
      await threads(n)
      for (const deterministic of [true, false, true, false]) {
        await configure({ deterministic })
        expect(threads()).toEqual({ count: n, reason: 'set by threads(n)' })
        for (let i = 0; i < 10; i++) expect(product()).toEqual(deterministic ? baseline : best)
      }
    }
    await configure({ deterministic: isBaseline })
  })

  test('starts no threads where there are none', async () => {
    await threads(1)
    await configure({ deterministic: isBaseline })
    expect(threads()).toEqual({ count: 1, reason: 'set to one' })
  })

  test('refuses while a gradient is being taken, and leaves the threads alone', async () => {
    await threads(2)
    let refusal: Promise<unknown> = Promise.resolve()
    whileRecording(() => {
      refusal = configure({ deterministic: true })
      refusal.catch(() => {})
    })
    await expect(refusal).rejects.toThrow(TypeError)
    expect(threads()).toEqual({ count: 2, reason: 'set by threads(n)' })
  })
})

test('a gradient that throws in the middle of a step leaves the threads as they were', async () => {
  await threads(2)
  const first = work()
  expect(() => gradient((x: Tensor) => matmul(x, x).reshape([3]), rand([300, 300]))).toThrow()
  expect(work()).toEqual(first)
  expect(threads().count).toBe(2)
})
