import { MemoryError } from '../errors.ts'
import type { Address, Layout, Status } from './kinds.ts'

const PAGE = 65536

/** Below this address lie the static data of both variants of the kernels. */
export const HEAP_BASE = 128 * 1024

/** Small areas that JavaScript fills for one kernel call, and the control block of the threads. */
export interface Scratch {
  /** The layout of a broadcast or copy, and a number that stands for an operand. */
  readonly layout: Layout
  /** The status word of a kernel that reports a bad index or what does not fit. */
  readonly status: Status
  /** The arguments of a forked kernel. */
  readonly descriptor: Address
  readonly control: number
}

/** Several sets of them, because one that a lost worker may still read or write is left to it. */
export const scratches: readonly Scratch[] = Array.from({ length: 8 }, (_, i) => {
  const base = HEAP_BASE + 2048 * i
  const [layout, status, descriptor] = [base as Layout, (base + 320) as Status, (base + 384) as Address]
  return { layout, status, descriptor, control: base + 1024 }
})

/** The set in use. */
export let SCRATCH = scratches[0]

export function useScratch(set: Scratch): void {
  SCRATCH = set
}

/** Where the allocator's blocks begin. */
export const BLOCKS = HEAP_BASE + 2048 * scratches.length

/** The one linear memory; shared, so that worker threads can compute in it. */
export const memory = reserve()

export let f32 = new Float32Array(memory.buffer)
export let i32 = new Int32Array(memory.buffer)
export let u8 = new Uint8Array(memory.buffer)

/** How many bytes there are now. */
export function capacity(): number {
  return u8.length
}

/** Grows the memory so that it ends at `end` or later; false where that cannot be. */
export function growTo(end: number): boolean {
  const missing = Math.ceil((end - u8.length) / PAGE)
  const spare = Math.max(missing, Math.min(4096, u8.length / PAGE / 4))
  return missing <= 0 || tryGrow(spare) || tryGrow(missing)
}

/** The error where the memory does not reach up to `end`. */
export function cannotGrow(end: number): MemoryError {
  const missing = Math.ceil((end - u8.length) / PAGE) * PAGE
  return new MemoryError(
    {
      operation: 'memory',
      problem: 'the linear memory cannot grow',
      came: `${u8.length} bytes are in use or free, ${missing} more were needed`,
      wayOut: 'Free what is not needed: wrap the code that makes many tensors in scope(() => ...), or use smaller batches.',
    },
    missing,
  )
}

/** What cannot be had, more than there are addresses included, is an exception. */
function tryGrow(pages: number): boolean {
  try {
    memory.grow(Math.ceil(pages))
  } catch {
    return false
  }
  f32 = new Float32Array(memory.buffer)
  i32 = new Int32Array(memory.buffer)
  u8 = new Uint8Array(memory.buffer)
  return true
}

/** The largest memory that the runtime reserves: iOS refuses a large shared one. */
function reserve(): WebAssembly.Memory {
  for (const maximum of [65535, 32768, 16384, 8192]) {
    try {
      return new WebAssembly.Memory({ initial: 256, maximum, shared: true })
    } catch {}
  }
  return new WebAssembly.Memory({ initial: 256, maximum: 4096, shared: true })
}
