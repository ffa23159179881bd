import { refusePromise } from '../autodiff/gradient.ts'
import { scope } from '../autodiff/scope.ts'
import { DataLoader } from '../data/loader.ts'
import { checkOptions, DivergedError, kindOf, refuseSurplus } from '../errors.ts'
import type { Optimizer } from '../optimizers/rule.ts'
import type { OptimizerState } from '../optimizers/update.ts'
import { type Randomness, splitRandomness, withRandomness } from '../tensor/random.ts'
import { isThenable } from '../tensor/realm.ts'
import { Tensor } from '../tensor/tensor.ts'
import { Batches, checkBatches, heard, inputsOf, noBatch, samplesOf } from './batches.ts'
import { breather } from './breathe.ts'
import type { Callback, EpochRecord, History, StepRecord } from './callbacks.ts'
import { type ProgressInfo, ProgressLine } from './progress.ts'
import { type Run, runOf } from './run.ts'
import { checkLoss, type LossFunction, mended, type Subject, skip, stop, takeStep, trainingSubject } from './step.ts'
import type { BatchIn, LossArguments, TargetOf, TrainingData } from './types.ts'

/** What `train` can be told besides its four arguments. */
export interface TrainOptions {
  /** How often to go through the data; 1 by default. */
  readonly epochs?: number | undefined
  /** A function called after each step, or `{ onGradient, onStep, onEpoch, onEnd }`, or a list of them. */
  readonly callbacks?: Callback | readonly Callback[] | undefined
  /** Ends the run: it rejects with the signal's reason, after the step that is being taken, or at once while it waits for data. */
  readonly signal?: AbortSignal | undefined
  /** true: a line on the terminal (piped: one an epoch); or a function that is told where the run stands. */
  readonly progress?: boolean | ((info: ProgressInfo) => void) | undefined
  /** Milliseconds between two breaths of the event loop; 100 by default, a frame where a page is visible. A server that answers meanwhile takes 5. */
  readonly breathe?: number | undefined
  /** After each epoch: batches whose mean loss is taken in test mode, or a function that gives a number. */
  readonly validation?: TrainingData | (() => number | Tensor | Promise<number>) | undefined
  /** Asked before a DivergedError ends the run: may return `skip` (go on with the next batch) or `stop`. */
  readonly onDiverged?: ((error: DivergedError) => unknown) | undefined
  /** Have a DivergedError name the first operation, forward or backward, whose result is not finite; slow. */
  readonly trace?: boolean | undefined
}

/**
 * Trains: for each batch the loss, its gradient and an update of the parameters, for some epochs.
 *
 * Flux's implicit form `train(loss, ps, data, opt, options)` has a loss that closes over the model; the explicit form `train((model, x, y) =>
 * loss, model, data, setup(opt, model), options)` one that takes it. `data` is any iterable or async iterable; a batch that is an array is
 * spread into the loss's arguments.
 *
 * The call returns a promise of the history, and is at the same time an async iterable of steps: `for await (const { step, epoch, loss } of
 * train(...))`; `break` ends it, and if the run is awaited meanwhile, it goes on by itself. It lets the event loop breathe about every 100 ms,
 * every frame while a page is visible (`breathe`). The losses of an epoch and of validation are means over the samples of their batches, which
 * axis 0 of a batch's first tensor counts; a batch for which the loss returns `skip` does not count. A loss or a gradient that is not finite
 * rejects with DivergedError, an abort with the signal's reason; parameters and modes then are as after the last whole step. Throws TypeError for
 * arguments that do not go together, for what are no batches and for an unknown option, RangeError for `epochs` that is no whole number from 1.
 *
 * @example
 * const model = Dense(2, 1)
 * const loss = (x, y) => mse(model(x).flatten(), y)
 * const { epochs } = await train(loss, params(model), [[zeros([4, 2]), ones([4])]], Adam(1e-3), { epochs: 10 })
 * epochs.length // 10
 */
export function train<Opt extends Optimizer | OptimizerState, Source extends TrainingData>(
  loss: LossFunction<LossArguments<Opt, BatchIn<Source>>>,
  target: TargetOf<Opt>,
  data: Source,
  opt: Opt,
  options?: TrainOptions,
): Run
export function train(
  loss: LossFunction,
  target: unknown,
  data: TrainingData,
  opt: Optimizer | OptimizerState,
  options: TrainOptions = {},
): Run {
  checkLoss('train', loss)
  if (arguments.length > 5) refuseSurplus('train', 5, arguments)
  const subject = trainingSubject('train', target, opt)
  check(data, options, loss.length - (subject.isExplicit ? 1 : 0))
  const run: RunState = { randomness: splitRandomness(), history: { steps: [], epochs: [] }, ends: false }
  return runOf(steps(loss, subject, data, options, run), run.history.steps, () => {
    run.ends = true
  })
}

/** A run's own source of random numbers, its history, and whether it is to end after this step. */
interface RunState {
  readonly randomness: Randomness
  readonly history: { readonly steps: StepRecord[]; readonly epochs: EpochRecord[] }
  ends: boolean
}

const HOOKS = ['onGradient', 'onStep', 'onEpoch', 'onEnd']
const OPTIONS = ['epochs', 'callbacks', 'signal', 'progress', 'breathe', 'validation', 'onDiverged', 'trace']

/** `inputs` is how many arguments of the loss a batch fills. */
function check(data: unknown, options: TrainOptions, inputs: number): void {
  checkOptions('train', options, OPTIONS)
  const { epochs = 1, signal, validation, breathe = 0 } = options
  for (const callback of ([] as readonly unknown[]).concat(options.callbacks ?? [])) {
    if (typeof callback === 'object' && callback !== null) checkOptions('train: callbacks', callback, HOOKS)
    else if (typeof callback !== 'function') {
      throw new TypeError(`train: a callback is a function, or an object with ${HOOKS.join(', ')}: ${kindOf(callback)} came.`)
    }
  }
  if (!Number.isInteger(epochs) || epochs < 1) throw new RangeError(`train: epochs is a whole number from 1: ${epochs}.`)
  if (!(breathe >= 0)) throw new RangeError(`train: breathe is a number of milliseconds from 0: ${breathe}.`)
  if (signal && typeof signal.throwIfAborted !== 'function') {
    throw new TypeError(`train: signal is an AbortSignal: ${kindOf(signal)} came. Write { signal: controller.signal }.`)
  }
  checkBatches('data', data, inputs, epochs)
  if (validation !== undefined && typeof validation !== 'function') checkBatches('validation', validation, inputs, epochs)
}

async function* steps(
  loss: LossFunction,
  subject: Subject,
  data: TrainingData,
  options: TrainOptions,
  run: RunState,
): AsyncGenerator<StepRecord, History, undefined> {
  const { epochs = 1, signal, validation, onDiverged, trace, breathe } = options
  const callbacks = ([] as readonly Callback[]).concat(options.callbacks ?? [])
  const { randomness, history } = run
  const report = reporter(options.progress, epochs, data)
  const unreached = new Set<Tensor>(subject.params)
  let step = 0
  const rest = breather(signal, breathe)
  try {
    for (let epoch = 0; epoch < epochs && !run.ends; epoch++) {
      const start = performance.now()
      const first = step
      let sum = 0
      let counted = 0
      const batches = new Batches(data, randomness, signal)
      try {
        for (;;) {
          const drawn = batches.next()
          const { done, value: batch } = isThenable(drawn) ? await drawn : drawn
          if (done) break
          const context = { step, epoch, batch, model: subject.model }
          const taken = withRandomness(randomness, () =>
            attempt(loss, subject, batch, { step, trace, onDiverged }, (number, gradients) => {
              let applied = gradients
              for (const callback of callbacks) {
                if (typeof callback !== 'object') continue
                const answer = callback.onGradient?.({ ...context, loss: number, gradients: applied })
                refusePromise('train: onGradient', answer)
                if (answer === skip) return skip
                if (answer === stop) run.ends = true
                applied = mended(subject.params, answer) ?? applied
              }
              return applied
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
            const samples = samplesOf(batch)
            sum += taken.loss * samples
            counted += samples
          }
          step++
          report?.step(epoch, step - first, taken.loss)
          for (const callback of callbacks) {
            const answer =
              typeof callback === 'function'
                ? callback({ ...context, loss: taken.loss })
                : callback.onStep?.({ ...context, loss: taken.loss })
            if ((isThenable(answer) ? await answer : answer) === stop) run.ends = true
          }
          yield record
          if (run.ends) break
          const pause = rest()
          if (pause) await pause
        }
      } finally {
        await batches.close()
      }
      if (step === first && !run.ends) throw noBatch('data', epoch)
      if (epoch === 0 && unreached.size > 0 && counted > 0) warnOf(subject, unreached)
      const seconds = (performance.now() - start) / 1000
      const record = {
        epoch,
        loss: counted ? sum / counted : Number.NaN,
        validation: validation === undefined ? undefined : await validate(validation, loss, subject, { randomness, signal, rest, epoch }),
        seconds,
      }
      history.epochs.push(record)
      report?.epoch(record)
      for (const callback of callbacks) {
        const answer = typeof callback === 'object' ? callback.onEpoch?.(record) : undefined
        if ((isThenable(answer) ? await answer : answer) === stop) run.ends = true
      }
    }
  } finally {
    report?.end()
    for (const callback of callbacks) if (typeof callback === 'object') await callback.onEnd?.(history)
  }
  return history
}

type OnGradient = NonNullable<Parameters<typeof takeStep>[3]['onGradient']>

/** One step; what `onDiverged` answers to a loss or a gradient that is not finite is obeyed. */
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

interface Moment {
  readonly randomness: Randomness
  readonly signal: AbortSignal | undefined
  readonly rest: () => Promise<void> | undefined
  readonly epoch: number
}

/** The mean loss of batches in test mode, or the number that a function gives. */
async function validate(
  validation: NonNullable<TrainOptions['validation']>,
  loss: LossFunction,
  subject: Subject,
  { randomness, signal, rest, epoch }: Moment,
): Promise<number> {
  if (typeof validation === 'function') {
    const pending: unknown = withRandomness(randomness, validation)
    const value = await heard(signal, Promise.resolve(pending))
    const number = value instanceof Tensor ? value.item() : value
    if (typeof number === 'number') return number
    throw new TypeError(
      `train: the function for validation gives a number: ${kindOf(number)} came. Return it: () => accuracy(model, data).`,
    )
  }
  let sum = 0
  let count = 0
  let isEmpty = true
  const batches = new Batches(validation, randomness, signal)
  try {
    for (;;) {
      const { done, value: batch } = await batches.next()
      if (done) break
      isEmpty = false
      const pause = rest()
      if (pause) await pause
      const inputs = inputsOf(batch)
      const value = withRandomness(randomness, () =>
        scope(() => {
          const result = subject.isExplicit ? loss(subject.model, ...inputs) : loss(...inputs)
          return result === skip ? undefined : (result instanceof Tensor ? result : result[0]).item()
        }),
      )
      if (value === undefined) continue
      const samples = samplesOf(batch)
      sum += value * samples
      count += samples
    }
  } finally {
    await batches.close()
  }
  if (isEmpty) throw noBatch('validation', epoch)
  return sum / count
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
