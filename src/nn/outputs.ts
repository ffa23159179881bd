import { kindOf, refuseSurplus, typeError } from '../errors.ts'
import { scoped } from '../tensor/scope.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { ownedIn } from '../tensor/walk.ts'
import { isLayer, LABEL } from './label.ts'
import type { ChainLayer } from './layers/chain.ts'
import { type Wrap, wrapping } from './reads.ts'

/** What the links of a chain gave: a list, or a record of those that have names. */
export type Activations<Links> = Links extends readonly unknown[] ? Tensor[] : { readonly [Name in keyof Links]: Tensor }

/**
 * What every link of a chain gives for x, in their order; the last is the output of the model: a list, of a chain with names a record. A chain in
 * it is one link. Differentiable as the call is. Throws TypeError for what is no Chain; otherwise errors are those of the model.
 *
 * @example
 * const model = Chain(Dense(3, 4, relu), Dense(4, 2))
 * activations(model, ones([5, 3])).map(y => y.shape) // [[5, 4], [5, 2]]
 */
export function activations<Links>(model: ChainLayer<Links>, x: Tensor): Activations<Links> {
  if (arguments.length > 2) refuseSurplus('activations', 2, arguments)
  if (!isLayer(model) || model[LABEL] !== 'Chain' || !('layers' in model)) {
    throw typeError('activations', 'takes a Chain', `${kindOf(model)} came`, 'Write activations(Chain(...), x).')
  }
  const { layers } = model
  const outputs = (Array.isArray(layers) ? [] : {}) as Record<string, unknown>
  const note: Wrap = (link, _, key, links) => {
    if (links !== layers) return link
    return (...inputs) => {
      outputs[key] = link(...inputs)
      return outputs[key]
    }
  }
  return scoped(() => {
    wrapping(note, () => model(x))
    return outputs as unknown as Activations<Links>
  }, ownedIn)
}
