import { MemoryError } from '../errors.ts'

const PAGE = 65536

/** Below this address lie the static data of both variants of the kernels. */
export const HEAP_BASE = 128 * 1024

/**
 * Small areas that JavaScript fills for one kernel call and a kernel reads: the layout of a broadcast or copy, a number that stands for
 * an operand, the status word of an indexing kernel, the arguments of a forked kernel, and the control block of the threads.
 */
export const SCRATCH = {
  layout: HEAP_BASE,
  number: HEAP_BASE + 256,
  status: HEAP_BASE + 320,
  descriptor: HEAP_BASE + 384,
  control: HEAP_BASE + 1024,
  controlEnd: HEAP_BASE + 16 * 1024,
} as const

/** Where the allocator's blocks begin. */
export const BLOCKS = SCRATCH.controlEnd

/** The one linear memory; shared, so that worker threads can compute in it. */
export const memory = reserve()

export let f32 = new Float32Array(memory.buffer)
export let i32 = new Int32Array(memory.buffer)
export let u8 = new Uint8Array(memory.buffer)

/** How many bytes there are now. */
export function capacity(): number {
  return u8.length
}

/** Grows the memory so that it ends at `end` or later. Throws MemoryError where that cannot be. */
export function growTo(end: number): void {
  const missing = Math.ceil((end - u8.length) / PAGE)
  if (missing <= 0) return
  const spare = Math.max(missing, Math.min(4096, u8.length / PAGE / 4))
  if (!tryGrow(spare) && !tryGrow(missing)) {
    throw new MemoryError(
      {
        operation: 'memory',
        problem: 'the linear memory cannot grow',
        came: `${u8.length} bytes are in use or free, ${missing * PAGE} more were needed`,
        wayOut: 'Free what is not needed: wrap the code that makes many tensors in scope(() => ...), or use smaller batches.',
      },
      missing * PAGE,
    )
  }
}

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
