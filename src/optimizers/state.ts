import { checkNumber, DTypeError, kindOf, rangeError, refuseSurplus, typeError } from '../errors.ts'
import { copyTensor } from '../params/clone.ts'
import { Params } from '../params/params.ts'
import { scoped } from '../tensor/scope.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { walk } from '../tensor/walk.ts'
import type { Hyper } from './definition.ts'
import { Optimizer, overwrite, type Rule } from './rule.ts'
import { optimizerIn } from './setup.ts'
import type { OptimizerState } from './update.ts'

/**
 * What an optimizer remembers of the parameters, by path: momenta as the tensors themselves (`layers.0.weight.m`, in a chain of rules
 * `layers.0.weight.1.Adam.m`), counts of steps as numbers (`layers.0.weight.t`), and `steps`, all updates (`steps.1.Adam`: those that
 * this rule has taken, if it was used elsewhere, too, or steps were held back before it). Pass it to
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
  for (const [name, { steps }] of optimizer.links) if (steps !== optimizer.steps) found.set(`steps.${name}`, steps)
  Object.defineProperty(found, 'toJSON', { value: () => Object.fromEntries(found) })
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
  if (typeof state?.get !== 'function' || typeof state.keys !== 'function') {
    throw typeError(operation, 'the state is a Map, what optimizerState gives', `${kindOf(state)} came`)
  }
  const known = new Set(['steps'])
  const read: SlotRead[] = []
  eachSlot(optimizer, parameters, (path, rule, parameter, own) => {
    const t = state.get(`${path}.t`)
    known.add(`${path}.t`)
    const slot = rule.existingSlot(parameter)
    const names = slot ? Object.keys(slot.tensors) : rule.starts(parameter, own).map(([name]) => name)
    const values = names.map(name => {
      known.add(`${path}.${name}`)
      return t === undefined ? undefined : momentum(`${path}.${name}`, state.get(`${path}.${name}`), parameter)
    })
    read.push([rule, parameter, own, t === undefined ? undefined : countOf(`${path}.t`, t), values.filter(each => each !== undefined)])
  })
  const steps = countOf('steps', state.get('steps') ?? 0)
  const ofRules = optimizer.links.map(([name]) => {
    const key = `steps.${name}`
    known.add(key)
    return countOf(key, state.get(key) ?? steps)
  })
  const unknown = [...state.keys()].find(key => !known.has(key))
  if (unknown !== undefined) throw typeError(operation, `no parameter and rule belong to '${unknown}'`)
  scoped(() => writeAll(read))
  optimizer.links.forEach(([, rule], i) => {
    rule.steps = ofRules[i]
  })
  optimizer.steps = steps
}

/** A rule, a parameter and its path, and what the state has of them: no count, no slots. */
type SlotRead = readonly [rule: Rule<Hyper>, parameter: Tensor, path: string, count: number | undefined, values: readonly Tensor[]]

/** Writes slots and counts, and forgets those that have none; changes nothing if there is no memory. */
function writeAll(read: readonly SlotRead[]): void {
  const made: (() => void)[] = []
  const writes: (() => void)[] = []
  try {
    for (const [rule, parameter, path, count, values] of read) {
      if (count === undefined) continue
      if (!rule.existingSlot(parameter)) made.push(() => rule.forget(parameter))
      const slot = rule.slot(parameter, path)
      // Copies, as what is read may be what is written.
      const copies = values.map(copyTensor)
      for (const each of slot.list) each.settleWaiting()
      writes.push(() => {
        slot.t = count
        for (let i = 0; i < copies.length; i++) overwrite(slot.list[i], copies[i])
      })
    }
  } catch (error) {
    for (const undo of made) undo()
    throw error
  }
  for (const write of writes) write()
  for (const [rule, parameter, , count] of read) if (count === undefined) rule.forget(parameter)
}

/** A slot's value, of the parameter's shape. */
function momentum(key: string, value: Tensor | number | undefined, { dims }: Tensor): Tensor {
  const operation = 'loadOptimizerState'
  if (!(value instanceof Tensor) || !sameShape(value.dims, dims)) {
    const came = value === undefined ? 'nothing' : value instanceof Tensor ? show(value.dims) : kindOf(value)
    throw typeError(operation, `'${key}' must be a tensor ${show(dims)}`, `${came} came`)
  }
  value.check(operation)
  if (value.type === 'float32') return value
  throw new DTypeError({ operation, problem: `'${key}' must be float32`, came: value.type }, [value.type])
}

/** A count of steps, which files hold as a tensor. */
function countOf(key: string, value: Tensor | number): number {
  const count = value instanceof Tensor ? value.item() : value
  checkNumber('loadOptimizerState', `'${key}'`, count)
  if (Number.isInteger(count) && count >= 0) return count
  throw rangeError('loadOptimizerState', `'${key}' must be a whole number from 0`, String(count))
}

function stateTarget(
  operation: string,
  opt: Optimizer | OptimizerState,
  ps: Params | undefined,
): { optimizer: Optimizer; parameters: [string, Tensor][] } {
  const optimizer = optimizerIn(operation, opt)
  if (!(opt instanceof Optimizer)) {
    const parameters: [string, Tensor][] = []
    walk(opt.model, (tensor, path) => parameters.push([path, tensor]))
    return { optimizer, parameters }
  }
  if (ps instanceof Params) return { optimizer, parameters: ps.entries() }
  const came = ps === undefined ? '' : `${kindOf(ps)} came`
  throw typeError(
    operation,
    "an optimizer's memory has its paths from a Params",
    came,
    `Write ${operation}(opt, ps${operation === 'optimizerState' ? '' : ', state'}).`,
  )
}

function eachSlot(
  { links }: Optimizer,
  parameters: readonly [string, Tensor][],
  visit: (path: string, rule: Rule<Hyper>, parameter: Tensor, own: string) => void,
): void {
  for (const [path, parameter] of parameters) {
    for (const [name, rule] of links) visit(links.length === 1 ? path : `${path}.${name}`, rule, parameter, path)
  }
}
