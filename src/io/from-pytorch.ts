import { kindOf, refuseSurplus, typeError } from '../errors.ts'
import { concat } from '../ops/joining.ts'
import { section } from '../ops/ranges.ts'
import { zeros } from '../tensor/create.ts'
import { isMap } from '../tensor/realm.ts'
import { sameShape } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'

type Tensors = ReadonlyMap<string, Tensor>
/** A path, or the pieces of a tensor with theirs. */
type Renamed = string | readonly (readonly [path: string, tensor: Tensor])[]

/** `rnn.weight_ih_l1_reverse`: the module, what, of which input, and where: the layer, whether it goes backwards; cells have no layers. */
const RECURRENT = /^(.*\.)?(weight|bias)_(ih|hh)((?:_l(\d+)(_reverse)?)?)$/
/** `encoder.in_proj_weight`: the module, what of its three projections. */
const PACKED = /^(.*\.)?in_proj_(weight|bias)$/
const SINGLE = /^(.*\.)?(?:([qkv])_proj_(weight)|out_proj\.(weight|bias))$/
/** `norm1.running_mean`: the module, and what of a norm. */
const NORM = /^(.*\.)?(weight|running_mean|running_var|num_batches_tracked)$/

/** Names alone do not tell a GRU, whose biases do not add up: the weight [gates * units, units] of the hidden state does. */
function recurrent(name: string, tensor: Tensor, state: Tensors): Renamed | undefined {
  const [, module = '', what, input, end, layer = '0', isReverse] = RECURRENT.exec(name) ?? []
  const [rows, units] = state.get(`${module}weight_hh${end}`)?.dims ?? []
  const gates = rows / units
  if (what === undefined || ![1, 3, 4].includes(gates)) return undefined
  const place = `${module}${layer === '0' ? '' : `layers.${layer}.`}${isReverse ? 'backward.' : ''}`
  if (what === 'weight') return place + (input === 'ih' ? 'Wi' : 'Wh')
  if (gates !== 3 || input === 'ih' || tensor.rank !== 1 || tensor.count !== rows) return `${place}bias`
  // Of a GRU the hidden bias of n stands within r∘(...), and is a vector of its own; the others add up with those of the input.
  return [
    [`${place}bias`, concat([section(tensor, 0, 0, 2 * units), zeros([units])])],
    [`${place}hiddenBias`, section(tensor, 0, 2 * units, units)],
  ]
}

/** Where `kdim` or `vdim` differ, the projections are not packed. */
function attention(name: string, tensor: Tensor, state: Tensors): Renamed | undefined {
  const [, packed = '', what] = PACKED.exec(name) ?? []
  const size = tensor.dims[0] / 3
  if (what !== undefined && Number.isInteger(size))
    return ['q', 'k', 'v'].map((part, i) => [`${packed}${part}.${what}`, section(tensor, 0, i * size, size)])
  const [found, module = '', part = 'out', weight, own] = SINGLE.exec(name) ?? []
  const isAttention = found && (state.has(`${module}in_proj_weight`) || state.has(`${module}q_proj_weight`))
  return isAttention ? `${module}${part}.${weight ?? own}` : undefined
}

/** The weight of a norm is a vector, or has the shape of its bias: where there are several sizes. */
function norm(name: string, { dims }: Tensor, state: Tensors): Renamed | undefined {
  const [, module = '', what] = NORM.exec(name) ?? []
  if (what === 'running_mean') return `${module}mean`
  if (what === 'running_var') return `${module}variance`
  if (what === 'num_batches_tracked') return []
  const isNorm = what && (dims.length === 1 || sameShape(dims, state.get(`${module}bias`)?.dims ?? []))
  return isNorm ? `${module}scale` : undefined
}

/**
 * How the state of PyTorch's modules is named and cut here, for `rename` of `loadState`: that of `nn.RNN`, `nn.LSTM` and `nn.GRU` of any number of layers, one way
 * or both, of their cells, of `nn.MultiheadAttention`, and of norms, whose `weight` is `scale` here, `running_mean` and `running_var` `mean` and `variance`. Other names
 * stay as they are (those of `nn.Embedding`, `nn.EmbeddingBag`, `nn.Linear` and `nn.Conv2d` are the same here), so a whole model is loaded at once. An LSTM with
 * projections (`proj_size`) is not held.
 *
 * The two biases of recurrent layers add up; of a GRU (which it is says its `weight_hh`) the second one's last third, b_hn, becomes `hiddenBias` of
 * `GRU(..., { recurrentBias: true })`, and a GRU without it takes zeros alone. The shapes are the same in both: weights [gates * units, inputs] and
 * [gates * units, units], biases [gates * units]. The packed projection [3 * size, size] of attention and its bias are cut into those of queries, keys and values.
 *
 * `loadState` throws where something does not fit. Throws TypeError for anything but a name, a tensor and the state, with the names that it has in PyTorch.
 *
 * @example
 * const state = { weight_ih_l0: ones([8, 3]), weight_hh_l0: ones([8, 2]), bias_ih_l0: ones([8]), bias_hh_l0: ones([8]) }
 * const lstm = LSTM(3, 2)
 * loadState(lstm, state, { rename: fromPyTorch })
 * lstm.bias.toArray() // [2, 2, 2, 2, 2, 2, 2, 2]
 */
export function fromPyTorch(
  name: string,
  tensor: Tensor,
  state: ReadonlyMap<string, Tensor>,
): string | readonly (readonly [path: string, tensor: Tensor])[] {
  if (arguments.length > 3) refuseSurplus('fromPyTorch', 3, arguments)
  if (typeof name !== 'string' || !(tensor instanceof Tensor) || !isMap(state)) {
    const came = [name, tensor, state].map(kindOf).join(', ')
    throw typeError('fromPyTorch', 'takes a name, a tensor and the state', came, 'Write loadState(model, state, { rename: fromPyTorch }).')
  }
  return recurrent(name, tensor, state) ?? attention(name, tensor, state) ?? norm(name, tensor, state) ?? name
}
