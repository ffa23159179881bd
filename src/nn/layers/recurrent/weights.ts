// What recurrent cells are made of: their options, and the tensors that come of these.
import { checkBoolean, checkNumber, checkOptions, rangeError, refuseSurplus, typeError, written } from '../../../errors.ts'
import type { Activation } from '../../../ops/epilogue.ts'
import { concat } from '../../../ops/joining.ts'
import { tanh } from '../../../ops/pointwise.ts'
import type { RecurrentKind } from '../../../ops/recurrent/types.ts'
import { full, zeros } from '../../../tensor/create.ts'
import { isPlain } from '../../../tensor/realm.ts'
import { Tensor } from '../../../tensor/tensor.ts'
import { glorotUniform, type Initializer } from '../../initializers.ts'
import { biasOf, checkActivation, checkSizes, initial } from '../checks.ts'

/** What every recurrent cell can be told. */
export interface CellOptions {
  /** true: a trained vector of zeros; false: none; a tensor [gates * units]: that one. */
  readonly bias?: boolean | Tensor | undefined
  /** Makes Wi [gates * units, inputs]; `glorotUniform` by default. */
  readonly initKernel?: Initializer | undefined
  /** Makes Wh [gates * units, units]; `glorotUniform` by default. */
  readonly initRecurrentKernel?: Initializer | undefined
  /** Is the state before the first step trained, from zeros on? Else it is zeros: false. */
  readonly trainState?: boolean | undefined
}

/** What `LSTMCell` can be told. */
export interface LSTMCellOptions extends CellOptions {
  /** Where the bias of the forget gate begins: 0. */
  readonly forgetBias?: number | undefined
}

/** What `GRUCell` can be told. */
export interface GRUCellOptions extends CellOptions {
  /** Has it PyTorch's b_hn, a second bias within r∘(Un h + b)? false. */
  readonly recurrentBias?: boolean | undefined
}

/** The parameters of a cell. The gates of `Wi`, `Wh` and `bias` are blocks of rows: i f g o of LSTM, r z n of GRU; GRUv3's `Wh` has r z. */
export interface RecurrentFields {
  /** [gates * units, inputs] */
  Wi: Tensor
  /** [gates * units, units] */
  Wh: Tensor
  /** [gates * units] */
  bias: Tensor | undefined
  /** [units]: the state before the first step, where it is trained. */
  h0: Tensor | undefined
}
export interface RNNFields extends RecurrentFields {
  activation: Activation
}
export interface LSTMFields extends RecurrentFields {
  c0: Tensor | undefined
}
export interface GRUFields extends RecurrentFields {
  hiddenBias: Tensor | undefined
}
export interface GRUv3Fields extends RecurrentFields {
  /** [units, units]: U' of n = tanh(Wn x + b + U'(r∘h)). */
  Wn: Tensor
}

/** All of them, as what runs a cell sees them. */
export interface AnyFields extends RecurrentFields {
  readonly c0?: Tensor | undefined
  readonly hiddenBias?: Tensor | undefined
  readonly Wn?: Tensor | undefined
}

export interface AnyCellOptions extends LSTMCellOptions, GRUCellOptions {}

const OWN: Readonly<Record<RecurrentKind, readonly string[]>> = { rnn: [], lstm: ['forgetBias'], gru: ['recurrentBias'], gruv3: [] }
const GATES: Readonly<Record<RecurrentKind, number>> = { rnn: 1, lstm: 4, gru: 3, gruv3: 3 }

/** Sizes, an activation where the kind has one, and options, among the arguments of a constructor; `more` are the options that a layer has besides. */
export function toldOf<Options extends AnyCellOptions>(
  name: string,
  kind: RecurrentKind,
  args: ArrayLike<unknown>,
  more: readonly string[] = [],
): { readonly sizes: readonly [inputs: number, units: number]; readonly activation: Activation; readonly options: Options } {
  const isLeftOut = kind !== 'rnn' || (args[3] === undefined && isPlain(args[2]))
  const most = kind === 'rnn' ? 4 : 3
  if (args.length > most) refuseSurplus(name, most, args)
  const sizes = [args[0], args[1]]
  checkSizes(name, sizes, `Write ${name}(inputs, units).`)
  const activation = isLeftOut ? tanh : (args[2] ?? tanh)
  checkActivation(name, activation)
  const options = args[isLeftOut ? 2 : 3] === undefined ? {} : args[isLeftOut ? 2 : 3]
  checkOptions(name, options as object, [...more, 'bias', 'initKernel', 'initRecurrentKernel', 'trainState', ...OWN[kind]])
  const { forgetBias, trainState, recurrentBias } = options as Options
  if (trainState !== undefined) checkBoolean(name, 'trainState', trainState)
  if (recurrentBias !== undefined) checkBoolean(name, 'recurrentBias', recurrentBias)
  if (forgetBias !== undefined) checkNumber(name, 'forgetBias', forgetBias)
  if (!Number.isFinite(forgetBias ?? 0)) throw rangeError(name, 'forgetBias is finite', forgetBias)
  return { sizes: [sizes[0], sizes[1]], activation, options: options as Options }
}

/** The tensors of a cell. */
export function weightsOf(name: string, kind: RecurrentKind, inputs: number, units: number, options: AnyCellOptions): AnyFields {
  const { initKernel = glorotUniform, initRecurrentKernel = glorotUniform, trainState = false, recurrentBias = false } = options
  const rows = GATES[kind] * units
  const vector = (isThere: boolean) => (isThere ? zeros([units]) : undefined)
  return {
    Wi: initial(name, initKernel, [rows, inputs], 'initKernel'),
    Wh: initial(name, initRecurrentKernel, [kind === 'gruv3' ? 2 * units : rows, units], 'initRecurrentKernel'),
    bias: firstBias(name, units, rows, options),
    ...(kind === 'gru' && { hiddenBias: vector(recurrentBias) }),
    ...(kind === 'gruv3' && { Wn: initial(name, initRecurrentKernel, [units, units], 'initRecurrentKernel') }),
    h0: vector(trainState),
    ...(kind === 'lstm' && { c0: vector(trainState) }),
  }
}

function firstBias(name: string, units: number, rows: number, { bias = true, forgetBias = 0 }: AnyCellOptions): Tensor | undefined {
  if (forgetBias === 0) return biasOf(name, bias, [rows])
  if (bias === true) return concat([zeros([units]), full([units], forgetBias), zeros([2 * units])])
  const came = `${bias instanceof Tensor ? 'a tensor' : written(bias)} came`
  throw typeError(name, 'forgetBias is where a bias of its own begins', came, 'Leave bias out, or forgetBias.')
}

/** What of the options is printed: what is not by default. */
export function shownOf({ bias, trainState, forgetBias, recurrentBias }: AnyCellOptions): Readonly<Record<string, unknown>> {
  return {
    bias: bias === false ? false : undefined,
    forgetBias: forgetBias || undefined,
    recurrentBias: recurrentBias || undefined,
    trainState: trainState || undefined,
  }
}

/** An activation as an argument, and undefined where it is the one by default. */
export function unlessTanh(activation: Activation): Activation | undefined {
  return activation === tanh ? undefined : activation
}
