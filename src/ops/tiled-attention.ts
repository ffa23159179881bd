// Attention in tiles (assembly/attention.ts): one kernel forward, one backward.
import { present, several } from '../tape/operation.ts'
import { broadcastSteps, type Shape } from '../tensor/shape.ts'
import { observer, Storage } from '../tensor/storage.ts'
import { make, type Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { type Address, behind, type Key, NONE, type Real } from '../wasm/kinds.ts'
import { composedWeights, merged, type Scores, split } from './composed-attention.ts'
import { type Draw, keptScale, runDropout } from './drop.ts'
import { sum } from './movement.ts'
import { add, mul, sub } from './pointwise.ts'
import { product } from './product.ts'

/** What the kernels are told besides tensors. */
interface Plan {
  readonly heads: number
  readonly offset: number
  readonly scale: number
  readonly draw: Draw | undefined
  readonly hasMask: boolean
  readonly hasBias: boolean
}

interface Saves {
  [name: string]: unknown
  readonly q: Tensor
  readonly k: Tensor
  readonly v: Tensor
  readonly mask: Tensor | undefined
  readonly bias: Tensor | undefined
  readonly y: Tensor
  readonly stats: Tensor
}

function saved(xs: readonly Tensor[], plan: Plan) {
  const [q, k, v] = xs
  return { q, k, v, ...scoresOf(xs, 3, plan) }
}

/** Queries of a tile. */
const SIDE = 64
/** As much scratch memory as so many units need is taken, so units are larger where there would be more. */
const MOST_UNITS = 256
/** Units backward, at least: where there are fewer heads, each is split among several. */
const LEAST_UNITS = 8
/** No key lies so far. */
const FAR = 2 ** 30

/** Mask and bias among the inputs from `at` on. */
function scoresOf(xs: readonly Tensor[], at: number, { hasMask, hasBias }: Plan) {
  return { mask: hasMask ? xs[at] : undefined, bias: hasBias ? xs[at + (hasMask ? 1 : 0)] : undefined }
}

interface Sizes {
  readonly batch: number
  readonly tq: number
  readonly tk: number
  readonly d: number
  readonly e: number
}

function sizesOf([[batch, tq, features], [, tk], [, , values]]: readonly Shape[], { heads }: Plan): Sizes {
  return { batch, tq, tk, d: features / heads, e: values / heads }
}

/** How many units there are of `total` pieces, and how many pieces each has. */
function unitsOf(total: number): { units: number; each: number } {
  const each = Math.ceil(total / MOST_UNITS)
  return { units: Math.ceil(total / each), each }
}

type Given = { readonly [Name in 'y' | 'stats' | 'g' | 'ofQ' | 'ofK' | 'ofV']?: Address | undefined }

/** Calls `run` with the words of a kernel and scratch memory for so many units, which hold `tiles` tiles and rows of `floats` beside them. */
function within(
  out: Tensor,
  xs: readonly Tensor[],
  plan: Plan,
  given: Given,
  pieces: { readonly each: number; readonly units: number; readonly splits: number; readonly tiles: number; readonly floats: number },
  run: (words: kernels.Attention, units: number) => void,
): void {
  if (out.storage.isNowhere) return
  const { heads, offset, scale, draw } = plan
  const sizes = sizesOf(
    xs.map(({ dims }) => dims),
    plan,
  )
  const { batch, tq, tk } = sizes
  const [q, k, v] = xs.map(({ pointer }) => pointer)
  const { mask, bias } = scoresOf(xs, 3, plan)
  const steps = (x: Tensor | undefined) => (x ? broadcastSteps(x.dims, [batch, heads, tq, tk]) : [0, 0, 0, 0])
  const [maskB, maskH, maskQ, maskK] = steps(mask)
  const [biasB, biasH, biasQ, biasK] = steps(bias)
  const { each, units, splits, tiles, floats } = pieces
  const area = 1536 + 4 * SIDE * floats + 4 * SIDE * SIDE * (tiles + (draw ? 1 : 0))
  out.scratch = new Storage(area * units + 64)
  const { pointer } = out.scratch
  const { y = NONE, stats = NONE, g = NONE, ofQ = NONE, ofK = NONE, ofV = NONE } = given
  if (draw) kernels.attentionStream(pointer, ...(draw.key as readonly [Key, Key]), draw.stream, 1)
  const words = { q, k, v, y, stats, mask: mask?.pointer ?? NONE, bias: bias?.pointer ?? NONE, g, ofQ, ofK, ofV }
  const p = draw ? draw.p : 0
  const told = { offset, scale: scale as Real, p: p as Real, kept: keptScale(p), drawn: draw ? pointer : NONE }
  const strides = { maskB, maskH, maskQ, maskK, biasB, biasH, biasQ, biasK }
  run({ ...words, scratch: behind(pointer, 64), area, heads, ...sizes, ...strides, ...told, each, splits }, units)
  out.endScratch()
}

const runAttention = /* @__PURE__ */ several<Plan, Saves>({
  name: 'attention',
  results: ([q, , v]) => [[[q[0], q[1], v[2]], 'float32']],
  extras: ([q], { heads }) => ({ stats: [[2, q[0], heads, q[1]], 'float32'] }),
  forward([y], xs, plan, extras) {
    const { batch, tq, tk, d, e } = sizesOf(
      xs.map(({ dims }) => dims),
      plan,
    )
    observer?.multiplied?.(batch * plan.heads * tq * tk * (d + e))
    const pieces = { ...unitsOf(batch * plan.heads * Math.ceil(tq / SIDE)), splits: 1, tiles: 1, floats: d }
    const cost = pieces.each * Math.min(tq, SIDE) * tk * (d + e)
    within(y, xs, plan, { y: y.pointer, stats: extras?.stats?.pointer }, pieces, (words, units) => kernels.attention(words, units, cost))
  },
  save: ([y], xs, plan) => ({ ...saved(xs, plan), y }),
  joint: ([g], { q, k, v, mask, bias, y, stats }, plan) => runGradient(present([q, k, v, mask, bias, y, stats, g]), plan),
})

const runGradient: (inputs: readonly Tensor[], plan: Plan) => readonly Tensor[] = /* @__PURE__ */ several<Plan, Saves>({
  name: 'attentionGradient',
  results: ([q, k, v]) => [q, k, v].map(shape => [shape, 'float32'] as const),
  forward([ofQ, ofK, ofV], xs, plan) {
    const [y, stats, g] = xs.slice(-3)
    const { batch, tq, tk, d, e } = sizesOf(
      xs.map(({ dims }) => dims),
      plan,
    )
    const all = batch * plan.heads
    const splits = Math.min(Math.ceil(LEAST_UNITS / all), Math.ceil(tq / SIDE))
    const parts = splits > 1 ? make([splits * (ofK.count + ofV.count)], 'float32') : undefined
    try {
      const sums = parts ? [parts.pointer, behind(parts.pointer, 4 * splits * ofK.count)] : [ofK.pointer, ofV.pointer]
      const given = { y: y.pointer, stats: stats.pointer, g: g.pointer, ofQ: ofQ.pointer, ofK: sums[0], ofV: sums[1] }
      const pieces = { ...unitsOf(all * splits), splits, tiles: 2, floats: d + e }
      const cost = (pieces.each * tq * tk * (3 * d + 2 * e)) / splits
      within(ofQ, xs, plan, given, pieces, (words, units) => kernels.attentionGradient(words, units, cost))
      if (parts) for (const [i, x] of [ofK, ofV].entries()) kernels.sum(sums[i], x.pointer, splits, x.count, x.count, splits)
    } finally {
      parts?.dispose()
    }
  },
  save: (_, xs, plan) => saved(xs, plan),
  // By the cotangent alone, in which it is linear: where q, k or v are differentiated again, the composed form runs.
  joint([hQ, hK, hV], { q, k, v, mask, bias }, plan) {
    const { heads, draw, scale } = plan
    const heard = (x: Tensor) => split(x, heads)
    const weights = composedWeights(q, k, { ...plan, mask, bias })
    const dropped = (x: Tensor) => (draw ? runDropout([x], draw) : x)
    const scores = present([hQ && product(heard(hQ), heard(k), false, true), hK && product(heard(q), heard(hK), false, true)])
    const parts: Tensor[] = []
    if (scores.length > 0) {
      const h = mul(scores.length > 1 ? add(scores[0], scores[1]) : scores[0], scale)
      const moved = mul(weights, sub(h, sum(mul(weights, h), -1, { keepDims: true })))
      parts.push(product(dropped(moved), heard(v), false, false))
    }
    if (hV) parts.push(product(dropped(weights), heard(hV), false, false))
    const g = merged(parts.length > 1 ? add(parts[0], parts[1]) : parts[0])
    return [...present([q, k, v, mask, bias]).map(() => undefined), undefined, undefined, g]
  },
})

/** The same as `composedAttention`, of sizes of heads that are multiples of 4, of at least one query and one key. */
export function tiledAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { heads, scale, offset, mask, bias }: Scores,
  draw: Draw | undefined,
): Tensor {
  const plan = {
    heads,
    scale,
    draw,
    offset: Math.max(-FAR, Math.min(offset ?? FAR, FAR)),
    hasMask: mask !== undefined,
    hasBias: bias !== undefined,
  }
  return runAttention(present([q, k, v, mask, bias]), plan)[0]
}
