// Batch normalization by the mean and variance of all ranks' samples. The ranks exchange a few numbers for each channel, and compute the rest of what they have.
import { customGradient } from '../autodiff/custom.ts'
import { ShapeError } from '../errors.ts'
import { layer } from '../nn/layer.ts'
import { BatchNorm, type StatsNormLayer, type StatsNormOptions } from '../nn/layers/norm.ts'
import type { Activation } from '../ops/epilogue.ts'
import { concat } from '../ops/joining.ts'
import { identity } from '../ops/pointwise.ts'
import { later } from '../tape/effects.ts'
import { isTraining } from '../tape/mode.ts'
import { tensor } from '../tensor/create.ts'
import { Tensor } from '../tensor/tensor.ts'
import { kindOf, typeError, written } from '../words.ts'
import type { Accord } from './accord.ts'
import type { Distribution } from './distribution.ts'
import { middleOf, type Node } from './tree.ts'

const NAME = 'SyncBatchNorm'

/** The mean of each channel, and its biased variance, over `count` values. */
interface Statistics {
  readonly count: number
  readonly mean: Float64Array
  readonly variance: Float64Array
}

/** Makes the layers of a world of several ranks. */
export class SyncBatchNorms {
  private readonly accord: Accord
  private readonly distribution: Distribution
  private count = 0

  constructor(accord: Accord, distribution: Distribution) {
    this.accord = accord
    this.distribution = distribution
  }

  make(channels: number, second?: Activation | StatsNormOptions, third?: StatsNormOptions): StatsNormLayer {
    const plain = BatchNorm(channels, second as Activation, third)
    this.distribution.isSynced = true
    if (this.accord.ranks.size === 1) return plain
    const number = this.count++
    const label = `${NAME}(${channels}${plain.activation === identity ? '' : `, ${written(plain.activation)}`})`
    const forward = (self: Readonly<StatsNormLayer>, x: Tensor) => this.forward(self, x, channels, number)
    return layer(NAME, { ...plain } as StatsNormLayer, forward, { label, trainable: ['bias', 'scale'] }) as StatsNormLayer
  }

  private forward(self: Readonly<StatsNormLayer>, x: Tensor, channels: number, number: number): Tensor {
    if (!(x instanceof Tensor)) throw typeError(NAME, 'a tensor is needed', kindOf(x))
    if (x.rank < 2 || x.shape[1] !== channels) {
      const came = `[${x.shape.join(', ')}]`
      throw new ShapeError({ operation: NAME, problem: `x is [batch, ${channels}, ...]`, came }, [x.shape])
    }
    const { bias, scale, mean, variance, eps, momentum, activation } = self
    if (!isTraining()) return activation(x.batchNorm({ scale, bias, mean, variance, eps }))
    let found: Statistics | undefined
    const axes = [...x.shape.keys()].filter(axis => axis !== 1)
    const wide = (values: Tensor) => values.reshape([channels, ...axes.slice(1).map(() => 1)])
    /** For its numbers, which are no operations: they have no derivative that could be followed. */
    const once = (f: (x: Tensor) => Tensor) =>
      customGradient(f, () => {
        throw typeError(NAME, 'it has no second derivative', '', 'Take BatchNorm, whose statistics are those of a rank.')
      })
    const normalized = customGradient(
      (x: Tensor, ...[scale, bias]: Tensor[]) => {
        found = this.statistics(x, axes, number)
        return x.batchNorm({ scale, bias, ...tensorsOf(found), eps })
      },
      (g, [x, scale]) => {
        const { count, variance } = found as Statistics
        const hat = once(x => x.batchNorm({ ...tensorsOf(found as Statistics), eps }))(x)
        const [ofBias, ofScale] = [g.sum(axes), g.mul(hat).sum(axes)]
        const means = once(sums => this.means(sums, count, number))(concat([ofBias, ofScale]))
        const [first, second] = [means.slice([[0, channels]]), means.slice([[channels, 2 * channels]])].map(wide)
        const slope = tensor(Float32Array.from(variance, each => 1 / Math.sqrt(each + eps)))
        const ofX = g
          .sub(first)
          .sub(hat.mul(second))
          .mul(wide(scale ? slope.mul(scale) : slope))
        return scale ? [ofX, ofScale, ofBias] : [ofX]
      },
    )
    const y = scale && bias ? normalized(x, scale, bias) : normalized(x)
    if (mean && variance) {
      const { count, ...all } = found as unknown as Statistics
      const moved = (values: Float64Array, share: number) => (old: Tensor) =>
        old.mul(1 - momentum).add(tensor(Float32Array.from(values, each => each * share)))
      later(mean, moved(all.mean, momentum))
      later(variance, moved(all.variance, (momentum * count) / (count - 1)))
    }
    return activation(y)
  }

  /** Those of all ranks, merged in a fixed tree (Chan et al. 1979), so that the bits do not depend on how they are sent. */
  private statistics(x: Tensor, axes: readonly number[], number: number): Statistics {
    const channels = x.shape[1]
    const n = x.size / channels
    const own = new Float64Array(1 + 2 * channels)
    own[0] = n
    if (n > 0) {
      const mean = x.mean(axes, { keepDims: true })
      own.set(mean.view(), 1)
      own.set(x.sub(mean).square().sum(axes).view(), 1 + channels)
    }
    const all = this.gathered(own, number, 0)
    const merged = ({ from, to }: Node): Float64Array => {
      if (to - from === 1) return all[from]
      const middle = middleOf({ from, to })
      const [a, b] = [merged({ from, to: middle }), merged({ from: middle, to })]
      if (a[0] === 0 || b[0] === 0) return a[0] === 0 ? b : a
      const sum = new Float64Array(a.length)
      const count = (sum[0] = a[0] + b[0])
      for (let i = 1; i <= channels; i++) {
        const apart = b[i] - a[i]
        sum[i] = a[i] + (apart * b[0]) / count
        sum[i + channels] = a[i + channels] + b[i + channels] + (apart * apart * a[0] * b[0]) / count
      }
      return sum
    }
    const [count, ...rest] = merged({ from: 0, to: all.length })
    if (count < 2) {
      const wayOut = 'Take a larger batch, or DataLoader(..., { partial: false }).'
      const came = `[${x.shape.join(', ')}]`
      throw new ShapeError({ operation: NAME, problem: 'training needs two values or more for each channel', came, wayOut }, [x.shape])
    }
    const mean = Float64Array.from(rest.slice(0, channels))
    return { count, mean, variance: Float64Array.from(rest.slice(channels), each => each / count) }
  }

  /** Sums over all ranks, divided by the number of values. A rank's loss counts by its samples, as its gradients will. */
  private means(sums: Tensor, count: number, number: number): Tensor {
    const samples = this.distribution.part?.samples ?? 1
    const all = this.gathered(Float64Array.of(samples, ...sums.view()), number, 1)
    const added = ({ from, to }: Node, i: number): number => {
      if (to - from === 1) return all[from][0] * all[from][i]
      const middle = middleOf({ from, to })
      return added({ from, to: middle }, i) + added({ from: middle, to }, i)
    }
    const root = { from: 0, to: all.length }
    return tensor(Float32Array.from({ length: sums.size }, (_, i) => added(root, i + 1) / samples / count))
  }

  /** What each rank has: zeros of one that has no samples, or has done its part. */
  private gathered(own: Float64Array, number: number, pass: number): Float64Array[] {
    const { accord, distribution } = this
    const { ranks } = accord
    accord.meet('sync', own.length, number, pass, distribution.part?.batch ?? 0)
    const all = new Float64Array(ranks.size * own.length)
    ranks.gather(own, all)
    return Array.from({ length: ranks.size }, (_, rank) => all.subarray(rank * own.length, (rank + 1) * own.length))
  }
}

function tensorsOf({ mean, variance }: Statistics): { readonly mean: Tensor; readonly variance: Tensor } {
  return { mean: tensor(Float32Array.from(mean)), variance: tensor(Float32Array.from(variance)) }
}
