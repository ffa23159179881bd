import { checkOptions, noTensor, refuseSurplus, ShapeError } from '../../errors.ts'
import type { Activation } from '../../ops/epilogue.ts'
import { add, identity, mul } from '../../ops/pointwise.ts'
import { checkTensor } from '../../tape/operation.ts'
import { ones } from '../../tensor/create.ts'
import { show } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { isForeign } from '../../tensor/walk.ts'
import type { Initializer } from '../initializers.ts'
import { type Layer, layer } from '../layer.ts'
import { activity, biasOf, checkActivation, checkSizes, ending, initial } from './checks.ts'
import { labelOf, unlessIdentity } from './plain.ts'

/** What `Scale` can be told besides its sizes and its activation. */
export interface ScaleOptions {
  /** true: trainable zeros; false: none; a tensor of the sizes: that one. */
  readonly bias?: boolean | Tensor | undefined
  /** Makes the scale; `ones` by default. */
  readonly init?: Initializer | undefined
}

/** What `Scale` makes: from [..., ...sizes] to the same, with scale and bias of the sizes. */
export type ScaleLayer = Layer<{ scale: Tensor; bias: Tensor | undefined; activation: Activation }, [x: Tensor], Tensor>

/** What `Scale` is given: sizes, an activation and options; or ready tensors and an activation. */
export type ScaleArguments =
  | [...sizes: number[]]
  | [...sizes: number[], activation: Activation | ScaleOptions | undefined]
  | [...sizes: number[], activation: Activation | undefined, options: ScaleOptions]
  | [scale: Tensor, bias?: Tensor | boolean | undefined, activation?: Activation | undefined]

/**
 * A factor and a summand for each element of the last axes: σ(scale ∘ x + bias), from [..., ...sizes] to the same.
 *
 * `Scale(...sizes, activation = identity, { bias = true, init = ones })`, or with ready tensors `Scale(scale, bias, activation)`. `Scale(3)` is for
 * [..., 3], `Scale(2, 3)` for [..., 2, 3], and `Scale(3, 1, 1)`, whose axes of 1 serve any size, for the channels of images. Throws ShapeError for an input of other last axes, TypeError for sizes that are no whole numbers from 1 and for
 * an activation that gives no tensor.
 *
 * @example Scale(tensor([2, 3]), tensor([0, 1]))(ones([1, 2])).toArray() // [[2, 4]]
 */
export function Scale(...args: ScaleArguments): ScaleLayer
export function Scale(...args: readonly unknown[]): ScaleLayer {
  const [first] = args
  if (isForeign(first)) throw noTensor('Scale', first)
  if (first instanceof Tensor) {
    const [, bias = true, activation = identity, ...surplus] = args as [Tensor, (Tensor | boolean)?, Activation?]
    if (surplus.length > 0) refuseSurplus('Scale', 3, args, 'Ready tensors leave no options.')
    return scaleOf(first, bias, activation)
  }
  const end = args.findIndex(each => typeof each !== 'number')
  const sizes = end < 0 ? args : args.slice(0, end)
  const [third, fourth, ...surplus] = (end < 0 ? [] : args.slice(end)) as [unknown, ScaleOptions?]
  checkSizes('Scale', sizes.length === 0 ? [first] : sizes, 'Write Scale(...sizes).')
  const [activation, options] = ending('Scale', third, fourth)
  if (surplus.length > 0) refuseSurplus('Scale', sizes.length + 2, args)
  checkOptions('Scale', options, ['bias', 'init'])
  return scaleOf(initial('Scale', options.init ?? ones, sizes as number[]), options.bias ?? true, activation)
}

function scaleOf(scale: Tensor, given: Tensor | boolean, activation: Activation): ScaleLayer {
  checkActivation('Scale', activation)
  const bias = biasOf('Scale', given, scale.dims)
  const fields = { scale, bias, activation }
  const forward = (self: typeof fields, x: Tensor, ...surplus: never[]) => {
    if (surplus.length > 0) refuseSurplus('Scale', 1, [x, ...surplus])
    checkTensor('Scale', x)
    const { dims } = self.scale
    const last = x.dims.slice(x.rank - dims.length)
    if (last.length < dims.length || !dims.every((size, i) => size === last[i] || size === 1)) {
      const came = `x ${show(x.dims)}, scale ${show(dims)}`
      throw new ShapeError({ operation: 'Scale', problem: 'the last axes of x are those of the scale, or that has 1', came }, [
        x.dims,
        dims,
      ])
    }
    const y = mul(x, self.scale)
    return activity('Scale', self.activation(self.bias ? add(y, self.bias) : y))
  }
  return layer('Scale', fields, forward, {
    label: labelOf('Scale', [...scale.dims, unlessIdentity(activation), { bias: bias ? undefined : false }]),
  }) as ScaleLayer
}
