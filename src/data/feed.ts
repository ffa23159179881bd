// A pass over the data of a loader: its batches in their order, of which some are under way while the loop works with another.
import { typeError } from '../errors.ts'
import { countUp, drawIntegers, permutation, type Randomness, randomnessInUse, withRandomness } from '../tensor/random.ts'
import { isThenable } from '../tensor/realm.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { tensorsIn } from '../tensor/walk.ts'
import type { GetOptions } from './observations.ts'
import { type Item, Reader } from './stream.ts'
import { blamed, drive, type Later, type Steps, unheard, withOwned } from './wait.ts'

/** How an order was drawn: it is a function of these. */
export interface Order {
  readonly key: readonly [number, number]
  readonly stream: number
}

/** How the observations of a loader are numbered and read: by number, or one after the other. */
export interface Recipe {
  /** Observations; undefined in a stream, which `stream` is. */
  readonly count: number | undefined
  readonly stream: object | undefined
  /** Batches. */
  readonly length: number | undefined
  readonly batchSize: number
  readonly partial: boolean
  /** So many batches may be under way at once. */
  readonly prefetch: number
  /** Shuffled as a whole, or within a buffer of so many. */
  readonly shuffle: boolean | number
  /** A single one, or a promise of it. */
  one(index: number, means: GetOptions): unknown
  /** A batch at once, where it is not made of single observations. */
  readonly take: ((indices: Int32Array) => unknown) | undefined
  /** Of observations with these numbers. */
  join(list: readonly unknown[], places: ArrayLike<number>): unknown
  readonly map: ((observation: unknown) => unknown) | undefined
  /** Are observations that are undefined an oversight? */
  readonly refusesUndefined: boolean
  /** Where several processes share the batches: is the observation at this place of a batch of n read here? */
  reads?(place: number, n: number): boolean
}

/** How many streams of random numbers a pass takes. */
export function streamsOf({ count, shuffle, map, stream }: Recipe): number {
  return Number(!stream && shuffle !== false && (count ?? 0) > 1) + Number(map !== undefined || (stream !== undefined && shuffle !== false))
}

/** A batch that was begun: it is there, or waits for its observations, or could not be begun. */
interface Entry {
  batch?: unknown
  own: readonly Tensor[]
  readonly list?: Promise<readonly unknown[] | boolean>
  places?: ArrayLike<number>
  /** What tells its observations that nobody waits. */
  aborts?: readonly AbortController[]
  readonly failure?: { readonly error: unknown }
  isEnd?: boolean
}

const END: IteratorResult<never, undefined> = { done: true, value: undefined }

/** Iterates once. A batch is freed when the next one is asked for; a promise comes only where one of its observations does. */
export class Feed<B> {
  /** How the order of this pass was drawn, once it was. */
  order: Order | undefined
  /** Are the first ones read, but not given? */
  readonly isRead: boolean
  private readonly recipe: Recipe
  private readonly from: number
  private readonly length: number
  private readonly random: Randomness | undefined
  private places: Int32Array | undefined
  private reader: Reader | undefined
  /** The key of what `map` draws. */
  private key: readonly [number, number] | undefined
  private started: number
  private isBegun = false
  private isOver = false
  /** Did an observation come as a promise? */
  private waits = false
  private ahead: Entry[] = []
  private own: readonly Tensor[] = []

  /** From the first batch on, or from the nth in the order of `last`; with random numbers of its own, or with those in use. */
  constructor(recipe: Recipe, random: Randomness | undefined, from: number, last: Order | undefined) {
    this.recipe = recipe
    this.random = random
    this.from = from
    this.isRead = recipe.stream !== undefined
    this.started = this.isRead ? 0 : from
    this.length = recipe.length ?? Number.POSITIVE_INFINITY
    this.order = from > 0 ? last : undefined
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): Later<IteratorResult<B, undefined>> {
    this.free()
    if (this.isOver) return END
    const random = randomnessInUse()
    try {
      if (!this.isBegun) this.begin()
      this.fill(1)
      const [entry] = this.ahead
      if (!entry.list) return this.give(entry)
      this.fill(this.recipe.prefetch)
      return entry.list.then(
        list => (this.isOver ? END : withRandomness(random, () => this.arrive(entry, list))),
        error => this.fail(error),
      )
    } catch (error) {
      return this.fail(error)
    }
  }

  /** Ends what is under way, and frees what was not given. A promise where the source gives one. */
  return(): unknown {
    if (this.isOver) return undefined
    this.isOver = true
    this.free()
    const { ahead } = this
    this.ahead = []
    for (const { own, aborts = [] } of ahead) {
      for (const each of own) end(each)
      for (const each of aborts) each.abort()
    }
    return this.reader?.close()
  }

  private fail(error: unknown): never {
    const close = async () => void (await this.return())
    unheard(close())
    throw error
  }

  private free(): void {
    for (const each of this.own) end(each)
    this.own = []
  }

  private begin(): void {
    const { recipe } = this
    const { count, stream, shuffle } = recipe
    this.isBegun = true
    const random = this.order ? { ...this.order } : (this.random ?? randomnessInUse())
    const drawn = streamsOf(recipe)
    if (drawn > 0) this.order ??= { key: random.key, stream: random.stream }
    if (count !== undefined) this.places = shuffle ? permutation(count, random) : countUp(count)
    let shuffling: Randomness | undefined
    if (recipe.map || (stream && shuffle)) {
      const [a, b, c, d] = drawIntegers(4, random)
      this.key = [a, b]
      shuffling = shuffle ? { key: [c, d], stream: 0 } : undefined
    }
    if (stream) this.reader = new Reader(stream, recipe.batchSize, recipe.partial, Number(shuffle) || 1, shuffling)
  }

  /** Begins batches until so many are there, or wait; beyond one only where there is something to wait for. */
  private fill(most: number): void {
    while (this.ahead.length < most && (this.ahead.length === 0 || this.waits) && !this.ahead.at(-1)?.isEnd) {
      const entry = this.start()
      if (entry.list) this.waits = true
      this.ahead.push(entry)
    }
  }

  private start(): Entry {
    const aborts: AbortController[] = []
    return Object.assign(this.startWithin(aborts), { aborts })
  }

  /** What `get` is told: a signal of its own, because runtimes warn of many that listen to one. */
  private means(aborts: AbortController[]): GetOptions {
    const isOver = () => this.isOver
    let own: AbortController | undefined
    return {
      get signal() {
        if (!own) aborts.push((own = new AbortController()))
        if (isOver()) own.abort()
        return own.signal
      },
    }
  }

  private startWithin(aborts: AbortController[]): Entry {
    const i = this.started++
    const own: Tensor[] = []
    const { count = 0, batchSize, take, one } = this.recipe
    try {
      if (this.reader) {
        const items = this.reader.read()
        if (!isThenable(items)) return this.startRead(items, i, own)
        const list = items.then(async items => {
          entry.places = items.map(({ at }) => at)
          return items.length === 0 || i < this.from ? items.length > 0 : this.gatherRead(items, i, own, true)
        })
        const entry: Entry = { list, own }
        unheard(list)
        return entry
      }
      if (i >= this.length || !this.places) return { own, isEnd: true }
      const places = this.places.subarray(i * batchSize, Math.min((i + 1) * batchSize, count))
      if (!take) return this.startWith(places, () => this.gather(places, j => one(places[j], this.means(aborts)), i, own, false), own)
      const made = withOwned(() => take(places))
      return { batch: made.value, own: made.own }
    } catch (error) {
      return { own, failure: { error } }
    }
  }

  private startRead(items: readonly Item[], i: number, own: Tensor[]): Entry {
    if (items.length === 0) return { own, isEnd: true }
    const places = items.map(({ at }) => at)
    return i < this.from ? { own } : this.startWith(places, () => this.gatherRead(items, i, own, false), own)
  }

  private startWith(places: ArrayLike<number>, gather: () => Later<readonly unknown[]>, own: Tensor[]): Entry {
    let isLate = false
    const made = withOwned((): unknown => {
      const list = gather()
      isLate = isThenable(list)
      return isLate ? list : { batch: this.recipe.join(list as readonly unknown[], places) }
    })
    if (isLate) return { list: made.value as Promise<readonly unknown[]>, own, places }
    return { batch: (made.value as { batch: unknown }).batch, own: made.own }
  }

  private gatherRead(items: readonly Item[], i: number, own: Tensor[], isLate: boolean): Later<readonly unknown[]> {
    return this.gather(items.map(({ at }) => at), j => items[j].value, i, own, isLate) // biome-ignore format: one line
  }

  /** The observations of the nth batch, or a promise of them, which nobody has to catch. */
  private gather(
    places: ArrayLike<number>,
    read: (j: number) => unknown,
    i: number,
    own: Tensor[],
    isLate: boolean,
  ): Later<readonly unknown[]> {
    const { map, refusesUndefined, reads } = this.recipe
    const n = places.length
    const keys = this.key && map ? drawIntegers(2 * n, { key: this.key, stream: i }) : []
    const list: unknown[] = []
    let waits = false
    for (let j = 0; j < n; j++) {
      if (reads?.(j, n) === false) {
        list.push(undefined)
        continue
      }
      const at = places[j]
      let observation: unknown
      try {
        observation = read(j)
      } catch (error) {
        throw blamed(error, at)
      }
      if (map || isThenable(observation) || (observation === undefined && refusesUndefined)) {
        observation = drive(this.observe(observation, at, { key: [keys[2 * j], keys[2 * j + 1]], stream: 0 }, own, isLate))
        if (isThenable(observation)) {
          waits = true
          unheard(observation)
        }
      }
      list.push(observation)
    }
    if (!waits) return list
    const all = Promise.all(list)
    unheard(all)
    return all
  }

  /** An observation, mapped. What it makes late goes with the batch, that is, is `own`. */
  private *observe(value: unknown, at: number, random: Randomness, own: Tensor[], isLate: boolean): Steps<unknown> {
    const { map, refusesUndefined } = this.recipe
    try {
      if (isThenable(value)) {
        value = yield value
        isLate = true
      }
      if (map && !this.isOver) {
        const make = () => withRandomness(random, () => map(value))
        const made = isLate ? withOwned(make) : { value: make(), own: [] }
        own.push(...made.own)
        value = isThenable(made.value) ? yield made.value : made.value
      }
      if (value === undefined && refusesUndefined && !this.isOver) {
        throw typeError('DataLoader', 'it is undefined', '', 'Have get, map or the generator give it.')
      }
      return value
    } catch (error) {
      throw blamed(error, at)
    }
  }

  /** Makes the batch of observations that have come; of a stream `false` is its end, `true` a batch that is only read. */
  private arrive(entry: Entry, list: readonly unknown[] | boolean): IteratorResult<B, undefined> {
    try {
      if (list === false) entry.isEnd = true
      else if (list !== true) {
        const made = withOwned(() => this.recipe.join(list, entry.places ?? []))
        const kept = new Set(tensorsIn(made.value))
        for (const each of entry.own) if (!kept.has(each)) end(each)
        entry.batch = made.value
        entry.own = [...made.own, ...entry.own.filter(each => kept.has(each))]
      }
      return this.give(entry)
    } catch (error) {
      return this.fail(error)
    }
  }

  private give(entry: Entry): IteratorResult<B, undefined> {
    if (entry.failure) throw entry.failure.error
    if (entry.isEnd) {
      this.isOver = true
      return END
    }
    this.ahead.shift()
    this.own = entry.own
    this.fill(this.waits ? this.recipe.prefetch : 0)
    return { done: false, value: entry.batch as B }
  }
}

/** Frees a tensor of a batch that nobody keeps; who uses it later is told whose it was. */
function end(tensor: Tensor): void {
  if (tensor.kept !== undefined) return
  tensor.kept = 'loop'
  tensor.dispose()
}
