// Before ranks exchange anything they say what they are about to do, so that one that does something else, fails or ends leaves nobody waiting.
import { type Complaint, FluxtapeError } from '../errors.ts'
import type { Ranks } from './ranks.ts'

/** What a rank may be about to do. */
const CALLS = [
  ...(['barrier', 'allReduce', 'broadcast', 'allGather', 'synchronize'] as const),
  ...(['begin', 'share', 'step', 'skip', 'next', 'end', 'sync'] as const),
  ...(['failed', 'exit'] as const),
]
type Call = (typeof CALLS)[number]

/** How many numbers go with a call. */
const WORDS = 4

export class Accord {
  readonly ranks: Ranks
  private readonly own = new Float64Array(1 + WORDS)
  private readonly all: Float64Array
  /** A rank has ended its program: there is nobody to meet any more. */
  private gone: number | undefined
  /** What this rank tells of its failure. */
  private failure = new Uint8Array(0)
  /** What was thrown last because of another rank: all know of it. */
  known: unknown

  constructor(ranks: Ranks) {
    this.ranks = ranks
    this.all = new Float64Array(ranks.size * (1 + WORDS))
  }

  /**
   * Waits until all ranks are at this call; what comes back is the nth number of each. Undefined within a run that another rank has ended. Throws
   * FluxtapeError where one has failed, has ended its program, or does something else. A rank at its step has no samples, or no more of them: while others
   * are at `sync`, whose first number says how many they exchange, it takes part with zeros.
   */
  meet(call: Call, ...numbers: readonly number[]): ((n: number) => number[]) | undefined {
    const { ranks, own, all } = this
    if (ranks.size === 1) return n => [numbers[n]]
    this.refuseGone(call)
    own.fill(0)
    own.set([CALLS.indexOf(call), ...numbers])
    ranks.gather(own, all)
    const column = (n: number) => Array.from({ length: ranks.size }, (_, rank) => all[rank * (1 + WORDS) + n])
    const calls = column(0).map(n => CALLS[n])
    const failed = calls.indexOf('failed')
    if (failed >= 0) {
      const text = this.told(failed, column(1)[failed])
      if (call === 'failed' || call === 'exit') return undefined
      return this.refuse({ operation: 'mpi', problem: `rank ${failed} has failed`, came: text })
    }
    const exit = calls.indexOf('exit')
    if (exit >= 0) {
      this.gone = exit
      if (call !== 'exit') this.refuseGone(call)
      return undefined
    }
    const sync = calls.indexOf('sync')
    const alike = (rank: number) => own.every((_, n) => all[rank * own.length + n] === all[sync * own.length + n])
    if (sync >= 0 && calls.every((each, rank) => each === 'step' || alike(rank))) {
      if (call === 'sync') return n => column(n + 1)
      const [length] = column(1).slice(sync)
      ranks.gather(new Float64Array(length), new Float64Array(length * ranks.size))
      return this.meet(call, ...numbers)
    }
    if (sync < 0 && calls.every(each => each === call)) return n => column(n + 1)
    const inRun = (each: Call) => each === 'step' || each === 'next' || each === 'skip' || each === 'end'
    if (calls.includes('end') && calls.every(inRun)) return undefined
    const place = (rank: number) => ` ${column(2)[rank]}, ${column(3)[rank] ? 'backward' : 'forward'}, of batch ${column(4)[rank]}`
    const list = calls.map((each, rank) => `rank ${rank} is at ${each}${each === 'sync' ? place(rank) : ''}`).slice(0, 8)
    return this.refuse({
      operation: call === 'sync' ? 'SyncBatchNorm' : call,
      problem: 'the ranks do different things',
      came: list.join(', '),
      wayOut: 'Every rank makes the same calls in the same order: none may stand behind a question for the rank.',
    })
  }

  /** Tells the others that this rank has failed, at what is their next call. */
  fail(error: unknown): void {
    if (this.ranks.size === 1 || this.gone !== undefined) return
    const text = new TextEncoder().encode(String(error)).slice(0, 4096)
    this.failure = text
    this.meet('failed', text.length)
  }

  /** Says that the program ends here, and waits for the others. */
  leave(): void {
    while (this.ranks.size > 1 && this.gone === undefined) this.meet('exit')
  }

  private told(rank: number, length: number): string {
    const text = rank === this.ranks.rank ? this.failure : new Uint8Array(length)
    this.ranks.broadcast(text, rank)
    return new TextDecoder().decode(text)
  }

  private refuse(complaint: Complaint): never {
    this.known = new FluxtapeError(complaint)
    throw this.known
  }

  private refuseGone(call: Call): void {
    if (this.gone === undefined) return
    this.refuse({
      operation: call,
      problem: `rank ${this.gone} has ended its program`,
      wayOut: 'Every rank makes the same calls in the same order.',
    })
  }
}
