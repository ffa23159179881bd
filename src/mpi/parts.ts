// What a step is made of: batches, of which each is cut into shards.
import type { Shared, Sharing } from '../train/sharing.ts'
import { SHARED } from '../words.ts'
import type { Node } from './tree.ts'

/** Which of n observations belong to which shard of which batch. */
export class Cut {
  /** The shards of this rank. */
  readonly own: Node
  readonly n: number
  readonly shards: number
  private readonly batchSize: number

  constructor(n: number, batchSize: number, shards: number, own: Node) {
    this.n = n
    this.batchSize = batchSize
    this.shards = shards
    this.own = own
  }

  get batches(): number {
    return Math.ceil(this.n / this.batchSize)
  }

  /** Where a shard of a batch begins. */
  start(batch: number, shard: number): number {
    const { n, batchSize, shards } = this
    const from = batch * batchSize
    return from + Math.floor((shard * Math.min(batchSize, n - from)) / shards)
  }

  has(place: number): boolean {
    const batch = Math.floor(place / this.batchSize)
    return place >= this.start(batch, this.own.from) && place < this.start(batch, this.own.to)
  }
}

/** The batches of a step in parts. */
export class Parts implements Shared {
  readonly [SHARED]: Sharing
  readonly samples: number
  readonly batches: number
  /** How many observations each part has: the shards of the first batch, those of the second... */
  readonly counts: readonly number[]
  /** The parts that are read here, in the same order; undefined for one without observations. */
  readonly list: readonly unknown[]
  private readonly own: Node

  constructor(sharing: Sharing, cut: Cut, read: (from: number, to: number) => unknown) {
    const { own, batches, shards, n } = cut
    this[SHARED] = sharing
    this.samples = n
    this.batches = batches
    this.own = own
    const counts: number[] = []
    const list: unknown[] = []
    for (let batch = 0; batch < batches; batch++) {
      for (let shard = 0; shard < shards; shard++) {
        const [from, to] = [cut.start(batch, shard), cut.start(batch, shard + 1)]
        counts.push(to - from)
        if (shard >= own.from && shard < own.to) list.push(to > from ? read(from, to) : undefined)
      }
    }
    this.counts = counts
    this.list = list
  }

  /** A part that was read here. */
  at(batch: number, shard: number): unknown {
    const { from, to } = this.own
    return this.list[batch * (to - from) + shard - from]
  }
}
