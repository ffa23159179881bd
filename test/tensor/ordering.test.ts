// A million elements in order, and summed up to each.
import { argSort, cumsum, rand, randint, sort, takeAlong, tensor } from 'fluxtape'
import { expect, test } from 'vitest'

const n = 1_000_000
/** Not by toEqual, which takes a minute. */
function areSame(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < n; i++) if (a[i] !== b[i]) return false
  return true
}
const values = rand([n], { low: -2, high: 2 })

test('float32 and int32, ascending and descending', () => {
  const whole = randint(-(2 ** 20), 2 ** 20, [n])
  for (const x of [values, whole]) {
    const wanted = x.data().sort()
    expect(areSame(sort(x).data(), wanted)).toBe(true)
    expect(areSame(sort(x, 0, { descending: true }).data(), wanted.reverse())).toBe(true)
  }
})

test('argSort gives what sort takes, and keeps equals in order', () => {
  const few = randint(0, 9, [n])
  const places = argSort(few)
  expect(areSame(takeAlong(few, places, 0).data(), sort(few).data())).toBe(true)
  const [at, sorted] = [places.data(), sort(few).data()]
  expect(at.every((place, i) => i === 0 || sorted[i - 1] !== sorted[i] || at[i - 1] < place)).toBe(true)
})

test('running sums are those of double precision', () => {
  let total = 0
  const wanted = Float32Array.from(values.data(), value => {
    total += value
    return total
  })
  expect(areSame(cumsum(values).data(), wanted)).toBe(true)
})

test('rows of every length around the one at which the way changes', () => {
  for (const length of [1, 2, 31, 32, 33, 34, 256, 257]) {
    const x = rand([3, length, 2])
    const columns = x.permute([0, 2, 1]).data()
    const wanted = Float32Array.from({ length: columns.length / length }, (_, i) => i).reduce<number[]>(
      (all, i) => all.concat([...columns.slice(i * length, (i + 1) * length).sort()]),
      [],
    )
    expect([...sort(x, 1).permute([0, 2, 1]).data()]).toEqual(wanted)
  }
  expect(tensor([2, 1]).sort(0, { descending: undefined }).toArray()).toEqual([1, 2])
})
