/** Gradient rows of pooling, upsampling, pixel shuffle and dropout, by plain loops. */

import type { Tensor } from 'fluxtape'
import * as flux from 'fluxtape'
import type { Row } from './check.ts'
import { array, build, type Float64, type Index, permute, read, reshape } from './float64.ts'

/** The library by name. */
const library = { ...flux }

type Options = flux.MeanPoolOptions
type Bounds = (i: number) => readonly [from: number, to: number]

/** All places of a window, clipped to x. */
function placesOf(bounds: readonly (readonly [number, number])[]): Index[] {
  return bounds.reduce<Index[]>(
    (places, [from, to]) => places.flatMap(place => Array.from({ length: Math.max(0, to - from) }, (_, i) => [...place, from + i])),
    [[]],
  )
}

type Of = (values: readonly number[], whole: number) => number

const largest: Of = values => Math.max(...values)
const meanOf =
  (countPadding: boolean): Of =>
  (values, whole) =>
    values.reduce((sum, value) => sum + value, 0) / (countPadding ? whole : values.length)

function pooled(x: Float64, counts: readonly number[], bounds: readonly Bounds[], of: Of, whole: number): Float64 {
  return build([...x.shape.slice(0, 2), ...counts], ([n, c, ...rest]) => {
    const places = placesOf(rest.map((i, axis) => bounds[axis](i)))
    return of(
      places.map(place => read(x, [n, c, ...place])),
      whole,
    )
  })
}

const windowed = (op: 'maxPool' | 'meanPool', shape: readonly number[], window: readonly number[], options: Options = {}): Row => {
  const stride = [options.stride ?? window].flat()
  const { pad: given = 0 } = options
  const pad = window.map(k => (given === 'same' ? (k - 1) >> 1 : (given as number)))
  const behind = window.map((k, i) => (given === 'same' ? k >> 1 : pad[i]))
  const sizes = shape.slice(2)
  const strides = window.map((_, i) => stride[i] ?? stride[0])
  const counts = sizes.map((n, i) => Math.floor((n + pad[i] + behind[i] - window[i]) / strides[i]) + 1)
  const bounds = sizes.map(
    (n, i): Bounds =>
      j => [Math.max(0, j * strides[i] - pad[i]), Math.min(n, j * strides[i] - pad[i] + window[i])],
  )
  const of = op === 'maxPool' ? largest : meanOf(options.countPadding ?? true)
  return {
    op,
    name: `[${shape}] by [${window}] ${JSON.stringify(options)}`,
    shapes: [shape],
    domain: [-2, 2],
    run: x => library[op](x, window, options),
    reference: ([x]) =>
      pooled(
        x,
        counts,
        bounds,
        of,
        window.reduce((product, k) => product * k, 1),
      ),
    ulp: op === 'maxPool' ? 0 : 2,
    cancels: op === 'meanPool',
  }
}

const adaptive = (
  op: 'adaptiveMaxPool' | 'adaptiveMeanPool' | 'globalMaxPool' | 'globalMeanPool',
  shape: readonly number[],
  out: readonly number[],
): Row => {
  const bounds = out.map(
    (count, i): Bounds =>
      j => [Math.floor((j * shape[i + 2]) / count), Math.ceil(((j + 1) * shape[i + 2]) / count)],
  )
  const run = op === 'globalMaxPool' || op === 'globalMeanPool' ? (x: Tensor) => library[op](x) : (x: Tensor) => library[op](x, out)
  const isMax = op === 'adaptiveMaxPool' || op === 'globalMaxPool'
  return {
    op,
    name: `[${shape}] to [${out}]`,
    shapes: [shape],
    domain: [-2, 2],
    run,
    reference: ([x]) => pooled(x, out, bounds, isMax ? largest : meanOf(false), 0),
    ulp: isMax ? 0 : 2,
    cancels: !isMax,
  }
}

/** The result's element is a mix of two of x along the last axis. */
const mixed = (shape: readonly number[], count: number, alignCorners: boolean): Row => {
  const n = shape[2]
  const place = (i: number) => (alignCorners ? (i * (n - 1)) / (count - 1) : Math.min(n - 1, Math.max(0, ((i + 0.5) * n) / count - 0.5)))
  return {
    op: 'upsample',
    name: `[${shape}] to ${count}, ${alignCorners ? 'corners' : 'centres'}`,
    shapes: [shape],
    domain: [-2, 2],
    run: x => flux.upsample(x, 'linear', { size: count, alignCorners }),
    reference: ([x]) =>
      build([...shape.slice(0, 2), count], ([b, c, i]) => {
        const at = Math.floor(place(i))
        const share = place(i) - at
        return (1 - share) * read(x, [b, c, at]) + share * read(x, [b, c, Math.min(at + 1, n - 1)])
      }),
    cancels: true,
  }
}

/** What chance dropped with a seed. */
const mask = (shape: readonly number[], p: number, kept: (share: number, shape: readonly number[]) => Tensor) => {
  flux.manualSeed(5)
  return array(shape, kept(p, shape).data())
}
const drops = mask([3, 5], 0.4, (p, shape) => flux.dropout(flux.ones(shape), p))
const rowsDropped = mask([3, 5, 1], 0.4, (p, shape) => flux.dropout(flux.ones(shape), p))
const seeded = (f: (x: Tensor) => Tensor) => (x: Tensor) => {
  flux.manualSeed(5)
  return f(x)
}
const least = -1.7580993408473766
const scale = 1 / Math.sqrt(0.6 * (1 + 0.4 * least ** 2))

export const poolingRows: readonly Row[] = [
  windowed('maxPool', [1, 1, 2, 9], [2, 2]),
  windowed('maxPool', [1, 1, 3, 4], [3, 3], { stride: 1, pad: 1 }),
  windowed('maxPool', [1, 1, 5, 4], [2, 3], { stride: [2, 1], pad: 'same' }),
  windowed('maxPool', [2, 1, 6], [2], { stride: 3 }),
  windowed('maxPool', [1, 1, 2, 3, 4], [2, 2, 2], { stride: 1 }),
  windowed('meanPool', [1, 1, 2, 9], [2, 2]),
  windowed('meanPool', [1, 1, 3, 4], [3, 3], { stride: 1, pad: 1 }),
  windowed('meanPool', [1, 1, 5, 4], [2, 3], { stride: [2, 1], pad: 'same', countPadding: false }),
  windowed('meanPool', [1, 1, 2, 3, 4], [2, 2, 2], { stride: 1 }),
  adaptive('adaptiveMaxPool', [1, 1, 3, 5], [2, 3]),
  adaptive('adaptiveMeanPool', [1, 1, 4, 3], [3, 2]),
  adaptive('globalMaxPool', [2, 2, 2, 3], [1, 1]),
  adaptive('globalMeanPool', [2, 2, 2, 3], [1, 1]),
  mixed([1, 2, 4], 7, true),
  mixed([2, 1, 3], 5, false),
  {
    op: 'upsample',
    name: 'nearest, whole and odd',
    shapes: [[1, 1, 2, 3]],
    domain: [-2, 2],
    run: x => flux.upsample(x, 'nearest', { size: [4, 4] }),
    reference: ([x]) => build([1, 1, 4, 4], ([b, c, i, j]) => read(x, [b, c, i >> 1, Math.floor((j * 3) / 4)])),
    ulp: 0,
  },
  {
    op: 'pixelShuffle',
    name: 'by 2',
    shapes: [[1, 4, 2, 3]],
    domain: [-2, 2],
    run: x => flux.pixelShuffle(x, 2),
    reference: ([x]) => reshape(permute(reshape(x, [1, 1, 2, 2, 2, 3]), [0, 1, 4, 2, 5, 3]), [1, 1, 4, 6]),
    ulp: 0,
  },
  {
    op: 'dropout',
    name: 'each by itself',
    shapes: [[3, 5]],
    domain: [-2, 2],
    run: seeded(x => flux.dropout(x, 0.4)),
    reference: ([x]) => build([3, 5], index => read(x, index) * read(drops, index)),
  },
  {
    op: 'dropout',
    name: 'whole channels',
    shapes: [[3, 5, 2]],
    domain: [-2, 2],
    run: seeded(x => flux.dropout(x, 0.4, { axis: 1 })),
    reference: ([x]) => build([3, 5, 2], ([b, c, i]) => read(x, [b, c, i]) * read(rowsDropped, [b, c, 0])),
  },
  {
    op: 'alphaDropout',
    name: 'each by itself',
    shapes: [[3, 5]],
    domain: [-2, 2],
    run: seeded(x => flux.alphaDropout(x, 0.4)),
    reference: ([x]) => build([3, 5], index => scale * ((read(drops, index) ? read(x, index) : least) - 0.4 * least)),
    cancels: true,
  },
]
