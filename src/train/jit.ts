import { type Loss, refusePromise } from '../autodiff/gradient.ts'
import { checkOptions, kindOf, refuseSurplus, ShapeError, typeError, written } from '../errors.ts'
import { isCaching } from '../nn/cache.ts'
import { committing, isPuttingOff } from '../tape/effects.ts'
import { isRecording } from '../tape/level.ts'
import { isOutsideOfLayers } from '../tape/mode.ts'
import { isWatched } from '../tape/operation.ts'
import type { NumberArray } from '../tensor/dtype.ts'
import { checkAllFit } from '../tensor/fits.ts'
import { tagOf } from '../tensor/realm.ts'
import { scoped } from '../tensor/scope.ts'
import { checkShape, type Shape, sameShape, show } from '../tensor/shape.ts'
import { observer } from '../tensor/storage.ts'
import { make, Tensor, unwritten } from '../tensor/tensor.ts'
import { ownedIn } from '../tensor/walk.ts'
import { replayStepsOf } from './replayed-loss.ts'
import { checkLength, exchanged, type Kind, type Parts, type Replayed, Replays, type Typed, typesOf } from './replays.ts'

/** What can be replayed: any function that is not async, of a tensor, a list or a record. */
// biome-ignore lint/suspicious/noExplicitAny: what a loss takes is known to it alone
export type Replayable = (...args: any[]) => Loss | symbol | (object & { readonly then?: never })

/** How `jit` is to replay. */
export interface JitOptions {
  /** The shapes of the arguments, float32, for an `into` that comes before any call. */
  readonly shapes?: readonly Shape[] | undefined
}

/** A function that `jit` made of another. */
export type Jitted<F extends Replayable> = F & {
  /**
   * Computes the tensor that the function returns from typed arrays, one for each argument, in the shapes and dtypes of the last call or those that `jit`
   * was given, and writes its numbers into `output`, which it returns: once it is replayed no tensor is made, and nothing allocated. Throws
   * ShapeError for an array of another length, TypeError for what is no typed array and where the shapes are not known, RangeError for a number
   * that does not fit into an integer.
   */
  into<Output extends NumberArray>(output: Output, ...inputs: readonly ArrayLike<number>[]): Output
  /** Frees the block that the function keeps for its intermediates, and those of the arguments of `into`, which the next call makes anew. */
  dispose(): void
}

/**
 * Marks a function, once, whose calls may be replayed: the first two with tensors of a shape run as ever and are captured, kernel by kernel; if both did
 * the same, later ones call the same kernels again, and no JavaScript of yours. The results have the same bits.
 *
 * A loss: `train(jit(loss), ...)` replays training steps, forward and backward; a small model trains in two thirds of the time. Any other function of tensors
 * that gives a tensor, or a list or a record of them: `const predict = jit(x => softmax(model(x)))`. Parameters are read where they lie, so
 * a model that trains on is followed. `predict.into(output, input)` works on typed arrays, without a tensor. Inside of a gradient, a layer, `withCache` or another `jit` the
 * function itself is called.
 *
 * The function must be one of its arguments and of tensors: what it does besides happens in the first calls only, other numbers than those of
 * tensors keep the values that they had, and a branch goes the way that it went. Numbers that change belong into the arguments: as tensors, or as
 * themselves where they have few values. Randomness of the library is drawn anew each time, and what layers write by `later` is written when the call has ended. Optimizers, schedules and callbacks run as ever.
 *
 * What it closes over may be changed in place, frozen and disposed, and may be the batch as well. That a variable names another tensor by now is
 * not seen; in the explicit form of a loss the fields of the model are looked at in every step. The second call gets copies of its arguments, so nothing may
 * depend on which object a tensor is. What is made in a captured call and not returned is freed. The intermediates of a function that is called by itself lie in a block
 * of its own, which it keeps until it is collected or its `dispose()` called.
 *
 * As ever, without replays, run arguments that hold something else than tensors, plain values, and arrays and plain objects of them (a Map, a
 * typed array, an instance of a class, a layer), or a parameter of the training; functions that call `manualSeed`, write tensors in place, or return
 * something else than tensors made in them; and after 32 kinds of arguments the later ones.
 *
 * Throws TypeError for what is no function, and when it runs where it reads numbers out of tensors (`item`, `toArray`) or does not do the
 * same twice.
 *
 * @example
 * const model = Dense(2, 1)
 * const loss = jit((x, y) => mse(model(x).squeeze(-1), y))
 * for (let i = 0; i < 3; i++) trainStep(loss, params(model), [zeros([4, 2]), ones([4])], Descent(0.1))
 * const predict = jit(x => model(x).squeeze(-1), { shapes: [[1, 2]] })
 * predict.into(new Float32Array(1), new Float32Array(2)).length // 1
 */
export function jit<F extends Replayable>(f: F, options: JitOptions = {}): Jitted<F> {
  if (arguments.length > 2) refuseSurplus('jit', 2, arguments)
  if (typeof f !== 'function') throw typeError('jit', 'takes a function', `${kindOf(f)} came`)
  checkOptions('jit', options, ['shapes'])
  const calls = new Calls(f, options.shapes)
  const replayable = (...args: Parameters<F>): unknown => (isAlone() ? calls.take(args) : f(...args))
  Object.defineProperties(replayable, { name: { value: f.name }, length: { value: f.length } })
  replayStepsOf(replayable)
  return Object.assign(replayable, { into: calls.into.bind(calls), dispose: calls.dispose.bind(calls) }) as unknown as Jitted<F>
}

/** Does nobody listen, record, or want to know of layers? */
function isAlone(): boolean {
  return !observer && !isRecording() && isOutsideOfLayers() && !isPuttingOff() && !isWatched() && !isCaching()
}

const NO_PARAMS: ReadonlySet<Tensor> = /* @__PURE__ */ new Set()

/** Calls of a function by itself. */
class Calls implements Replayed<unknown> {
  readonly name = 'function'
  private readonly f: Replayable
  private readonly replays = new Replays(true)
  /** The arguments of an `into` that comes before any call. */
  private readonly types: readonly Typed[] | undefined
  /** Where the arguments of `into` lie, and the kind of calls that they are for. */
  private places: readonly Tensor[] | undefined
  private kind: Kind | undefined
  /** The kind that the last `into` was of. */
  private ready: Kind | undefined

  constructor(f: Replayable, shapes: readonly Shape[] | undefined) {
    this.f = f
    if (shapes === undefined) return
    if (!Array.isArray(shapes))
      throw typeError('jit', 'the shapes are a list of shapes', `${written(shapes)} came`, 'Write { shapes: [[1, 64]] }.')
    for (const each of shapes) checkShape('jit', each)
    this.types = shapes.map(dims => ({ dims: [...dims], type: 'float32' }))
  }

  take(args: readonly unknown[]): unknown {
    return committing(() => this.replays.take('jit', this, NO_PARAMS, undefined, args, () => true))
  }

  run(inputs: readonly unknown[]): unknown {
    const result = this.f(...inputs)
    refusePromise('jit', result)
    return result
  }

  parts(given: unknown): Parts<unknown> | undefined {
    const tensors: Tensor[] = []
    let isOdd = false
    const form = exchanged(given, value => {
      if (value instanceof Tensor) return tensors.push(value) - 1
      isOdd = true
      return undefined
    })
    if (isOdd) return undefined
    return { tensors, key: JSON.stringify(form), remade: remaker(form) }
  }

  around<T>(f: () => T): T {
    return scoped(f, ownedIn)
  }

  into<Output extends NumberArray>(output: Output, ...inputs: readonly ArrayLike<number>[]): Output {
    if (!isNumbers(output)) throw typeError('into', 'the numbers are written into a typed array', `${written(output)} came`)
    const places = this.filled(inputs)
    const alone = isAlone()
    if (alone && this.ready && this.replays.takeInto(this.ready, places, output)) return output
    return scoped(() => {
      const y = alone ? this.take(places) : this.f(...places)
      if (alone) this.ready = this.kind = this.replays.last
      if (!(y instanceof Tensor)) throw typeError('into', 'takes a function that returns a tensor', `${kindOf(y)} came`)
      checkLength(y, output)
      output.set(y.view())
      return output
    })
  }

  /** The arguments, written to where they are read. */
  private filled(inputs: readonly ArrayLike<number>[]): readonly Tensor[] {
    const { last } = this.replays
    if (!this.places || (last && last !== this.kind)) {
      this.kind = last
      const types = last ? typesOf(last) : this.types
      if (types) this.placeAll(types)
    }
    const { places } = this
    if (!places)
      throw typeError(
        'into',
        'the shapes of the arguments are not known',
        '',
        'Call the function with tensors before, or write jit(f, { shapes: [[1, 64]] }).',
      )
    if (inputs.length !== places.length)
      throw typeError('into', `the last call had ${places.length} tensors`, `${inputs.length} arrays came`)
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i]
      const { dims, type, count } = places[i]
      if (!isNumbers(input))
        throw typeError('into', 'the arguments are typed arrays', `${written(input)} came`, 'Write new Float32Array(...).')
      if (input.length !== count)
        throw new ShapeError({ operation: 'into', problem: `argument ${i} is ${show(dims)}`, came: `an array of ${input.length}` }, [dims])
      checkAllFit('into', input, type)
      unwritten(places[i]).set(input)
    }
    return places
  }

  dispose(): void {
    this.replays.dispose()
    for (const each of this.places ?? []) each.dispose()
    this.places = this.ready = undefined
  }

  private placeAll(types: readonly Typed[]): void {
    const { places } = this
    if (places?.length === types.length && types.every(({ dims, type }, i) => type === places[i].type && sameShape(dims, places[i].dims)))
      return
    for (const each of places ?? []) each.dispose()
    this.ready = undefined
    this.places = types.map(({ dims, type }) => {
      const place = make(dims, type, 'jit')
      place.kept = 'user'
      return place
    })
  }
}

/** What puts tensors in the place of their numbers. A function of its own, so that it does not hold those that were there. */
function remaker(form: unknown): (tensors: readonly Tensor[]) => unknown {
  return tensors => exchanged(form, place => tensors[place as number])
}

/** Can numbers be read there, and written? */
function isNumbers(value: unknown): value is NumberArray {
  return ArrayBuffer.isView(value) && 'length' in value && !/^Big/.test(tagOf(value))
}
