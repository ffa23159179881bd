import { DTypeError, kindOf, ReleasedError, refuseSurplus, ShapeError, typeError } from '../errors.ts'
import { mul } from '../ops/pointwise.ts'
import { Params } from '../params/params.ts'
import { mapTree, type Tree } from '../params/tree.ts'
import { committing, Effects } from '../tape/effects.ts'
import { isRecording, Level, recorded, track } from '../tape/level.ts'
import { training } from '../tape/mode.ts'
import { checkTensor, isTensor } from '../tape/operation.ts'
import { full, onesLike, zeros } from '../tensor/create.ts'
import { isThenable } from '../tensor/realm.ts'
import { free, giveBack, madeSince, mark, ownTape, scoped } from '../tensor/scope.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { OWNED, ownedIn, tensorsIn, walk } from '../tensor/walk.ts'
import { backward } from './backward.ts'
import { Grads } from './grads.ts'

/** What a function is differentiated by: a tensor, a number (a 0-d tensor), or a model, an array, an object of tensors. */
export type Argument = unknown

/** The gradient of an argument: a tensor for a tensor or a number, the tree of a model for a model. */
export type GradientOf<A> = A extends Tensor | number ? Tensor : Tree<Tensor>

/** The gradients of all arguments. */
export type GradientsOf<Args extends readonly unknown[]> = { [I in keyof Args]: GradientOf<Args[I]> }

/** What the function of a gradient sees: a number has become a tensor. */
export type Seen<Args extends readonly unknown[]> = { [I in keyof Args]: Args[I] extends number ? Tensor : Args[I] }

/** What `f` of a gradient may return: a scalar, or a list that begins with one. */
export type Loss = Tensor | readonly [Tensor, ...unknown[]]

/**
 * The gradient of a scalar function.
 *
 * `gradient(f, ...args)` differentiates `f(...args)` by each argument: an array with a tensor for a tensor or number, the same tree for a
 * model. `gradient(() => loss, ps)` differentiates by the parameters of a `Params`: `Grads`, read with `.get(p)`. A tensor argument that took no
 * part has a gradient of zeros; in a tree and in `Grads` there is undefined. Each gradient has memory of its own. A tensor that is several
 * arguments is one variable: each of them gets its whole gradient. Gradients nest to any order.
 *
 * Throws ShapeError for a result that is not a scalar, TypeError for one that is no tensor or a promise; DTypeError or TypeError for an
 * argument that has no derivative, such as integers or a list of numbers (inside a model or a tree they are left out). Everything made inside
 * is freed, but for what is returned.
 *
 * @example
 * gradient(x => x.mul(x), 3)[0].item() // 6
 * const W = tensor([1, 2])
 * gradient(() => W.mul(W).sum(), params(W)).get(W).toArray() // [2, 4]
 */
export function gradient(f: () => Loss, params: Params): Grads
export function gradient<Args extends readonly unknown[]>(f: (...args: Seen<Args>) => Loss, ...args: Args): GradientsOf<Args>
export function gradient(f: (...args: never[]) => Loss, ...args: unknown[]): Grads | unknown[] {
  return differentiate('gradient', f, args, false).gradient
}

/**
 * The value and the gradient of a scalar function at once: `{ value, gradient }`, the gradient as `gradient` gives it. If `f` returns a list
 * `[loss, ...extras]`, the first is differentiated and the list is the value.
 * @example withGradient(x => x.mul(x), 3).value.item() // 9
 */
export function withGradient<Value extends Loss>(f: () => Value, params: Params): { value: Value; gradient: Grads }
export function withGradient<Value extends Loss, Args extends readonly unknown[]>(
  f: (...args: Seen<Args>) => Value,
  ...args: Args
): { value: Value; gradient: GradientsOf<Args> }
export function withGradient(f: (...args: never[]) => Loss, ...args: unknown[]): { value: unknown; gradient: Grads | unknown[] } {
  return differentiate('withGradient', f, args, true)
}

/** Tensors that an update has used up: readable until the next outermost gradient, then freed. */
const spent: Tensor[] = []

/** Notes that a gradient is used up. */
export function spend(gradient: Tensor): void {
  spent.push(gradient)
}

/** @internal Frees them, as each outermost gradient does first. */
export function freeSpent(): void {
  if (spent.length === 0 || isRecording()) return
  for (let tensor = spent.pop(); tensor; tensor = spent.pop()) if (tensor.kept !== 'user') tensor.dispose()
}

/** The arguments as `f` sees them, and how their gradients are read off the level afterwards. */
interface Subject {
  readonly args: readonly unknown[]
  track(level: Level): void
  /** Reads the gradients; `take` gives that of a tensor. */
  collect(gradientOf: (tensor: Tensor) => Tensor | undefined): Grads | unknown[]
}

function subject(operation: string, args: readonly unknown[]): Subject {
  const first = args.find(arg => arg instanceof Params)
  if (first) {
    if (args.length > 1)
      throw typeError(operation, 'a Params stands alone', `${args.length} arguments came`, `Write ${operation}(() => loss, ps).`)
    return {
      args: [],
      track: level => {
        for (const parameter of first) makeLeaf(operation, level, parameter)
      },
      collect: gradientOf => {
        const found = new Map<Tensor, Tensor>()
        for (const parameter of first) {
          const gradient = gradientOf(parameter)
          if (gradient) found.set(parameter, gradient)
        }
        return new Grads(first, found)
      },
    }
  }
  const seen = args.map(arg => (typeof arg === 'number' ? full([], arg) : arg))
  return {
    args: seen,
    track: level => {
      if (seen.length === 0) {
        throw typeError(
          operation,
          'there is nothing to differentiate by',
          '',
          `Write ${operation}(() => loss, params(model)), or ${operation}(f, x).`,
        )
      }
      seen.forEach((arg, i) => {
        let hasFloats = false
        walk(arg, (tensor, _, trainable) => {
          if (tensor.type === 'float32') hasFloats = true
          if (trainable) makeLeaf(operation, level, tensor)
        })
        if (!hasFloats) throw noDerivative(operation, arg, i)
      })
    },
    collect: gradientOf => {
      const gradients = new Map<Tensor, Tensor | undefined>()
      return seen.map(arg => {
        const ofArgument = new Map<Tensor, Tensor | undefined>()
        const once = (tensor: Tensor) => {
          if (ofArgument.has(tensor)) return ofArgument.get(tensor)
          const isFirst = !gradients.has(tensor)
          if (isFirst) gradients.set(tensor, gradientOf(tensor))
          const gradient = gradients.get(tensor)
          ofArgument.set(tensor, isFirst || !gradient ? gradient : mul(gradient, 1))
          return ofArgument.get(tensor)
        }
        return arg instanceof Tensor ? (once(arg) ?? zeros(arg.dims)) : mapTree(arg, once)
      })
    },
  }
}

/** @internal The error for an argument in which there is nothing to differentiate by. */
export function noDerivative(operation: string, arg: unknown, i: number): Error {
  const place = `argument ${i + 1} of the function`
  if (arg instanceof Tensor) {
    const wayOut = 'Let the function close over it, or cast it to float32.'
    return new DTypeError({ operation, problem: `${arg.type} has no derivative`, came: place, wayOut }, [arg.type])
  }
  const isData = Array.isArray(arg) || ArrayBuffer.isView(arg)
  const wayOut = isData
    ? 'Make a tensor of it with tensor(...), or let the function close over it.'
    : 'Pass tensors or a model, and let the function close over the rest.'
  return typeError(operation, `${place} holds no float32 tensor`, kindOf(arg), wayOut)
}

function makeLeaf(operation: string, level: Level, tensor: Tensor): void {
  tensor.check(operation)
  if (tensor.type === 'float32' && !tensor.frozen) track(level, tensor)
}

/** @internal `gradient` and `withGradient`, in the name of another operation. */
export function differentiate(
  operation: string,
  f: (...args: never[]) => unknown,
  args: readonly unknown[],
  keepValue: boolean,
): { value: unknown; gradient: Grads | unknown[] } {
  freeSpent()
  let kept: readonly Tensor[] = []
  return committing(() =>
    scoped(
      () => {
        const start = mark()
        const of = subject(operation, args)
        const { level, value } = recordOn(operation, f, of)
        const loss: unknown = Array.isArray(value) ? value[0] : value
        checkScalar(operation, loss)
        if (keepValue) kept = tensorsIn(value)
        free(start, of.args.length === 0 ? [loss, ...kept] : [loss, ...kept, ...tensorsIn(of.args)])
        backward(level, loss, onesLike(loss), false)
        return { value, gradient: of.collect(tensor => takeCotangent(level, tensor)) }
      },
      ({ gradient }) => (keepValue ? [...kept, ...gradientsIn(gradient)] : gradientsIn(gradient)),
    ),
  )
}

/** The gradients themselves, without what else a result refers to. */
function gradientsIn(result: Grads | unknown[]): Iterable<Tensor> {
  return result instanceof Grads ? result.tensors() : tensorsIn(result)
}

/** Runs `f` on a level of its own, in training mode. A promise is refused. */
function recordOn(operation: string, f: (...args: never[]) => unknown, of: Subject): { level: Level; value: unknown } {
  if (typeof f !== 'function') {
    throw typeError(operation, 'the first argument must be a function', kindOf(f), `Write ${operation}(() => loss, ps).`)
  }
  const level = new Level()
  ownTape(level)
  return recorded(level, () => {
    of.track(level)
    const value = training(() => f(...(of.args as never[])))
    refusePromise(operation, value)
    return { level, value }
  })
}

/** Throws TypeError for a promise: code after an `await` would run when the recording is long closed. */
export function refusePromise(operation: string, value: unknown): void {
  if (!isThenable(value)) return
  value.then(undefined, () => {})
  throw typeError(operation, 'the function returned a promise', '', 'Await the data before, and pass a function that is not async.')
}

function checkScalar(operation: string, loss: unknown): asserts loss is Tensor {
  if (!isTensor(loss)) {
    const wayOut = loss === undefined ? 'Return it.' : 'Leave out what takes it off the tape, such as item() and data().'
    throw typeError(operation, 'the loss must be a tensor', kindOf(loss), wayOut)
  }
  loss.check(operation)
  checkFloat(operation, loss, 'scalar')
  if (loss.count === 1) return
  const wayOut = 'Reduce it with mean() or sum(), or use pullback for a cotangent of your own.'
  throw new ShapeError({ operation, problem: 'only a float32 scalar has a gradient', came: `${loss.type} ${show(loss.dims)}`, wayOut }, [
    loss.dims,
  ])
}

/** Throws DTypeError for what has no derivative. */
function checkFloat(operation: string, { type, dims }: Tensor, what: 'scalar' | 'result'): void {
  if (type === 'float32') return
  const wayOut = "Make it of float32 tensors: x.cast('float32'). Counts and comparisons have no derivative."
  throw new DTypeError({ operation, problem: `only a float32 ${what} has a gradient`, came: `${type} ${show(dims)}`, wayOut }, [type])
}

/** @internal The gradient that the walk left on a leaf, handed to the scope: a copy if others (another gradient, a seed) lie in the same memory. */
export function takeCotangent(level: Level, tensor: Tensor): Tensor | undefined {
  const leaf = level.nodeOf(tensor)
  const gradient = leaf?.cotangent
  if (!leaf || !gradient) return undefined
  const isShared = !gradient.transposed && gradient.storage.references > 1
  const result = isShared ? mul(gradient, 1) : gradient
  if (!isShared) giveBack(gradient)
  leaf.cotangent = undefined
  if (isShared) gradient.dispose()
  return result
}

/** What `pullback` returns beside the result: cotangents of the arguments from one of the result, as often as wanted. */
export interface Back<Result> {
  /** The gradients for a cotangent of the result's shape; without one, ones. Throws ShapeError, or ReleasedError after `dispose`. */
  (cotangent?: Tensor): Result
  /** Frees what the tape saved; without it the garbage collector does, late. */
  dispose(): void
}

const forgotten = /* @__PURE__ */ new FinalizationRegistry<Level>(level => level.dispose())

/**
 * The result of `f`, of any shape, and a function that takes a cotangent of it back to the arguments (or to a `Params`). Throws DTypeError for a
 * result that is not float32; otherwise errors as `gradient`.
 *
 * @example
 * const [y, back] = pullback(x => x.exp(), tensor([0, 0]))
 * back(tensor([1, 2]))[0].toArray() // [1, 2]
 */
export function pullback(f: () => Tensor, params: Params): [Tensor, Back<Grads>]
export function pullback<Args extends readonly unknown[]>(
  f: (...args: Seen<Args>) => Tensor,
  ...args: Args
): [Tensor, Back<GradientsOf<Args>>]
export function pullback(f: (...args: never[]) => unknown, ...args: unknown[]): [Tensor, Back<unknown>] {
  return pulledBack('pullback', f, args)
}

/** @internal `pullback`, in the name of another operation. */
export function pulledBack(operation: string, f: (...args: never[]) => unknown, args: readonly unknown[]): [Tensor, Back<unknown>] {
  freeSpent()
  let of: Subject | undefined
  return scoped(
    () => {
      const start = mark()
      const inputs = subject(operation, args)
      of = inputs
      const effects = new Effects()
      const { level, value } = effects.during(() => recordOn(operation, f, inputs))
      level.effects = effects
      checkTensor(operation, value)
      checkFloat(operation, value, 'result')
      effects.hold(start, ownedIn([inputs.args, value]))
      // What was there before is somebody else's.
      return [madeSince(start, value) ? value : mul(value, 1), backOf(level, inputs, value, effects)]
    },
    result => ownedIn([of?.args, ...result]),
  )
}

function backOf(level: Level, of: Subject, y: Tensor, effects: Effects): Back<unknown> {
  const { dims: shape } = y
  // The tape finds the output by its handle, which the user may dispose.
  const handle = new Tensor(shape, y.type, null)
  level.share(handle, y)
  const back = function (cotangent?: Tensor): unknown {
    if (arguments.length > 1) refuseSurplus('back', 1, arguments)
    if (level.released)
      throw new ReleasedError({
        operation: 'back',
        problem: 'its tape has been released',
        wayOut: 'Call pullback again, or return back from the scope.',
      })
    const result = scoped(() => {
      const seed = cotangent ?? full(shape, 1)
      checkTensor('back', seed)
      if (!sameShape(seed.dims, shape)) {
        throw new ShapeError(
          { operation: 'back', problem: 'the cotangent must have the shape of the result', came: `${show(seed.dims)} for ${show(shape)}` },
          [seed.dims, shape],
        )
      }
      backward(level, handle, seed.cast('float32'), true)
      return of.collect(tensor => takeCotangent(level, tensor))
    }, gradientsIn)
    effects.settle()
    return result
  }
  const dispose = () => {
    level.dispose()
    forgotten.unregister(level)
  }
  const result = Object.assign(back, { dispose })
  Object.defineProperty(result, OWNED, { value: level })
  forgotten.register(result, level, level)
  return result
}
