import { differentiate, freeSpent, type Loss } from '../autodiff/gradient.ts'
import { Grads } from '../autodiff/grads.ts'
import { kindOf, MemoryError, refuseSurplus, typeError } from '../errors.ts'
import { copyTensor } from '../params/clone.ts'
import type { Params } from '../params/params.ts'
import { Capture } from '../tape/capture.ts'
import { currentEffects } from '../tape/effects.ts'
import { modeChanges } from '../tape/mode.ts'
import { Plan } from '../tape/plan.ts'
import { takeStreams } from '../tensor/random.ts'
import { isMap, isPlain } from '../tensor/realm.ts'
import { own } from '../tensor/scope.ts'
import { sameShape } from '../tensor/shape.ts'
import { observer, type Storage } from '../tensor/storage.ts'
import { Tensor } from '../tensor/tensor.ts'

/** How many kinds of batches (shapes, parameters) are remembered for a model; with others the loss is called as ever. */
const KINDS = 32
/** Captures until two that follow each other must be alike. */
const TRIES = 3

/** The gradients of a loss, with its value. */
export interface Differentiated {
  readonly value: unknown
  readonly gradient: Grads
}

/** What can be replayed: any function that is not async, of a tensor, a list or a record. */
// biome-ignore lint/suspicious/noExplicitAny: what a loss takes is known to it alone
export type Replayable = (...args: any[]) => Loss | symbol | (object & { readonly then?: never })

/**
 * Marks a loss, once, whose training steps may be replayed: `train(jit(loss), ...)`. The first two steps with batches of a shape run as ever
 * and are captured, kernel by kernel; if both did the same, later ones call the same kernels again, forward and backward, and no JavaScript of
 * yours. The results have the same bits; a small model trains in two thirds of the time.
 *
 * The loss must be a function of its arguments and of tensors: what it does besides happens in the first steps only, other numbers than those of
 * tensors keep the values that they had, and a branch goes the way that it went. Numbers that change belong into the batch: as tensors, or as
 * themselves where they have few values. Randomness of the library is drawn anew in every step. Optimizers, schedules and callbacks run as ever.
 *
 * What it closes over may be changed in place, frozen and disposed, and may be the batch as well. That a variable names another tensor by now is
 * not seen; in the explicit form the fields of the model are looked at in every step. The second step gets copies of the batch, so nothing may
 * depend on which object a tensor is.
 *
 * As ever, without replays, run batches that hold something else than tensors, plain values, and arrays and plain objects of them (a Map, a
 * typed array, an instance of a class, a layer), or a parameter; losses that call `manualSeed`; and after 32 kinds of batches the later ones.
 *
 * Throws TypeError for what is no function, and in training where a loss reads numbers out of tensors (`item`, `toArray`) or does not do the
 * same twice.
 *
 * @example
 * const model = Dense(2, 1)
 * const loss = jit((x, y) => mse(model(x).squeeze(-1), y))
 * for (let i = 0; i < 3; i++) trainStep(loss, params(model), [zeros([4, 2]), ones([4])], Descent(0.1))
 */
export function jit<F extends Replayable>(loss: F): F {
  if (arguments.length > 1) refuseSurplus('jit', 1, arguments)
  if (typeof loss !== 'function') throw typeError('jit', 'takes a loss, which is a function', `${kindOf(loss)} came`)
  const replayable = (...args: Parameters<F>): unknown => loss(...args)
  Object.defineProperties(replayable, { name: { value: loss.name }, length: { value: loss.length } })
  replays.set(replayable, new Replays())
  return replayable as F
}

const replays = /* @__PURE__ */ new WeakMap<object, Replays>()

/** What is remembered of the steps with a loss; undefined for one that `jit` did not make. */
export function replaysOf(loss: object): Replays | undefined {
  return replays.get(loss)
}

/** Steps of one kind: the same parameters and fields of the model, batches of the same shapes. */
interface Kind {
  readonly leaves: readonly Leaf[]
  readonly fields: readonly Field[]
  readonly params: readonly Tensor[]
  readonly frozen: readonly boolean[]
  /** How often modes of layers had changed. */
  modes: number
  /** The parameters that have gradients, what the loss returned beside itself, if it was a list, and the buffers that are to be written. */
  reached: readonly Tensor[]
  extras: readonly Tensor[] | undefined
  buffers: readonly Tensor[]
  /** What the last step did, or that before it, if they did the same: then, `isSure`, the one with copies of its batch. */
  plan: Plan | undefined
  isSure: boolean
  tries: number
  /** Its steps cannot be replayed: the loss is called as ever. */
  isPlain: boolean
}

/** A part of the batch: a tensor by its type, its shape and its first place; anything else by itself. */
type Leaf =
  | { readonly dtype: string; readonly shape: readonly number[]; readonly frozen: boolean; readonly twin: number }
  | { readonly value: unknown }

/** A field of the model, or of a part of it, as it was. */
interface Field {
  readonly value: unknown
  now(): unknown
}

export class Replays {
  private readonly kinds = new WeakMap<Tensor, Kind[]>()

  /** As `differentiate` of the loss of `inputs` by `params`; `isPlain` says afterwards whether the step may be replayed. */
  differentiate(
    operation: string,
    loss: (inputs: readonly unknown[]) => unknown,
    { params, model }: { readonly params: Params; readonly model: unknown },
    inputs: readonly unknown[],
    isPlain: () => boolean,
  ): Differentiated {
    const run = (given: readonly unknown[]) => {
      const result = differentiate(operation, () => loss(given), [params], true) as Differentiated
      refuseExtras(operation, result.value)
      return result
    }
    const [first] = params
    const values = leavesOf(inputs)
    // One step is captured at a time.
    if (!first || !values || observer) return run(inputs)
    const given = values.filter(value => value instanceof Tensor)
    if (given.some(tensor => tensor.released || tensor.transposed || params.has(tensor))) return run(inputs)
    const kind = this.kindOf(first, params, model, inputs, values, given)
    if (!kind || kind.isPlain) return run(inputs)
    const isStale = kind.modes !== modeChanges || (kind.plan && !kind.plan.isAlive()) || kind.buffers.some(each => each.released)
    if (isStale) Object.assign(kind, { plan: undefined, isSure: false, tries: 0, modes: modeChanges, buffers: [] })
    const replayed = kind.plan && kind.isSure ? this.replay(kind, kind.plan, params, given) : undefined
    // Without a result the loss itself is called: it has the error for a bad index, or what does not fit.
    if (replayed) return replayed
    return kind.isSure ? run(inputs) : this.capture(operation, kind, run, inputs, given, isPlain)
  }

  private replay(kind: Kind, plan: Plan, params: Params, given: readonly Tensor[]): Differentiated | undefined {
    freeSpent()
    const arena = plan.replay(given)
    if (!arena) return undefined
    let i = 0
    const handle = ({ dims, type }: Tensor) => {
      const tensor = new Tensor(dims, type, null)
      own(tensor)
      tensor.block = plan.result(arena, i++)
      return tensor
    }
    const loss = new Tensor([], 'float32', null)
    own(loss)
    loss.block = plan.result(arena, i++)
    const value = kind.extras ? [loss, ...kind.extras.map(handle)] : loss
    const gradients = new Map<Tensor, Tensor>()
    for (const parameter of kind.reached) gradients.set(parameter, handle(parameter))
    for (const buffer of kind.buffers) currentEffects()?.addResult(buffer, handle(buffer))
    return { value, gradient: new Grads(params, gradients) }
  }

  private capture(
    operation: string,
    kind: Kind,
    run: (inputs: readonly unknown[]) => Differentiated,
    inputs: readonly unknown[],
    given: readonly Tensor[],
    isPlain: () => boolean,
  ): Differentiated {
    // The second time the loss gets other tensors than those of the batch: what it closes over shares no memory with what it is given then.
    const before = kind.plan
    const isCopied = kind.tries === 1
    const effects = currentEffects()
    const start = effects?.size ?? 0
    const { stream } = takeStreams(0)
    const copies = new Map<Tensor, Tensor>()
    const capture = new Capture(() =>
      typeError(
        operation,
        'the loss of a jit reads the numbers of a tensor, and could not when it is replayed',
        '',
        'Leave out item, data, toArray and printing, or pass the loss without jit.',
      ),
    )
    const captured = (): [Differentiated, Storage[]] => {
      if (isCopied) for (const tensor of given) copies.set(tensor, copyTensor(tensor))
      return capture.during(() => {
        const result = run(isCopied ? inputs.map(input => exchanged(input, copies)) : inputs)
        const { value, gradient } = result
        const list = (Array.isArray(value) ? value : [value]) as Tensor[]
        const written = effects?.since(start).map(({ next }) => next) ?? []
        // Here a transposition is computed that waits.
        return [result, [...list, ...gradient.tensors(), ...written].map(({ storage }) => storage)]
      })
    }
    let result: Differentiated
    let storages: readonly Storage[]
    try {
      ;[result, storages] = captured()
    } catch (error) {
      // There may be room for the step without copies of its batch, which draws as it would have.
      if (!isCopied || !(error instanceof MemoryError)) throw error
      for (const copy of copies.values()) copy.dispose()
      takeStreams(stream - takeStreams(0).stream)
      return run(inputs)
    }
    if (!isPlain()) return result
    if (copies.size > 0) effects?.exchange(start, new Map(Array.from(copies, ([tensor, copy]) => [copy, tensor])))
    const buffers = effects?.since(start).map(({ buffer }) => buffer) ?? []
    // A replay writes what was written when it was captured, and each batch has tensors of its own.
    kind.isPlain = buffers.some(({ storage }) => given.some(tensor => tensor.storage === storage))
    if (kind.isPlain) return result
    const plan = new Plan(
      capture,
      given.map(tensor => copies.get(tensor) ?? tensor),
      storages,
    )
    kind.isPlain = !plan.isWhole
    if (kind.isPlain) return result
    const list = Array.isArray(result.value) ? (result.value.slice(1) as Tensor[]) : undefined
    const isSame = list?.length === kind.extras?.length && sameTensors(buffers, kind.buffers)
    const difference = before && (isSame ? (isCopied ? before.difference(plan) : plan.difference(before)) : 'what it returns or writes')
    kind.isSure = before !== undefined && difference === undefined
    if (isCopied || !kind.isSure) kind.plan = plan
    kind.reached = [...result.gradient.parameters()]
    kind.extras = list
    kind.buffers = buffers
    if (!kind.isSure && ++kind.tries >= TRIES) {
      throw typeError(
        operation,
        'the loss of a jit does not do the same at each step',
        `${difference} differs`,
        'Pass what changes as part of the batch, or pass the loss without jit.',
      )
    }
    return result
  }

  /** Undefined for one more than are remembered. */
  private kindOf(
    first: Tensor,
    params: Params,
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
      ...{ reached: [], extras: undefined, buffers: [], plan: undefined, isSure: false, tries: 0, isPlain },
    }
    kinds.push(kind)
    return kind
  }
}

/** Throws TypeError where a loss that may be replayed returns something beside itself that is no tensor. */
function refuseExtras(operation: string, value: unknown): void {
  const odd = Array.isArray(value) ? value.findIndex(each => !(each instanceof Tensor)) : -1
  if (odd < 0) return
  throw typeError(
    operation,
    'what the loss of a jit returns beside itself are tensors',
    `${kindOf((value as unknown[])[odd])} came, at place ${odd}`,
    'Leave it out, or pass the loss without jit.',
  )
}

function sameTensors(these: readonly Tensor[], those: readonly Tensor[]): boolean {
  return these.length === those.length && these.every((each, i) => each === those[i])
}

/** A part of a batch with other tensors in it. */
function exchanged(value: unknown, copies: ReadonlyMap<unknown, Tensor>): unknown {
  if (Array.isArray(value)) return value.map(each => exchanged(each, copies))
  if (isPlain(value)) return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, exchanged(each, copies)]))
  return copies.get(value) ?? value
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

function fits(kind: Kind, wanted: Params, values: readonly unknown[], given: readonly Tensor[]): boolean {
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
