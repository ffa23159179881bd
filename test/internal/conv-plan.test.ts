// Which tiles a convolution takes. What they compute stands in kernels.test.ts.
import { afterEach, describe, expect, it } from 'vitest'
import { type ConvShapes, planSums, planTiles } from '../../src/wasm/conv-plan.ts'
import { isWide, useWide } from '../../src/wasm/module.ts'
import { tiledShapes } from './kernel-tiles.ts'

const square = (batch: number, channels: number, size: number, outputs: number, kernel: number, told: object = {}): ConvShapes => {
  const { stride = 1, pad = 0, groups = 1 } = told as { stride?: number; pad?: number; groups?: number }
  const out = Math.floor((size + 2 * pad - kernel) / stride) + 1
  const x = [batch, channels, size, size]
  const y = [batch, outputs, out, out]
  return {
    ...{ x, y, weight: [outputs, channels / groups, kernel, kernel], groups },
    ...{ stride: [stride, stride], dilation: [1, 1], pad: [pad, pad] },
  }
}

const tiles = [
  '4 vectors by 2 channels',
  '4 places by 8',
  '4 places by 8, strewn',
  'sums of places',
  '4 pairs of vectors by 1',
  'sums of vectors',
  '4 pairs of vectors by 2',
]

const before = isWide
afterEach(() => useWide(before))

describe('a convolution takes', () => {
  it.each([
    ['the first of LeNet', square(64, 1, 28, 6, 5, { pad: 2 }), 0, 4, 5],
    ['the second of LeNet', square(64, 6, 14, 16, 5), 1, 0, 3],
    ['one of a ResNet', square(32, 16, 32, 16, 3, { pad: 1 }), 1, 1, 3],
    ['one of it with a stride', square(32, 16, 32, 32, 3, { pad: 1, stride: 2 }), 1, 2, 3],
    ['a product', square(32, 16, 16, 32, 1), 0, 0, 5],
    ['one of each channel', square(32, 16, 16, 16, 3, { pad: 1, groups: 16 }), 4, 4, 5],
    ['one of each channel with a stride', square(32, 16, 16, 16, 3, { pad: 1, stride: 2, groups: 16 }), 4, 4, 5],
    ['rows of three', square(1, 8, 3, 8, 1, { stride: 2 }), 2, 2, 3],
  ])('for %s', (_, shapes, forward, input, weight) => {
    useWide(false)
    const kinds = [planTiles(shapes, false).kind, planTiles(shapes, true).kind, planSums(shapes).kind]
    expect(kinds.map(kind => tiles[kind])).toEqual([forward, input, weight].map(kind => tiles[kind]))
  })
})

it('pairs of vectors by 2 channels are taken where one vector is made of two, and the steps are the same', () => {
  useWide(true)
  const kinds = (shapes: ConvShapes) => [planTiles(shapes, false).kind, planTiles(shapes, true).kind]
  expect(kinds(square(32, 16, 32, 16, 3, { pad: 1 }))).toEqual([6, 6])
  expect(kinds(square(32, 16, 32, 32, 3, { pad: 1, stride: 2 }))).toEqual([1, 2])
  expect(kinds(square(1, 8, 3, 8, 1, { stride: 2 }))).toEqual([2, 2])
})

it('the geometries of the kernel tests take every tile', () => {
  const taken = [false, true].flatMap(wide => {
    useWide(wide)
    return tiledShapes.flatMap(shapes => [planTiles(shapes, false).kind, planTiles(shapes, true).kind, planSums(shapes).kind])
  })
  expect([...new Set(taken)].sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
})

it('a batch of one has units for several threads', () => {
  expect(planTiles(square(1, 1, 28, 6, 5, { pad: 2 }), false).units).toBeGreaterThan(30)
  expect(planTiles(square(1, 6, 14, 16, 5), false).units).toBeGreaterThan(15)
})

it('rows that see a part of the kernel do no steps for the others', () => {
  const { count, tables, steps } = planTiles(square(1, 16, 8, 16, 3, { pad: 1 }), false)
  const done = Array.from({ length: count }, (_, i) => tables[10 * i + 1])
  expect(steps).toBe(144)
  expect([...new Set(done)]).toEqual([96, 144])
})

it('what JavaScript cannot write tables for is refused before it tries', () => {
  const one = { x: [1, 1, 2 ** 28], weight: [1, 1, 1], y: [1, 1, 2 ** 28], groups: 1, stride: [1], dilation: [1], pad: [0] }
  const apart = { ...one, y: [1, 1, 2], stride: [2 ** 27] }
  for (const shapes of [one, apart]) {
    expect(() => planTiles(shapes, false)).toThrow('a plan of so many places')
    expect(() => planTiles(shapes, true)).toThrow('a plan of so many places')
    expect(() => planSums(shapes)).toThrow('a plan of so many places')
  }
})
