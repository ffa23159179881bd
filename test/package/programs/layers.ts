// What a model knows of its layers.
import {
  Chain,
  type ChainLayer,
  clone,
  Dense,
  type DenseLayer,
  type Layer,
  type Link,
  layer,
  ones,
  relu,
  softmax,
  type Tensor,
  zeros,
} from 'fluxtape'

const model = Chain(Dense(2, 3, relu), Dense(3, 2), softmax)
export const weight: Tensor = model[0].weight
export const bias: Tensor | undefined = model.layers[1].bias
export const output: Tensor = model[2](ones([1, 2]))
export const [first, second]: readonly [DenseLayer, DenseLayer, unknown] = model.layers
export const copied: Tensor = clone(model)[1].weight
export const third = model[0].kernel // error 2339 at kernel

const nested = Chain(Chain(Dense(2, 3), relu), Dense(3, 1))
export const inside: Tensor = nested[0][0].weight

const named = Chain({ hidden: Dense(2, 3, relu), out: Dense(3, 1) })
export const out: Tensor = named.out.weight
export const same: Tensor = named.layers.hidden.weight
export const absent = named.missing // error 2339 at missing
export const copiedName: Tensor = clone(named).hidden.weight

export const equals = Chain(Dense(2, 2), Dense(2, 2))
for (const each of equals) each.weight.toArray()
for (let i = 0; i < 2; i++) equals[i]?.weight.toArray()
export const nothing: Tensor = Chain()(ones([2]))

const many: DenseLayer[] = [Dense(2, 2), Dense(2, 2)]
export const spread = Chain(...many)
export const ofMany: Tensor | undefined = spread[0]?.weight
export const mixed = Chain(Dense(2, 3), ...many, relu)
export const ahead: Tensor = mixed[0].weight
const links: Link[] = [relu, Dense(2, 2)]
export const general: Tensor = Chain(...links)(ones([1, 2]))
export const own = Chain(
  x => x.mul(2),
  (x: Tensor) => x.flatten(),
)
export function runs(any: ChainLayer): unknown {
  return [...any, any[0]]
}
export const ran = [runs(model), runs(nested), runs(spread), runs(Chain())]

export const noFunction = Chain(Dense(2, 3), 'relu') // error 2345 at 'relu'
export const noActivation = Dense(2, 1, 'relu') // error 2345 at 'relu'
export const noSize = Dense(2, '1') // error 2345 at '1'
export const noOption = Dense(2, 1, relu, { bais: false }) // error 2353 at bais
export const noBias = Dense(zeros([2, 3]), 3) // error 2345 at 3)
export const tooFew = Dense(2) // error 2554 at Dense(
export const fromTensors = [Dense(zeros([2, 3])), Dense(zeros([2, 3]), zeros([2]), relu), Dense(zeros([2, 3]), false)]
export const withOptions = Dense(2, 1, undefined, { bias: undefined, init: zeros })

export const scaled: Layer<{ scale: Tensor }, [x: Tensor], Tensor> = layer('Scaled', { scale: ones([2]) }, (self, x: Tensor) =>
  x.mul(self.scale),
)
export const untrained = layer('Scaled', { scale: ones([2]) }, self => self.scale, { trainable: ['sclae'] }) // error 2322 at 'sclae'
