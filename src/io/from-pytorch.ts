import { concat } from '../ops/joining.ts'
import { section } from '../ops/ranges.ts'
import { zerosLike } from '../tensor/create.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { multiheadAttention } from './from-pytorch-attention.ts'

/** Where a tensor of PyTorch's goes: a function for `rename` of `loadState`. */
export type Renaming = (name: string, tensor: Tensor) => string | readonly (readonly [path: string, tensor: Tensor])[]

/** `rnn.weight_ih_l1_reverse`: the module, what, of which input, the layer, whether it goes backwards; cells have no layers. */
const RECURRENT = /^(.*\.)?(weight|bias)_(ih|hh)(?:_l(\d+)(_reverse)?)?$/

/** The paths of a recurrent layer; `bias` cuts what stands in the bias of the hidden state. */
function recurrent(hidden?: (path: string, bias: Tensor) => readonly (readonly [string, Tensor])[]): Renaming {
  return (name, tensor) => {
    const found = RECURRENT.exec(name)
    if (!found) return name
    const [, module = '', what, input, layer = '0', isReverse] = found
    const place = `${module}${layer === '0' ? '' : `layers.${layer}.`}${isReverse ? 'backward.' : ''}`
    if (what === 'weight') return place + (input === 'ih' ? 'Wi' : 'Wh')
    return input === 'hh' && hidden ? hidden(place, tensor) : `${place}bias`
  }
}

/** The bias of n's hidden part stands within r∘(...), and is a vector of its own; the others add up with those of the input. */
function hiddenOfGru(place: string, bias: Tensor): readonly (readonly [string, Tensor])[] {
  const units = bias.dims[0] / 3
  const own = section(bias, 0, 2 * units, units)
  return [
    [`${place}bias`, concat([section(bias, 0, 0, 2 * units), zerosLike(own)])],
    [`${place}hiddenBias`, own],
  ]
}

/**
 * How the state of PyTorch's modules is named and cut here, for `rename` of `loadState`: `fromPyTorch.rnn`, `.lstm` and `.gru` for `nn.RNN`, `nn.LSTM` and `nn.GRU`
 * of any number of layers, one way or both, and for their cells. PyTorch's two biases add up; of a GRU the second one's last third, b_hn, becomes `hiddenBias` of
 * `GRU(..., { recurrentBias: true })`, and a GRU without it takes zeros alone. The shapes are the same in both: weights [gates * units, inputs] and
 * [gates * units, units], biases [gates * units]. `fromPyTorch.multiheadAttention` cuts the packed projection [3 * size, size] of `nn.MultiheadAttention` and its bias into those of queries,
 * keys and values. Other names stay as they are (those of `nn.Embedding`, `nn.Linear` and `nn.Conv2d` are the same here), so that a whole model can be loaded.
 * `loadState` throws where something does not fit.
 *
 * @example
 * const state = { weight_ih_l0: ones([8, 3]), weight_hh_l0: ones([8, 2]), bias_ih_l0: ones([8]), bias_hh_l0: ones([8]) }
 * const lstm = LSTM(3, 2)
 * loadState(lstm, state, { rename: fromPyTorch.lstm })
 * lstm.bias.toArray() // [2, 2, 2, 2, 2, 2, 2, 2]
 */
export const fromPyTorch: {
  readonly rnn: Renaming
  readonly lstm: Renaming
  readonly gru: Renaming
  readonly multiheadAttention: Renaming
} = {
  rnn: /* @__PURE__ */ recurrent(),
  lstm: /* @__PURE__ */ recurrent(),
  gru: /* @__PURE__ */ recurrent(hiddenOfGru),
  multiheadAttention,
}
