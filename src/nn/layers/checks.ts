// What layers with weights ask of their arguments.
import { checkFunction, DTypeError, gaveNone, noTensor, ShapeError, typeError, written } from '../../errors.ts'
import { type Activation, traitsOf } from '../../ops/epilogue.ts'
import { identity } from '../../ops/pointwise.ts'
import { checkTensor } from '../../tape/operation.ts'
import { zeros } from '../../tensor/create.ts'
import { isPlain } from '../../tensor/realm.ts'
import { type Shape, sameShape, show } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { isForeign } from '../../tensor/walk.ts'
import type { Initializer } from '../initializers.ts'

/** Throws TypeError for what is no function of single elements. */
export function checkActivation(layer: string, activation: unknown): asserts activation is Activation {
  if (typeof activation !== 'function')
    throw typeError(layer, 'the activation must be a function', written(activation), 'Options may stand there, or behind it.')
  if (!traitsOf(activation).isOfRows) return
  const wayOut = `Put it behind the layer: Chain(${layer}(...), ${activation.name}).`
  throw typeError(layer, `${activation.name} is no function of single elements`, '', wayOut)
}

/**
 * The activation and the options of a layer: options may stand where the activation is left out. Throws TypeError for an activation that is no function of single
 * elements.
 */
export function ending<Options extends object>(layer: string, activation: unknown, options: Options | undefined): [Activation, Options] {
  const isLeftOut = options === undefined && isPlain(activation)
  const f = isLeftOut || activation === undefined ? identity : activation
  checkActivation(layer, f)
  return [f, (isLeftOut ? activation : options === undefined ? {} : options) as Options]
}

/** What an activation gave. Throws TypeError where it is no tensor. */
export function activity(layer: string, y: unknown): Tensor {
  if (y instanceof Tensor) return y
  throw gaveNone(layer, 'the activation', y)
}

/** What an initializer makes of a shape. Throws for what is no function, and where it gives anything but float32 of that shape. */
export function initial(layer: string, init: Initializer, shape: Shape, name = 'init'): Tensor {
  checkFunction(layer, name, init)
  const made: unknown = init(shape)
  if (isForeign(made)) throw noTensor(layer, made)
  if (!(made instanceof Tensor)) throw gaveNone(layer, name, made)
  if (made.type !== 'float32') {
    const wayOut = "Write .cast('float32')."
    throw new DTypeError({ operation: layer, problem: `${name} gives float32`, came: made.type, wayOut }, [made.type])
  }
  if (sameShape(made.dims, shape)) return made
  throw new ShapeError({ operation: layer, problem: `${name} gives ${show(shape)}`, came: show(made.dims) }, [made.dims])
}

/** The bias of a shape: true are zeros, false is none. Throws TypeError for what is neither nor a tensor, ShapeError for one of another shape. */
export function biasOf(layer: string, bias: unknown, shape: Shape): Tensor | undefined {
  if (bias === true) return zeros(shape)
  if (bias === false) return undefined
  if (isForeign(bias)) throw noTensor(layer, bias)
  if (!(bias instanceof Tensor)) throw typeError(layer, 'the bias is true, false or a tensor', `${written(bias)} came`)
  if (sameShape(bias.dims, shape)) return bias
  throw new ShapeError({ operation: layer, problem: `the bias is ${show(shape)}`, came: show(bias.dims) }, [bias.dims])
}

/** Throws TypeError for sizes that are no whole numbers from 1. */
export function checkSizes(layer: string, sizes: readonly unknown[], wayOut: string): asserts sizes is readonly number[] {
  if (sizes.length > 0 && sizes.every(size => Number.isInteger(size) && (size as number) > 0)) return
  throw typeError(layer, 'the sizes must be whole numbers from 1', sizes.map(written).join(', '), wayOut)
}

/** Throws DTypeError for features that are not float32: whole numbers are tokens most of the time, and tokens [batch, time] would be taken for one sequence. */
export function checkFeatures(layer: string, x: Tensor, what = 'x'): void {
  checkTensor(layer, x)
  if (x.type === 'float32') return
  const wayOut =
    x.type === 'bool'
      ? `Write ${what}.cast('float32').`
      : "Tokens go through an Embedding or oneHot first, other numbers through cast('float32')."
  throw new DTypeError({ operation: layer, problem: `${what} is float32`, came: x.type, wayOut }, [x.type])
}
