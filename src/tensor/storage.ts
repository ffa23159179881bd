import { allocate, release, usage } from '../wasm/allocator.ts'
import type { Tensor } from './tensor.ts'

let alive = 0

/** A block of memory, counted by the handles, views and tape records that use it. */
export class Storage {
  readonly pointer: number
  readonly bytes: number
  references = 1
  /** Counts the writes in place, so that a tape can tell whether what it saved is still there. */
  version = 0
  /** Transpositions of it that are still to be computed: they must be before it is written. */
  waiting: Tensor[] | undefined = undefined

  constructor(bytes: number) {
    this.pointer = allocate(bytes)
    this.bytes = bytes
    alive++
  }

  retain(): this {
    this.references++
    return this
  }

  drop(): void {
    if (--this.references > 0) return
    alive--
    release(this.pointer, this.bytes)
  }
}

/**
 * What the tensors take of the linear memory: bytes in use, tensors alive (views of one storage are one), and the most bytes ever used.
 *
 * @example
 * const { bytes, tensors, peak } = memory()
 * peak >= bytes // true
 */
export function memory(): { readonly bytes: number; readonly tensors: number; readonly peak: number } {
  const { bytes, peak } = usage()
  return { bytes, tensors: alive, peak }
}
