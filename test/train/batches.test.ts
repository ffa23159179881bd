import { Descent, type Run, train } from 'fluxtape'
import { describe, expect, it, vi } from 'vitest'
import { breather } from '../../src/train/breathe.ts'
import { noted, problem, unhandled, x, y } from './problem.ts'

const reason = new Error('enough')

/** Data of `n` batches, each of which `wait` makes pending; what happens to it is logged. */
function source(n: number, wait: (value: IteratorResult<unknown>, i: number) => unknown, log: string[] = []) {
  let i = 0
  const iterator = {
    next: () => wait(i < n ? { done: false, value: [x, y] } : { done: true, value: undefined }, i++),
    return: () => {
      log.push('closed')
      return new Promise<IteratorResult<unknown>>(() => {})
    },
  }
  return { [Symbol.asyncIterator]: () => iterator } as unknown as AsyncIterable<unknown>
}
const never = () => new Promise<never>(() => {})
/** What is awaited like a promise and is none. */
const thenable = <T>(value: T) => ({
  // biome-ignore lint/suspicious/noThenProperty: that is what it is
  then: (resolve: (value: T) => void) => void queueMicrotask(() => resolve(value)),
})

function start(data: AsyncIterable<unknown> | Iterable<unknown>, options: Parameters<typeof train>[4] = {}): Run {
  const { loss, ps } = problem()
  return train(loss, ps, data, Descent(0.01), options)
}

describe('data that is pending', () => {
  it.each([
    ['promises', (value: IteratorResult<unknown>) => Promise.resolve(value)],
    ['thenables', thenable],
  ])('may be of %s', async (_, wait) => {
    expect((await start(source(3, wait))).steps).toHaveLength(3)
    const { epochs } = await start([[x, y]], { validation: source(3, wait) })
    expect(epochs[0].validation).toBeGreaterThan(0)
  })

  it('may give promises of batches', async () => {
    const batches = () => [Promise.resolve([x, y]), thenable([x, y])]
    const { steps, epochs } = await start(batches(), { validation: batches() })
    expect([steps.length, Number.isFinite(epochs[0].validation)]).toEqual([2, true])
  })

  it('may reject: the run does, and what is open is closed', async () => {
    const log: string[] = []
    function* data() {
      try {
        yield Promise.reject(reason)
      } finally {
        log.push('closed')
      }
    }
    await expect(start(data())).rejects.toBe(reason)
    expect(log).toEqual(['closed'])
  })

  it.each<[string, (signal: AbortSignal, log: string[]) => Run]>([
    [
      'data',
      (signal, log) =>
        start(
          source(3, (value, i) => (i < 1 ? value : never()), log),
          { signal },
        ),
    ],
    ['a batch', (signal, log) => start(new Set([noted(log, 'closed', never())]), { signal })],
    ['validation', (signal, log) => start([[x, y]], { signal, validation: source(3, never, log) })],
    ['a function for validation', (signal, log) => start([[x, y]], { signal, validation: () => noted(log, 'closed', never()) })],
  ])('hears an abort: %s', async (_, run) => {
    const controller = new AbortController()
    const log: string[] = []
    setTimeout(() => controller.abort(reason), 2)
    expect(await unhandled(() => expect(run(controller.signal, log)).rejects.toBe(reason))).toEqual([])
    expect(log).toEqual(['closed'])
  })

  it('hears an abort while its steps are iterated', async () => {
    const controller = new AbortController()
    const iterate = async () => {
      for await (const _ of start(
        source(3, (value, i) => (i < 2 ? value : never())),
        { signal: controller.signal },
      )) {
        setTimeout(() => controller.abort(reason), 2)
      }
    }
    expect(await unhandled(() => expect(iterate()).rejects.toBe(reason))).toEqual([])
  })

  it('that fails after the abort, in next or in return, reaches nobody', async () => {
    const controller = new AbortController()
    const data = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>((_, reject) => setTimeout(() => reject(new Error('late')), 5)),
        return: () => {
          throw new Error('cannot be closed')
        },
      }),
    }
    const aborted = async () => {
      setTimeout(() => controller.abort(reason), 1)
      await expect(start(data, { signal: controller.signal })).rejects.toBe(reason)
      await new Promise(resolve => setTimeout(resolve, 8))
    }
    expect(await unhandled(aborted)).toEqual([])
  })

  it('leaves no listener at the signal', async () => {
    const { signal } = new AbortController()
    const [added, removed] = [vi.spyOn(signal, 'addEventListener'), vi.spyOn(signal, 'removeEventListener')]
    await start(
      source(3, value => Promise.resolve(value)),
      { signal, validation: source(2, thenable) },
    )
    expect(added).toHaveBeenCalled()
    expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(added.mock.calls.map(([, listener]) => listener))
  })
})

describe('breathe', () => {
  const hold = (milliseconds: number) => {
    const until = performance.now() + milliseconds
    while (performance.now() < until);
  }

  it('is how long the event loop is held', () => {
    const rest = breather(undefined, 5)
    expect(rest()).toBe(undefined)
    hold(6)
    expect(rest()).toBeInstanceOf(Promise)
    expect(breather(undefined, Number.POSITIVE_INFINITY)()).toBe(undefined)
  })

  it('of 0 lets everything else run after each step, and after each batch of validation', async () => {
    let turns = 0
    const count = () => {
      turns++
      timer = setImmediate(count)
    }
    let timer = setImmediate(count)
    const batches = Array.from({ length: 5 }, () => [x, y])
    await start(batches, { breathe: 0, validation: batches })
    clearImmediate(timer)
    expect(turns).toBeGreaterThanOrEqual(9)
  })
})
