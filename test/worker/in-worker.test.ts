import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import * as lib from 'fluxtape'
import { inWorker, type Remote } from 'fluxtape/worker'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bundled } from './bundled.ts'

const { Dense, loadState, state, stop, tensor, threads } = lib
// biome-ignore lint/suspicious/noExplicitAny: what the functions take and give is what is tried
type Any = Remote<Record<string, (...args: any[]) => any>>
let url: URL
let remote: Any
beforeAll(async () => {
  url = await bundled('served.mjs')
  remote = await inWorker(url)
})
afterAll(() => remote.terminate())

/** An address of a module that is made of text, in the folder of the bundled one. */
function module(name: string, text: string): URL {
  const address = new URL(name, url)
  writeFileSync(address, text)
  return address
}
const rejection = (promise: PromiseLike<unknown>) =>
  Promise.resolve(promise).then(
    () => undefined,
    error => error,
  )

describe('values', () => {
  const shared = { a: 1 }
  const cyclic: { self?: unknown } = {}
  cyclic.self = cyclic
  it.each([
    ['a number', Number.NaN],
    ['nothing', undefined],
    ['a text', 'x'],
    ['a list', [1, [2, 'x'], null]],
    ['a record', { a: { b: [1n] }, c: new Date(0) }],
    ['a Map', new Map([['a', { b: 1 }]])],
    ['a Set', new Set([1, 'a'])],
    ['bytes', Uint8Array.of(1, 2)],
    ['the same twice', [shared, shared]],
    ['a circle', cyclic],
    ['an answer', { how: stop }],
  ])('%s', async (_, value) => expect(await remote.echo(value)).toEqual(value))

  it.each([
    ['float32', tensor([[1.5, Number.NaN], [Number.POSITIVE_INFINITY, -0]])], // biome-ignore format: one line
    ['int32', tensor([1, -2], { dtype: 'int32' })],
    ['uint8', tensor([1, 255], { dtype: 'uint8' })],
    ['bool', tensor([true, false])],
    ['a scalar', tensor(3)],
    ['an empty one', lib.zeros([0, 3])],
    ['a view', tensor([[1, 2], [3, 4]]).transpose()], // biome-ignore format: one line
  ])('a tensor: %s', async (_, t) => {
    const { list, twin } = (await remote.echo({ list: [t], twin: t })) as { list: lib.Tensor[]; twin: lib.Tensor }
    expect(twin).toBe(list[0])
    expect([twin.shape, twin.dtype, twin.data()]).toEqual([t.shape, t.dtype, t.data()])
    expect(t.data().length).toBe(t.size)
  })

  it('a state arrives as one', async () => {
    const model = Dense(2, 1)
    const found = (await remote.echo(state(model))) as lib.State
    expect(JSON.stringify(found)).toBe(JSON.stringify(state(model)))
    loadState(Dense(2, 1), found)
  })

  it('a view of the memory arrives as a copy', async () => {
    const t = tensor([1, 2])
    const found = (await remote.echo(t.view())) as Float32Array
    expect(Array.from(found)).toEqual([1, 2])
    expect(found.buffer.byteLength).toBe(8)
  })

  it.each([
    ['a model', () => remote.echo({ a: [1, Dense(2, 1)] }), /echo\[0\]\.a\[1\] cannot cross .*a model/],
    ['a class', () => remote.echo(new lib.DataLoader([tensor([1])])), /echo\[0\] cannot cross .*DataLoader/],
    ['a symbol', () => remote.echo([Symbol('x')]), /echo\[0\]\[0\] cannot cross/],
    ['a promise', () => remote.echo(Promise.resolve(1)), /echo\[0\] cannot cross .*Promise/],
    ['what no clone is of', () => remote.echo({ a: new WeakRef({}) }), /echo\[0\]\.a cannot cross/],
    ['a result that is a model', () => remote.model(), /the result cannot cross .*a model/],
    ['a result of a class', () => remote.loader(true), /the result cannot cross .*DataLoader/],
    ['a result with a class', () => remote.loader(), /the result\.data cannot cross .*DataLoader/],
    ['a result that is a function', () => remote.echo(() => 1).then(f => (f as () => 1)()), /the result cannot cross/],
  ])('%s is refused, with its place', async (_, f, text) => {
    const error = await rejection(f() as Promise<unknown>)
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toMatch(text)
    expect(await remote.echo(1)).toBe(1)
  })

  it('a tensor that was released is a ReleasedError', async () => {
    const t = tensor([1])
    t.dispose()
    expect(await rejection(remote.echo(t))).toBeInstanceOf(lib.ReleasedError)
  })
})

describe('training', () => {
  const data = [tensor([[1, 2], [3, 4]]), tensor([[1], [2]])] // biome-ignore format: one line
  const here = async () => {
    lib.manualSeed(1)
    const model = Dense(2, 1)
    const [x, y] = data
    await lib.train((a, b) => lib.mse(model(a), b), lib.params(model), [[x, y]], lib.Adam(0.1), { epochs: 20 })
    return model
  }

  it('gives the bits that it gives here', async () => {
    const found = (await remote.fit({ epochs: 20, data })) as { state: lib.State; history: lib.History }
    expect(found.state.get('weight')?.data()).toEqual((await here()).weight.data())
    expect(found.history.steps.length).toBe(20)
    expect(found.history.epochs.length).toBe(20)
  })

  it('awaits callbacks, which may end it', async () => {
    const seen: number[] = []
    const onEpoch = async ({ epoch, loss }: lib.EpochRecord) => {
      await new Promise(resolve => setTimeout(resolve, 1))
      seen.push(epoch)
      return epoch === 4 && loss > 0 ? stop : undefined
    }
    const { history } = (await remote.fit({ epochs: 1000 }, { onEpoch })) as { history: lib.History }
    expect(seen).toEqual([0, 1, 2, 3, 4])
    expect(history.epochs.length).toBe(5)
  })

  it('leaves out what lives there', async () => {
    let seen: unknown
    expect(await remote.explicit({ onEpoch: (_: unknown, run: unknown) => void (seen = run) })).toBe('done')
    expect(seen).toEqual({ model: { d: undefined }, params: undefined, optimizer: undefined })
  })

  it('all that is reported comes before the result', async () => {
    let seen = 0
    expect(await remote.report(() => void seen++, 500)).toBe(500)
    expect(seen).toBe(500)
  })

  it('a callback that throws ends it with that very error', async () => {
    const error = new lib.FluxtapeError({ operation: 'mine', problem: 'no more' })
    const onStep = () => {
      throw error
    }
    expect(await rejection(remote.fit({ epochs: 10 }, { onStep }))).toBe(error)
    expect(await rejection(remote.report(onStep, 3).then(() => remote.awaited(onStep)))).toBe(error)
    expect(await rejection(remote.awaited(onStep))).toBe(error)
    expect(await remote.echo(1)).toBe(1)
  })

  it.each([
    ['before', true],
    ['while it runs', false],
  ])('an abort %s rejects with its reason', async (_, isEarly) => {
    const control = new AbortController()
    const reason = new Error('enough')
    if (isEarly) control.abort(reason)
    let steps = 0
    const onStep = () => {
      if (steps++ === 3) control.abort(reason)
    }
    expect(await rejection(remote.fit({ epochs: 1e6, breathe: 5 }, { onStep, signal: control.signal }))).toEqual(reason)
    expect(steps).toBeLessThan(isEarly ? 1 : 1000)
    const plain = new AbortController()
    setTimeout(() => plain.abort(), 20)
    const error = await rejection(remote.fit({ epochs: 1e6, breathe: 5 }, { signal: plain.signal }))
    expect((error as Error).name).toBe('AbortError')
    expect(error).toBe(plain.signal.reason)
  })

  it('two at once give what each gives alone', async () => {
    const both = await Promise.all([remote.fit({ epochs: 5, data }), remote.add(tensor([1]), tensor([2]))])
    expect((both[1] as lib.Tensor).item()).toBe(3)
    expect((both[0] as { state: lib.State }).state.size).toBe(2)
  })

  it('a function is not called when its call has ended', async () => {
    await remote.keeps(() => 1)
    expect(await rejection(remote.kept())).toMatchObject({ name: 'TypeError', message: expect.stringMatching(/had ended/) })
  })
})

describe('errors', () => {
  it('arrive as what they are', async () => {
    const shape = await rejection(remote.fails('ShapeError'))
    expect(shape).toBeInstanceOf(lib.ShapeError)
    expect(shape).toMatchObject({ operation: 'reshape', shapes: expect.any(Array), stack: expect.stringContaining('served') })
    expect(await rejection(remote.fails('DivergedError'))).toMatchObject({
      name: 'DivergedError',
      step: 7,
      loss: Number.NaN,
      parameter: 'weight',
    })
    expect(await rejection(remote.fails('DivergedError'))).toBeInstanceOf(lib.DivergedError)
    const type = await rejection(remote.fails('TypeError'))
    expect(type).toBeInstanceOf(TypeError)
    expect((type as { operation: string }).operation).toBe('tensor')
    expect(Object.keys(type as object)).toEqual([])
    expect(await rejection(remote.fails('value'))).toEqual({ code: 5 })
    expect(await rejection(remote.fails('own'))).toMatchObject({ message: 'own', code: 5, cause: { name: 'RangeError', message: 'why' } })
  })

  it('all of the library, each of its class', async () => {
    const classes = Object.values(lib).filter(
      each => typeof each === 'function' && each.prototype instanceof Error,
    ) as unknown as (new () => Error)[]
    const found = (await remote.every()) as Error[]
    for (const each of classes) expect(found.filter(error => error.constructor === each).length, each.name).toBe(1)
  })
})

describe('iteration', () => {
  it('goes step by step', async () => {
    const seen: number[] = []
    for await (const t of remote.steps(3) as AsyncIterable<unknown>) seen.push((t as lib.Tensor).item())
    expect(seen).toEqual([0, 1, 2])
    const before = await remote.left()
    for await (const t of remote.steps(1e9) as AsyncIterable<unknown>) if ((t as lib.Tensor).item() === 2) break
    expect(await remote.left()).toBe(before + 1)
  })

  it('of what cannot be is refused', async () => {
    const f = async () => {
      for await (const _ of remote.echo(1) as unknown as AsyncIterable<unknown>) expect.unreachable()
    }
    expect(await rejection(f())).toMatchObject({ message: expect.stringMatching(/gave nothing to iterate/) })
  })
})

describe('workers that fail', () => {
  const start = (name: string, text: string) => () => inWorker(module(name, text))
  it.each([
    ['is not there', () => inWorker(new URL('./none.mjs', url)), /could not be loaded: Cannot find module/],
    ['does not parse', start('odd.mjs', 'let let = 5'), /could not be loaded: Unexpected strict mode/],
    ['throws', start('thrower.mjs', "throw new Error('mine')"), /could not be loaded: mine/],
    ['serves nothing', start('mute.mjs', ''), /could not be loaded: it ended with code 0/],
    ['has no address', () => inWorker('http://localhost/train.js'), /cannot be started/],
  ])('one that %s', async (_, f, text) => {
    const before = threads()
    const error = await rejection(f())
    expect(error).toBeInstanceOf(lib.WorkerError)
    expect((error as Error).message).toMatch(text)
    expect(threads().count).toBe(before.count)
  })

  it.each([
    ['ends', 'die', /ended with code 3/],
    ['throws beside', 'throws', /the worker ended: later\.$/],
    ['is ended', 'spin', /ended by terminate\(\)/],
  ])('one that %s', async (_, name, text) => {
    const other: Any = await inWorker(url)
    const calls = [other.forever(), other[name]()].map(rejection)
    if (name === 'spin') setTimeout(() => other.terminate(), 20)
    expect(((await calls[0]) as Error).message).toMatch(text)
    expect(await calls[0]).toBeInstanceOf(lib.WorkerError)
    expect(await rejection(other.echo(1))).toBe(await calls[0])
    await other.terminate()
  })

  it.each([
    ['without workers of modules', class { terminate() {} }, /cannot be started: this browser knows no workers of modules/], // biome-ignore format: one line
    ['without workers', undefined, /cannot be started: this runtime has no workers/],
  ])('in a browser %s', async (_, Known, text) => {
    const { getBuiltinModule } = process
    const before = threads()
    vi.stubGlobal('Worker', Known)
    process.getBuiltinModule = ((name: string) => (name === 'node:worker_threads' ? undefined : getBuiltinModule(name))) as never
    const error = await rejection(inWorker(url)).finally(() => {
      process.getBuiltinModule = getBuiltinModule
      vi.unstubAllGlobals()
    })
    expect(error).toBeInstanceOf(lib.WorkerError)
    expect(error.message).toMatch(text)
    expect(threads()).toEqual(before)
  })

  it('the names are those that it serves', async () => {
    expect(() => (remote as unknown as { fti(): void }).fti()).toThrow(/inWorker: the worker has no function 'fti'\. It serves echo, add/)
    expect(JSON.stringify(remote)).toBe('{}')
    expect(await Promise.resolve(remote)).toBe(remote)
  })

  it.each([
    ['no address', () => inWorker(5 as never), TypeError],
    ['another option', () => inWorker(url, { thread: 1 } as never), TypeError],
    ['half a thread', () => inWorker(url, { threads: 0.5 }), RangeError],
    ['no options', () => inWorker(url, null as never), TypeError],
    ['a controller', () => inWorker(url, { signal: new AbortController() as never }), TypeError],
  ])('wrong arguments: %s', async (_, f, Kind) => {
    const error = await rejection(f())
    expect(error).toBeInstanceOf(Kind)
    expect(error.message).toMatch(/^inWorker: /)
  })

  it('waiting is given up', async () => {
    const mute = module('waiting.mjs', 'setInterval(() => {}, 1000)')
    const reason = await rejection(inWorker(mute, { signal: AbortSignal.timeout(30) }))
    expect((reason as Error).name).toBe('TimeoutError')
    expect(await rejection(inWorker(url, { signal: AbortSignal.abort(7) }))).toBe(7)
  })

  it('is said where it takes long', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    const control = new AbortController()
    const waiting = rejection(inWorker(module('silent.mjs', 'setInterval(() => {}, 1000)'), { signal: control.signal }))
    await vi.waitFor(() => vi.advanceTimersByTime(10_000) && expect(warn).toHaveBeenCalled(), { interval: 1 })
    vi.useRealTimers()
    expect(warn.mock.calls[0][0]).toMatch(/has not called serve/)
    warn.mockRestore()
    control.abort()
    await waiting
  })
})

describe('a Worker that is there already', () => {
  it('is taken once, whenever', async () => {
    const worker = new Worker(url)
    await new Promise(resolve => worker.once('online', resolve))
    const other: Any = await inWorker(worker)
    expect(await other.echo(1)).toBe(1)
    expect(await rejection(inWorker(worker))).toMatchObject({ message: expect.stringMatching(/in use already/) })
    await other.terminate()
  })
})

describe('threads', () => {
  it('are divided, started where they were not by nobody, and given back', async () => {
    const cores = availableParallelism()
    const first: Any = await inWorker(url, { threads: 1 })
    expect(await first.threads()).toBe(1)
    expect(threads().count).toBe(1)
    await first.terminate()
    expect(threads().count).toBe(1)
    expect(await remote.threads()).toBe(Math.max(1, cores - 1))
    // What somebody sets holds, whatever ends.
    expect((await threads(2)).count).toBe(2)
    const second: Any = await inWorker(url)
    expect(await second.threads()).toBe(1)
    expect(threads().count).toBe(1)
    await threads(2)
    await second.terminate()
    expect(threads()).toEqual({ count: 2, reason: 'set by threads(n)' })
    await threads(1)
  })

  it('of a worker in a worker', async () => {
    const [sum, count] = (await remote.nested(url.href)) as [lib.Tensor, number]
    expect(sum.toArray()).toEqual([4, 6])
    expect(count).toBe(Math.max(1, availableParallelism() - 2))
  })
})
