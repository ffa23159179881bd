/** Gradient rows of attention, by plain loops. */
import type { Tensor } from 'fluxtape'
import { manualSeed, tensor } from 'fluxtape'
import { type AttentionOptions, attention } from '../../src/ops/attention.ts'
import type { Row } from './check.ts'
import { build, type Float64, read } from './float64.ts'

type Sizes = readonly [batch: number, tq: number, tk: number, heads: number, d: number, e: number]

/** What a score is added, -Infinity where it is forbidden, and what a weight is multiplied by. */
interface Told {
  readonly score?: (b: number, h: number, i: number, j: number) => number
  readonly kept?: (place: number) => number
}

function reference([b, tq, tk, heads, d, e]: Sizes, [q, k, v]: readonly Float64[], { score = () => 0, kept = () => 1 }: Told): Float64 {
  return build([b, tq, heads * e], ([n, i, c]) => {
    const h = Math.floor(c / e)
    const scores = Array.from({ length: tk }, (_, j) => {
      let sum = 0
      for (let f = h * d; f < (h + 1) * d; f++) sum += read(q, [n, i, f]) * read(k, [n, j, f])
      return sum / Math.sqrt(d) + score(n, h, i, j)
    })
    const largest = Math.max(...scores)
    if (largest === Number.NEGATIVE_INFINITY) return 0
    const weights = scores.map(each => Math.exp(each - largest))
    const total = weights.reduce((sum, each) => sum + each)
    return weights.reduce((sum, each, j) => sum + (each / total) * kept(((n * heads + h) * tq + i) * tk + j) * read(v, [n, j, c]), 0)
  })
}

const row = (name: string, sizes: Sizes, options: Partial<AttentionOptions> = {}, told: Told = {}): Row => {
  const [b, tq, tk, heads, d, e] = sizes
  return {
    op: 'attention',
    name,
    shapes: [
      [b, tq, heads * d],
      [b, tk, heads * d],
      [b, tk, heads * e],
    ],
    domain: [-1, 1],
    run: (q: Tensor, k: Tensor, v: Tensor) => {
      manualSeed(5)
      return attention(q, k, v, { heads, ...options, returnWeights: false })
    },
    reference: xs => reference(sizes, xs, told),
    ulp: 8,
    cancels: true,
  }
}

const mask = [true, false, true, false, false, false]
const bias = [0.5, -1, 0, 0.25, 1, -0.5]
const forbidden = (isAllowed: boolean) => (isAllowed ? 0 : Number.NEGATIVE_INFINITY)

export const attentionRows: readonly Row[] = [
  row('one head', [1, 2, 3, 1, 4, 4]),
  row('heads of 3, of 2 values', [2, 2, 3, 2, 3, 2]),
  row('more than few queries', [1, 5, 2, 1, 4, 4]),
  row('causal', [1, 3, 3, 1, 4, 4], { causal: true }, { score: (_, __, i, j) => forbidden(j <= i) }),
  row(
    'a mask, no key in a row',
    [1, 2, 3, 1, 4, 4],
    { mask: tensor([mask.slice(0, 3), mask.slice(3)]) },
    { score: (_, __, i, j) => forbidden(mask[3 * i + j]) },
  ),
  row('a bias', [1, 2, 3, 1, 4, 4], { bias: tensor([bias.slice(0, 3), bias.slice(3)]) }, { score: (_, __, i, j) => bias[3 * i + j] }),
]
