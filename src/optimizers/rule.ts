import { keep } from '../autodiff/lifetime.ts'
import { DTypeError, kindOf, rangeError, ShapeError, typeError } from '../errors.ts'
import { CLONE, copyTensor } from '../params/clone.ts'
import { full, zerosLike } from '../tensor/create.ts'
import { madeSince, mark } from '../tensor/scope.ts'
import { hint, seal, unassignable } from '../tensor/seal.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import {
  asksPath,
  type Choice,
  type Hyper,
  type HyperInput,
  type HyperValue,
  type RuleDefinition,
  type Schedule,
  type Slot,
  type SlotStart,
} from './definition.ts'
import { ranges } from './ranges.ts'

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
    const zero = 'Gradients are returned, and do not add up'
    const lr = 'opt.hyper.eta is read, adjust(opt, 0.01) changes it'
    hint(prototype, 'Optimizer', () => ({ step: wayOut, minimize: wayOut, zero_grad: zero, zeroGrad: zero, lr }))
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
  /** @internal Do hyperparameters depend on the parameter? */
  isByParameter = false
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

  /** The hyperparameters; a schedule stands for its value in the next update, in a chain too. Throws TypeError or RangeError for a value that is none. */
  get hyper(): H {
    return this.constant ?? this.hyperOf('')
  }

  /** @internal The hyperparameters as they were written or adjusted, schedules among them. */
  get asWritten(): HyperInput<H> {
    return { ...(this.definition.hyper as HyperInput<H>), ...this.written }
  }

  /** @internal The hyperparameters as they are now for a parameter; a choice without one is the default. */
  hyperOf(path: string, x?: Tensor): H {
    const { hyper, check, kernel } = this.definition
    const now: Record<string, HyperValue> = {}
    let isConstant = true
    for (const name in hyper) {
      const written: unknown = this.written[name]
      let value: unknown = written ?? hyper[name]
      if (typeof written === 'function') {
        isConstant = false
        const isChoice = typeof hyper[name] === 'boolean'
        value = !isChoice ? (written as Schedule)(this.steps, path) : x ? (written as Choice)(x, path) : hyper[name]
        if (typeof value !== typeof hyper[name]) {
          const [what, at] = isChoice ? ['choice', `for '${path}'`] : ['schedule', `at step ${this.steps}`]
          throw typeError(this.name, `the ${what} of ${name} must give a ${typeof hyper[name]}`, `${kindOf(value)} came ${at}`)
        }
      }
      now[name] = value as HyperValue
    }
    if (kernel) ranges(this.name, now)
    check?.(now as H)
    if (isConstant) this.constant = Object.freeze(now) as H
    return now as H
  }

  /** Has it a hyperparameter of this name? */
  has(name: string): boolean {
    return Object.hasOwn(this.definition.hyper, name)
  }

  /** @internal Is a hyperparameter a function, of the step or of the parameter? */
  isScheduled(name: string): boolean {
    return typeof this.written[name] === 'function'
  }

  /** @internal Changes hyperparameters, whose names are known; the state stays. The result takes the change back. */
  adjust(changes: HyperInput<H>): () => void {
    const { written: before, isByParameter } = this
    const undo = () => {
      this.written = before
      this.constant = undefined
      this.isByParameter = isByParameter
    }
    this.written = { ...before, ...changes }
    this.constant = undefined
    try {
      this.isByParameter = Object.entries<unknown>(this.written).some(
        ([name, each]) => typeof each === 'function' && (typeof this.definition.hyper[name] === 'boolean' || asksPath(each as Schedule)),
      )
      void this.hyper
    } catch (error) {
      undo()
      throw error
    }
    return undo
  }

  /** The state of a parameter, made when it is first asked for. */
  slot(x: Tensor, path = ''): Slot {
    let slot = this.slotOf.get(x)
    if (!slot) {
      const starts = this.starts(x, path)
      const list = starts.map(([, start]) => (start === 0 ? zerosLike(x) : full(x.dims, start)))
      list.forEach(keep)
      slot = { tensors: Object.fromEntries(starts.map(([name], i) => [name, list[i]])), list, t: 0 }
      this.slotOf.set(x, slot)
    }
    return slot
  }

  /** @internal The names of the slots that a parameter has, and their starts. */
  starts(x: Tensor, path: string): (readonly [name: string, start: number])[] {
    const written = (this.definition.slots ?? []) as Readonly<Record<string, SlotStart<H>>>
    return this.slotNames.flatMap(name => {
      const each = written[name] ?? 0
      const start = typeof each === 'function' ? each(this.hyperOf(path, x), x) : each
      return start === undefined ? [] : [[name, start] as const]
    })
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
    const parts = Object.entries(this.hyper).map(([name, value]) => {
      const isChosen = typeof value === 'boolean' && typeof this.written[name] === 'function'
      return `${name}: ${isChosen ? 'by parameter' : Array.isArray(value) ? `[${value.join(', ')}]` : value}`
    })
    return `${this.name}(${parts.join(', ')})`
  }
}

/** Writes `value` over a slot. */
export function overwrite(slot: Tensor, value: Tensor): void {
  slot.startWrite()
  slot.view().set(value.view())
}
