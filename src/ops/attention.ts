// Scaled dot-product attention (Vaswani et al. 2017). Heads are contiguous blocks of features.
import { ShapeError } from '../errors.ts'
import { isTracked } from '../tape/level.ts'
import { takeStreams } from '../tensor/random.ts'
import { type Shape, show } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { composedAttention } from './composed-attention.ts'
import { fusion, isFused } from './fusion.ts'
import { reshape } from './movement.ts'
import { pad } from './padding.ts'
import { cast } from './pointwise.ts'
import { section } from './ranges.ts'
import { tiledAttention } from './tiled-attention.ts'

/** What `attention` is told. */
export interface AttentionOptions {
  readonly heads: number
  /** Query i sees the keys up to i + offset; the last query sees all by default, so keys of a cache come first. */
  readonly causal?: boolean | undefined
  readonly offset?: number | undefined
  /** True where a query may attend, broadcast to [b, heads, tq, tk]. */
  readonly mask?: Tensor | undefined
  /** Added to the scores, broadcast likewise. */
  readonly bias?: Tensor | undefined
  /** The probability with which each weight is dropped. */
  readonly dropout?: number | undefined
  readonly returnWeights?: boolean | undefined
  /** Who calls it. */
  readonly name?: string | undefined
}

/** Throws ShapeError for a mask or a bias that is not broadcast to the scores. */
function checkScores(operation: string, what: string, x: Tensor | undefined, shape: Shape): void {
  if (x === undefined) return
  const from = shape.length - x.rank
  if (from >= 0 && x.dims.every((size, i) => size === 1 || size === shape[from + i])) return
  const wayOut = 'It broadcasts to [batch, heads, queries, keys].'
  throw new ShapeError({ operation, problem: `the ${what} does not fit the scores`, came: `${show(x.dims)} and ${show(shape)}`, wayOut }, [
    x.dims,
    shape,
  ])
}

/** The features of each head filled up with zeros to a multiple of 4, as the kernels take them. */
function filled(x: Tensor, heads: number): Tensor {
  const [batch, time, features] = x.dims
  const size = features / heads
  const more = -size & 3
  if (more === 0) return x
  const wide = pad(reshape(x, [batch, time, heads, size]), [[0, 0], [0, 0], [0, 0], [0, more]]) // biome-ignore format: a row
  return reshape(wide, [batch, time, heads * (size + more)])
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
  const { heads, causal, dropout: p = 0, returnWeights, name = 'attention' } = options
  const [batch, tq, features] = q.dims
  const tk = k.dims[1]
  checkScores(name, 'mask', options.mask, [batch, heads, tq, tk])
  checkScores(name, 'bias', options.bias, [batch, heads, tq, tk])
  const [queries, keys, values] = [q, k, v].map(x => cast(x, 'float32'))
  const mask = options.mask && cast(options.mask, 'bool')
  const bias = options.bias && cast(options.bias, 'float32')
  const offset = causal ? (options.offset ?? tk - tq) : undefined
  const scores = { heads, scale: 1 / Math.sqrt(features / heads), offset, mask, bias }
  const draw = p > 0 ? { p, ...takeStreams(1) } : undefined
  const isTiled = !returnWeights && q.count > 0 && k.count > 0 && v.count > 0 && !(bias && isTracked(bias))
  if (!isTiled || !isFused(fusion.attention, [queries, keys, values])) {
    const [y, weights] = composedAttention(queries, keys, values, scores, draw)
    return returnWeights ? [y, weights] : y
  }
  const y = tiledAttention(filled(queries, heads), filled(keys, heads), filled(values, heads), scores, draw)
  if (y.dims[2] === v.dims[2]) return y
  const size = v.dims[2] / heads
  return reshape(section(reshape(y, [batch, tq, heads, -1]), 3, 0, size), [batch, tq, heads * size])
}
