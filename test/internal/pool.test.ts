import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import workerThreads from 'node:worker_threads'
import { randn, scope, type Tensor, threads } from 'fluxtape'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { allocate, beginQuarantine, endQuarantine, release } from '../../src/wasm/allocator.ts'
import * as kernels from '../../src/wasm/kernels.generated.ts'
import { type Address, NONE } from '../../src/wasm/kinds.ts'
import { i32, memory, SCRATCH, scratches } from '../../src/wasm/memory.ts'
import { heard } from '../../src/wasm/pool.ts'
import type { WorkerStart } from '../../src/wasm/worker.ts'
import { bytesOf, cases, wake } from '../threads/cases.ts'

afterAll(() => threads(1))

/** How many jobs were forked since the workers started: the high half of the ticket. */
const jobs = (): number => i32[(SCRATCH.control >>> 2) + 1] >>> 0
const sleep = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))

/** The kernels by their numbers, as the wrappers know them, but for those that cost nothing by their own account: they are never shared. */
const wrappers = readFileSync('src/wasm/kernels.generated.ts', 'utf8').matchAll(
  /^export function (\w+)\([^}]*?const cost = (.+)[^}]*?\bfork(?:Of)?\((\d+),/gm,
)
const kernelNames = new Map(Array.from(wrappers, ([, name, cost, id]) => [Number(id), { name, isShared: !cost.startsWith('0 *') }]))

describe('every kernel is shared with a worker that is awake, and has the bits of one thread', () => {
  const { prototype } = workerThreads.Worker
  const { postMessage } = prototype

  const expected = new Map<string, Uint8Array>()
  const forked = new Set<string | undefined>()

  /** Notes which kernels are forked meanwhile: those after whose call there was a job more. */
  function noting<T>(f: () => T): T {
    let [last, before] = [-1, jobs()]
    const note = (kernel: number) => {
      if (jobs() !== before) forked.add(kernelNames.get(last)?.name)
      ;[last, before] = [kernel, jobs()]
    }
    try {
      return heard(note, f)
    } finally {
      note(-1)
    }
  }

  beforeAll(async () => {
    await threads(1)
    for (const [name, compute] of Object.entries(cases)) expected.set(name, bytesOf(compute))
    // Looks for work for seconds before it sleeps.
    prototype.postMessage = function (start: WorkerStart) {
      postMessage.call(this, { ...start, polls: 2 ** 31 - 1 })
    }
    await threads(2)
    prototype.postMessage = postMessage
  })

  test.each(Object.entries(cases))('%s', (name, compute) => {
    wake()
    const before = jobs()
    const bytes = noting(() => bytesOf(compute))
    expect(jobs() - before).toBeGreaterThan(0)
    expect(Buffer.compare(bytes, expected.get(name) ?? new Uint8Array())).toBe(0)
  })

  test('by one of these cases each', () => {
    const all = [...kernelNames.values()]
    expect(all.map(({ name }) => name).sort()).toEqual(
      Object.keys(kernels)
        .filter(name => name !== 'ABI' && !/^write[A-Z]/.test(name))
        .sort(),
    )
    expect(all.filter(({ name, isShared }) => isShared !== forked.has(name))).toEqual([])
  })
})

describe('the protocol', () => {
  let x: Tensor
  const product = () => scope(() => x.matmul(x).sum().item())

  beforeEach(async () => {
    x ??= randn([300, 300])
    await threads(1)
  })

  test('goes on when the number of jobs has gone through 32 bits', async () => {
    const expected = product()
    await threads(3)
    const ticket = SCRATCH.control >>> 3
    new BigInt64Array(memory.buffer)[ticket] = BigInt.asIntN(64, 0xfffffffcn << 32n)
    for (let i = 0; i < 10; i++) expect(product()).toBe(expected)
    expect(jobs()).toBeLessThan(20)
  })

  test('counts what is asked of it, not more, whatever the number of units', async () => {
    await threads(4)
    for (const units of [1, 2, 3, 63, 64, 65, 255, 256, 257, 1023, 100_003]) {
      const out = allocate(4 * units)
      i32.fill(-1, out >>> 2, (out >>> 2) + units)
      kernels.toIntFromByte(NONE, out, units, 1e6)
      const written = i32.subarray(out >>> 2, (out >>> 2) + units)
      expect(written.every(value => value >= 0 && value < 256)).toBe(true)
      release(out, 4 * units)
    }
  })

  test('a kernel that traps on the calling thread throws there, and costs no thread in the end', async () => {
    const expected = product()
    await threads(3)
    const control = SCRATCH.control
    const nowhere = 0xf0000000 as Address
    expect(() => kernels.exp(nowhere, nowhere, 1_000_000)).toThrow(WebAssembly.RuntimeError)
    expect(SCRATCH.control).not.toBe(control)
    expect(threads()).toEqual({ count: 1, reason: 'a job failed on the calling thread' })
    for (const end = Date.now() + 20_000; threads().count < 3 && Date.now() < end; ) {
      expect(product()).toBe(expected)
      await sleep(5)
    }
    expect(threads()).toEqual({ count: 3, reason: 'set by threads(n)' })
    expect(product()).toBe(expected)
  })

  test('gives every set of workers scratch areas of its own, and takes them back when they are gone', async () => {
    const seen = new Set<number>()
    for (let i = 0; i < 3 * scratches.length; i++) {
      expect(await threads(2)).toEqual({ count: 2, reason: 'set by threads(n)' })
      expect(SCRATCH.control).not.toBe([...seen].at(-1))
      seen.delete(SCRATCH.control)
      seen.add(SCRATCH.control)
    }
    const all = Array.from({ length: 3 * scratches.length }, (_, i) => threads(2 + (i % 2)))
    await Promise.all(all)
    expect(await threads(2)).toEqual({ count: 2, reason: 'set by threads(n)' })
  })

  test('starts as many as there are cores when nobody says how many', async () => {
    const { setThreads } = await import('../../src/wasm/pool.ts')
    const cores = availableParallelism()
    const reason = cores === 1 ? 'the machine has one core' : 'as many as the machine has cores'
    expect(await setThreads(undefined)).toEqual({ count: cores, reason })
  })
})

describe('quarantine', () => {
  const bytes = 40_000
  const taken: number[] = []
  const take = () => {
    const pointer = allocate(bytes)
    taken.push(pointer)
    return pointer
  }

  afterEach(() => {
    for (const pointer of taken.splice(0)) release(pointer, bytes)
  })

  const releaseNow = (pointer: number) => {
    taken.splice(taken.indexOf(pointer), 1)
    release(pointer, bytes)
  }

  test('lasts until the last that was begun has ended', () => {
    const old = take()
    beginQuarantine()
    beginQuarantine()
    releaseNow(old)
    expect(take()).not.toBe(old)
    endQuarantine()
    expect([take(), take(), take()]).not.toContain(old)
    endQuarantine()
    expect(take()).toBe(old)
  })

  test('does not hold what was never taken before', () => {
    const filler = Array.from({ length: 8 }, take)
    beginQuarantine()
    const fresh = allocate(2 ** 27)
    release(fresh, 2 ** 27)
    expect(allocate(2 ** 27)).toBe(fresh)
    release(fresh, 2 ** 27)
    endQuarantine()
    expect(new Set(filler).size).toBe(8)
  })
})
