import { checkBoolean, typeError, written } from '../../../errors.ts'
import type { Activation } from '../../../ops/epilogue.ts'
import type { RecurrentKind } from '../../../ops/recurrent/types.ts'
import { checkShare } from '../../../ops/told.ts'
import { isTraining } from '../../../tape/mode.ts'
import { Tensor } from '../../../tensor/tensor.ts'
import { type Layer, layer } from '../../layer.ts'
import { labelOf } from '../plain.ts'
import { calledSequence, type Level, type Levels, type SequenceOptions } from './sequence.ts'
import {
  type AnyCellOptions,
  type AnyFields,
  type CellOptions,
  type GRUCellOptions,
  type GRUFields,
  type GRUv3Fields,
  type LSTMCellOptions,
  type LSTMFields,
  type RecurrentFields,
  type RNNFields,
  shownOf,
  toldOf,
  unlessTanh,
  weightsOf,
} from './weights.ts'

/** What every recurrent layer can be told besides what its cell can. */
export interface StackOptions<Returns extends boolean = boolean> {
  /** Does it give `[y, state]`, with the state behind the last step? Else y alone: false. */
  readonly returnState?: Returns | undefined
  /** So many cells above each other: 1. */
  readonly layers?: number | undefined
  /** Does it go backwards, too, with cells of their own? y is then [..., 2 units]: false. */
  readonly bidirectional?: boolean | undefined
  /** How much of what goes from one layer to the next is dropped in training: 0. */
  readonly dropout?: number | undefined
}

/** One level of a recurrent layer: the parameters of its cell, and of the one that goes backwards. */
type LevelOf<Fields> = Omit<Fields, 'activation'> & { readonly backward: Omit<Fields, 'activation'> | undefined }

/**
 * A recurrent layer: its own fields are the parameters of its first cell, `backward` has those of the one that goes backwards, and `layers` by number from 1 what
 * stands above.
 */
export type SequenceLayer<Fields extends RecurrentFields, State, Returns extends boolean> = Layer<
  Fields & {
    readonly backward: Omit<Fields, 'activation'> | undefined
    readonly layers: Readonly<Record<number, LevelOf<Fields>>> | undefined
    dropout: number
    returnState: boolean
  },
  [x: Tensor, state?: State | SequenceOptions | undefined, options?: SequenceOptions | undefined],
  Returns extends true ? [y: Tensor, state: State] : Tensor
>
/** What `RNN` makes: see there for shapes. */
export type RNNLayer<Returns extends boolean = false> = SequenceLayer<RNNFields, Tensor, Returns>
/** What `LSTM` makes: see there for shapes. */
export type LSTMLayer<Returns extends boolean = false> = SequenceLayer<LSTMFields, readonly [h: Tensor, c: Tensor], Returns>
/** What `GRU` makes: see there for shapes. */
export type GRULayer<Returns extends boolean = false> = SequenceLayer<GRUFields, Tensor, Returns>
/** What `GRUv3` makes: see there for shapes. */
export type GRUv3Layer<Returns extends boolean = false> = SequenceLayer<GRUv3Fields, Tensor, Returns>

type AnyOptions = AnyCellOptions & StackOptions

function layerOf(name: string, kind: RecurrentKind, args: readonly unknown[]): unknown {
  const { sizes, activation, options } = toldOf<AnyOptions>(name, kind, args, ['layers', 'bidirectional', 'dropout', 'returnState'])
  const { layers = 1, bidirectional = false, dropout = 0, returnState = false } = options
  checkStack(name, options, layers, bidirectional, dropout, returnState)
  const [inputs, units] = sizes
  const cell = (features: number): AnyFields => weightsOf(name, kind, features, units, options)
  const level = (features: number): Level => ({ ...cell(features), backward: bidirectional ? cell(features) : undefined })
  const above = Array.from({ length: layers - 1 }, (_, i) => [i + 1, level(bidirectional ? 2 * units : units)] as const)
  const fields = {
    ...level(inputs),
    layers: layers > 1 ? Object.fromEntries(above) : undefined,
    ...(kind === 'rnn' && { activation }),
    dropout,
    returnState,
  }
  const forward = (self: Levels & { dropout: number; returnState: boolean }, ...given: readonly unknown[]) => {
    const dropped = self.dropout > 0 && isTraining(self) ? self.dropout : 0
    const [y, ...last] = calledSequence(name, kind, self, self, given, dropped)
    return self.returnState ? [y, kind === 'lstm' ? last : last[0]] : y
  }
  const stacked = {
    layers: layers > 1 ? layers : undefined,
    bidirectional: bidirectional || undefined,
    dropout: dropout || undefined,
    returnState: returnState || undefined,
  }
  return layer(name, fields, forward, { label: labelOf(name, [...sizes, unlessTanh(activation), { ...stacked, ...shownOf(options) }]) })
}

/** More would be made one by one until no memory is left. */
const MOST_LAYERS = 1000

function checkStack(
  name: string,
  { bias }: AnyOptions,
  layers: unknown,
  bidirectional: unknown,
  dropout: unknown,
  returnState: unknown,
): void {
  if (!Number.isInteger(layers) || (layers as number) < 1 || (layers as number) > MOST_LAYERS)
    throw typeError(name, `layers are a whole number from 1 to ${MOST_LAYERS}`, `${written(layers)} came`)
  checkBoolean(name, 'bidirectional', bidirectional)
  checkBoolean(name, 'returnState', returnState)
  checkShare(name, dropout, 'dropout')
  if (dropout > 0 && layers === 1)
    throw typeError(name, 'dropout lies between layers, and there is one', '', `Write Chain(${name}(...), Dropout(${dropout})).`)
  if (bias instanceof Tensor && (layers !== 1 || bidirectional))
    throw typeError(name, 'a tensor is the bias of one cell, and there are more', '', 'Leave bias out, and assign to each.')
}

/**
 * A plain recurrent network (Elman 1990): h' = σ(Wi x + Wh h + b) at each step, from x [batch, time, inputs] or [time, inputs] to all h, [batch, time, units] or
 * [time, units].
 *
 * `RNN(inputs, units, activation = tanh, { layers = 1, bidirectional = false, dropout = 0, returnState = false, bias = true, initKernel = glorotUniform,
 * initRecurrentKernel = glorotUniform, trainState = false })`, called `rnn(x)`, `rnn(x, h)`, and with `{ lengths }` at the end; all as `LSTM` has it, with
 * h alone as the state. Wi [units, inputs], Wh [units, units] and bias [units] are the bytes of PyTorch's `nn.RNN`, whose two biases add up. Throws as `LSTM`,
 * and TypeError for an activation that is no function of single elements.
 *
 * @example RNN(3, 5, relu)(ones([2, 7, 3])).shape // [2, 7, 5]
 */
export function RNN<Returns extends boolean = false>(
  inputs: number,
  units: number,
  activation?: Activation | (CellOptions & StackOptions<Returns>) | undefined,
  options?: CellOptions & StackOptions<Returns>,
): RNNLayer<Returns>
export function RNN(...args: readonly unknown[]): RNNLayer<boolean> {
  return layerOf('RNN', 'rnn', args) as RNNLayer<boolean>
}

/**
 * Long short-term memory (Hochreiter & Schmidhuber 1997, Gers et al. 2000): the formula of `LSTMCell` at each step, from x [batch, time, inputs] or
 * [time, inputs] to all h, [batch, time, units] or [time, units].
 *
 * `LSTM(inputs, units, { layers = 1, bidirectional = false, dropout = 0, returnState = false, bias = true, forgetBias = 0, initKernel = glorotUniform,
 * initRecurrentKernel = glorotUniform, trainState = false })`. It keeps no state: `lstm(x)` begins with zeros, `lstm(x, [h, c])` with these, [batch, units] or
 * [units] each, and with `returnState` it gives `[y, [h, c]]`. `lstm(x, { lengths })` or `lstm(x, [h, c], { lengths })`: so many steps has each row; behind
 * them y is zeros, and the state stays, as it does where there is no step at all. With a cache (`withCache`, or `{ cache }`) it goes on from where its last call ended.
 *
 * `layers` stand above each other, with `dropout` between them in training; with `bidirectional` each has a cell that begins at the end, and y is
 * [..., 2 units]. The states of several cells are stacked in PyTorch's order: [layers * directions, batch, units]. The parameters are `Wi` [4 units, inputs], `Wh`
 * [4 units, units] and `bias` [4 units] of the first cell, `backward.Wi`, and above `layers[1].Wi`, `layers[1].backward.Wi`; with `trainState` also
 * `h0` and `c0` [units]. They are the bytes of PyTorch's `nn.LSTM`, whose two biases add up: `loadState(lstm, state, { rename: fromPyTorch })`.
 *
 * Throws TypeError for sizes and layers that are no whole numbers from 1 (and at most 1000 layers), dropout with one layer, and a state of another kind; ShapeError for an x, a state or
 * lengths of other shapes; DTypeError for an x that is not float32: tokens go through an `Embedding` first; RangeError for a dropout outside [0, 1] and for lengths beyond the steps.
 *
 * @example
 * LSTM(3, 5)(ones([2, 7, 3])).shape // [2, 7, 5]
 * const lstm = LSTM(3, 5, { layers: 2, returnState: true })
 * const [y, [h, c]] = lstm(ones([2, 7, 3]), { lengths: [7, 4] })
 * h.shape // [2, 2, 5]
 * params(lstm).paths() // ['Wi', 'Wh', 'bias', 'layers.1.Wi', 'layers.1.Wh', 'layers.1.bias']
 */
export function LSTM<Returns extends boolean = false>(
  inputs: number,
  units: number,
  options?: LSTMCellOptions & StackOptions<Returns>,
): LSTMLayer<Returns>
export function LSTM(...args: readonly unknown[]): LSTMLayer<boolean> {
  return layerOf('LSTM', 'lstm', args) as LSTMLayer<boolean>
}

/**
 * Gated recurrent units as PyTorch has them: the formula of `GRUCell` at each step (Cho et al. 2014, arXiv 1406.1078v1), from x [batch, time, inputs] or
 * [time, inputs] to all h, [batch, time, units] or [time, units].
 *
 * `GRU(inputs, units, { layers = 1, bidirectional = false, dropout = 0, returnState = false, bias = true, recurrentBias = false, initKernel = glorotUniform,
 * initRecurrentKernel = glorotUniform, trainState = false })`, called `gru(x)`, `gru(x, h)`, and with `{ lengths }` at the end; all as `LSTM` has it, with h
 * alone as the state. Wi [3 units, inputs], Wh [3 units, units] and bias [3 units] are the bytes of PyTorch's `nn.GRU`; with `recurrentBias` there is its b_hn,
 * too, `hiddenBias` [units]. Throws as `LSTM`.
 *
 * @example GRU(3, 5, { bidirectional: true })(ones([2, 7, 3])).shape // [2, 7, 10]
 */
export function GRU<Returns extends boolean = false>(
  inputs: number,
  units: number,
  options?: GRUCellOptions & StackOptions<Returns>,
): GRULayer<Returns>
export function GRU(...args: readonly unknown[]): GRULayer<boolean> {
  return layerOf('GRU', 'gru', args) as GRULayer<boolean>
}

/**
 * Gated recurrent units of the paper's last version: the formula of `GRUv3Cell` at each step (Cho et al. 2014, arXiv 1406.1078v3), from x
 * [batch, time, inputs] or [time, inputs] to all h, [batch, time, units] or [time, units].
 *
 * `GRUv3(inputs, units, { layers = 1, bidirectional = false, dropout = 0, returnState = false, bias = true, initKernel = glorotUniform,
 * initRecurrentKernel = glorotUniform, trainState = false })`, called `gru(x)`, `gru(x, h)`, and with `{ lengths }` at the end; all as `LSTM` has it, with h
 * alone as the state. Wi is [3 units, inputs], Wh [2 units, units], bias [3 units], `Wn` [units, units]. Throws as `LSTM`.
 *
 * @example GRUv3(3, 5)(ones([2, 7, 3])).shape // [2, 7, 5]
 */
export function GRUv3<Returns extends boolean = false>(
  inputs: number,
  units: number,
  options?: CellOptions & StackOptions<Returns>,
): GRUv3Layer<Returns>
export function GRUv3(...args: readonly unknown[]): GRUv3Layer<boolean> {
  return layerOf('GRUv3', 'gruv3', args) as GRUv3Layer<boolean>
}
