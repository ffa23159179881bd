import { bernoulli, configure, DataLoader, manualSeed, rand, randint, randn, type Tensor, tensor, variant } from 'fluxtape'
import { afterEach, describe, expect, test } from 'vitest'

type Four = [number, number, number, number]

/** Philox4x32-10 (Salmon et al. 2011), in the plainest way. */
function philox(counter: Four, key: [number, number]): Four {
  let [c0, c1, c2, c3] = counter.map(BigInt)
  let [k0, k1] = key.map(BigInt)
  const low = (x: bigint) => x & 0xffffffffn
  for (let round = 0; round < 10; round++) {
    const a = 0xd2511f53n * c0
    const b = 0xcd9e8d57n * c2
    ;[c0, c1, c2, c3] = [(b >> 32n) ^ c1 ^ k0, low(b), (a >> 32n) ^ c3 ^ k1, low(a)]
    k0 = low(k0 + 0x9e3779b9n)
    k1 = low(k1 + 0xbb67ae85n)
  }
  return [c0, c1, c2, c3].map(Number) as Four
}

/** The 32 bits behind each number: an integer from the whole range of int32. */
const bits = (n: number): number[] => [...randint(-(2 ** 31), 2 ** 31, [n]).data()].map(x => x + 2 ** 31)

const mean = (x: ArrayLike<number>) => Array.from(x).reduce((sum, each) => sum + each, 0) / x.length
const moments = (x: ArrayLike<number>) => {
  const m = mean(x)
  const central = (power: number) => mean(Array.from(x, each => (each - m) ** power))
  const deviation = Math.sqrt(central(2))
  return { mean: m, deviation, skew: central(3) / deviation ** 3, kurtosis: central(4) / deviation ** 4 }
}

afterEach(() => configure({ deterministic: process.env.FLUXTAPE_VARIANT === 'baseline' }))

describe('Philox', () => {
  test('the reference of this test gives the vectors of Random123', () => {
    const all = 0xffffffff
    expect(philox([0, 0, 0, 0], [0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8])
    expect(philox([all, all, all, all], [all, all])).toEqual([0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd])
    expect(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toEqual([
      0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
    ])
  })

  test('the first numbers of seed 0 are the vector of Random123 for counter 0 and key 0', () => {
    manualSeed(0)
    expect(bits(4)).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8])
  })

  test('the key is the seed, the counter the block of four and the number of the tensor', () => {
    const seed = 0x12345_89abcdef
    manualSeed(seed)
    for (let stream = 0; stream < 3; stream++) {
      const wanted = Array.from({ length: 6 }, (_, block) => philox([block, 0, stream, 0], [seed % 2 ** 32, Math.floor(seed / 2 ** 32)]))
      expect(bits(21)).toEqual(wanted.flat().slice(0, 21))
    }
  })

  test('uniform numbers are the upper 24 bits', () => {
    manualSeed(3)
    const wanted = bits(10).map(x => (x >>> 8) * 2 ** -24)
    manualSeed(3)
    expect([...rand([10]).data()]).toEqual(wanted)
  })
})

describe('seeds', () => {
  const draw = () => [rand([5]), randn([5]), randint(0, 100, [5]), bernoulli(0.5, [5])].map(x => x.toArray())

  test('the same seed and the same calls give the same tensors', () => {
    manualSeed(42)
    const first = draw()
    const second = draw()
    manualSeed(42)
    expect(draw()).toEqual(first)
    expect(draw()).toEqual(second)
    expect(second).not.toEqual(first)
  })

  test('other seeds give other tensors', () => {
    const results = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1].map(seed => {
      manualSeed(seed)
      return String(rand([8]).toArray())
    })
    expect(new Set(results).size).toBe(results.length)
  })

  test('a longer tensor begins like a shorter one', () => {
    for (const make of [rand, randn, (shape: number[]) => randint(0, 1000, shape), (shape: number[]) => bernoulli(0.5, shape)]) {
      manualSeed(9)
      const long = [...make([103]).data()]
      for (const length of [0, 1, 2, 3, 4, 5, 7, 102]) {
        manualSeed(9)
        expect([...make([length]).data()]).toEqual(long.slice(0, length))
      }
    }
  })

  test('a seed of a DataLoader does not touch the numbers of the library', () => {
    manualSeed(5)
    const wanted = rand([4]).toArray()
    manualSeed(5)
    for (const x of new DataLoader(tensor([1, 2, 3]), { shuffle: true, seed: 1 })) x.data()
    expect(rand([4]).toArray()).toEqual(wanted)
  })

  test('streams are independent: neighbours do not correlate', () => {
    manualSeed(11)
    const streams = Array.from({ length: 6 }, () => [...randn([20_000]).data()])
    for (let i = 0; i < streams.length; i++) {
      for (let j = 0; j < i; j++) expect(Math.abs(mean(streams[i].map((x, k) => x * streams[j][k])))).toBeLessThan(0.03)
    }
    const [first] = streams
    for (const lag of [1, 2, 3, 4]) expect(Math.abs(mean(first.slice(lag).map((x, k) => x * first[k])))).toBeLessThan(0.03)
  })

  test('both variants of the kernels give the same bits, uniform, normal, whole and true or false', async () => {
    const all = () => {
      manualSeed(1)
      const [u, n, i, b] = [rand([999], { low: -3, high: 5 }), randn([999]), randint(-7, 7, [999]), bernoulli(0.3, [999])]
      return { u: [...u.data()], n: [...n.data()], i: [...i.data()], b: [...b.data()] }
    }
    await configure({ deterministic: false })
    const best = all()
    const other = variant()
    await configure({ deterministic: true })
    const baseline = all()
    expect(variant()).toBe('baseline')
    expect(baseline.u).toEqual(best.u)
    expect(baseline.i).toEqual(best.i)
    expect(baseline.b).toEqual(best.b)
    if (other === 'baseline') expect(baseline.n).toEqual(best.n)
    // The logarithm and the cosine of a normal number are fused where they may be, so that it is right to some last digits.
    baseline.n.forEach((x, k) => {
      expect(Math.abs(x - best.n[k])).toBeLessThan(2e-6 * Math.max(1, Math.abs(x)))
    })
  })
})

describe('distributions', () => {
  const n = 100_000

  test('rand is uniform in [0, 1)', () => {
    const x = rand([n])
    expect(x.dtype).toBe('float32')
    const { mean: m, deviation, skew, kurtosis } = moments(x.data())
    expect(m).toBeCloseTo(0.5, 2)
    expect(deviation).toBeCloseTo(Math.sqrt(1 / 12), 2)
    expect(skew).toBeCloseTo(0, 1)
    expect(kurtosis).toBeCloseTo(1.8, 1)
    expect(x.min().item()).toBeGreaterThanOrEqual(0)
    expect(x.min().item()).toBeLessThan(1e-3)
    expect(x.max().item()).toBeLessThan(1)
    expect(x.max().item()).toBeGreaterThan(0.999)
  })

  test.each([
    [-3, 5],
    [1e6, 1e6 + 1],
    [-1, 0],
    [-1e-3, 0],
    [-2, -1],
    [2 ** 24, 2 ** 24 + 8],
  ])('rand from %d to %d stays below the upper bound, which rounding would reach', (low, high) => {
    const x = rand([n], { low, high })
    const f = Math.fround
    expect(x.min().item()).toBeGreaterThanOrEqual(f(low))
    expect(x.max().item()).toBeLessThan(f(high))
    expect(x.sub(low).mean().item()).toBeGreaterThan((high - low) * 0.4)
  })

  test('rand of an empty range is its bound', () => {
    expect(rand([3], { low: 2, high: 2 }).toArray()).toEqual([2, 2, 2])
  })

  test('randn is normal, with the mean and the deviation that are asked for', () => {
    for (const [m, s] of [
      [0, 1],
      [3, 0.5],
      [-1, 0],
    ]) {
      const x = randn([n], { mean: m, std: s })
      const found = moments(x.data())
      expect(found.mean).toBeCloseTo(m, 1)
      expect(found.deviation).toBeCloseTo(s, 1)
      if (s === 0) continue
      expect(found.skew).toBeCloseTo(0, 1)
      expect(Math.abs(found.kurtosis - 3)).toBeLessThan(0.1)
      const within = [...x.data()].filter(each => Math.abs(each - m) < s).length / n
      expect(within).toBeCloseTo(0.6827, 2)
    }
  })

  test('randn has no NaN and no infinity', () => {
    for (let i = 0; i < 5; i++) expect(randn([200_001]).isFinite().all().item()).toBe(1)
  })

  test('randint gives every number of its range alike, and none outside', () => {
    const x = randint(-3, 4, [n])
    expect(x.dtype).toBe('int32')
    const counts = new Map<number, number>()
    for (const each of x.data()) counts.set(each, (counts.get(each) ?? 0) + 1)
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([-3, -2, -1, 0, 1, 2, 3])
    for (const count of counts.values()) expect(Math.abs(count - n / 7)).toBeLessThan(5 * Math.sqrt(n / 7))
    expect(new Set(randint(5, 6, [100]).data())).toEqual(new Set([5]))
  })

  test('bernoulli is 1 as often as asked for, as float32', () => {
    for (const p of [0, 0.1, 0.5, 0.97, 1]) {
      const x = bernoulli(p, [n])
      expect(x.dtype).toBe('float32')
      expect(new Set(x.data()).size).toBe(p === 0 || p === 1 ? 1 : 2)
      expect(x.mean().item()).toBeCloseTo(p, 2)
    }
  })

  test('they have the shapes that are asked for', () => {
    const shapes = [[], [0], [2, 3], [2, 0, 3], [1, 2, 3, 4]]
    const makers: ((shape: number[]) => Tensor)[] = [rand, randn, shape => randint(0, 2, shape), shape => bernoulli(0.5, shape)]
    for (const shape of shapes) for (const make of makers) expect(make(shape).shape).toEqual(shape)
  })
})
