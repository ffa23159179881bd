import { constants, deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inflate } from '../../src/wasm/inflate.ts'

const holds = (bytes: Uint8Array, options = {}) =>
  expect(Buffer.compare(inflate(deflateRawSync(bytes, options), bytes.length), bytes)).toBe(0)

describe('inflate', () => {
  const settings = [
    ['stored', { level: 0 }],
    ['fixed codes', { level: 9, strategy: constants.Z_FIXED }],
    ['runs', { level: 9, strategy: constants.Z_RLE }],
    ['no copies', { level: 9, strategy: constants.Z_HUFFMAN_ONLY }],
    ['best', { level: 9, memLevel: 9 }],
  ] as const

  it.each(settings)('undoes deflate: %s', (_, options) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 40 }), (unit, times) => {
        const bytes = new Uint8Array(unit.length * times)
        for (let i = 0; i < times; i++) bytes.set(unit, i * unit.length)
        holds(bytes, options)
      }),
    )
  })

  it.each(settings)('reads several blocks and the longest distances: %s', (_, options) => {
    const bytes = Uint8Array.from(
      { length: 200_000 },
      (_, i) => (i % 32_768 < 16_000 ? (i % 32_768) * 2_654_435_761 : Math.sqrt(i * 7)) >>> 3,
    )
    holds(bytes, options)
  })
})
