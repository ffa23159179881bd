import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assignOffsets } from '../../src/tape/plan.ts'

const lines = (bytes: number) => Math.ceil(Math.max(bytes, 1) / 64)

test('blocks that live at the same time have places apart, and no more room is taken than one after the other', () => {
  const block = fc.record({ bytes: fc.nat(1000), wait: fc.nat(2), life: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.constant(Infinity)) })
  fc.assert(
    fc.property(fc.array(block, { maxLength: 60 }), fc.nat(5), (list, first) => {
      let now = 0
      const blocks = list.map(({ bytes, wait, life }) => {
        now += wait
        return { bytes, from: now, to: now + life }
      })
      const offsets = new Map<object, number>()
      const end = assignOffsets(blocks, 64 * first, offsets)
      const placed = blocks.map(each => ({ ...each, at: (offsets.get(each) as number) / 64, size: lines(each.bytes) }))
      for (const [i, a] of placed.entries()) {
        expect(a.at).toBeGreaterThanOrEqual(first)
        expect(a.at + a.size).toBeLessThanOrEqual(end / 64)
        for (const b of placed.slice(0, i)) {
          const meet = a.from < b.to && b.from < a.to
          if (meet) expect(a.at >= b.at + b.size || b.at >= a.at + a.size).toBe(true)
        }
      }
      expect(end / 64).toBeLessThanOrEqual(first + placed.reduce((sum, { size }) => sum + size, 0))
    }),
  )
})

test('a place is used again', () => {
  const offsets = new Map<object, number>()
  const blocks = Array.from({ length: 10 }, (_, i) => ({ bytes: 64, from: i, to: i + 2 }))
  expect(assignOffsets(blocks, 0, offsets)).toBe(128)
})
