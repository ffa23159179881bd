// A cell through a whole sequence as one operation: assembly/recurrent.ts says how. One product makes what comes in of all inputs, and one of all
// steps the gradient of each weight.
import { several } from '../../tape/operation.ts'
import type { Shape } from '../../tensor/shape.ts'
import { observer } from '../../tensor/storage.ts'
import { make, type Tensor } from '../../tensor/tensor.ts'
import { planGemm } from '../../wasm/gemm-plan.ts'
import * as kernels from '../../wasm/kernels.generated.ts'
import { type Address, behind, NONE } from '../../wasm/kinds.ts'
import { relu } from '../activations.ts'
import type { Activation } from '../epilogue.ts'
import { cast, tanh, where } from '../pointwise.ts'
import { multiply } from '../product.ts'
import { composedRecurrent } from './composed.ts'
import { stepsThere } from './lengths.ts'
import type { RecurrentForm, RecurrentKind } from './types.ts'

/** The inputs of the operation, in their order; which of them there are depends on the cell and on what it is told. */
const INPUTS = ['x', 'Wi', 'Wh', 'h0', 'c0', 'bias', 'hiddenBias', 'Wn', 'lengths'] as const
/** What its pullback reads, too: the result, and what forward kept. */
const KEPT = ['y', 'gates', 'kept'] as const
/** The cotangents of the results. */
const COTANGENTS = ['gy', 'gh', 'gc'] as const

type Name = (typeof INPUTS)[number]
type All = Name | (typeof KEPT)[number] | (typeof COTANGENTS)[number]
type Given = Partial<Record<All, Tensor>>
type Saves = Readonly<Record<string, unknown>> & Given

const KINDS = ['tanh', 'relu', 'lstm', 'gru', 'gruv3'] as const
const LSTM = 2
const GRU = 3
const GRUV3 = 4

interface Options {
  /** As the kernel counts them: `KINDS`. */
  readonly kind: number
  readonly reverse: boolean
  readonly names: readonly All[]
}

const gatesOf = (kind: number) => (kind < LSTM ? 1 : kind === LSTM ? 4 : 3)

/** Rows that a thread takes at a time: enough that it has use of the packed weights, and some for each of a few threads. */
const rowsOf = (batch: number) => Math.max(4, Math.ceil(batch / 4))

/** The tensors by name. */
function byName(tensors: readonly Tensor[], names: readonly All[]): Given {
  return Object.fromEntries(names.map((name, i) => [name, tensors[i]]))
}

/** Those that there are, and their names. */
function present<N extends All>(given: Partial<Record<N, Tensor | null>>, order: readonly N[]): [Tensor[], N[]] {
  const names = order.filter(name => given[name])
  return [names.map(name => given[name] as Tensor), names]
}

/** Runs `f` with tensors for the time of the call. */
function within<T>(shapes: readonly Shape[], f: (...tensors: Tensor[]) => T): T {
  const tensors: Tensor[] = []
  try {
    for (const shape of shapes) tensors.push(make(shape, 'float32'))
    return f(...tensors)
  } finally {
    for (const each of tensors) each.dispose()
  }
}

/** A matrix of weights [outputs, inputs] as the kernel multiplies by it, forward by its transposition: packed into `out` if that is worth it for so many rows. */
function weight(W: Tensor | undefined, isForward: boolean, rows: number, out: Address) {
  if (!W) return { pointer: NONE, row: 0, column: 0 }
  const [outputs, inputs] = W.dims
  const [N, K] = isForward ? [outputs, inputs] : [inputs, outputs]
  const b = { row: isForward ? 1 : inputs, column: isForward ? inputs : 1, batch: 0 }
  const { packUnitsB } = planGemm(rows, N, K, 1, { row: K, column: 1, batch: 0 }, b)
  if (packUnitsB === 0) return { ...b, pointer: W.pointer }
  kernels.gemmPackB({ b: W.pointer, rowB: b.row, columnB: b.column, batchB: 0, N, K, out }, packUnitsB, 8 * K)
  return { pointer: out, row: 0, column: 0 }
}

/** Floats of a packed matrix, in whole lines of the cache. */
const packed = (W: Tensor | undefined) => (W ? Math.ceil(((W.dims[0] + 4) * (W.dims[1] + 4)) / 16) * 16 : 0)

type Places = Partial<Record<'y' | 'h' | 'c' | 'gh' | 'gc' | 'gates' | 'values' | 'kept' | 'hs' | 'before' | 'inner', Tensor | undefined>>

/** Calls one of the two kernels. */
function run(isForward: boolean, { kind, reverse }: Options, given: Given, places: Places, size: number): void {
  const { Wh, Wn, h0, c0, lengths, hiddenBias, x } = given
  const [batch, time] = (x as Tensor).dims
  const wide = gatesOf(kind) * size
  const rows = rowsOf(batch)
  observer?.multiplied?.(batch * time * wide * size)
  const at = (of: Tensor | undefined) => of?.pointer ?? NONE
  const states = batch * (wide + 2 * size + 16)
  const shapes = [[states], [states], [16 * batch], [packed(Wh) + packed(Wn)]]
  within(shapes, (sums, factors, records, room) => {
    const first = weight(Wh, isForward, batch * time, room.pointer)
    const second = weight(Wn, isForward, batch * time, behind(room.pointer, 4 * packed(Wh)))
    const { y, h, c, gh, gc, gates, values, kept, hs, before, inner } = places
    const record = {
      ...{ kind, batch, time, size, rows, reverse: reverse ? 1 : 0, lengths: at(lengths), gates: at(gates), y: at(y) },
      ...{ h0: at(h0), c0: at(c0), h: at(h), c: at(c), gh: at(gh), gc: at(gc), values: at(values), kept: at(kept) },
      ...{ hs: at(hs), before: at(before), inner: at(inner), bias: at(hiddenBias) },
      ...{ weight: first.pointer, rowB: first.row, columnB: first.column },
      ...{ second: second.pointer, rowB2: second.row, columnB2: second.column },
      ...{ sums: sums.pointer, factors: factors.pointer, records: records.pointer },
    }
    const work = rows * time * wide * (0.035 * size + 1)
    const kernel = isForward ? kernels.recur : kernels.recurGradient
    kernel(record, Math.ceil(batch / rows), work)
  })
}

const runRecurrent = /* @__PURE__ */ several<Options, Saves>({
  name: 'recurrent',
  results(shapes, _, { kind }) {
    const [[batch, time], , , state] = shapes
    const made: Shape[] = [[batch, time, state[1]], state, ...(kind === LSTM ? [state] : [])]
    return made.map(shape => [shape, 'float32'])
  },
  extras([[batch, time], [wide], , [, size]], { kind }) {
    return kind < LSTM
      ? undefined
      : { gates: [[batch, time, wide], 'float32'], ...(kind < GRUV3 && { kept: [[batch, time, size], 'float32'] }) }
  },
  forward([y, h, c], xs, options, extras) {
    const [x, Wi, , { dims }] = xs
    const [batch, time, K] = x.dims
    const [N] = Wi.dims
    const given = byName(xs, options.names)
    // The gates come in the place of what they are made of, and are thrown away if there is no pullback.
    within(extras?.gates ? [] : [[batch, time, N]], (gates = extras?.gates as Tensor) => {
      const a = { pointer: x.pointer, row: K, column: 1, batch: 0 }
      const b = { pointer: Wi.pointer, row: 1, column: K, batch: 0 }
      multiply(gates, a, b, 1, batch * time, N, K, { bias: given.bias?.pointer ?? NONE, epilogue: 0 })
      run(true, options, given, { y, h, c, gates, kept: extras?.kept }, dims[1])
    })
  },
  save: ([y], xs, { names }) => ({ ...byName(xs, names), y }),
  joint([gy, gh, gc], saved, { kind, reverse, names }, wanted) {
    const all: readonly All[] = [...INPUTS, ...KEPT, ...COTANGENTS]
    const [tensors, given] = present<All>({ ...saved, gy, gh, gc }, all)
    const asked = names.filter((_, i) => wanted[i]) as readonly Name[]
    const made = byName(runGradient(tensors, { kind, reverse, names: given, asked }), asked)
    return names.map(name => made[name])
  },
  composed(saved, { kind, reverse, names }) {
    const given = saved as Given & Record<'x' | 'Wi' | 'Wh' | 'h0', Tensor>
    const { x, h0, c0, bias = null, lengths = null } = given
    const cell = KINDS[kind]
    const told = { lengths, reverse, activation: cell === 'relu' ? relu : tanh }
    const named = cell === 'tanh' || cell === 'relu' ? 'rnn' : cell
    return [names.map(name => given[name] as Tensor), () => composedRecurrent(named, x, c0 ? [h0, c0] : [h0], { ...given, bias }, told)]
  },
})

interface GradientOptions extends Options {
  /** Whose cotangents are made. */
  readonly asked: readonly Name[]
}

/** The cotangents of those inputs that are wanted. */
const runGradient: (inputs: readonly Tensor[], options: GradientOptions) => readonly Tensor[] = /* @__PURE__ */ several<
  GradientOptions,
  Saves
>({
  name: 'recurrentGradient',
  results: (shapes, _, { names, asked }) => asked.map(name => [shapes[names.indexOf(name)], 'float32']),
  forward(results, xs, options) {
    const { kind, names, asked } = options
    const given = byName(xs, names)
    const made = byName(results, asked)
    const [x, Wi, , { dims: state }] = xs
    const [batch, time, K] = x.dims
    const [wide] = Wi.dims
    const size = state[1]
    const steps = [batch, time, size]
    const rows = batch * time
    const inner = kind === GRU ? wide : kind === GRUV3 ? size : 0
    const pitch = wide + 16
    // A large matrix that several products read by its columns is transposed once.
    const height = wide >= 256 && rows >= 256 ? rows + 16 : 0
    const shapes = [state, state, steps, steps, [batch, time, pitch], [batch, time, inner], [wide, height]]
    within(shapes, (h0, c0, noY, before, values, inside, columns) => {
      if (!given.gy) kernels.fill(noY.pointer, 0, noY.count)
      const { y: hs, gates, kept, gy = noY, gh, gc } = given
      const { h0: h = h0, c0: c = c0 } = made
      run(false, options, given, { y: gy, h, c, gh, gc, gates, values, kept, hs, before, inner: inside }, size)
      const isTransposed = height > 0
      if (isTransposed) {
        const told = { a: values.pointer, columnA: pitch, batchA: 0, M: wide, K: rows, out: columns.pointer, rowOut: height }
        kernels.gemmPackA(told, Math.ceil(wide / 16), 16 * rows)
      }
      /** [outputs, rows] of the cotangents, or of a matrix of rows, from one of their columns on, by another one: the gradient of weights. */
      const outer = (y: Tensor | undefined, b: Tensor, column = 0, a = values) => {
        if (!y) return
        const [M, N] = y.dims
        const left =
          isTransposed && a === values
            ? { pointer: behind(columns.pointer, 4 * column * height), row: height, column: 1, batch: 0 }
            : { pointer: behind(a.pointer, 4 * column), row: 1, column: a.dims[2], batch: 0 }
        multiply(y, left, { pointer: b.pointer, row: N, column: 1, batch: 0 }, 1, M, N, rows)
      }
      outer(made.Wi, x)
      outer(made.Wh, before, 0, kind === GRU ? inside : values)
      outer(made.Wn, inside, 2 * size)
      const { x: ofX, bias, hiddenBias } = made
      const a = { pointer: values.pointer, row: pitch, column: 1, batch: 0 }
      if (ofX) multiply(ofX, a, { pointer: Wi.pointer, row: K, column: 1, batch: 0 }, 1, rows, K, wide)
      if (bias) kernels.sum(values.pointer, bias.pointer, rows, pitch, wide, rows)
      if (hiddenBias) kernels.sum(behind(inside.pointer, 8 * size), hiddenBias.pointer, rows, wide, size, rows)
    })
  },
})

/** Can the fused form do it? */
export function fuses(kind: RecurrentKind, activation: Activation): boolean {
  return kind !== 'rnn' || activation === tanh || activation === relu
}

/** @internal A sequence in few kernels: for derivatives of the first order. */
export const fusedRecurrent: RecurrentForm = (kind, x, [h0, c0], { Wi, Wh, bias, hiddenBias, Wn }, { lengths, reverse, activation }) => {
  const float = (tensor: Tensor | null | undefined) => (tensor ? cast(tensor, 'float32') : null)
  // What lies behind the end may be anything, and 0 times NaN is NaN in the gradient of Wi.
  const seen = lengths ? where(stepsThere(lengths, x.dims), x, 0) : x
  const named = { x: float(seen), Wi: float(Wi), Wh: float(Wh), h0: float(h0), c0: float(c0) }
  const rest = { bias: float(bias), hiddenBias: float(hiddenBias), Wn: float(Wn), lengths }
  const [tensors, names] = present<Name>({ ...named, ...rest }, INPUTS)
  return [
    ...runRecurrent(tensors, { kind: KINDS.indexOf(kind === 'rnn' ? (activation === relu ? 'relu' : 'tanh') : kind), reverse, names }),
  ]
}
