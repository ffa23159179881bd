import fc from 'fast-check'
import { arange, MemoryError, memory, tensor, zeros } from 'fluxtape'
import { beforeEach, describe, expect, test } from 'vitest'
import { allocate, release, roomFor, usage } from '../../src/wasm/allocator.ts'
import { ZONE } from '../../src/wasm/guard.ts'
import { BLOCKS, capacity, f32, growTo, SCRATCH } from '../../src/wasm/memory.ts'
import { thrown } from '../errors/thrown.ts'

const MIB = 2 ** 20

/** Takes all that is free, so that the next blocks come from memory that was never used. */
const taken: [pointer: number, bytes: number][] = []
const take = (bytes: number): number => {
  const pointer = allocate(bytes)
  taken.push([pointer, bytes])
  return pointer
}
const giveAllBack = () => {
  for (const [pointer, bytes] of taken.splice(0)) release(pointer, bytes)
}

beforeEach(giveAllBack)

describe('sizes of blocks', () => {
  test('up to a kilobyte they go in steps of 64 bytes, from 64 on', () => {
    expect([0, 1, 64, 65, 128, 129, 1000, 1024].map(roomFor)).toEqual([64, 64, 64, 128, 128, 192, 1024, 1024])
  })

  test('beyond, there are eight sizes to each power of two', () => {
    expect([1025, 1152, 1153, 2047, 2048, 2049, 2304].map(roomFor)).toEqual([1152, 1152, 1280, 2048, 2048, 2304, 2304])
    const sizes = new Set(Array.from({ length: 4096 }, (_, i) => roomFor(4097 + i)))
    expect([...sizes]).toEqual([4608, 5120, 5632, 6144, 6656, 7168, 7680, 8192])
  })

  test('a block holds what was asked for, wastes at most an eighth, and is a whole number of 64 bytes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 32 - 2 ** 16 }), bytes => {
        const room = roomFor(bytes)
        expect(room).toBeGreaterThanOrEqual(bytes)
        expect(room % 64).toBe(0)
        expect(room).toBeLessThanOrEqual(Math.max(bytes + 63, Math.ceil(bytes * 1.125)))
        expect(roomFor(room)).toBe(room)
      }),
    )
  })
})

describe('blocks', () => {
  test('are aligned to 64 bytes and never overlap, whatever is taken and given back', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 20_000 }), fc.boolean()), { maxLength: 60 }), steps => {
        const before = usage().bytes
        const live = new Map<number, number>()
        for (const [bytes, givesBack] of steps) {
          const pointer = allocate(bytes)
          expect(pointer % 64).toBe(0)
          expect(pointer).toBeGreaterThanOrEqual(BLOCKS + ZONE)
          for (const [other, size] of live) expect(pointer + roomFor(bytes) <= other || other + roomFor(size) <= pointer).toBe(true)
          live.set(pointer, bytes)
          const [oldest] = live
          if (givesBack && oldest) {
            release(...oldest)
            live.delete(oldest[0])
          }
        }
        expect(usage().bytes - before).toBe([...live.values()].reduce((sum, bytes) => sum + roomFor(bytes), 0))
        for (const block of live) release(...block)
        expect(usage().bytes).toBe(before)
      }),
      { numRuns: 50 },
    )
  })

  test('a block that was given back is taken again by the next of its size', () => {
    const pointer = allocate(5000)
    release(pointer, 5000)
    expect(allocate(4700)).toBe(pointer)
    release(pointer, 4700)
  })

  test('a block of another size is not taken for it', () => {
    const pointer = allocate(5000)
    release(pointer, 5000)
    const other = take(7000)
    expect(other).not.toBe(pointer)
  })

  test('the peak stays when blocks go', () => {
    const before = usage()
    const pointer = allocate(before.peak + 1)
    const { peak } = usage()
    expect(peak).toBe(before.bytes + roomFor(before.peak + 1))
    release(pointer, before.peak + 1)
    expect(usage()).toEqual({ bytes: before.bytes, peak })
  })

  test('free neighbours are merged before the memory grows', () => {
    // Blocks of half a megabyte until the memory is full, then all are free, and no list holds one of 4 MiB.
    const size = MIB / 2
    while (capacity() - take(size) > 3 * size);
    const full = capacity()
    expect(full).toBeGreaterThan(8 * MIB)
    giveAllBack()
    const merged = take(4 * MIB)
    expect(capacity()).toBe(full)
    expect(merged + 4 * MIB).toBeLessThanOrEqual(full)
  })

  test('holes between blocks in use are merged, too, and what is in use stays as it was', () => {
    const size = MIB / 2
    while (capacity() - take(size) > 3 * size);
    const full = capacity()
    const guardian = taken[Math.floor(taken.length / 2)]
    f32[guardian[0] >>> 2] = 42
    for (const block of taken.splice(0)) if (block !== guardian) release(...block)
    taken.push(guardian)
    const one = take(2 * MIB)
    const other = take(2 * MIB)
    expect(capacity()).toBe(full)
    for (const each of [one, other]) expect(each + 2 * MIB < guardian[0] || each > guardian[0] + size).toBe(true)
    expect(f32[guardian[0] >>> 2]).toBe(42)
  })

  test('the memory grows when nothing that is free suffices, and what is in it stays', () => {
    const x = arange(0, 1000)
    const before = capacity()
    const pointer = take(before)
    expect(capacity()).toBeGreaterThanOrEqual(pointer + before)
    f32[(pointer + before - 4) >>> 2] = 1
    expect(x.toArray()).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    expect(x.add(1).sum().item()).toBe(500_500)
  })

  test('the memory grows by more than was missing, so that it grows seldom', () => {
    const before = capacity()
    growTo(before + 1)
    expect(capacity()).toBeGreaterThanOrEqual(before + Math.min(before / 4, 4096 * 65536))
  })

  test('a loop in its steady state grows nothing', () => {
    const round = () => {
      const pointers = [100, 2000, 30_000, 400_000].map(bytes => [allocate(bytes), bytes] as const)
      for (const [pointer, bytes] of pointers) release(pointer, bytes)
      return pointers
    }
    const first = round()
    const state = [capacity(), usage()]
    for (let i = 0; i < 100; i++) expect(round()).toEqual(first)
    expect([capacity(), usage()]).toEqual(state)
  })

  test('what cannot be had leaves everything as it was', () => {
    const before = [capacity(), usage()]
    expect(() => allocate(2 ** 32)).toThrow(MemoryError)
    expect([capacity(), usage()]).toEqual(before)
  })
})

describe('tensors in it', () => {
  test('those of size 0 have an address of their own inside the memory', () => {
    const [x, y] = [zeros([0]), zeros([3, 0, 2])]
    for (const each of [x, y]) {
      expect(each.pointer % 64).toBe(0)
      expect(each.pointer).toBeGreaterThan(BLOCKS)
      expect(each.pointer).toBeLessThan(capacity())
    }
    expect(x.pointer).not.toBe(y.pointer)
    expect(x.toArray()).toEqual([])
    expect(y.toArray()).toEqual([[], [], []])
    expect(x.add(1).shape).toEqual([0])
    expect(y.sum().item()).toBe(0)
    expect(
      zeros([2, 0])
        .matmul(zeros([0, 3]))
        .toArray(),
    ).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ])
  })

  test('all types begin on 64 bytes', () => {
    for (const dtype of ['float32', 'int32', 'uint8', 'bool'] as const) {
      for (const size of [1, 3, 65]) expect(zeros([size], { dtype }).pointer % 64).toBe(0)
    }
  })

  test('memory() counts bytes by blocks and tensors by storages', () => {
    const before = memory()
    const x = zeros([100])
    const y = x.reshape([10, 10])
    expect(memory().tensors - before.tensors).toBe(1)
    expect(memory().bytes - before.bytes).toBe(roomFor(400))
    x.dispose()
    expect(memory().tensors - before.tensors).toBe(1)
    y.dispose()
    expect(memory().tensors).toBe(before.tensors)
    expect(memory().bytes).toBe(before.bytes)
  })

  test('the small areas for kernel calls lie below every block', () => {
    expect(SCRATCH.layout + 4 * (2 + 3 * 8)).toBeLessThanOrEqual(SCRATCH.status)
    expect(SCRATCH.status + 4).toBeLessThanOrEqual(BLOCKS)
  })

  test('a text of a MemoryError says how much was there and what to do', () => {
    const full = capacity()
    expect(thrown(() => allocate(2 ** 32))).toMatch(
      new RegExp(
        `^MemoryError: memory: the linear memory cannot grow: ${full} bytes are in use or free, \\d+ more were needed\\. Free what is not needed: wrap the code that makes many tensors in scope\\(\\(\\) => \\.\\.\\.\\), or use smaller batches\\.$`,
      ),
    )
    expect(tensor([1]).add(1).item()).toBe(2)
  })
})
