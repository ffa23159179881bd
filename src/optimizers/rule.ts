import { keep } from '../autodiff/scope.ts'
import { DTypeError, kindOf, rangeError, ShapeError, typeError } from '../errors.ts'
import { CLONE, copyTensor } from '../params/clone.ts'
import { full, zerosLike } from '../tensor/create.ts'
import { madeSince, mark } from '../tensor/scope.ts'
import { hint, seal, unassignable } from '../tensor/seal.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { Hyper, HyperInput, HyperValue, RuleDefinition, Slot, SlotStart } from './definition.ts'

let isClosed = false

/**
 * An optimizer: turns gradients into steps. It keeps the state of each parameter by identity, so `params(...)` may be written anew at each
 * call; `optimizerState` reads it by path.
 */
export abstract class Optimizer {
  abstract readonly name: string
  /** How many updates it has taken; what a schedule sees. */
  steps = 0

  constructor() {
    if (isClosed) return
    isClosed = true
    const { prototype } = Optimizer
    // Not a method with this name: a class that has one no bundler leaves out.
    Object.defineProperty(prototype, CLONE, { value: refuseClone })
    Object.defineProperty(prototype, 'toJSON', { value: asText })
    const wayOut = 'Write update(opt, ps, grads), or train'
    hint(prototype, 'Optimizer', { step: wayOut, minimize: wayOut, zero_grad: 'Gradients are returned, and do not add up' })
    seal(prototype, refusal, Rule.prototype)
  }

  /** @internal The rules it consists of, in the order in which steps pass through them, with a name for each that is unique among them. */
  abstract readonly links: readonly (readonly [path: string, rule: Rule<Hyper>])[]
  abstract toString(): string
}

function refuseClone(this: void, { name }: { readonly name: string }): never {
  throw typeError(
    'clone',
    'an optimizer is no model, its memory belongs to parameters',
    name,
    'Make another one, and hand the memory on with loadOptimizerState(other, params(copy), optimizerState(opt, params(model))).',
  )
}

/** What `JSON.stringify` writes: the rules and their numbers, as in a log; its memory is `optimizerState`'s. */
function asText(this: Optimizer): string {
  return String(this)
}

/** What is to be written instead of an assignment. */
function refusal(name: string, self: object): TypeError {
  return unassignable((self as Optimizer).name, name, 'Write adjust(opt, 0.01) for the learning rate, or adjust(opt, { name: value }).')
}

/** An optimizer of a single formula. */
export class Rule<H extends Hyper> extends Optimizer {
  readonly name: string
  /** @internal */
  readonly links: readonly (readonly [path: string, rule: Rule<Hyper>])[]
  /** @internal */
  readonly definition: RuleDefinition<H>
  /** The names of the tensors in its state. */
  readonly slotNames: readonly string[]
  private written: HyperInput<H>
  /** The hyperparameters, if none has a schedule. */
  private constant: H | undefined
  private slotOf = new WeakMap<Tensor, Slot>()

  constructor(name: string, definition: RuleDefinition<H>, written: HyperInput<H>) {
    super()
    const { kernel, slots = [] } = definition
    this.name = name
    this.links = [[name, this as unknown as Rule<Hyper>]]
    this.definition = definition
    this.slotNames = kernel?.slots ?? (Array.isArray(slots) ? slots : Object.keys(slots))
    this.written = {}
    this.adjust(written)
  }

  /** The hyperparameters as they are now; a schedule stands for its value at this step. Throws TypeError or RangeError for a value that is none. */
  get hyper(): H {
    if (this.constant) return this.constant
    const { hyper, check } = this.definition
    const now: Record<string, HyperValue> = {}
    let isConstant = true
    for (const name in hyper) {
      const written: unknown = this.written[name]
      const isSchedule = typeof written === 'function'
      const value: unknown = isSchedule ? written(this.steps) : (written ?? hyper[name])
      if (isSchedule && typeof value !== 'number') {
        throw typeError(this.name, `the schedule of ${name} must give a number`, `${kindOf(value)} came at step ${this.steps}`)
      }
      if (isSchedule) isConstant = false
      now[name] = value as HyperValue
    }
    check?.(now as H)
    if (isConstant) this.constant = Object.freeze(now) as H
    return now as H
  }

  /** Has it a hyperparameter of this name? */
  has(name: string): boolean {
    return Object.hasOwn(this.definition.hyper, name)
  }

  /** @internal Changes hyperparameters, whose names are known; the state stays. The result takes the change back. */
  adjust(changes: HyperInput<H>): () => void {
    const before = this.written
    const undo = () => {
      this.written = before
      this.constant = undefined
    }
    this.written = { ...before, ...changes }
    this.constant = undefined
    try {
      void this.hyper
    } catch (error) {
      undo()
      throw error
    }
    return undo
  }

  /** The state of a parameter, made when it is first asked for. */
  slot(x: Tensor): Slot {
    let slot = this.slotOf.get(x)
    if (!slot) {
      const starts = (this.definition.slots ?? []) as Readonly<Record<string, SlotStart<H>>>
      const list = this.slotNames.map(name => {
        const written = Array.isArray(starts) ? 0 : starts[name]
        const start = typeof written === 'function' ? written(this.hyper) : written
        return start === 0 ? zerosLike(x) : full(x.dims, start)
      })
      list.forEach(keep)
      slot = { tensors: Object.fromEntries(this.slotNames.map((name, i) => [name, list[i]])), list, t: 0 }
      this.slotOf.set(x, slot)
    }
    return slot
  }

  /** The state of a parameter, if there is one. */
  existingSlot(x: Tensor): Slot | undefined {
    return this.slotOf.get(x)
  }

  /** Gives the state of a parameter back. */
  forget(x: Tensor): void {
    for (const tensor of this.slotOf.get(x)?.list ?? []) tensor.dispose()
    this.slotOf.delete(x)
  }

  /** @internal The formula in operations: a new tensor, the step instead of `g`; undefined to leave the parameter as it is. */
  inOperations(x: Tensor, g: Tensor, slot: Slot, hyper: H): Tensor | undefined {
    const start = mark()
    const delta = this.definition.step?.(hyper, slot.tensors, x, g, slot.t, (name, value) => {
      if (!this.slotNames.includes(name)) {
        throw typeError(this.name, `there is no slot '${name}'`, '', `Name it in the rule's slots: [${this.slotNames.join(', ')}].`)
      }
      this.check(`slot '${name}'`, value, x)
      overwrite(slot.tensors[name], value)
    })
    if (delta === undefined) return undefined
    this.check('step', delta, x)
    // Parameters are written while steps are read, and slots by the next step: what lies in the memory of either must not be the step.
    return madeSince(start, delta) && delta.storage.references === 1 ? delta : copyTensor(delta)
  }

  /** @internal What all steps are to be multiplied by. */
  factorOf(hyper: H, steps: readonly Tensor[]): number {
    const factor: unknown = this.definition.factor?.(hyper, steps)
    if (typeof factor !== 'number') throw typeError(this.name, 'the factor must be a number', `${kindOf(factor)} came`)
    if (Number.isFinite(factor)) return factor
    throw rangeError(this.name, 'the factor must be finite', `${factor} came`)
  }

  /** Throws unless a rule in operations gave a tensor that is like the parameter. */
  private check(what: string, value: unknown, x: Tensor): void {
    const operation = this.name
    if (!(value instanceof Tensor)) throw typeError(operation, `the ${what} must be a tensor`, `${kindOf(value)} came`)
    value.check(operation)
    if (value.type !== 'float32') {
      const wayOut = "Write cast('float32')."
      throw new DTypeError({ operation, problem: `the ${what} must be float32`, came: value.type, wayOut }, [value.type])
    }
    if (sameShape(value.dims, x.dims)) return
    const came = `${show(value.dims)} for ${show(x.dims)}`
    throw new ShapeError({ operation, problem: `the ${what} has another shape than the parameter`, came }, [value.dims, x.dims])
  }

  toString(): string {
    const parts = Object.entries(this.hyper).map(([name, value]) => `${name}: ${Array.isArray(value) ? `[${value.join(', ')}]` : value}`)
    return `${this.name}(${parts.join(', ')})`
  }
}

/** Writes `value` over a slot. */
export function overwrite(slot: Tensor, value: Tensor): void {
  slot.startWrite()
  slot.view().set(value.view())
}
