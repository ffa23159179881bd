// Changes of images by chance, each image its own: functions of a batch, made of operations.
import { checkNumber, checkOptions, DTypeError, rangeError, ShapeError, written } from '../errors.ts'
import { flip } from '../ops/arranging.ts'
import { gather, takeAlong } from '../ops/indexing.ts'
import { broadcastTo, reshape } from '../ops/movement.ts'
import { pad } from '../ops/padding.ts'
import { add, cast, clamp, cos, floor, mul, sin, sub, where } from '../ops/pointwise.ts'
import { argSort } from '../ops/sorting.ts'
import { checkWhole } from '../ops/whole.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor } from '../tape/operation.ts'
import { arange, tensor } from '../tensor/create.ts'
import { bernoulli, rand, randint } from '../tensor/random.ts'
import { resolveAxis, sameShape, show } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** What `crop` can be told. */
export interface CropOptions {
  /** So many zeros around each image before it is cut; 0 by default. */
  readonly pad?: number | undefined
}

/** Runs `f` on [n, channels, height, width]; one image is a batch of one. Throws ShapeError for other ranks. */
function ofBatch(operation: string, x: Tensor, f: (x: Tensor) => Tensor): Tensor {
  checkTensor(operation, x)
  if (x.rank === 4) return f(x)
  if (x.rank === 3) {
    const y = f(reshape(x, [1, ...x.dims]))
    return reshape(y, y.dims.slice(1))
  }
  const problem = 'images are [n, channels, height, width], or one is [channels, height, width]'
  throw new ShapeError({ operation, problem, came: show(x.dims) }, [x.dims])
}

/** Throws TypeError for what is no number, RangeError for one that is not from 0 to `limit`. */
function checkMost(operation: string, what: string, most: number, limit: number): void {
  checkNumber(operation, what, most)
  if (!(most >= 0 && most <= limit)) throw rangeError(operation, `${what} is a number from 0 to ${limit}`, most)
}

const upTo = (n: number) => arange(n, undefined, undefined, { dtype: 'int32' })

/** The pixels of images at places [n, 1, height, width], which count through height * width. */
function pixelsAt(x: Tensor, places: Tensor): Tensor {
  const [n, channels, height, width] = x.dims
  const shape = [n, channels, ...places.dims.slice(2)]
  const flat = (y: Tensor, size: number) => reshape(y, [n, channels, size])
  return reshape(takeAlong(flat(x, height * width), flat(broadcastTo(places, shape), shape[2] * shape[3]), 2), shape)
}

/** A random part [height, width] of each image, from the zeros around it on. */
function cropped(x: Tensor, height: number, width: number, zeros: number): Tensor {
  const around = [zeros, zeros] as const
  const whole = zeros === 0 ? x : pad(x, [[0, 0], [0, 0], around, around]) // biome-ignore format: one line
  const [n, , h, w] = whole.dims
  const [top, left] = [h - height, w - width].map(room => randint(0, room + 1, [n, 1, 1, 1]))
  const window = add(mul(reshape(upTo(height), [height, 1]), w), upTo(width))
  return pixelsAt(whole, add(add(mul(top, w), left), window))
}

/**
 * Images [n, channels, height, width], or one without n, each moved by whole pixels of its own, at most so many up, down, left and right, by chance, and
 * 0 where nothing comes from. The type stays. Differentiable; the numbers are those of `manualSeed`. Throws RangeError for pixels that are no whole number
 * from 0, ShapeError for what are no images.
 *
 * @example shift(ones([8, 1, 28, 28]), 2).shape // [8, 1, 28, 28]
 */
export const shift = /* @__PURE__ */ composed('shift', 2, function shift(x: Tensor, most: number): Tensor {
  checkWhole('shift', 'how many pixels', [most], 0)
  return ofBatch('shift', x, images => cropped(images, images.dims[2], images.dims[3], most))
})

/**
 * A part of each image [n, channels, height, width], or of one without n, at a place of its own by chance: `size` is [height, width], or one number for
 * both. `{ pad }` puts so many zeros around before, so that `crop(x, 32, { pad: 4 })` is what trains networks on CIFAR-10. The type stays. Differentiable;
 * the numbers are those of `manualSeed`. Throws RangeError for sizes that are no whole numbers from 0, ShapeError for a part that is larger than what
 * there is, and for what are no images.
 *
 * @example crop(ones([8, 3, 32, 32]), [24, 28]).shape // [8, 3, 24, 28]
 */
export const crop = /* @__PURE__ */ composed(
  'crop',
  3,
  function crop(x: Tensor, size: number | readonly [height: number, width: number], options: CropOptions = {}): Tensor {
    checkOptions('crop', options, ['pad'])
    const { pad: zeros = 0 } = options
    const sizes = [size].flat()
    checkWhole('crop', 'a size', [...sizes, zeros], 0)
    const [height, width = height] = sizes
    return ofBatch('crop', x, images => {
      const [, , h, w] = images.dims
      if (!(height <= h + 2 * zeros && width <= w + 2 * zeros) || sizes.length > 2) {
        const came = `${show(sizes)} of ${show(images.dims)}${zeros > 0 ? ` with ${zeros} around` : ''}`
        throw new ShapeError({ operation: 'crop', problem: 'the part does not fit', came }, [images.dims])
      }
      return cropped(images, height, width, zeros)
    })
  },
)

/**
 * Images [n, channels, height, width], or one without n, each mirrored with a probability (0.5): left and right change places, or what an axis (-1) says.
 * The type stays. Differentiable; the numbers are those of `manualSeed`. Throws RangeError for a probability outside [0, 1], ShapeError for an axis that
 * is not there and for what are no images.
 *
 * @example randomFlip(tensor([[[1, 2]]]), 1).toArray() // [[[2, 1]]]
 */
export const randomFlip = /* @__PURE__ */ composed('randomFlip', 3, function randomFlip(x: Tensor, p = 0.5, axis = -1): Tensor {
  checkMost('randomFlip', 'a probability', p, 1)
  return ofBatch('randomFlip', x, images => {
    const mirrored = flip(images, resolveAxis('randomFlip', axis, x.dims) - x.rank)
    return cast(where(bernoulli(p, [images.dims[0], 1, 1, 1]), mirrored, images), images.type)
  })
})

/**
 * Images [n, channels, height, width], or one without n, each turned around its middle by an angle of its own, at most so many degrees either way, by
 * chance: bilinear between four pixels, and 0 where nothing comes from. float32. Differentiable; the numbers are those of `manualSeed`. Throws RangeError
 * for degrees that are not from 0 to 360, ShapeError for what are no images.
 *
 * @example rotate(ones([8, 1, 28, 28]), 15).shape // [8, 1, 28, 28]
 */
export const rotate = /* @__PURE__ */ composed('rotate', 2, function rotate(x: Tensor, most: number): Tensor {
  checkMost('rotate', 'how many degrees', most, 360)
  return ofBatch('rotate', x, images => {
    const [n, , height, width] = images.dims
    const angle = mul(rand([n, 1, 1, 1], { low: -most, high: most }), Math.PI / 180)
    const [c, s] = [cos(angle), sin(angle)]
    const middle = (size: number) => (size - 1) / 2
    const v = sub(reshape(arange(height), [height, 1]), middle(height))
    const u = sub(arange(width), middle(width))
    // Where a pixel comes from: one beyond the edges is as good as any further out.
    const rows = clamp(add(sub(mul(v, c), mul(u, s)), middle(height)), -1, height)
    const columns = clamp(add(add(mul(v, s), mul(u, c)), middle(width)), -1, width)
    const whole = pad(cast(images, 'float32'), [[0, 0], [0, 0], [1, 2], [1, 2]]) // biome-ignore format: one line
    const w = width + 3
    const [top, left] = [floor(rows), floor(columns)]
    const at = add(add(mul(cast(top, 'int32'), w), cast(left, 'int32')), w + 1)
    const between = (a: Tensor, b: Tensor, part: Tensor) => add(a, mul(sub(b, a), part))
    const across = sub(columns, left)
    const row = (from: Tensor) => between(pixelsAt(whole, from), pixelsAt(whole, add(from, 1)), across)
    return between(row(at), row(add(at, w)), sub(rows, top))
  })
})

/**
 * Images [n, channels, height, width], or one without n, each times a factor of its own from [1 - most, 1 + most), by chance; float32. Values are not cut
 * at 1. Differentiable; the numbers are those of `manualSeed`. Throws RangeError for a `most` outside [0, 1], ShapeError for what are no images.
 *
 * @example brightness(ones([8, 3, 32, 32]), 0.2).shape // [8, 3, 32, 32]
 */
export const brightness = /* @__PURE__ */ composed('brightness', 2, function brightness(x: Tensor, most: number): Tensor {
  checkMost('brightness', 'how much', most, 1)
  return ofBatch('brightness', x, images => mul(images, rand([images.dims[0], 1, 1, 1], { low: 1 - most, high: 1 + most })))
})

/** How many shares of two samples there are, each as likely. */
const SHARES = 1024

/** The quantiles of Beta(alpha, alpha) in the middle of so many equal parts. */
function shares(alpha: number): Float32Array {
  // In v = x^(1/p) the density is bounded for any alpha. Of both halves, which are alike, the lower one is summed.
  const p = Math.max(1, 1 / alpha)
  const steps = 4 * SHARES
  const end = 0.5 ** (1 / p)
  const density = (v: number) => v ** (p * alpha - 1) * (1 - v ** p) ** (alpha - 1)
  const sums = new Float64Array(steps + 1)
  for (let i = 0; i < steps; i++) sums[i + 1] = sums[i] + density(((i + 0.5) * end) / steps)
  const found = new Float32Array(SHARES)
  for (let k = 0, i = 0; k < SHARES / 2; k++) {
    const wanted = ((k + 0.5) / (SHARES / 2)) * sums[steps]
    while (sums[i + 1] < wanted) i++
    const part = (wanted - sums[i]) / (sums[i + 1] - sums[i])
    const x = (((i + part) * end) / steps) ** p
    found[k] = x
    found[SHARES - 1 - k] = 1 - x
  }
  return found
}

/**
 * Each sample mixed with another one of the batch, drawn by chance, and its target with that one's (Zhang et al. 2017): λ x + (1 - λ) x', λ from
 * Beta(alpha, alpha) for each sample (one of 1,024 equally likely values). Takes x [n, ...] and targets y [n, ...] that can be mixed, such as `oneHot`
 * classes, and gives both as float32. Differentiable; the numbers are those of `manualSeed`. Throws RangeError for an alpha that is not positive or above
 * 1000, ShapeError where x and y have not as many samples, DTypeError for targets that are class numbers.
 *
 * @example
 * const [x, y] = mixup(ones([8, 3, 32, 32]), oneHot([0, 1, 2, 3, 0, 1, 2, 3], 4), 0.2)
 * y.shape // [8, 4]
 */
export const mixup = /* @__PURE__ */ composed('mixup', 3, function mixup(x: Tensor, y: Tensor, alpha = 0.2): [x: Tensor, y: Tensor] {
  checkTensor('mixup', x)
  checkTensor('mixup', y)
  checkNumber('mixup', 'alpha', alpha)
  if (!(alpha > 0 && alpha <= 1000)) throw rangeError('mixup', 'alpha is a positive number up to 1000', written(alpha))
  if (x.rank === 0 || !sameShape(x.dims.slice(0, 1), y.dims.slice(0, 1))) {
    const came = `${show(x.dims)} and ${show(y.dims)}`
    throw new ShapeError({ operation: 'mixup', problem: 'x and y have as many samples', came }, [x.dims, y.dims])
  }
  if (y.type === 'int32' || y.type === 'uint8') {
    const wayOut = 'Write oneHot(y, classes).'
    throw new DTypeError({ operation: 'mixup', problem: 'class numbers cannot be mixed', came: y.type, wayOut }, [y.type])
  }
  const n = x.dims[0]
  const partner = argSort(rand([n]))
  const share = gather(tensor(shares(alpha)), randint(0, SHARES, [n]))
  const mixed = (z: Tensor) => {
    const floats = cast(z, 'float32')
    const other = gather(floats, partner)
    return add(other, mul(sub(floats, other), reshape(share, [n, ...z.dims.slice(1).fill(1)])))
  }
  return [mixed(x), mixed(y)]
})
