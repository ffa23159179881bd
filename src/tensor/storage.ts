import { refuseSurplus } from '../errors.ts'
import { allocate, release, usage } from '../wasm/allocator.ts'
import { type Address, behind } from '../wasm/kinds.ts'
import type { Tensor } from './tensor.ts'

let alive = 0
const UNCLONEABLE = Symbol('a tensor, which lies in the memory of its own thread (send its data() and shape),')

/** Who is told what becomes of memory, while a step is captured. */
export interface Observer {
  /** An operation was given the tensor. */
  met(tensor: Tensor): void
  allocated(storage: Storage): void
  dropped(storage: Storage): void
  /** JavaScript reads or writes the elements. */
  touched(storage: Storage): void
}

export let observer: Observer | undefined

/** Runs `f` and tells `by` meanwhile. */
export function observed<T>(by: Observer, f: () => T): T {
  const before = observer
  observer = by
  try {
    return f()
  } finally {
    observer = before
  }
}

/** A block of memory, counted by the handles, views and tape records that use it. */
export class Storage {
  /** No symbol can be cloned: what `structuredClone` and `postMessage` throw is its text, not half a tensor; so it comes first. */
  readonly uncloneable: symbol = UNCLONEABLE
  readonly pointer: Address
  readonly bytes: number
  references = 1
  /** Counts the writes in place, so that a tape can tell whether what it saved is still there. */
  version = 0
  /** How many handles tapes have of it, for what they saved. */
  saves = 0
  /** Transpositions of it that are still to be computed, before it is written; those that no scope owns by weak references. */
  waiting: Set<Tensor | WeakRef<Tensor>> | undefined = undefined

  private readonly whole: Storage | undefined

  /** A block of its own, or a part of `whole`, which lives as long as its parts do. */
  constructor(bytes: number, whole?: Storage, offset = 0) {
    this.pointer = whole ? behind(whole.retain().pointer, offset) : allocate(bytes)
    this.bytes = bytes
    this.whole = whole
    alive++
    observer?.allocated(this)
  }

  retain(): this {
    this.references++
    return this
  }

  /** Where an overflow of the stack cuts it off, nothing has happened. */
  drop(): void {
    if (this.references <= 1) {
      observer?.dropped(this)
      if (this.whole) this.whole.drop()
      else release(this.pointer, this.bytes)
      alive--
    }
    this.references--
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
  if (arguments.length > 0) refuseSurplus('memory', 0, arguments)
  const { bytes, peak } = usage()
  return { bytes, tensors: alive, peak }
}
