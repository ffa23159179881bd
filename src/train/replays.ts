// Runs of a function that are captured, and replayed: a loss with its gradient, or a function that is called by itself.
import { freeSpent } from '../autodiff/gradient.ts'
import { MemoryError, ShapeError, typeError } from '../errors.ts'
import { copyTensor } from '../params/clone.ts'
import { Capture } from '../tape/capture.ts'
import { currentEffects } from '../tape/effects.ts'
import { modeChanges } from '../tape/mode.ts'
import { Plan } from '../tape/plan.ts'
import type { DType, NumberArray } from '../tensor/dtype.ts'
import { takeStreams } from '../tensor/random.ts'
import { isMap, isPlain } from '../tensor/realm.ts'
import { own } from '../tensor/scope.ts'
import { sameShape, show, sizeOf } from '../tensor/shape.ts'
import { observer, type Storage } from '../tensor/storage.ts'
import { Tensor, writes } from '../tensor/tensor.ts'

/** How many kinds of batches (shapes, parameters) are remembered for a model; with others the loss is called as ever. */
const KINDS = 32
/** Captures until two that follow each other must be alike. */
const TRIES = 3

/** The tensors in what a run gave, and what it would give with others. Of two runs that do the same the keys are the same. */
export interface Parts<T> {
  readonly tensors: readonly Tensor[]
  readonly key: string
  remade(tensors: readonly Tensor[], params: Iterable<Tensor>): T
}

/** What is replayed: a loss with its gradients, or a function that is called by itself. */
export interface Replayed<T> {
  /** What it is called in errors. */
  readonly name: 'loss' | 'function'
  /** Runs it as ever. */
  run(inputs: readonly unknown[]): T
  /** What it gave, in parts; undefined where a replay could not give the like. */
  parts(given: T): Parts<T> | undefined
  /** What is around a run that is captured. */
  around(f: () => T): T
}

/** Runs of one kind: the same parameters and fields of the model, inputs of the same shapes. */
export interface Kind {
  readonly leaves: readonly Leaf[]
  readonly fields: readonly Field[]
  readonly params: readonly Tensor[]
  readonly frozen: readonly boolean[]
  /** How often modes of layers had changed. */
  modes: number
  /** What came, without its tensors, the types and shapes of these, and the buffers that are to be written. */
  given: Omit<Parts<unknown>, 'tensors'> | undefined
  types: readonly Typed[]
  buffers: readonly Tensor[]
  /** What the last step did, or that before it, if they did the same: then, `isSure`, the one with copies of its batch. */
  plan: Plan | undefined
  isSure: boolean
  tries: number
  /** Its steps cannot be replayed: the loss is called as ever. */
  isPlain: boolean
}

/** Those by which is differentiated. */
type ReadonlyTensors = Iterable<Tensor> & { readonly size: number; has(tensor: Tensor): boolean }

/** What is known of a tensor without it. */
export type Typed = Pick<Tensor, 'dims' | 'type'>

/** A part of the batch: a tensor by its type, its shape and its first place; anything else by itself. */
type Leaf =
  | { readonly dtype: DType; readonly shape: readonly number[]; readonly frozen: boolean; readonly twin: number }
  | { readonly value: unknown }

/** A field of the model, or of a part of it, as it was. */
interface Field {
  readonly value: unknown
  now(): unknown
}

export class Replays {
  private readonly kinds = new WeakMap<object, Kind[]>()

  /** Room of its own for replays whose results are copied out of it; without it each has its own, of which the results are parts. */
  private readonly keepsRoom: boolean
  private room: Tensor | undefined
  /** The kind of the last run. */
  last: Kind | undefined

  constructor(keepsRoom: boolean) {
    this.keepsRoom = keepsRoom
  }

  /** What `by` gives of `inputs`, replayed where that can be; `isPlain` says afterwards whether the run may be. */
  take<T>(
    operation: string,
    by: Replayed<T>,
    params: ReadonlyTensors,
    model: unknown,
    inputs: readonly unknown[],
    isPlain: () => boolean,
  ): T {
    const [first = this] = params
    const values = leavesOf(inputs)
    // One run is captured at a time.
    if (params.size === 0 && !this.keepsRoom) return by.run(inputs)
    this.last = undefined
    if (!values || observer) return by.run(inputs)
    const given = values.filter(value => value instanceof Tensor)
    const isOdd = given.some(tensor => tensor.released || tensor.transposed || params.has(tensor))
    const kind = isOdd ? undefined : this.kindOf(first, params, model, inputs, values, given)
    this.last = kind
    if (!kind || kind.isPlain) return by.run(inputs)
    if (isStale(kind)) Object.assign(kind, { plan: undefined, isSure: false, tries: 0, modes: modeChanges, buffers: [] })
    const tensors = kind.plan && kind.isSure ? this.replay(kind, kind.plan, given) : undefined
    // Without a result the function itself is called: it has the error for a bad index, or what does not fit.
    if (tensors) return kind.given?.remade(tensors, params) as T
    return kind.isSure ? by.run(inputs) : by.around(() => this.capture(operation, by, kind, inputs, given, isPlain))
  }

  /**
   * Replays a run of a kind into an array, if what it gives is a tensor and it can be; else nothing has happened, and it is false. Throws ShapeError for an array of another length.
   */
  takeInto(kind: Kind, inputs: readonly Tensor[], output: NumberArray): boolean {
    if (!kind.plan || !kind.isSure || kind.given?.key !== '0' || kind.buffers.length > 0 || isStale(kind)) return false
    const { plan, types } = kind
    checkLength(types[0], output)
    const room = this.replayed(plan, inputs)
    if (room) plan.read(room.pointer, 0, types[0].type, output)
    return room !== undefined
  }

  private replay(kind: Kind, plan: Plan, given: readonly Tensor[]): readonly Tensor[] | undefined {
    freeSpent()
    const room = this.replayed(plan, given)
    if (!room) return undefined
    const handles = [...kind.types, ...kind.buffers].map(({ dims, type }, i) => {
      const tensor = new Tensor(dims, type, null)
      own(tensor)
      tensor.block = plan.result(room, i)
      return tensor
    })
    const results = this.keepsRoom ? handles.map(copyTensor) : handles
    if (this.keepsRoom) for (const each of handles) each.dispose()
    const count = kind.types.length
    kind.buffers.forEach((buffer, i) => currentEffects()?.addResult(buffer, results[count + i]))
    return results.slice(0, count)
  }

  private capture<T>(
    operation: string,
    by: Replayed<T>,
    kind: Kind,
    inputs: readonly unknown[],
    given: readonly Tensor[],
    isPlain: () => boolean,
  ): T {
    // The second time it gets other tensors than those of the batch: what it closes over shares no memory with what it is given then.
    const before = kind.plan
    const isCopied = kind.tries === 1
    const effects = currentEffects()
    const writesBefore = writes
    const start = effects?.size ?? 0
    const { stream } = takeStreams(0)
    const copies = new Map<Tensor, Tensor>()
    const capture = new Capture(() =>
      typeError(
        operation,
        `the ${by.name} of a jit reads the numbers of a tensor, and could not when it is replayed`,
        '',
        `Leave out item, data, toArray and printing, or pass the ${by.name} without jit.`,
      ),
    )
    const captured = (): [T, Parts<T> | undefined, Storage[]] => {
      if (isCopied) for (const tensor of given) copies.set(tensor, copyTensor(tensor))
      return capture.during(() => {
        const result = by.run(isCopied ? inputs.map(input => exchanged(input, value => copies.get(value as Tensor) ?? value)) : inputs)
        const parts = by.parts(result)
        const written = effects?.since(start).map(({ next }) => next) ?? []
        // Here a transposition is computed that waits.
        return [result, parts, [...(parts?.tensors ?? []), ...written].map(({ storage }) => storage)]
      })
    }
    let result: T
    let parts: Parts<T> | undefined
    let storages: readonly Storage[]
    try {
      ;[result, parts, storages] = captured()
    } catch (error) {
      // There may be room for the step without copies of its batch, which draws as it would have.
      if (!isCopied || !(error instanceof MemoryError)) throw error
      for (const copy of copies.values()) copy.dispose()
      takeStreams(stream - takeStreams(0).stream)
      return by.run(inputs)
    }
    if (!isPlain()) return result
    if (copies.size > 0) effects?.exchange(start, new Map(Array.from(copies, ([tensor, copy]) => [copy, tensor])))
    const buffers = effects?.since(start).map(({ buffer }) => buffer) ?? []
    // A replay writes what was written when it was captured, and each batch has tensors of its own.
    const isWritten = this.keepsRoom && writes !== writesBefore
    kind.isPlain = !parts || isWritten || buffers.some(({ storage }) => given.some(tensor => tensor.storage === storage))
    if (!parts || kind.isPlain) return result
    const plan = new Plan(
      capture,
      given.map(tensor => copies.get(tensor) ?? tensor),
      storages,
    )
    kind.isPlain = !plan.isWhole
    if (kind.isPlain) return result
    const isSame = parts.key === kind.given?.key && sameTensors(buffers, kind.buffers)
    const difference = before && (isSame ? (isCopied ? before.difference(plan) : plan.difference(before)) : 'what it returns or writes')
    kind.isSure = before !== undefined && difference === undefined
    if (isCopied || !kind.isSure) kind.plan = plan
    kind.types = parts.tensors.map(({ dims, type }) => ({ dims, type }))
    kind.given = { key: parts.key, remade: parts.remade }
    kind.buffers = buffers
    if (!kind.isSure && ++kind.tries >= TRIES) {
      throw typeError(
        operation,
        `the ${by.name} of a jit does not do the same ${by.name === 'loss' ? 'at each step' : 'each time'}`,
        `${difference} differs`,
        `Pass what changes as part of the ${by.name === 'loss' ? 'batch' : 'arguments'}, or pass the ${by.name} without jit.`,
      )
    }
    return result
  }

  /** The arena after a replay; undefined where there was none, and the arena is given up, since a worker that was lost may yet write there. */
  private replayed(plan: Plan, given: readonly Tensor[]): Tensor | undefined {
    const room = this.roomFor(plan)
    if (!room || plan.replay(given, room)) return room
    room.dispose()
    this.room = undefined
    return undefined
  }

  /** Frees the room that is kept; the next replay makes one anew. */
  dispose(): void {
    this.room?.dispose()
    this.room = undefined
  }

  private roomFor(plan: Plan): Tensor | undefined {
    if (!this.keepsRoom) return plan.room()
    if (this.room && this.room.count >= plan.size) return this.room
    this.dispose()
    this.room = plan.room()
    if (this.room) this.room.kept = 'user'
    return this.room
  }

  /** Undefined for one more than are remembered. */
  private kindOf(
    first: object,
    params: ReadonlyTensors,
    model: unknown,
    inputs: readonly unknown[],
    values: readonly unknown[],
    given: readonly Tensor[],
  ): Kind | undefined {
    let kinds = this.kinds.get(first)
    if (!kinds) {
      kinds = []
      this.kinds.set(first, kinds)
    }
    for (const kind of kinds) if (fits(kind, params, values, given)) return kind
    if (kinds.length === KINDS) return undefined
    const leaves = values.map(value =>
      value instanceof Tensor ? { dtype: value.type, shape: value.dims, frozen: value.frozen, twin: given.indexOf(value) } : { value },
    )
    const all = [...params]
    const frozen = all.map(each => each.frozen)
    const isPlain = leavesOf(inputs, true) === undefined
    const kind: Kind = {
      ...{ leaves, fields: fieldsOf(model), params: all, frozen, modes: modeChanges },
      ...{ given: undefined, types: [], buffers: [], plan: undefined, isSure: false, tries: 0, isPlain },
    }
    kinds.push(kind)
    return kind
  }
}

/** The types and shapes of the inputs of a kind, if they are tensors. */
export function typesOf({ leaves: [, ...leaves] }: Kind): readonly Typed[] | undefined {
  const types = leaves.map(leaf => ('dtype' in leaf ? { dims: leaf.shape, type: leaf.dtype } : undefined))
  return types.includes(undefined) ? undefined : (types as readonly Typed[])
}

/** Throws ShapeError for an array that a result does not fit into. */
export function checkLength({ dims, type }: Typed, output: NumberArray): void {
  const count = sizeOf(dims)
  if (output.length === count) return
  throw new ShapeError({ operation: 'into', problem: `the result is ${type} ${show(dims)}`, came: `an array of ${output.length}` }, [dims])
}

function isStale({ modes, plan, buffers }: Kind): boolean {
  return modes !== modeChanges || plan?.isAlive() === false || buffers.some(each => each.released)
}

function sameTensors(these: readonly Tensor[], those: readonly Tensor[]): boolean {
  return these.length === those.length && these.every((each, i) => each === those[i])
}

/** A part of a batch with something else in the place of what is no list and no record. */
export function exchanged(value: unknown, by: (value: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(each => exchanged(each, by))
  if (isPlain(value)) return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, exchanged(each, by)]))
  return by(value)
}

/**
 * The tensors and other values in the batch, through arrays and plain objects, and how they are arranged; undefined where something may change
 * that they do not show: in a Map, a typed array, an instance of a class, a layer; `isThorough` finds fields with symbols for names, too.
 */
function leavesOf(inputs: readonly unknown[], isThorough = false): unknown[] | undefined {
  const leaves: unknown[] = []
  const shows = (value: object, fields: number): boolean => !isThorough || Reflect.ownKeys(value).length === fields
  const visit = (value: unknown): boolean => {
    if (value instanceof Tensor) {
      leaves.push(value)
      return true
    }
    if (Array.isArray(value)) {
      leaves.push(Array, value.length)
      return shows(value, value.length + 1) && value.every(visit)
    }
    if (isPlain(value)) {
      const names = Object.keys(value)
      leaves.push(Object, names.length)
      for (const name of names) {
        leaves.push(name)
        if (!visit(value[name])) return false
      }
      return shows(value, names.length)
    }
    leaves.push(value)
    return typeof value === 'function' ? Object.keys(value).length === 0 : typeof value !== 'object' || value === null
  }
  leaves.push(inputs.length)
  return inputs.every(visit) ? leaves : undefined
}

/** All fields of a model and of its parts. */
function fieldsOf(model: unknown): Field[] {
  const fields: Field[] = []
  const seen = new Set<unknown>()
  const visit = (now: () => unknown): void => {
    const value = now()
    fields.push({ value, now })
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || value instanceof Tensor) return
    if (ArrayBuffer.isView(value) || seen.has(value)) return
    seen.add(value)
    if (isMap(value)) for (const key of value.keys()) visit(() => value.get(key))
    else for (const key of Object.keys(value)) visit(() => (value as Record<string, unknown>)[key])
  }
  visit(() => model)
  return fields
}

function fits(kind: Kind, wanted: ReadonlyTensors, values: readonly unknown[], given: readonly Tensor[]): boolean {
  const { leaves, fields, params, frozen } = kind
  if (leaves.length !== values.length || params.length !== wanted.size) return false
  let i = 0
  for (const parameter of wanted) {
    if (parameter !== params[i] || parameter.frozen !== frozen[i]) return false
    i++
  }
  for (const { value, now } of fields) if (!Object.is(value, now())) return false
  for (i = 0; i < leaves.length; i++) {
    const leaf = leaves[i]
    const value = values[i]
    if (!('dtype' in leaf)) {
      if (!Object.is(leaf.value, value)) return false
    } else if (
      !(value instanceof Tensor) ||
      value.type !== leaf.dtype ||
      value.frozen !== leaf.frozen ||
      !sameShape(value.dims, leaf.shape) ||
      given.indexOf(value) !== leaf.twin
    ) {
      return false
    }
  }
  return true
}
