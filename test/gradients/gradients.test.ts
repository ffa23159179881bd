import { describe, expect, it } from 'vitest'
import { checkRow } from './check.ts'
import { rows } from './rows.ts'

describe('value, gradient and second order as float64 has them', () => {
  it.each(rows)('$op $name', row => {
    expect(checkRow(row)).toEqual([])
  })
})
