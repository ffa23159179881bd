import { DataLoader } from '../data/loader.ts'
import { checkOptions, DivergedError, kindOf, rangeError, refuseSurplus, typeError, written } from '../errors.ts'
import type { Optimizer } from '../optimizers/rule.ts'
import type { OptimizerState } from '../optimizers/update.ts'
import { isPlain } from '../tensor/realm.ts'
import { remedy } from './answers.ts'
import { checkBatches, isGenerating } from './batches.ts'
import { breather } from './breathe.ts'
import type { Callback, CallbackObject } from './callbacks.ts'
import { type CheckpointOptions, checkCheckpoints, checkpoints } from './checkpoints.ts'
import { type Feature, loop, type Task } from './loop.ts'
import { checkMetrics, type Metrics, measuring } from './measures.ts'
import { type ProgressInfo, reporting } from './progress.ts'
import { newRecord, type RunRecord } from './record.ts'
import { type Run, runOf } from './run.ts'
import { sharingOf } from './sharing.ts'
import { checkLoss, type LossFunction, NONE, type Subject, skip, stop, takeStep, trainingSubject } from './step.ts'
import type { BatchIn, LossArguments, TargetOf, TrainingData } from './types.ts'
import { warningOfUnreached } from './untrained.ts'
import { type Validation, validating } from './validation.ts'

/** What `train` can be told besides its four arguments. */
export interface TrainOptions {
  /** How often to go through the data; 1 by default. */
  readonly epochs?: number | undefined
  /** After how many steps in all, those before it was taken up counted, the run ends; `epochs` are then as many as it takes. */
  readonly steps?: number | undefined
  /** A function called after each step, or `{ onStart, onGradient, onStep, onEpoch, onEnd, state, load }`, or a list of them. */
  readonly callbacks?: Callback | readonly Callback[] | undefined
  /** Ends the run: it rejects with the signal's reason, after the step that is being taken, or at once while it waits for data. */
  readonly signal?: AbortSignal | undefined
  /** true: a line on the terminal (piped: one an epoch); or a function that is told where the run stands. */
  readonly progress?: boolean | ((info: ProgressInfo) => void) | undefined
  /** Milliseconds between two breaths of the event loop; 100 by default, a frame where a page is visible. A server that answers meanwhile takes 5. */
  readonly breathe?: number | undefined
  /** After each epoch: batches whose mean loss is taken in test mode, or a function that gives a number. */
  readonly validation?: Validation | undefined
  /** After each epoch: functions that give a number, in test mode, by name; of nothing, in the explicit form of the model. May be async. */
  readonly metrics?: Metrics | undefined
  /** Asked before a DivergedError ends the run: may return `skip` (go on with the next batch) or `stop`. */
  readonly onDiverged?: ((error: DivergedError) => unknown) | undefined
  /** Saves the run into a folder from time to time: `{ path, every: 500 | 'epoch' | { minutes: n }, keep: 3 }`. */
  readonly checkpoint?: CheckpointOptions | undefined
  /** Goes on from the newest checkpoint in this folder, as if the run had not been interrupted; starts anew where there is none. */
  readonly resume?: string | undefined
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
 * const loss = (x, y) => mse(model(x).squeeze(-1), y)
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
  return start(loss, subject, data, options, newRecord())
}

/** Starts a run, or takes one up from a copy of its record. */
export function start(loss: LossFunction, subject: Subject, data: TrainingData, options: TrainOptions, record: RunRecord): Run {
  const { signal, validation, metrics, progress, onDiverged, trace, breathe, checkpoint, resume } = options
  const { epochs, most } = endOf(options)
  record.data = kindOfData(data)
  let breathing: ReturnType<typeof breather> | undefined
  const rest = () => (breathing ??= breather(signal, breathe))()
  const features: Feature[] = []
  const sharing = sharingOf(subject.optimizer)
  if (!sharing?.follows && record.step === 0) features.push(warningOfUnreached(subject, record))
  const means = { random: record.random, signal, rest }
  if (validation !== undefined) features.push(validating(validation, loss, subject, means, record))
  if (metrics) features.push(measuring(metrics, subject, means))
  if (progress && !sharing?.follows) features.push(reporting(progress, epochs, most, data, record))
  const callbacks = callbacksOf(options)
  const isSaved = checkpoint !== undefined || resume !== undefined
  if (isSaved)
    features.push(checkpoints(checkpoint, resume, { subject, record, callbacks, epochs, isShared: validation === data, sharing }))
  // The last: what a run that has ended had to write is written.
  if (sharing) features.push(sharing.feature(record))

  const stepWith: Task['stepWith'] = (batch, step, onGradient) => {
    try {
      return takeStep(loss, subject, batch, { step, trace, onGradient, keepExtras: true })
    } catch (error) {
      // Another process has ended the run.
      if (error === stop) return stop
      if (!(error instanceof DivergedError)) throw error
      const answer = remedy(onDiverged?.(error), error)
      if (answer === stop) return stop
      if (answer === skip) return { loss: error.loss, skipped: true, reached: subject.params, extras: NONE, made: NONE }
      throw error
    }
  }
  const control = { ends: false }
  const ends: Task['ends'] = here => sharing?.ends(here) ?? here
  const steps = loop({ subject, data, epochs, most, features, callbacks, signal, stepWith, ends, rest }, record, control)
  return runOf(steps, record, () => {
    control.ends = true
  })
}

/** Through how many epochs a run goes at most, and which step it does not take any more. */
function endOf({ steps, epochs = steps === undefined ? 1 : Number.POSITIVE_INFINITY }: TrainOptions) {
  return { epochs, most: steps ?? Number.POSITIVE_INFINITY }
}

/** What must be the same if a run is to go on within an epoch. */
function kindOfData(data: TrainingData): string {
  if (data instanceof DataLoader) return String(data)
  return Array.isArray(data) ? `a list of ${data.length} batches` : ''
}

function callbacksOf(options: TrainOptions): CallbackObject[] {
  const all = ([] as readonly Callback[]).concat(options.callbacks ?? [])
  return all.map(each => (typeof each === 'function' ? { onStep: each } : (each as CallbackObject)))
}

const HOOKS = ['onStart', 'onGradient', 'onStep', 'onEpoch', 'onEnd', 'state', 'load']
const OPTIONS = [
  'epochs',
  'steps',
  'callbacks',
  'signal',
  'progress',
  'breathe',
  'validation',
  'metrics',
  'onDiverged',
  'trace',
  'checkpoint',
  'resume',
]

/** `inputs` is how many arguments of the loss a batch fills. */
function check(data: unknown, options: TrainOptions, inputs: number): void {
  checkOptions('train', options, OPTIONS)
  const { signal, validation, breathe = 0 } = options
  const { epochs } = endOf(options)
  for (const callback of ([] as readonly unknown[]).concat(options.callbacks ?? [])) checkCallback(callback)
  for (const name of ['epochs', 'steps'] as const) {
    const { [name]: count = 1 } = options
    if (!Number.isInteger(count) || count < 1) throw rangeError('train', `${name} is a whole number from 1`, written(count))
  }
  if (!(breathe >= 0)) throw rangeError('train', 'breathe is a number of milliseconds from 0', breathe)
  if (signal && typeof signal.throwIfAborted !== 'function') {
    throw typeError('train', 'signal is an AbortSignal', `${kindOf(signal)} came`, 'Write { signal: controller.signal }.')
  }
  if (options.metrics !== undefined) checkMetrics(options.metrics)
  checkCheckpoints(options.checkpoint, options.resume)
  checkBatches('data', data, inputs, options.epochs ?? 1)
  if (validation !== undefined && (typeof validation !== 'function' || isGenerating(validation))) {
    checkBatches('validation', validation, inputs, epochs)
  }
}

function checkCallback(callback: unknown): void {
  if (typeof callback === 'function') return
  if (typeof callback !== 'object' || callback === null) {
    throw typeError('train', `a callback is a function, or an object with ${HOOKS.join(', ')}`, `${kindOf(callback)} came`)
  }
  // It may have fields of its own, but none that looks like a moment of the run.
  const hooks = callback as Readonly<Record<string, unknown>>
  const isHook = (name: string) => HOOKS.includes(name) || /^on[A-Z]/.test(name) || typeof hooks[name] === 'function'
  const names = Object.keys(hooks).filter(isHook)
  if (isPlain(callback)) checkOptions('train: callbacks', Object.fromEntries(names.map(name => [name, hooks[name]])), HOOKS)
  if (!HOOKS.some(name => name in hooks)) checkOptions('train: callbacks', callback, HOOKS)
  for (const name of HOOKS) {
    const hook = hooks[name]
    if (hook !== undefined && typeof hook !== 'function')
      throw typeError('train', `${name} of a callback is a function`, `${kindOf(hook)} came`)
  }
}
