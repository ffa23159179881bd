import { checkFunction, refuseSurplus, ShapeError, typeError } from '../errors.ts'
import { cast } from '../ops/pointwise.ts'
import { isRecording, record, unrecorded } from '../tape/level.ts'
import { checkTensor, type Entry } from '../tape/operation.ts'
import { zerosLike } from '../tensor/create.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { ownedAlias, type Tensor } from '../tensor/tensor.ts'

/**
 * A function with a gradient of one's own (Zygote's `@adjoint`): `f` computes from tensors without being recorded, `pullback` gets the
 * cotangent of the result, the inputs and the result, and returns the cotangent of each input (one tensor, or a list; undefined: none).
 * Written in operations, it can be differentiated again. Throws ShapeError for a cotangent that has not
 * the shape of its input, TypeError for more of them than inputs and for what is no tensor.
 *
 * @example
 * const clipped = customGradient(x => x, g => g.clamp(-1, 1))
 * gradient(x => clipped(x).mul(5), 2)[0].item() // 1
 */
export function customGradient<Inputs extends readonly Tensor[]>(
  f: (...inputs: Inputs) => Tensor,
  pullback: (g: Tensor, inputs: Inputs, result: Tensor) => Tensor | readonly (Tensor | undefined)[],
): (...inputs: Inputs) => Tensor {
  if (arguments.length > 2) refuseSurplus('customGradient', 2, arguments)
  checkFunction('customGradient', 'the first argument', f)
  checkFunction('customGradient', 'the pullback', pullback)
  const entry: Entry = {
    name: 'customGradient',
    differentiable: () => true,
    save: (result, xs) => ({ result, ...xs }),
    joint([g], { result, ...xs }, _, wanted) {
      const inputs = Object.values(xs) as unknown as Inputs
      const cotangents = pullback(g as Tensor, inputs, result as Tensor)
      if (!Array.isArray(cotangents)) checkTensor('customGradient', cotangents)
      const list: readonly unknown[] = Array.isArray(cotangents) ? cotangents : [cotangents]
      if (list.length > inputs.length) {
        throw typeError('customGradient', `the pullback gives a cotangent for each of the ${inputs.length} inputs`, `${list.length} came`)
      }
      return inputs.map((input, i) => (wanted[i] ? cotangentOf(input, list[i]) : undefined))
    },
  }
  return (...inputs) => {
    for (const input of inputs) checkTensor('customGradient', input)
    const result = unrecorded(() => f(...inputs))
    checkTensor('customGradient', result)
    const y = inputs.includes(result) ? ownedAlias(result, result.dims) : result
    if (isRecording()) record(entry, inputs, y, undefined)
    return y
  }
}

/** A cotangent of the user's for an input; zeros where there is none. */
function cotangentOf(input: Tensor, given: unknown): Tensor {
  if (given === undefined) return zerosLike(input)
  checkTensor('customGradient', given)
  // What is made of comparisons counts, too.
  if (sameShape(given.dims, input.dims)) return cast(given, 'float32')
  throw new ShapeError(
    {
      operation: 'customGradient',
      problem: 'the cotangent must have the shape of its input',
      came: `${show(given.dims)} for ${show(input.dims)}`,
    },
    [given.dims, input.dims],
  )
}
