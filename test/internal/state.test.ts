import { loadState, MemoryError, ones, zeros } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { failAllocation } from '../../src/wasm/guard.ts'

describe('loadState', () => {
  it('finds no room for a conversion: nothing is written', () => {
    const model = { a: zeros([2]), b: zeros([4], { dtype: 'int32' }) }
    const source = { a: ones([2]), b: ones([4]) }
    failAllocation(0)
    try {
      expect(() => loadState(model, source)).toThrow(MemoryError)
    } finally {
      failAllocation(Number.POSITIVE_INFINITY)
    }
    expect([model.a.toArray(), model.b.toArray()]).toEqual([
      [0, 0],
      [0, 0, 0, 0],
    ])
  })
})
