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
  /** Matrices are multiplied, which takes so many multiplications. */
  multiplied?(count: number): void
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

/** While only shapes are computed: the block that all others are parts of, which has no bytes. */
let nowhere: Storage | undefined

/** Runs `f`; blocks that are made meanwhile take no memory and must not be read. What of them is left then refuses by `refuse`. */
export function withoutMemory<T>(by: Observer, refuse: () => never, f: () => T): T {
  const before = nowhere
  const empty = before?.retain() ?? new Storage(0)
  const made = new Set<Storage>()
  const listener: Observer = {
    ...by,
    allocated: storage => void made.add(storage),
    dropped: storage => void made.delete(storage),
    touched: storage => storage.isNowhere && refuse(),
  }
  nowhere = empty
  try {
    return observed(listener, f)
  } finally {
    for (const each of made) if (each.isNowhere) Object.defineProperty(each, 'pointer', { get: refuse })
    nowhere = before
    empty.drop()
  }
}

/** A block of memory, counted by the handles, views and tape records that use it. */
export class Storage {
  /** No symbol can be cloned: what `structuredClone` and `postMessage` throw is its text, not half a tensor; so it comes first. */
  readonly uncloneable: symbol = UNCLONEABLE
  /** Set again by `settle` alone. */
  pointer: Address
  readonly bytes: number
  references = 1
  /** Counts the writes in place, so that a tape can tell whether what it saved is still there. */
  version = 0
  /** How many handles tapes have of it, for what they saved. */
  saves = 0
  /** Transpositions of it that are still to be computed, before it is written; those that no scope owns by weak references. */
  waiting: Set<Tensor | WeakRef<Tensor>> | undefined = undefined

  private whole: Storage | undefined

  /** A block of its own, or a part of `whole`, which lives as long as its parts do. */
  constructor(bytes: number, whole: Storage | undefined = nowhere, offset = 0) {
    this.pointer = whole ? behind(whole.retain().pointer, offset) : allocate(bytes)
    this.bytes = bytes
    this.whole = whole
    alive++
    try {
      observer?.allocated(this)
    } catch (error) {
      // Who listens found the stack too full.
      alive--
      if (whole) whole.drop()
      else release(this.pointer, bytes)
      throw error
    }
  }

  /** Has it no memory, because only shapes are computed? */
  get isNowhere(): boolean {
    return nowhere !== undefined && (this === nowhere || (this.whole?.isNowhere ?? false))
  }

  /** Takes memory after all: for what JavaScript is about to write. */
  settle(): void {
    if (!this.isNowhere) return
    this.pointer = allocate(this.bytes)
    this.whole?.drop()
    this.whole = undefined
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
