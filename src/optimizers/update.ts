import { spend } from '../autodiff/gradient.ts'
import { Grads } from '../autodiff/grads.ts'
import { checkBoolean, checkOptions, DivergedError, DTypeError, kindOf, refuseSurplus, ShapeError, typeError } from '../errors.ts'
import { copyTensor } from '../params/clone.ts'
import { Params } from '../params/params.ts'
import { type Tree, zipTree } from '../params/tree.ts'
import { isRecording } from '../tape/level.ts'
import { isSet } from '../tensor/realm.ts'
import { scoped } from '../tensor/scope.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { tensorsIn } from '../tensor/walk.ts'
import { Optimizer } from './rule.ts'
import { optimizerIn } from './setup.ts'
import { type Pair, type PathOf, stepOf, takeSteps } from './steps.ts'

/** An optimizer set up for a model, as the explicit form of training takes it. */
export interface OptimizerState<Model = unknown> {
  readonly optimizer: Optimizer
  readonly model: Model
}

/** What an optimizer, or what `setup` gave, can update: a tensor, a Params, and the model that it was set up for. */
export type Updated<Opt> = Tensor | Params | (Opt extends OptimizerState<infer Model> ? Model : never)

/** The gradients for it: a tensor for a tensor, Grads for a Params, its tree for a model. */
export type GradientsFor<Target> = Target extends Tensor ? Tensor : Target extends Params ? Grads : Tree<Tensor>

/** What `update` can be told of the gradients. */
export interface UpdateOptions {
  /** Keep the gradients readable beyond the next gradient call, instead of freeing them then. */
  readonly keep?: boolean | undefined
}

/**
 * Takes a step: `update(opt, x, grad)` for one tensor, `update(opt, ps, grads)` for the parameters of a `Params`, `update(state, model,
 * gradient)` for a model with the tree that `gradient` gave. A parameter without gradient, or a frozen one, stays as it is, and so do its
 * momenta. Throws TypeError if none has one or if the styles are mixed, ShapeError where a gradient has another shape, DTypeError for what is
 * not float32, DivergedError for a gradient that is NaN or infinite; nothing is written then. A step of finite gradients may still leave float32's
 * range, with a learning rate that is far too large: the next loss tells.
 *
 * The gradients are used up: readable until the next outermost gradient, then freed, unless `{ keep: true }` or `keep(gradient)`.
 *
 * @example
 * const W = tensor([1, 2])
 * update(Descent(0.1), W, tensor([1, 1]))
 * W.toArray() // [0.9, 1.9]
 */
export function update<Opt extends Optimizer | OptimizerState, Target extends Updated<Opt>>(
  opt: Opt,
  target: Target,
  gradients: GradientsFor<Target>,
  options?: UpdateOptions,
): void
export function update(opt: Optimizer | OptimizerState, target: unknown, gradients: unknown, options: UpdateOptions = {}): void {
  checkOptions('update', options, ['keep'])
  if (arguments.length > 4) refuseSurplus('update', 4, arguments)
  const { keep = false } = options
  checkBoolean('update', 'keep', keep)
  const optimizer = optimizerOf('update', opt, target, gradients)
  const pairs = takeUpdate('update', optimizer, target, gradients, gradients instanceof Grads)
  if (keep) return
  const parameters = gradients instanceof Grads ? undefined : new Set(pairs.map(([x]) => x))
  for (const [, g] of pairs) if (!parameters?.has(g)) spend(g)
}

/** What is told of a gradient that is not finite: the path of its parameter, and the number. */
export type Diverged = (parameter: string | undefined, value: number) => DivergedError

/**
 * A step with all parameters that have a gradient and are not frozen. `areOwn`: no gradient lies in the memory of a parameter. Returns the
 * parameters with their gradients.
 */
export function takeUpdate(
  operation: string,
  optimizer: Optimizer,
  target: unknown,
  gradients: unknown,
  areOwn: boolean,
  diverged?: Diverged,
): readonly Pair[] {
  if (isRecording()) {
    throw typeError(
      'update',
      'a gradient is being taken, and parameters must not change meanwhile',
      '',
      'Call update after gradient has returned.',
    )
  }
  const pairs = pair(operation, target, gradients)
  const wanted = pairs.some(([x]) => x.frozen) ? pairs.filter(([x]) => !x.frozen) : pairs
  if (wanted.length > 0) {
    const pathOf = pathsIn(target)
    const refusal = ([x, g]: Pair) => notFinite(operation, optimizer, pathOf(x), g, diverged)
    if (areOwn || wanted.length === 1) takeSteps(optimizer, wanted, pathOf, refusal)
    else scoped(() => takeSteps(optimizer, unshared(wanted), pathOf, refusal))
  } else for (const each of new Set([optimizer, ...optimizer.links.map(([, rule]) => rule)])) each.steps++
  return pairs
}

/** Where parameters lie in what is updated; a tensor alone has no path. */
function pathsIn(target: unknown): PathOf {
  let all = target instanceof Params ? target : undefined
  return x => {
    if (target instanceof Tensor) return undefined
    all ??= new Params().add(target)
    return all.path(x)
  }
}

/** The error for a gradient that is not finite. */
function notFinite(operation: string, optimizer: Optimizer, parameter: string | undefined, g: Tensor, diverged?: Diverged): DivergedError {
  const value = g.view().find(each => !Number.isFinite(each)) as number
  if (diverged) return diverged(parameter, value)
  const problem = `the gradient${parameter === undefined ? '' : ` of '${parameter}'`} is not finite`
  return new DivergedError({ operation, problem, came: String(value), wayOut: `${UNTOUCHED}.` }, optimizer.steps, Number.NaN, parameter)
}

/** What to do about a gradient that is not finite. */
export const UNTOUCHED = 'Nothing was updated. Look for log, sqrt or div at 0 in the loss, even behind where'

/** The pairs, with a copy of each gradient that is another parameter, which the step will write. */
function unshared(pairs: readonly Pair[]): readonly Pair[] {
  const owners = new Map(pairs.map(([x]) => [x.storage, x]))
  return pairs.map(([x, g]) => (owners.has(g.storage) && g.storage !== x.storage ? [x, copyTensor(g)] : [x, g]))
}

/** The step that `update` would subtract from x, as a new tensor; the optimizer's state moves on as in `update`. Errors as `update`.
 * @example apply(Descent(0.1), tensor([1, 2]), tensor([1, 1])).toArray() // [0.1, 0.1] */
export function apply(opt: Optimizer, x: Tensor, gradient: Tensor): Tensor {
  if (arguments.length > 3) refuseSurplus('apply', 3, arguments)
  const optimizer = optimizerOf('apply', opt, x, gradient)
  const [[parameter, g]] = pair('apply', x, gradient)
  const step = stepOf(optimizer, [parameter, g], () => notFinite('apply', optimizer, undefined, g))
  return step ?? x.mul(0)
}

function optimizerOf(operation: string, opt: Optimizer | OptimizerState, target: unknown, gradients: unknown): Optimizer {
  const optimizer = optimizerIn(operation, opt)
  const isModel = !(target instanceof Params || target instanceof Tensor)
  if (isModel) refuseForeign(operation, target)
  if (opt instanceof Optimizer && isModel && !(gradients instanceof Grads)) {
    throw typeError(
      operation,
      'a model is updated with a state',
      'an optimizer came',
      `Write const state = setup(opt, model) once, then ${operation}(state, model, gradient).`,
    )
  }
  return optimizer
}

/** Throws TypeError for a tensor of another copy of the library, which is no tensor here, and for what cannot be a model. */
function refuseForeign(operation: string, target: unknown): void {
  const came = kindOf(target)
  if (came !== 'function' && (/tensor|promise/.test(came) || Object(target) !== target)) {
    throw typeError(operation, 'the second argument is a tensor, a Params or a model', `${came} came`)
  }
}

function pair(operation: string, target: unknown, gradients: unknown): [Tensor, Tensor][] {
  const pairs: [Tensor, Tensor][] = []
  if (Array.isArray(gradients) && !Array.isArray(target) && !isSet(target)) {
    throw typeError(
      operation,
      'the whole list of gradients came where one is wanted',
      '',
      'gradient(f, model) gives one for each argument: take the first.',
    )
  }
  if (target instanceof Params) {
    if (!(gradients instanceof Grads)) {
      throw typeError(
        operation,
        'a Params goes with the Grads of gradient(() => loss, ps)',
        `${kindOf(gradients)} came`,
        "A model's tree goes with setup(opt, model).",
      )
    }
    for (const parameter of target) {
      const gradient = gradients.get(parameter)
      if (gradient) pairs.push([parameter, gradient])
    }
  } else if (target instanceof Tensor) {
    if (!(gradients instanceof Tensor)) throw typeError(operation, 'the gradient of a tensor is a tensor', `${kindOf(gradients)} came`)
    pairs.push([target, gradients])
  } else {
    if (gradients instanceof Grads) {
      throw typeError(operation, 'Grads go with the Params they were taken by', 'a model came', `Write ${operation}(opt, ps, grads).`)
    }
    const seen = new Set<Tensor>()
    zipTree<Tensor>(operation, target, gradients as Tree<Tensor>, isTensor, (parameter, gradient) => {
      if (!seen.has(parameter)) pairs.push([parameter, gradient])
      seen.add(parameter)
    })
  }
  if (pairs.length === 0) {
    const why = tensorsIn(target).every(each => each.frozen)
      ? 'All of them are frozen: thaw(model) takes them in again.'
      : 'None of them took part in the loss; are they those that the model uses?'
    throw typeError(operation, 'no parameter has a gradient', '', why)
  }
  for (const [x, g] of pairs) {
    x.check(operation)
    g.check(operation)
    if (x.type !== 'float32' || g.type !== 'float32') throw notFloat(operation, x, g)
    if (sameShape(x.dims, g.dims)) continue
    throw new ShapeError(
      { operation, problem: 'a gradient has another shape than its parameter', came: `${show(g.dims)} for ${show(x.dims)}` },
      [x.dims, g.dims],
    )
  }
  return pairs
}

function notFloat(operation: string, x: Tensor, g: Tensor): DTypeError {
  const isG = x.type === 'float32'
  const odd = isG ? g : x
  const came = `${odd.type} ${show(odd.dims)}`
  return new DTypeError(
    {
      operation,
      problem: `a ${isG ? 'gradient' : 'parameter'} must be float32`,
      came,
      wayOut: `Write ${isG ? 'g' : 'x'}.cast('float32').`,
    },
    [odd.type],
  )
}

function isTensor(value: unknown): value is Tensor {
  return value instanceof Tensor
}
