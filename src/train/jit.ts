import { differentiate, freeSpent } from '../autodiff/gradient.ts'
import { Grads } from '../autodiff/grads.ts'
import type { Params } from '../params/params.ts'
import { Capture } from '../tape/capture.ts'
import { Plan } from '../tape/plan.ts'
import { own } from '../tensor/scope.ts'
import { sameShape } from '../tensor/shape.ts'
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

/**
 * Marks a loss, once, whose training steps may be replayed: `train(jit(loss), ...)`. The first two steps with batches of a shape run as ever
 * and are captured, kernel by kernel; if both did the same, later ones call the same kernels again, forward and backward, and no JavaScript of
 * yours. The results have the same bits; a small model trains in two thirds of the time.
 *
 * The loss must be a function of its arguments and of tensors: what it does besides happens in the first steps only, other numbers than those of
 * tensors keep the values that they had, and a branch goes the way that it went. Numbers that change belong into the batch: as tensors, or as
 * themselves where they have few values. Randomness of the library is drawn anew in every step. Optimizers, schedules and callbacks run as ever.
 * Of more than 32 kinds of batches the later ones are not replayed.
 *
 * Throws TypeError for what is no function, and in training where a loss reads numbers out of tensors (`item`, `toArray`) or does not do the
 * same twice.
 *
 * @example
 * const model = Dense(2, 1)
 * const loss = jit((x, y) => mse(model(x).flatten(), y))
 * for (let i = 0; i < 3; i++) trainStep(loss, params(model), [zeros([4, 2]), ones([4])], Descent(0.1))
 */
// biome-ignore lint/suspicious/noExplicitAny: what a loss takes is known to it alone
export function jit<F extends (...args: any[]) => unknown>(loss: F): F {
  if (typeof loss !== 'function') throw new TypeError(`jit: takes a loss, which is a function: ${typeof loss} came.`)
  const marked = (...args: Parameters<F>): unknown => loss(...args)
  Object.defineProperties(marked, { name: { value: loss.name }, length: { value: loss.length } })
  replays.set(marked, new Replays())
  return marked as F
}

const replays = /* @__PURE__ */ new WeakMap<object, Replays>()

/** What is remembered of the steps with a loss; undefined for one that is not marked. */
export function replaysOf(loss: object): Replays | undefined {
  return replays.get(loss)
}

/** Steps of one kind: the same parameters, batches of the same shapes. */
interface Kind {
  readonly leaves: readonly Leaf[]
  readonly params: readonly Tensor[]
  readonly frozen: readonly boolean[]
  /** The parameters that have gradients. */
  reached: readonly Tensor[]
  /** What the last step did, and whether the one before did the same. */
  plan: Plan | undefined
  isSure: boolean
  tries: number
}

/** A part of the arguments: a tensor by its type, its shape and the first one with the same memory; anything else by itself. */
type Leaf = { readonly dtype: string; readonly shape: readonly number[]; readonly twin: number } | { readonly value: unknown }

export class Replays {
  private readonly kinds = new WeakMap<Tensor, Kind[]>()

  /** As `differentiate` with respect to `params`; `isPlain` says afterwards whether the step may be replayed. */
  differentiate(
    operation: string,
    loss: () => unknown,
    { params, model }: { readonly params: Params; readonly model: unknown },
    inputs: readonly unknown[],
    isPlain: () => boolean,
  ): Differentiated {
    const values = leavesOf(inputs, model)
    const given = values.filter(value => value instanceof Tensor)
    const [first] = params
    const run = () => differentiate(operation, loss, [params], true) as Differentiated
    if (!first || given.some(tensor => tensor.released || tensor.transposed || params.has(tensor))) return run()
    const kind = this.kindOf(first, params, values, given)
    if (!kind) return run()
    if (kind.plan && !kind.plan.isAlive()) Object.assign(kind, { plan: undefined, isSure: false, tries: 0 })
    const replayed = kind.plan && kind.isSure ? this.replay(kind, kind.plan, params, given) : undefined
    // Without a result the loss itself is called: it has the error for a bad index.
    if (replayed) return replayed
    return kind.isSure ? run() : this.capture(operation, kind, run, given, isPlain)
  }

  private replay(kind: Kind, plan: Plan, params: Params, given: readonly Tensor[]): Differentiated | undefined {
    freeSpent()
    const storages = plan.replay(given)
    if (!storages) return undefined
    const handle = (shape: readonly number[], i: number) => {
      const tensor = new Tensor(shape, 'float32', storages[i])
      own(tensor)
      return tensor
    }
    const gradients = new Map<Tensor, Tensor>()
    for (let i = 0; i < kind.reached.length; i++) gradients.set(kind.reached[i], handle(kind.reached[i].dims, i + 1))
    return { value: handle([], 0), gradient: new Grads(params, gradients) }
  }

  private capture(
    operation: string,
    kind: Kind,
    run: () => Differentiated,
    given: readonly Tensor[],
    isPlain: () => boolean,
  ): Differentiated {
    const capture = new Capture(
      () =>
        new TypeError(
          `${operation}: the loss of a jit reads the numbers of a tensor, and could not when it is replayed. Leave out item, data, toArray and printing, or pass the loss without jit.`,
        ),
    )
    capture.begin()
    let result: Differentiated
    try {
      result = run()
    } finally {
      capture.end()
    }
    // Another batch would not be another value of what the loss closes over.
    const isShared = given.some(tensor => {
      const first = capture.outside.get(tensor.storage)
      return first !== undefined && !given.includes(first)
    })
    if (!isPlain() || isShared) return result
    const { value, gradient } = result
    const loss = (Array.isArray(value) ? value[0] : value) as Tensor
    const plan = planOf(operation, capture, given, [loss, ...gradient.tensors()])
    const difference = kind.plan?.difference(plan)
    kind.isSure = kind.plan !== undefined && difference === undefined
    kind.plan = plan
    kind.reached = [...gradient.parameters()]
    if (!kind.isSure && ++kind.tries >= TRIES) {
      throw new TypeError(
        `${operation}: the loss of a jit does not do the same at each step: ${difference} differs. Pass what changes as part of the batch, or pass the loss without jit.`,
      )
    }
    return result
  }

  /** Undefined for one more than are remembered. */
  private kindOf(first: Tensor, params: Params, values: readonly unknown[], given: readonly Tensor[]): Kind | undefined {
    let kinds = this.kinds.get(first)
    if (!kinds) {
      kinds = []
      this.kinds.set(first, kinds)
    }
    for (const kind of kinds) if (fits(kind, params, values, given)) return kind
    if (kinds.length === KINDS) return undefined
    const leaves = values.map(value =>
      value instanceof Tensor ? { dtype: value.dtype, shape: value.dims, twin: twinOf(value, given) } : { value },
    )
    const all = [...params]
    const kind = { leaves, params: all, frozen: all.map(each => each.frozen), reached: [], plan: undefined, isSure: false, tries: 0 }
    kinds.push(kind)
    return kind
  }
}

function planOf(operation: string, capture: Capture, given: readonly Tensor[], results: readonly Tensor[]): Plan {
  try {
    return new Plan(
      capture,
      given,
      results.map(({ storage }) => storage),
    )
  } catch (error) {
    throw new TypeError(`${operation}: a step with this loss cannot be replayed: ${(error as Error).message}. Pass the loss without jit.`, {
      cause: error,
    })
  }
}

/** The model as a whole, and the tensors and other values in the batch, through arrays and plain objects. */
function leavesOf(inputs: readonly unknown[], model: unknown): unknown[] {
  const leaves = [model]
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      leaves.push(value.length)
      for (const each of value) visit(each)
    } else if (isPlainObject(value)) {
      leaves.push(...Object.keys(value))
      for (const name in value) visit(value[name])
    } else leaves.push(value)
  }
  visit(inputs)
  return leaves
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

/** The place of the first tensor that has the same memory. */
function twinOf(tensor: Tensor, given: readonly Tensor[]): number {
  for (let i = 0; i < given.length; i++) if (given[i].storage === tensor.storage) return i
  return -1
}

function fits({ leaves, params, frozen }: Kind, wanted: Params, values: readonly unknown[], given: readonly Tensor[]): boolean {
  if (leaves.length !== values.length || params.length !== wanted.size) return false
  let i = 0
  for (const parameter of wanted) {
    if (parameter !== params[i] || parameter.frozen !== frozen[i]) return false
    i++
  }
  for (i = 0; i < leaves.length; i++) {
    const leaf = leaves[i]
    const value = values[i]
    if (!('dtype' in leaf)) {
      if (leaf.value !== value) return false
    } else if (
      !(value instanceof Tensor) ||
      value.dtype !== leaf.dtype ||
      !sameShape(value.dims, leaf.shape) ||
      twinOf(value, given) !== leaf.twin
    ) {
      return false
    }
  }
  return true
}
