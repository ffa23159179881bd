import { checkOptions, gaveNone, kindOf, refuseSurplus, typeError } from '../errors.ts'
import { mapTree } from '../params/tree.ts'
import { abstractly } from '../tape/abstract.ts'
import { checkDType, type DType } from '../tensor/dtype.ts'
import { checkShape, type Shape } from '../tensor/shape.ts'
import { make, Tensor } from '../tensor/tensor.ts'

/** What `outputSize` and `summary` can be told. */
export interface InputOptions {
  /** The type of the inputs, `float32` by default; indices are `int32`. */
  readonly dtype?: DType | undefined
}

/** What a model gives, with shapes in the places of tensors. */
export type SizesOf<Output> = Output extends Tensor
  ? Shape
  : Output extends readonly unknown[] | Readonly<Record<string, unknown>>
    ? { -readonly [K in keyof Output]: SizesOf<Output[K]> }
    : undefined

type Model = (...inputs: never[]) => unknown

/**
 * The shape of what a model gives for an input of a shape, the batch included: layers and operations infer it, also in layers of one's own, and nothing is
 * computed; random numbers and running values stay as they are. A list of shapes is for a model of several inputs; where it gives a list or a
 * record of tensors, it is one of shapes.
 *
 * Throws ShapeError where the shapes do not fit, with the place in the model, TypeError for what is no model, and for one that reads elements to
 * know what to do.
 *
 * @example
 * outputSize(Chain(Dense(4, 8, relu), Dense(8, 3)), [16, 4]) // [16, 3]
 * outputSize((x, y) => x.matmul(y), [[2, 3], [3, 5]]) // [2, 5]
 */
export function outputSize<M extends Model>(model: M, shape: Shape | readonly Shape[], options: InputOptions = {}): SizesOf<ReturnType<M>> {
  if (arguments.length > 3) refuseSurplus('outputSize', 3, arguments)
  return sizesOfRun('outputSize', model, shape, options) as SizesOf<ReturnType<M>>
}

/** The shapes of what a model gives; `multiplied` is told of its products. */
export function sizesOfRun(
  operation: string,
  model: Model,
  shape: Shape | readonly Shape[],
  options: InputOptions,
  multiplied?: (count: number) => void,
): unknown {
  if (typeof model !== 'function') throw typeError(operation, 'the model comes first, and is a function', `${kindOf(model)} came`)
  checkOptions(operation, options, ['dtype'])
  const { dtype = 'float32' } = options
  checkDType(operation, dtype)
  const shapes = (Array.isArray(shape) && Array.isArray(shape[0]) ? shape : [shape]) as readonly Shape[]
  for (const each of shapes) checkShape(operation, each)
  const run = () => {
    const y = (model as (...inputs: Tensor[]) => unknown)(...shapes.map(each => make([...each], dtype, operation)))
    const sizes = sizesIn(y)
    if (sizes === undefined) throw gaveNone(operation, 'the model', y)
    return sizes
  }
  return abstractly(operation, run, multiplied)
}

/** A shape for each tensor; undefined where there is none. */
export function sizesIn(value: unknown): unknown {
  return value instanceof Tensor ? [...value.dims] : mapTree(value, each => [...each.dims])
}
