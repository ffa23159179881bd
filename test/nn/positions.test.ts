// Positions: sines and turned pairs against float64, wherever they are, with their gradients; what goes on from a cache.
import {
  Cache,
  Chain,
  gradient,
  jit,
  outputSize,
  RotaryPositions,
  rotary,
  SinusoidalPositions,
  type Tensor,
  tensor,
  threads,
  withCache,
  zeros,
} from 'fluxtape'
import { afterAll, describe, expect, it, test } from 'vitest'

const waves = (...shape: number[]) =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(3 * i + 1)),
    shape,
  )
const angle = (position: number, i: number, features: number, base = 10_000) => position / base ** ((2 * i) / features)
const far = [0, 1, -3, 511, 4095, 65_537, 1_000_003, 123_456_789]

/** One block of features, turned in float64. */
function turned(x: ArrayLike<number>, position: number, interleaved: boolean, base: number): number[] {
  const n = x.length
  const y = new Array<number>(n)
  for (let i = 0; i < n / 2; i++) {
    const [a, b] = interleaved ? [2 * i, 2 * i + 1] : [i, i + n / 2]
    const t = angle(position, i, n, base)
    y[a] = x[a] * Math.cos(t) - x[b] * Math.sin(t)
    y[b] = x[b] * Math.cos(t) + x[a] * Math.sin(t)
  }
  return y
}

const near = (got: Tensor, expected: readonly number[], tolerance: number) =>
  Array.from(got.data()).forEach((value, i) => expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(tolerance))

test.each([2, 4, 6, 10, 16, 34])('SinusoidalPositions of %i features are right at any position', features => {
  const got = SinusoidalPositions()(zeros([far.length, features]), { positions: far })
  const expected = far.flatMap(p => Array.from({ length: features }, (_, j) => (j % 2 ? Math.cos : Math.sin)(angle(p, j >> 1, features))))
  near(got.slice(':7'), expected, 2e-7)
  near(got, expected, 1e-6)
})

describe.each([false, true])('rotary, interleaved %s', interleaved => {
  test.each([2, 6, 8, 14])('%i features a head', features => {
    const x = waves(2, far.length, 3 * features)
    const got = rotary(x, { positions: far, heads: 3, interleaved, base: 500 })
    const values = x.data()
    const expected = Array.from({ length: 2 * far.length * 3 }, (_, block) =>
      turned(values.slice(block * features, (block + 1) * features), far[Math.floor(block / 3) % far.length], interleaved, 500),
    )
    near(got, expected.flat(), 1e-6)
  })

  it('is undone by the opposite positions, which is its gradient', () => {
    const x = waves(4, 8)
    const at = [3, 1, 7, 2]
    const back = at.map(each => -each)
    near(rotary(rotary(x, { positions: at, interleaved }), { positions: back, interleaved }), Array.from(x.data()), 1e-6)
    const g = waves(4, 8).mul(2)
    const [got] = gradient(z => rotary(z, { positions: at, interleaved }).mul(g).sum(), x)
    expect(got.toArray()).toEqual(rotary(g, { positions: back, interleaved }).toArray())
    const [twice] = gradient(z => gradient(v => rotary(v, { positions: at, interleaved }).pow(3).sum(), z)[0].sum(), x)
    const d = 1e-2
    const along = (s: number) =>
      gradient(v => rotary(v, { positions: at, interleaved }).pow(3).sum(), x.add(s))[0]
        .sum()
        .item()
    expect(twice.sum().item()).toBeCloseTo((along(d) - along(-d)) / (2 * d), 1)
  })
})

it('makes products depend on how far rows are apart', () => {
  const [q, k] = [waves(1, 8), waves(1, 8).mul(0.5)]
  const at = (p: number, r: number) =>
    rotary(q, { positions: p })
      .mul(rotary(k, { positions: r }))
      .sum()
      .item()
  expect(at(5, 2)).toBeCloseTo(at(1005, 1002), 5)
})

it('takes positions of each row, one to begin with, and float32 ones', () => {
  const x = waves(2, 3, 4)
  const each = rotary(x, { positions: tensor([[0, 1, 2], [5, 6, 7]]) }) // biome-ignore format: one line
  expect(each.slice('0').toArray()).toEqual(rotary(x).slice('0').toArray())
  expect(each.slice('1').toArray()).toEqual(rotary(x.slice('1'), { positions: 5 }).toArray())
  expect(RotaryPositions({ heads: 2 })(x, { positions: 5 }).toArray()).toEqual(rotary(x, { positions: 5, heads: 2 }).toArray())
})

it('goes on from where a cache ended, at each place', () => {
  const model = Chain(SinusoidalPositions(), RotaryPositions({ heads: 2 }))
  const x = waves(2, 5, 8)
  const cache = Cache()
  const parts = [x.slice(':, :2'), x.slice(':, 2:3'), x.slice(':, 3:')].map(part => withCache(cache, () => model(part)))
  const whole = model(x)
  ;[':2', '2:3', '3:'].forEach((at, i) => expect(parts[i].toArray()).toEqual(whole.slice(`:, ${at}`).toArray()))
})

it('takes empty and single rows, infers shapes, prints, and is replayed', () => {
  expect(rotary(zeros([0, 3, 4])).shape).toEqual([0, 3, 4])
  expect(rotary(zeros([2, 0, 4])).shape).toEqual([2, 0, 4])
  expect(SinusoidalPositions()(zeros([2, 0, 4])).shape).toEqual([2, 0, 4])
  expect(outputSize(Chain(SinusoidalPositions(), RotaryPositions({ heads: 2 })), [2, 7, 8])).toEqual([2, 7, 8])
  expect(String(SinusoidalPositions())).toBe('SinusoidalPositions()')
  expect(String(RotaryPositions({ base: 500, heads: 2 }))).toBe('RotaryPositions({ base: 500, heads: 2 })')
  const step = jit((x: Tensor, at: Tensor) => SinusoidalPositions()(rotary(x, { positions: at })).sum())
  for (const at of [
    [0, 1, 2],
    [4, 5, 6],
    [9, 9, 9],
  ]) {
    // biome-ignore format: one line
    const p = tensor(Int32Array.from(at))
    expect(step(waves(3, 4), p).item()).toBe(
      SinusoidalPositions()(rotary(waves(3, 4), { positions: p }))
        .sum()
        .item(),
    )
  }
})

describe('on two threads', () => {
  afterAll(() => threads(1))
  it('has the same bits', async () => {
    const x = waves(2, 700, 64)
    const f = () => [rotary(x, { heads: 2 }), rotary(x, { heads: 2, interleaved: true }), SinusoidalPositions()(x)].map(y => y.data())
    await threads(1)
    const one = f()
    await threads(2)
    f()
    expect(f()).toEqual(one)
  })
})
