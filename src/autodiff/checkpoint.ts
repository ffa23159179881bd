import { checkFunction, kindOf, ShapeError, typeError } from '../errors.ts'
import { withoutEffects } from '../tape/effects.ts'
import { isRecording, Level, openLevels, record, recordedAmong, track, unrecorded } from '../tape/level.ts'
import { called, modeChanges, type Recall, recalling, training } from '../tape/mode.ts'
import { checkTensor, type Entry, isTensor } from '../tape/operation.ts'
import { type Randomness, takeStreams, withRandomness } from '../tensor/random.ts'
import { free, madeSince, mark, ownTape, scoped } from '../tensor/scope.ts'
import { type Shape, sameShape, show } from '../tensor/shape.ts'
import { observed, observer } from '../tensor/storage.ts'
import { ownedAlias, type Tensor } from '../tensor/tensor.ts'
import { tensorsIn } from '../tensor/walk.ts'
import { backward } from './backward.ts'
import { refusePromise, takeCotangent } from './gradient.ts'

/** A function that was run unrecorded, and all that its second run depends on. */
interface Run {
  readonly f: () => Results
  /** The tensors that were there before and that it used: its own arguments, parameters, whatever it closes over. */
  readonly inputs: readonly Tensor[]
  /** The shapes of the results that have a derivative. */
  readonly shapes: readonly Shape[]
  readonly levels: readonly Level[]
  readonly randomness: Randomness
  readonly layer: object | undefined
  /** In which mode the layers were that asked; undefined where it changes modes itself. */
  readonly recall: Recall | undefined
}

type Results = Tensor | readonly Tensor[]

/**
 * Computes `f(...args)` for a gradient in less memory (Chen et al. 2016, arXiv 1604.06174): nothing of what `f` makes is kept, and the way back
 * runs it a second time. A chain cut into pieces, each with a checkpoint, keeps what goes into the pieces, and all of one piece: of 32 layers that keep one
 * array each, as `Dense(8, 8, relu)`, pieces of 4 hold 14 arrays at most where the whole chain holds 35, halves of halves 9. Of layers that keep more the
 * share is smaller: of 32 with `gelu` or `tanh`, which keep three, 20 and 9 of 97.
 *
 * `f` gives a tensor, or a list of tensors, of any shapes. Gradients reach the arguments and whatever else it uses, as parameters of a model; they
 * nest, as checkpoints do. The second run has the random numbers and the modes of the first one, and writes no running statistics; that `f` does
 * the same twice is else up to you. What is made inside is freed, but for the results. Where no gradient is taken, `f` is just called.
 *
 * Throws TypeError for what is no function, and for a result that is no tensor or a promise; on the way back ShapeError where the second run gives
 * another result, ReleasedError where what it uses was written in place.
 *
 * @example
 * const model = Chain(Dense(2, 8, tanh), Dense(8, 8, tanh), Dense(8, 1))
 * const loss = x => checkpoint(model, x).square().mean()
 * gradient(() => loss(ones([4, 2])), params(model)).size // 6
 */
export function checkpoint<Args extends readonly unknown[], Y extends Results>(f: (...args: Args) => Y, ...args: Args): Y {
  checkFunction('checkpoint', 'the first argument', f)
  const call = () => f(...args)
  if (!isRecording()) return scoped(() => checked(call()), tensorsIn)
  const start = mark()
  const randomness = takeStreams(0)
  const modesBefore = modeChanges
  const modes = new Map<object, boolean | undefined>()
  const [value, inputs] = firstRun(call, (layer, mode) => {
    if (!modes.has(layer)) modes.set(layer, mode)
    return mode
  })
  const list: readonly Tensor[] = isTensor(value) ? [value] : value
  // What was there before has a node of its own.
  const own = list.map((y, i) => (madeSince(start, y) && list.indexOf(y) === i ? y : ownedAlias(y, y.dims)))
  const [first, ...rest] = own.filter(isFloat)
  if (first) {
    const recall: Recall = (layer, mode) => (modes.has(layer) ? modes.get(layer) : mode)
    const run: Run = {
      ...{ f: call, inputs, shapes: [first, ...rest].map(({ dims }) => dims), levels: openLevels() },
      ...{ randomness, layer: called.layer, recall: modeChanges === modesBefore ? recall : undefined },
    }
    record(entry, inputs, first, run, undefined, rest)
  }
  return (isTensor(value) ? own[0] : own) as Results as Y
}

function isFloat({ type }: Tensor): boolean {
  return type === 'float32'
}

/** Throws TypeError for what is neither a tensor nor a list of them. */
function checked<Y>(value: Y): Y {
  refusePromise('checkpoint', value)
  if (Array.isArray(value)) for (const each of value) checkTensor('checkpoint', each)
  else if (!isTensor(value)) {
    throw typeError('checkpoint', 'the function gives a tensor, or a list of tensors', `${kindOf(value)} came`)
  } else value.check('checkpoint')
  return value
}

/** What `f` gives, unrecorded, and the tensors that it used and did not make. */
function firstRun(f: () => Results, recall: Recall): [Results, Tensor[]] {
  const seen = new Set<Tensor>()
  const value = scoped(() => {
    const start = mark()
    const around = observer
    const listener = {
      met(tensor: Tensor) {
        around?.met(tensor)
        if (!seen.has(tensor) && !madeSince(start, tensor)) seen.add(tensor)
      },
      allocated: around?.allocated.bind(around) ?? ignore,
      dropped: around?.dropped.bind(around) ?? ignore,
      touched: around?.touched.bind(around) ?? ignore,
    }
    const run = () => recalling(recall, () => checked(unrecorded(f)))
    return observed(listener, run)
  }, tensorsIn)
  // Handles of an inner tape have ended; what `f` itself has ended its second run will miss.
  return [value, [...seen].filter(({ released }) => !released)]
}

function ignore(): void {}

const entry: Entry = {
  name: 'checkpoint',
  differentiable: () => true,
  save: (_, xs) => ({ ...xs }),
  joint(gs, saved, options, wanted) {
    const run = options as Run
    const { inputs, shapes } = run
    const level = new Level()
    return scoped(
      () => {
        ownTape(level)
        const start = mark()
        const ys = lent(inputs, Object.values(saved) as Tensor[], () => secondRun(run, level, wanted))
        if (ys.length !== shapes.length || ys.some((y, i) => !sameShape(y.dims, shapes[i]))) {
          const came = [shapes, ys.map(({ dims }) => dims)].map(list => list.map(show).join(', '))
          throw new ShapeError({
            operation: 'checkpoint',
            problem: 'the function gives another result when it is called again',
            came: came.join(', then '),
            wayOut: 'It must do the same twice.',
          })
        }
        const pairs = ys.flatMap((y, i) => {
          const g = gs[i]
          return g && level.nodeOf(y) ? [[y, g] as const] : []
        })
        const [first, ...others] = pairs
        free(start)
        if (first) backward(level, first[0], first[1], false, others)
        return inputs.map((input, i) => (wanted[i] ? takeCotangent(level, input) : undefined))
      },
      parts => parts.filter(isTensor),
    )
  },
}

/** The results again that have a derivative, recorded on the level, of which those inputs are leaves that are wanted. */
function secondRun({ f, inputs, levels, randomness, layer, recall }: Run, level: Level, wanted: readonly boolean[]): Tensor[] {
  const outer = called.layer
  called.layer = layer
  try {
    return recordedAmong(levels, level, () => {
      inputs.forEach((input, i) => wanted[i] && track(level, input))
      const value = withoutEffects(() => withRandomness({ ...randomness }, () => training(() => recalling(recall, () => checked(f())))))
      return (isTensor(value) ? [value] : [...value]).filter(isFloat)
    })
  } finally {
    called.layer = outer
  }
}

/** Runs `f` while tensors that may have ended by now, or been moved, have the memory that the tape's handles of them kept. */
function lent<T>(tensors: readonly Tensor[], handles: readonly Tensor[], f: () => T): T {
  const giveBack: (() => void)[] = []
  try {
    tensors.forEach((tensor, i) => {
      const { released, block } = tensor
      const { storage } = handles[i]
      if (!released && block === storage) return
      tensor.released = false
      tensor.block = storage.retain()
      giveBack.push(() => {
        if (!tensor.released) storage.drop()
        tensor.released = released
        tensor.block = block
      })
    })
    return f()
  } finally {
    for (const each of giveBack) each()
  }
}
