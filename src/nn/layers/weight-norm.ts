import { checkFunction, kindOf, refuseSurplus, typeError, written } from '../../errors.ts'
import { sum } from '../../ops/movement.ts'
import { add, div, mul, sqrt, square } from '../../ops/pointwise.ts'
import { unrecorded } from '../../tape/level.ts'
import { scoped } from '../../tensor/scope.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { isLayer } from '../label.ts'
import { type Layer, layer } from '../layer.ts'
import type { Link } from './links.ts'

/** What `WeightNorm` makes: `layer` holds the directions, `g` the lengths. */
export type WeightNormLayer<L extends Link> = Layer<{ layer: L; which: string; g: Tensor }, Parameters<L>, ReturnType<L>>

/** Added to the squares, so that a length of 0 divides nothing: the machine epsilon of float32. */
const EPS = 2 ** -23

type Holder = Record<string, Tensor>

/** The lengths of a weight along all axes but that of the outputs, which is the second of transposed convolutions. */
function lengthsOf(owner: Link, weight: Tensor): Tensor {
  const axis = owner.name === 'ConvTranspose' ? 1 : 0
  const axes = weight.dims.map((_, i) => i).filter(i => i !== axis)
  return sqrt(add(sum(square(weight), axes, { keepDims: true }), EPS))
}

/** @internal g v / ‖v‖. */
export const weightOf = (owner: Link, v: Tensor, g: Tensor) => mul(v, div(g, lengthsOf(owner, v)))

/**
 * A layer whose weight is trained as a direction and a length for each output: w = g v / sqrt(Σ v² + 1.19e-7).
 *
 * `WeightNorm(layer, which = 'weight')` takes and gives what the layer does. `layer[which]`, of shape [outputs, ...] ([inputs, outputs, ...] of
 * `ConvTranspose`), is v; `g` is [outputs, 1, ...], at first the lengths, so that nothing changes. Salimans & Kingma 2016, as PyTorch's
 * `nn.utils.weight_norm`; Flux's has one g for each place in the kernel of a `Conv`. `removeWeightNorm` undoes it. Throws TypeError for what is no layer,
 * for a field that is no tensor, and for a weight of zeros, which has no direction.
 *
 * @example
 * const dense = Dense(tensor([[3, 4]]), tensor([1]))
 * const model = WeightNorm(dense)
 * model.g.toArray() // [[5]]
 * model(tensor([[1, 1]])).toArray() // [[8]]
 */
export function WeightNorm<L extends Link>(inner: L, which = 'weight'): WeightNormLayer<L> {
  if (arguments.length > 2) refuseSurplus('WeightNorm', 2, arguments)
  checkFunction('WeightNorm', 'what comes first', inner)
  if (!isLayer(inner)) throw typeError('WeightNorm', 'takes a layer', `${kindOf(inner)} came`)
  if (typeof which !== 'string') throw typeError('WeightNorm', 'the name of a field is a string', `${written(which)} came`)
  const weight: unknown = (inner as unknown as Readonly<Record<string, unknown>>)[which]
  if (!(weight instanceof Tensor)) throw typeError('WeightNorm', `${inner.name} has no tensor '${which}'`, `${written(weight)} came`)
  weight.check('WeightNorm')
  if (weight.view().every(value => value === 0)) throw typeError('WeightNorm', 'a weight of zeros has no direction', `'${which}' is all 0`)
  const g = unrecorded(() =>
    scoped(
      () => lengthsOf(inner, weight),
      made => [made],
    ),
  )
  const forward = ({ layer: owner, g }: { layer: L; g: Tensor }, ...inputs: Parameters<L>): ReturnType<L> => {
    const holder = owner as unknown as Holder
    const v = holder[which]
    // For the time of the call: whatever the layer does with its weight, it does with this.
    holder[which] = weightOf(owner, v, g)
    try {
      return owner(...inputs) as ReturnType<L>
    } finally {
      holder[which] = v
    }
  }
  return layer('WeightNorm', { layer: inner, which, g }, forward)
}
