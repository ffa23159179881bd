// What layers with a weight, a bias and an activation have in common.
import { checkFunction, DTypeError, gaveNone, noTensor, refuseSurplus, ShapeError, typeError, written } from '../../errors.ts'
import { type Activation, traitsOf } from '../../ops/epilogue.ts'
import { checkTensor } from '../../tape/operation.ts'
import { zeros } from '../../tensor/create.ts'
import { type Shape, sameShape, show } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { isForeign } from '../../tensor/walk.ts'
import type { Initializer } from '../initializers.ts'
import { type Layer, layer } from '../layer.ts'

/** A layer's parameters, the bias where it has one, and the function that comes last. */
export interface Weighted {
  weight: Tensor
  bias: Tensor | undefined
  activation: Activation
}

export type WeightedLayer = Layer<Weighted, [x: Tensor], Tensor>

export function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0
}

/** Throws TypeError for what is no function of single elements; `place` is where options stand, as a word. */
export function checkActivation(operation: string, activation: unknown, place: string): asserts activation is Activation {
  if (typeof activation !== 'function')
    throw typeError(operation, 'the activation must be a function', written(activation), `Options come ${place}.`)
  if (traitsOf(activation).isOfRows) {
    const wayOut = `Put it behind the layer: Chain(${operation}(...), ${activation.name}).`
    throw typeError(operation, `${activation.name} is no function of single elements`, '', wayOut)
  }
}

/** The weight that an initializer makes. Throws DTypeError for one of another type, ShapeError for another shape. */
export function initialized(operation: string, init: Initializer, shape: Shape): Tensor {
  checkFunction(operation, 'init', init)
  const weight = init(shape)
  checkTensor(operation, weight)
  if (weight.type !== 'float32') {
    throw new DTypeError({ operation, problem: 'init gives a weight of float32', came: weight.type, wayOut: "Write .cast('float32')." }, [
      weight.type,
    ])
  }
  if (!sameShape(weight.dims, shape)) {
    throw new ShapeError({ operation, problem: `init gives a weight ${show(shape)}`, came: show(weight.dims) }, [weight.dims])
  }
  return weight
}

/** Throws TypeError for a bias that is neither true, false nor a tensor. */
export function checkBiasKind(operation: string, bias: unknown): asserts bias is boolean | Tensor {
  if (isForeign(bias)) throw noTensor(operation, bias)
  if (typeof bias !== 'boolean' && !(bias instanceof Tensor)) {
    throw typeError(operation, 'the bias is true, false or a tensor', `${written(bias)} came`)
  }
}

/**
 * The layer of a weight, a bias (true: zeros, false: none) and an activation. `sizes` are its first arguments in print and `told` its options; `compute` applies it, the
 * activation too. Throws ShapeError for a bias of another size than [outputs].
 */
export function weighted(
  name: string,
  weight: Tensor,
  bias: boolean | Tensor,
  activation: Activation,
  outputs: number,
  sizes: readonly unknown[],
  told: readonly string[],
  compute: (self: Readonly<Weighted>, x: Tensor) => Tensor,
): WeightedLayer {
  if (bias instanceof Tensor && !sameShape(bias.dims, [outputs])) {
    throw new ShapeError({ operation: name, problem: `the bias is [${outputs}]`, came: show(bias.dims) }, [weight.dims, bias.dims])
  }
  const fields: Weighted = { weight, bias: bias === true ? zeros([outputs]) : bias === false ? undefined : bias, activation }
  const options = [...told, ...(bias === false ? ['bias: false'] : [])]
  const parts = [
    ...sizes,
    ...(traitsOf(activation).epilogue?.number === 0 ? [] : [written(activation)]),
    ...(options.length > 0 ? [`{ ${options.join(', ')} }`] : []),
  ]
  const forward = (self: Readonly<Weighted>, x: Tensor, ...surplus: never[]) => {
    if (surplus.length > 0) refuseSurplus(name, 1, [x, ...surplus])
    const y: unknown = compute(self, x)
    if (y instanceof Tensor) return y
    throw gaveNone(name, 'the activation', y)
  }
  return layer(name, fields, forward, { label: `${name}(${parts.join(', ')})` }) as WeightedLayer
}
