// A step that the ranks take together: each computes the gradients of its shards, one after the other, and all get the mean of all.

import type { Recipe } from '../data/feed.ts'
import { DataLoader } from '../data/loader.ts'
import type { LoaderInput } from '../data/observations.ts'
import { FluxtapeError } from '../errors.ts'
import type { Params } from '../params/params.ts'
import { tensor } from '../tensor/create.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Feature } from '../train/loop.ts'
import type { RunRecord } from '../train/record.ts'
import type { Outcome, Shared, Sharing } from '../train/sharing.ts'
import { stop } from '../train/step.ts'
import { typeError } from '../words.ts'
import type { Accord } from './accord.ts'
import { Cut, Parts } from './parts.ts'
import { middleOf, type Node, shardsOf, Tree } from './tree.ts'

/** Gradients by parameter and changes by buffer, each weighted and added up over some shards. */
type Sums = Map<Tensor, Tensor>

/** What a shard says of itself, batch by batch: its loss, and how many samples it has; none where it was skipped. */
interface Said {
  readonly loss: number
  readonly samples: number
}

export class Distribution implements Sharing {
  readonly follows: boolean
  /** Is the order of sums the tree's, or that of the library? */
  order: 'tree' | 'any' = 'tree'
  /** Was an optimizer distributed? */
  isAsked = false
  /** Was a layer made whose ranks exchange what they have of each batch? */
  isSynced = false
  /** The part whose gradients are being computed: the number of its batch in the step, and its samples. */
  part: { readonly batch: number; readonly samples: number } | undefined
  private readonly accord: Accord
  /** How many shards were asked for, and how many a run had that is taken up. */
  private wanted: number | undefined
  private taken: number | undefined
  /** How many batches make a step, once that was asked for. */
  private batches: number | undefined
  private tree: Tree | undefined
  /** How many steps the ranks have taken together. */
  private count = 0
  /** Do the others know that the run is over? */
  private isOver = false
  private isRunning = false

  constructor(accord: Accord) {
    this.accord = accord
    this.follows = accord.ranks.rank > 0
  }

  get shards(): number {
    return this.wanted ?? this.taken ?? this.accord.ranks.size
  }

  /** Asks for a number of shards, and of batches in a step. Throws TypeError where another was asked for before. */
  want(shards: number | undefined, batches: number | undefined): void {
    const differs = (before: number | undefined, now: number | undefined) => before !== undefined && now !== undefined && now !== before
    if (differs(this.wanted, shards))
      throw typeError('distribute', 'a world has one number of shards', `${this.wanted} before, and ${shards} now`)
    if (differs(this.batches, batches))
      throw typeError('distribute', 'a world has one number of batches in a step', `${this.batches} before, and ${batches} now`)
    this.wanted ??= shards
    this.batches ??= batches
  }

  /** A loader whose batches are the steps: what it reads is decided when it is asked, for `distribute` may be called after this. */
  shared<Loader extends DataLoader<LoaderInput, unknown, unknown>>(loader: Loader): Loader {
    const now = () => {
      let own: Recipe | undefined
      loader.shared(recipe => (own = { ...recipe, ...this.recipe(recipe) }))
      return own as Recipe
    }
    return Object.create(DataLoader.prototype, {
      ...Object.getOwnPropertyDescriptors(loader),
      recipe: { get: now },
      length: { get: () => now().length, enumerable: true },
      batchSize: { get: () => now().batchSize, enumerable: true },
    })
  }

  /** How a loader reads and joins the observations of this rank's shards. */
  private recipe({ take, join, batchSize, length, partial, stream, prefetch }: Recipe): Partial<Recipe> {
    const { shards, batches = 1 } = this
    const { rank, size } = this.accord.ranks
    if (shards === 1 && size === 1 && batches === 1) return {}
    if (stream && !partial && batches > 1) {
      const wayOut = 'Leave one of the two out.'
      throw typeError('distribute', 'accumulate does not go with partial: false of a stream, whose length nobody knows', '', wayOut)
    }
    const cut = (n: number) => new Cut(partial ? n : n - (n % batchSize), batchSize, shards, shardsOf(rank, size, shards))
    return {
      batchSize: batchSize * batches,
      length: length === undefined ? undefined : Math.ceil(length / batches),
      prefetch: Math.ceil(prefetch / batches),
      partial: partial || batches > 1,
      reads: (place, n) => cut(n).has(place),
      take: take && (places => new Parts(this, cut(places.length), (from, to) => take(places.subarray(from, to)))),
      join: (list, places) =>
        new Parts(this, cut(list.length), (from, to) => join(list.slice(from, to), Array.from(places).slice(from, to))),
    }
  }

  refuse(): void {
    const { shards, batches = 1 } = this
    if (shards > 1 || batches > 1 || this.accord.ranks.size > 1) throw this.halfShared()
  }

  private halfShared(): TypeError {
    const wayOut = 'Write train(loss, ps, world.shard(loader), world.distribute(opt)).'
    return typeError('distribute', 'a shared optimizer goes with shared batches, and these with that', '', wayOut)
  }

  feature(record: RunRecord): Feature {
    record.shards ??= this.shards
    this.isRunning = true
    return { begun: async () => this.begin(record), onEnd: (_, { error }) => this.end(error) }
  }

  private begin(record: RunRecord): void {
    const { shards } = record
    if (shards !== undefined && this.wanted !== undefined && shards !== this.wanted) {
      const wayOut = 'Leave shards out: a run that is taken up keeps its number.'
      throw typeError('distribute', `the run was begun with ${shards} shards`, `${this.wanted} came`, wayOut)
    }
    this.taken = shards
    record.shards = this.shards
    this.count = 0
    const all = this.accord.meet('begin', this.shards, this.batches ?? 1)
    for (const [n, what] of ['shards', 'batches in a step'].entries()) {
      const came = all?.(n) ?? []
      const odd = came.findIndex(each => each !== came[0])
      if (odd < 0) continue
      throw typeError('distribute', `the ranks differ in the number of ${what}`, `rank 0 has ${came[0]}, rank ${odd} ${came[odd]}`)
    }
    const { random } = record
    const numbers = Float64Array.of(...random.key, random.stream)
    this.accord.ranks.broadcast(new Uint8Array(numbers.buffer), 0)
    const [low, high, stream] = numbers
    Object.assign(random, { key: [low, high], stream })
  }

  share(bytes: Uint8Array | undefined): Uint8Array | undefined {
    const { accord } = this
    const [length] = accord.meet('share', bytes?.length ?? -1)?.(0) ?? [-1]
    if (length < 0) return undefined
    const { ranks } = accord
    const shared = ranks.rank === 0 ? (bytes as Uint8Array) : new Uint8Array(length)
    ranks.broadcast(shared, 0)
    return shared
  }

  skips(here: boolean): boolean {
    return this.accord.meet('skip', Number(here))?.(0).includes(1) ?? true
  }

  ends(here: boolean): boolean {
    const all = this.accord.meet('next', Number(here))
    if (!all) this.isOver = true
    return all?.(0).includes(1) ?? true
  }

  private end(error: unknown): void {
    this.isRunning = false
    const isKnown = this.isOver || (error !== undefined && error === this.accord.known)
    this.isOver = false
    if (isKnown) return
    if (error === undefined) this.accord.meet('end')
    else this.accord.fail(error)
  }

  step(
    batch: Shared,
    params: Params,
    drawn: number,
    of: (number: number, part: unknown) => Outcome | undefined,
  ): Outcome & { samples: number } {
    const parts = batch as Parts
    if (!this.isAsked) throw this.halfShared()
    const { accord, shards } = this
    const { ranks } = accord
    if (this.isSynced && shards > ranks.size) {
      const wayOut = 'Start as many ranks as there are shards, or take BatchNorm, which normalizes each shard by itself.'
      throw typeError('distribute', 'with SyncBatchNorm a rank has one shard', `${shards} shards on ${ranks.size}`, wayOut)
    }
    this.count++
    if (this.tree?.shards !== shards) this.tree = new Tree(ranks, shards)
    const { tree } = this
    const said: Said[] = []
    /** How many shards have a gradient of it. */
    const having = new Map<Tensor, number>()
    const largest = Math.max(...parts.counts)
    const leaf = (shard: number): Sums => {
      const sums: Sums = new Map()
      for (let batch = 0; batch < parts.batches; batch++) {
        const part = parts.at(batch, shard)
        const number = batch * shards + shard
        this.part = { batch, samples: parts.counts[number] }
        const outcome = part === undefined ? undefined : of(number, part)
        const samples = outcome ? parts.counts[number] : 0
        said.push({ loss: outcome?.loss ?? 0, samples })
        const weighted = (key: Tensor, value: Tensor) => {
          const own = samples === largest ? value : replaced(value, value.mul(samples / largest))
          addTo(sums, key, own)
        }
        for (const [parameter, gradient] of outcome?.gradients ?? []) weighted(parameter, gradient)
        for (const [buffer, next] of outcome?.buffers ?? []) {
          if (buffer.dtype !== 'float32') throw typeError('distribute', 'a buffer that a layer writes must be float32', buffer.dtype)
          weighted(buffer, replaced(next, next.sub(buffer)))
        }
      }
      for (const key of sums.keys()) having.set(key, (having.get(key) ?? 0) + 1)
      return sums
    }
    const added = (node: Node): Sums => {
      if (node.to - node.from === 1) return leaf(node.from)
      const middle = middleOf(node)
      const left = added({ from: node.from, to: middle })
      for (const [key, right] of added({ from: middle, to: node.to })) addTo(left, key, right)
      return left
    }
    let own: Sums[]
    const { known } = accord
    try {
      own = tree.own.map(added)
    } catch (error) {
      this.isOver = true
      // What a layer was told of another rank all know.
      if (accord.known === known) accord.fail(error)
      throw error
    } finally {
      this.part = undefined
    }
    const keys = [...params, ...params.buffers.keys()]
    const before = accord.meet('step', this.count, keys.length, drawn, parts.batches)
    if (!before) {
      this.isOver = true
      if (this.isRunning) throw stop
      throw new FluxtapeError({
        operation: 'trainStep',
        problem: 'another rank has ended its run',
        wayOut: 'Have every rank take the same steps.',
      })
    }
    const alike = ['the number of steps', 'the number of their parameters', 'their random numbers', 'the number of batches in a step']
    for (const [n, what] of alike.entries()) {
      const came = before(n)
      if (came.every(each => each === came[0])) continue
      const wayOut = 'Call world.synchronize(model) before the first step, and have every rank take the same steps.'
      throw new FluxtapeError({ operation: 'distribute', problem: `the ranks differ in ${what}`, came: came.join(', '), wayOut })
    }
    const all = this.report(
      said,
      parts.batches,
      keys.map(key => having.get(key) ?? 0),
    )
    const samples = all.said.reduce((sum, each) => sum + each.samples, 0)
    const loss = all.said.reduce((sum, each) => sum + each.loss * each.samples, 0) / samples
    const present = keys.filter((_, i) => all.having[i] > 0)
    const sums = ranks.size === 1 ? own[0] : this.exchange(tree, own, present)
    const gradients: Sums = new Map()
    const buffers: Sums = new Map()
    keys.forEach((key, i) => {
      const sum = sums.get(key)
      if (!sum) return
      let mean = replaced(sum, sum.mul(largest / samples))
      // What was missing somewhere was a zero of either sign.
      if (all.having[i] < shards) mean = replaced(mean, mean.add(0))
      if (i < params.size) gradients.set(key, mean)
      else buffers.set(key, replaced(mean, mean.add(key)))
    })
    return { loss: Math.fround(loss), gradients, buffers, samples }
  }

  /** What all shards say, in their order, and how many of them have each gradient. */
  private report(
    said: readonly Said[],
    batches: number,
    having: readonly number[],
  ): { readonly said: readonly Said[]; readonly having: readonly number[] } {
    const { ranks } = this.accord
    const { size } = ranks
    if (size === 1) return { said, having }
    const most = Math.ceil(this.shards / size) * batches
    const length = 2 * most + Math.ceil(having.length / 4)
    const row = (all: Float64Array, rank: number) => {
      const numbers = all.subarray(rank * length, (rank + 1) * length)
      return { numbers, counts: new Uint16Array(all.buffer, numbers.byteOffset + 16 * most, having.length) }
    }
    const own = new Float64Array(length)
    const { numbers, counts } = row(own, 0)
    said.forEach(({ loss, samples }, i) => numbers.set([loss, samples], 2 * i))
    counts.set(having)
    const all = new Float64Array(size * length)
    ranks.gather(own, all)
    const rows = Array.from({ length: size }, (_, rank) => row(all, rank))
    return {
      said: rows.flatMap(({ numbers }, rank) => {
        const { from, to } = shardsOf(rank, size, this.shards)
        return Array.from({ length: (to - from) * batches }, (_, i) => ({ loss: numbers[2 * i], samples: numbers[2 * i + 1] }))
      }),
      having: having.map((_, i) => rows.reduce((sum, { counts }) => sum + counts[i], 0)),
    }
  }

  /** The sums over all shards of what is present somewhere. */
  private exchange(tree: Tree, own: readonly Sums[], present: readonly Tensor[]): Sums {
    const total = present.reduce((sum, { size }) => sum + size, 0)
    const flats = own.map(sums => {
      const flat = new Float32Array(total)
      let at = 0
      for (const key of present) {
        const sum = sums.get(key)
        if (sum) flat.set(sum.view(), at)
        sum?.dispose()
        at += key.size
      }
      return flat
    })
    const result = flats[0] ?? new Float32Array(total)
    if (this.order === 'tree') tree.sum(flats, result)
    else {
      for (const flat of flats.slice(1)) for (let i = 0; i < total; i++) result[i] += flat[i]
      this.accord.ranks.reduce(result, 'sum')
    }
    let at = 0
    return new Map(
      present.map(key => {
        const sum = tensor(result.subarray(at, at + key.size), key.shape)
        at += key.size
        return [key, sum]
      }),
    )
  }
}

/** Adds a tensor, which ends, to what is there. */
function addTo(sums: Sums, key: Tensor, value: Tensor): void {
  const before = sums.get(key)
  sums.set(key, before ? replaced(before, replaced(value, before.add(value))) : value)
}

/** A tensor in the place of another, which ends. */
function replaced(before: Tensor, after: Tensor): Tensor {
  before.dispose()
  return after
}
