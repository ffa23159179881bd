import { clone, concat, Dense, type DType, MemoryError, memory, oneHot, ones, rand, scope, Tensor, where, zeros } from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { make } from '../../src/tensor/tensor.ts'
import { allocate } from '../../src/wasm/allocator.ts'
import { thrown } from '../errors/thrown.ts'

function memoryErrorOf(f: () => unknown): MemoryError {
  try {
    f()
  } catch (error) {
    if (error instanceof MemoryError) return error
    throw error
  }
  throw new Error('there was memory enough')
}

/** A tensor of any size over little memory, for what must be refused before an element is read. */
const fake = (shape: readonly number[], dtype: DType = 'float32') =>
  Object.assign(new Tensor(shape, dtype, null), { block: zeros([16]).storage })
const column = (n: number) => zeros([n, 1])
const row = (n: number) => zeros([1, n])
const places = (n: number) => zeros([n], { dtype: 'int32' })

describe('sizes beyond 32 bits', () => {
  test.each<[name: string, f: () => unknown, operation: string, what: string]>([
    ['just below 4 GiB', () => column(32767).sub(row(32767)), 'sub', 'float32 [32767, 32767]'],
    ['4 GiB', () => column(32768).sub(row(32768)), 'sub', 'float32 [32768, 32768]'],
    ['a little more than 4 GiB', () => column(32769).sub(row(32769)), 'sub', 'float32 [32769, 32769]'],
    ['just below 8 GiB', () => column(46340).mul(row(46340)), 'mul', 'float32 [46340, 46340]'],
    ['a little more than 8 GiB', () => column(46341).mul(row(46341)), 'mul', 'float32 [46341, 46341]'],
    ['16 GiB', () => column(65536).maximum(row(65536)), 'maximum', 'float32 [65536, 65536]'],
    ['2^31 bools', () => column(65536).less(row(32768)), 'less', 'bool [65536, 32768]'],
    ['2^32 bools', () => column(65536).equal(row(65536)), 'equal', 'bool [65536, 65536]'],
    ['2^33 bools and some', () => column(65537).equal(row(131072)), 'equal', 'bool [65537, 131072]'],
    ['a product', () => column(32769).matmul(row(32769)), 'matmul', 'float32 [32769, 32769]'],
    ['a layer', () => Dense(zeros([65537, 1]))(column(65536)), 'linear', 'float32 [65536, 65537]'],
    [
      'the scratch of a product',
      () =>
        fake([2 ** 28, 2])
          .transpose()
          .matmul(fake([2 ** 28, 1])),
      'matmul',
      '',
    ],
    ['the scratch of a reduction', () => zeros([2 ** 33, 5, 0]).sum([0, 2]), 'sum', 'float32 [42949672960]'],
    ['a sum over nothing', () => zeros([2 ** 30, 0, 8]).sum(1), 'sum', 'float32 [1073741824, 8]'],
    ['broadcastTo', () => row(2).broadcastTo([2 ** 31, 2]), 'broadcastTo', 'float32 [2147483648, 2]'],
    ['where', () => where(column(65536), row(65536), 0), 'broadcastTo', 'bool [65536, 65536]'],
    ['gather', () => zeros([1, 2 ** 14]).gather(places(2 ** 17 + 1)), 'gather', 'float32 [131073, 16384]'],
    ['oneHot', () => oneHot(places(2 ** 16), 2 ** 16 + 1), 'oneHot', 'bool [65536, 65537]'],
    ['concat', () => concat(new Array<Tensor>(4097).fill(zeros([2 ** 18]))), 'concat', 'float32 [1074003968]'],
    ['a conversion', () => fake([2 ** 30 - 1]).cast('int32'), 'cast', 'int32 [1073741823]'],
    ['the conversion of an operand', () => fake([2 ** 30], 'bool').exp(), 'exp', 'float32 [1073741824]'],
    ['a random tensor', () => rand([2 ** 30 - 1]), 'rand', 'float32 [1073741823]'],
    ['a copy', () => clone(fake([2 ** 30 - 1])), 'clone', 'float32 [1073741823]'],
  ])('%s: MemoryError, and nothing is touched', (_, f, operation, what) => {
    scope(() => {
      // Blocks of many sizes are free, for a size that lost its upper bits to be found among them.
      scope(() => void Array.from({ length: 18 }, (_, i) => zeros([2 ** i])))
      const witnesses = Array.from({ length: 14 }, (_, i) => ones([2 ** i]))
      const error = scope(() => {
        const before = memory()
        const error = memoryErrorOf(() => scope(f))
        expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
        return error
      })
      expect(error.operation).toBe(operation)
      expect(error.message).toContain(` more were needed${what && ` for ${what}`}. Free`)
      expect(error.stack).toContain(`MemoryError: ${operation}: the linear memory`)
      for (const x of witnesses) expect(x.equal(1).all().item()).toBe(1)
    })
  })

  test.each([
    2 ** 32 - 2 ** 16 + 1,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 32 + 4,
    2 ** 33,
    2 ** 33 + 64,
    2 ** 53,
    Number.POSITIVE_INFINITY,
    Number.NaN,
  ])('a block of %d bytes is none', bytes => {
    scope(() => void [make([2 ** 28], 'float32'), zeros([1])])
    expect(memoryErrorOf(() => allocate(bytes)).operation).toBe('memory')
  })

  test('a shape whose size is no number is refused', () => {
    expect(thrown(() => zeros([1e200, 1e200, 0]))).toMatch(/^ShapeError: zeros: more elements/)
  })
})

test('what is free in small blocks is merged before memory is given up', () => {
  scope(() => {
    const neighbours = Array.from({ length: 24 }, () => make([2 ** 20], 'float32'))
    // All else is taken: the free parts are less than an eighth, and nothing can grow.
    for (let bytes = 2 ** 28; bytes >= 2 ** 22; bytes /= 2) {
      for (let isRoom = true; isRoom; ) {
        try {
          make([bytes / 4], 'float32')
        } catch {
          isRoom = false
        }
      }
    }
    for (const each of neighbours) each.dispose()
    for (let i = 0; i < 8; i++) expect(make([2 ** 21], 'float32').size).toBe(2 ** 21)
  })
})
