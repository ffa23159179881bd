import type { Tensor } from '../../tensor/tensor.ts'
import type { Layer } from '../layer.ts'
import { type Connected, callField, callLink, checkCounts, connected, type Holding, type Link, unpacked } from './links.ts'
import type { Several } from './parallel.ts'

/** What `PairwiseFusion` makes: from one input or several, [batch, ...], to the list of what the layers give. */
export type PairwiseFusionLayer<C extends Link = Link, Layers = readonly Link[]> = Layer<
  { readonly connection: C; readonly layers: Layers },
  Several,
  Tensor[]
> &
  Holding<Layers>

/**
 * Layers one after the other, each of which takes an input of its own, too: y₁ = l₁(x₁), yᵢ = lᵢ(connection(yᵢ₋₁, xᵢ)); gives the list of all y. With
 * one input x every xᵢ is x.
 *
 * `PairwiseFusion(connection, ...layers)`, or with names `PairwiseFusion(connection, { a: layer, b: layer })`; inputs [batch, ...] come one by one, or as
 * one list. The layers are `model[0]` or `model.a`. Throws TypeError for another number of inputs, for none, for no layers, and for what is no layer or
 * function.
 *
 * @example
 * const fusion = PairwiseFusion(add, Dense(4, 4, relu), Dense(4, 2))
 * fusion([ones([5, 4]), ones([5, 4])]).map(y => y.shape) // [[5, 4], [5, 2]]
 */
export function PairwiseFusion<C extends Link, Layers extends readonly Link[]>(
  connection: C,
  ...layers: Layers
): PairwiseFusionLayer<C, Layers>
export function PairwiseFusion<C extends Link, Layers extends Readonly<Record<string, Link>>>(
  connection: C,
  layers: Layers,
): PairwiseFusionLayer<C, Layers>
export function PairwiseFusion(connection: Link, ...args: readonly unknown[]): unknown {
  return connected('PairwiseFusion', connection, args, forward)
}

function forward(self: Connected, ...inputs: readonly unknown[]): unknown[] {
  const xs = unpacked('PairwiseFusion', inputs)
  const keys = Object.keys(self.layers)
  checkCounts('PairwiseFusion', xs.length, keys.length)
  const ys: unknown[] = []
  keys.forEach((key, i) => {
    const x = xs.length === 1 ? xs[0] : xs[i]
    ys.push(callLink('PairwiseFusion', self.layers, key, [i === 0 ? x : callField('PairwiseFusion', self, 'connection', [ys[i - 1], x])]))
  })
  return ys
}
