// Before the library, which makes its registry when it is loaded.
import './finalizers.ts'
import { configure, gradient, isTraining, manualSeed, Tensor, threads, variant } from 'fluxtape'
import { afterAll, beforeEach, expect } from 'vitest'
import { finalized } from './finalizers.ts'

const wanted = process.env.FLUXTAPE_VARIANT
// With FLUXTAPE_WIDE products are in the tiles for wide vectors, which give the same bits with such an engine and without.
const wide = process.env.FLUXTAPE_WIDE !== undefined
if (wanted === 'baseline' || wide) await configure({ deterministic: wanted === 'baseline' || variant() === 'baseline', wide })
// Threads that came by themselves would be those of all files from then on.
if (!process.env.FLUXTAPE_ALONE) await threads(1)
await finalized()
// What updates in other files have used up goes with the next gradient.
gradient(x => x, 1)
if (variant() !== wanted) throw new Error(`these tests are to run on the ${wanted} kernels, but this runtime took the ${variant()} ones`)

// Vitest would compare two tensors by their rows, which are new ones each time.
expect.addEqualityTesters([(a, b) => (a instanceof Tensor && b instanceof Tensor ? a === b : undefined)])

/** Same bits are equal; element by element that takes seconds for large arrays. */
expect.addEqualityTesters([
  (a, b) => {
    if (!ArrayBuffer.isView(a) || !ArrayBuffer.isView(b) || a.constructor !== b.constructor || a.byteLength !== b.byteLength)
      return undefined
    const bytesOf = (x: ArrayBufferView) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength)
    return Buffer.compare(bytesOf(a), bytesOf(b)) === 0 ? true : undefined
  },
])

beforeEach(() => manualSeed(1))

afterAll(async () => {
  if (__GUARD__) (await import('../src/wasm/guard.ts')).checkAllZones('this file')
  if (process.env.FLUXTAPE_ALONE) return
  expect([variant(), threads().count, isTraining()], 'kernels, threads and mode that a file leaves to the next').toEqual([wanted, 1, false])
})
