// What all norms are made of: groups of elements, brought to mean 0 and variance 1.
import { isTracked } from '../tape/level.ts'
import { operation, present, several } from '../tape/operation.ts'
import { type Shape, sizeOf } from '../tensor/shape.ts'
import { make, type Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { type Address, behind, NONE, type Real } from '../wasm/kinds.ts'
import { type Activation, traitsOf } from './epilogue.ts'
import { fusion, isFused } from './fusion.ts'
import { broadcastTo, reshape } from './movement.ts'
import { add, cast, div, greater, less, mul, sqrt, square, stopGradient, sub } from './pointwise.ts'
import { mean } from './reduce.ts'
import { reducedShape } from './reduction.ts'
import { slice } from './slicing.ts'

/** How groups lie in a tensor: in words of the kernel (assembly/normalization.ts), and as a view of which `axes` make up a group. */
export interface Groups {
  readonly view: Shape
  readonly axes: readonly number[]
  /** The shape of scale and bias against the view. */
  readonly params: Shape
  readonly groups: number
  readonly base: number
  readonly segments: number
  readonly stride: number
  readonly n: number
  readonly period: number
  readonly first: number
  readonly each: number
  readonly kind: number
  readonly centered: number
}

/** Scales and biases along groups. */
const ALONG = 1
/** How many of these make up a unit of the gradient that has those of scale and bias. */
const ROWS = 32
/** Groups that are columns of a matrix. */
const COLUMNS = 2

/** Groups that are the rows of [rows, n]. */
export function rowGroups(rows: number, n: number, centered: number): Groups {
  const lie = { groups: rows, base: n, segments: 1, stride: 0, n, period: 1, first: 0, each: 0, kind: ALONG, centered }
  return { view: [rows, n], axes: [1], params: [n], ...lie }
}

/** Groups of x [n, channels, ...]: the channels over all of the batch, or those of each sample. */
export function channelGroups([batch, channels, ...rest]: Shape, overBatch: boolean): Groups {
  const n = sizeOf(rest)
  const own = { base: n, n, period: channels, first: 1, each: 0, kind: n === 1 && overBatch ? COLUMNS : 0, centered: 1 }
  const lie = overBatch
    ? { axes: [0, 2], groups: channels, segments: batch, stride: channels * n }
    : { axes: [2], groups: batch * channels, segments: 1, stride: 0 }
  return { view: [batch, channels, n], params: [channels, 1], ...own, ...lie }
}

/** Groups of so many neighbouring channels of each sample. */
export function neighbourGroups([batch, channels, ...rest]: Shape, groups: number): Groups {
  const n = sizeOf(rest)
  const each = channels / groups
  const own = { groups: batch * groups, base: each * n, segments: each, stride: n, n, period: groups, first: each, each: 1 }
  return { view: [batch, groups, each, n], axes: [2, 3], params: [groups, each, 1], ...own, kind: 0, centered: 1 }
}

interface Options extends Groups {
  readonly eps: number
  readonly epilogue: number
  readonly hasScale: boolean
}

interface Saves {
  [name: string]: unknown
  readonly x: Tensor
  readonly stats: Tensor
  readonly scale: Tensor | undefined
  readonly bias: Tensor | undefined
}

/** The words of the kernel; the addresses that are not given are null. */
function words(
  { groups, base, segments, stride, n, period, first, each, kind, centered, eps, epilogue }: Options,
  given: {
    readonly [Name in 'x' | 'g' | 'out' | 'stats' | 'scale' | 'bias' | 'mean' | 'variance' | 'ofScale' | 'ofBias']?: Address | undefined
  },
) {
  const { x = NONE, g = NONE, out = NONE, stats = NONE, scale = NONE, bias = NONE } = given
  const { mean = NONE, variance = NONE, ofScale = NONE, ofBias = NONE } = given
  const lie = { groups, base, segments, stride, n, period, first, each, kind, centered, epilogue, eps: eps as Real }
  return { x, g, out, stats, scale, bias, mean, variance, ofScale, ofBias, ...lie }
}

/** Scale and bias among the inputs, from `at` on. */
function affineOf(xs: readonly Tensor[], at: number, { hasScale }: Options) {
  return { scale: hasScale ? xs[at] : undefined, bias: hasScale ? xs[at + 1] : xs[at] }
}

/** y, and [4, groups]: means, what is left of them, 1 / σ, variances. */
const runNormalize = /* @__PURE__ */ several<Options, Saves>({
  name: 'normalizeGroups',
  inputs: 'float32',
  results: ([x], _, { groups }) => [
    [x, 'float32'],
    [[4, groups], 'float32'],
  ],
  forward([y, stats], xs, options) {
    const { scale, bias } = affineOf(xs, 1, options)
    const given = { x: xs[0].pointer, out: y.pointer, stats: stats.pointer, scale: scale?.pointer, bias: bias?.pointer }
    kernels.normalize(words(options, given), options.groups, options.segments * options.n)
  },
  save: ([, stats], xs, options) => ({ x: xs[0], stats, ...affineOf(xs, 1, options) }),
  joint([g], { x, stats, scale, bias }, options, [ofX, ...rest]) {
    const wanted = { ofX, ofParams: rest.includes(true) }
    const found = runGradient(present([g, x, stats, scale, bias]), { ...options, ...wanted })
    const [ofScale, ofBias] = found.slice(ofX ? 1 : 0)
    return [ofX ? found[0] : undefined, ...(scale ? [ofScale] : []), ofBias]
  },
})

interface GradientOptions extends Options {
  /** Which cotangents are made: x's, and those of scale and bias. */
  readonly ofX: boolean
  readonly ofParams: boolean
}

/** The cotangents of x, then of scale and bias: those that are wanted. */
const runGradient: (inputs: readonly Tensor[], options: GradientOptions) => readonly Tensor[] = /* @__PURE__ */ several<
  GradientOptions,
  Saves
>({
  name: 'normalizeGroupsGradient',
  // Scale and bias have one shape.
  results: ([, x, , param], _, { ofX, ofParams }) =>
    [...(ofX ? [x] : []), ...(ofParams ? [param, param] : [])].map(shape => [shape, 'float32']),
  forward(results, xs, options) {
    const { groups, segments, n, params, kind, each, ofX, ofParams } = options
    if (xs[1].count === 0) {
      for (const { pointer, count } of results) kernels.fill(pointer, 0, count)
      return
    }
    const [ofScale, ofBias] = ofParams ? results.slice(ofX ? 1 : 0) : []
    const { scale, bias } = affineOf(xs, 3, options)
    const units = ofParams && kind === ALONG ? Math.ceil(groups / ROWS) : groups
    const count = sizeOf(params)
    const sums = kind === ALONG ? units * n : each ? groups * segments : groups
    const parts = ofParams && sums > count ? make([2, sums], 'float32') : undefined
    try {
      const [first, second] = parts ? [parts.pointer, behind(parts.pointer, 4 * sums)] : [ofScale?.pointer, ofBias?.pointer]
      const given = { g: xs[0].pointer, x: xs[1].pointer, stats: xs[2].pointer, scale: scale?.pointer, bias: bias?.pointer }
      const out = ofX ? results[0].pointer : NONE
      kernels.normalizeGradient(
        words(options, { ...given, out, ofScale: first, ofBias: second }),
        units,
        (2 * segments * n * groups) / units,
      )
      if (!parts || !ofScale || !ofBias || !first || !second) return
      const rows = sums / count
      kernels.sum(first, ofScale.pointer, rows, count, count, rows)
      kernels.sum(second, ofBias.pointer, rows, count, count, rows)
    } finally {
      parts?.dispose()
    }
  },
  save: (_, xs, options) => ({ x: xs[1], stats: xs[2], ...affineOf(xs, 3, options) }),
  // By the cotangent alone: where x, scale or bias are differentiated again, the composed form runs.
  joint(hs, { x, stats, scale, bias }, options) {
    const { view, axes, params, ofX, eps } = options
    const of = (row: number) => reshape(slice(stats, [row]), reducedShape(view, axes, true))
    const standard = mul(sub(sub(reshape(x, view), of(0)), of(1)), of(2))
    const factor = scale && reshape(scale, params)
    const h = ofX ? hs[0] : undefined
    const [hScale, hBias] = ofX ? hs.slice(1) : hs
    const plain = { ...options, eps, epilogue: 0, hasScale: false, ofX: true, ofParams: false }
    let g: Tensor | undefined
    const join = (more: Tensor) => {
      g = g ? add(g, more) : more
    }
    if (h) {
      const [back] = runGradient([h, x, stats], plain)
      join(factor ? mul(reshape(back, view), factor) : reshape(back, view))
    }
    if (hScale) join(mul(standard, reshape(hScale, params)))
    if (hBias) join(broadcastTo(reshape(hBias, params), view))
    if (!g) return []
    if (options.epilogue) {
      const y = affine(standard, scale, bias, options)
      g = mul(g, cast(greater(y, 0), 'float32'))
      if (options.epilogue === 2) g = mul(g, cast(less(y, 6), 'float32'))
    }
    return [reshape(g, x.dims)]
  },
})

/** scale x̂ + bias, in the view. */
function affine(standard: Tensor, scale: Tensor | undefined, bias: Tensor | undefined, { params }: Groups): Tensor {
  const scaled = scale ? mul(standard, reshape(scale, params)) : standard
  return bias ? add(scaled, reshape(bias, params)) : scaled
}

/** By given means and variances, where nothing is recorded: for what is, there are derivatives by these, too. */
const runGiven = /* @__PURE__ */ operation<Options>({
  name: 'normalizeGiven',
  shape: ([x]) => x,
  forward(y, xs, options) {
    const { scale, bias } = affineOf(xs, 3, options)
    const given = { x: xs[0].pointer, out: y.pointer, mean: xs[1].pointer, variance: xs[2].pointer }
    kernels.normalize(
      words(options, { ...given, scale: scale?.pointer, bias: bias?.pointer }),
      options.groups,
      options.segments * options.n,
    )
  },
})

export interface Affine {
  readonly scale?: Tensor | undefined
  readonly bias?: Tensor | undefined
}

/** A result, and the means and biased variances of its groups. */
export interface Normalized {
  readonly y: Tensor
  readonly mean: () => Tensor
  readonly variance: () => Tensor
}

/** activation((x - mean) / sqrt(variance + eps) scale + bias). */
export function normalizeGroups(x: Tensor, groups: Groups, { scale, bias }: Affine, eps: number, activation?: Activation): Normalized {
  const [epilogue, rest] = epilogueOf(activation)
  const inputs = present([x, scale, bias])
  if (isFused(fusion.normalization, inputs)) {
    const [y, stats] = runNormalize(inputs, { ...groups, eps, epilogue, hasScale: scale !== undefined })
    return { y: rest ? rest(y) : y, mean: () => slice(stats, [0]), variance: () => slice(stats, [3]) }
  }
  const { axes, view } = groups
  const keep = { keepDims: true }
  const seen = reshape(cast(x, 'float32'), view)
  const center = mean(seen, axes, keep)
  // Again, since the mean of what has an offset is rounded.
  const near = sub(seen, stopGradient(center))
  const distance = groups.centered ? sub(near, mean(near, axes, keep)) : seen
  const variance = mean(square(distance), axes, keep)
  const y = reshape(affine(div(distance, sqrt(add(variance, eps))), scale, bias, groups), x.dims)
  const flat = (stat: Tensor) => () => reshape(stat, [groups.groups])
  return { y: activation ? activation(y) : y, mean: flat(center), variance: flat(variance) }
}

/** The same by given means and variances of each channel. */
export function normalizeGiven(
  x: Tensor,
  groups: Groups,
  { scale, bias, mean, variance }: Affine & { readonly mean: Tensor; readonly variance: Tensor },
  eps: number,
  activation?: Activation,
): Tensor {
  const [epilogue, rest] = epilogueOf(activation)
  const inputs = present([x, mean, variance, scale, bias])
  if (fusion.normalization && !inputs.some(isTracked)) {
    const y = runGiven(inputs, { ...groups, eps, epilogue, hasScale: scale !== undefined })
    return rest ? rest(y) : y
  }
  const { view, params } = groups
  const inverse = div(scale ?? 1, sqrt(add(cast(variance, 'float32'), eps)))
  const distance = sub(reshape(cast(x, 'float32'), view), reshape(mean, params))
  const y = reshape(affine(distance, inverse, bias, groups), x.dims)
  return activation ? activation(y) : y
}

/** What the kernel computes of an activation, and what is left to do. */
function epilogueOf(activation: Activation | undefined): readonly [number, Activation | undefined] {
  const traits = activation && traitsOf(activation)
  const number = traits ? (traits.ofNorm ?? traits.epilogue?.number) : 0
  if (number === undefined || (number > 0 && !fusion.activation)) return [0, activation]
  return [number, undefined]
}
