import { differentiate } from '../autodiff/gradient.ts'
import type { Grads } from '../autodiff/grads.ts'
import { DivergedError, kindOf, refuseSurplus, typeError } from '../errors.ts'
import { Optimizer } from '../optimizers/rule.ts'
import { type OptimizerState, takeUpdate, UNTOUCHED } from '../optimizers/update.ts'
import { Params } from '../params/params.ts'
import { Effects } from '../tape/effects.ts'
import { pulled, watched } from '../tape/operation.ts'
import { zeros } from '../tensor/create.ts'
import { isPlain, isThenable } from '../tensor/realm.ts'
import { madeSince, mark, scoped } from '../tensor/scope.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { tensorsIn } from '../tensor/walk.ts'
import { inputsOf } from './batches.ts'
import { blameBatch } from './blame.ts'
import { type Differentiated, replayedLoss, replaysOf } from './replayed-loss.ts'
import { outcomeOf, type Shared, sharingOf } from './sharing.ts'
import type { Batch, LossArguments, TargetOf } from './types.ts'
import { warnOfUntrained } from './untrained.ts'

/** Returned by a callback: the run ends after this step. */
export const stop: unique symbol = Symbol('stop')
/** Returned by a loss or an `onGradient` callback: this step makes no update. */
export const skip: unique symbol = Symbol('skip')

/** A loss of what a batch holds: a scalar, a list that begins with one, or `skip`. */
// biome-ignore lint/suspicious/noExplicitAny: what a batch is made of is known to the data alone
export type LossFunction<Args extends readonly unknown[] = any[]> = (
  ...args: Args
) => Tensor | readonly [Tensor, ...unknown[]] | typeof skip

/** What training changes, and by which rule: Params and an optimizer, or a model and what `setup` gave. */
export interface Subject {
  readonly params: Params
  readonly optimizer: Optimizer
  /** The model of the explicit form, which the loss takes first. */
  readonly model: unknown
  readonly isExplicit: boolean
}

/** Throws TypeError for a loss that is no function. */
export function checkLoss(operation: string, loss: unknown): void {
  if (typeof loss !== 'function') throw typeError(operation, 'the loss comes first, and is a function', `${kindOf(loss)} came`)
}

/** Sorts out the two styles, and refuses their mixture. */
export function trainingSubject(operation: string, target: unknown, opt: Optimizer | OptimizerState): Subject {
  if (target instanceof Params) {
    if (isState(opt))
      throw typeError(
        operation,
        'a Params goes with an optimizer',
        'the result of setup came',
        `Write ${operation}(loss, ps, data, Adam()).`,
      )
    if (!(opt instanceof Optimizer))
      throw typeError(
        operation,
        'the fourth argument is an optimizer',
        `${kindOf(opt)} came`,
        `${kindOf(opt) === 'a tensor' ? `A batch is one argument: ${operation}(loss, ps, [x, y], Adam())` : `Write ${operation}(loss, ps, data, Adam())`}.`,
      )
    return { params: target, optimizer: opt, model: undefined, isExplicit: false }
  }
  if (!isState(opt)) {
    throw typeError(
      operation,
      'a model goes with the state of an optimizer',
      isThenable(target) ? kindOf(target) : `${opt instanceof Optimizer ? 'a rule' : kindOf(opt)} came`,
      `Write ${operation}(loss, model, data, setup(opt, model)), or pass params(model) and a loss that closes over the model.`,
    )
  }
  if (opt.model !== target)
    throw typeError(operation, 'the state was set up for another model', '', 'Write setup(opt, model) with the model that is trained.')
  return { params: new Params().add(target), optimizer: opt.optimizer, model: target, isExplicit: true }
}

/** Is this what `setup` gave? An optimizer is not asked for what it lacks: what stands behind its prototype takes its time. */
function isState(opt: unknown): opt is OptimizerState {
  return (
    typeof opt === 'object' &&
    opt !== null &&
    !(opt instanceof Optimizer) &&
    'model' in opt &&
    'optimizer' in opt &&
    opt.optimizer instanceof Optimizer
  )
}

export interface StepHooks {
  /** Whose step it is, for errors. */
  readonly operation?: 'train' | 'trainStep'
  /** Called with the gradients before the update: returns those that are applied, or `skip`. */
  readonly onGradient?: ((loss: number, gradients: Grads, extras: readonly unknown[]) => Grads | typeof skip) | undefined
  /** The number of the step, for errors. */
  readonly step?: number
  /** Find the first operation whose result is not finite. */
  readonly trace?: boolean | undefined
  /** Are what the loss returned beside itself, and the tensors in it, wanted beyond the step? */
  readonly keepExtras?: boolean
}

export interface StepResult {
  readonly loss: number
  readonly skipped: boolean
  /** The parameters that took part. */
  readonly reached: Iterable<Tensor>
  /** What the loss returned beside itself, and those tensors in it that were made for it, which the caller ends. */
  readonly extras: readonly unknown[]
  readonly made: readonly Tensor[]
}

export const NONE: readonly never[] = []

/**
 * One step of training: the loss of a batch, its gradient, one update. A batch that is an array is spread into the loss's arguments. Returns
 * the loss.
 *
 * `trainStep(loss, ps, batch, opt)`, or `trainStep((model, ...batch) => loss, model, batch, setup(opt, model))`. Throws DivergedError for a
 * loss or a gradient that is NaN or infinite; parameters and momenta then stay as they were; TypeError where the two styles are mixed.
 *
 * @example
 * const model = Dense(2, 1)
 * const loss = (x, y) => mse(model(x).squeeze(-1), y)
 * trainStep(loss, params(model), [zeros([4, 2]), ones([4])], Descent(0.1)) // 1
 */
export function trainStep<Opt extends Optimizer | OptimizerState, B extends Batch>(
  loss: LossFunction<LossArguments<Opt, B>>,
  target: TargetOf<Opt>,
  batch: B,
  opt: Opt,
): number
export function trainStep(loss: LossFunction, target: unknown, batch: unknown, opt: Optimizer | OptimizerState): number {
  checkLoss('trainStep', loss)
  if (arguments.length > 4) refuseSurplus('trainStep', 4, arguments, 'A batch is one argument: trainStep(loss, ps, [x, y], opt).')
  return takeStep(loss, trainingSubject('trainStep', target, opt), batch, { operation: 'trainStep' }).loss
}

/** One step, with hooks. Frees everything that it made. */
export function takeStep(
  loss: LossFunction,
  subject: Subject,
  batch: unknown,
  { operation = 'train', onGradient, step = subject.optimizer.steps, trace = false, keepExtras = false }: StepHooks,
): StepResult {
  const { params, optimizer, model, isExplicit } = subject
  const sharing = sharingOf(batch)
  if (!sharing) sharingOf(optimizer)?.refuse()
  const takes = loss.length - (isExplicit ? 1 : 0)
  const inputs = sharing ? NONE : inputsOf(operation, batch, takes)
  const effects = new Effects()
  let skipped = false
  let origin: string | undefined
  const stepOnce = (): StepResult => {
    const start = mark()
    const lossOf = (inputs: readonly unknown[]) => {
      const forward = () => call(operation, loss, isExplicit ? [model, ...inputs] : inputs, isExplicit)
      const result = operation === 'train' && step === 0 ? warnOfUntrained(subject, inputs, forward) : forward()
      if (result !== skip) return result
      skipped = true
      return zeros([])
    }
    const replays = trace ? undefined : replaysOf(loss)
    const differentiated = (inputs: readonly unknown[]) =>
      replays
        ? replays.take(operation, replayedLoss(operation, lossOf, params), params, model, inputs, () => !skipped)
        : (differentiate(operation, () => lossOf(inputs), [params], true) as Differentiated)
    if (sharing) {
      const partial = (part: unknown) => {
        skipped = false
        const { value, gradient } = differentiated(inputsOf(operation, part, takes))
        return skipped ? undefined : { loss: numberOf(value), gradient }
      }
      const whole = outcomeOf(sharing, batch as Shared, params, effects, partial)
      skipped = whole.samples === 0
      return finish(whole.loss, whole.gradient, NONE, NONE)
    }
    const { value, gradient } = differentiated(inputs)
    const list: readonly unknown[] = Array.isArray(value) ? value : NONE
    const number = numberOf(value)
    const extras = list.length > 1 ? list.slice(1) : NONE
    const made = keepExtras && extras.length > 0 ? tensorsIn(extras).filter(each => madeSince(start, each)) : NONE
    return finish(number, gradient, extras, made)
  }
  const finish = (number: number, gradient: Grads, extras: readonly unknown[], made: readonly Tensor[]): StepResult => {
    const reached = gradient.parameters()
    if (skipped) return { loss: Number.NaN, skipped, reached, extras, made }
    if (!Number.isFinite(number)) throw diverged(operation, step, number, origin)
    const applied = onGradient ? onGradient(number, gradient, extras) : gradient
    const skips = applied === skip
    if (sharing?.skips(skips) ?? skips) return { loss: number, skipped: true, reached, extras, made }
    const write = effects.size > 0 ? prepared(effects, params) : undefined
    // What is left of the gradients ends with the step.
    takeUpdate('update', optimizer, params, applied as Grads, applied === gradient, (parameter, value) =>
      diverged(operation, step, number, origin, { parameter, value }),
    )
    write?.()
    return { loss: number, skipped, reached, extras, made }
  }
  const scopedStep = () => scoped(stepOnce, madeOf)
  try {
    if (!trace) return effects.during(scopedStep)
    const watch = (operation: string, y: Tensor): void => {
      if (origin !== undefined || y.type !== 'float32' || y.view().every(Number.isFinite)) return
      origin = `${pulled === undefined ? operation : `the gradient of ${pulled}`} [${y.dims.join(', ')}]`
    }
    return watched(watch, () => effects.during(scopedStep))
  } catch (error) {
    throw error instanceof DivergedError ? blameBatch(error, batch) : error
  } finally {
    effects.forget()
  }
}

/** What writes the effects of a step. A layer does not write what the optimizer does: one of the two would be lost. */
function prepared(effects: Effects, params: Params): () => void {
  for (const { buffer } of effects.since(0)) {
    if (buffer.frozen || !params.has(buffer)) continue
    throw typeError(
      'later',
      `'${params.path(buffer)}' is a parameter, which the optimizer writes`,
      '',
      "Name those that are: layer(name, fields, f, { trainable: ['weight'] }).",
    )
  }
  return effects.prepare()
}

/** The loss in what a loss function gave. */
function numberOf(value: Differentiated['value']): number {
  return ((Array.isArray(value) ? value[0] : value) as Tensor).item()
}

function madeOf({ made }: StepResult): readonly Tensor[] {
  return made
}

/** The loss of its arguments; if it fails because it was written for the other style, the error says so. */
function call(operation: string, loss: LossFunction, args: readonly unknown[], isExplicit: boolean): ReturnType<LossFunction> {
  try {
    return loss(...args)
  } catch (error) {
    const isMisfit = isExplicit ? loss.length > 0 && loss.length < args.length : loss.length > args.length
    if (!isMisfit || !(error instanceof TypeError)) throw error
    const came = `${args.length}${isExplicit ? ', the model first' : ''}`
    const [first] = args
    const names = !isExplicit && args.length === 1 && isPlain(first) ? Object.keys(first as object).slice(0, 4) : []
    const wayOut = isExplicit
      ? 'Write (model, ...batch) => loss, or pass params(model) and an optimizer.'
      : names.length > 0
        ? `The batch is a record: write ({ ${names.join(', ')} }) => loss.`
        : `${args.length === 1 ? 'The batch is one thing: for two pass [x, y], of tensors or typed arrays. ' : ''}Let it close over the model, or pass the model and setup(opt, model).`
    throw typeError(operation, `the loss takes ${loss.length} arguments, and failed with ${came}`, '', wayOut, { cause: error })
  }
}

/** The error for a loss that is not finite, or for a gradient of a loss that is. */
function diverged(
  operation: 'train' | 'trainStep',
  step: number,
  loss: number,
  origin: string | undefined,
  odd?: { readonly parameter: string | undefined; readonly value: number },
): DivergedError {
  const place = operation === 'train' ? ` ${odd ? 'in' : 'of'} step ${step}` : ''
  const value = String(odd ? odd.value : loss)
  const wayOut = odd ? UNTOUCHED : 'Nothing was updated. Lower the learning rate'
  const canTrace = operation === 'train' && origin === undefined
  const rest = canTrace
    ? `${odd ? '' : ', clip the gradients'}, or pass trace: true to see where it comes from.`
    : odd
      ? '.'
      : ', or clip the gradients.'
  return new DivergedError(
    {
      operation,
      problem: `${odd ? `the gradient of '${odd.parameter}'` : 'the loss'}${place} is not finite`,
      came: origin === undefined ? value : `${value}, first in ${origin}`,
      wayOut: wayOut + rest,
    },
    step,
    loss,
    odd?.parameter,
  )
}
