import { checkNumber, checkOptions, rangeError, ShapeError, typeError, written } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor } from '../tape/operation.ts'
import { type Shape, sameShape, show, sizeOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Affine, channelGroups, neighbourGroups, normalizeGiven, normalizeGroups, rowGroups } from './groups.ts'

/** What `groupNorm` and `instanceNorm` can be told. */
export interface NormOptions {
  /** A factor for each channel; 1 by default. */
  readonly scale?: Tensor | undefined
  /** Added to each channel; 0 by default. */
  readonly bias?: Tensor | undefined
  /** Added to the variance; 1e-5 by default. */
  readonly eps?: number | undefined
}

/** What `layerNorm` can be told. */
export interface LayerNormOptions extends NormOptions {
  /** The sizes of the last axes, over which it goes; the shape of scale or bias by default, else the last one's. */
  readonly sizes?: number | Shape | undefined
}

/** What `rmsNorm` can be told. */
export interface RMSNormOptions {
  /** A factor for each element of the last axis; 1 by default. */
  readonly scale?: Tensor | undefined
  /** Added to the mean square; 1e-5 by default. */
  readonly eps?: number | undefined
}

/** What `batchNorm` can be told. */
export interface BatchNormOptions extends NormOptions {
  /** The means of the channels, together with `variance`; those of the batch by default. */
  readonly mean?: Tensor | undefined
  readonly variance?: Tensor | undefined
}

/** Checked options, with eps. */
function checked<O extends NormOptions>(name: string, options: O, known: readonly string[]): O & { readonly eps: number } {
  checkOptions(name, options, known)
  const { eps = 1e-5 } = options
  checkNumber(name, 'eps', eps)
  if (!(eps >= 0 && eps < Number.POSITIVE_INFINITY)) throw rangeError(name, 'eps must be 0 or more', eps)
  return { ...options, eps }
}

/** Throws ShapeError for a tensor of another shape than scale and bias have. */
function checkShapes(name: string, x: Tensor, shape: Shape, tensors: Readonly<Record<string, Tensor | undefined>>): void {
  for (const [what, tensor] of Object.entries(tensors)) {
    if (tensor === undefined) continue
    checkTensor(name, tensor)
    if (!sameShape(tensor.dims, shape)) {
      const came = `${show(tensor.dims)} for x ${show(x.dims)}`
      throw new ShapeError({ operation: name, problem: `the ${what} is ${show(shape)}`, came }, [tensor.dims, x.dims])
    }
  }
}

/** Throws ShapeError for x without channels, or without axes behind them where these are needed. */
function checkRank(name: string, x: Tensor, least: number): void {
  checkTensor(name, x)
  if (x.rank >= least) return
  throw new ShapeError({ operation: name, problem: `x is [batch, channels, ${least > 2 ? 'size, ' : ''}...]`, came: show(x.dims) }, [
    x.dims,
  ])
}

/**
 * Each row of the last axes, given by their `sizes`, brought to mean 0 and variance 1: (x - mean) / sqrt(variance + eps) scale + bias, with the
 * biased variance. x [..., ...sizes], scale and bias [...sizes], the result as x; `{ sizes, scale, bias, eps = 1e-5 }`. Ba et al. 2016, as
 * `torch.nn.functional.layer_norm`. Throws ShapeError where sizes or shapes do not fit, TypeError for sizes that are no numbers, RangeError
 * for a negative eps.
 *
 * @example tensor([[1, 3], [2, 6]]).layerNorm({ eps: 0 }).toArray() // [[-1, 1], [-1, 1]]
 */
export const layerNorm = /* @__PURE__ */ composed('layerNorm', 2, function layerNorm(x: Tensor, options: LayerNormOptions = {}): Tensor {
  checkTensor('layerNorm', x)
  const { sizes, scale, bias, eps } = checked('layerNorm', options, ['sizes', 'scale', 'bias', 'eps'])
  for (const each of [scale, bias]) if (each !== undefined) checkTensor('layerNorm', each)
  const last = typeof sizes === 'number' ? [sizes] : (sizes ?? scale?.dims ?? bias?.dims ?? x.dims.slice(-1))
  if (!Array.isArray(last)) throw typeError('layerNorm', 'sizes are a number or a list of numbers', `${written(sizes)} came`)
  if (last.length === 0 || !sameShape(x.dims.slice(-last.length), last)) {
    const came = `x ${show(x.dims)}, sizes ${show(last)}`
    throw new ShapeError({ operation: 'layerNorm', problem: 'the last axes of x have other sizes', came }, [x.dims, last])
  }
  checkShapes('layerNorm', x, last, { scale, bias })
  const n = sizeOf(last)
  return normalizeGroups(x, rowGroups(sizeOf(x.dims.slice(0, -last.length)), n, 1), { scale, bias }, eps).y
})

/**
 * Each row of the last axis divided by its root mean square: x / sqrt(mean(x²) + eps) scale. x [..., n], scale [n], the result as x;
 * `{ scale, eps = 1e-5 }`. Zhang & Sennrich 2019. Throws ShapeError where shapes do not fit, RangeError for a negative eps.
 *
 * @example tensor([[3, 4], [0, 1]]).rmsNorm().toArray() // [[0.8485, 1.1314], [0, 1.4142]]
 */
export const rmsNorm = /* @__PURE__ */ composed('rmsNorm', 2, function rmsNorm(x: Tensor, options: RMSNormOptions = {}): Tensor {
  checkTensor('rmsNorm', x)
  const { scale, eps } = checked('rmsNorm', options, ['scale', 'eps'])
  if (x.rank === 0) throw new ShapeError({ operation: 'rmsNorm', problem: 'x is [..., n]', came: show(x.dims) }, [x.dims])
  const n = x.dims[x.rank - 1]
  checkShapes('rmsNorm', x, [n], { scale })
  return normalizeGroups(x, rowGroups(sizeOf(x.dims.slice(0, -1)), n, 0), { scale }, eps).y
})

const PLAIN = ['scale', 'bias', 'eps']

/**
 * So many `groups` of neighbouring channels, each with the axes behind them, brought to mean 0 and variance 1 in each sample:
 * (x - mean) / sqrt(variance + eps) scale + bias. x [batch, channels, ...], scale and bias [channels], the result as x; `{ scale, bias,
 * eps = 1e-5 }`. Wu & He 2018, as `torch.nn.functional.group_norm`. Throws ShapeError where groups or shapes do not fit, TypeError for groups that are
 * no whole number from 1, RangeError for a negative eps.
 *
 * @example tensor([[1, 3, 2, 6]]).groupNorm(2, { eps: 0 }).toArray() // [[-1, 1, -1, 1]]
 */
export const groupNorm = /* @__PURE__ */ composed(
  'groupNorm',
  3,
  function groupNorm(x: Tensor, groups: number, options: NormOptions = {}): Tensor {
    checkRank('groupNorm', x, 2)
    if (!Number.isInteger(groups) || groups < 1)
      throw typeError('groupNorm', 'groups are a whole number from 1', `${written(groups)} came`, 'Write groupNorm(x, 4).')
    const { scale, bias, eps } = checked('groupNorm', options, PLAIN)
    const channels = x.dims[1]
    if (channels % groups !== 0) {
      throw new ShapeError({ operation: 'groupNorm', problem: `${groups} groups do not divide the channels`, came: show(x.dims) }, [x.dims])
    }
    checkShapes('groupNorm', x, [channels], { scale, bias })
    return normalizeGroups(x, neighbourGroups(x.dims, groups), { scale, bias }, eps).y
  },
)

/**
 * Each channel of each sample brought to mean 0 and variance 1: (x - mean) / sqrt(variance + eps) scale + bias. x [batch, channels, size, ...],
 * scale and bias [channels], the result as x; `{ scale, bias, eps = 1e-5 }`. Ulyanov et al. 2016, as `torch.nn.functional.instance_norm`.
 * Throws ShapeError where shapes do not fit, RangeError for a negative eps.
 *
 * @example tensor([[[1, 3], [2, 6]]]).instanceNorm({ eps: 0 }).toArray() // [[[-1, 1], [-1, 1]]]
 */
export const instanceNorm = /* @__PURE__ */ composed(
  'instanceNorm',
  2,
  function instanceNorm(x: Tensor, options: NormOptions = {}): Tensor {
    checkRank('instanceNorm', x, 3)
    const { scale, bias, eps } = checked('instanceNorm', options, PLAIN)
    checkShapes('instanceNorm', x, [x.dims[1]], { scale, bias })
    return normalizeGroups(x, channelGroups(x.dims, false), { scale, bias }, eps).y
  },
)

/**
 * Each channel brought to mean 0 and variance 1 over the batch and the axes behind it: (x - mean) / sqrt(variance + eps) scale + bias, with
 * the mean and the biased variance of the batch, or with those given. x [batch, channels, ...], all others [channels], the result as x;
 * `{ scale, bias, mean, variance, eps = 1e-5 }`. Ioffe & Szegedy 2015, as `torch.nn.functional.batch_norm`. Throws ShapeError where shapes do not
 * fit, TypeError for a mean without a variance, RangeError for a negative eps.
 *
 * @example
 * const x = tensor([[1, 2], [3, 6]])
 * x.batchNorm({ eps: 0 }).toArray() // [[-1, -1], [1, 1]]
 * x.batchNorm({ mean: zeros([2]), variance: full([2], 4), eps: 0 }).toArray() // [[0.5, 1], [1.5, 3]]
 */
export const batchNorm = /* @__PURE__ */ composed('batchNorm', 2, function batchNorm(x: Tensor, options: BatchNormOptions = {}): Tensor {
  checkRank('batchNorm', x, 2)
  const { scale, bias, mean, variance, eps } = checked('batchNorm', options, [...PLAIN, 'mean', 'variance'])
  checkShapes('batchNorm', x, [x.dims[1]], { scale, bias, mean, variance })
  const groups = channelGroups(x.dims, true)
  const affine: Affine = { scale, bias }
  if (mean && variance) return normalizeGiven(x, groups, { ...affine, mean, variance }, eps)
  if (mean || variance) {
    const came = mean ? 'mean alone' : 'variance alone'
    throw typeError('batchNorm', 'mean and variance come together', `${came} came`, 'Leave both out for those of the batch.')
  }
  return normalizeGroups(x, groups, affine, eps).y
})
