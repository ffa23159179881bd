import { zeros } from '../../tensor/create.ts'
import { scoped } from '../../tensor/scope.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { sigmoid } from '../activations.ts'
import type { Activation } from '../epilogue.ts'
import { stack } from '../joining.ts'
import { linear } from '../linear.ts'
import { reshape } from '../movement.ts'
import { add, mul, sub, tanh, where } from '../pointwise.ts'
import { section } from '../ranges.ts'
import { stepsThere } from './lengths.ts'
import type { RecurrentForm, RecurrentKind, RecurrentWeights } from './types.ts'

/** The next states, y first, from Wi x + b of a step [b, gates * h] and the states before it. */
type Step = (input: Tensor, states: readonly Tensor[], weights: RecurrentWeights) => readonly Tensor[]

/** So many blocks of the features from the nth on. */
function block(x: Tensor, h: number, from: number, count = 1): Tensor {
  return section(x, 1, from * h, count * h)
}

/** (1 - z)∘n + z∘h */
function mixed(n: Tensor, z: Tensor, h: Tensor): Tensor {
  return add(mul(sub(1, z), n), mul(z, h))
}

/** h' = σ(Wi x + Wh h + b), Elman 1990. */
function rnn(activation: Activation): Step {
  return (input, [h], { Wh }) => [activation(add(input, linear(h, Wh)))]
}

/** c' = σ(f)∘c + σ(i)∘tanh(g), h' = σ(o)∘tanh(c'): Hochreiter & Schmidhuber 1997, with the gate of Gers et al. 2000. */
const lstm: Step = (input, [h, c], { Wh }) => {
  const size = h.dims[1]
  const gates = add(input, linear(h, Wh))
  const [i, f, g, o] = [0, 1, 2, 3].map(at => block(gates, size, at))
  const next = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)))
  return [mul(sigmoid(o), tanh(next)), next]
}

/** n = tanh(Wn x + bn + r∘(Un h + b')), Cho et al. 2014, version 1 of arXiv 1406.1078 and cuDNN. */
const gru: Step = (input, [h], { Wh, hiddenBias }) => {
  const size = h.dims[1]
  const hidden = linear(h, Wh)
  const [r, z] = [0, 1].map(at => sigmoid(add(block(input, size, at), block(hidden, size, at))))
  const inner = block(hidden, size, 2)
  const n = tanh(add(block(input, size, 2), mul(r, hiddenBias ? add(inner, hiddenBias) : inner)))
  return [mixed(n, z, h)]
}

/** n = tanh(Wn x + bn + U'(r∘h)), version 3 of the same. */
const gruv3: Step = (input, [h], { Wh, Wn }) => {
  const size = h.dims[1]
  const gates = sigmoid(add(block(input, size, 0, 2), linear(h, Wh)))
  const r = block(gates, size, 0)
  const n = tanh(add(block(input, size, 2), linear(mul(r, h), Wn as Tensor)))
  return [mixed(n, block(gates, size, 1), h)]
}

function stepOf(kind: RecurrentKind, activation: Activation): Step {
  return kind === 'rnn' ? rnn(activation) : { lstm, gru, gruv3 }[kind]
}

/** @internal A sequence in operations, some for each step: for derivatives of any order. */
export const composedRecurrent: RecurrentForm = (kind, x, states, weights, { lengths, reverse, activation }) => {
  const [batch, steps] = x.dims
  const step = stepOf(kind, activation)
  const isThere = lengths && stepsThere(lengths, x.dims)
  // What lies behind the end may be anything, and 0 times NaN is NaN in the gradients of the weights.
  const inputs = linear(isThere ? where(isThere, x, 0) : x, weights.Wi, weights.bias ?? undefined)
  const size = inputs.dims[2]
  const ys = new Array<Tensor>(steps)
  let last = states
  for (let n = 0; n < steps; n++) {
    const t = reverse ? steps - 1 - n : n
    const at = (of: Tensor, width: number) => reshape(section(of, 1, t, 1), [batch, width])
    const [y, ...next] = scoped(
      () => {
        const made = step(at(inputs, size), last, weights)
        if (!isThere) return [made[0], ...made]
        const goesOn = at(isThere, 1)
        return [where(goesOn, made[0], 0), ...made.map((state, i) => where(goesOn, state, last[i]))]
      },
      made => made,
    )
    ys[t] = y
    last = next
  }
  return [steps > 0 ? stack(ys, 1) : zeros([batch, 0, states[0].dims[1]]), ...last]
}
