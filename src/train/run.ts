import { typeError } from '../errors.ts'
import { turn } from './breathe.ts'
import type { History, StepRecord } from './callbacks.ts'
import { type RunRecord, stepAt } from './record.ts'

/** A run: a promise of its history, and at the same time its steps, to be iterated. */
export type Run = Promise<History> & AsyncIterable<StepRecord>

type Step = IteratorResult<StepRecord, History>

/**
 * Makes a run of a generator of its steps, which notes them in a record; `end` makes it end after the step that it is at.
 *
 * It starts in the next microtask, unless somebody has taken an iterator by then: then each step is taken when it is asked for. If the run is
 * awaited while nobody asks, it goes on by itself, and the iterator gives the steps that were taken.
 */
export function runOf(generator: AsyncGenerator<StepRecord, History, undefined>, record: RunRecord, end: () => void): Run {
  let state: 'new' | 'iterated' | 'driven' | 'over' = 'new'
  /** Steps that the iterator gave, and calls of its `next` that wait for one. */
  let given = 0
  let asked = 0
  let isTaken = false
  let isAwaited = false
  const waiting: (() => void)[] = []
  let settle: (history: History) => void = () => {}
  let fail: (error: unknown) => void = () => {}
  const promise = new Promise<History>((resolve, reject) => {
    settle = resolve
    fail = reject
  })
  const then: typeof promise.then = (...handlers) => Promise.prototype.then.apply(promise, handlers) as Promise<never>
  const wake = () => {
    if (waiting.length > 0) for (const resolve of waiting.splice(0)) resolve()
  }

  const drive = async (): Promise<void> => {
    state = 'driven'
    try {
      let next = await generator.next()
      for (; !next.done; next = await generator.next()) wake()
      settle(next.value)
    } catch (error) {
      fail(error)
    }
    state = 'over'
    wake()
  }
  /** Who iterates has asked for the next step within a turn of the event loop, or is busy with the last one. */
  const driveIfIdle = async (): Promise<void> => {
    isAwaited = true
    await turn()
    if (state === 'iterated' && asked === 0) await drive()
  }
  const history = async (): Promise<Step> => ({ done: true, value: await then() })
  const takenStep = async (): Promise<Step> => {
    while (Math.max(given, record.first) === record.step && state === 'driven') await new Promise<void>(resolve => waiting.push(resolve))
    given = Math.max(given, record.first)
    return given < record.step ? { done: false, value: stepAt(record, given++) } : history()
  }
  const nextStep = async (): Promise<Step> => {
    asked++
    try {
      const next = await generator.next()
      if (!next.done) given = next.value.step + 1
      else if (state === 'iterated') {
        state = 'over'
        settle(next.value)
      }
      return next
    } catch (error) {
      state = 'over'
      fail(error)
      throw error
    } finally {
      asked--
      if (isAwaited) void driveIfIdle()
    }
  }
  /** Who breaks off ends the run after this step, as `stop` does. */
  const leave = async (): Promise<Step> => {
    end()
    if (state === 'iterated') await drive()
    return history()
  }

  queueMicrotask(() => {
    if (state === 'new') void drive()
  })
  const iterator = (): AsyncIterator<StepRecord, History> => {
    if (isTaken) throw typeError('train', 'a run can be iterated once', '', 'Await it for its history, or call train again.')
    if (state !== 'new') {
      throw typeError('train', 'the run has started already', '', 'Iterate it where it is made: for await (const step of train(...)).')
    }
    isTaken = true
    state = 'iterated'
    // The one who iterates gets an error; the promise is rejected too, but nobody has to look at it.
    then(undefined, () => {})
    return { next: () => (state === 'iterated' ? nextStep() : takenStep()), return: leave }
  }
  const early = (name: string) => ({
    get() {
      throw typeError('train', `a run has its ${name} when it has ended`, '', 'Write const history = await train(...).')
    },
  })
  return Object.defineProperties(promise, {
    steps: early('steps'),
    epochs: early('epochs'),
    [Symbol.asyncIterator]: { value: iterator },
    // biome-ignore lint/suspicious/noThenProperty: it is a promise that must know that somebody awaits it
    then: {
      value: (...handlers: Parameters<typeof then>) => {
        if (state === 'iterated') void driveIfIdle()
        return then(...handlers)
      },
    },
    // `await` calls `then` only of what is no plain promise.
    constructor: { value: undefined },
  }) as Run
}
