import { checkNumber, rangeError, refuseSurplus, ShapeError } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { isTracked, unrecorded } from '../tape/level.ts'
import { checkTensor, operation, type Run } from '../tape/operation.ts'
import { full, ones, onesLike, zeros } from '../tensor/create.ts'
import { type Axis, resolveAxes, resolveAxis, type Shape, show, sizeOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { assign } from './assign.ts'
import { spread } from './broadcasting.ts'
import { divideBy } from './elementwise.ts'
import { concat } from './joining.ts'
import { expandDims, permute, reshape, sum } from './movement.ts'
import {
  abs,
  add,
  cast,
  div,
  equal,
  exp,
  isFinite,
  log,
  logicalAnd,
  mul,
  pow,
  sign,
  sqrt,
  square,
  stopGradient,
  sub,
  where,
} from './pointwise.ts'
import { keepsDims, type Reduced, type ReduceKernel, type ReduceOptions, reduceAxes, reducedShape, reduceInts } from './reduction.ts'
import { split } from './slicing.ts'

/** What `variance` and `std` can be told. */
export interface VarianceOptions extends ReduceOptions {
  /** What is taken from n in the divisor. */
  readonly correction?: number | undefined
}

const VARIANCE = ['keepDims', 'correction']

/** How many elements go into each result. */
function countOf(shape: Shape, axes: readonly number[]): number {
  let count = 1
  for (const axis of axes) count *= shape[axis]
  return count
}

const runMean = operation<Reduced, { from: Shape }>({
  name: 'mean',
  shape: ([x], { axes, keepDims }) => reducedShape(x, axes, keepDims),
  forward(y, [x], { axes }) {
    reduceAxes(x, y, axes, kernels.sum)
    divideBy(y, countOf(x.dims, axes))
  },
  save: (_, [x]) => ({ from: x.dims }),
  pullback: [(g, { from }, { axes }) => spread(div(g, countOf(from, axes)), from, axes)],
})

/** The mean along an axis, several, or all; always float32. NaN of nothing.
 * @example tensor([[1, 2], [3, 4]]).mean(1).toArray() // [1.5, 3.5] */
export function mean(x: Tensor, axis?: Axis, options?: ReduceOptions): Tensor {
  if (arguments.length > 3) refuseSurplus('mean', 3, arguments)
  checkTensor('mean', x)
  return runMean([x], { axes: resolveAxes('mean', axis, x.dims), keepDims: keepsDims('mean', options) })
}

/** By what squares are divided. Throws TypeError for a correction that is no number. */
function divisor(operation: string, x: Tensor, axes: readonly number[], options: VarianceOptions | undefined): number {
  const { correction = 0 } = options ?? {}
  checkNumber(operation, 'correction', correction)
  return Math.max(0, countOf(x.dims, axes) - correction)
}

/** The mean squared distance from the mean along an axis, several, or all: divided by n - correction (0). Throws TypeError for a
 * correction that is no number.
 * @example tensor([1, 3]).variance().item() // 1 */
export const variance = /* @__PURE__ */ composed(
  'variance',
  3,
  function variance(x: Tensor, axis?: Axis, options?: VarianceOptions): Tensor {
    checkTensor('variance', x)
    const keepDims = keepsDims('variance', options, VARIANCE)
    const axes = resolveAxes('variance', axis, x.dims)
    const deviations = square(sub(cast(x, 'float32'), mean(x, axes, { keepDims: true })))
    return div(sum(deviations, axes, { keepDims }), divisor('variance', x, axes, options))
  },
)

/** The square root of the variance; derivative 0 where it is 0. Throws TypeError for a correction that is no number.
 * @example tensor([[1, 3]]).std(1, { correction: 1 }).toArray() // [1.4142] */
export const std = /* @__PURE__ */ composed('std', 3, function std(x: Tensor, axis?: Axis, options?: VarianceOptions): Tensor {
  checkTensor('std', x)
  const keepDims = keepsDims('std', options, VARIANCE)
  const axes = resolveAxes('std', axis, x.dims)
  // Not the root of the variance, whose squares overflow and vanish where its root does not.
  const deviations = sub(cast(x, 'float32'), mean(x, axes, { keepDims: true }))
  return div(norm(deviations, axes, { keepDims }), Math.sqrt(divisor('std', x, axes, options)))
})

/** Extremes: the gradient is shared by all elements that are equal to the extreme, as in PyTorch. */
function extreme(name: 'max' | 'min', kernel: ReduceKernel, int: ReduceKernel) {
  const run = operation<Reduced, { x: Tensor; y: Tensor }>({
    name,
    types: ([dtype]) => (dtype === 'float32' ? { output: dtype } : { inputs: 'int32', output: 'int32' }),
    shape: ([x], { axes, keepDims }) => reducedShape(x, axes, keepDims),
    forward: (y, [x], { axes }) => reduceAxes(x, y, axes, x.type === 'float32' ? kernel : int),
    save: (y, [x]) => ({ x, y }),
    pullback: [
      (g, { x, y }, { axes }) => {
        const kept = reducedShape(x.dims, axes, true)
        const hit = cast(equal(x, reshape(y, kept)), 'float32')
        return mul(hit, div(reshape(g, kept), sum(hit, axes, { keepDims: true })))
      },
    ],
  })
  return function (x: Tensor, axis?: Axis, options?: ReduceOptions): Tensor {
    if (arguments.length > 3) refuseSurplus(name, 3, arguments)
    checkTensor(name, x)
    const keepDims = keepsDims(name, options)
    const axes = resolveAxes(name, axis, x.dims)
    if (countOf(x.dims, axes) === 0) {
      throw new ShapeError({ operation: name, problem: 'there is nothing to choose from', came: show(x.dims) }, [x.dims])
    }
    return run([x], { axes, keepDims })
  }
}

/** The largest along an axis, several, or all; NaN wins, ties share the gradient. Throws ShapeError where there is nothing to choose from.
 * @example tensor([[1, 5], [7, 3]]).max(-1).toArray() // [5, 7] */
export const max = extreme('max', kernels.max, kernels.maxI)
/**
 * The smallest along an axis, several, or all; NaN wins, ties share the gradient. Throws ShapeError where there is nothing to choose from.
 * @example tensor([[1, 5], [7, 3]]).min(-1).toArray() // [1, 3]
 */
export const min = extreme('min', kernels.min, kernels.minI)

const NORM = ['keepDims', 'p']

const runProd: Run<Reduced> = operation<Reduced>({
  name: 'prod',
  types: ([dtype]) => (dtype === 'float32' ? { output: dtype } : { inputs: 'int32', output: 'int32' }),
  shape: ([x], { axes, keepDims }) => reducedShape(x, axes, keepDims),
  forward(y, [x], options) {
    if (x.type === 'float32') reduceAxes(x, y, options.axes, kernels.prod)
    else reduceInts('prod', x, y, options.axes, kernels.prodI, floats => runProd(floats, options))
  },
})

/** The product along an axis, several, or all. The gradient is right where factors are 0, too. Throws RangeError for integers whose product
 * does not fit.
 * @example tensor([2, 3, 4]).prod().item() // 24 */
export const prod = /* @__PURE__ */ composed('prod', 3, function prod(x: Tensor, axis?: Axis, options?: ReduceOptions): Tensor {
  checkTensor('prod', x)
  const keepDims = keepsDims('prod', options)
  const axes = resolveAxes('prod', axis, x.dims)
  const result = reducedShape(x.dims, axes, keepDims)
  if (!isTracked(x)) return runProd([x], { axes, keepDims })
  // Halves are multiplied until one factor is left: each step is a product, so that zeros need no special case at any order.
  const others = x.dims.map((_, i) => i).filter(i => !axes.includes(i))
  let factors = reshape(permute(x, [...axes, ...others]), [countOf(x.dims, axes), sizeOf(others.map(i => x.dims[i]))])
  if (factors.dims[0] === 0) return ones(result)
  while (factors.dims[0] > 1) {
    const half = factors.dims[0] >> 1
    const [a, b, rest] = split(factors, [half, half, factors.dims[0] - 2 * half])
    const product = mul(a, b)
    factors = rest.dims[0] === 0 ? product : concat([product, rest])
  }
  return reshape(factors, result)
})

/** The Euclidean norms along the middle axis of [outer, n, inner]: squares and their sums in double precision. */
const runNorm: Run<undefined> = operation<undefined, { x: Tensor }>({
  name: 'norm',
  shape: ([[outer, _, inner]]) => [outer, inner],
  forward: (y, [x]) => kernels.norm(x.pointer, y.pointer, x.dims[1], x.dims[2], y.count, x.dims[1]),
  save: (_, [x]) => ({ x }),
  pullback: [(g, { x }) => runNormGradient([x, g], undefined)],
})

/** g x / ‖x‖, 0 where that is 0: with u = x / ‖x‖ its derivatives are u·h and g (h - u u·h) / ‖x‖. */
const runNormGradient: Run<undefined> = operation<undefined, { x: Tensor; g: Tensor }>({
  name: 'normGradient',
  shape: ([x]) => x,
  forward: (out, [x, g]) => kernels.normGradient(x.pointer, g.pointer, out.pointer, x.dims[1], x.dims[2], g.count, x.dims[1]),
  save: (_, [x, g]) => ({ x, g }),
  pullback: [
    (h, { x, g }) => {
      const unit = runNormGradient([x, onesLike(g)], undefined)
      const length = runNorm([x], undefined)
      const rest = sub(h, mul(unit, sum(mul(h, unit), 1, { keepDims: true })))
      return mul(rest, expandDims(div(g, where(equal(length, 0), Number.POSITIVE_INFINITY, length)), 1))
    },
    (h, { x, g }) => sum(mul(h, runNormGradient([x, onesLike(g)], undefined)), 1),
  ],
})

/** The p-norms along the middle axis, scaled by the largest |x|, whose powers may neither overflow nor vanish. */
const runPNorm = operation<{ p: number }, { x: Tensor; y: Tensor }>({
  name: 'pNorm',
  shape: ([[outer, _, inner]]) => [outer, inner],
  forward: (y, [x], { p }) =>
    unrecorded(() => {
      const sizes = abs(x)
      const largest = max(sizes, 1, { keepDims: true })
      const scale = where(logicalAnd(isFinite(largest), largest), largest, 1)
      // The root of a share is far from the end of float32 where the share is beyond it, and so small a p still sees it.
      const shares = p < 1 ? pow(div(sqrt(sizes), sqrt(scale)), 2 * p) : pow(div(sizes, scale), p)
      const root = pow(sum(shares, 1, { keepDims: true }), 1 / p)
      assign(y, reshape(mul(root, scale), y.dims))
    }),
  save: (y, [x]) => ({ x, y }),
  pullback: [
    // g sign(x) (|x| / ‖x‖)^(p - 1), by way of the root of the share, which is a float32 where the share is none
    (g, { x, y }, { p }) => {
      const root = div(sqrt(where(x, abs(x), 1)), expandDims(sqrt(where(y, y, 1)), 1))
      const powers = where(x, pow(root, 2 * (p - 1)), 0)
      return mul(mul(powers, sign(x)), expandDims(g, 1))
    },
  ],
})

/**
 * The p-norm (2) along an axis, several, or all: (Σ|x|ᵖ)^(1/p); for Infinity the largest |x|; 0 of nothing. A number alone is the axis: the 1-norm of all is `norm(x,
 * undefined, { p: 1 })`. It overflows only where the norm itself is no float32. Derivative 0 where x is 0. Throws RangeError for a p that is not above 0,
 * TypeError for what is no number.
 * @example tensor([3, 4]).norm().item() // 5
 */
export const norm = /* @__PURE__ */ composed(
  'norm',
  3,
  function norm(x: Tensor, axis?: Axis, options?: ReduceOptions & { readonly p?: number | undefined }): Tensor {
    checkTensor('norm', x)
    const keepDims = keepsDims('norm', options, NORM)
    const { p = 2 } = options ?? {}
    checkNumber('norm', 'p', p)
    if (!(p > 0)) throw rangeError('norm', 'p must be above 0', p)
    const floats = cast(x, 'float32')
    const axes = resolveAxes('norm', axis, x.dims)
    const count = countOf(x.dims, axes)
    const result = reducedShape(x.dims, axes, keepDims)
    if (count === 0) return zeros(result)
    if (p === Number.POSITIVE_INFINITY) return max(abs(floats), axes, { keepDims })
    if (p === 1) return sum(abs(floats), axes, { keepDims })
    // One axis between the others.
    const first = axes[0] ?? 0
    const areNeighbours = axes.every((each, i) => each === first + i)
    const others = x.dims.map((_, i) => i).filter(i => !axes.includes(i))
    const [at, ordered] = areNeighbours ? [first, floats] : [others.length, permute(floats, [...others, ...axes])]
    const outer = sizeOf(ordered.dims, 0, at)
    const grouped = reshape(ordered, [outer, count, sizeOf(ordered.dims, at + axes.length)])
    return reshape(p === 2 ? runNorm([grouped], undefined) : runPNorm([grouped], { p }), result)
  },
)

/** log Σ eˣ along an axis, several, or all, without overflow; -Infinity of nothing but -Infinity.
 * @example tensor([0, 0]).logSumExp().item() // 0.6931 */
export const logSumExp = /* @__PURE__ */ composed(
  'logSumExp',
  3,
  function logSumExp(x: Tensor, axis?: Axis, options?: ReduceOptions): Tensor {
    checkTensor('logSumExp', x)
    const keepDims = keepsDims('logSumExp', options)
    const floats = cast(x, 'float32')
    const axes = resolveAxes('logSumExp', axis, x.dims)
    if (countOf(x.dims, axes) === 0) return full(reducedShape(x.dims, axes, keepDims), Number.NEGATIVE_INFINITY)
    const largest = max(floats, axes, { keepDims: true })
    const shift = stopGradient(where(isFinite(largest), largest, 0))
    const result = add(log(sum(exp(sub(floats, shift)), axes, { keepDims: true })), shift)
    return keepDims ? result : reshape(result, reducedShape(x.dims, axes, false))
  },
)

/** Indices of extremes: the first of equals, as int32. */
function argExtreme(name: 'argMax' | 'argMin', kernel: ReduceKernel, int: ReduceKernel) {
  const run = operation<{ axis: number; keepDims: boolean }>({
    name,
    types: ([dtype]) => ({ inputs: dtype === 'float32' ? dtype : 'int32', output: 'int32' }),
    shape: ([x], { axis, keepDims }) => reducedShape(x, [axis], keepDims),
    forward: (y, [x], { axis }) => reduceAxes(x, y, [axis], x.type === 'float32' ? kernel : int),
  })
  return composed(name, 3, (x: Tensor, axis?: number, options?: ReduceOptions): Tensor => {
    checkTensor(name, x)
    const keepDims = keepsDims(name, options)
    const source = axis === undefined ? reshape(x, [x.count]) : x
    const at = resolveAxis(name, axis ?? 0, source.dims)
    if (source.dims[at] === 0) {
      throw new ShapeError({ operation: name, problem: 'there is nothing to choose from', came: show(x.dims) }, [x.dims])
    }
    const found = run([source], { axis: at, keepDims })
    return axis === undefined ? reshape(found, keepDims ? x.dims.map(() => 1) : []) : found
  })
}

/** The index of the largest along an axis (all: in the flattened tensor), the first of equals, as int32; NaN wins. Errors as `max`.
 * @example tensor([[1, 5], [7, 3]]).argMax(-1).toArray() // [1, 0] */
export const argMax = argExtreme('argMax', kernels.argMax, kernels.argMaxI)
/** The index of the smallest along an axis (all: in the flattened tensor), the first of equals, as int32; NaN wins. Errors as `max`.
 * @example tensor([[1, 5], [7, 3]]).argMin(-1).toArray() // [0, 1] */
export const argMin = argExtreme('argMin', kernels.argMin, kernels.argMinI)

/** Is any element not 0? bool; false of nothing.
 * @example tensor([[0, 2], [0, 0]]).any(-1).toArray() // [true, false] */
export const any = /* @__PURE__ */ composed('any', 3, function any(x: Tensor, axis?: Axis, options?: ReduceOptions): Tensor {
  checkTensor('any', x)
  const keepDims = keepsDims('any', options)
  return cast(sum(cast(cast(x, 'bool'), 'int32'), resolveAxes('any', axis, x.dims), { keepDims }), 'bool')
})

/** Are all elements not 0? bool; true of nothing.
 * @example tensor([[1, 2], [0, 2]]).all(-1).toArray() // [true, false] */
export const all = /* @__PURE__ */ composed('all', 3, function all(x: Tensor, axis?: Axis, options?: ReduceOptions): Tensor {
  checkTensor('all', x)
  const keepDims = keepsDims('all', options)
  return equal(sum(cast(equal(x, 0), 'int32'), resolveAxes('all', axis, x.dims), { keepDims }), 0)
})
