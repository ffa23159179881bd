// A reduction of many elements to one is cut into parts, with the bits of the reduction of a row.
import { max, min, prod, sum, tensor } from 'fluxtape'
import { expect, test } from 'vitest'

const reductions = { sum, prod, max, min }

test.each([2 ** 17 - 1, 2 ** 17, 2 ** 17 + 1, 200_003, 2 ** 20])('%d elements', n => {
  const values = Float32Array.from({ length: n }, (_, i) => 1 + Math.sin(i * 1.7) / 64)
  const whole = Int32Array.from({ length: n }, (_, i) => (i * 7919) % 1013)
  for (const [name, reduce] of Object.entries(reductions)) {
    // Two rows are reduced by one kernel call.
    const rows = tensor([values, values])
    expect(reduce(tensor(values)).item(), name).toBe(reduce(rows, 1).data()[1])
    if (name === 'max' || name === 'min') expect(reduce(tensor(whole)).item()).toBe(name === 'max' ? 1012 : 0)
  }
  values[n - 3] = Number.NaN
  expect(max(tensor(values)).item()).toBeNaN()
})
