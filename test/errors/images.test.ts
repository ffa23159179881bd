// Images as bytes, and their changes by chance.
import { brightness, crop, fromImageData, mixup, ones, randomFlip, rotate, shift, tensor, toImageData } from 'fluxtape'
import { describe } from 'vitest'
import { refuses } from './table.ts'

const x = ones([2, 3, 4, 5])
const image = (width: number, height: number, bytes = 4) => ({ data: new Uint8Array(bytes * width * height), width, height })
const forms = 'Pass an ImageData, or { data, width, height } with one byte a channel.'
const ranks = 'images are [n, channels, height, width], or one is [channels, height, width]'

describe('images refuse', () => {
  refuses([
    ['no image', () => fromImageData([]), 'TypeError: fromImageData: there is no image.'],
    ['undefined', () => fromImageData(undefined as never), `TypeError: fromImageData: takes an image or a list of images: undefined came. ${forms}`],
    ['a canvas', () => fromImageData({ width: 2, height: 2 } as never), `TypeError: fromImageData: takes an image or a list of images: object came. ${forms}`],
    ['bytes alone', () => fromImageData(new Uint8Array(4) as never), `TypeError: fromImageData: takes an image or a list of images: a Uint8Array came. ${forms}`],
    ['floats', () => fromImageData({ ...image(1, 1), data: new Float32Array(4) as never }), `TypeError: fromImageData: takes an image or a list of images: object came. ${forms}`],
    ['a width of 0', () => fromImageData(image(0, 1)), `TypeError: fromImageData: takes an image or a list of images: object came. ${forms}`],
    ['two bytes a pixel', () => fromImageData(image(3, 2, 2)), 'ShapeError: fromImageData: a pixel has 1, 3 or 4 bytes: 12 for 2 x 3.'],
    ['images of different sizes', () => fromImageData([image(3, 2), image(2, 3)]), 'ShapeError: fromImageData: all images have one size: [2, 3] and [3, 2].'],
    ['two channels', () => fromImageData(image(1, 1), { channels: 2 as never }), 'RangeError: fromImageData: there are 1, 3 or 4 channels: 2.'],
    ['an unknown option', () => fromImageData(image(1, 1), { grey: true } as never), "TypeError: fromImageData: there is no option 'grey'. There is channels."],
    ['a matrix', () => toImageData(ones([4, 5])), 'ShapeError: toImageData: an image is [channels, height, width] with 1, 3 or 4 channels: [4, 5].'],
    ['an image without pixels', () => toImageData(ones([3, 0, 5])), 'ShapeError: toImageData: an image is [channels, height, width] with 1, 3 or 4 channels: [3, 0, 5].'],
    ['channels at the end', () => toImageData(ones([5, 4, 3])), 'ShapeError: toImageData: an image is [channels, height, width] with 1, 3 or 4 channels: [5, 4, 3].'],
    ['a batch', () => toImageData(x), 'ShapeError: toImageData: an image is [channels, height, width] with 1, 3 or 4 channels: [2, 3, 4, 5]. Of a batch write [...batch].map(toImageData).'],
    ['a shift of half a pixel', () => shift(x, 0.5), 'RangeError: shift: how many pixels is a whole number from 0: 0.5.'],
    ['a missing shift', () => shift(x, undefined as never), 'TypeError: shift: how many pixels is a number: undefined came.'],
    ['a shift of vectors', () => shift(ones([2, 64]), 1), `ShapeError: shift: ${ranks}: [2, 64].`],
    ['a crop of nothing', () => crop(x, undefined as never), 'TypeError: crop: a size is a number: undefined came.'],
    ['a crop that is too large', () => crop(x, [4, 6]), 'ShapeError: crop: the part does not fit: [4, 6] of [2, 3, 4, 5].'],
    ['one that is too large for its zeros', () => crop(x, 9, { pad: 2 }), 'ShapeError: crop: the part does not fit: [9] of [2, 3, 4, 5] with 2 around.'],
    ['a crop in none', () => crop(x, [] as never), 'ShapeError: crop: the part does not fit: [] of [2, 3, 4, 5].'],
    ['a crop in three dimensions', () => crop(x, [1, 1, 1] as never), 'ShapeError: crop: the part does not fit: [1, 1, 1] of [2, 3, 4, 5].'],
    ['a crop of a video', () => crop(ones([1, 1, 1, 4, 4]), 2), `ShapeError: crop: ${ranks}: [1, 1, 1, 4, 4].`],
    ['a probability of 2', () => randomFlip(x, 2), 'RangeError: randomFlip: a probability is a number from 0 to 1: 2.'],
    ['an axis that is not there', () => randomFlip(x, 1, 4), 'ShapeError: randomFlip: there is no axis 4: [2, 3, 4, 5]. Axes go from -4 to 3.'],
    ['NaN degrees', () => rotate(x, Number.NaN), 'RangeError: rotate: how many degrees is a number from 0 to 360: NaN.'],
    ['a brightness of 2', () => brightness(x, 2), 'RangeError: brightness: how much is a number from 0 to 1: 2.'],
    ['an alpha of 0', () => mixup(x, ones([2, 3]), 0), 'RangeError: mixup: alpha is a positive number up to 1000: 0.'],
    ['other targets', () => mixup(x, ones([3, 3])), 'ShapeError: mixup: x and y have as many samples: [2, 3, 4, 5] and [3, 3].'],
    ['class numbers', () => mixup(x, tensor([0, 1], { dtype: 'int32' })), 'DTypeError: mixup: class numbers cannot be mixed: int32. Write oneHot(y, classes).'],
  ]) // biome-ignore format: one row a case
})
