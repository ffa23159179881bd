import { checkOptions, noTensor, refuseSurplus, ShapeError, typeError } from '../../errors.ts'
import type { Activation } from '../../ops/epilogue.ts'
import { activated } from '../../ops/linear.ts'
import { expandDims, permute, reshape } from '../../ops/movement.ts'
import { add, identity, mul } from '../../ops/pointwise.ts'
import { product } from '../../ops/product.ts'
import { checkTensor } from '../../tape/operation.ts'
import { sameShape, show, sizeOf } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { isForeign } from '../../tensor/walk.ts'
import { glorotUniform, type Initializer } from '../initializers.ts'
import { type Layer, layer } from '../layer.ts'
import { activity, biasOf, checkActivation, checkSizes, ending, initial } from './checks.ts'
import { labelOf, unlessIdentity } from './plain.ts'

/** What `Bilinear` can be told besides its sizes and its activation. */
export interface BilinearOptions {
  /** true: a trainable vector of zeros; false: none; a tensor [out]: that one. */
  readonly bias?: boolean | Tensor | undefined
  /** Makes [in1, in2, out], of which the weight is the permutation; `glorotUniform` by default, whose fans are then Flux's. */
  readonly init?: Initializer | undefined
}

/** What `Bilinear` makes: from [..., in1] and [..., in2] to [..., out], with weight [out, in1, in2] and bias [out]. */
export type BilinearLayer = Layer<
  { readonly weight: Tensor; readonly bias: Tensor | undefined; readonly activation: Activation },
  [x: Tensor | readonly [x: Tensor, y: Tensor], y?: Tensor],
  Tensor
>

/** What follows the first argument of `Bilinear`: sizes, or ready tensors. */
export type BilinearArguments<First> = First extends number
  ? [in2: number, out: number, activation?: Activation | BilinearOptions | undefined, options?: BilinearOptions]
  : [bias?: Tensor | boolean | undefined, activation?: Activation | undefined]

/**
 * Every pair of an element of x and one of y has weights: zₒ = σ(xᵀ Wₒ y + bₒ), from x [..., in1] and y [..., in2] to [..., out]; the axes before the last
 * are the same in both. `B(x)` is `B(x, x)`, and `B([x, y])`, as a Chain passes it on, `B(x, y)`.
 *
 * `Bilinear(in1, in2, out, activation = identity, { bias = true, init = glorotUniform })`, or with ready tensors `Bilinear(weight, bias, activation)`,
 * weight [out, in1, in2], as PyTorch's `nn.Bilinear` has it. The weights begin uniform in ±√(6 / (out (in1 + in2))), as in Flux. Throws ShapeError for
 * inputs of other sizes, TypeError for sizes that are no whole numbers from 1 and for an activation that gives no tensor.
 *
 * @example Bilinear(tensor([[[1, 2]]]), tensor([3]))(tensor([2]), tensor([1, 1])).toArray() // [9]
 */
export function Bilinear<First extends number | Tensor>(first: First, ...rest: BilinearArguments<First>): BilinearLayer
export function Bilinear(first: number | Tensor, ...rest: readonly unknown[]): BilinearLayer {
  if (isForeign(first)) throw noTensor('Bilinear', first)
  if (first instanceof Tensor) {
    const [bias = true, activation = identity, ...surplus] = rest as [(Tensor | boolean)?, Activation?]
    if (surplus.length > 0) refuseSurplus('Bilinear', 3, [first, ...rest], 'Ready tensors leave no options.')
    return bilinearOf(first, bias, activation)
  }
  const [in2, out, third, fourth, ...surplus] = rest as [number, number, unknown, BilinearOptions?]
  checkSizes('Bilinear', [first, in2, out], 'Write Bilinear(in1, in2, out).')
  const [activation, options] = ending('Bilinear', third, fourth)
  if (surplus.length > 0) refuseSurplus('Bilinear', 5, [first, ...rest])
  checkOptions('Bilinear', options, ['bias', 'init'])
  const { bias = true, init = glorotUniform } = options
  const made = initial('Bilinear', init, [first, in2, out])
  return bilinearOf(permute(made, [2, 0, 1]), bias, activation)
}

function bilinearOf(weight: Tensor, given: Tensor | boolean, activation: Activation): BilinearLayer {
  checkActivation('Bilinear', activation)
  if (weight.rank !== 3)
    throw new ShapeError({ operation: 'Bilinear', problem: 'the weight is [out, in1, in2]', came: show(weight.dims) }, [weight.dims])
  const [out, in1, in2] = weight.dims
  const bias = biasOf('Bilinear', given, [out])
  const fields = { weight, bias, activation }
  const forward = (self: typeof fields, first: Tensor | readonly Tensor[], ...more: readonly Tensor[]): Tensor => {
    const inputs = more.length === 0 && Array.isArray(first) ? (first as readonly Tensor[]) : [first as Tensor, ...more]
    if (inputs.length === 0) throw typeError('Bilinear', 'there is no input')
    if (inputs.length > 2) refuseSurplus('Bilinear', 2, inputs)
    const [x, y = x] = inputs
    checkTensor('Bilinear', x)
    checkTensor('Bilinear', y)
    return bilinear(x, y, self)
  }
  const label = labelOf('Bilinear', [in1, in2, out, unlessIdentity(activation), { bias: bias ? undefined : false }])
  return layer('Bilinear', fields, forward, { label }) as BilinearLayer
}

function bilinear(
  x: Tensor,
  y: Tensor,
  { weight, bias, activation }: { readonly weight: Tensor; readonly bias: Tensor | undefined; readonly activation: Activation },
): Tensor {
  const [out, in1, in2] = weight.dims
  const lead = x.dims.slice(0, -1)
  if (x.dims[x.rank - 1] !== in1 || !sameShape(y.dims, [...lead, in2])) {
    const came = `x ${show(x.dims)}, y ${show(y.dims)}, weight ${show(weight.dims)}`
    const wayOut = 'x is [..., in1], y [..., in2], and the weight [out, in1, in2].'
    throw new ShapeError({ operation: 'Bilinear', problem: 'sizes differ', came, wayOut }, [x.dims, y.dims, weight.dims])
  }
  const n = sizeOf(lead)
  const [left, right] = [reshape(x, [n, in1]), reshape(y, [n, in2])]
  // Of what lies between the two products the smaller: all pairs, or W y.
  if (in2 <= out) {
    const pairs = reshape(mul(expandDims(left, 2), expandDims(right, 1)), [n, in1 * in2])
    return reshape(activity('Bilinear', activated(pairs, reshape(weight, [out, in1 * in2]), bias, activation)), [...lead, out])
  }
  const rows = reshape(product(right, reshape(weight, [out * in1, in2]), false, true), [n, out, in1])
  const z = reshape(product(rows, expandDims(left, 2), false, false), [n, out])
  return reshape(activity('Bilinear', activation(bias ? add(z, bias) : z)), [...lead, out])
}
