import {
  Chain,
  Dense,
  Descent,
  glu,
  gradient,
  hardsigmoid,
  jit,
  manualSeed,
  mish,
  mse,
  params,
  rrelu,
  softshrink,
  squareplus,
  tensor,
  testMode,
  trainStep,
  trelu,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

describe('rrelu', () => {
  const x = tensor(new Float32Array(4000).fill(-1))

  it('draws a slope for each element in training mode, the same for value and gradient', () => {
    manualSeed(1)
    let y = zeros([1])
    const [g] = gradient(z => {
      y = rrelu(z)
      return y.sum()
    }, x)
    const slopes = [...(g?.data() ?? [])]
    expect(Math.min(...slopes)).toBeGreaterThanOrEqual(1 / 8)
    expect(Math.max(...slopes)).toBeLessThan(1 / 3)
    const mean = slopes.reduce((a, b) => a + b, 0) / slopes.length
    expect(Math.abs(mean - 11 / 48)).toBeLessThan((4 * (5 / 24)) / Math.sqrt(12 * 4000))
  })

  it('has the mean slope in test mode, of a layer, too', () => {
    expect(rrelu(tensor([-48, 2, Number.NaN])).toArray()).toEqual([-11, 2, Number.NaN])
    const model = testMode(Dense(tensor([[1]]), tensor([0]), rrelu))
    expect(gradient(z => model(z).sum(), tensor([[-1]]))[0]?.item()).toBeCloseTo(11 / 48, 6)
  })

  it('draws anew in each replayed step, what it would have drawn without', () => {
    const run = (wrap: typeof jit) => {
      manualSeed(6)
      const model = Chain(Dense(3, 5, rrelu), Dense(5, 1))
      const loss = wrap((input: typeof x) => mse(model(input), zeros([4, 1])))
      return Array.from({ length: 6 }, () => trainStep(loss, params(model), [tensor([[-1, 2, -3], [1, 0, 1], [-2, -2, -2], [3, 1, -1]])], Descent(0.1))) // biome-ignore format: one line
    }
    expect(run(jit)).toEqual(run((loss => loss) as typeof jit))
  })

  it('refuses limits in the wrong order', () => {
    expect(() => rrelu(x, 0.5, 0.25)).toThrow('rrelu: lo must not be above hi: 0.5, 0.25')
  })
})

it('glu halves an axis, and is no function of single elements', () => {
  expect(glu(zeros([2, 6])).shape).toEqual([2, 3])
  expect(() => glu(zeros([2, 3]))).toThrow('glu: the size of axis 1 must be even: [2, 3]')
  expect(() => Dense(4, 4, glu)).toThrow('Dense: glu is no function of single elements')
  expect(String(Dense(4, 4, mish))).toContain('mish')
})

it('numbers out of range are refused', () => {
  const x = tensor([1])
  expect(() => x.celu(0)).toThrow('celu: alpha must not be 0: 0')
  expect(() => softshrink(x, -1)).toThrow('softshrink: lambda must not be negative: -1')
  expect(() => squareplus(x, 0)).toThrow('squareplus: b must be positive: 0')
})

it('integers are taken as float32', () => {
  const x = tensor([-4, 2], undefined, { dtype: 'int32' })
  for (const y of [trelu(x, 0.5), softshrink(x), hardsigmoid(x), x.mish(), squareplus(x), rrelu(x), glu(x)]) expect(y.dtype).toBe('float32')
})
