// What all losses have in common: their options, and a prediction and a target of one shape.
import { checkNumber, checkOptions, kindOf, rangeError, ShapeError, typeError } from '../../errors.ts'
import { cast } from '../../ops/pointwise.ts'
import { mean } from '../../ops/reduce.ts'
import { composed } from '../../tape/composed.ts'
import { checkTensor, isTensor } from '../../tape/operation.ts'
import { full } from '../../tensor/create.ts'
import { type Shape, sameShape, show } from '../../tensor/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/** float32's machine epsilon: what Flux adds before a logarithm. */
export const EPSILON = 1.1920928955078125e-7

/** The smallest normal number: in place of no epsilon it changes no probability, and keeps 0 times infinity out of gradients. */
export const TINY = 1.1754943508222875e-38

/** What every loss can be told. */
export interface LossOptions {
  /** From the loss of each element or sample to the result: `mean` (default), `sum`, `identity`, or a function of your own. */
  readonly agg?: ((losses: Tensor) => Tensor) | undefined
}

/** A target: of the prediction's shape, or one number for all. */
export type Target = Tensor | number

/** The numbers of a loss by name, with what they are where nobody says otherwise. */
export type Numbers = Readonly<Record<string, number>>

/** Those of them that are given in the options. */
export type Given<N extends Numbers> = { readonly [Name in keyof N]?: number | undefined }

/**
 * Makes a loss of (prediction, target, options), which knows `agg`, its numbers and the options `others`; `formula` is given the numbers whole,
 * and the loss's name for what it throws.
 */
export function loss<N extends Numbers, T, Others extends LossOptions>(
  name: string,
  numbers: N,
  others: readonly string[],
  formula: (prediction: Tensor, target: T, options: Others, numbers: N, name: string) => Tensor,
): (prediction: Tensor, target: T, options?: Others & Given<N>) => Tensor {
  const names = Object.keys(numbers)
  const known = ['agg', ...others, ...names]
  const none = {} as Others & Given<N>
  return composed(name, 3, (prediction: Tensor, target: T, options: Others & Given<N> = none): Tensor => {
    if (options !== none) checkOptions(name, options, known)
    const y: unknown = formula(prediction, target, options, names.length === 0 ? numbers : whole(name, numbers, options), name)
    if (isTensor(y)) return y
    throw typeError(name, 'agg gives a tensor', `${kindOf(y)} came`, 'Write { agg: sum }, with the sum, mean or identity of fluxtape.')
  })
}

/** What a number of a loss may be, where that is not what most are. */
const RANGES: Readonly<Record<string, string>> = { beta: 'It lies from 0 to 1.', delta: 'It is finite and above 0.' }

/** The numbers, but for those that the options give. Throws RangeError for one that no loss can be made of. */
function whole<N extends Numbers>(name: string, numbers: N, options: Given<N>): N {
  const all: Record<string, number> = { ...numbers }
  for (const each in numbers) {
    const value: unknown = options[each] === undefined ? numbers[each] : options[each]
    checkNumber(name, each, value)
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY) || (each === 'beta' && value > 1) || (each === 'delta' && value === 0)) {
      throw rangeError(name, `${each} is out of range`, `${value}`, RANGES[each] ?? 'It is finite and not negative.')
    }
    all[each] = value
  }
  return all as N
}

/** A loss of each element: of a prediction and a target of its shape, both as float32. */
export function elementwise<N extends Numbers>(
  name: string,
  numbers: N,
  formula: (prediction: Tensor, target: Target, numbers: N, name: string) => Tensor,
): (prediction: Tensor, target: Target, options?: LossOptions & Given<N>) => Tensor {
  return loss(name, numbers, [], (prediction, target: Target, options: LossOptions, all) => {
    matched(name, prediction, target)
    const y = typeof target === 'number' ? target : cast(target, 'float32')
    return aggregation(name, options)(formula(cast(prediction, 'float32'), y, all, name))
  })
}

/** The `agg` of a loss, which a habit from elsewhere takes for a word. */
export function aggregation(name: string, { agg = mean }: LossOptions): (losses: Tensor) => Tensor {
  if (typeof agg === 'function') return agg
  throw typeError(name, 'agg is a function', `${kindOf(agg)} came`, 'Write { agg: sum }, with the sum, mean or identity of fluxtape.')
}

/** A target as a tensor. */
export function asTensor(target: Target): Tensor {
  return typeof target === 'number' ? full([], target) : target
}

/** Throws ShapeError unless the target has the prediction's shape, or is one number. */
export function matched(name: string, prediction: Tensor, target: Target): void {
  checkTensor(name, prediction)
  if (typeof target === 'number') return
  checkTensor(name, target)
  if (sameShape(prediction.dims, target.dims) || target.rank === 0) return
  throw new ShapeError(
    {
      operation: name,
      problem: 'prediction and target differ in shape',
      came: `${show(prediction.dims)} and ${show(target.dims)}`,
      wayOut: `Losses do not broadcast: ${trimmed(prediction.dims, target.dims) ?? 'reshape one of them'}. The prediction comes first.`,
    },
    [prediction.dims, target.dims],
  )
}

/** How one of two shapes becomes the other, where a last axis of 1 is all that they differ by. */
function trimmed(prediction: Shape, target: Shape): string | undefined {
  if (sameShape(prediction, [...target, 1])) return 'write prediction.squeeze(-1)'
  return sameShape([...prediction, 1], target) ? 'write target.squeeze(-1)' : undefined
}
