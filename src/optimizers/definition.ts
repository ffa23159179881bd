import type { Tensor } from '../tensor/tensor.ts'
import type { Address } from '../wasm/kinds.ts'

/** A hyperparameter's value: a number, a pair such as Adam's betas, or whether something is done. */
export type HyperValue = number | readonly number[] | boolean

/** The hyperparameters of a rule, by name. */
export type Hyper = Readonly<Record<string, HyperValue>>

/**
 * A function of the count of steps from 0, such as a learning rate that falls. One that has a second parameter is asked for each parameter of the
 * model, by its path, within `Warmup` and its like, too: `(step, path) => (path.includes('head') ? 1e-3 : 1e-4)`. The path is that of `params(model).paths()`,
 * 'layers.head.weight' in a `Chain({ body, head })`, and '' where there is none.
 */
export type Schedule = (step: number, path: string) => number

/** Does it ask for the path? `length` counts neither a parameter with a default nor a rest. */
export function asksPath(schedule: Schedule): boolean {
  return schedule.length > 1 || /^(?:(?!=>)[^)])*(?:,|\.{3})/.test(String(schedule))
}

/** Which parameters something is done with: `decay: p => p.rank > 1`, or by path: `(p, path) => !path.endsWith('bias')`. */
export type Choice = (parameter: Tensor, path: string) => boolean

/** Hyperparameters as they are written: any number may be a schedule, and whether something is done a choice among the parameters. */
export type HyperInput<H> = {
  readonly [Name in keyof H]?: H[Name] | (H[Name] extends number ? Schedule : H[Name] extends boolean ? Choice : never) | undefined
}

/** A rule's state for one parameter: named tensors (momenta), and how many steps it has taken. */
export interface Slot {
  readonly tensors: Readonly<Record<string, Tensor>>
  /** The tensors in the order in which the rule's kernel, or else its definition, names them. */
  readonly list: readonly Tensor[]
  /** Steps taken with this parameter. */
  t: number
}

/** What a slot is filled with at the start: a number, or one that follows from the hyperparameters; undefined: this parameter has no such slot. */
export type SlotStart<H> = number | ((hyper: H, x: Tensor) => number | undefined)

/** The kernel of a rule, of those that the library has: one call for all parameters. Rules of your own are written in operations. */
export interface LaneKernel {
  readonly run: (segments: Address, segmentCount: number, count: number) => void
  /** The names of the slots that it moves on. */
  readonly slots: readonly string[]
  /** The names of the numbers that it reads. */
  readonly numbers: readonly string[]
}

/**
 * A rule of optimization: its hyperparameters, its state for a parameter, and its formula, one of these: `step` in operations, for each
 * parameter; `factor`, one number from the steps of all; or, within the library, a kernel.
 */
export interface RuleDefinition<H extends Hyper, Kernel extends LaneKernel = LaneKernel> {
  /** Hyperparameters with their defaults, in the order in which they are passed. */
  readonly hyper: H
  /** Throws RangeError for values that make no sense. */
  check?(hyper: H): void
  /** The slots, of the parameter's shape: a list of names, which start at zeros, or a record from name to start. */
  readonly slots?: readonly Kernel['slots'][number][] | { readonly [Name in Kernel['slots'][number]]: SlotStart<NoInfer<H>> } | undefined
  /** The formula as a kernel; the hyperparameters have their usual ranges then. */
  readonly kernel?: Kernel | undefined
  /** Is the step of a kernel held back, the t-th since one was not? */
  holds?(hyper: H, t: number): boolean
  /** The numbers that the kernel reads, by name, if the hyperparameters are others; `t` counts from 1. */
  numbers?(hyper: H, t: number): { readonly [Name in Kernel['numbers'][number]]: number }
  /**
   * The formula in operations: the step, which will be subtracted from x, float32 of its shape; undefined for none. `g` is the gradient, or in a
   * chain the step of the rule before. `t` counts from 1. New slot values, float32 of that shape too, go by name into `write`.
   */
  step?(
    hyper: H,
    slots: Readonly<Record<string, Tensor>>,
    x: Tensor,
    g: Tensor,
    t: number,
    write: (name: string, value: Tensor) => void,
  ): Tensor | undefined
  /** What all steps are multiplied by, which may depend on all of them: those of the parameters that have one, in their order. */
  factor?(hyper: H, steps: readonly Tensor[]): number
}
