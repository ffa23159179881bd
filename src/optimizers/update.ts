import { spend } from '../autodiff/gradient.ts'
import { Grads } from '../autodiff/grads.ts'
import { scope } from '../autodiff/scope.ts'
import { checkOptions, DivergedError, DTypeError, kindOf, refuseSurplus, ShapeError } from '../errors.ts'
import { copyTensor } from '../params/clone.ts'
import { Params } from '../params/params.ts'
import { type Tree, zipTree } from '../params/tree.ts'
import { isRecording } from '../tape/level.ts'
import { isSet } from '../tensor/realm.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { walk } from '../tensor/walk.ts'
import { checkKind } from './define.ts'
import { firstNotFinite } from './finite.ts'
import { allOrNothing, type Hyper, type HyperInput, type HyperValue, Optimizer, type Schedule } from './rule.ts'

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
 * not float32, DivergedError for a gradient that is NaN or infinite; nothing is written then.
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
  const optimizer = optimizerOf('update', opt, target, gradients)
  const pairs = takeUpdate('update', optimizer, target, gradients, gradients instanceof Grads)
  if (keep) return
  const parameters = gradients instanceof Grads ? undefined : new Set(pairs.map(([x]) => x))
  for (const [, g] of pairs) if (!parameters?.has(g)) spend(g)
}

type Pair = readonly [x: Tensor, g: Tensor]

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
    throw new TypeError(
      'update: a gradient is being taken, and parameters must not change meanwhile. Call update after gradient has returned.',
    )
  }
  const pairs = pair(operation, target, gradients)
  const wanted = pairs.some(([x]) => x.frozen) ? pairs.filter(([x]) => !x.frozen) : pairs
  if (wanted.length > 0) {
    checkFinite(operation, optimizer, target, wanted, diverged)
    if (areOwn || wanted.length === 1) optimizer.take(wanted)
    else scope(() => optimizer.take(unshared(wanted)))
  }
  optimizer.steps++
  return pairs
}

/** Throws DivergedError for the first gradient that is not finite. */
function checkFinite(operation: string, optimizer: Optimizer, target: unknown, pairs: readonly Pair[], diverged?: Diverged): void {
  const odd = firstNotFinite(pairs)
  if (!odd) return
  const [x, g] = odd
  const all = target instanceof Params ? target : new Params().add(target)
  const parameter = target instanceof Tensor ? undefined : all.path(x)
  const value = g.view().find(each => !Number.isFinite(each)) as number
  if (diverged) throw diverged(parameter, value)
  const problem = `the gradient${parameter === undefined ? '' : ` of '${parameter}'`} is not finite`
  throw new DivergedError({ operation, problem, came: String(value), wayOut: `${UNTOUCHED}.` }, optimizer.steps, Number.NaN, parameter)
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
  checkFinite('apply', optimizer, x, [[parameter, g]])
  const step = allOrNothing(optimizer, [[parameter, g]], true, () => optimizer.delta(parameter, g))
  optimizer.steps++
  return step ?? x.mul(0)
}

/**
 * Sets an optimizer up for a model: what the explicit forms of `train` and `update` take. Throws TypeError for a model without parameters.
 *
 * @example
 * const model = Dense(2, 1)
 * const [grads] = gradient(m => m(ones([3, 2])).sum(), model)
 * update(setup(Adam(1e-3), model), model, grads)
 */
export function setup<Model>(optimizer: Optimizer, model: Model): OptimizerState<Model> {
  if (arguments.length > 2) refuseSurplus('setup', 2, arguments)
  if (!(optimizer instanceof Optimizer))
    throw new TypeError(`setup: the first argument is an optimizer: ${typeof optimizer} came. Write setup(Adam(), model).`)
  const ps = new Params().add(model)
  if (ps.size === 0)
    throw new TypeError('setup: the model has no trainable tensor. A closure hides its own: make the model with layer(...) or Chain(...).')
  return { optimizer, model }
}

function optimizerOf(operation: string, opt: Optimizer | OptimizerState, target: unknown, gradients: unknown): Optimizer {
  const explicit = !(target instanceof Tensor) && !(target instanceof Params)
  if (opt instanceof Optimizer) {
    if (explicit && !(gradients instanceof Grads)) {
      throw new TypeError(
        `${operation}: a model is updated with a state: an optimizer came. Write const state = setup(opt, model) once, then ${operation}(state, model, gradient).`,
      )
    }
    return opt
  }
  if (!(opt?.optimizer instanceof Optimizer))
    throw new TypeError(`${operation}: the first argument is an optimizer or what setup gives: ${typeof opt} came.`)
  return opt.optimizer
}

function pair(operation: string, target: unknown, gradients: unknown): [Tensor, Tensor][] {
  const pairs: [Tensor, Tensor][] = []
  if (Array.isArray(gradients) && !Array.isArray(target) && !isSet(target)) {
    throw new TypeError(
      `${operation}: the whole list of gradients came where one is wanted. gradient(f, model) gives one for each argument: take the first.`,
    )
  }
  if (target instanceof Tensor) {
    if (!(gradients instanceof Tensor)) throw new TypeError(`${operation}: the gradient of a tensor is a tensor: ${typeof gradients} came.`)
    pairs.push([target, gradients])
  } else if (target instanceof Params) {
    if (!(gradients instanceof Grads)) {
      throw new TypeError(
        `${operation}: a Params goes with the Grads of gradient(() => loss, ps): ${typeof gradients} came. A model's tree goes with setup(opt, model).`,
      )
    }
    for (const parameter of target) {
      const gradient = gradients.get(parameter)
      if (gradient) pairs.push([parameter, gradient])
    }
  } else {
    if (gradients instanceof Grads) {
      throw new TypeError(`${operation}: Grads go with the Params they were taken by: a model came. Write ${operation}(opt, ps, grads).`)
    }
    const seen = new Set<Tensor>()
    zipTree<Tensor>(operation, target, gradients as Tree<Tensor>, isTensor, (parameter, gradient) => {
      if (!seen.has(parameter)) pairs.push([parameter, gradient])
      seen.add(parameter)
    })
  }
  if (pairs.length === 0) {
    throw new TypeError(
      `${operation}: no parameter has a gradient. None of them took part in the loss; are they those that the model uses?`,
    )
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

/**
 * Changes hyperparameters on the way: `adjust(opt, 1e-4)` the learning rate of every rule that has one, `adjust(opt, { beta: [0.8, 0.99] })`
 * any by name. Momenta stay. Throws TypeError for a name that no rule has.
 *
 * @example
 * const opt = Adam(1e-3)
 * adjust(opt, 1e-4)
 * opt.hyper.eta // 0.0001
 */
export function adjust(
  opt: Optimizer | OptimizerState,
  changes: number | Schedule | Readonly<Record<string, HyperValue | Schedule>>,
): void {
  if (arguments.length > 2) refuseSurplus('adjust', 2, arguments)
  const optimizer = opt instanceof Optimizer ? opt : opt.optimizer
  const named = typeof changes === 'object' ? changes : { eta: changes }
  const rules = optimizer.rules().map(([, rule]) => rule)
  for (const name in named) {
    const owners = rules.filter(rule => rule.has(name))
    if (owners.length === 0) throw new TypeError(`adjust: no rule has a hyperparameter '${name}': ${String(optimizer)}.`)
    for (const rule of owners) checkKind(rule.name, name, named[name], rule.hyper[name])
  }
  for (const rule of rules) {
    const own = Object.entries(named).filter(([name]) => rule.has(name))
    if (own.length > 0) rule.adjust(Object.fromEntries(own) as HyperInput<Hyper>)
  }
}

/**
 * What an optimizer remembers of the parameters, by path: momenta as the tensors themselves (`layers.0.weight.m`, in a chain of rules
 * `layers.0.weight.1.Adam.m`), counts of steps as numbers (`layers.0.weight.t`), and `steps`, all updates. Pass it to
 * `saveSafetensors`, or to `loadOptimizerState` for another optimizer of the same rules. Throws TypeError for what is no optimizer.
 *
 * @example
 * const W = tensor([1, 2])
 * const [opt, ps] = [Momentum(), params({ W })]
 * update(opt, ps, gradient(() => W.sum(), ps))
 * Array.from(optimizerState(opt, ps).keys()) // ["steps", "W.t", "W.v"]
 */
export function optimizerState(opt: Optimizer | OptimizerState, ps?: Params): Map<string, Tensor | number> {
  if (arguments.length > 2) refuseSurplus('optimizerState', 2, arguments)
  const { optimizer, parameters } = stateTarget('optimizerState', opt, ps)
  const found = new Map<string, Tensor | number>([['steps', optimizer.steps]])
  eachSlot(optimizer, parameters, (path, rule, parameter) => {
    const slot = rule.existingSlot(parameter)
    if (!slot) return
    found.set(`${path}.t`, slot.t)
    for (const [name, tensor] of Object.entries(slot.tensors)) found.set(`${path}.${name}`, tensor)
  })
  return found
}

/**
 * Gives an optimizer what another one remembered: the inverse of `optimizerState`, by path. Throws TypeError for paths or shapes that do not
 * fit, DTypeError for a tensor that is not float32, RangeError for a count of steps that is no whole number from 0; nothing is changed then.
 *
 * @example
 * const ps = params(tensor([1, 2]))
 * const opt = Adam(1e-3)
 * loadOptimizerState(opt, ps, optimizerState(Adam(), ps))
 */
export function loadOptimizerState(
  opt: Optimizer | OptimizerState,
  ps: Params | undefined,
  state: ReadonlyMap<string, Tensor | number>,
): void {
  if (arguments.length > 3) refuseSurplus('loadOptimizerState', 3, arguments)
  const operation = 'loadOptimizerState'
  const { optimizer, parameters } = stateTarget(operation, opt, ps)
  if (typeof state?.get !== 'function') {
    throw new TypeError(`${operation}: the state is a Map, as optimizerState gives it: ${kindOf(state)} came.`)
  }
  const known = new Set(['steps'])
  const forgotten: (() => void)[] = []
  const writes: (() => void)[] = []
  eachSlot(optimizer, parameters, (path, rule, parameter) => {
    const t = state.get(`${path}.t`)
    known.add(`${path}.t`)
    if (t === undefined) {
      forgotten.push(() => rule.forget(parameter))
      return
    }
    const count = countOf(`${path}.t`, t)
    const values = rule.slotNames.map(name => {
      const key = `${path}.${name}`
      const value = state.get(key)
      known.add(key)
      if (!(value instanceof Tensor) || !sameShape(value.dims, parameter.dims)) {
        throw new TypeError(`${operation}: '${key}' must be a tensor ${show(parameter.dims)}.`)
      }
      value.check(operation)
      if (value.type === 'float32') return [name, value] as const
      throw new DTypeError({ operation, problem: `'${key}' must be float32`, came: value.type }, [value.type])
    })
    writes.push(() => {
      const slot = rule.slot(parameter)
      slot.t = count
      for (const [name, value] of values) slot.tensors[name].assign(value)
    })
  })
  const unknown = [...state.keys()].find(key => !known.has(key))
  if (unknown !== undefined) throw new TypeError(`${operation}: no parameter and rule belong to '${unknown}'.`)
  const steps = countOf('steps', state.get('steps') ?? 0)
  const pairs = parameters.map(([, x]) => [x, x] as const)
  allOrNothing(optimizer, pairs, true, () => {
    for (const write of writes) write()
  })
  for (const forget of forgotten) forget()
  optimizer.steps = steps
}

/** A count of steps, which files hold as a tensor. */
function countOf(key: string, value: Tensor | number): number {
  const count = value instanceof Tensor ? value.item() : value
  if (Number.isInteger(count) && count >= 0) return count
  throw new RangeError(`loadOptimizerState: '${key}' must be a whole number from 0: ${String(count)}.`)
}

function stateTarget(
  operation: string,
  opt: Optimizer | OptimizerState,
  ps: Params | undefined,
): { optimizer: Optimizer; parameters: [string, Tensor][] } {
  if (opt instanceof Optimizer) {
    if (!ps) throw new TypeError(`${operation}: an optimizer's memory has its paths from a Params. Write ${operation}(opt, ps).`)
    return { optimizer: opt, parameters: ps.entries() }
  }
  const parameters: [string, Tensor][] = []
  walk(opt.model, (tensor, path) => parameters.push([path, tensor]))
  return { optimizer: opt.optimizer, parameters }
}

function eachSlot(
  optimizer: Optimizer,
  parameters: readonly [string, Tensor][],
  visit: (path: string, rule: ReturnType<Optimizer['rules']>[number][1], parameter: Tensor) => void,
): void {
  const rules = optimizer.rules()
  for (const [path, parameter] of parameters) {
    for (const [name, rule] of rules) visit(rules.length === 1 ? path : `${path}.${name}`, rule, parameter)
  }
}
