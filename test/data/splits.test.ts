import { arange, kFolds, manualSeed, ShapeError, shuffleObs, splitObs, type Tensor, tensor, zeros } from 'fluxtape'
import { describe, expect, it } from 'vitest'

const numbers = (x: Tensor): number[] => x.toArray() as number[]
const sorted = (values: number[]): number[] => [...values].sort((a, b) => a - b)

describe('splitObs', () => {
  it('cuts where told, in order', () => {
    expect(splitObs(arange(10), { at: 0.7 }).map(numbers)).toEqual([
      [0, 1, 2, 3, 4, 5, 6],
      [7, 8, 9],
    ])
    expect(splitObs(arange(10), { at: [0.5, 0.2] }).map(numbers)).toEqual([
      [0, 1, 2, 3, 4],
      [5, 6],
      [7, 8, 9],
    ])
    expect(splitObs(arange(4), { at: [0.5, 0.5] }).map(numbers)).toEqual([[0, 1], [2, 3], []])
  })

  it.each([
    [5, 0.5, 2],
    [7, 0.5, 4],
    [3, 0.5, 2],
    [1, 0.5, 0],
    [10, 0.26, 3],
    [10, 0.24, 2],
    [6, 0, 0],
    [6, 1, 6],
  ])('of %i observations at %d gives the first part %i: half goes to even', (n, at, size) => {
    expect(splitObs(arange(n), { at }).map(part => part.size)).toEqual([size, n - size])
  })

  it('keeps the form of the data', () => {
    const x = arange(8).reshape([4, 2])
    const [train, test] = splitObs([x, arange(4)], { at: 0.75 })
    expect([train[0].shape, numbers(train[1]), test[0].toArray(), numbers(test[1])]).toEqual([[3, 2], [0, 1, 2], [[6, 7]], [3]])
    const [first, second] = splitObs({ x, y: arange(4) }, { at: 0.25 })
    expect([first.x.toArray(), numbers(second.y)]).toEqual([[[0, 1]], [1, 2, 3]])
    expect(splitObs(['a', 'b', 'c'], { at: 1 / 3 })).toEqual([['a'], ['b', 'c']])
  })

  it('shuffles where told, by its seed or by manualSeed', () => {
    const at = 0.6
    const parts = splitObs(arange(30), { at, shuffle: true, seed: 2 }).map(numbers)
    expect(sorted(parts.flat())).toEqual(numbers(arange(30)))
    expect(parts[0]).not.toEqual(sorted(parts[0]))
    expect(splitObs(arange(30), { at, shuffle: true, seed: 2 }).map(numbers)).toEqual(parts)
    expect(splitObs(arange(30), { at, shuffle: true, seed: 3 }).map(numbers)).not.toEqual(parts)
    manualSeed(8)
    const free = splitObs(arange(30), { at, shuffle: true }).map(numbers)
    manualSeed(8)
    expect(splitObs(arange(30), { at, shuffle: true }).map(numbers)).toEqual(free)
  })

  it('gives every part the same share of each class where stratified', () => {
    const classes = Array.from({ length: 100 }, (_, i) => (i < 60 ? 0 : i < 90 ? 1 : 2))
    for (const stratified of [classes, tensor(classes), tensor(new Int32Array(classes))]) {
      const parts = splitObs([arange(100), tensor(classes)], { at: [0.5, 0.3], stratified, seed: 1 })
      const counts = parts.map(([, y]) => [0, 1, 2].map(c => numbers(y).filter(value => value === c).length))
      expect(counts).toEqual([
        [30, 15, 5],
        [18, 9, 3],
        [12, 6, 2],
      ])
      expect(sorted(parts.flatMap(([x]) => numbers(x)))).toEqual(numbers(arange(100)))
      for (const [x, y] of parts) expect(numbers(x).map(i => classes[i])).toEqual(numbers(y))
      expect(numbers(parts[0][1])).not.toEqual(sorted(numbers(parts[0][1])))
    }
  })

  it.each<readonly [string, number[], number | number[]]>([
    ['ten classes of two', Array.from({ length: 20 }, (_, i) => i % 10), 0.8],
    ['a hundred classes of three, in three parts', Array.from({ length: 300 }, (_, i) => i % 100), [0.5, 0.3]],
    ['classes of one', Array.from({ length: 7 }, (_, i) => i), [0.4, 0.4]],
    ['one class', new Array(11).fill(1), [0.3, 0.3, 0.3]],
    ['a large and small ones', Array.from({ length: 997 }, (_, i) => (i < 900 ? 0 : i)), [0.7, 0.15]],
    ['classes of all sizes, in five parts', Array.from({ length: 500 }, (_, i) => Math.floor(Math.sqrt(i))), [0.21, 0.13, 0.33, 0.3]],
    ['no observation', [], 0.5],
  ])('stratified gives the sizes asked for, every class within one of its share: %s', (_, classes, at) => {
    const data = [arange(classes.length), tensor(classes)]
    const n = classes.length
    const sizes = splitObs(data, { at }).map(([x]) => x.size)
    const parts = splitObs(data, { at, stratified: classes, seed: 3 })
    expect(parts.map(([x]) => x.size)).toEqual(sizes)
    expect(sorted(parts.flatMap(([x]) => numbers(x)))).toEqual(numbers(arange(n)))
    for (const [, y] of parts) {
      for (const each of new Set(classes)) {
        const [inPart, inAll] = [numbers(y), classes].map(list => list.filter(value => value === each).length)
        expect(Math.abs(inPart - (inAll * y.size) / n)).toBeLessThan(1)
      }
    }
  })

  it('of many observations, and of many classes, is no matter', () => {
    const x = arange(4e5)
    expect(splitObs(x, { at: 0.8 }).map(part => part.size)).toEqual([3.2e5, 8e4])
    expect(kFolds(x, 2)[1].map(part => part.size)).toEqual([2e5, 2e5])
    const classes = Array.from({ length: 1e4 }, (_, i) => i % 2000)
    expect(splitObs(arange(1e4), { at: [0.6, 0.3], stratified: classes }).map(part => part.size)).toEqual([6000, 3000, 1000])
  })

  it('folds have the same share of each class where stratified', () => {
    const classes = Array.from({ length: 31 }, (_, i) => (i < 20 ? 'a' : i < 29 ? 'b' : 'c'))
    const folds = kFolds(classes, 4, { stratified: classes, seed: 2 })
    expect(folds.map(([train, part]) => [train.length, part.length])).toEqual([[23, 8], [23, 8], [23, 8], [24, 7]]) // biome-ignore format: one line
    for (const [train, part] of folds) {
      expect([...train, ...part].sort()).toEqual(classes)
      for (const [name, share] of [
        ['a', 20 / 31],
        ['b', 9 / 31],
        ['c', 2 / 31],
      ] as const) {
        // biome-ignore format: one line
        const found = part.filter(each => each === name).length
        expect(Math.abs(found - share * part.length)).toBeLessThan(1)
      }
    }
    const seeded = () => kFolds(arange(6), 3, { stratified: [0, 1, 0, 1, 0, 1], seed: 4 }).map(([, part]) => numbers(part))
    expect(seeded()).toEqual(seeded())
    expect(() => kFolds(arange(4), 2, { stratified: [0, 1] })).toThrow('kFolds: one class for each observation: 2 classes for 4.')
  })

  it('stratified is fixed by its seed', () => {
    const stratified = [0, 1, 0, 1, 0, 1, 0, 1]
    const make = (seed: number) => splitObs(arange(8), { at: 0.5, stratified, seed }).map(numbers)
    expect(make(1)).toEqual(make(1))
    expect(new Set([1, 2, 3, 4].map(seed => String(make(seed)))).size).toBeGreaterThan(1)
  })

  it.each([-0.1, 1.1, Number.NaN])('refuses a share of %d', at => {
    expect(() => splitObs(arange(4), { at })).toThrow(new RangeError(`splitObs: shares lie in [0, 1] and so does their sum: ${at}.`))
  })

  it('refuses shares that are more than all, classes that are not as many, and data that disagree', () => {
    expect(() => splitObs(arange(4), { at: [0.7, 0.4] })).toThrow(
      new RangeError('splitObs: shares lie in [0, 1] and so does their sum: 0.7, 0.4.'),
    )
    expect(() => splitObs(arange(4), { at: 0.5, stratified: [0, 1] })).toThrow(
      new RangeError('splitObs: one class for each observation: 2 classes for 4.'),
    )
    expect(() => splitObs([arange(4), arange(5)], { at: 0.5 })).toThrow(ShapeError)
  })

  it('takes shares that add up to all in spite of rounding', () => {
    expect(splitObs(arange(10), { at: [0.1, 0.2, 0.7] }).map(part => part.size)).toEqual([1, 2, 7, 0])
    expect(splitObs(arange(10), { at: [0.6, 0.3, 0.1] }).map(part => part.size)).toEqual([6, 3, 1, 0])
  })
})

describe('the parts', () => {
  it('are as many as there are shares, and one more', () => {
    const two: [Tensor, Tensor] = splitObs(arange(4), { at: 0.5 })
    const three: [Tensor, Tensor, Tensor] = splitObs(arange(4), { at: [0.5, 0.25] })
    const shares: number[] = [0.5, 0.25]
    const any: Tensor[] = splitObs(arange(4), { at: shares })
    // @ts-expect-error there are two
    const [, , none] = splitObs(arange(4), { at: 0.5 })
    expect([two.length, three.length, any.length, none]).toEqual([2, 3, 3, undefined])
  })

  it('are stratified by texts, booleans and typed arrays as by numbers', () => {
    const numbers = [0, 1, 0, 1, 0, 1]
    for (const stratified of [numbers.map(String), numbers.map(Boolean), Uint8Array.from(numbers), tensor(numbers)]) {
      const [left] = splitObs(numbers, { at: 1 / 3, stratified })
      expect(left.toSorted()).toEqual([0, 1])
    }
    expect(() => splitObs(numbers, { at: 0.5, stratified: {} as never })).toThrow(
      new TypeError('splitObs: the classes are a tensor or a list, one for each observation: object came.'),
    )
  })
})

describe('kFolds', () => {
  it('puts each observation into one validation part, the first n mod k one longer', () => {
    const folds = kFolds(arange(11), 4)
    expect(folds.map(([, validation]) => numbers(validation))).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [6, 7, 8],
      [9, 10],
    ])
    for (const [train, validation] of folds) expect(sorted([...numbers(train), ...numbers(validation)])).toEqual(numbers(arange(11)))
  })

  it('gives five folds by default, in the form of the data', () => {
    const folds = kFolds([arange(10).reshape([5, 2]), arange(5)])
    expect(folds).toHaveLength(5)
    const [[x, y], [vx, vy]] = folds[4]
    expect([x.shape, numbers(y), vx.toArray(), numbers(vy)]).toEqual([[4, 2], [0, 1, 2, 3], [[8, 9]], [4]])
    expect(kFolds(['a', 'b'], 2)).toEqual([
      [['b'], ['a']],
      [['a'], ['b']],
    ])
  })

  it('shuffles where told, fixed by a seed', () => {
    const make = (seed: number) => kFolds(arange(20), 4, { shuffle: true, seed }).map(([, part]) => numbers(part))
    expect(make(1)).toEqual(make(1))
    expect(make(1)).not.toEqual(make(2))
    expect(sorted(make(1).flat())).toEqual(numbers(arange(20)))
    expect(make(1)[0]).not.toEqual([0, 1, 2, 3, 4])
  })

  it.each([1, 0, 6, 2.5])('refuses k = %d of 5', k => {
    expect(() => kFolds(arange(5), k)).toThrow(new RangeError(`kFolds: k lies between 2 and the number of observations: ${k} of 5.`))
  })
})

describe('shuffleObs', () => {
  it('gives the observations in another order, fixed by a seed', () => {
    const [x, y] = shuffleObs([arange(40).reshape([20, 2]), arange(20)], { seed: 6 })
    expect(sorted(numbers(y))).toEqual(numbers(arange(20)))
    expect(numbers(y)).not.toEqual(numbers(arange(20)))
    expect((x.toArray() as number[][]).map(row => row[0] / 2)).toEqual(numbers(y))
    expect(numbers(shuffleObs(arange(20), { seed: 6 }))).toEqual(numbers(y))
    expect(numbers(shuffleObs(arange(20)))).not.toEqual(numbers(shuffleObs(arange(20))))
  })

  it('of one observation or none is the same', () => {
    expect(numbers(shuffleObs(tensor([3])))).toEqual([3])
    expect(shuffleObs(zeros([0, 2])).shape).toEqual([0, 2])
  })
})
