import { memory, ones, tensor, zeros } from 'fluxtape'
import { afterEach, describe, expect, test } from 'vitest'
import { make, type Tensor } from '../../src/tensor/tensor.ts'
import { checkAllZones, ZONE } from '../../src/wasm/guard.ts'
import * as kernels from '../../src/wasm/kernels.generated.ts'
import { f32, i32, u8 } from '../../src/wasm/memory.ts'
import { thrown } from '../errors/thrown.ts'

/** Writes a byte where none may be written, until the test is over. */
const written: [address: number, before: number][] = []
function poke(address: number): void {
  written.push([address, u8[address]])
  u8[address] ^= 0xff
}
afterEach(() => {
  for (const [address, before] of written.splice(0)) u8[address] = before
  checkAllZones('the test before')
})

describe('red zones', () => {
  test('the tests run with them', () => {
    expect(__GUARD__).toBe(true)
    expect(ZONE).toBe(64)
  })

  test.each([
    ['the first byte after a block', 12, 'wrote 0 bytes after a block of 12 bytes'],
    ['the last byte of the zone after a block', 12 + ZONE - 1, 'wrote 60 bytes after a block of 12 bytes'],
    ['the byte before a block', -1, 'wrote 4 bytes before a block of 12 bytes'],
    ['the first byte of the zone before a block', -ZONE, 'wrote 64 bytes before a block of 12 bytes'],
  ])('a write to %s shows in the next operation', (_, offset, text) => {
    const x = tensor([1, 2, 3])
    poke(x.pointer + offset)
    expect(thrown(() => x.add(1))).toBe(`Error: add: ${text}`)
  })

  test('any operation notices, whatever its tensors', () => {
    const x = tensor([1, 2, 3])
    const other = ones([2, 2])
    poke(x.pointer + 12)
    expect(thrown(() => other.matmul(other))).toBe('Error: matmul: wrote 0 bytes after a block of 12 bytes')
    expect(thrown(() => other.reshape([4]))).toBe('Error: reshape: wrote 0 bytes after a block of 12 bytes')
  })

  test('a write too far shows when the block is freed', () => {
    const x = tensor([1, 2, 3])
    poke(x.pointer + 12)
    expect(thrown(() => x.storage.drop())).toBe('Error: release: wrote 0 bytes after a block of 12 bytes')
  })

  const tooFar = [kernels.neg, kernels.square, kernels.relu].map(kernel => [kernel.name, kernel] as const)
  test.each(tooFar)('%s is found out if it writes one element too many, of what it read too far', (_, kernel) => {
    const x = tensor([1, 2, 3])
    const y = make([3], 'float32')
    const z = ones([2])
    expect(thrown(() => z.add(1))).toBe('nothing was thrown')
    const after = i32[(y.pointer >>> 2) + 3]
    kernel(x.pointer, y.pointer, 4)
    expect(thrown(() => z.add(1))).toBe('Error: add: wrote 0 bytes after a block of 12 bytes')
    i32[(y.pointer >>> 2) + 3] = after
  })

  test('a byte beyond a block of single bytes counts in words of four', () => {
    const x = zeros([3], { dtype: 'uint8' })
    poke(x.pointer + 4)
    expect(thrown(() => x.equal(0))).toBe('Error: equal: wrote 0 bytes after a block of 3 bytes')
  })

  test('a block of size 0 has zones, too', () => {
    const x = zeros([0])
    poke(x.pointer)
    expect(thrown(() => ones([1]).add(1))).toBe('Error: add: wrote 0 bytes after a block of 0 bytes')
  })

  test('a block that is freed twice is an error', () => {
    const { storage } = make([3], 'float32')
    storage.drop()
    expect(thrown(() => storage.drop())).toBe(`Error: release: a block that is not taken: ${storage.pointer}`)
  })
})

describe('memory without a value', () => {
  const isAllNaN = (values: Float32Array) => values.length > 0 && values.every(Number.isNaN)
  const floats = (x: Tensor) => f32.subarray(x.pointer >>> 2, (x.pointer >>> 2) + x.size)

  test('a new block reads NaN until it is written', () => {
    zeros([100]).dispose()
    expect(isAllNaN(floats(make([100], 'float32')))).toBe(true)
  })

  test('a freed block reads NaN', () => {
    const x = ones([100])
    const view = floats(x)
    expect(isAllNaN(view)).toBe(false)
    x.dispose()
    expect(isAllNaN(view)).toBe(true)
  })

  test('a read beyond a block reads NaN, so that it shows in the result', () => {
    const x = ones([3])
    const y = make([1], 'float32')
    const before = memory().bytes
    kernels.sum(x.pointer, y.pointer, 4, 1, 1)
    expect(y.item()).toBeNaN()
    kernels.sum(x.pointer, y.pointer, 3, 1, 1)
    expect(y.item()).toBe(3)
    expect(memory().bytes).toBe(before)
  })
})
