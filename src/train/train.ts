import { refusePromise } from '../autodiff/gradient.ts'
import { scope } from '../autodiff/scope.ts'
import { DataLoader } from '../data/loader.ts'
import { checkOptions, DivergedError, kindOf } from '../errors.ts'
import type { Optimizer } from '../optimizers/rule.ts'
import type { OptimizerState } from '../optimizers/update.ts'
import { type Randomness, splitRandomness, withRandomness } from '../tensor/random.ts'
import { Tensor } from '../tensor/tensor.ts'
import { breather } from './breathe.ts'
import type { Callback, EpochRecord, History, StepRecord } from './callbacks.ts'
import { type ProgressInfo, ProgressLine } from './progress.ts'
import { checkLoss, type LossFunction, type Subject, skip, stop, takeStep, trainingSubject } from './step.ts'

/** Batches, as often as there are epochs. */
export type TrainingData = Iterable<unknown> | AsyncIterable<unknown>

export interface TrainOptions {
  /** How often to go through the data; 1 by default. */
  readonly epochs?: number
  /** A function called after each step, or `{ onGradient, onStep, onEpoch, onEnd }`, or a list of them. */
  readonly callbacks?: Callback | readonly Callback[]
  /** Ends the run: it rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** true: a line on the terminal (piped: one an epoch); or a function that is told where the run stands. */
  readonly progress?: boolean | ((info: ProgressInfo) => void)
  /** After each epoch: batches whose mean loss is taken in test mode, or a function that gives a number. */
  readonly validation?: TrainingData | (() => number | Tensor | Promise<number>)
  /** Asked before a DivergedError ends the run: may return `skip` (go on with the next batch) or `stop`. */
  readonly onDiverged?: (error: DivergedError) => unknown
  /** Have a DivergedError name the first operation whose result is not finite; slow. */
  readonly trace?: boolean
}

/** A run: a promise of its history, and at the same time its steps, to be iterated. */
export type Run = Promise<History> & AsyncIterable<StepRecord>

/**
 * Trains: for each batch the loss, its gradient and an update of the parameters, for some epochs.
 *
 * Flux's implicit form `train(loss, ps, data, opt, options)` has a loss that closes over the model; the explicit form `train((model, x, y) =>
 * loss, model, data, setup(opt, model), options)` one that takes it. `data` is any iterable or async iterable; a batch that is an array is
 * spread into the loss's arguments.
 *
 * The call returns a promise of the history, and is at the same time an async iterable of steps: `for await (const { step, epoch, loss } of
 * train(...))`; `break` ends it. It lets the event loop breathe about every 100 ms, every frame while a page is visible. A loss that is not
 * finite rejects with DivergedError, an abort with the signal's reason; parameters and modes then are as after the last whole step. Throws
 * TypeError for arguments that do not go together and for an unknown option, RangeError for `epochs` that is no whole number from 1.
 *
 * @example
 * const model = Dense(2, 1)
 * const loss = (x, y) => mse(model(x).flatten(), y)
 * const { epochs } = await train(loss, params(model), [[zeros([4, 2]), ones([4])]], Adam(1e-3), { epochs: 10 })
 * epochs.length // 10
 */
export function train(
  loss: LossFunction,
  target: unknown,
  data: TrainingData,
  opt: Optimizer | OptimizerState,
  options: TrainOptions = {},
): Run {
  checkLoss('train', loss)
  const subject = trainingSubject('train', target, opt)
  check(data, options)
  const run: RunState = { randomness: splitRandomness(), history: { steps: [], epochs: [] }, ends: false }
  const generator = steps(loss, subject, data, options, run)
  let isPulled = false
  let hasStarted = false
  let settle: (history: History) => void = () => {}
  let fail: (error: unknown) => void = () => {}
  const promise = new Promise<History>((resolve, reject) => {
    settle = resolve
    fail = reject
  })
  // The run starts in the next microtask, unless somebody has taken an iterator by then.
  queueMicrotask(async () => {
    if (isPulled) return
    hasStarted = true
    try {
      settle((await finish(generator)).value)
    } catch (error) {
      fail(error)
    }
  })
  const iterator = (): AsyncIterator<StepRecord, History> => {
    if (isPulled) throw new TypeError('train: a run can be iterated once. Await it for its history, or call train again.')
    if (hasStarted) {
      throw new TypeError('train: the run has started already. Iterate it where it is made: for await (const step of train(...)).')
    }
    isPulled = true
    // The one who iterates gets an error; the promise is rejected too, but nobody has to look at it.
    promise.catch(() => {})
    const settled = async (result: Promise<IteratorResult<StepRecord, History>>) => {
      try {
        const next = await result
        if (next.done) settle(next.value)
        return next
      } catch (error) {
        fail(error)
        throw error
      }
    }
    // Who breaks off ends the run after this step, as `stop` does.
    const end = () => {
      run.ends = true
      return finish(generator)
    }
    return { next: () => settled(generator.next()), return: () => settled(end()) }
  }
  return Object.assign(promise, { [Symbol.asyncIterator]: iterator })
}

/** Takes all steps that are left. */
async function finish(generator: AsyncGenerator<StepRecord, History, undefined>): Promise<IteratorReturnResult<History>> {
  let next = await generator.next()
  while (!next.done) next = await generator.next()
  return next
}

/** A run's own source of random numbers, its history, and whether it is to end after this step. */
interface RunState {
  readonly randomness: Randomness
  readonly history: { readonly steps: StepRecord[]; readonly epochs: EpochRecord[] }
  ends: boolean
}

const HOOKS = ['onGradient', 'onStep', 'onEpoch', 'onEnd']
const OPTIONS = ['epochs', 'callbacks', 'signal', 'progress', 'validation', 'onDiverged', 'trace']

function check(data: TrainingData, options: TrainOptions): void {
  const { epochs = 1 } = options
  checkOptions('train', options, OPTIONS)
  for (const callback of ([] as readonly unknown[]).concat(options.callbacks ?? [])) {
    if (typeof callback === 'object' && callback !== null) checkOptions('train: callbacks', callback, HOOKS)
    else if (typeof callback !== 'function') {
      throw new TypeError(`train: a callback is a function, or an object with ${HOOKS.join(', ')}: ${kindOf(callback)} came.`)
    }
  }
  if (!Number.isInteger(epochs) || epochs < 1) throw new RangeError(`train: epochs is a whole number from 1: ${epochs}.`)
  if (!isIterable(data) || data instanceof Tensor) {
    throw new TypeError('train: the data is an iterable of batches: a DataLoader, or a list such as [[x, y]].')
  }
  if (epochs > 1 && isOneShot(data)) {
    throw new TypeError(
      `train: the data can be gone through once, and epochs is ${epochs}. Pass an iterable that starts anew, such as a DataLoader or a list, not an iterator.`,
    )
  }
}

function isIterable(data: unknown): data is TrainingData {
  return typeof data === 'object' && data !== null && (Symbol.iterator in data || Symbol.asyncIterator in data)
}

function isOneShot(data: TrainingData): boolean {
  return 'next' in data
}

function iteratorOf(data: TrainingData): Iterator<unknown> | AsyncIterator<unknown> {
  return Symbol.asyncIterator in data ? data[Symbol.asyncIterator]() : data[Symbol.iterator]()
}

async function* steps(
  loss: LossFunction,
  subject: Subject,
  data: TrainingData,
  options: TrainOptions,
  run: RunState,
): AsyncGenerator<StepRecord, History, undefined> {
  const { epochs = 1, signal, validation, onDiverged, trace } = options
  const callbacks = ([] as readonly Callback[]).concat(options.callbacks ?? [])
  const { randomness, history } = run
  const report = reporter(options.progress, epochs, data)
  const unreached = new Set<Tensor>(subject.params)
  let step = 0
  const rest = breather(signal)
  try {
    for (let epoch = 0; epoch < epochs && !run.ends; epoch++) {
      const start = performance.now()
      const first = step
      let sum = 0
      let counted = 0
      const batches = iteratorOf(data)
      let isOpen = false
      try {
        for (;;) {
          signal?.throwIfAborted()
          isOpen = false
          const pending = withRandomness(randomness, () => batches.next())
          const { done, value: batch } = pending instanceof Promise ? await pending : pending
          if (done) break
          isOpen = true
          const context = { step, epoch, batch, model: subject.model }
          const taken = withRandomness(randomness, () =>
            attempt(loss, subject, batch, { step, trace, onDiverged }, (number, gradients) => {
              for (const callback of callbacks) {
                const answer = typeof callback === 'object' ? callback.onGradient?.({ ...context, loss: number, gradients }) : undefined
                refusePromise('train: onGradient', answer)
                if (answer === skip) return skip
              }
              return undefined
            }),
          )
          if (taken === stop) {
            run.ends = true
            break
          }
          const record = { step, epoch, loss: taken.loss }
          for (const parameter of taken.reached) unreached.delete(parameter)
          history.steps.push(record)
          if (Number.isFinite(taken.loss)) {
            sum += taken.loss
            counted++
          }
          step++
          report?.step(epoch, step - first, taken.loss)
          for (const callback of callbacks) {
            const answer =
              typeof callback === 'function'
                ? callback({ ...context, loss: taken.loss })
                : callback.onStep?.({ ...context, loss: taken.loss })
            if ((answer instanceof Promise ? await answer : answer) === stop) run.ends = true
          }
          yield record
          if (run.ends) break
          const pause = rest()
          if (pause) await pause
        }
      } finally {
        if (isOpen) await batches.return?.()
      }
      if (step === first && !run.ends)
        throw new TypeError('train: the data gave no batch. Pass a list of batches, or a DataLoader with observations.')
      if (epoch === 0 && unreached.size > 0 && counted > 0) warnOf(subject, unreached)
      const seconds = (performance.now() - start) / 1000
      const record = {
        epoch,
        loss: counted ? sum / counted : Number.NaN,
        validation: validation === undefined ? undefined : await validate(validation, loss, subject, randomness, rest),
        seconds,
      }
      history.epochs.push(record)
      report?.epoch(record)
      for (const callback of callbacks) {
        const answer = typeof callback === 'object' ? callback.onEpoch?.(record) : undefined
        if ((answer instanceof Promise ? await answer : answer) === stop) run.ends = true
      }
    }
  } finally {
    report?.end()
    for (const callback of callbacks) if (typeof callback === 'object') await callback.onEnd?.(history)
  }
  return history
}

type OnGradient = NonNullable<Parameters<typeof takeStep>[3]['onGradient']>

/** One step; what `onDiverged` answers to a loss that is not finite is obeyed. */
function attempt(
  loss: LossFunction,
  subject: Subject,
  batch: unknown,
  { step, trace, onDiverged }: { step: number } & Pick<TrainOptions, 'trace' | 'onDiverged'>,
  onGradient: OnGradient,
): ReturnType<typeof takeStep> | typeof stop {
  try {
    return takeStep(loss, subject, batch, { step, trace, onGradient })
  } catch (error) {
    if (!(error instanceof DivergedError)) throw error
    const answer = onDiverged?.(error)
    if (answer === stop) return stop
    if (answer === skip) return { loss: error.loss, skipped: true, reached: [...subject.params] }
    throw error
  }
}

/** The mean loss of batches in test mode, or the number that a function gives. */
async function validate(
  validation: NonNullable<TrainOptions['validation']>,
  loss: LossFunction,
  subject: Subject,
  randomness: Randomness,
  rest: () => Promise<void> | undefined,
): Promise<number> {
  if (typeof validation === 'function') {
    const value = await withRandomness(randomness, validation)
    return typeof value === 'number' ? value : value.item()
  }
  let sum = 0
  let count = 0
  for await (const batch of drawnBy(randomness, validation)) {
    const pause = rest()
    if (pause) await pause
    const inputs = Array.isArray(batch) ? batch : [batch]
    const value = withRandomness(randomness, () =>
      scope(() => {
        const result = subject.isExplicit ? loss(subject.model, ...inputs) : loss(...inputs)
        if (result === skip) return Number.NaN
        return (result instanceof Tensor ? result : result[0]).item()
      }),
    )
    const [first] = inputs
    const weight = first instanceof Tensor && first.rank > 0 ? first.dims[0] : 1
    if (Number.isNaN(value)) continue
    sum += value * weight
    count += weight
  }
  return count === 0 ? Number.NaN : sum / count
}

/** Batches whose random numbers, such as the order of a DataLoader, come from `randomness`. */
async function* drawnBy(randomness: Randomness, data: TrainingData): AsyncGenerator<unknown, void, undefined> {
  const batches = iteratorOf(data)
  let isOpen = false
  try {
    for (;;) {
      isOpen = false
      const { done, value } = await withRandomness(randomness, () => batches.next())
      if (done) return
      isOpen = true
      yield value
    }
  } finally {
    if (isOpen) await batches.return?.()
  }
}

function warnOf(subject: Subject, unreached: ReadonlySet<Tensor>): void {
  const paths = [...unreached].filter(parameter => !parameter.frozen).map(parameter => subject.params.path(parameter))
  if (paths.length > 0) console.warn(`train: parameters that took no part in the loss of the first epoch: ${paths.join(', ')}.`)
}

/** What tells the user where the run stands. */
function reporter(progress: TrainOptions['progress'], epochs: number, data: TrainingData) {
  if (!progress) return undefined
  const line = typeof progress === 'function' ? undefined : new ProgressLine()
  const steps = data instanceof DataLoader || Array.isArray(data) ? data.length : undefined
  const start = performance.now()
  let taken = 0
  return {
    step(epoch: number, step: number, loss: number): void {
      taken++
      const rate = taken / Math.max(1e-9, (performance.now() - start) / 1000)
      const info = { epoch, epochs, step, steps, loss, rate, left: steps === undefined ? undefined : (epochs * steps - taken) / rate }
      if (typeof progress === 'function') progress(info)
      else line?.step(info)
    },
    epoch: (record: EpochRecord) => line?.epoch(record),
    end: () => line?.end(),
  }
}
