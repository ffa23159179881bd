// Attention in operations: what the tiled form is held to, and what takes over where its weights or second derivatives are wanted.
import { arange } from '../tensor/create.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Draw, runDropout } from './drop.ts'
import { permute, reshape } from './movement.ts'
import { add, lessEqual, logicalAnd, mul, notEqual, stopGradient, where } from './pointwise.ts'
import { product } from './product.ts'
import { max } from './reduce.ts'
import { softmax } from './softmax.ts'

/** What makes scores of queries and keys. */
export interface Scores {
  readonly heads: number
  readonly scale: number
  /** Query i sees the keys up to i + offset; all, if it is left out. */
  readonly offset: number | undefined
  /** bool, and float32. */
  readonly mask: Tensor | undefined
  readonly bias: Tensor | undefined
}

/** [b, t, heads * d] as [b, heads, t, d]. */
export function split(x: Tensor, heads: number): Tensor {
  const [batch, time, features] = x.dims
  return permute(reshape(x, [batch, time, heads, features / heads]), [0, 2, 1, 3])
}

/** The other way round. */
export function merged(x: Tensor): Tensor {
  const [batch, heads, time, features] = x.dims
  return reshape(permute(x, [0, 2, 1, 3]), [batch, time, heads * features])
}

/** softmax(scale q kᵀ + bias), [b, heads, tq, tk]; zeros in a row without any key. */
export function composedWeights(q: Tensor, k: Tensor, { heads, scale, mask, bias, offset }: Scores): Tensor {
  const tq = q.dims[1]
  let scores = product(split(mul(q, scale), heads), split(k, heads), false, true)
  if (bias) scores = add(scores, bias)
  let allowed = mask
  if (offset !== undefined) {
    const before = lessEqual(arange(k.dims[1]), reshape(arange(offset, offset + tq), [tq, 1]))
    allowed = allowed ? logicalAnd(allowed, before) : before
  }
  if (allowed) scores = where(allowed, scores, Number.NEGATIVE_INFINITY)
  if (!(allowed || bias) || scores.count === 0) return softmax(scores)
  // Where there is no key the softmax is taken of zeros, so that no NaN comes back from it.
  const isAny = notEqual(max(stopGradient(scores), -1, { keepDims: true }), Number.NEGATIVE_INFINITY)
  return where(isAny, softmax(where(isAny, scores, 0)), 0)
}

/** y and the weights, after dropout. */
export function composedAttention(q: Tensor, k: Tensor, v: Tensor, scores: Scores, draw: Draw | undefined): readonly [Tensor, Tensor] {
  const weights = composedWeights(q, k, scores)
  const kept = draw ? runDropout([weights], draw) : weights
  return [merged(product(kept, split(v, scores.heads), false, false)), kept]
}
