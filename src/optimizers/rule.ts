import { keep, scope } from '../autodiff/scope.ts'
import { DTypeError, kindOf, ShapeError } from '../errors.ts'
import { fusion } from '../ops/fusion.ts'
import { CLONE, copyTensor } from '../params/clone.ts'
import { zerosLike } from '../tensor/create.ts'
import { madeSince, mark } from '../tensor/scope.ts'
import { hint, seal } from '../tensor/seal.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { make, Tensor } from '../tensor/tensor.ts'
import { f32, i32 } from '../wasm/memory.ts'

/** A hyperparameter's value: a number, a pair such as Adam's betas, or whether something is done. */
export type HyperValue = number | readonly number[] | boolean

/** The hyperparameters of a rule, by name. */
export type Hyper = Readonly<Record<string, HyperValue>>

/** A function of the count of steps from 0, such as a learning rate that falls. */
export type Schedule = (step: number) => number

/** Hyperparameters as they are written: any number may be a schedule. */
export type HyperInput<H> = { readonly [Name in keyof H]?: H[Name] | (H[Name] extends number ? Schedule : never) | undefined }

/** A rule's state for one parameter: named tensors (momenta), and how many steps it has taken. */
export interface Slot {
  readonly tensors: Readonly<Record<string, Tensor>>
  /** The tensors in the order of the rule's slots. */
  readonly list: readonly Tensor[]
  /** Steps taken with this parameter. */
  t: number
}

/** The fused kernel of a rule: all parameters of a step in one call. */
export interface FusedKernel<H> {
  readonly run: (segments: number, segmentCount: number, count: number) => void
  /** The rule's numbers, as the kernel reads them, at step `t` (from 1). */
  numbers(hyper: H, t: number): readonly number[]
}

/** A rule of optimization: its hyperparameters, its state for a parameter, and its formula, by a kernel or in operations. */
export interface RuleDefinition<H extends Hyper> {
  /** Hyperparameters with their defaults, in the order in which they are passed. */
  readonly hyper: H
  /** Throws RangeError for values that make no sense. */
  check?(hyper: H): void
  /** Names of the slots, each starting at zeros of the parameter's shape. */
  readonly slots?: readonly string[] | undefined
  /** The formula as a fused kernel. */
  readonly kernel?: ((hyper: H) => FusedKernel<H>) | undefined
  /**
   * The formula in operations: the step, which will be subtracted from x, float32 of its shape; undefined for none. `t` counts from 1. New slot
   * values, float32 of that shape too, go by name into `write`.
   */
  step?(
    hyper: H,
    slots: Readonly<Record<string, Tensor>>,
    x: Tensor,
    g: Tensor,
    t: number,
    write: (name: string, value: Tensor) => void,
  ): Tensor | undefined
}

/** Words and bytes of a kernel's record for one parameter; assembly/optimizer.ts says what is in it. */
const RECORD = 64

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
    const wayOut = 'Write update(opt, ps, grads), or train'
    hint(prototype, 'Optimizer', { step: wayOut, minimize: wayOut, zero_grad: 'Gradients are returned, and do not add up' })
    seal(prototype, refusal, Rule.prototype)
  }

  /** @internal The step for one parameter, not yet taken: a new tensor; undefined to leave the parameter as it is. */
  abstract delta(x: Tensor, g: Tensor): Tensor | undefined
  /** @internal Takes the step with all parameters. */
  abstract take(pairs: readonly (readonly [x: Tensor, g: Tensor])[]): void
  /** @internal The rules it consists of, with a name for each that is unique among them. */
  abstract rules(): readonly [path: string, rule: Rule<Hyper>][]
  abstract toString(): string
}

function refuseClone(this: void, { name }: { readonly name: string }): never {
  throw new TypeError(
    `clone: an optimizer is no model, its memory belongs to parameters: ${name}. Make another one, and hand the memory on with loadOptimizerState(other, params(copy), optimizerState(opt, params(model))).`,
  )
}

/** An optimizer of a single formula. */
export class Rule<H extends Hyper> extends Optimizer {
  readonly name: string
  private readonly definition: RuleDefinition<H>
  private written: HyperInput<H>
  /** The hyperparameters, if none has a schedule. */
  private constant: H | undefined
  private slotOf = new WeakMap<Tensor, Slot>()

  constructor(name: string, definition: RuleDefinition<H>, written: HyperInput<H>) {
    super()
    this.name = name
    this.definition = definition
    this.written = {}
    this.adjust(written)
  }

  /** The hyperparameters as they are now; a schedule stands for its value at this step. */
  get hyper(): H {
    if (this.constant) return this.constant
    const { hyper } = this.definition
    const now: Record<string, HyperValue> = {}
    let isConstant = true
    for (const name in hyper) {
      const written = this.written[name]
      if (typeof written === 'function') isConstant = false
      now[name] = typeof written === 'function' ? (written as Schedule)(this.steps) : ((written as HyperValue | undefined) ?? hyper[name])
    }
    if (isConstant) this.constant = Object.freeze(now) as H
    return now as H
  }

  /** Has it a hyperparameter of this name? */
  has(name: string): boolean {
    return Object.hasOwn(this.definition.hyper, name)
  }

  /** @internal Changes hyperparameters, whose names are known; the state stays. */
  adjust(changes: HyperInput<H>): void {
    const before = this.written
    this.written = { ...before, ...changes }
    this.constant = undefined
    try {
      this.definition.check?.(this.hyper)
    } catch (error) {
      this.written = before
      this.constant = undefined
      throw error
    }
  }

  /** The names of the tensors in its state. */
  get slotNames(): readonly string[] {
    return this.definition.slots ?? []
  }

  /** The state of a parameter, made when it is first asked for. */
  slot(x: Tensor): Slot {
    let slot = this.slotOf.get(x)
    if (!slot) {
      const list = this.slotNames.map(() => zerosLike(x))
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

  /** @internal Remembers the state of a parameter, that of its slots by a copy if they may be written: the result puts it back. */
  remember(x: Tensor, mayWrite: boolean): () => void {
    const slot = this.slotOf.get(x)
    if (!slot) return () => this.forget(x)
    const { t } = slot
    const copies = mayWrite ? slot.list.map(tensor => [tensor, copyTensor(tensor)] as const) : []
    return () => {
      slot.t = t
      for (const [tensor, copy] of copies) write(tensor, copy)
    }
  }

  /** Gives the state of a parameter back. */
  forget(x: Tensor): void {
    for (const tensor of this.slotOf.get(x)?.list ?? []) tensor.dispose()
    this.slotOf.delete(x)
  }

  /** @internal */
  delta(x: Tensor, g: Tensor): Tensor | undefined {
    const { kernel, step } = this.definition
    const slot = this.slot(x)
    if (kernel) {
      const out = zerosLike(x)
      this.runKernel(kernel, [[x, g]], [slot], out)
      return out
    }
    slot.t++
    return scope(() => {
      const start = mark()
      const delta = step?.(this.hyper, slot.tensors, x, g, slot.t, (name, value) => {
        if (!this.slotNames.includes(name)) {
          throw new TypeError(`${this.name}: there is no slot '${name}'. Name it in the rule's slots: [${this.slotNames.join(', ')}].`)
        }
        this.check(`slot '${name}'`, value, x)
        write(slot.tensors[name], value)
      })
      if (delta === undefined) return undefined
      this.check('step', delta, x)
      // Who takes the step frees it: a gradient or a slot that was returned as it is must not go with it.
      return madeSince(start, delta) ? delta : delta.mul(1)
    })
  }

  /** Throws unless a rule in operations gave a tensor that is like the parameter. */
  private check(what: string, value: unknown, x: Tensor): void {
    const operation = this.name
    if (!(value instanceof Tensor)) throw new TypeError(`${operation}: the ${what} must be a tensor: ${kindOf(value)} came.`)
    value.check(operation)
    if (value.type !== 'float32') {
      const wayOut = "Write cast('float32')."
      throw new DTypeError({ operation, problem: `the ${what} must be float32`, came: value.type, wayOut }, [value.type])
    }
    if (sameShape(value.dims, x.dims)) return
    const came = `${show(value.dims)} for ${show(x.dims)}`
    throw new ShapeError({ operation, problem: `the ${what} has another shape than the parameter`, came }, [value.dims, x.dims])
  }

  /** @internal */
  take(pairs: readonly (readonly [x: Tensor, g: Tensor])[]): void {
    const { kernel } = this.definition
    if (!kernel || !fusion.optimizer) return takeSteps(this, pairs)
    // All that can fail comes before the kernel writes, so that at most new slots have to be undone.
    const slots: Slot[] = []
    for (const [x] of pairs) {
      const slot = this.slotOf.get(x)
      if (slot) slots.push(slot)
    }
    if (slots.length === pairs.length) this.runKernel(kernel, pairs, slots, undefined)
    else
      allOrNothing(this, pairs, false, () =>
        this.runKernel(
          kernel,
          pairs,
          pairs.map(([x]) => this.slot(x)),
          undefined,
        ),
      )
  }

  /** @internal */
  rules(): readonly [string, Rule<Hyper>][] {
    return [[this.name, this as unknown as Rule<Hyper>]]
  }

  toString(): string {
    const parts = Object.entries(this.hyper).map(([name, value]) => `${name}: ${Array.isArray(value) ? `[${value.join(', ')}]` : value}`)
    return `${this.name}(${parts.join(', ')})`
  }

  /** One kernel call for all pairs; the step goes to `out` (of a single pair), or is subtracted from each x. */
  private runKernel(
    kernelOf: (hyper: H) => FusedKernel<H>,
    pairs: readonly (readonly [x: Tensor, g: Tensor])[],
    slots: readonly Slot[],
    out: Tensor | undefined,
  ): void {
    const hyper = this.hyper
    const kernel = kernelOf(hyper)
    // Mostly all parameters have taken as many steps, and the numbers are the same.
    let numbers: readonly number[] = []
    let numbersAt = 0
    for (const [x] of pairs) x.settleWaiting()
    const records = make([(pairs.length * RECORD) / 4], 'int32')
    let total = 0
    for (let i = 0; i < pairs.length; i++) {
      const [x, g] = pairs[i]
      const slot = slots[i]
      slot.t++
      if (!out) x.startWrite()
      const at = (records.pointer + i * RECORD) >>> 2
      i32[at] = x.pointer
      i32[at + 1] = g.pointer
      i32[at + 2] = out ? out.pointer : 0
      for (let k = 0; k < 3; k++) i32[at + 3 + k] = k < slot.list.length ? slot.list[k].pointer : 0
      i32[at + 6] = x.count
      i32[at + 7] = total
      if (numbersAt !== slot.t) {
        numbers = kernel.numbers(hyper, slot.t)
        numbersAt = slot.t
      }
      for (let k = 0; k < numbers.length; k++) f32[at + 8 + k] = numbers[k]
      total += x.count
    }
    try {
      kernel.run(records.pointer, pairs.length, total)
    } finally {
      records.dispose()
    }
  }
}

/** What is to be written instead of an assignment. */
function refusal(name: string, self: object): string {
  return `${(self as Optimizer).name}: '${name}' cannot be assigned. Write adjust(opt, 0.01) for the learning rate, or adjust(opt, { name: value }).`
}

/** Writes `value` over a slot. */
function write(slot: Tensor, value: Tensor): void {
  slot.startWrite()
  slot.view().set(value.view())
}

/** Takes the steps that an optimizer computes in operations: all of them first, then they are taken. */
export function takeSteps(optimizer: Optimizer, pairs: readonly (readonly [x: Tensor, g: Tensor])[]): void {
  allOrNothing(optimizer, pairs, true, () => {
    const steps = pairs.map(([x, g]) => optimizer.delta(x, g))
    steps.forEach((step, i) => subtract(pairs[i][0], step))
  })
}

/** Runs a step in a scope of its own; if it fails, the optimizer's state is put back, and no parameter may have been written yet. */
export function allOrNothing<T>(
  optimizer: Optimizer,
  pairs: readonly (readonly [x: Tensor, g: Tensor])[],
  writesSlots: boolean,
  step: () => T,
): T {
  return scope<unknown>(() => {
    for (const [x] of pairs) x.settleWaiting()
    const undo = optimizer.rules().flatMap(([, rule]) => pairs.map(([x]) => rule.remember(x, writesSlots)))
    try {
      return step()
    } catch (error) {
      for (const each of undo) each()
      throw error
    }
  }) as T
}

/** x ← x - step; nothing if there is none. */
function subtract(x: Tensor, step: Tensor | undefined): void {
  if (!step) return
  x.startWrite()
  const target = x.view()
  const delta = step.view()
  for (let i = 0; i < target.length; i++) target[i] -= delta[i]
  step.dispose()
}
