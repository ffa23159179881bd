// Larger images of smaller ones.
import { rangeError, ShapeError } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor } from '../tape/operation.ts'
import { tensor } from '../tensor/create.ts'
import { checkShape, show, sizeOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { repeat } from './arranging.ts'
import { gather } from './indexing.ts'
import { permute, reshape, transpose } from './movement.ts'
import { add, mul } from './pointwise.ts'
import { checkFactor, checkUpsample, MODES, told, type UpsampleMode, type UpsampleOptions } from './told.ts'
import { spatial } from './windows.ts'

/** Where each entry of an axis comes from is written by JavaScript. */
const MOST = 2 ** 26

/** Its entries along an axis, of whole rows of memory: the last axis is put before the others meanwhile. */
function rows(x: Tensor, axis: number, of: (x: Tensor, axis: number) => Tensor): Tensor {
  const n = x.dims[axis]
  const outer = sizeOf(x.dims, 0, axis)
  const isLast = axis === x.rank - 1
  const y = isLast ? transpose(of(transpose(reshape(x, [outer, n])), 0)) : of(reshape(x, [outer, n, sizeOf(x.dims, axis + 1)]), 1)
  return reshape(y, [...x.dims.slice(0, axis), y.dims[1], ...x.dims.slice(axis + 1)])
}

function nearest(x: Tensor, axis: number, count: number): Tensor {
  const n = x.dims[axis]
  if (count % n === 0) return count === n ? x : repeat(x, count / n, axis)
  const from = tensor(new Int32Array(count).map((_, i) => Math.floor((i * n) / count)))
  return rows(x, axis, (each, at) => gather(each, from, at))
}

function linear(x: Tensor, axis: number, count: number, alignCorners: boolean): Tensor {
  const n = x.dims[axis]
  if (count === n) return x
  const place = (i: number) =>
    alignCorners ? (count > 1 ? (i * (n - 1)) / (count - 1) : 0) : Math.min(n - 1, Math.max(0, ((i + 0.5) * n) / count - 0.5))
  const places = new Float64Array(count).map((_, i) => place(i))
  // On an element two halves of that, for 0 times an infinite neighbour is NaN.
  const shares = places.map(each => each - Math.floor(each) || 0.5)
  return rows(x, axis, (each, at) => {
    const part = (round: (place: number) => number, weights: Float64Array) =>
      mul(gather(each, tensor(new Int32Array(places.map(round))), at), tensor(new Float32Array(weights), [count, 1]))
    return add(
      part(
        Math.floor,
        shares.map(share => 1 - share),
      ),
      part(Math.ceil, shares),
    )
  })
}

/**
 * x [batch, channels, ...] larger (or smaller) along its spatial axes: gives [batch, channels, ...] of the `size`, or of ⌊`scale` n⌋. Of the modes,
 * 'nearest' is for 1 to 3 axes and repeats elements; 'linear' is for one, 'bilinear' for two and 'trilinear' for three, and mixes neighbours by their
 * distance: at i (n - 1) / (out - 1) with `alignCorners` (true, as in Flux), else at (i + ½) n / out - ½ (the default of PyTorch). Throws TypeError
 * for another mode, and unless one of scale and size is given, ShapeError for an x of another rank, RangeError for sizes that are not whole from 1 to 2^26.
 *
 * @example upsample(tensor([[[1, 3]]]), 'linear', { size: 3 }).toArray() // [[[1, 2, 3]]]
 */
export const upsample = /* @__PURE__ */ composed(
  'upsample',
  3,
  function upsample(x: Tensor, mode: UpsampleMode, options: UpsampleOptions): Tensor {
    checkTensor('upsample', x)
    checkUpsample('upsample', mode, options)
    const { scale, alignCorners = true } = options
    const given = told('upsample', options, spatial('upsample', x, MODES.indexOf(mode)))
    const counts = scale === undefined ? given : given.map((each, i) => Math.floor(each * x.dims[i + 2]))
    if (counts.includes(0) || x.dims.slice(2).includes(0)) {
      throw new ShapeError({ operation: 'upsample', problem: 'nothing would be left', came: `${show(x.dims)} to ${show(counts)}` }, [
        x.dims,
      ])
    }
    checkShape('upsample', [...x.dims.slice(0, 2), ...counts])
    const long = counts.find(count => count > MOST)
    if (long) throw rangeError('upsample', `an axis becomes ${MOST} long at most`, long)
    let y = x
    counts.forEach((count, i) => {
      y = mode === 'nearest' ? nearest(y, i + 2, count) : linear(y, i + 2, count, alignCorners)
    })
    return y
  },
)

/**
 * Channels as places: from [batch, channels r^d, ...] to [batch, channels, ...] with d spatial axes (1 to 3), each r times as long (Shi et al. 2016).
 * Throws RangeError for an r that is not whole from 1, ShapeError where r^d does not divide the channels.
 *
 * @example pixelShuffle(tensor([[[1, 2], [3, 4]]]), 2).toArray() // [[[1, 3, 2, 4]]]
 */
export const pixelShuffle = /* @__PURE__ */ composed('pixelShuffle', 2, function pixelShuffle(x: Tensor, r: number): Tensor {
  checkTensor('pixelShuffle', x)
  checkFactor('pixelShuffle', r)
  const axes = spatial('pixelShuffle', x)
  const [batch, channels, ...sizes] = x.dims
  if (channels % r ** axes !== 0) {
    throw new ShapeError({ operation: 'pixelShuffle', problem: `the channels are a multiple of ${r ** axes}`, came: show(x.dims) }, [
      x.dims,
    ])
  }
  const left = channels / r ** axes
  const apart = reshape(x, [batch, left, ...sizes.map(() => r), ...sizes])
  const order = sizes.flatMap((_, i) => [2 + axes + i, 2 + i])
  return reshape(permute(apart, [0, 1, ...order]), [batch, left, ...sizes.map(size => r * size)])
})
