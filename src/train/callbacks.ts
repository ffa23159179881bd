import type { Grads } from '../autodiff/grads.ts'
import { checkBoolean, checkOptions, kindOf, rangeError, refuseSurplus, typeError, written } from '../errors.ts'
import type { Optimizer } from '../optimizers/rule.ts'
import type { Params } from '../params/params.ts'

/** What a callback sees of a step. Batch and gradients live until it returns. */
export interface StepContext {
  /** Counts from 0 over the whole run. */
  readonly step: number
  /** Counts from 0. */
  readonly epoch: number
  readonly batch: unknown
  readonly loss: number
  /** What the loss returned beside itself. Its tensors live until the callback returns. */
  readonly extras: readonly unknown[]
  /** Only in `onGradient`. */
  readonly gradients?: Grads | undefined
  /** The model of the explicit form. */
  readonly model: unknown
}

/** What a callback sees of an epoch. */
export interface EpochRecord {
  readonly epoch: number
  /** The mean loss of the epoch's samples: of its steps, weighted by the samples in their batches. */
  readonly loss: number
  /** What `validation` gave; undefined without one. */
  readonly validation?: number | undefined
  /** What each of `metrics` gave, by name; undefined without them. */
  readonly metrics?: Readonly<Record<string, number>> | undefined
  readonly seconds: number
}

/** What a run trains. */
export interface RunContext {
  /** The model of the explicit form. */
  readonly model: unknown
  readonly params: Params
  readonly optimizer: Optimizer
}

/** How a run ended: out of epochs, by `stop` or `break`, by its signal, by a loss or gradient that is not finite, or by another error. */
export interface RunEnd extends RunContext {
  readonly how: 'done' | 'stopped' | 'aborted' | 'diverged' | 'failed'
  /** What it rejects with; undefined where it does not. */
  readonly error: unknown
}

/** Functions for the moments of a run. */
export interface CallbackObject {
  /** Before the first step. May be async, as all but `onGradient`, `state` and `load`. */
  onStart?(run: RunContext): unknown
  /**
   * Before the update, and before the gradients are looked at: may change them in place, or return those to apply instead, as Grads or as a Map
   * from parameter to gradient (what a Map lacks stays as it is), or `skip`, or `stop`.
   */
  onGradient?(context: StepContext): unknown
  /** After the update; may return `stop`. */
  onStep?(context: StepContext): unknown
  /** After an epoch and its validation; may return `stop`. */
  onEpoch?(record: EpochRecord, run: RunContext): unknown
  /** When the run has ended, however that came. */
  onEnd?(history: History, end: RunEnd): unknown
  /** What is saved of it with a run: numbers, texts, booleans, null, lists and records of those, typed arrays and tensors. */
  state?(): unknown
  /** Takes that back, after `onStart`. One that had ended the run returns `stop` again; of those without it a run that they ended is not gone on with. */
  load?(state: unknown): unknown
}

/** A function, called after each step as `onStep` is, or functions for the moments of a run. */
export type Callback = ((context: StepContext) => unknown) | { readonly [Name in keyof CallbackObject]: CallbackObject[Name] | undefined }

/** A step as the history has it. */
export interface StepRecord {
  readonly step: number
  readonly epoch: number
  readonly loss: number
  /** What the loss returned beside itself, in a step that is iterated: its tensors live until the next step is asked for. Not in the history. */
  readonly extras?: readonly unknown[] | undefined
}

/** A run so far: its steps and its epochs. The list of steps is built when it is read. */
export interface History {
  readonly steps: readonly StepRecord[]
  readonly epochs: readonly EpochRecord[]
}

/**
 * Calls `f` at most once in `seconds`; calls between give the latest result. `leading` (true): the first call runs at once, not when the time
 * is up; `trailing` (false): the last suppressed one runs when the time is up. Throws TypeError for what is no function, RangeError for what is
 * no number of seconds.
 *
 * @example
 * const slow = throttle(x => x * 2, 60)
 * slow(1) // 2
 * slow(5) // 2
 */
export function throttle<Args extends readonly unknown[], Result>(
  f: (...args: Args) => Result,
  seconds: number,
  options: { readonly leading?: boolean | undefined; readonly trailing?: boolean | undefined } = {},
): (...args: Args) => Result | undefined {
  checkOptions('throttle', options, ['leading', 'trailing'])
  if (arguments.length > 3) refuseSurplus('throttle', 3, arguments)
  if (typeof f !== 'function') throw typeError('throttle', 'the first argument is a function', `${kindOf(f)} came`)
  const isTime = typeof seconds === 'number' && seconds >= 0
  if (!isTime) throw rangeError('throttle', 'seconds is a number from 0', written(seconds), 'Write throttle(f, 1).')
  const { leading = true, trailing = false } = options
  checkBoolean('throttle', 'leading', leading)
  checkBoolean('throttle', 'trailing', trailing)
  let end = Number.NEGATIVE_INFINITY
  let result: Result | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const run = (...args: Args): void => {
    clearTimeout(timer)
    timer = undefined
    end = performance.now() + seconds * 1000
    result = f(...args)
  }
  const runAtEnd = (args: Args): void => {
    clearTimeout(timer)
    timer = setTimeout(run, end - performance.now(), ...args)
  }
  return (...args) => {
    const now = performance.now()
    if (now < end) {
      if (trailing) runAtEnd(args)
    } else if (leading || timer !== undefined) run(...args)
    else {
      end = now + seconds * 1000
      runAtEnd(args)
    }
    return result
  }
}
