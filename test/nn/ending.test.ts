// Options may stand where the activation is left out.
import * as f from 'fluxtape'
import { expect, it } from 'vitest'

const rows: [text: string, make: () => unknown][] = [
  ['Dense(2, 3, { bias: false })', () => f.Dense(2, 3, { bias: false })],
  ["Conv([3, 3], 1, 2, { pad: 'same', bias: false })", () => f.Conv([3, 3], 1, 2, { pad: 'same', bias: false })],
  ['Conv([3, 3], 1, 2, { stride: 2 })', () => f.Conv(f.ones([2, 1, 3, 3]), true, { stride: 2 })],
  ['CrossCor([3], 1, 2, { stride: 2 })', () => f.CrossCor([3], 1, 2, { stride: 2 })],
  ['ConvTranspose([3], 1, 2, { stride: 2, outPad: 1 })', () => f.ConvTranspose([3], 1, 2, { stride: 2, outPad: 1 })],
  ['DepthwiseConv([3], 2, 2, { pad: 1 })', () => f.DepthwiseConv([3], 2, 2, { pad: 1 })],
  ['BatchNorm(3, { affine: false })', () => f.BatchNorm(3, { affine: false })],
  ['InstanceNorm(3, { affine: true })', () => f.InstanceNorm(3, { affine: true })],
  ['GroupNorm(4, 2, { eps: 0.5 })', () => f.GroupNorm(4, 2, { eps: 0.5 })],
  ['LayerNorm(2, 3, { affine: false })', () => f.LayerNorm(2, 3, { affine: false })],
  ['Scale(2, 3, { bias: false })', () => f.Scale(2, 3, { bias: false })],
  ['Bilinear(2, 3, 4, { bias: false })', () => f.Bilinear(2, 3, 4, { bias: false })],
]

it.each(rows)('%s', (text, make) => {
  expect(String(make()).split('  #')[0].trimEnd()).toBe(text)
})

it('refuses options twice, and those that there are not', () => {
  expect(() => f.Dense(2, 3, { bias: false }, { bias: true })).toThrow('Dense: the activation must be a function: object.')
  expect(() => f.Dense(2, 3, { biass: false } as never)).toThrow("Dense: there is no option 'biass'")
})
