import { givenBy, placed, refuseSurplus } from '../../errors.ts'
import { Tensor } from '../../tensor/tensor.ts'
import type { Layer } from '../layer.ts'
import { wrap } from '../reads.ts'
import { checkFlow, type Holding, holder, type Link, type Links, linksAmong, placeOf, thrownBy } from './links.ts'

/**
 * What `Chain` makes: from what its first link takes, a tensor [batch, ...], to what its last one gives. `model[0]` is the first link, `model.layers`
 * holds all of them, as a tuple where they were written out.
 */
export type ChainLayer<Links = readonly Link[]> = Layer<{ readonly layers: Links }, [x: Tensor], Tensor> & Holding<Links>

/** What `Chain` makes of links with names: each is a property, too. */
export type NamedChain<Links> = ChainLayer<Links>

/**
 * Layers and functions one after the other: `Chain(Dense(784, 64, relu), Dense(64, 10))`, or with names
 * `Chain({ hidden: Dense(784, 64, relu), out: Dense(64, 10) })`.
 *
 * The layers are `model[0]` or `model.hidden`, and `model.layers` holds them all; a chain can be iterated and nested. `Chain()` is the
 * identity. Throws TypeError for what is no link, and for a link that gives nothing or a promise.
 *
 * @example Chain(Dense(4, 3, relu), Dense(3, 2))(zeros([5, 4])).shape // [5, 2]
 */
export function Chain<Links extends readonly Link[]>(...links: Links): ChainLayer<Links>
export function Chain<Links extends Readonly<Record<string, Link>>>(links: Links): NamedChain<Links>
export function Chain(...args: [Readonly<Record<string, Link>>] | Link[]): ChainLayer {
  return chainOf({ layers: linksAmong('Chain', args) })
}

function chainOf(fields: { readonly layers: Links }): ChainLayer {
  return holder({ name: 'Chain', fields, lines: ['layers'], forward, again: chainOf }) as ChainLayer
}

function forward(self: { readonly layers: Links }, ...inputs: [Tensor]): Tensor {
  const links = self.layers as Readonly<Record<string, Link>>
  const list = Object.values(links)
  const key = (i: number) => Object.keys(links)[i]
  let flow: unknown = inputs[0]
  if (list.length === 0 && inputs.length > 1) refuseSurplus('Chain', 1, inputs)
  for (let i = 0; i < list.length; i++) {
    const link = list[i]
    try {
      const called = wrap ? wrap(link, placeOf('Chain', links, key(i)), key(i), links) : link
      const next: unknown = i === 0 ? called(...inputs) : called(flow)
      if (!(next instanceof Tensor)) checkFlow('Chain', next, link)
      flow = next
    } catch (cause) {
      const error = thrownBy(link, cause)
      const place = (at: number) => placeOf('Chain', links, key(at))
      throw placed(i === 0 ? error : givenBy(place(i - 1), flow, error), place(i))
    }
  }
  return flow as Tensor
}
