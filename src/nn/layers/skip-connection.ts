import { refuseSurplus, typeError, written } from '../../errors.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { Layer } from '../layer.ts'
import { callField, type Gives, holder, type Link } from './links.ts'

/** What `SkipConnection` makes: from what the layer takes, [batch, ...], to what the connection gives. */
export type SkipConnectionLayer<L extends Link = Link, C extends Link = Link> = Layer<
  { readonly layer: L; readonly connection: C },
  [x: Tensor],
  Gives<C>
>

/**
 * A layer whose input goes around it, too: connection(layer(x), x), the output first. With `add` it is the residual block of He et al. (2015), with
 * `(y, x) => concat([y, x], 1)` the dense one of Huang et al. (2016).
 *
 * Takes and gives what the layer takes and the connection gives, [batch, ...] to [batch, ...]; `model.layer` and `model.connection` are its parts.
 * Throws TypeError for what is no layer or function, and for one that gives nothing.
 *
 * @example
 * const block = SkipConnection(Chain(Dense(4, 8, relu), Dense(8, 4)), add)
 * block(ones([5, 4])).shape // [5, 4]
 */
export function SkipConnection<L extends Link, C extends (y: Gives<L>, x: Tensor) => unknown>(
  layer: L,
  connection: C,
): SkipConnectionLayer<L, C> {
  if (arguments.length > 2) refuseSurplus('SkipConnection', 2, arguments)
  if (typeof layer !== 'function' || typeof connection !== 'function') {
    const came = [layer, connection].map(written).join(', ')
    throw typeError('SkipConnection', 'takes a layer and a function of its output and its input', came, 'Write SkipConnection(layer, add).')
  }
  return skipOf({ layer, connection }) as unknown as SkipConnectionLayer<L, C>
}

function skipOf(fields: { readonly layer: Link; readonly connection: Link }): object {
  return holder({ name: 'SkipConnection', fields, lines: ['layer', 'connection'], forward, again: skipOf })
}

function forward(self: { readonly layer: Link; readonly connection: Link }, ...inputs: readonly unknown[]): unknown {
  if (inputs.length > 1) refuseSurplus('SkipConnection', 1, inputs, 'Several inputs are one list: [x, y].')
  const y = callField('SkipConnection', self, 'layer', inputs)
  return callField('SkipConnection', self, 'connection', [y, inputs[0]])
}
