import { refuseSurplus } from '../../errors.ts'
import type { Activation } from '../../ops/epilogue.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { type Layer, layer } from '../layer.ts'
import { activity, biasOf } from './checks.ts'
import { labelOf, unlessIdentity } from './plain.ts'

/** A layer's parameters, the bias where it has one, and the function that comes last. */
interface Weighted {
  weight: Tensor
  bias: Tensor | undefined
  activation: Activation
}

export type WeightedLayer = Layer<Weighted, [x: Tensor], Tensor>

/**
 * A layer that applies a weight, a bias [outputs] (true: zeros, false: none) and an activation, all three by `compute`. In print `sizes` are its first arguments, and
 * `told` its options.
 */
export function weighted(
  name: string,
  weight: Tensor,
  bias: boolean | Tensor,
  activation: Activation,
  outputs: number,
  sizes: readonly unknown[],
  told: Readonly<Record<string, unknown>>,
  compute: (self: Readonly<Weighted>, x: Tensor) => Tensor,
): WeightedLayer {
  const fields: Weighted = { weight, bias: biasOf(name, bias, [outputs]), activation }
  const label = labelOf(name, [...sizes, unlessIdentity(activation), { ...told, bias: fields.bias ? undefined : false }])
  const forward = (self: Readonly<Weighted>, x: Tensor, ...surplus: never[]) => {
    if (surplus.length > 0) refuseSurplus(name, 1, [x, ...surplus])
    return activity(name, compute(self, x))
  }
  return layer(name, fields, forward, { label }) as WeightedLayer
}
