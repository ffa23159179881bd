import { kindOf, typeError } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { unrecorded } from '../tape/level.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { isLayer } from './label.ts'
import { type WeightNormLayer, weightOf } from './layers/weight-norm.ts'
import { rebuilt, withFields } from './rebuilt.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a model takes is known to it alone
type Model = (...inputs: any[]) => any

/**
 * A copy of a model with ordinary layers in the places of `WeightNorm`, with the weights g v / ‖v‖ of the same shapes: for prediction, or to go on
 * without. Throws TypeError for what is no layer.
 *
 * @example
 * const model = removeWeightNorm(WeightNorm(Dense(tensor([[3, 4]]))))
 * model.weight.toArray() // [[3, 4]]
 */
export const removeWeightNorm = /* @__PURE__ */ composed('removeWeightNorm', 1, removed)

type Without<M> = M extends WeightNormLayer<infer L> ? L : M

function removed<M extends Model>(model: M): Without<M> {
  if (!isLayer(model)) throw typeError('removeWeightNorm', 'takes a model', `${kindOf(model)} came`)
  const plain = (each: object): object => {
    if ((each as { name?: unknown }).name !== 'WeightNorm' || !('g' in each)) return each
    const { layer: owner, which, g } = each as { layer: Model; which: string; g: Tensor }
    return withFields(owner, { [which]: weightOf(owner, (owner as unknown as Readonly<Record<string, Tensor>>)[which], g) })
  }
  return unrecorded(() => rebuilt<unknown>(model, plain)) as Without<M>
}
