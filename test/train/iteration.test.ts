import { Descent, type Run, type Tensor, train } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { batches, bits, noted, problem, unhandled, x, y } from './problem.ts'

/** A run of which each call of the loss is logged. */
function logged(n: number, options: Parameters<typeof train>[4] = {}, log: string[] = []): { run: Run; log: string[]; model: unknown } {
  const { loss, ps, model } = problem()
  function* data() {
    try {
      for (let i = 0; i < n; i++) yield [x, y]
    } finally {
      log.push('closed')
    }
  }
  const each = options.epochs === undefined ? data() : { [Symbol.iterator]: data }
  const run = train((a: Tensor, b: Tensor) => noted(log, 'loss', loss(a, b)), ps, each, Descent(0.01), options)
  return { run, log, model }
}

describe('a run that is awaited', () => {
  it('starts in the next microtask, not at the call', async () => {
    const { run, log } = logged(1)
    expect(log).toEqual([])
    await Promise.resolve()
    expect(log).toEqual(['loss'])
    await run
  })

  it('runs though nobody awaits it', async () => {
    const { log } = logged(3)
    await new Promise(resolve => setTimeout(resolve, 10))
    expect(log).toEqual(['loss', 'loss', 'loss', 'closed'])
  })

  it('gives the same history to all who await it', async () => {
    const { run } = logged(2)
    expect(await run).toBe(await run)
    expect((await run.then(history => history.steps)).length).toBe(2)
  })

  it('cannot be iterated once it has started', async () => {
    const { run } = logged(3)
    await Promise.resolve()
    expect(() => run[Symbol.asyncIterator]()).toThrow(
      new TypeError('train: the run has started already. Iterate it where it is made: for await (const step of train(...)).'),
    )
    expect((await run).steps).toHaveLength(3)
  })
})

describe('a run that is iterated', () => {
  it('gives its steps, and is a promise of the history as well', async () => {
    const { run, model } = logged(2, { epochs: 2 })
    const seen: unknown[] = []
    for await (const step of run) seen.push(step)
    const history = await run
    expect(seen).toEqual(history.steps)
    expect(history.epochs).toHaveLength(2)
    const { run: other, model: twin } = logged(2, { epochs: 2 })
    await other
    expect(bits(model)).toEqual(bits(twin))
  })

  it('takes no step before it is asked to', async () => {
    const { run, log } = logged(3)
    const iterator = run[Symbol.asyncIterator]()
    await new Promise(resolve => setTimeout(resolve, 5))
    expect(log).toEqual([])
    for (const expected of [['loss'], ['loss', 'loss'], ['loss', 'loss', 'loss']]) {
      expect((await iterator.next()).done).toBe(false)
      await new Promise(resolve => setTimeout(resolve, 5))
      expect(log).toEqual(expected)
    }
    expect((await iterator.next()).done).toBe(true)
    expect((await iterator.next()).done).toBe(true)
    expect(log.at(-1)).toBe('closed')
  })

  it('ends at a break as at a stop: the data is closed, hooks are called, the history is whole', async () => {
    const log: string[] = []
    const { run, model } = logged(
      5,
      {
        epochs: 3,
        callbacks: { onEpoch: ({ epoch }) => void log.push(`epoch ${epoch}`), onEnd: ({ steps }) => void log.push(`end ${steps.length}`) },
      },
      log,
    )
    for await (const { step } of run) if (step === 1) break
    expect(log).toEqual(['loss', 'loss', 'closed', 'epoch 0', 'end 2'])
    const { steps, epochs } = await run
    expect([steps.length, epochs.length]).toEqual([2, 1])
    const { run: twin, model: other } = logged(2)
    await twin
    expect(bits(model)).toEqual(bits(other))
  })

  it('that is left before its first step takes none', async () => {
    const { run, log, model } = logged(3)
    const iterator = run[Symbol.asyncIterator]()
    await iterator.return?.()
    expect((await run).steps).toEqual([])
    expect(log).toEqual([])
    expect(bits(model)).toEqual(bits(problem().model))
  })

  it('is closed when the body of the loop throws', async () => {
    const { run, log } = logged(5)
    const body = async () => {
      for await (const _ of run) throw new Error('body')
    }
    expect(await unhandled(() => expect(body()).rejects.toThrow('body'))).toEqual([])
    expect(log).toEqual(['loss', 'closed'])
    expect((await run).steps).toHaveLength(1)
  })

  it('can be iterated once', async () => {
    const { run } = logged(1)
    run[Symbol.asyncIterator]()
    expect(() => run[Symbol.asyncIterator]()).toThrow(
      new TypeError('train: a run can be iterated once. Await it for its history, or call train again.'),
    )
    const { run: other } = logged(1)
    for await (const _ of other) expect(_.step).toBe(0)
    await expect(
      (async () => {
        for await (const _ of other) throw new Error('never')
      })(),
    ).rejects.toThrow(TypeError)
  })
})

describe('a run that is iterated and awaited', () => {
  const idle = () => new Promise(resolve => setTimeout(resolve, 5))

  it('goes on by itself where nobody asks for its steps, and the iterator gives those that were taken', async () => {
    for (const before of [0, 2]) {
      const { run, log } = logged(4)
      const iterator = run[Symbol.asyncIterator]()
      for (let i = 0; i < before; i++) await iterator.next()
      const history = await run
      expect([history.steps.length, log.at(-1)]).toEqual([4, 'closed'])
      const rest: unknown[] = []
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) rest.push(next.value)
      expect(rest).toEqual(history.steps.slice(before))
      expect(await iterator.next()).toEqual({ done: true, value: history })
    }
  })

  it.each<[string, (run: Run) => Promise<unknown>]>([
    ['await', async run => run],
    ['then', run => new Promise(resolve => run.then(resolve))],
    ['finally', run => run.finally(() => {})],
    ['Promise.all', run => Promise.all([run])],
  ])('inside its own loop: %s', async (_, wait) => {
    const { run } = logged(3)
    const seen: number[] = []
    for await (const { step } of run) {
      seen.push(step)
      if (step === 0) await wait(run)
    }
    expect(seen).toEqual([0, 1, 2])
  })

  it('takes its steps when they are asked for, if somebody does', async () => {
    const { run, log } = logged(3)
    const seen: number[] = []
    const iterate = async () => {
      for await (const { step } of run) seen.push(step, log.length)
    }
    const [history] = await Promise.all([run, iterate()])
    expect(seen).toEqual([0, 1, 1, 2, 2, 3])
    expect(history.steps).toHaveLength(3)
  })

  it('loses no step to an iterator that is slower', async () => {
    const { run } = logged(4)
    const seen: number[] = []
    const iterate = async () => {
      for await (const { step } of run) {
        seen.push(step)
        await idle()
      }
    }
    await Promise.all([iterate(), run])
    expect(seen).toEqual([0, 1, 2, 3])
  })

  it('settles while a step is asked for whose batch is long in coming', async () => {
    const { loss, ps } = problem()
    async function* data() {
      await idle()
      yield [x, y]
      yield [x, y]
    }
    const run = train(loss, ps, data(), Descent(0.01))
    const iterator = run[Symbol.asyncIterator]()
    const first = iterator.next()
    expect((await run).steps).toHaveLength(2)
    expect((await first).value).toMatchObject({ step: 0 })
  })

  it('rejects both with its error', async () => {
    const { ps } = problem()
    const boom = new Error('boom')
    const fail = () => {
      throw boom
    }
    const ran = async () => {
      const run = train(fail, ps, batches(1), Descent())
      const iterator = run[Symbol.asyncIterator]()
      await expect(run).rejects.toBe(boom)
      await expect(iterator.next()).rejects.toBe(boom)
    }
    expect(await unhandled(ran)).toEqual([])
  })

  it('ends when it is left', async () => {
    const { run, log } = logged(1000)
    const iterator = run[Symbol.asyncIterator]()
    await iterator.next()
    const history = run.then(({ steps }) => steps.length)
    await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
    await iterator.return?.()
    expect(await history).toBe(log.filter(each => each === 'loss').length)
  })
})

describe('the event loop', () => {
  it('breathes during a long run', async () => {
    const { loss, ps } = problem()
    let fired = 0
    const timer = setInterval(() => {
      fired++
    }, 5)
    const until = performance.now() + 450
    function* data() {
      while (performance.now() < until) yield [x, y]
    }
    await train(loss, ps, data(), Descent(0.001))
    clearInterval(timer)
    expect(fired).toBeGreaterThanOrEqual(2)
  })

  it('breathes during a long validation', async () => {
    const { loss, ps } = problem()
    let fired = 0
    const timer = setInterval(() => {
      fired++
    }, 5)
    let until = 0
    const validation = {
      *[Symbol.iterator]() {
        until = performance.now() + 350
        while (performance.now() < until) yield [x, y]
      },
    }
    await train(loss, ps, batches(1), Descent(0.001), { validation })
    clearInterval(timer)
    expect(fired).toBeGreaterThanOrEqual(2)
  })

  it('is left alone by a short one: all in one task', async () => {
    const { loss, ps } = problem()
    let fired = false
    const timer = setImmediate(() => {
      fired = true
    })
    const { steps } = await train(loss, ps, batches(3), Descent(0.001))
    expect([steps.length, fired]).toEqual([3, false])
    clearImmediate(timer)
  })
})
