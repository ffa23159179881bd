import { askedBy, kindOf } from '../errors.ts'
import { converted } from '../tensor/convert.ts'
import type { DType } from '../tensor/dtype.ts'
import type { Shape } from '../tensor/shape.ts'
import { make, Tensor } from '../tensor/tensor.ts'
import { checkZones } from '../wasm/guard.ts'
import { isRecording, record } from './level.ts'

type Values = Readonly<Record<string, unknown>>

/**
 * An operation, in one place: what shape it gives, how it is computed, what its pullbacks need, and the pullbacks, written in operations so
 * that gradients nest.
 */
export interface Definition<Options, Saves extends Values> {
  readonly name: string
  /**
   * The type that the inputs are converted to and that the result has. `float32` by default; a function decides from the inputs' types, and
   * may leave the inputs as they are.
   */
  readonly types?: (dtypes: readonly DType[], options: Options) => { readonly inputs?: DType; readonly output: DType }
  /** The shape of the result. Throws ShapeError, computes nothing. */
  shape(shapes: readonly Shape[], options: Options): Shape
  /** Writes the result into y. */
  forward?(y: Tensor, xs: readonly Tensor[], options: Options): void
  /** Instead of `forward`: makes the result itself, such as another view of the same memory. */
  view?(x: Tensor, shape: Shape, options: Options): Tensor
  /** What the tape keeps, by name: an object of its own. */
  save?(y: Tensor, xs: readonly Tensor[], options: Options): Saves
  /** What the pullbacks get instead of the result's cotangent, worked out once for all of them. */
  through?(g: Tensor, saved: Saves, options: Options): Tensor
  /** The cotangent of each input from that of the result; null where there is none; one function where all inputs are alike. */
  readonly pullback?: readonly (Pullback<Options, Saves> | null)[] | Pullback<Options, Saves>
  /** Instead of the pullback of an only input and a sum: adds that cotangent to `sum`, float32, which nobody else holds. */
  accumulate?(sum: Tensor, g: Tensor, saved: Saves, options: Options): void
}

export type Pullback<Options, Saves> = (g: Tensor, saved: Saves, options: Options, index: number) => Tensor

/** A definition as the tape sees it. */
export interface Entry {
  readonly name: string
  differentiable(index: number): boolean
  readonly save: ((y: Tensor, xs: readonly Tensor[], options: unknown) => Values) | undefined
  readonly through?: ((g: Tensor, saved: Values, options: unknown) => Tensor) | undefined
  readonly accumulate?: ((sum: Tensor, g: Tensor, saved: Values, options: unknown) => void) | undefined
  pull(index: number, g: Tensor, saved: Values, options: unknown): Tensor
}

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

/** The operation whose pullback runs; undefined on the way forward. */
export let pulled: string | undefined

export function nowPulls(operation: string | undefined): void {
  pulled = operation
}

/** Makes an operation of a definition: checks and converts the inputs, allocates the result, computes it and records it. */
export function operation<Options = undefined, Saves extends Values = Values>(definition: Definition<Options, Saves>): Run<Options> {
  const { name, types, pullback } = definition
  const single = typeof pullback === 'function' ? pullback : undefined
  const list = typeof pullback === 'function' ? undefined : pullback
  const at = (index: number) => single ?? list?.[index] ?? null
  const entry: Entry = {
    name,
    differentiable: index => at(index) !== null,
    save: definition.save as Entry['save'],
    through: definition.through as Entry['through'],
    accumulate: definition.accumulate as Entry['accumulate'],
    pull: (index, g, saved, options) => (at(index) as Pullback<unknown, Values>)(g, saved, options, index),
  }
  operations.set(name, entry)
  const { shape: shapeOf } = definition
  return (inputs, options) => {
    for (let i = 0; i < inputs.length; i++) checkTensor(name, inputs[i])
    const wanted = types?.(dtypesOf(inputs), options)
    const inputType = types ? wanted?.inputs : 'float32'
    const xs = inputType ? convertAll(inputs, inputType, name) : inputs
    const shape = shapeOf(shapesOf(xs), options)
    let y: Tensor
    if (definition.view) {
      y = definition.view(xs[0], shape, options)
    } else {
      y = make(shape, wanted?.output ?? 'float32', name)
      try {
        definition.forward?.(y, xs, options)
      } catch (error) {
        y.dispose()
        throw askedBy(error, name)
      }
    }
    if (pullback && isRecording()) record(entry, xs, y, options, isTensor)
    if (__GUARD__) checkZones(name)
    watcher?.(name, y)
    return y
  }
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
  const came = kindOf(value)
  const wayOut = came.startsWith('a tensor of') ? 'Import it from one place: npm ls fluxtape.' : 'Make one with tensor(...).'
  throw new TypeError(`${operation}: a tensor is needed: ${came}. ${came === 'a promise' ? 'Await it first.' : wayOut}`)
}

function convertAll(inputs: readonly Tensor[], dtype: DType, name: string): readonly Tensor[] {
  for (const input of inputs) {
    if (input.type !== dtype) return inputs.map(each => (each.type === dtype ? each : converted(each, dtype, name)))
  }
  return inputs
}
