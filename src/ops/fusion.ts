import { isTrackedTwice } from '../tape/level.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Activation, type Epilogue, traitsOf } from './epilogue.ts'

/**
 * Which fused paths are taken. Each gives the result of its composed form but for rounding, and the tests hold it to that; switching one off
 * is for them and for finding out what a fusion is worth.
 */
export const fusion = {
  /** logitCrossEntropy with integer classes on the last axis, without weights: one kernel forward, one backward. */
  crossEntropy: true,
  /** ctc: one kernel forward and one backward, instead of some operations for each time step. */
  ctc: true,
  /** Attention in tiles, without the matrix of scores. */
  attention: true,
  /** The bias of `linear` is added while the product is written. */
  bias: true,
  /** relu behind `linear` in a Dense is computed while the product is written, and its derivative once for all three gradients. */
  activation: true,
  /** gelu, sigmoid and tanh compute their derivatives with their values, as an extra. */
  slopes: true,
  /** The cotangent of a part is added to the sum that it belongs to, in place; otherwise it becomes a tensor of zeros around it, and they are added. */
  parts: true,
  /** Norms in one kernel forward and one or two backward, with scale, bias and relu. */
  normalization: true,
  /** A recurrent layer's whole sequence is one operation, one kernel forward and one backward; otherwise some operations for each time step. */
  recurrent: true,
  /** One kernel call takes the step of a rule with all parameters, and subtracts it; otherwise each step is computed, then subtracted. */
  optimizer: true,
}

/**
 * Is the fused form of an operation taken? Where it may be differentiated twice the composed form is, whose pullbacks are operations: those of
 * the fused one need no derivative but by the cotangent, which `back` may get from another gradient.
 */
export function isFused(isOn: boolean, inputs: readonly (Tensor | undefined)[]): boolean {
  return isOn && !isTrackedTwice(inputs)
}

export const PLAIN: Epilogue = { number: 0 }

/**
 * The epilogue by which an activation is computed while a product or a convolution is written, of two factors and perhaps a bias; undefined where
 * it comes behind.
 */
export function epilogueOf(activation: Activation, inputs: readonly (Tensor | undefined)[]): Epilogue | undefined {
  const { epilogue } = traitsOf(activation)
  const isOn = fusion.activation && (fusion.bias || inputs[2] === undefined)
  return epilogue && isFused(isOn, inputs) ? epilogue : undefined
}
