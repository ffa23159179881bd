// Which kernels a product takes. What they compute stands in kernels.test.ts, what products are in test/properties.
import { describe, expect, it } from 'vitest'
import { planGemm } from '../../src/wasm/gemm-plan.ts'

/** Is B packed for x Wᵀ, with x [M, K] and W [N, K]? */
const packs = (M: number, N: number, K: number) =>
  planGemm(M, N, K, 1, { row: K, column: 1, batch: 0 }, { row: 1, column: K, batch: 0 }).packUnitsB > 0

describe('a product of rows with rows', () => {
  it.each([
    ['one row', 1, 512, 784],
    ['few rows', 16, 32, 64],
    ['more rows of many factors', 32, 512, 128],
    ['ten columns', 64, 10, 64],
    ['ten columns of any number of rows', 4096, 10, 64],
    ['one column', 1000, 1, 4],
  ])('packs nothing for %s', (_, M, N, K) => {
    expect(packs(M, N, K)).toBe(false)
  })

  it.each([
    ['many rows', 64, 64, 784],
    ['a batch of a language model', 1024, 512, 128],
    ['few factors', 16, 32, 16],
    ['less than a vector of them', 1, 10, 3],
  ])('packs for %s', (_, M, N, K) => {
    expect(packs(M, N, K)).toBe(true)
  })

  it('packs where the left one is transposed', () => {
    const [M, N, K] = [16, 32, 64]
    expect(planGemm(M, N, K, 1, { row: 1, column: M, batch: 0 }, { row: 1, column: K, batch: 0 }).packUnitsB).toBe(4)
  })
})

it('a matrix times a column packs nothing', () => {
  expect(planGemm(64, 1, 64, 1, { row: 64, column: 1, batch: 0 }, { row: 1, column: 1, batch: 0 }).packUnitsB).toBe(0)
})

describe('a transposed left operand', () => {
  const packs = (M: number, N: number, K: number) =>
    planGemm(M, N, K, 1, { row: 1, column: M, batch: 0 }, { row: N, column: 1, batch: 0 }).packUnitsA > 0

  it.each([
    ['columns lie 4 KiB apart', 1024, 64, 64],
    ['columns lie 2 KiB apart and many columns pay for it', 512, 128, 128],
    ['its columns are long and many columns pay for it', 192, 256, 512],
  ])('is packed where %s', (_, M, N, K) => {
    expect(packs(M, N, K)).toBe(true)
  })

  it.each([
    ['columns are short', 64, 784, 64],
    ['few columns would pay for it', 384, 128, 1024],
  ])('is read in place where %s', (_, M, N, K) => {
    expect(packs(M, N, K)).toBe(false)
  })
})
