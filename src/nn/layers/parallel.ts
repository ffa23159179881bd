import type { Tensor } from '../../tensor/tensor.ts'
import type { Layer } from '../layer.ts'
import { type Connected, callField, callLink, checkCounts, connected, type Gives, type Holding, type Link, unpacked } from './links.ts'

/** One input for all layers, or one each; a list of them is as many. */
export type Several = readonly (Tensor | readonly Tensor[])[]

/** What `Parallel` makes: from one input or several, [batch, ...], to what the connection gives. */
export type ParallelLayer<C extends Link = Link, Layers = readonly Link[]> = Layer<
  { readonly connection: C; readonly layers: Layers },
  Several,
  Gives<C>
> &
  Holding<Layers>

/**
 * Layers side by side, and a function of all that they give: connection(l₁(x), l₂(x), ...), or with as many inputs as layers
 * connection(l₁(x₁), l₂(x₂), ...). One layer and several inputs: it is called for each.
 *
 * `Parallel(connection, ...layers)`, or with names `Parallel(connection, { a: layer, b: layer })`; inputs [batch, ...] come one by one, or as one list,
 * as a Chain passes it on. The layers are `model[0]` or `model.a`. Throws TypeError for another number of inputs, for none, for no layers, and for what
 * is no layer or function.
 *
 * @example
 * const both = Parallel((a, b) => concat([a, b], 1), Dense(4, 3), Dense(2, 5))
 * both(ones([7, 4]), ones([7, 2])).shape // [7, 8]
 */
export function Parallel<C extends Link, Layers extends readonly Link[]>(connection: C, ...layers: Layers): ParallelLayer<C, Layers>
export function Parallel<C extends Link, Layers extends Readonly<Record<string, Link>>>(
  connection: C,
  layers: Layers,
): ParallelLayer<C, Layers>
export function Parallel(connection: Link, ...args: readonly unknown[]): unknown {
  return connected('Parallel', connection, args, forward)
}

function forward(self: Connected, ...inputs: readonly unknown[]): unknown {
  const xs = unpacked('Parallel', inputs)
  const keys = Object.keys(self.layers)
  if (keys.length > 1) checkCounts('Parallel', xs.length, keys.length)
  const count = Math.max(xs.length, keys.length)
  const each = <T>(list: readonly T[], i: number) => list[list.length === 1 ? 0 : i]
  const ys = Array.from({ length: count }, (_, i) => callLink('Parallel', self.layers, each(keys, i), [each(xs, i)]))
  return callField('Parallel', self, 'connection', ys)
}
