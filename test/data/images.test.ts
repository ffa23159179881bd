// Images as bytes and as tensors, and their changes by chance.
import {
  brightness,
  crop,
  DataLoader,
  fromImageData,
  gradient,
  jit,
  manualSeed,
  mapObs,
  mixup,
  oneHot,
  ones,
  rand,
  randomFlip,
  rotate,
  shift,
  type Tensor,
  tensor,
  toImageData,
} from 'fluxtape'
import { beforeEach, describe, expect, it, vi } from 'vitest'

type Call = (x: Tensor) => Tensor

beforeEach(() => manualSeed(7))

describe('fromImageData', () => {
  // Two pixels in a row.
  const rgba = { data: new Uint8ClampedArray([255, 0, 51, 0, 0, 102, 255, 255]), width: 2, height: 1 }
  const rgb = { data: new Uint8Array([255, 0, 51, 0, 102, 255]), info: { width: 2, height: 1, channels: 3 } }
  const grey = { data: Buffer.from([51, 255]), info: { width: 2, height: 1, channels: 1 } }
  const colors = [[[1, 0]], [[0, 0.4]], [[0.2, 1]]]
  const around = (nested: unknown) =>
    JSON.parse(JSON.stringify(nested), (_, value) => (typeof value === 'number' ? Math.round(value * 1e5) / 1e5 : value))
  it.each<[name: string, run: () => Tensor, values: unknown]>([
    ['RGBA', () => fromImageData(rgba), colors],
    ['RGB, with info', () => fromImageData(rgb), colors],
    ['grey', () => fromImageData(grey), [[[0.2, 1]], [[0.2, 1]], [[0.2, 1]]]], // biome-ignore format: one line
    ['RGBA with alpha', () => fromImageData(rgba, { channels: 4 }), [...colors, [[0, 1]]]], // biome-ignore format: one line
    ['RGB with alpha', () => fromImageData(rgb, { channels: 4 }), [...colors, [[1, 1]]]], // biome-ignore format: one line
    ['grey as it is', () => fromImageData(grey, { channels: 1 }), [[[0.2, 1]]]], // biome-ignore format: one line
    ['colors as grey', () => fromImageData(rgba, { channels: 1 }), [[[0.3218, 0.3488]]]], // biome-ignore format: one line
    ['a list', () => fromImageData([rgba, rgb]), [colors, colors]],
    ['a list of one', () => fromImageData([grey], { channels: 1 }), [[[[0.2, 1]]]]], // biome-ignore format: one line
  ])('%s', (_, run, values) => {
    expect(around(run().toArray())).toEqual(values)
  })

  it('takes what getters give, as those of ImageData', () => {
    class Image {
      get data() {
        return rgba.data
      }
      get width() {
        return 2
      }
      get height() {
        return 1
      }
    }
    expect(around(fromImageData(new Image()).toArray())).toEqual(colors)
  })

  it('and back: every byte is itself again', () => {
    const data = Uint8ClampedArray.from({ length: 1024 }, (_, i) => (i % 4 === 3 ? 255 : i / 4))
    const image = { data, width: 16, height: 16 }
    expect(toImageData(fromImageData(image))).toEqual({ ...image, colorSpace: 'srgb' })
    const wanted = { ...image, colorSpace: 'srgb' }
    expect([...fromImageData([image, image], { channels: 4 })].map(toImageData)).toEqual([wanted, wanted])
    const first = toImageData(fromImageData(image, { channels: 1 }))
    expect([...first.data.subarray(0, 12)]).toEqual([0, 0, 0, 255, 1, 1, 1, 255, 2, 2, 2, 255])
  })
})

describe('toImageData', () => {
  it('rounds, and keeps bytes from 0 to 255', () => {
    const { data } = toImageData(tensor([[[-1, 0.002, 0.5, 2, Number.NaN]]]))
    expect(Array.from(data).filter((_, i) => i % 4 === 0)).toEqual([0, 1, 128, 255, 0])
    const bytes = toImageData(tensor([[[7, 255]]], { dtype: 'uint8' }))
    expect([...bytes.data]).toEqual([7, 7, 7, 255, 255, 255, 255, 255])
  })

  it('gives an ImageData where there is that', () => {
    class ImageData {
      readonly width: number
      readonly height: number
      constructor(_: Uint8ClampedArray, width: number, height: number) {
        this.width = width
        this.height = height
      }
    }
    vi.stubGlobal('ImageData', ImageData)
    try {
      expect(toImageData(ones([3, 2, 5]))).toBeInstanceOf(ImageData)
      expect(toImageData(ones([3, 2, 5]))).toMatchObject({ width: 5, height: 2 })
    } finally {
      vi.unstubAllGlobals()
    }
  })
})

/** All that may come of an image. */
const seen = (f: Call, x: Tensor, times = 64) => new Set(Array.from({ length: times }, () => JSON.stringify(f(x).toArray())))
const counted = tensor([[[1, 2, 3], [4, 5, 6]]]) // biome-ignore format: one line

describe('changes by chance', () => {
  it('shift: every way, and zeros where nothing comes from', () => {
    const found = seen(x => shift(x, 1), counted, 200)
    expect(found.size).toBe(9)
    expect(found).toContain('[[[1,2,3],[4,5,6]]]')
    expect(found).toContain('[[[0,0,0],[0,1,2]]]')
    expect(found).toContain('[[[5,6,0],[0,0,0]]]')
    expect(shift(counted, 0).toArray()).toEqual(counted.toArray())
  })

  it('crop: every place, with zeros around where asked for', () => {
    expect([...seen(x => crop(x, [1, 2]), counted)].sort()).toEqual(['[[[1,2]]]', '[[[2,3]]]', '[[[4,5]]]', '[[[5,6]]]'])
    expect(seen(x => crop(x, [2, 3], { pad: 1 }), counted, 200).size).toBe(9)
    expect(crop(ones([4, 3, 5, 7]), 4).shape).toEqual([4, 3, 4, 4])
  })

  it('randomFlip: one or the other', () => {
    expect([...seen(x => randomFlip(x), counted)].sort()).toEqual(['[[[1,2,3],[4,5,6]]]', '[[[3,2,1],[6,5,4]]]'])
    expect(randomFlip(counted, 1, -2).toArray()).toEqual([[[4, 5, 6], [1, 2, 3]]]) // biome-ignore format: one line
    expect(randomFlip(counted, 1, 1).toArray()).toEqual([[[4, 5, 6], [1, 2, 3]]]) // biome-ignore format: one line
    expect(randomFlip(counted, 0).toArray()).toEqual(counted.toArray())
  })

  it('rotate: between four pixels, and nothing for no degrees', () => {
    expect(rotate(counted, 0).toArray()).toEqual(counted.toArray())
    const x = rand([1, 2, 6, 5])
    const [angle] = drawn(() => rand([1, 1, 1], { low: -30, high: 30 }))
    const y = rotate(x, 30)
    const values = x.toArray() as number[][][][]
    const at = (c: number, i: number, j: number) => values[0][c][i]?.[j] ?? 0
    const [cos, sin] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)]
    const found = y.toArray() as number[][][][]
    for (let i = 0; i < 6; i++) {
      for (let j = 0; j < 5; j++) {
        const [v, u] = [i - 2.5, j - 2]
        const [r, s] = [v * cos - u * sin + 2.5, v * sin + u * cos + 2]
        const [r0, s0] = [Math.floor(r), Math.floor(s)]
        const lerp = (a: number, b: number, t: number) => a + (b - a) * t
        const wanted = lerp(lerp(at(1, r0, s0), at(1, r0, s0 + 1), s - s0), lerp(at(1, r0 + 1, s0), at(1, r0 + 1, s0 + 1), s - s0), r - r0)
        expect(found[0][1][i][j]).toBeCloseTo(wanted, 4)
      }
    }
  })

  it('brightness: a factor for an image', () => {
    const y = brightness(ones([50, 2, 3, 3]), 0.25).toArray() as number[][][][]
    const factors = y.map(image => image[0][0][0])
    expect(y.every((image, i) => image.flat(2).every(value => value === factors[i]))).toBe(true)
    expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.75)
    expect(Math.max(...factors)).toBeLessThan(1.25)
    expect(new Set(factors).size).toBeGreaterThan(40)
  })

  it('mixup: the same share of samples and of their targets', () => {
    const classes = Array.from({ length: 40 }, (_, i) => i)
    const [x, y] = mixup(tensor(classes).reshape([40, 1]), oneHot(classes, 40), 1)
    const rows = y.toArray() as number[][]
    const values = x.data()
    rows.forEach((row, i) => {
      const sum = row.reduce((total, share, k) => total + share * k, 0)
      expect(values[i]).toBeCloseTo(sum, 3)
      expect(row[i]).toBeGreaterThanOrEqual(0)
      expect(row.filter(share => share > 0).length).toBeLessThanOrEqual(2)
    })
  })

  it('mixup: the shares have the variance of Beta', () => {
    for (const alpha of [0.05, 0.2, 1, 4, 300]) {
      // Of samples 0 and 1 half each: the distance of a mixture from the nearer one.
      const n = 4000
      const samples = tensor(Array.from({ length: n }, (_, i) => i % 2)).reshape([n, 1])
      const shares = [...mixup(samples, ones([n, 1]), alpha)[0].data()]
      const mixed = shares.map(Math.fround).filter(share => share !== 0 && share !== 1)
      const spread = shares.reduce((sum, share) => sum + (share - 0.5) ** 2, 0) / n
      // Half of the pairs are of one kind.
      const wanted = 0.5 * 0.25 + 0.5 / (4 * (2 * alpha + 1))
      expect(mixed.every(share => share > 0 && share < 1)).toBe(true)
      expect(Math.abs(spread - wanted)).toBeLessThan(0.012)
    }
  })
})

/** What a draw gives, without taking it. */
function drawn(draw: () => Tensor): number[] {
  manualSeed(3)
  const values = [...draw().data()]
  manualSeed(3)
  return values
}

const changes: [name: string, f: Call][] = [
  ['shift', x => shift(x, 2)],
  ['crop', x => crop(x, [4, 5], { pad: 1 })],
  ['randomFlip', x => randomFlip(x)],
  ['rotate', x => rotate(x, 90)],
  ['brightness', x => brightness(x, 0.5)],
  ['mixup', x => mixup(x, x, 0.5)[0]],
]

describe.each(changes)('%s', (name, f) => {
  it('is drawn for each image, and by manualSeed', () => {
    const x = ones([8, 2, 5, 6]).mul(tensor([[1], [2]]).reshape([1, 2, 1, 1])) // biome-ignore format: one line
    const image = rand([1, 2, 5, 6])
    // Of images that are alike a mixture is alike.
    const same = name === 'mixup' ? rand([8, 2, 5, 6]) : x.mul(image)
    const y = f(same)
    manualSeed(9)
    const [first, second] = [f(same), f(same)]
    manualSeed(9)
    expect(f(same).toArray()).toEqual(first.toArray())
    expect(second.toArray()).not.toEqual(first.toArray())
    expect(y.dtype).toBe('float32')
    expect(new Set((y.toArray() as unknown[]).map(each => JSON.stringify(each))).size).toBeGreaterThan(1)
    expect(f(ones([0, 2, 5, 6])).shape).toEqual([0, ...y.shape.slice(1)])
  })

  it('is drawn anew when it is replayed', () => {
    const x = rand([4, 1, 6, 7])
    const run = jit(f)
    manualSeed(4)
    const wanted = Array.from({ length: 4 }, () => f(x).toArray())
    manualSeed(4)
    expect(Array.from({ length: 4 }, () => run(x).toArray())).toEqual(wanted)
  })

  it('is linear, and differentiable', () => {
    const x = rand([3, 2, 5, 6])
    const grads = () => gradient(z => f(z).sum(), x)[0]
    manualSeed(4)
    const g = grads()
    manualSeed(4)
    expect(g.mul(x).sum().item()).toBeCloseTo(f(x).sum().item(), 2)
  })
})

it('works on one observation, and on batches of a loader', async () => {
  const x = rand([6, 1, 8, 8])
  const mapped = mapObs(({ image, label }) => ({ image: shift(image, 2), label }), { image: x, label: tensor([0, 1, 2, 3, 4, 5]) })
  expect(mapped.get(3).image.shape).toEqual([1, 8, 8])
  for await (const { image } of new DataLoader(mapped, { batchSize: 3 })) expect(image.shape).toEqual([3, 1, 8, 8])
  for await (const [batch] of new DataLoader([x, x], { batchSize: 6 }))
    expect(rotate(shift(randomFlip(batch), 2), 10).shape).toEqual([6, 1, 8, 8])
})

it.each(['uint8', 'int32', 'bool'] as const)('what moves pixels keeps %s', dtype => {
  const x = ones([2, 3, 4, 5]).cast(dtype)
  expect([shift(x, 1), crop(x, 3), randomFlip(x)].map(y => y.dtype)).toEqual([dtype, dtype, dtype])
  expect([rotate(x, 1), brightness(x, 1), mixup(x, x.cast('float32'))[0]].map(y => y.dtype)).toEqual(['float32', 'float32', 'float32'])
})
