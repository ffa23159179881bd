// Images as pages and decoders have them, bytes pixel by pixel, and as tensors, channel by channel.
import { checkOptions, kindOf, rangeError, refuseSurplus, ShapeError, typeError, written } from '../errors.ts'
import { checkTensor } from '../tape/operation.ts'
import { tensor } from '../tensor/create.ts'
import { show } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** An image as `ImageData` has it: rows of pixels of 1 (grey), 3 (RGB) or 4 bytes (RGBA), from the top. */
export interface ImagePixels {
  readonly data: Uint8ClampedArray | Uint8Array
  readonly width: number
  readonly height: number
}

/** An image, or what `sharp(...).raw().toBuffer({ resolveWithObject: true })` gives. */
export type ImageInput = ImagePixels | { readonly data: Uint8Array; readonly info: { readonly width: number; readonly height: number } }

/** What `fromImageData` can be told. */
export interface ImageDataOptions {
  /** 1: grey; 3: red, green and blue (the default); 4: and alpha. */
  readonly channels?: 1 | 3 | 4 | undefined
}

/** What `toImageData` gives: an `ImageData` where the runtime has that. */
export interface ImageDataLike {
  readonly data: Uint8ClampedArray<ArrayBuffer>
  readonly width: number
  readonly height: number
  readonly colorSpace: 'srgb'
}

/** The luma of ITU-R BT.601. */
const [RED, GREEN, BLUE] = [0.299, 0.587, 0.114]

/**
 * An image as float32 [channels, height, width] with numbers from 0 to 1, or a list of images of one size as [n, channels, height, width]: an
 * `ImageData`, what a canvas gives (`context.getImageData(0, 0, width, height)`), a raw buffer of sharp with its `info`, or anything with `data`,
 * `width` and `height`, of 1, 3 or 4 bytes a pixel.
 *
 * `{ channels: 3 }`: 1 makes it grey by 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), 4 keeps alpha, which is 1 where there is none; without it colors
 * stay as they are. Throws TypeError for what is no image, ShapeError for images of different sizes and for another number of bytes, RangeError for
 * other channels.
 *
 * @example
 * const pixel = { data: new Uint8Array([255, 0, 51, 255]), width: 1, height: 1 }
 * fromImageData(pixel).toArray() // [[[1]], [[0]], [[0.2]]]
 */
export function fromImageData(image: ImageInput | readonly ImageInput[], options: ImageDataOptions = {}): Tensor {
  if (arguments.length > 2) refuseSurplus('fromImageData', 2, arguments)
  checkOptions('fromImageData', options, ['channels'])
  const { channels = 3 } = options
  if (![1, 3, 4].includes(channels)) throw rangeError('fromImageData', 'there are 1, 3 or 4 channels', written(channels))
  const images = (Array.isArray(image) ? image : [image]).map(each => read(each))
  if (images.length === 0) throw typeError('fromImageData', 'there is no image')
  const [{ width, height }] = images
  const other = images.find(each => each.width !== width || each.height !== height)
  if (other) {
    const shapes = [images[0], other].map(each => [each.height, each.width])
    throw new ShapeError({ operation: 'fromImageData', problem: 'all images have one size', came: shapes.map(show).join(' and ') }, shapes)
  }
  const values = new Float32Array(images.length * channels * width * height)
  images.forEach((each, i) => {
    unpack(each, values.subarray(i * channels * width * height), channels)
  })
  const shape = [channels, height, width]
  return tensor(values, Array.isArray(image) ? [images.length, ...shape] : shape)
}

interface Read extends ImagePixels {
  readonly bytes: number
}

function read(image: ImageInput): Read {
  const { data, width, height } = { ...(Object(image) as { info?: object }).info, ...sizesOf(image) } as Partial<ImagePixels>
  const isOfBytes = data instanceof Uint8Array || data instanceof Uint8ClampedArray
  if (!isOfBytes || !isSize(width) || !isSize(height)) {
    const wayOut = 'Pass an ImageData, or { data, width, height } with one byte a channel.'
    throw typeError('fromImageData', 'takes an image or a list of images', `${kindOf(image)} came`, wayOut)
  }
  const bytes = data.length / (width * height)
  if ([1, 3, 4].includes(bytes)) return { data, width, height, bytes }
  const came = `${data.length} for ${height} x ${width}`
  throw new ShapeError({ operation: 'fromImageData', problem: 'a pixel has 1, 3 or 4 bytes', came }, [[height, width]])
}

/** Those of an ImageData are getters. */
function sizesOf(image: unknown): object {
  const { data, width, height } = Object(image) as Partial<ImagePixels>
  return { data, ...(width !== undefined && { width }), ...(height !== undefined && { height }) }
}

function isSize(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0
}

/** Writes the channels one after the other, each value divided by 255. */
function unpack({ data, width, height, bytes }: Read, out: Float32Array, channels: number): void {
  const count = width * height
  const [green, blue] = bytes === 1 ? [0, 0] : [1, 2]
  for (let i = 0, at = 0; i < count; i++, at += bytes) {
    const [r, g, b] = [data[at], data[at + green], data[at + blue]]
    if (channels === 1) {
      out[i] = (bytes === 1 ? r : RED * r + GREEN * g + BLUE * b) / 255
      continue
    }
    out[i] = r / 255
    out[i + count] = g / 255
    out[i + 2 * count] = b / 255
    if (channels === 4) out[i + 3 * count] = bytes === 4 ? data[at + 3] / 255 : 1
  }
}

/**
 * The bytes of an image [channels, height, width] with numbers from 0 to 1, for a canvas (`context.putImageData`) or an encoder: RGBA, as
 * `{ data, width, height }`, an `ImageData` where the runtime has that; of a batch `[...batch].map(toImageData)`. 1 channel is grey, 3 are colors, 4 have
 * alpha, too. Values are rounded, and kept from 0 to 255; those of a uint8 tensor are taken as they are. Throws ShapeError for other shapes.
 *
 * @example toImageData(tensor([[[1]], [[0]], [[0.2]]])).data // Uint8ClampedArray(4) [ 255, 0, 51, 255 ]
 */
export function toImageData(x: Tensor): ImageDataLike {
  if (arguments.length > 1) refuseSurplus('toImageData', 1, arguments)
  checkTensor('toImageData', x)
  const [channels, height, width] = x.dims
  if (x.rank !== 3 || ![1, 3, 4].includes(channels) || width * height === 0) {
    const wayOut = x.rank === 4 ? 'Of a batch write [...batch].map(toImageData).' : ''
    const problem = 'an image is [channels, height, width] with 1, 3 or 4 channels'
    throw new ShapeError({ operation: 'toImageData', problem, came: show(x.dims), wayOut }, [x.dims])
  }
  const values = x.data()
  const scale = x.type === 'uint8' ? 1 : 255
  const count = width * height
  const data = new Uint8ClampedArray(4 * count)
  const [green, blue] = channels === 1 ? [0, 0] : [count, 2 * count]
  for (let i = 0; i < count; i++) {
    data[4 * i] = values[i] * scale
    data[4 * i + 1] = values[i + green] * scale
    data[4 * i + 2] = values[i + blue] * scale
    data[4 * i + 3] = channels === 4 ? values[i + 3 * count] * scale : 255
  }
  const Own = (globalThis as { readonly ImageData?: new (data: Uint8ClampedArray, width: number, height: number) => ImageDataLike })
    .ImageData
  return Own ? new Own(data, width, height) : { data, width, height, colorSpace: 'srgb' }
}
