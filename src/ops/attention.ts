// Scaled dot-product attention (Vaswani et al. 2017). Heads are contiguous blocks of features.
import { ShapeError } from '../errors.ts'
import { arange } from '../tensor/create.ts'
import { type Shape, show } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { dropout } from './dropping.ts'
import { permute, reshape } from './movement.ts'
import { add, cast, lessEqual, logicalAnd, mul, notEqual, stopGradient, where } from './pointwise.ts'
import { product } from './product.ts'
import { max } from './reduce.ts'
import { softmax } from './softmax.ts'

/** What `attention` is told. */
export interface AttentionOptions {
  readonly heads: number
  /** Query i sees the keys up to i + offset; the last query sees all by default, so keys of a cache come first. */
  readonly causal?: boolean | undefined
  readonly offset?: number | undefined
  /** True where a query may attend, bool, broadcast to [b, heads, tq, tk]. */
  readonly mask?: Tensor | undefined
  /** Added to the scores, broadcast likewise. */
  readonly bias?: Tensor | undefined
  /** The probability with which each weight is dropped. */
  readonly dropout?: number | undefined
  readonly returnWeights?: boolean | undefined
}

/** [b, t, heads * d] as [b, heads, t, d]. */
function split(x: Tensor, heads: number): Tensor {
  const [batch, time, features] = x.dims
  return permute(reshape(x, [batch, time, heads, features / heads]), [0, 2, 1, 3])
}

/** Throws ShapeError for a mask or a bias that is not broadcast to the scores. */
function checkScores(what: string, x: Tensor | undefined, shape: Shape): void {
  if (x === undefined) return
  const from = shape.length - x.rank
  if (from >= 0 && x.dims.every((size, i) => size === 1 || size === shape[from + i])) return
  const wayOut = `It broadcasts to [batch, heads, queries, keys].`
  throw new ShapeError(
    { operation: 'attention', problem: `the ${what} does not fit the scores`, came: `${show(x.dims)} and ${show(shape)}`, wayOut },
    [x.dims, shape],
  )
}

/** Which keys each query may attend to: [tq, tk]. */
function causalMask(tq: number, tk: number, offset: number): Tensor {
  return lessEqual(arange(tk), reshape(arange(offset, offset + tq), [tq, 1]))
}

/** softmax(q kᵀ / √d + bias), [b, heads, tq, tk]; zeros in a row without any key. */
function weightsOf(q: Tensor, k: Tensor, { heads, causal, mask, bias, offset }: AttentionOptions): Tensor {
  const [, tq, features] = q.dims
  const tk = k.dims[1]
  const scaled = mul(q, 1 / Math.sqrt(features / heads))
  let scores = product(split(scaled, heads), split(k, heads), false, true)
  if (bias) scores = add(scores, bias)
  let allowed = mask && cast(mask, 'bool')
  if (causal) {
    const before = causalMask(tq, tk, offset ?? tk - tq)
    allowed = allowed ? logicalAnd(allowed, before) : before
  }
  if (allowed) scores = where(allowed, scores, Number.NEGATIVE_INFINITY)
  if (!(allowed || bias) || scores.count === 0) return softmax(scores)
  // Where there is no key the softmax is taken of zeros, so that no NaN comes back from it.
  const isAny = notEqual(max(stopGradient(scores), -1, { keepDims: true }), Number.NEGATIVE_INFINITY)
  return where(isAny, softmax(where(isAny, scores, 0)), 0)
}

/** Attention in operations. */
export function composedAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): readonly [Tensor, Tensor] {
  const { heads, dropout: p = 0 } = options
  const weights = weightsOf(q, k, options)
  const kept = p > 0 ? dropout(weights, p) : weights
  const y = permute(product(kept, split(v, heads), false, false), [0, 2, 1, 3])
  return [reshape(y, [q.dims[0], q.dims[1], v.dims[2]]), kept]
}

/**
 * softmax(q kᵀ / √d + bias) v in each head: q [b, tq, heads * d], k [b, tk, heads * d], v [b, tk, heads * e], the result [b, tq, heads * e], and with
 * `returnWeights` [y, weights], the latter [b, heads, tq, tk]. A query without any key gives zeros. float32. Throws ShapeError for a mask or a bias that
 * does not fit; the sizes of q, k and v are checked by who calls.
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions & { readonly returnWeights: true },
): readonly [Tensor, Tensor]
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions & { readonly returnWeights?: false | undefined },
): Tensor
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor | readonly [Tensor, Tensor]
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor | readonly [Tensor, Tensor] {
  const scores = [q.dims[0], options.heads, q.dims[1], k.dims[1]]
  checkScores('mask', options.mask, scores)
  checkScores('bias', options.bias, scores)
  const [y, weights] = composedAttention(q, k, v, options)
  return options.returnWeights ? [y, weights] : y
}
