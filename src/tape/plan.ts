// A captured step, ready to be replayed: the arguments of its kernels as words, and one arena in which its blocks have their places.
import { MemoryError } from '../errors.ts'
import { DTYPES, type DType, type NumberArray } from '../tensor/dtype.ts'
import { takeStreams } from '../tensor/random.ts'
import { Storage } from '../tensor/storage.ts'
import { make, type Tensor } from '../tensor/tensor.ts'
import { checkZones } from '../wasm/guard.ts'
import type { Address } from '../wasm/kinds.ts'
import { i32 } from '../wasm/memory.ts'
import { fork, losses } from '../wasm/pool.ts'
import { parametersOf } from '../wasm/traits.generated.ts'
import type { Block, Call as Called, Capture, Target } from './capture.ts'

/** A kernel call: its number, its units of work, the cost of one, and where in the arena its arguments lie. */
interface Call {
  readonly kernel: number
  readonly units: number
  readonly cost: number
  readonly at: number
  /** The word that must be 0 afterwards; -1: none. */
  readonly status: number
  /** The operation that it was made for. */
  readonly operation: string
}

/** A word that is an address into the arena. */
interface Place {
  readonly word: number
  readonly offset: number
}

/** One into the nth of the tensors that are given at each replay. */
interface GivenAddress extends Place {
  readonly given: number
}

/** Where the key and the number of a stream of random numbers stand, and which of the step's streams it is. */
interface Draw {
  readonly word: number
  readonly offset: number
}

interface Outside {
  readonly tensor: Tensor
  readonly frozen: boolean
  /** Where it lay. */
  readonly storage: Storage
}

const LINE = 64

/**
 * The arena begins with the words that the kernels read: arguments, layouts, constants. They are copied there at each replay, so that between
 * two replays no memory is held; behind them every block has a place that no other has during its life.
 */
export class Plan {
  private readonly calls: Call[] = []
  private readonly addresses: Place[] = []
  private readonly givenAddresses: GivenAddress[] = []
  private readonly results: { readonly offset: number; readonly bytes: number }[]
  /** Where the given tensors lay. */
  private readonly pointers: readonly number[]
  private readonly outside: Outside[] = []
  private readonly draws: Draw[] = []
  /** How many streams of random numbers a step takes: those of tensors without elements, too. */
  private readonly streams: number
  private readonly words: Int32Array
  /** How many words the arena has. */
  readonly size: number
  /** For which arena the words stand. */
  private base = 0
  /** Can it be replayed? Not where a tensor from outside is a result, or was released, or where the random numbers were started anew. */
  readonly isWhole: boolean

  constructor(capture: Capture, given: readonly Tensor[], results: readonly Storage[]) {
    const { before, after } = capture
    const resultBlocks = results.map(storage => capture.resultAt(storage))
    let isWhole = before.key === after.key && !resultBlocks.includes(undefined)
    this.streams = after.stream - before.stream
    this.pointers = given.map(({ pointer }) => pointer)
    const words: number[] = []
    const pending: { readonly word: number; readonly target: Target & { kind: 'block' } }[] = []
    const own = (word: number, offset: number) => this.addresses.push({ word, offset })
    const append = (more: Iterable<number>): number => {
      const at = 4 * words.length
      for (const word of more) words.push(word)
      return at
    }
    for (const { kernel, units, cost, words: args, targets, operation } of capture.calls) {
      const at = append(args)
      let status = -1
      const key = parametersOf[kernel].indexOf('k')
      if (key >= 0) {
        const offset = (args[key + 2] - before.stream) | 0
        this.draws.push({ word: at / 4 + key, offset })
        isWhole &&= offset >= 0 && offset < this.streams
      }
      targets.forEach((target, i) => {
        const word = at / 4 + i
        if (target?.kind === 'block') pending.push({ word, target })
        else if (target?.kind === 'outside') isWhole = this.resolve(target.pointer, word, given, capture) && isWhole
        else if (target?.kind === 'words') own(word, append(target.words))
        else if (target?.kind === 'status') {
          status = append([0]) / 4
          own(word, 4 * status)
        }
      })
      this.calls.push({ kernel, units, cost, at, status, operation: capture.operations[operation] ?? 'the gradient' })
    }
    // Those of the step itself have ended with it.
    for (const source of capture.sources) if (!source.released) this.require(source)
    const offsets = new Map<Block, number>()
    for (const block of capture.blocks) if (block.constant) offsets.set(block, append(block.constant))
    const spans = spansOf(capture)
    const places = new Map<Span, number>()
    this.size = Math.ceil(assignOffsets([...new Set(spans.values())], lines(4 * words.length), places) / 4)
    for (const [block, span] of spans) offsets.set(block, places.get(span) as number)
    for (const { word, target } of pending) own(word, (offsets.get(target.block) as number) + target.offset)
    this.words = Int32Array.from(words)
    this.results = results.map(({ bytes }, i) => ({ offset: offsets.get(resultBlocks[i] as Block) ?? 0, bytes }))
    this.isWhole = isWhole
  }

  /** Finds the tensor that an address outside of the arena belongs to, and says whether it is there. */
  private resolve(pointer: number, word: number, given: readonly Tensor[], capture: Capture): boolean {
    const holds = ({ storage }: Tensor) => pointer >= storage.pointer && pointer < storage.pointer + Math.max(storage.bytes, 1)
    const index = given.findIndex(holds)
    if (index >= 0) {
      this.givenAddresses.push({ word, offset: pointer - given[index].pointer, given: index })
      return true
    }
    for (const tensor of capture.outside.values()) {
      if (tensor.released || !holds(tensor)) continue
      this.require(tensor)
      return true
    }
    return false
  }

  private require(tensor: Tensor): void {
    if (!this.outside.some(each => each.tensor === tensor)) this.outside.push({ tensor, frozen: tensor.frozen, storage: tensor.storage })
  }

  /** Are the tensors from outside still there, where they were, and frozen or not as they were? */
  isAlive(): boolean {
    for (const { tensor, frozen, storage } of this.outside) {
      if (tensor.released || tensor.frozen !== frozen || tensor.block !== storage) return false
    }
    return true
  }

  /**
   * Undefined if this step, with a batch itself, did what `other` did with copies of one, which nothing from outside shares memory with; else
   * the operation where they part.
   */
  difference(other: Plan): string | undefined {
    const { addresses, calls, words, draws } = this
    const call = calls.findIndex((each, i) => JSON.stringify(each) !== JSON.stringify(other.calls[i]))
    if (call >= 0 || calls.length !== other.calls.length) return (calls[call] ?? other.calls[calls.length]).operation
    const varies = new Set([...addresses.map(({ word }) => word), ...draws.flatMap(({ word }) => [word, word + 1, word + 2])])
    const wanted = other.words.slice()
    for (const { word, offset, given } of other.givenAddresses) wanted[word] = this.pointers[given] + offset
    const odd = words.findIndex((word, i) => word !== wanted[i] && !varies.has(i))
    if (odd >= 0) return calls.findLast(({ at }) => at <= 4 * odd)?.operation
    const rest = (plan: Plan) => JSON.stringify([plan.addresses, plan.draws, plan.results, plan.streams])
    return rest(this) === rest(other) ? undefined : 'the gradient'
  }

  /**
   * Calls the kernels again, for other tensors of the same shapes; the results are parts of the arena. Where a kernel met a bad
   * index or what does not fit, which later ones would trust, or a worker was lost, which may yet write to a place that another block gets, it
   * ends: false, and nothing has changed.
   */
  replay(given: readonly Tensor[], arena: Tensor): boolean {
    const { words, calls, streams } = this
    const lossesBefore = losses
    const base = arena.pointer
    if (base !== this.base) this.relocate(base)
    for (const { word, offset, given: index } of this.givenAddresses) words[word] = given[index].pointer + offset
    if (streams > 0) this.draw()
    i32.set(words, base >>> 2)
    for (let i = 0; i < calls.length; i++) {
      const { kernel, units, cost, at, status } = calls[i]
      fork(kernel, units, cost, base + at)
      if (losses === lossesBefore && (status < 0 || i32[(base >>> 2) + status] === 0)) continue
      takeStreams(-streams)
      return false
    }
    if (__GUARD__) checkZones('replay')
    return true
  }

  /** The memory of a result. */
  result(arena: Tensor, i: number): Storage {
    const { offset, bytes } = this.results[i]
    return new Storage(bytes, arena.storage, offset)
  }

  /** Copies a result out of the arena. */
  read(arena: Address, i: number, type: DType, output: NumberArray): void {
    const memory = DTYPES[type].view()
    const start = (arena + this.results[i].offset) / memory.BYTES_PER_ELEMENT
    const { length } = output
    // A view is more work than some numbers.
    if (length > 64) output.set(memory.subarray(start, start + length))
    else for (let j = 0; j < length; j++) output[j] = memory[start + j]
  }

  /** An arena: one block. Undefined where there is no room for it. */
  room(): Tensor | undefined {
    try {
      return make([this.size], 'int32')
    } catch (error) {
      if (error instanceof MemoryError) return undefined
      throw error
    }
  }

  private relocate(base: number): void {
    for (const { word, offset } of this.addresses) this.words[word] = base + offset
    this.base = base
  }

  private draw(): void {
    const { key, stream } = takeStreams(this.streams)
    for (const { word, offset } of this.draws) {
      this.words[word] = key[0]
      this.words[word + 1] = key[1]
      this.words[word + 2] = stream + offset
    }
  }
}

function lines(bytes: number): number {
  return Math.ceil(bytes / LINE) * LINE
}

/** What needs a place, and from when to when. */
type Span = Pick<Block, 'bytes' | 'from' | 'to'>

/**
 * Those of the blocks that kernels use, in the order of their beginnings. A block ends with the last kernel that was given it, which may be long before
 * it was given back. A result lies where an operand did that ends with its kernel, if that allows it: so less memory comes through the cache.
 */
function spansOf({ blocks, calls }: Capture): Map<Block, Span> {
  const ends = new Map<Block, number>()
  calls.forEach(({ targets }, i) => {
    for (const target of targets) if (target?.kind === 'block') ends.set(target.block, i + 1)
  })
  const spans = new Map<Block, { -readonly [K in keyof Span]: Span[K] }>()
  for (const block of blocks) {
    if (!block.isUsed || block.constant) continue
    const { bytes, from } = block
    const to = Number.isFinite(block.to) ? (ends.get(block) ?? block.to) : block.to
    const operands = from < calls.length ? operandsOf(calls[from], block) : []
    const over = operands.map(each => spans.get(each)).find(span => span?.to === from + 1)
    if (over) over.to = to
    spans.set(block, over ?? { bytes, from, to })
  }
  return spans
}

/** The operands of a call that have the size of its result, if this is the block and may lie there. */
function operandsOf({ kernel, words, targets }: Called, block: Block): Block[] {
  const types = parametersOf[kernel]
  const out = types.indexOf('o')
  const wholes = targets.slice(0, out + 1).map(each => (each?.kind === 'block' && each.offset === 0 ? each.block : undefined))
  if (wholes[out] !== block || words[types.indexOf('l')]) return []
  return wholes.slice(0, out).filter(each => each?.bytes === block.bytes) as Block[]
}

/**
 * @internal Gives each block, in the order of their beginnings, the first address from `start` on that no other has during its life. Returns where
 * the last one ends.
 */
export function assignOffsets(blocks: readonly Span[], start: number, offsets: Map<object, number>): number {
  const sizeOf = ({ bytes }: { readonly bytes: number }) => lines(Math.max(bytes, 1))
  const leaving = [...blocks].sort((a, b) => a.to - b.to)
  /** What is free below the end, in order; no two touch. */
  const gaps: { from: number; to: number }[] = []
  let end = start
  let left = 0
  const give = (from: number, to: number): void => {
    let i = gaps.length
    while (i > 0 && gaps[i - 1].from > from) i--
    if (i < gaps.length && gaps[i].from === to) gaps[i].from = from
    else gaps.splice(i, 0, { from, to })
    if (i === 0 || gaps[i - 1].to !== from) return
    gaps[i - 1].to = gaps[i].to
    gaps.splice(i, 1)
  }
  for (const block of blocks) {
    for (; leaving[left].to <= block.from; left++) {
      const from = offsets.get(leaving[left]) as number
      give(from, from + sizeOf(leaving[left]))
    }
    const size = sizeOf(block)
    const at = gaps.findIndex(({ from, to }) => to - from >= size || to === end)
    const from = at < 0 ? end : gaps[at].from
    offsets.set(block, from)
    end = Math.max(end, from + size)
    if (at < 0) continue
    gaps[at].from += size
    if (gaps[at].from >= gaps[at].to) gaps.splice(at, 1)
  }
  return end
}
