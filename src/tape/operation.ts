import { askedBy, noTensor } from '../errors.ts'
import { converted } from '../tensor/convert.ts'
import type { DType } from '../tensor/dtype.ts'
import type { Shape } from '../tensor/shape.ts'
import { make, Tensor } from '../tensor/tensor.ts'
import { checkZones } from '../wasm/guard.ts'
import { isRecording, record, timesTracked } from './level.ts'

type Values = Readonly<Record<string, unknown>>

/** The shape and the type of a tensor that an operation makes. */
export type Made = readonly [shape: Shape, dtype: DType]

/** What an operation of one result and one of several have in common. */
export interface Common<Options, Saves extends Values> {
  readonly name: string
  /**
   * What `forward` writes for the pullback alone, by name: made only while somebody records, and kept by the tape with what `save` names. Where
   * it depends on the inputs in a way that has a derivative, it is made where `isOnce` alone: they are tracked on one level, so that nobody
   * differentiates the pullback.
   */
  extras?(shapes: readonly Shape[], options: Options, isOnce: boolean): { readonly [Name in keyof Saves]?: Made } | undefined
}

/**
 * An operation, in one place: what shape it gives, how it is computed, what its pullbacks need, and the pullbacks, written in operations so
 * that gradients nest.
 */
export interface Definition<Options, Saves extends Values> extends Common<Options, Saves> {
  /**
   * The type that the inputs are converted to and that the result has. `float32` by default; a function decides from the inputs' types, and
   * may leave the inputs as they are.
   */
  readonly types?: (dtypes: readonly DType[], options: Options) => { readonly inputs?: DType; readonly output: DType }
  /** The shape of the result. Throws ShapeError, computes nothing. */
  shape(shapes: readonly Shape[], options: Options): Shape
  /** Writes the result into y, and the extras that were made. */
  forward?(y: Tensor, xs: readonly Tensor[], options: Options, extras: Extras<Saves> | undefined): void
  /** Instead of `forward`: makes the result itself, such as another view of the same memory. */
  view?(x: Tensor, shape: Shape, options: Options): Tensor
  /** What the tape keeps besides the extras, by name: an object of its own. */
  save?(y: Tensor, xs: readonly Tensor[], options: Options, extras: Extras<Saves> | undefined): Partial<Saves>
  /** What the pullbacks get instead of the result's cotangent, worked out once for all of them. */
  through?(g: Tensor, saved: Saves, options: Options): Tensor
  /** The cotangent of each input from that of the result; null where there is none; one function where all inputs are alike. */
  readonly pullback?: readonly (Pullback<Options, Saves> | null)[] | Pullback<Options, Saves>
  /** Instead of pullbacks, where the cotangents have work in common: those of all inputs that are wanted; undefined where there is none. */
  joint?(g: Tensor, saved: Saves, options: Options, wanted: readonly boolean[]): readonly (Tensor | undefined)[]
  /** Instead of the pullback of an only input and a sum: adds that cotangent to `sum`, float32, which nobody else holds. */
  accumulate?(sum: Tensor, g: Tensor, saved: Saves, options: Options): void
}

export type Pullback<Options, Saves> = (g: Tensor, saved: Saves, options: Options, index: number) => Tensor

/** The tensors among what is saved that `forward` writes. */
export type Extras<Saves> = { readonly [Name in keyof Saves]?: Tensor }

/** A definition as the tape sees it. */
export interface Entry {
  readonly name: string
  differentiable(index: number): boolean
  readonly save?:
    | ((
        y: Tensor,
        xs: readonly Tensor[],
        options: unknown,
        extras: Readonly<Record<string, Tensor>> | undefined,
        rest: readonly Tensor[] | undefined,
      ) => Record<string, unknown>)
    | undefined
  through?: ((g: Tensor, saved: Values, options: unknown) => Tensor) | undefined
  accumulate?: ((sum: Tensor, g: Tensor, saved: Values, options: unknown) => void) | undefined
  /** The cotangent of one input. */
  pull?: ((index: number, g: Tensor, saved: Values, options: unknown) => Tensor) | undefined
  /** Without `pull`: the cotangents of all inputs that are wanted, from those of the results that have one. */
  joint?: Joint | undefined
  composed?: ((saved: Values, options: unknown) => Again) | undefined
}

/** The inputs of an operation in their order, and what makes its results of them again. */
export type Again = readonly [inputs: readonly Tensor[], run: () => readonly Tensor[]]

export type Joint = (
  gs: readonly (Tensor | undefined)[],
  saved: Values,
  options: unknown,
  wanted: readonly boolean[],
) => readonly (Tensor | undefined)[]

/** Runs an operation on tensors. */
export type Run<Options> = (inputs: readonly Tensor[], options: Options) => Tensor

/** Every operation by name, for the tests that walk them. */
export const operations = new Map<string, Entry>()

type Watch = (operation: string, y: Tensor) => void

let watcher: Watch | undefined

/** Runs `f` and calls `watch` after each of its operations: how a diverged loss finds its origin. */
export function watched<T>(watch: Watch, f: () => T): T {
  const before = watcher
  watcher = watch
  try {
    return f()
  } finally {
    watcher = before
  }
}

/** Does somebody watch the operations? */
export function isWatched(): boolean {
  return watcher !== undefined
}

/** The operation whose pullback runs; undefined on the way forward. */
export let pulled: string | undefined

export function nowPulls(operation: string | undefined): void {
  pulled = operation
}

/** Makes an operation of a definition: checks and converts the inputs, allocates the result, computes it and records it. */
export function operation<Options = undefined, Saves extends Values = Values>(definition: Definition<Options, Saves>): Run<Options> {
  const { name, types, pullback, joint } = definition
  const single = typeof pullback === 'function' ? pullback : undefined
  const list = typeof pullback === 'function' ? undefined : pullback
  const at = (index: number) => single ?? list?.[index] ?? null
  const entry: Entry = {
    name,
    differentiable: joint ? () => true : index => at(index) !== null,
    save: definition.save as Entry['save'],
    through: definition.through as Entry['through'],
    accumulate: definition.accumulate as Entry['accumulate'],
    pull: pullback && ((index, g, saved, options) => (at(index) as Pullback<unknown, Values>)(g, saved, options, index)),
    joint: joint && (([g], saved, options, wanted) => joint(g as Tensor, saved as Saves, options as Options, wanted)),
  }
  operations.set(name, entry)
  const { shape: shapeOf } = definition
  const isDifferentiable = pullback !== undefined || joint !== undefined
  return (inputs, options) => {
    for (let i = 0; i < inputs.length; i++) checkTensor(name, inputs[i])
    const wanted = types?.(dtypesOf(inputs), options)
    const inputType = types ? wanted?.inputs : 'float32'
    const xs = inputType ? convertAll(inputs, inputType, name) : inputs
    const shapes = shapesOf(xs)
    const shape = shapeOf(shapes, options)
    let y: Tensor
    let extras: Record<string, Tensor> | undefined
    if (definition.view) {
      y = definition.view(xs[0], shape, options)
    } else {
      y = make(shape, wanted?.output ?? 'float32', name)
      try {
        if (definition.extras && isRecording()) extras = extrasOf(definition, xs, shapes, options)
        definition.forward?.(y, xs, options, extras as Extras<Saves> | undefined)
      } catch (error) {
        y.dispose()
        if (extras) disposeAll(Object.values(extras))
        throw askedBy(error, name)
      }
    }
    if (isDifferentiable && isRecording()) record(entry, xs, y, options, extras)
    if (__GUARD__) checkZones(name)
    watcher?.(name, y)
    return y
  }
}

/** An operation of several results: those behind the first are what `results` and `forward` say, else it is as one of one. */
export interface SeveralDefinition<Options, Saves extends Values> extends Common<Options, Saves> {
  /** The type that the inputs are converted to; left out, they stay as they are. */
  readonly inputs?: DType
  /** The shapes and types of the results; the first is float32 if one has a derivative. Throws ShapeError, computes nothing. */
  results(shapes: readonly Shape[], dtypes: readonly DType[], options: Options): readonly Made[]
  /** Writes the results, and the extras that were made. */
  forward(ys: readonly Tensor[], xs: readonly Tensor[], options: Options, extras: Extras<Saves> | undefined): void
  /** What the tape keeps besides the extras, by name: an object of its own. */
  save?(ys: readonly Tensor[], xs: readonly Tensor[], options: Options, extras: Extras<Saves> | undefined): Partial<Saves>
  /**
   * The cotangents of all inputs that are wanted; undefined where there is none. A result that took no part in the loss has no cotangent, but
   * one of them has.
   */
  joint?(gs: readonly (Tensor | undefined)[], saved: Saves, options: Options, wanted: readonly boolean[]): readonly (Tensor | undefined)[]
  /**
   * Where `joint` is a kernel that nobody can differentiate by the cotangents: the results of what is saved, in operations. The walk takes these
   * back instead, where a level around tracks a cotangent.
   */
  composed?(saved: Saves, options: Options): Again
}

/** Those of the inputs of an operation that there are. */
export function present(tensors: readonly (Tensor | undefined)[]): Tensor[] {
  return tensors.filter(each => each !== undefined)
}

/** Makes an operation of several results. */
export function several<Options, Saves extends Values = Values>(
  definition: SeveralDefinition<Options, Saves>,
): (inputs: readonly Tensor[], options: Options) => readonly Tensor[] {
  const { name, save, joint } = definition
  const entry: Entry = {
    name,
    differentiable: () => joint !== undefined,
    save:
      save &&
      ((y, xs, options, extras, rest = []) =>
        save([y, ...rest], xs, options as Options, extras as Extras<Saves> | undefined) as Record<string, unknown>),
    joint: joint as Joint | undefined,
    composed: definition.composed as Entry['composed'],
  }
  operations.set(name, entry)
  return (inputs, options) => {
    for (const input of inputs) checkTensor(name, input)
    const xs = definition.inputs ? convertAll(inputs, definition.inputs, name) : inputs
    const shapes = shapesOf(xs)
    const ys: Tensor[] = []
    let extras: Record<string, Tensor> | undefined
    try {
      for (const [shape, dtype] of definition.results(shapes, dtypesOf(xs), options)) ys.push(make(shape, dtype, name))
      if (definition.extras && isRecording()) extras = extrasOf(definition, xs, shapes, options)
      definition.forward(ys, xs, options, extras as Extras<Saves> | undefined)
    } catch (error) {
      disposeAll(ys)
      if (extras) disposeAll(Object.values(extras))
      throw askedBy(error, name)
    }
    const [y, ...rest] = ys
    if (joint && isRecording()) record(entry, xs, y, options, extras, rest)
    if (__GUARD__) checkZones(name)
    if (watcher) for (const each of ys) watcher(name, each)
    return ys
  }
}

/** The extras of a call that will be recorded. */
function extrasOf<Options, Saves extends Values>(
  definition: Common<Options, Saves>,
  xs: readonly Tensor[],
  shapes: readonly Shape[],
  options: Options,
): Record<string, Tensor> | undefined {
  const times = timesTracked(xs)
  const wanted = times > 0 && definition.extras?.(shapes, options, times === 1)
  if (!wanted) return undefined
  const extras: Record<string, Tensor> = {}
  try {
    for (const [name, [shape, dtype]] of Object.entries<Made>(wanted as Record<string, Made>))
      extras[name] = make(shape, dtype, definition.name)
    return extras
  } catch (error) {
    disposeAll(Object.values(extras))
    throw error
  }
}

function disposeAll(tensors: readonly Tensor[]): void {
  for (const each of tensors) each.dispose()
}

// Every operation runs these: as loops, since `map` with a function takes several times as long.
function dtypesOf(xs: readonly Tensor[]): DType[] {
  const dtypes = new Array<DType>(xs.length)
  for (let i = 0; i < xs.length; i++) dtypes[i] = xs[i].type
  return dtypes
}

function shapesOf(xs: readonly Tensor[]): Shape[] {
  const shapes = new Array<Shape>(xs.length)
  for (let i = 0; i < xs.length; i++) shapes[i] = xs[i].dims
  return shapes
}

export function isTensor(value: unknown): value is Tensor {
  return value instanceof Tensor
}

/** Throws TypeError for what is no tensor, ReleasedError for one that has ended. */
export function checkTensor(operation: string, value: unknown): asserts value is Tensor {
  if (value instanceof Tensor) return value.check(operation)
  throw noTensor(operation, value)
}

function convertAll(inputs: readonly Tensor[], dtype: DType, name: string): readonly Tensor[] {
  for (const input of inputs) {
    if (input.type !== dtype) return inputs.map(each => (each.type === dtype ? each : converted(each, dtype, name)))
  }
  return inputs
}
