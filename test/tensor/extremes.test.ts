// Norms, deviations and draws near the ends of float32.
import { apply, ClipNorm, gradient, manualSeed, memory, rand, randint, randn, type Tensor, tensor, zeros } from 'fluxtape'
import { describe, expect, test } from 'vitest'

const most = 3.4028234663852886e38
const tiny = 1.401298464324817e-45
const close = (got: readonly number[], wanted: readonly number[]) =>
  got.forEach((value, i) => {
    if (!Number.isFinite(wanted[i]) || wanted[i] === 0) return expect(value).toBe(wanted[i])
    expect(Math.abs(value / wanted[i] - 1)).toBeLessThan(1e-6)
  })
const root = Math.SQRT1_2

/** x, its norm, and the gradient. */
const norms: readonly (readonly [x: readonly number[], p: number, norm: number, gradient: readonly number[]])[] = [
  [[3e20, 4e20], 2, 5e20, [0.6, 0.8]],
  [[1e20], 2, 1e20, [1]],
  [[-3e-23, 4e-23], 2, 5e-23, [-0.6, 0.8]],
  [[3000 * tiny, 4000 * tiny], 2, 5000 * tiny, [0.6, 0.8]],
  [[tiny, tiny], 2, tiny, [root, root]],
  [[3e38, 3e38, -3e38, 3e38], 2, 1 / 0, [0.5, 0.5, -0.5, 0.5]],
  [[0, 0], 2, 0, [0, 0]],
  [[1 / 0, 1], 2, 1 / 0, [Number.NaN, 0]],
  [[Number.NaN, 1], 2, Number.NaN, [Number.NaN, Number.NaN]],
  [[3e20, 3e20], 3, 3e20 * 2 ** (1 / 3), [2 ** (-2 / 3), 2 ** (-2 / 3)]],
  [[3e-23, -3e-23], 3, 3e-23 * 2 ** (1 / 3), [2 ** (-2 / 3), -(2 ** (-2 / 3))]],
  [[1e30, 1e-30], 3, 1e30, [1, 0]],
  [[1e20, 1e-20], 1.5, 1e20, [1, 1e-20]],
  [[-1e20, 1e-20], 0.5, 1e20 * (1 + 2e-20), [-1, 1e20]],
  [[1e20, 1e3], 3, 1e20, [1, 1e-34]],
  [[1e-20, 1e-26], 4, 1e-20, [1, 1e-18]],
  [[1e20, 1e-20], 0.25, 1e20, [1, 1e30]],
  [[0, 4], 0.5, 4, [0, 1]],
  [[1, 4], 0.5, 9, [3, 1.5]],
  [[0, 0], 0.5, 0, [0, 0]],
  [[0, 2], 1.5, 2, [0, 1]],
  [[Number.NaN, 1], 3, Number.NaN, [Number.NaN, Number.NaN]],
  [[1 / 0, 1], 3, 1 / 0, [Number.NaN, 0]],
]

describe('norm', () => {
  test.each(norms)('of %j, p = %d', (values, p, wanted, slopes) => {
    const x = tensor(values)
    close([x.norm(undefined, { p }).item()], [wanted])
    close(gradient((each: Tensor) => each.norm(undefined, { p }), x)[0]?.toArray() as number[], slopes)
    const columns = tensor(values.flatMap(value => [1, value, 0, 0, 0, 2])).reshape([-1, 6])
    close([columns.norm(0, { p }).slice([1]).item()], [wanted])
  })

  test('along any axes, kept or not', () => {
    const x = tensor([
      [
        [1, 2],
        [3, 4],
      ],
      [
        [5, 6],
        [7, 8],
      ],
    ])
    close(x.norm([0, 2]).toArray() as number[], [Math.sqrt(66), Math.sqrt(138)])
    expect(x.norm([0, 2], { keepDims: true }).shape).toEqual([1, 2, 1])
    expect(tensor(-3).norm().item()).toBe(3)
    expect(tensor(-3).norm(undefined, { p: 3 }).item()).toBe(3)
    expect(x.norm([]).data()).toEqual(x.data())
    expect(zeros([0, 3]).norm(0).toArray()).toEqual([0, 0, 0])
    expect(zeros([0, 3]).norm(0, { p: 3 }).toArray()).toEqual([0, 0, 0])
    expect(zeros([0, 3]).norm(1).shape).toEqual([0])
  })
})

test('std neither overflows nor vanishes', () => {
  close([tensor([1e20, 3e20]).std().item(), tensor([1e-23, 3e-23]).std().item()], [1e20, 1e-23])
  close(gradient((x: Tensor) => x.std(), tensor([1e-23, 3e-23]))[0]?.toArray() as number[], [-0.5, 0.5])
})

describe('ClipNorm', () => {
  const clipped = (g: readonly number[], rule = ClipNorm(1)) => apply(rule, zeros([g.length]), tensor(g)).toArray() as number[]

  test.each([
    [
      [3e20, 4e20],
      [0.6, 0.8],
    ],
    [
      [3e38, 3e38, -3e38, 3e38],
      [0.5, 0.5, -0.5, 0.5],
    ],
    [
      [3e-23, 4e-23],
      [3e-23, 4e-23],
    ],
    [
      [0, 0],
      [0, 0],
    ],
  ])('of %j', (g, wanted) => close(clipped(g), wanted))

  test('to less than float32 can divide by, and by other norms', () => {
    close(clipped([3e38], ClipNorm(1e-3)), [1e-3])
    close(clipped([3e38, -3e38], ClipNorm(1, 1)), [0.5, -0.5])
    close(clipped([3e38, -3e38], ClipNorm(1, 3)), [2 ** (-1 / 3), -(2 ** (-1 / 3))])
  })

  test('still refuses what is not finite', () => {
    expect(() => clipped([1 / 0])).toThrow('apply: the gradient is not finite: Infinity.')
    expect(() => clipped([Number.NaN, 1], ClipNorm({ omega: 1, throw: false }))).toThrow('apply: the gradient is not finite: NaN.')
  })
})

describe('draws', () => {
  test.each([
    [-most, most],
    [-3e38, 3e38],
    [-most, 1],
    [-tiny, tiny],
  ])('rand from %d to %d', (low, high) => {
    manualSeed(1)
    const x = rand([1000], { low, high }).data()
    expect(x.every(value => value >= Math.fround(low) && value < Math.fround(high))).toBe(true)
    if (high - low < 1) return
    expect(new Set(x).size).toBeGreaterThan(990)
    const middle = low / 2 + high / 2
    expect(Math.abs(x.filter(value => value < middle).length - 500)).toBeLessThan(60)
  })

  test('randint of the whole of int32', () => {
    manualSeed(1)
    const x = randint(-(2 ** 31), 2 ** 31, [1000]).data()
    expect(new Set(x).size).toBe(1000)
    expect(Math.abs(x.filter(value => value < 0).length - 500)).toBeLessThan(60)
    expect(randint(2 ** 31 - 1, 2 ** 31, [2]).toArray()).toEqual([2 ** 31 - 1, 2 ** 31 - 1])
  })

  test('a refusal draws nothing', () => {
    manualSeed(1)
    const { tensors } = memory()
    expect(() => rand([2], { high: 1 / 0 })).toThrow(RangeError)
    expect(() => randn([2], { mean: -1 / 0 })).toThrow(RangeError)
    expect(memory().tensors).toBe(tensors)
    const x = rand([2]).data()
    manualSeed(1)
    expect(rand([2]).data()).toEqual(x)
  })
})
