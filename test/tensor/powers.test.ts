import { bernoulli, gradient, manualSeed, pow, scope, type Tensor, tensor } from 'fluxtape'
import { describe, expect, test } from 'vitest'

describe('the gradient of pow', () => {
  const near = (got: number, wanted: number) => {
    if (!Number.isFinite(wanted) || wanted === 0) return expect(got).toBe(wanted)
    expect(Math.abs(got / wanted - 1)).toBeLessThan(Math.abs(wanted) < 1.2e-38 ? 1e-2 : 2e-7)
  }
  const rows: readonly (readonly [x: number, y: number])[] = [
    [0.5, 120],
    [0.5, 131],
    [0.40625, 100],
    [-0.5, 128],
    [-0.5, 129],
    [2 ** 63, 2],
    [-(2 ** 100), 1.5],
    [2 ** -149, 1],
    [3, 2],
    [4, 0.5],
    [2, -3],
    [0, 2],
    [0, 1],
    [0, 0],
    [0, 0.5],
    [0.5, 1e30],
    [1, 1e30],
    [1, -7],
  ]
  test.each(rows)('of %d to the %d', (x, y) => {
    scope(() => {
      const wanted = y === 0 ? 0 : y * x ** (y - 1)
      near(gradient((a: Tensor) => a.pow(y), x)[0].item(), wanted)
      near(gradient((a: Tensor) => pow(a, tensor([y])).sum(), x)[0].item(), wanted)
      near(gradient((a: Tensor) => gradient((b: Tensor) => b.pow(3), a)[0], 2)[0].item(), 12)
    })
  })
})

test('bernoulli draws in steps of 2^-32', () => {
  scope(() => {
    manualSeed(3)
    const draws = bernoulli(2 ** -22, [2 ** 22])
      .sum()
      .item()
    expect(draws).toBeLessThan(9)
    manualSeed(3)
    // With steps of 2^-24 it would be 1 as often as at 2^-24.
    expect(
      bernoulli(1e-9, [2 ** 22])
        .sum()
        .item(),
    ).toBe(0)
    expect(bernoulli(1, [5]).toArray()).toEqual([1, 1, 1, 1, 1])
    expect(bernoulli(0, [5]).toArray()).toEqual([0, 0, 0, 0, 0])
  })
})
