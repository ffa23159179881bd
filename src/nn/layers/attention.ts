import {
  checkBoolean,
  checkFunction,
  checkOptions,
  DTypeError,
  gaveNone,
  isRecord,
  refuseSurplus,
  ShapeError,
  typeError,
  written,
} from '../../errors.ts'
import { attention } from '../../ops/attention.ts'
import { checkShare } from '../../ops/told.ts'
import { CLONE } from '../../params/clone.ts'
import { isTraining } from '../../tape/mode.ts'
import { checkTensor } from '../../tape/operation.ts'
import { sameShape, show } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { type Cache, type CachePart, cached, cachePart, checkCache, declineCache, isCaching, isFromBefore } from '../cache.ts'
import { glorotUniform, type Initializer } from '../initializers.ts'
import { LINES } from '../label.ts'
import { type Layer, layer } from '../layer.ts'
import { checkFeatures, checkSizes, initial } from './checks.ts'
import { Dense, type DenseLayer } from './dense.ts'
import { labelOf } from './plain.ts'

/** The features of attention: one number for all, or those that come in (of q, k and v, where they differ), within (of queries and keys, and of values), and out. */
export type AttentionDims =
  | number
  | readonly [
      inputs: number | readonly [q: number, k: number, v: number],
      inner: number | readonly [queriesAndKeys: number, values: number],
      outputs: number,
    ]

/** What `MultiHeadAttention` can be told. */
export interface MultiHeadAttentionOptions {
  /** How many heads share the inner features; 8 by default. */
  readonly heads?: number | undefined
  /** Have the four projections a bias? */
  readonly bias?: boolean | undefined
  /** The probability with which a weight is dropped in training; 0 by default. */
  readonly dropout?: number | undefined
  /** Does a position see none that come later? So it can stand in a Chain; a call may say otherwise. */
  readonly causal?: boolean | undefined
  /** What queries and keys go through once they are projected, such as `RotaryPositions()`; nothing by default. */
  readonly positions?: AttentionPositions | undefined
  /** Makes the four weights; `glorotUniform` by default. */
  readonly init?: Initializer | undefined
}

/** A layer of positions, or a function: from [batch, time, inner] to the same, the first row at the position that it is told, of so many heads. */
export type AttentionPositions = (x: Tensor, options: { readonly positions: number; readonly heads: number }) => Tensor

/** What a call of a `MultiHeadAttention` can be told. */
export interface AttentionCallOptions {
  /** bool, true where a query may attend to a key; it broadcasts to [batch, heads, tq, tk]. */
  readonly mask?: Tensor | undefined
  /** Added to the scores; it broadcasts to [batch, heads, tq, tk]. */
  readonly bias?: Tensor | undefined
  /** Does a query see none of the keys that come later? The last query and the last key stand at one position. */
  readonly causal?: boolean | undefined
  /** true: it gives [y, weights], the weights of each head [batch, heads, tq, tk]. */
  readonly returnWeights?: boolean | undefined
  /** Keys and values of earlier calls come first, and these are kept for the next: k and v are the new positions alone. */
  readonly cache?: Cache | undefined
}

interface Fields {
  q: DenseLayer
  k: DenseLayer
  v: DenseLayer
  out: DenseLayer
  heads: number
  dropout: number
  causal: boolean
  positions: AttentionPositions | undefined
}

/** What a call gives, by its options. */
export type Attended<O> = O extends { readonly returnWeights: true } ? [y: Tensor, weights: Tensor] : Tensor

/** What `MultiHeadAttention` makes: called with q alone, with q and what is key and value, or with q, k and v, and options. */
export type MultiHeadAttentionLayer = {
  <O extends AttentionCallOptions = AttentionCallOptions>(q: Tensor, kv: Tensor, options?: O): Attended<O>
  <O extends AttentionCallOptions = AttentionCallOptions>(q: Tensor, k: Tensor, v: Tensor, options?: O): Attended<O>
  <O extends AttentionCallOptions = AttentionCallOptions>(q: Tensor, options?: O): Attended<O>
} & Readonly<Fields>

const NAME = 'MultiHeadAttention'

/**
 * Attention of several heads: in each head softmax(q kᵀ / √d + bias) v, with queries, keys, values and the result projected (Vaswani et al. 2017).
 *
 * `MultiHeadAttention(dims, { heads = 8, bias = false, dropout = 0, causal = false, positions, init = glorotUniform })`; dims are one number, or
 * `[in, inner, out]`, where in may be `[q, k, v]` and inner `[queriesAndKeys, values]`: Flux's `in => (qk, v) => out` is `[in, [qk, v], out]`. Heads are
 * contiguous blocks of the inner features; the projections are the Dense layers `q`, `k`, `v` and `out`.
 *
 * Called `(q, k, v, { mask, bias, causal, returnWeights, cache })`, `(q, kv)` or `(q)`: q [batch, tq, ...], k and v [batch, tk, ...] give [batch, tq, out];
 * with `returnWeights` [y, weights], the weights [batch, heads, tq, tk] after dropout. `mask` (bool, true may attend) and `bias` (added to the scores)
 * broadcast to [batch, heads, tq, tk]; for padded keys the mask is [batch, 1, 1, tk]. A query without any key gives what `out` makes of zeros. Dropout acts in
 * training. With `cache`, see `Cache`. `positions` is what queries and keys then go through, `RotaryPositions()`, which then has as many heads, or a function
 * `(x, { positions, heads })` that is told the first row's position: from 0, or from where the cache stands; where it is causal, the last query stands where the last key does.
 *
 * As Flux's, which gives [y, weights] always; PyTorch's `nn.MultiheadAttention` has a bias by default, means the opposite by its mask, and averages the weights
 * of the heads. Throws ShapeError for inputs, masks and biases that do not fit, DTypeError for inputs that are not float32 (tokens go through an `Embedding` first), a mask that is not bool and a bias that is, TypeError for sizes that are no
 * whole numbers from 1 and for heads that do not divide the inner ones, RangeError for a dropout outside [0, 1].
 *
 * @example
 * const attention = MultiHeadAttention(64, { heads: 4, causal: true })
 * attention(randn([2, 10, 64])).shape // [2, 10, 64]
 * const [y, weights] = attention(randn([2, 3, 64]), randn([2, 10, 64]), { causal: false, returnWeights: true })
 * weights.shape // [2, 4, 3, 10]
 * MultiHeadAttention(64, { heads: 4, causal: true, positions: RotaryPositions() })(zeros([1, 3, 64])).shape // [1, 3, 64]
 * MultiHeadAttention([[8, 6, 5], [16, 32], 4])(ones([1, 2, 8]), ones([1, 3, 6]), ones([1, 3, 5])).shape // [1, 2, 4]
 */
export function MultiHeadAttention(dims: AttentionDims, options: MultiHeadAttentionOptions = {}): MultiHeadAttentionLayer {
  if (arguments.length > 2) refuseSurplus(NAME, 2, arguments)
  const [inputs, inner, outputs] = sizesOf(dims)
  checkOptions(NAME, options, ['heads', 'bias', 'dropout', 'causal', 'positions', 'init'])
  const { heads = 8, bias = false, dropout = 0, causal = false, positions, init = glorotUniform } = options
  checkSizes(NAME, [heads], 'heads is how many there are.')
  const odd = inner.find(size => size % heads !== 0)
  if (odd !== undefined)
    throw typeError(NAME, 'heads divide the inner sizes', `${heads} came for ${odd}`, 'Write { heads: 4 }, or another size.')
  checkBoolean(NAME, 'bias', bias)
  checkBoolean(NAME, 'causal', causal)
  checkShare(NAME, dropout, 'dropout')
  if (positions !== undefined) {
    checkFunction(NAME, 'positions', positions)
    const { heads: own = heads } = positions as { readonly heads?: number }
    if (own !== heads) throw typeError(NAME, 'positions have the same heads', `${own} for ${heads}`)
  }
  const [qk, values] = inner
  const dense = (from: number, to: number) => Dense(initial(NAME, init, [to, from]), bias)
  const [q, k, v] = [dense(inputs[0], qk), dense(inputs[1], qk), dense(inputs[2], values)]
  const told = {
    heads: heads === 8 ? undefined : heads,
    bias: bias || undefined,
    dropout: dropout || undefined,
    causal: causal || undefined,
    positions,
  }
  return attentionOf({ q, k, v, out: dense(values, outputs), heads, dropout, causal, positions }, labelOf(NAME, [dims, told]))
}

/** The layer of these fields, which prints in one line. */
function attentionOf(fields: Fields, label: string): MultiHeadAttentionLayer {
  const made = layer(NAME, fields, forward, { label })
  const again = (copies: Fields) => attentionOf(copies, label)
  Object.defineProperties(made, { [CLONE]: { value: again, configurable: true }, [LINES]: { value: [], configurable: true } })
  return made as Layer<Fields, readonly unknown[], unknown> as MultiHeadAttentionLayer
}

/** The sizes that are written as one number, or one for several, in full. */
function sizesOf(dims: AttentionDims): [inputs: readonly number[], inner: readonly number[], outputs: number] {
  const [inputs, inner, outputs, ...rest] = Array.isArray(dims) ? dims : [dims, dims, dims]
  const each = (size: unknown, count: number): readonly unknown[] =>
    Array.isArray(size) && size.length === count ? size : new Array(count).fill(size)
  const all = [...each(inputs, 3), ...each(inner, 2), outputs, ...rest]
  const wayOut = 'Write a number, [in, inner, out], or [[q, k, v], [queriesAndKeys, values], out].'
  if (all.length !== 6) throw typeError(NAME, 'the sizes are one number, or three', written(dims), wayOut)
  checkSizes(NAME, all, wayOut)
  return [all.slice(0, 3), all.slice(3, 5), all[5]]
}

function forward(self: Fields, ...inputs: readonly unknown[]): Tensor | [Tensor, Tensor] {
  const last = inputs[inputs.length - 1]
  const hasOptions = inputs.length > 1 && isRecord(last) && !('dims' in last)
  const tensors = hasOptions ? inputs.slice(0, -1) : inputs
  if (tensors.length > 3) refuseSurplus(NAME, hasOptions ? 4 : 3, inputs, 'Write { mask }.')
  const [q, k = q, v = k] = tensors as [Tensor, Tensor?, Tensor?]
  const options = hasOptions ? (last as AttentionCallOptions) : {}
  if (hasOptions) checkCall(options)
  checkInputs(self, q, k, v)
  const { cache } = options
  if (cache === undefined) return attend(self, q, k, v, options)
  return cached(NAME, cache, () => attend(self, q, k, v, options))
}

function checkCall(options: AttentionCallOptions): void {
  checkOptions(NAME, options, ['mask', 'bias', 'causal', 'returnWeights', 'cache'])
  const { mask, bias, causal = false, returnWeights = false, cache } = options
  checkBoolean(NAME, 'causal', causal)
  checkBoolean(NAME, 'returnWeights', returnWeights)
  if (cache !== undefined) checkCache(NAME, cache)
  const wrong = (x: Tensor, problem: string, wayOut: string) => new DTypeError({ operation: NAME, problem, came: x.type, wayOut }, [x.type])
  if (bias !== undefined) checkTensor(NAME, bias)
  if (bias?.type === 'bool') throw wrong(bias, 'the bias is added to the scores, and is numbers', 'Write { mask } for what may attend.')
  if (mask === undefined) return
  checkTensor(NAME, mask)
  if (mask.type === 'bool') return
  const wayOut = "Write mask.cast('bool'), or { bias } for what is added."
  throw wrong(mask, 'the mask is bool, true where a query may attend', wayOut)
}

/** Throws ShapeError for inputs that do not fit the projections, or each other. */
function checkInputs(self: Fields, q: Tensor, k: Tensor, v: Tensor): void {
  checkInput('q', q, self.q)
  if (k === q && v === q && self.k.weight.dims[1] === q.dims[2] && self.v.weight.dims[1] === q.dims[2]) return
  checkInput('k', k, self.k)
  checkInput('v', v, self.v)
  if (k.dims[0] === q.dims[0] && v.dims[0] === q.dims[0] && k.dims[1] === v.dims[1]) return
  const came = [q, k, v].map(({ dims }) => show(dims)).join(', ')
  const problem = 'q, k and v have one batch, k and v as many positions'
  throw new ShapeError({ operation: NAME, problem, came }, [q.dims, k.dims, v.dims])
}

function checkInput(what: string, x: Tensor, { weight }: DenseLayer): void {
  checkFeatures(NAME, x, what)
  const size = weight.dims[1]
  if (x.rank === 3 && x.dims[2] === size) return
  const wayOut = x.rank === 2 && x.dims[1] === size ? 'Write x.expandDims(0) for one sequence.' : ''
  throw new ShapeError({ operation: NAME, problem: `${what} is [batch, time, ${size}]`, came: show(x.dims), wayOut }, [x.dims])
}

function attend(self: Fields, q: Tensor, k: Tensor, v: Tensor, options: AttentionCallOptions): Tensor | [Tensor, Tensor] {
  const { mask, bias, causal = self.causal, returnWeights } = options
  let [queries, keys, values] = [self.q(q), self.k(k), self.v(v)]
  const part = isCaching() ? partOf(self, [q, k, v], causal, options) : undefined
  if (self.positions) {
    // Where all keys were there before, the queries alone move on.
    const offset = part ? part.offset : (cachePart(self)?.advance(q.dims[1]) ?? 0)
    queries = placed(self, queries, causal ? offset + k.dims[1] - q.dims[1] : offset)
    keys = placed(self, keys, part ? offset : 0)
  }
  if (part) [keys, values] = part.grow([keys, values])
  const dropout = self.dropout > 0 && isTraining(self) ? self.dropout : 0
  const told = { heads: self.heads, causal, mask, bias, dropout, returnWeights, name: NAME }
  const result = attention(queries, keys, values, told)
  if (!Array.isArray(result)) return self.out(result as Tensor)
  const [y, weights] = result as [Tensor, Tensor]
  return [self.out(y), weights]
}

/** The rows where they stand. */
function placed({ positions, heads }: Fields, x: Tensor, from: number): Tensor {
  const y: unknown = positions?.(x, { positions: from, heads })
  if (!(y instanceof Tensor)) throw gaveNone(NAME, 'positions', y)
  if (sameShape(x.dims, y.dims)) return y
  const came = `${show(y.dims)} for ${show(x.dims)}`
  throw new ShapeError({ operation: NAME, problem: 'positions keep the shape', came }, [x.dims, y.dims])
}

/** What the layer keeps in the cache of the call that is running; undefined where it needs none, because keys and values were there before. */
function partOf(
  self: object,
  [q, k, v]: readonly Tensor[],
  causal: boolean,
  { mask, bias, cache }: AttentionCallOptions,
): CachePart | undefined {
  const ofItself = k === q && v === q
  if (cache === undefined) {
    const others = [k, v, mask, bias].filter(each => each !== undefined)
    if (!ofItself && !causal && others.every(isFromBefore)) return undefined
    const why = !ofItself
      ? 'keys and values are not the input'
      : !causal
        ? 'attention that is not causal sees what comes later'
        : mask || bias
          ? `a ${mask ? 'mask' : 'bias'} does not know of the positions before`
          : ''
    if (why)
      declineCache(NAME, why, ofItself && !causal ? 'Write { causal: true }.' : 'Pass { cache } to the layer, with all in it for all keys.')
  }
  return cachePart(self)
}
