/** Attention in tiles is held to its composed form: value and gradients, for every option and around the sides of tiles. */
import { bernoulli, gradient, manualSeed, randn, type Tensor, tensor } from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { type AttentionOptions, attention } from '../../src/ops/attention.ts'
import { unfused } from './unfused.ts'

interface Row {
  readonly name: string
  /** Batch, queries, keys, heads, features of a head of q, of v. */
  readonly sizes: readonly [number, number, number, number, number, number]
  readonly options?: Partial<AttentionOptions> | (() => Partial<AttentionOptions>)
  /** What q is multiplied by. */
  readonly factor?: number
}

const chance = (shape: readonly number[], p = 0.6) => bernoulli(p, shape).cast('bool')

const rows: readonly Row[] = [
  ...[1, 3, 4, 5, 8, 13, 63, 64, 65, 130].flatMap((t): Row[] => [
    { name: `${t} positions`, sizes: [2, t, t, 2, 8, 8] },
    { name: `${t} causal positions`, sizes: [1, t, t, 2, 8, 12], options: { causal: true } },
  ]),
  ...[1, 2, 4, 5, 7, 16, 20, 33].map((d): Row => ({ name: `heads of ${d}`, sizes: [2, 17, 21, 3, d, 40 - d] })),
  ...(
    [
      [1, 200],
      [3, 70],
      [9, 130],
      [70, 9],
    ] as const
  ).map(([tq, tk]): Row => ({ name: `${tq} queries of ${tk} keys, causal`, sizes: [2, tq, tk, 2, 8, 8], options: { causal: true } })),
  { name: '520 positions, causal', sizes: [1, 520, 520, 1, 8, 8], options: { causal: true } },
  { name: 'an offset', sizes: [1, 20, 30, 1, 8, 8], options: { causal: true, offset: 3 } },
  { name: 'an offset before all keys', sizes: [1, 90, 30, 1, 8, 8], options: { causal: true, offset: -70 } },
  { name: 'a mask of keys', sizes: [2, 9, 70, 2, 8, 8], options: () => ({ mask: chance([2, 1, 1, 70]) }) },
  { name: 'a mask of all', sizes: [2, 70, 67, 2, 8, 8], options: () => ({ mask: chance([2, 2, 70, 67], 0.1) }) },
  { name: 'a mask of queries by keys, causal', sizes: [2, 67, 70, 2, 8, 8], options: () => ({ mask: chance([67, 70]), causal: true }) },
  { name: 'a mask of queries', sizes: [2, 6, 70, 2, 8, 8], options: () => ({ mask: chance([6, 1]) }) },
  { name: 'a bias', sizes: [2, 67, 70, 2, 8, 8], options: () => ({ bias: randn([2, 1, 67, 70]) }) },
  {
    name: 'a bias of heads and -Infinity',
    sizes: [2, 5, 3, 2, 8, 8],
    options: () => ({ bias: tensor([0, 1, -Infinity]).add(randn([2, 1, 1])) }),
  },
  { name: 'a bias that forbids all', sizes: [2, 5, 3, 2, 8, 8], options: { bias: tensor([-Infinity]) } },
  {
    name: 'a bias and a mask, causal',
    sizes: [2, 66, 70, 2, 8, 8],
    options: () => ({ bias: randn([67 - 1, 70]), mask: chance([2, 1, 1, 70]), causal: true }),
  },
  { name: 'dropout', sizes: [2, 67, 71, 2, 8, 8], options: { dropout: 0.3 } },
  { name: 'dropout, causal', sizes: [2, 6, 130, 2, 8, 8], options: { dropout: 0.5, causal: true } },
  { name: 'dropout of all', sizes: [2, 6, 9, 2, 8, 8], options: { dropout: 1 } },
  { name: 'dropout of few queries, a mask', sizes: [2, 2, 9, 2, 8, 8], options: () => ({ dropout: 0.2, mask: chance([9]) }) },
  { name: 'large scores', sizes: [2, 67, 70, 2, 8, 8], factor: 1e4 },
  {
    name: 'scores that are infinite',
    sizes: [1, 6, 70, 1, 4, 4],
    factor: 0,
    options: { bias: tensor([Infinity, ...new Array(68).fill(0), Infinity]) },
  },
]

/** The result and the gradients, from the same random numbers. */
function run({ sizes: [b, tq, tk, heads, d, e], options = {}, factor = 1 }: Row): number[][] {
  manualSeed(7)
  const [q, k, v] = [randn([b, tq, heads * d]).mul(factor), randn([b, tk, heads * d]), randn([b, tk, heads * e])]
  const told = { heads, ...(typeof options === 'function' ? options() : options), returnWeights: false } as const
  const target = randn([b, tq, heads * e])
  const gradients = gradient((q: Tensor, k: Tensor, v: Tensor) => attention(q, k, v, told).mul(target).sum(), q, k, v)
  manualSeed(8)
  const plain = attention(q, k, v, told)
  return [plain, ...gradients].map(x => [...x.data()])
}

// Scores of 10,000 are rounded to a thousandth in either form, and weights with them.
describe('attention in tiles gives what its composed form gives', () => {
  test.each(rows)('$name', row => {
    const fused = run(row)
    const composed = unfused(() => run(row))
    fused.forEach((values, i) => {
      const largest = Math.max(1e-3, ...composed[i].map(Math.abs).filter(Number.isFinite))
      const worst = Math.max(
        ...values.map((value, j) =>
          Object.is(value, composed[i][j]) || value === composed[i][j] ? 0 : Math.abs(value - composed[i][j]) / largest,
        ),
      )
      expect(worst, `${'y q k v'.split(' ')[i]}`).toBeLessThan((row.factor ?? 1) > 1 ? 0.05 : 2e-6)
    })
  })
})
