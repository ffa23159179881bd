// Layers that are made of tensors: the gradient of their inputs and parameters, and the second order.
import * as flux from 'fluxtape'
import type { Row } from './check.ts'
import { type Float64, map, zip } from './float64.ts'
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

export const layerRows: readonly Row[] = [
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
]
