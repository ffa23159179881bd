import { memory } from 'fluxtape'
import { digits } from 'fluxtape/datasets'
import { describe, expect, it } from 'vitest'

describe('digits', () => {
  const { train, test } = digits()

  it('gives images and classes of the stated shapes and types', () => {
    expect(train.map(each => [each.dtype, each.shape])).toEqual([
      ['float32', [1437, 64]],
      ['int32', [1437]],
    ])
    expect(test.map(each => [each.dtype, each.shape])).toEqual([
      ['float32', [360, 64]],
      ['int32', [360]],
    ])
  })

  it('is bit for bit what tools/digits.py packed', async () => {
    const rows = [train, test].flatMap(([x, y]) => {
      const [levels, classes] = [x.data(), y.data()]
      return Array.from(classes, (digit, i) => [...Array.from(levels.subarray(i * 64, i * 64 + 64), level => level * 16), digit]).flat()
    })
    expect(rows.length).toBe(1797 * 65)
    expect(rows.every(value => Number.isInteger(value) && value >= 0 && value <= 16)).toBe(true)
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(rows)))
    expect(Array.from(hash, byte => byte.toString(16).padStart(2, '0')).join('')).toBe(
      '240416dc890af08d3ec5d67cce78b8b59ebde32fb83fa4ca1001b8dc0ef189a1',
    )
  })

  it('has the class counts of its docstring', () => {
    const counts = (classes: Iterable<number>) => {
      const found = new Array<number>(10).fill(0)
      for (const digit of classes) found[digit]++
      return found
    }
    expect(counts(train[1].data())).toEqual([142, 145, 142, 146, 145, 146, 145, 143, 139, 144])
    expect(counts(test[1].data())).toEqual([36, 37, 35, 37, 36, 36, 36, 36, 35, 36])
  })

  it('shows digits, ink as 1', () => {
    const image = (i: number) =>
      Array.from({ length: 8 }, (_, row) =>
        Array.from(train[0].data().subarray(i * 64 + row * 8, i * 64 + row * 8 + 8), level => (level > 0.5 ? '#' : '.')).join(''),
      )
    const one = train[1].data().indexOf(1)
    const zero = train[1].data().indexOf(0)
    expect([...image(zero), '', ...image(one)]).toMatchInlineSnapshot(`
      [
        "...##...",
        "..####..",
        "..##.#..",
        "..#..#..",
        "..#..#..",
        "..#..#..",
        "..####..",
        "...##...",
        "",
        "...###..",
        "...##...",
        "...##...",
        "...##...",
        "...##...",
        "..###...",
        "..###...",
        "...##...",
      ]
    `)
  })

  it('makes new tensors at each call', () => {
    const before = memory().tensors
    const again = digits()
    expect(memory().tensors).toBe(before + 4)
    expect(again.train[0]).not.toBe(train[0])
    expect(again.test[0].data()).toEqual(test[0].data())
    for (const each of [...again.train, ...again.test]) each.dispose()
    expect(memory().tensors).toBe(before)
  })
})
