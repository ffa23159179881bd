// Layers that are made of tensors: the gradient of their inputs and parameters, and the second order.
import * as flux from 'fluxtape'
import type { Row } from './check.ts'
import { at, build, type Float64, map, zip } from './float64.ts'
import { einstein } from './product-rows.ts'

const domain: Row['domain'] = [-1.5, 1.7]
const cancelling = { domain, ulp: 6, cancels: true }
const plus = (x: Float64, y: Float64) => zip(x, y, (a, b) => a + b)

const bilinear = (name: string, in1: number, in2: number, out: number): Row => ({
  op: 'Bilinear',
  name,
  shapes: [[2, in1], [2, in2], [out, in1, in2], [out]], // biome-ignore format: one line
  ...cancelling,
  run: (x, y, w, b) => flux.Bilinear(w, b)(x, y),
  reference: ([x, y, w, b]) => plus(einstein('ni,oij,nj->no', [x, w, y]), b),
})

/** The rows of a table that bags name, by their mean, sum or largest. */
const bags = (
  name: string,
  indices: readonly (readonly number[])[],
  run: Row['run'],
  reduce: (values: readonly number[]) => number,
): Row => ({
  op: name.startsWith('by') ? 'EmbeddingBag' : name.startsWith('gathered') ? 'gather' : 'Embedding',
  name,
  shapes: [[5, 3]], // biome-ignore format: one line
  ...cancelling,
  run,
  reference: ([w]) => build([indices.length, 3], ([i, j]) => reduce(indices[i].map(index => at(w, [index, j])))),
})
const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
const uneven = [[4, 0], [], [1, 1, 2]] // biome-ignore format: one line
const mean = (values: readonly number[]) => (values.length ? total(values) / values.length : 0)
const most = (values: readonly number[]) => (values.length ? Math.max(...values) : 0)

/** The two, three or four features of each of three rows, turned. */
const turned = (features: number, interleaved: boolean): Row => ({
  op: 'rotary',
  name: interleaved ? 'neighbours' : 'halves',
  shapes: [[2, 3, features]], // biome-ignore format: one line
  ...cancelling,
  run: x => flux.rotary(x, { positions: [0, 2, -5], interleaved }),
  reference: ([x]) =>
    build(x.shape, ([b, row, j]) => {
      const half = features / 2
      const [i, isFirst] = interleaved ? [j >> 1, j % 2 === 0] : [j % half, j < half]
      const angle = [0, 2, -5][row] / 10_000 ** (i / half)
      const other = interleaved ? j ^ 1 : (j + half) % features
      return at(x, [b, row, j]) * Math.cos(angle) + (isFirst ? -1 : 1) * at(x, [b, row, other]) * Math.sin(angle)
    }),
})

export const layerRows: readonly Row[] = [
  bags('of single rows', [[2], [0], [2]], w => flux.Embedding(w)([2, 0, 2]), total), // biome-ignore format: one line
  bags('twice of one weight', [[2, 1], [0, 1]], w => flux.Embedding(w)([2, 0]).add(flux.Embedding(w)([1, 1])), total), // biome-ignore format: one line
  bags('gathered twice', [[2, 1], [0, 1]], w => w.gather([2, 0]).add(w.gather([1, 1])), total), // biome-ignore format: one line
  bags('by mean', uneven, w => flux.EmbeddingBag(w)(uneven), mean),
  bags('by sum, of equal bags', [[4, 0], [3, 3]], w => flux.EmbeddingBag(w, 'sum')(flux.tensor([[4, 0], [3, 3]])), total), // biome-ignore format: one line
  bags('by the largest', uneven, w => flux.EmbeddingBag(w, 'max')(uneven), most),
  turned(4, true),
  turned(6, false),
  bilinear('by pairs', 2, 2, 3),
  bilinear('by W y', 2, 3, 2),
  {
    op: 'Bilinear',
    name: 'of x twice',
    shapes: [[2, 3], [1, 3, 3]], // biome-ignore format: one line
    ...cancelling,
    run: (x, w) => flux.Bilinear(w, false, flux.tanh)(x),
    reference: ([x, w]) => map(einstein('ni,oij,nj->no', [x, w, x]), Math.tanh),
  },
  {
    op: 'Scale',
    name: 'of rows',
    shapes: [[2, 3], [3], [3]], // biome-ignore format: one line
    ...cancelling,
    run: (x, w, b) => flux.Scale(w, b, flux.tanh)(x),
    reference: ([x, w, b]) => map(plus(zip(x, w, (a, c) => a * c), b), Math.tanh), // biome-ignore format: one line
  },
  {
    op: 'Maxout',
    name: 'of two',
    shapes: [[2, 3], [3], [3]], // biome-ignore format: one line
    domain,
    run: (x, v, w) => flux.Maxout(flux.Scale(v, false), flux.Scale(w, false))(x),
    reference: ([x, v, w]) => {
      const [a, b] = [v, w].map(each => zip(x, each, (c, d) => c * d))
      return zip(a, b, Math.max)
    },
  },
  {
    op: 'MultiHeadAttention',
    name: 'of itself, projected by the identity',
    shapes: [[1, 3, 2]], // biome-ignore format: one line
    ...cancelling,
    run: x => flux.MultiHeadAttention(2, { heads: 1, init: flux.identityInit })(x),
    reference: ([x]) => {
      const shares = map(einstein('bif,bjf->bij', [x, x]), score => Math.exp(score / Math.SQRT2))
      const sums = einstein('bij,bjf->bif', [shares, map(x, () => 1)])
      return zip(einstein('bij,bjf->bif', [shares, x]), sums, (a, b) => a / b)
    },
  },
]
