// What a step calls: its kernels with their arguments, and the blocks of memory that come and go meanwhile. plan.ts makes of it what can be
// replayed.
import { type Randomness, takeStreams } from '../tensor/random.ts'
import { type Observer, observed, type Storage } from '../tensor/storage.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { i32 } from '../wasm/memory.ts'
import { heard } from '../wasm/pool.ts'
import { parametersOf } from '../wasm/traits.generated.ts'
import { watched } from './operation.ts'

/** A block that was taken during the capture, and how many kernels had been called when it was taken and when it was given back. */
export interface Block {
  readonly pointer: number
  readonly bytes: number
  readonly from: number
  to: number
  /** Has JavaScript written its elements, and what, when the first kernel came to it? */
  isWritten: boolean
  constant: Int32Array | undefined
  isUsed: boolean
}

/** Where an argument of a kernel points: `offset` bytes into a block, a tensor from outside (by its address), words of its own, or a status. */
export type Target =
  | { readonly kind: 'block'; readonly block: Block; readonly offset: number }
  | { readonly kind: 'outside'; readonly pointer: number }
  | { readonly kind: 'words'; readonly words: Int32Array }
  | { readonly kind: 'status' }

export interface Call {
  readonly kernel: number
  readonly units: number
  readonly cost: number
  readonly words: Int32Array
  /** Of the parameters that are addresses, by their place. */
  readonly targets: readonly (Target | undefined)[]
  /** How many operations had ended before it. */
  readonly operation: number
}

/** What is heard of a step. One listens at a time. */
export class Capture implements Observer {
  readonly calls: Call[] = []
  readonly blocks: Block[] = []
  /** The names of the operations, as they ended. */
  readonly operations: string[] = []
  /** A handle of each storage that was there before. */
  readonly outside = new Map<Storage, Tensor>()
  /** What transpositions wait with: each ends when its own is computed, which then has other memory. */
  readonly sources = new Set<Tensor>()
  /** The random numbers before the first call and after the last. */
  readonly before: Randomness = takeStreams(0)
  after = this.before
  private readonly live = new Map<Storage, Block>()
  private readonly outsideAt = new Set<number>()
  private readonly byAddress = new Map<number, Block>()
  private readonly refusal: () => Error

  /** `refusal` is thrown where JavaScript reads the elements of a tensor. */
  constructor(refusal: () => Error) {
    this.refusal = refusal
  }

  /** Listens while `f` runs. */
  during<T>(f: () => T): T {
    const run = () => watched(name => this.operations.push(name), f)
    const result = observed(this, () => heard((...call) => this.called(...call), run))
    this.after = takeStreams(0)
    return result
  }

  /** The block of a result; undefined for a storage that was there before. */
  resultAt(storage: Storage): Block | undefined {
    const block = this.live.get(storage)
    if (block) read(block)
    return block
  }

  met(tensor: Tensor): void {
    // A transposition that waits has no memory of its own.
    const { transposed } = tensor
    const owner = transposed ?? tensor
    const { storage } = owner
    if (this.live.has(storage)) return
    if (transposed) this.sources.add(transposed)
    if (this.outside.has(storage)) return
    this.outside.set(storage, owner)
    this.outsideAt.add(storage.pointer)
  }

  allocated(storage: Storage): void {
    const { pointer, bytes } = storage
    const from = this.calls.length
    const block = { pointer, bytes, from, to: Number.POSITIVE_INFINITY, isWritten: false, constant: undefined, isUsed: false }
    this.blocks.push(block)
    this.live.set(storage, block)
    this.byAddress.set(pointer, block)
  }

  dropped(storage: Storage): void {
    const block = this.live.get(storage)
    if (!block) return
    block.to = this.calls.length
    this.live.delete(storage)
    this.byAddress.delete(storage.pointer)
  }

  touched(storage: Storage): void {
    const block = this.live.get(storage)
    if (!block || block.isUsed) throw this.refusal()
    block.isWritten = true
  }

  private called(kernel: number, units: number, cost: number, descriptor: number): void {
    if (units === 0) return
    const types = parametersOf[kernel]
    const words = wordsAt(descriptor, types.length)
    const targets = Array.from(types, (type, i) => this.targetOf(type, words[i] >>> 0))
    this.calls.push({ kernel, units, cost, words, targets, operation: this.operations.length })
  }

  /** Where a word points, by what its kernel says that it is. */
  private targetOf(type: string, pointer: number): Target | undefined {
    if (pointer === 0) return undefined
    if (type === 's') return { kind: 'status' }
    if (type === 'l') return { kind: 'words', words: wordsAt(pointer, 2 + 3 * i32[pointer >>> 2]) }
    return type === 'p' || type === 'o' ? this.elementsAt(pointer) : undefined
  }

  private elementsAt(pointer: number): Target {
    const block = this.byAddress.get(pointer) ?? (this.outsideAt.has(pointer) ? undefined : this.blockAround(pointer))
    if (!block) return { kind: 'outside', pointer }
    read(block)
    return { kind: 'block', block, offset: pointer - block.pointer }
  }

  private blockAround(address: number): Block | undefined {
    for (const block of this.live.values()) if (address > block.pointer && address < block.pointer + block.bytes) return block
    return undefined
  }
}

function wordsAt(pointer: number, count: number): Int32Array {
  const start = pointer >>> 2
  return i32.slice(start, start + count)
}

/** Notes that a block is used, and what JavaScript has written there by then. */
function read(block: Block): void {
  if (block.isWritten && !block.isUsed) {
    const start = block.pointer >>> 2
    block.constant = i32.slice(start, start + Math.ceil(block.bytes / 4))
  }
  block.isUsed = true
}
