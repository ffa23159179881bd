/** Gradient rows of reductions and of what normalizes along an axis. */

import type { Axis, Tensor } from 'fluxtape'
import * as flux from 'fluxtape'
import type { Interval, Row } from './check.ts'
import { along, average, build, logSoftmax, logTotal, product, read, reduce, reshape, softmax, spread, total } from './float64.ts'

/** The library by name. */
const library = { ...flux }

type Reduction = 'sum' | 'mean' | 'prod' | 'max' | 'min' | 'norm' | 'logSumExp' | 'variance' | 'std'
type List = (values: readonly number[]) => number

/** [the shape of x, the axis as given, the axes it means, keepDims] */
const ways: readonly (readonly [readonly number[], Axis, readonly number[], boolean])[] = [
  [[7], undefined, [0], false],
  [[3, 4], 0, [0], false],
  [[3, 4], -1, [1], true],
  [[2, 3, 2], [0, 2], [0, 2], false],
  [[2, 3, 2], 1, [1], true],
  [[3, 1], 1, [1], false],
]

const reduction = (op: Reduction, domain: Interval, f: List, { ulp = 4, from = ways, ...options }: ReductionOptions = {}): readonly Row[] =>
  from.map(([shape, axis, axes, keepDims]) => ({
    op,
    name: `of [${shape}] over ${axis === undefined ? 'all' : `[${axis}]`}${keepDims ? ', kept' : ''}${describe(options)}`,
    shapes: [shape],
    domain,
    run: x => library[op](x, axis, { keepDims, ...options }),
    reference: ([x]) => reduce(x, axes, f, keepDims),
    ulp,
    cancels: true,
  }))

interface ReductionOptions {
  readonly ulp?: number
  readonly from?: typeof ways
  readonly p?: number
  readonly correction?: number
}

function describe(options: ReductionOptions): string {
  return Object.entries(options)
    .map(([name, value]) => `, ${name} ${value}`)
    .join('')
}

const several = ways.filter(([shape, , axes]) => axes.some(axis => shape[axis] > 1))
const pNorm = (p: number) => (values: readonly number[]) => total(values.map(value => Math.abs(value) ** p)) ** (1 / p)

export const reductionRows: readonly Row[] = [
  ...reduction('sum', [-2, 2], total),
  ...reduction('mean', [-2, 2], average),
  ...reduction('prod', [-1.5, 1.7], product),
  ...reduction('max', [-2, 2], values => Math.max(...values), { ulp: 0 }),
  ...reduction('min', [-2, 2], values => Math.min(...values), { ulp: 0 }),
  ...reduction('logSumExp', [-3, 3], logTotal),
  ...reduction('variance', [-2, 3], values => spread(values)),
  ...reduction('variance', [-2, 3], values => spread(values, 1), { correction: 1, from: several }),
  ...reduction('std', [-2, 3], values => Math.sqrt(spread(values)), { from: several }),
  ...reduction('std', [-2, 3], values => Math.sqrt(spread(values, 1)), { correction: 1, from: several }),
  ...reduction('norm', [-2, 2.3], pNorm(2)),
  ...reduction('norm', [-2, 2.3], pNorm(1), { p: 1 }),
  ...reduction('norm', [-2, 2.3], pNorm(3), { p: 3 }),
  ...reduction('norm', [-2, 2.3], values => Math.max(...values.map(Math.abs)), { p: Number.POSITIVE_INFINITY, ulp: 0 }),
]

const normalized = (op: 'softmax' | 'logSoftmax', f: (values: readonly number[]) => readonly number[]): readonly Row[] =>
  [
    { shape: [5], axis: undefined, at: 0 },
    { shape: [2, 5], axis: -1, at: 1 },
    { shape: [3, 4], axis: 0, at: 0 },
    { shape: [2, 3, 2], axis: 1, at: 1 },
    { shape: [3, 1], axis: 1, at: 1 },
  ].map(({ shape, axis, at }) => ({
    op,
    name: `of [${shape}] along ${axis ?? 'the last axis'}`,
    shapes: [shape],
    domain: [-3, 3],
    run: (x: Tensor) => library[op](x, axis),
    reference: ([x]) => along(x, at, f),
    ulp: 4,
    cancels: true,
  }))

const normalizedData: readonly Row[] = [
  { shape: [5], axis: undefined, at: 0 },
  { shape: [4, 2], axis: 0, at: 0 },
  { shape: [2, 3], axis: -1, at: 1 },
].map(({ shape, axis, at }) => ({
  op: 'normalize',
  name: `of [${shape}] along ${axis ?? 'axis 0'}`,
  shapes: [shape],
  domain: [-2, 2],
  run: (x: Tensor) => flux.normalize(x, axis, { eps: 0.5 }),
  reference: ([x]) => along(x, at, values => values.map(value => (value - average(values)) / Math.sqrt(spread(values) + 0.5))),
  ulp: 16,
  cancels: true,
}))

/** [shape, k, axis] */
const choices: readonly (readonly [readonly number[], number, number])[] = [
  [[7], 3, 0],
  [[3, 4], 2, -1],
  [[4, 3], 4, 0],
  [[2, 3, 2], 1, 1],
]

const chosen: readonly Row[] = choices.map(([shape, k, axis]) => ({
  op: 'topK',
  name: `${k} of [${shape}] along ${axis}`,
  shapes: [shape],
  domain: [-2, 2],
  run: x => flux.topK(x, k, axis).values,
  reference: ([x]) => {
    const at = (axis + shape.length) % shape.length
    const sorted = along(x, at, values => [...values].sort((a, b) => b - a))
    return build(
      shape.map((size, i) => (i === at ? k : size)),
      index => read(sorted, index),
    )
  },
  ulp: 0,
}))

const ordered: readonly Row[] = (
  [
    [[7], 0, false],
    [[3, 4], -1, true],
    [[2, 5, 2], 1, false],
  ] as const
).map(([shape, axis, descending]) => ({
  op: 'sort',
  name: `[${shape}] along ${axis}${descending ? ', descending' : ''}`,
  shapes: [shape],
  domain: [-2, 2],
  run: x => x.sort(axis, { descending }),
  reference: ([x]) => along(x, (axis + shape.length) % shape.length, values => [...values].sort((a, b) => (descending ? b - a : a - b))),
  ulp: 0,
}))

const summed: readonly Row[] = (
  [
    [[6], 0],
    [[3, 5], 0],
    [[2, 3, 2], -2],
    [[2, 3], undefined],
  ] as const
).map(([shape, axis]) => ({
  op: 'cumsum',
  name: `[${shape}] along ${axis}`,
  shapes: [shape],
  domain: [-2, 2],
  run: x => x.cumsum(axis),
  reference: ([x]) => {
    const flat = axis === undefined ? reshape(x, [x.data.length]) : x
    const upTo = (values: readonly number[], i: number) => values.slice(0, i + 1).reduce((sum, value) => sum + value, 0)
    return along(flat, axis === undefined ? 0 : (axis + shape.length) % shape.length, values => values.map((_, i) => upTo(values, i)))
  },
  ulp: 1,
  cancels: true,
}))

export const normalizedRows: readonly Row[] = [
  ...normalized('softmax', softmax),
  ...normalized('logSoftmax', logSoftmax),
  ...normalizedData,
  ...chosen,
  ...ordered,
  ...summed,
]
