import {
  checkBoolean,
  checkFunction,
  checkNumber,
  checkOptions,
  rangeError,
  refuseSurplus,
  ShapeError,
  typeError,
  written,
} from '../../errors.ts'
import type { Activation } from '../../ops/epilogue.ts'
import {
  channelGroups,
  type Groups,
  type Normalized,
  neighbourGroups,
  normalizeGiven,
  normalizeGroups,
  rowGroups,
} from '../../ops/groups.ts'
import { reshape } from '../../ops/movement.ts'
import { add, identity, mul } from '../../ops/pointwise.ts'
import { mean as meanOf } from '../../ops/reduce.ts'
import { later } from '../../tape/effects.ts'
import { isTraining } from '../../tape/mode.ts'
import { checkTensor } from '../../tape/operation.ts'
import { ones, zeros } from '../../tensor/create.ts'
import { type Shape, sameShape, show, sizeOf } from '../../tensor/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { Initializer } from '../initializers.ts'
import type { Layer } from '../layer.ts'
import { activity, ending, initial } from './checks.ts'
import { plain, unlessIdentity } from './plain.ts'

/** What `LayerNorm` and `GroupNorm` can be told. */
export interface NormLayerOptions {
  /** Has it a trained scale and bias? */
  readonly affine?: boolean | undefined
  /** Added to the variance; 1e-5 by default. */
  readonly eps?: number | undefined
  /** Makes the first bias; `zeros` by default. */
  readonly initBias?: Initializer | undefined
  /** Makes the first scale; `ones` by default. */
  readonly initScale?: Initializer | undefined
}

/** What `BatchNorm` and `InstanceNorm` can be told. */
export interface StatsNormOptions extends NormLayerOptions {
  /** Does it keep running means and variances, which test mode takes? */
  readonly trackStats?: boolean | undefined
  /** The share of each step's in the running ones; 0.1 by default. */
  readonly momentum?: number | undefined
}

/** What `RMSNorm` can be told. */
export interface RMSNormLayerOptions {
  /** Has it a trained scale? */
  readonly affine?: boolean | undefined
  /** Added to the mean square; 1e-5 by default. */
  readonly eps?: number | undefined
  /** Makes the first scale; `ones` by default. */
  readonly initScale?: Initializer | undefined
}

interface NormFields {
  bias: Tensor | undefined
  scale: Tensor | undefined
  eps: number
  activation: Activation
}
interface StatsFields extends NormFields {
  mean: Tensor | undefined
  variance: Tensor | undefined
  momentum: number
}

/** What `LayerNorm` and `GroupNorm` make. */
export type NormLayer = Layer<NormFields, [x: Tensor], Tensor>
/** What `BatchNorm` and `InstanceNorm` make: the running mean and variance are no parameters. */
export type StatsNormLayer = Layer<StatsFields, [x: Tensor], Tensor>
/** What `RMSNorm` makes. */
export type RMSNormLayer = Layer<{ scale: Tensor | undefined; eps: number }, [x: Tensor], Tensor>

const DEFAULTS = { affine: true, eps: 1e-5, initBias: zeros as Initializer, initScale: ones as Initializer }
type Settings = typeof DEFAULTS

/** Checks options; what is left out has its default. */
function settingsOf<O extends object, D extends Partial<Settings>>(name: string, options: O, defaults: D): D {
  checkOptions(name, options, Object.keys(defaults))
  const settings: Record<string, unknown> = { ...defaults }
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined) continue
    settings[key] = value
    const isDefault = (defaults as Readonly<Record<string, unknown>>)[key]
    if (typeof isDefault === 'boolean') checkBoolean(name, key, value)
    else if (typeof isDefault === 'function') checkFunction(name, key, value)
    else {
      checkNumber(name, key, value)
      const most = key === 'eps' ? Number.MAX_VALUE : 1
      if (!(value >= 0 && value <= most)) throw rangeError(name, `${key} must be ${key === 'eps' ? '0 or more' : 'from 0 to 1'}`, value)
    }
  }
  return settings as D
}

function checkCount(name: string, what: string, value: unknown): asserts value is number {
  if (!Number.isInteger(value) || (value as number) < 1) throw typeError(name, `${what} a whole number from 1`, `${written(value)} came`)
}

/** Bias before scale: the order of Flux's parameters. */
function affineOf(name: string, { affine, initBias, initScale }: Settings, shape: Shape) {
  return {
    bias: affine ? initial(name, initBias, shape, 'initBias') : undefined,
    scale: affine ? initial(name, initScale, shape, 'initScale') : undefined,
  }
}

/** What a layer prints: its arguments, an activation if it has one, and the options that are not by default. */
function shown(args: readonly unknown[], activation: Activation, options: object, defaults: object): unknown[] {
  const told = Object.entries(options).filter(
    ([key, value]) => typeof value !== 'function' && value !== (defaults as Record<string, unknown>)[key],
  )
  return [...args, unlessIdentity(activation), Object.fromEntries(told)]
}

/** Throws ShapeError for what is not [batch, channels, ...]. */
function checkChannels(name: string, x: Tensor, channels: number, least: number): void {
  checkTensor(name, x)
  if (x.rank >= least && x.dims[1] === channels) return
  const problem = `x is [batch, ${channels}, ${least > 2 ? 'size, ' : ''}...]`
  throw new ShapeError({ operation: name, problem, came: show(x.dims) }, [x.dims])
}

const BATCH = { ...DEFAULTS, trackStats: true, momentum: 0.1 }
const INSTANCE = { ...BATCH, affine: false, trackStats: false }

/** Batch and instance norm: the channels over all of the batch, or those of each sample. */
function statsNorm(
  name: string,
  overBatch: boolean,
  defaults: typeof BATCH,
  channels: number,
  second: Activation | StatsNormOptions | undefined,
  third: StatsNormOptions | undefined,
): StatsNormLayer {
  checkCount(name, 'channels are', channels)
  const [activation, options] = ending(name, second, third)
  const settings = settingsOf(name, options, defaults)
  const { trackStats, eps, momentum } = settings
  const fields: StatsFields = {
    ...affineOf(name, settings, [channels]),
    mean: trackStats ? zeros([channels]) : undefined,
    variance: trackStats ? ones([channels]) : undefined,
    eps,
    momentum,
    activation,
  }
  const forward = (self: StatsFields, x: Tensor) => {
    checkChannels(name, x, channels, overBatch ? 2 : 3)
    const { bias, scale, mean, variance } = self
    const groups = channelGroups(x.dims, overBatch)
    const inTraining = isTraining()
    if (!inTraining && mean && variance) {
      return activity(name, normalizeGiven(x, groups, { bias, scale, mean, variance }, self.eps, self.activation))
    }
    const n = groups.segments * groups.n
    if (inTraining && n < 2) {
      const wayOut = overBatch ? 'Take a larger batch, or DataLoader(..., { partial: false }).' : ''
      throw new ShapeError({ operation: name, problem: 'training needs two values or more for each channel', came: show(x.dims), wayOut }, [
        x.dims,
      ])
    }
    const found = normalizeGroups(x, groups, self, self.eps, self.activation)
    if (inTraining && mean && variance && x.count > 0) move(mean, variance, found, groups, self.momentum, n / (n - 1))
    return activity(name, found.y)
  }
  return plain(name, fields, shown([channels], activation, options, defaults), forward, ['bias', 'scale'])
}

/** Moves the running mean and variance, which is unbiased, towards those of the batch, or to the mean of the samples' own. */
function move(mean: Tensor, variance: Tensor, found: Normalized, groups: Groups, momentum: number, unbiased: number): void {
  const next = (stat: () => Tensor, share: number) => (old: Tensor) => {
    const all = stat()
    const one = all.count === old.count ? reshape(all, old.dims) : meanOf(reshape(all, [groups.view[0], old.count]), 0)
    return add(mul(old, 1 - momentum), mul(one, share))
  }
  later(mean, next(found.mean, momentum))
  later(variance, next(found.variance, momentum * unbiased))
}

/**
 * A layer that brings each channel to mean 0 and variance 1 over the batch and the axes behind it: σ((x - mean) / sqrt(variance + eps) scale + bias).
 *
 * `BatchNorm(channels, activation = identity, { affine = true, trackStats = true, eps = 1e-5, momentum = 0.1, initBias = zeros, initScale = ones })`
 * takes and gives [batch, channels, ...]; `scale` and `bias` are [channels], as are the buffers `mean` and `variance`. While it trains it takes the
 * batch's mean and biased variance, and moves the running ones once a step: old (1 - momentum) + batch's momentum, the variance with m / (m - 1) of
 * the m values of a channel; in test mode it takes the running ones (the batch's without `trackStats`). Ioffe & Szegedy 2015, as PyTorch's
 * `nn.BatchNorm1d` to `3d`. Throws ShapeError for another shape, and in training for one value per channel; RangeError for an eps below 0 or a
 * momentum outside of 0 to 1, TypeError for channels that are no whole number from 1.
 *
 * @example
 * const norm = BatchNorm(2, relu, { eps: 0 })
 * norm(tensor([[-1, 2], [3, 6]])).toArray() // [[0, 2], [3, 6]]
 * gradient(x => norm(x).square().sum(), tensor([[1, 2], [3, 6]]))
 * norm.mean.toArray() // [0.2, 0.4]
 * norm.variance.toArray() // [1.1, 1.7]
 */
export function BatchNorm(channels: number, activation?: Activation | StatsNormOptions, options?: StatsNormOptions): StatsNormLayer {
  if (arguments.length > 3) refuseSurplus('BatchNorm', 3, arguments)
  return statsNorm('BatchNorm', true, BATCH, channels, activation, options)
}

/**
 * A layer that brings each channel of each sample to mean 0 and variance 1: σ((x - mean) / sqrt(variance + eps) scale + bias).
 *
 * `InstanceNorm(channels, activation = identity, { affine = false, trackStats = false, eps = 1e-5, momentum = 0.1, initBias = zeros, initScale =
 * ones })` takes and gives [batch, channels, size, ...]; with `affine` there are `scale` and `bias` [channels], with `trackStats` the buffers `mean`
 * and `variance` of `BatchNorm`, moved by the mean over the samples. Ulyanov et al. 2016, as PyTorch's `nn.InstanceNorm1d` to `3d`. Throws
 * ShapeError, RangeError and TypeError as `BatchNorm`.
 *
 * @example InstanceNorm(2, relu, { eps: 0 })(tensor([[[1, 3], [2, 6]]])).toArray() // [[[0, 1], [0, 1]]]
 */
export function InstanceNorm(channels: number, activation?: Activation | StatsNormOptions, options?: StatsNormOptions): StatsNormLayer {
  if (arguments.length > 3) refuseSurplus('InstanceNorm', 3, arguments)
  return statsNorm('InstanceNorm', false, INSTANCE, channels, activation, options)
}

/**
 * A layer that brings groups of neighbouring channels, with the axes behind them, to mean 0 and variance 1 in each sample:
 * σ((x - mean) / sqrt(variance + eps) scale + bias).
 *
 * `GroupNorm(channels, groups, activation = identity, { affine = true, eps = 1e-5, initBias = zeros, initScale = ones })` takes and gives
 * [batch, channels, ...]; `scale` and `bias` are [channels]. It does the same in training and in test mode. Wu & He 2018, as PyTorch's
 * `nn.GroupNorm`, but for the order of arguments. Throws ShapeError for another shape, TypeError where groups do not divide the
 * channels, RangeError for an eps below 0.
 *
 * @example GroupNorm(4, 2, relu, { eps: 0 })(tensor([[1, 3, 2, 6]])).toArray() // [[0, 1, 0, 1]]
 */
export function GroupNorm(channels: number, groups: number, third?: Activation | NormLayerOptions, fourth?: NormLayerOptions): NormLayer {
  const name = 'GroupNorm'
  if (arguments.length > 4) refuseSurplus(name, 4, arguments)
  checkCount(name, 'channels are', channels)
  checkCount(name, 'groups are', groups)
  if (channels % groups !== 0)
    throw typeError(name, 'groups divide the channels', `${groups} came for ${channels}`, 'Write GroupNorm(channels, groups).')
  const [activation, options] = ending(name, third, fourth)
  const settings = settingsOf(name, options, DEFAULTS)
  const fields: NormFields = { ...affineOf(name, settings, [channels]), eps: settings.eps, activation }
  const forward = (self: NormFields, x: Tensor) => {
    checkChannels(name, x, channels, 2)
    return activity(name, normalizeGroups(x, neighbourGroups(x.dims, groups), self, self.eps, self.activation).y)
  }
  return plain(name, fields, shown([channels, groups], activation, options, DEFAULTS), forward)
}

/** Throws ShapeError for x whose last axes are not those. */
function checkLast(name: string, x: Tensor, sizes: Shape): void {
  checkTensor(name, x)
  if (x.rank >= sizes.length && sameShape(x.dims.slice(x.rank - sizes.length), sizes)) return
  throw new ShapeError({ operation: name, problem: `x is [..., ${sizes.join(', ')}]`, came: show(x.dims) }, [x.dims])
}

/**
 * A layer that brings each row of the last axes to mean 0 and variance 1: σ((x - mean) / sqrt(variance + eps) scale + bias).
 *
 * `LayerNorm(...sizes, activation = identity, { affine = true, eps = 1e-5, initBias = zeros, initScale = ones })` takes and gives [..., ...sizes];
 * `scale` and `bias` are [...sizes]. It does the same in training and in test mode. Ba et al. 2016, as PyTorch's `nn.LayerNorm`. Throws ShapeError for
 * another shape, TypeError for sizes that are no whole numbers from 1, RangeError for an eps below 0.
 *
 * @example LayerNorm(2, relu, { eps: 0 })(tensor([[1, 3], [2, 6]])).toArray() // [[0, 1], [0, 1]]
 */
export function LayerNorm(...args: readonly [size: number, ...rest: readonly (number | Activation | NormLayerOptions)[]]): NormLayer {
  const name = 'LayerNorm'
  const count = args.findIndex(each => typeof each !== 'number')
  const sizes = (count < 0 ? args : args.slice(0, count)) as readonly number[]
  const [second, third, ...surplus] = (count < 0 ? [] : args.slice(count)) as [unknown, NormLayerOptions?]
  if (surplus.length > 0) refuseSurplus(name, sizes.length + 2, args)
  if (sizes.length === 0)
    throw typeError(name, 'the sizes come first', `${written(args[0])} came`, 'Write LayerNorm(64) or LayerNorm(3, 4, relu).')
  for (const size of sizes) checkCount(name, 'sizes are', size)
  const [activation, options] = ending(name, second, third)
  const settings = settingsOf(name, options, DEFAULTS)
  const { bias, scale } = affineOf(name, settings, sizes)
  const fields: NormFields = { scale, bias, eps: settings.eps, activation }
  const n = sizeOf(sizes)
  const forward = (self: NormFields, x: Tensor) => {
    checkLast(name, x, sizes)
    return activity(name, normalizeGroups(x, rowGroups(x.count / n, n, 1), self, self.eps, self.activation).y)
  }
  return plain(name, fields, shown(sizes, activation, options, DEFAULTS), forward)
}

const SQUARES = { affine: true, eps: 1e-5, initScale: ones as Initializer }

/**
 * A layer that divides each row of the last axis by its root mean square: x / sqrt(mean(x²) + eps) scale.
 *
 * `RMSNorm(size, { affine = true, eps = 1e-5, initScale = ones })` takes and gives [..., size]; `scale` is [size]. It does the same in training and in
 * test mode. Zhang & Sennrich 2019. Throws ShapeError for another shape, TypeError for a size that is no whole number from 1,
 * RangeError for an eps below 0.
 *
 * @example RMSNorm(2)(tensor([[3, 4], [0, 1]])).toArray() // [[0.8485, 1.1314], [0, 1.4142]]
 */
export function RMSNorm(size: number, options: RMSNormLayerOptions = {}): RMSNormLayer {
  const name = 'RMSNorm'
  if (arguments.length > 2) refuseSurplus(name, 2, arguments)
  checkCount(name, 'the size is', size)
  const { affine, eps, initScale } = settingsOf(name, options, SQUARES)
  const fields = { scale: affine ? initial(name, initScale, [size], 'initScale') : undefined, eps }
  const forward = (self: typeof fields, x: Tensor) => {
    checkLast(name, x, [size])
    return normalizeGroups(x, rowGroups(x.count / size, size, 0), { scale: self.scale }, self.eps).y
  }
  return plain(name, fields, shown([size], identity, options, SQUARES), forward)
}
