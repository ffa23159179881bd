/** Gradient rows of the norms: by x, scale and bias together. */

import type { Tensor } from 'fluxtape'
import * as flux from 'fluxtape'
import type { Row } from './check.ts'
import { average, type Float64, map, reduce, reshape, zip } from './float64.ts'

/** (x - mean) / sqrt(variance + eps) over the axes of a view, times scale plus bias of a shape against it. */
function normal(
  x: Float64,
  view: readonly number[],
  axes: readonly number[],
  eps: number,
  params: readonly number[] = [],
  [scale, bias]: readonly (Float64 | undefined)[] = [],
  centered = true,
): Float64 {
  const seen = reshape(x, view)
  const distance = centered ? zip(seen, reduce(seen, axes, average, true), (a, b) => a - b) : seen
  const variance = reduce(
    map(distance, d => d * d),
    axes,
    average,
    true,
  )
  const standard = zip(distance, variance, (d, v) => d / Math.sqrt(v + eps))
  const scaled = scale ? zip(standard, reshape(scale, params), (a, b) => a * b) : standard
  return reshape(bias ? zip(scaled, reshape(bias, params), (a, b) => a + b) : scaled, x.shape)
}

const eps = Math.fround(0.1)
const size = (shape: readonly number[]) => shape.reduce((n, each) => n * each, 1)
const domain = [-2, 2.4] as const
const row = (op: string, name: string, rest: Pick<Row, 'shapes' | 'run' | 'reference'>): Row => ({
  op,
  name,
  domain,
  ulp: 8,
  cancels: true,
  ...rest,
})

/** With both of scale and bias, with one, and with none. */
const ways = ['scale and bias', 'scale', 'bias', 'neither'] as const
const given = (way: (typeof ways)[number]) => [way.includes('scale'), way.includes('bias')] as const
/** [x, scale?, bias?] by name. */
function named<T>(way: (typeof ways)[number], [x, ...rest]: readonly T[]): { x: T; scale: T | undefined; bias: T | undefined } {
  const [hasScale, hasBias] = given(way)
  return { x, scale: hasScale ? rest[0] : undefined, bias: hasBias ? rest[hasScale ? 1 : 0] : undefined }
}

type Norm = (x: Tensor, options: { scale: Tensor | undefined; bias: Tensor | undefined; eps: number }) => Tensor

const affine = (
  op: string,
  shape: readonly number[],
  params: readonly number[],
  against: readonly number[],
  view: readonly number[],
  axes: readonly number[],
  norm: Norm,
): readonly Row[] =>
  ways.map(way =>
    row(op, `of [${shape}] with ${way}`, {
      shapes: [shape, ...given(way).flatMap(each => (each ? [params] : []))],
      run: (...xs) => {
        const { x, scale, bias } = named(way, xs)
        return norm(x, { scale, bias, eps })
      },
      reference: xs => {
        const { x, scale, bias } = named(way, xs)
        return normal(x, view, axes, eps, against, [scale, bias])
      },
    }),
  )

const ofLayers = [
  [[7], [7]],
  [[3, 5], [5]],
  [
    [2, 3, 2],
    [3, 2],
  ],
].flatMap(([shape, sizes]) => {
  const rows = size(shape) / size(sizes)
  return affine('layerNorm', shape, sizes, [size(sizes)], [rows, size(sizes)], [1], (x, options) =>
    flux.layerNorm(x, { sizes, ...options }),
  )
})

const batches = [
  [4, 1],
  [3, 5],
  [3, 2, 1],
  [2, 3, 5],
  [3, 2, 2, 2],
]
const ofBatches = batches.flatMap(shape => {
  const view = [shape[0], shape[1], size(shape.slice(2))]
  return affine('batchNorm', shape, [shape[1]], [shape[1], 1], view, [0, 2], (x, options) => flux.batchNorm(x, options))
})

const ofInstances = [
  [2, 1, 3],
  [2, 3, 2, 2],
].flatMap(shape => {
  const view = [shape[0], shape[1], size(shape.slice(2))]
  return affine('instanceNorm', shape, [shape[1]], [shape[1], 1], view, [2], (x, options) => flux.instanceNorm(x, options))
})

const ofGroups = (
  [
    [[2, 4], 2],
    [[2, 4, 3], 1],
    [[2, 4, 3], 2],
    [[1, 4, 2, 2], 4],
  ] as const
).flatMap(([shape, groups]) => {
  const each = shape[1] / groups
  const view = [shape[0], groups, each, size(shape.slice(2))]
  return affine('groupNorm', shape, [shape[1]], [groups, each, 1], view, [2, 3], (x, options) => flux.groupNorm(x, groups, options))
})

const ofSquares = [[5], [3, 6]].flatMap(shape => {
  const n = shape[shape.length - 1]
  const view = [size(shape) / n, n]
  return [
    row('rmsNorm', `of [${shape}] with scale`, {
      shapes: [shape, [n]],
      run: (x, scale) => flux.rmsNorm(x, { scale, eps }),
      reference: ([x, scale]) => normal(x, view, [1], eps, [n], [scale], false),
    }),
    row('rmsNorm', `of [${shape}]`, {
      shapes: [shape],
      run: x => flux.rmsNorm(x, { eps }),
      reference: ([x]) => normal(x, view, [1], eps, [n], [], false),
    }),
  ]
})

const byGiven: readonly Row[] = [
  [4, 3],
  [2, 3, 2],
].map(shape => ({
  ...row('batchNorm', `of [${shape}] by a given mean and variance`, {
    shapes: [shape, [3], [3], [3], [3]],
    run: (x, mean, variance, scale, bias) => flux.batchNorm(x, { mean, variance, scale, bias, eps }),
    reference: ([x, mean, variance, scale, bias]) => {
      const at = (each: Float64) => reshape(each, [3, 1])
      const seen = reshape(x, [shape[0], 3, size(shape) / shape[0] / 3])
      const inverse = map(variance, v => 1 / Math.sqrt(v + eps))
      const standard = zip(
        zip(seen, at(mean), (a, b) => a - b),
        at(inverse),
        (a, b) => a * b,
      )
      return reshape(
        zip(
          zip(standard, at(scale), (a, b) => a * b),
          at(bias),
          (a, b) => a + b,
        ),
        shape,
      )
    },
  }),
  domain: [domain, domain, [0.5, 2], domain, domain],
}))

export const normRows: readonly Row[] = [...ofLayers, ...ofBatches, ...ofInstances, ...ofGroups, ...ofSquares, ...byGiven]
