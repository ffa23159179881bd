import { expect, test } from 'vitest'
import { storedTypes } from '../../src/io/stored.ts'
import { DTYPES, type DType } from '../../src/tensor/dtype.ts'

const dtypes = Object.keys(DTYPES) as DType[]

test.each(dtypes)('%s has the bytes that its view has, and is stored as it is by one type of a file', dtype => {
  const { bytes, view } = DTYPES[dtype]
  expect(view().BYTES_PER_ELEMENT).toBe(bytes)
  expect(storedTypes.filter(each => each.isSame && each.dtype === dtype).map(each => each.bytes)).toEqual([bytes])
})

test.each(storedTypes)('$safetensors has as many bytes as its elements', ({ bytes, get }) => {
  expect(8 * bytes).toBe(Number(get.match(/\d+$/)?.[0]))
})

test.each(['safetensors', 'idx'] as const)('%s names each type once', format => {
  const names = storedTypes.flatMap(each => each[format] ?? [])
  expect(new Set(names).size).toBe(names.length)
})
