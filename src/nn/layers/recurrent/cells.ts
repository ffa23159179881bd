import { refuseSurplus, ShapeError } from '../../../errors.ts'
import type { Activation } from '../../../ops/epilogue.ts'
import { expandDims, reshape } from '../../../ops/movement.ts'
import type { RecurrentKind } from '../../../ops/recurrent/types.ts'
import { show } from '../../../tensor/shape.ts'
import type { Tensor } from '../../../tensor/tensor.ts'
import { type Layer, layer } from '../../layer.ts'
import { checkFeatures } from '../checks.ts'
import { labelOf } from '../plain.ts'
import { runSequence, statesOf } from './sequence.ts'
import {
  type AnyCellOptions,
  type AnyFields,
  type CellOptions,
  type GRUCellOptions,
  type GRUFields,
  type GRUv3Fields,
  type LSTMCellOptions,
  type LSTMFields,
  type RNNFields,
  shownOf,
  toldOf,
  unlessTanh,
  weightsOf,
} from './weights.ts'

/** A cell: one step, from x [batch, inputs] or [inputs] and a state to the output [batch, units] or [units] and the next state. */
export type CellLayer<Fields extends object, State> = Layer<Fields, [x: Tensor, state?: State], [output: Tensor, state: State]>
/** What `RNNCell` makes: see there for shapes. */
export type RNNCellLayer = CellLayer<RNNFields, Tensor>
/** What `LSTMCell` makes: see there for shapes. */
export type LSTMCellLayer = CellLayer<LSTMFields, readonly [h: Tensor, c: Tensor]>
/** What `GRUCell` makes: see there for shapes. */
export type GRUCellLayer = CellLayer<GRUFields, Tensor>
/** What `GRUv3Cell` makes: see there for shapes. */
export type GRUv3CellLayer = CellLayer<GRUv3Fields, Tensor>

function cellOf(name: string, kind: RecurrentKind, args: ArrayLike<unknown>): unknown {
  const { sizes, activation, options } = toldOf<AnyCellOptions>(name, kind, args)
  const fields = { ...weightsOf(name, kind, ...sizes, options), ...(kind === 'rnn' && { activation }) }
  const forward = (self: AnyFields & { activation?: Activation }, ...inputs: readonly unknown[]) => {
    if (inputs.length > 2) refuseSurplus(name, 2, inputs)
    const x = inputs[0] as Tensor
    checkFeatures(name, x)
    const features = self.Wi.dims[1]
    if (x.rank < 1 || x.rank > 2 || x.dims[x.rank - 1] !== features)
      throw new ShapeError({ operation: name, problem: `x is [batch, ${features}] or [${features}]`, came: show(x.dims) }, [x.dims])
    const [y, ...states] = runSequence(name, kind, self, expandDims(x, -2), statesOf(name, kind, inputs[1]), {})
    return [reshape(y, [...x.dims.slice(0, -1), y.dims[y.rank - 1]]), kind === 'lstm' ? states : states[0]]
  }
  return layer(name, fields, forward, { label: labelOf(name, [...sizes, unlessTanh(activation), shownOf(options)]) })
}

/**
 * One step of a plain recurrent network: h' = σ(Wi x + Wh h + b) (Elman 1990), from x [batch, inputs] or [inputs] and h [batch, units] or [units] to
 * `[h', h']`: the output, and the next state.
 *
 * `RNNCell(inputs, units, activation = tanh, { bias = true, initKernel = glorotUniform, initRecurrentKernel = glorotUniform, trainState = false })`, called
 * `cell(x, h)`; without h it begins with `initialStates(cell)`, zeros. Wi [units, inputs], Wh [units, units] and bias [units] are the bytes of PyTorch's
 * `nn.RNNCell`, whose two biases add up. Throws TypeError for sizes that are no whole numbers from 1 and for an activation that is no function of single
 * elements, ShapeError for an x or a state of other sizes, DTypeError for an x that is not float32.
 *
 * @example
 * const cell = RNNCell(3, 5)
 * const [y, h] = cell(ones([2, 3]))
 * cell(ones([2, 3]), h)[0].shape // [2, 5]
 */
export function RNNCell(
  inputs: number,
  units: number,
  activation?: Activation | CellOptions | undefined,
  options?: CellOptions,
): RNNCellLayer
export function RNNCell(...args: readonly unknown[]): RNNCellLayer {
  return cellOf('RNNCell', 'rnn', args) as RNNCellLayer
}

/**
 * One step of a network with long short-term memory (Hochreiter & Schmidhuber 1997, Gers et al. 2000): [i, f, g, o] = Wi x + Wh h + b,
 * c' = sigmoid(f)∘c + sigmoid(i)∘tanh(g), h' = sigmoid(o)∘tanh(c'). From x [batch, inputs] or [inputs] and [h, c], each [batch, units] or [units], to
 * `[h', [h', c']]`: the output, and the next state.
 *
 * `LSTMCell(inputs, units, { bias = true, forgetBias = 0, initKernel = glorotUniform, initRecurrentKernel = glorotUniform, trainState = false })`, called
 * `cell(x, [h, c])`; without a state it begins with `initialStates(cell)`, zeros. Wi [4 units, inputs], Wh [4 units, units] and bias [4 units] are the
 * bytes of PyTorch's `nn.LSTMCell`, whose two biases add up; `forgetBias: 1` lets it remember from the beginning on (Jozefowicz et al. 2015). Throws
 * TypeError for sizes that are no whole numbers from 1 and a state that is not [h, c], ShapeError for an x or a state of other sizes, DTypeError for an x that is
 * not float32.
 *
 * @example
 * const cell = LSTMCell(3, 5)
 * const [y, [h, c]] = cell(ones([2, 3]))
 * cell(ones([2, 3]), [h, c])[0].shape // [2, 5]
 */
export function LSTMCell(inputs: number, units: number, options?: LSTMCellOptions): LSTMCellLayer
export function LSTMCell(...args: readonly unknown[]): LSTMCellLayer {
  return cellOf('LSTMCell', 'lstm', args) as LSTMCellLayer
}

/**
 * One step of a gated recurrent unit, as cuDNN and PyTorch have it: r = sigmoid(Wr x + Ur h + br), z likewise, n = tanh(Wn x + r∘(Un h) + bn),
 * h' = (1 - z)∘n + z∘h (Cho et al. 2014, arXiv 1406.1078v1). From x [batch, inputs] or [inputs] and h [batch, units] or [units] to `[h', h']`: the output, and
 * the next state.
 *
 * `GRUCell(inputs, units, { bias = true, recurrentBias = false, initKernel = glorotUniform, initRecurrentKernel = glorotUniform, trainState = false })`,
 * called `cell(x, h)`; without h it begins with `initialStates(cell)`, zeros. Wi [3 units, inputs], Wh [3 units, units] and bias [3 units] are the bytes of
 * PyTorch's `nn.GRUCell`; with `recurrentBias` there is its b_hn, too, `hiddenBias` [units] in r∘(Un h + b_hn). Throws TypeError for sizes that are no
 * whole numbers from 1, ShapeError for an x or a state of other sizes, DTypeError for an x that is not float32.
 *
 * @example
 * const cell = GRUCell(3, 5)
 * const [y, h] = cell(ones([2, 3]))
 * cell(ones([2, 3]), h)[0].shape // [2, 5]
 */
export function GRUCell(inputs: number, units: number, options?: GRUCellOptions): GRUCellLayer
export function GRUCell(...args: readonly unknown[]): GRUCellLayer {
  return cellOf('GRUCell', 'gru', args) as GRUCellLayer
}

/**
 * One step of a gated recurrent unit of the paper's last version: as `GRUCell`, but n = tanh(Wn x + U'(r∘h) + bn), the state reset before the product
 * (Cho et al. 2014, arXiv 1406.1078v3). From x [batch, inputs] or [inputs] and h [batch, units] or [units] to `[h', h']`: the output, and the next state.
 *
 * `GRUv3Cell(inputs, units, { bias = true, initKernel = glorotUniform, initRecurrentKernel = glorotUniform, trainState = false })`, called `cell(x, h)`;
 * without h it begins with `initialStates(cell)`, zeros. Wi is [3 units, inputs], Wh [2 units, units] of r and z, bias [3 units], and `Wn` [units, units] is
 * U'. PyTorch has no such cell. Throws TypeError for sizes that are no whole numbers from 1, ShapeError for an x or a state of other sizes,
 * DTypeError for an x that is not float32.
 *
 * @example
 * const cell = GRUv3Cell(3, 5)
 * const [y, h] = cell(ones([2, 3]))
 * cell(ones([2, 3]), h)[0].shape // [2, 5]
 */
export function GRUv3Cell(inputs: number, units: number, options?: CellOptions): GRUv3CellLayer
export function GRUv3Cell(...args: readonly unknown[]): GRUv3CellLayer {
  return cellOf('GRUv3Cell', 'gruv3', args) as GRUv3CellLayer
}
