import { checkBoolean, checkFunction, checkNumber, checkOptions, rangeError, refuseSurplus, typeError, written } from '../errors.ts'
import { keyed, type Randomness } from '../tensor/random.ts'
import { isThenable } from '../tensor/realm.ts'
import { seal, unassignable } from '../tensor/seal.ts'
import { Tensor } from '../tensor/tensor.ts'
import { isForeign } from '../tensor/walk.ts'
import { type Batched, joined } from './batch.ts'
import { Feed, type Order, type Recipe, streamsOf } from './feed.ts'
import {
  type BatchOf,
  type DataInput,
  type IsLater,
  type IsStream,
  isDataset,
  type LoaderInput,
  type ObservationOf,
  observationsOf,
} from './observations.ts'
import { unheard } from './wait.ts'

export type { Order } from './feed.ts'

/** An observation as `collate` gets it. */
type Mapped<D, M> = [M] extends [never] ? ObservationOf<D> : Awaited<M>

/** The batches of a loader: what `collate` gives, or those of the data, or of what `map` makes of it. */
type BatchFrom<D, B, M> = [B] extends [never] ? ([M] extends [never] ? BatchOf<D> : Batched<Awaited<M>>) : B

/** Is it to be iterated with `for await`? */
type Waits<D, M> = IsLater<D> extends true ? true : [Extract<M, PromiseLike<unknown>>] extends [never] ? false : true

/** Compilers before 6 look at the options before they know data that is written in its place: then it may be any. */
type Shuffle<D> = LoaderInput extends D ? boolean | number : IsStream<D> extends true ? number | false : boolean

/** How data is cut into batches. */
export interface LoaderOptions<D, B, M = never> {
  /** Observations in a batch; 1 by default. */
  readonly batchSize?: number | undefined
  /** A new random order in each epoch. Of a stream: draw each observation from a buffer of so many. */
  readonly shuffle?: Shuffle<D> | undefined
  /** Give the last batch even if it is smaller; true by default. */
  readonly partial?: boolean | undefined
  /** Fixes the order of every epoch, and the random numbers of `map`. Without one they come from the random numbers of the library. */
  readonly seed?: number | undefined
  /** Makes a batch of a list of observations; needed where these are not tensors. */
  readonly collate?: ((observations: Mapped<D, M>[]) => B) | undefined
  /** Makes another one of each observation, or a promise of it. Random numbers that it draws are those of the observation's place. */
  readonly map?: ((observation: ObservationOf<D>) => M) | undefined
  /** So many batches are under way while the loop works with one, where observations are promises; 0 by default. */
  readonly prefetch?: number | undefined
}

const OPTIONS = ['batchSize', 'shuffle', 'partial', 'seed', 'collate', 'map', 'prefetch']

let isClosed = false

/**
 * Batches of data, to iterate as often as wanted, in the form of the data.
 *
 * A column has a value for each observation: a tensor along its axis 0, a typed array, a list. Data is a column, a list of columns with a tensor
 * among them (`[x, y]`), or a record of columns; a list without a tensor is a list of observations, and its batches are lists of these. Columns of
 * numbers (booleans, nested lists of them) give tensors, of anything else lists. A list of tensors that are an observation each is `stack(list)`.
 * Data may be a dataset `{ length, get(i) }` as well, whose `get` gives an observation, or a promise of it: `batch` joins them. What is otherwise
 * iterable is a stream of observations, for data bigger than memory: it is read as it comes, `length` is undefined, and `shuffle: n` draws each
 * from a buffer of n.
 *
 * Where observations are promises, those of an async `get`, `map` or iterable, the loader is an async iterable: `for await (const batch of loader)`; `train`
 * and metrics take both. `prefetch: n` has n batches under way while the loop works with one; they come in their order. `get(i, { signal })` is told when nobody waits any
 * more. An error names its observation, and comes with its batch. `map` makes another of each observation: random numbers that it draws before it first waits are a function of
 * the order's key and the observation's place, so that a run that is resumed has the same.
 *
 * A batch belongs to the loop: it is freed when the next one is asked for, and a tensor that is used later says so. `keep(x)` or `clone(x)` what
 * must live longer. Tensors that async functions and streams make are not the loader's: let them give numbers and typed arrays. Throws RangeError for a batch size that is no whole
 * number from 1, ShapeError for columns of different lengths, TypeError for data without observations, for `prefetch` of what is there at once, and for a stream with `shuffle: true`.
 *
 * @example
 * const loader = new DataLoader([zeros([10, 2]), zeros([10])], { batchSize: 4, shuffle: true })
 * loader.length // 3
 * for (const [x, y] of loader) console.log(x.shape, y.shape)
 * const squares = new DataLoader({ length: 5, get: async i => i * i }, { batchSize: 2, prefetch: 2 })
 * for await (const batch of squares) console.log(batch.toArray())
 */
export class DataLoader<D extends LoaderInput, B = never, M = never> {
  /** The number of batches; undefined of a stream. */
  readonly length: IsStream<D> extends true ? undefined : number
  /** Observations in a batch; the last may have fewer. */
  readonly batchSize: number
  private readonly recipe: Recipe
  private readonly randomness: Randomness | undefined

  constructor(data: D, options: LoaderOptions<NoInfer<D>, B, M> = {}) {
    if (!isClosed) {
      isClosed = true
      seal(DataLoader.prototype, name => unassignable('DataLoader', name, 'Make another loader with other options.'))
    }
    checkOptions('DataLoader', options, OPTIONS)
    if (arguments.length > 2) refuseSurplus('DataLoader', 2, arguments)
    const { batchSize = 1, partial = true, shuffle = false, seed, collate, map, prefetch = 0 } = options
    const stream = streamOf(data)
    checkBoolean('DataLoader', 'partial', partial)
    checkShuffle(shuffle, stream)
    if (collate !== undefined) checkFunction('DataLoader', 'collate', collate)
    if (map !== undefined) checkFunction('DataLoader', 'map', map)
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw rangeError('DataLoader', 'a batch size is a whole number from 1', written(batchSize))
    checkNumber('DataLoader', 'prefetch', prefetch)
    if (!Number.isInteger(prefetch) || prefetch < 0)
      throw rangeError('DataLoader', 'prefetch is a whole number of batches from 0', prefetch)
    const { count, one, take, join } = stream ? READ : observationsOf('DataLoader', data as DataInput)
    if (prefetch > 0 && !join && !map) {
      throw typeError('DataLoader', 'prefetch is for data that has to be waited for', '', 'Leave it out: this data is there.')
    }
    this.batchSize = batchSize
    const length = count === undefined ? count : (partial ? Math.ceil : Math.floor)(count / batchSize)
    this.length = length as typeof this.length
    this.randomness = seed === undefined ? undefined : keyed('DataLoader', seed)
    const joins = join && !map ? join : READ.join
    this.recipe = {
      ...{ count, stream, length, batchSize, partial, prefetch, shuffle, one, take: join || collate || map ? undefined : take },
      join: collate ? list => collate(list as Mapped<D, M>[]) : joins,
      map: map as Recipe['map'],
      refusesUndefined: map !== undefined || !Array.isArray(data),
    }
    if (length !== 0) return
    throw typeError(
      'DataLoader',
      'there is no batch in it',
      `${count} observations, batches of ${batchSize}`,
      count === 0 ? 'Pass data with at least one observation.' : 'Use a smaller batchSize, or partial: true.',
    )
  }

  toString(): string {
    const { count, shuffle } = this.recipe
    const batches = `batches of ${this.batchSize}${shuffle === false ? '' : `, shuffled${shuffle === true ? '' : ` by ${shuffle}`}`}`
    return count === undefined ? `DataLoader: a stream, ${batches}` : `DataLoader (${this.length}): ${count} observations, ${batches}`
  }

  get [Symbol.iterator](): Waits<NoInfer<D>, NoInfer<M>> extends true
    ? undefined
    : () => Generator<BatchFrom<NoInfer<D>, B, NoInfer<M>>, void, undefined> {
    return (() => this.give()) as never
  }

  get [Symbol.asyncIterator](): Waits<NoInfer<D>, NoInfer<M>> extends true
    ? () => AsyncGenerator<BatchFrom<NoInfer<D>, B, NoInfer<M>>, void, undefined>
    : undefined {
    return (this.recipe.take ? undefined : () => this.giveLater()) as never
  }

  private *give(): Generator<unknown, void, undefined> {
    const pass = this.pass()
    try {
      for (;;) {
        const pulled = pass.next()
        if (isThenable(pulled)) {
          unheard(pulled)
          throw typeError('DataLoader', 'its batches have to be waited for', '', 'Write for await (const batch of loader).')
        }
        if (pulled.done) return
        yield pulled.value
      }
    } finally {
      unheard(pass.return())
    }
  }

  private async *giveLater(): AsyncGenerator<unknown, void, undefined> {
    const pass = this.pass()
    try {
      for (;;) {
        const { done, value } = await pass.next()
        if (done) return
        yield value
      }
    } finally {
      await pass.return()
    }
  }

  /** @internal The same observations in the same order, but read and joined in another way. */
  shared(how: (recipe: Recipe) => Partial<Recipe>): this {
    const recipe = { ...this.recipe, ...how(this.recipe) }
    return Object.create(DataLoader.prototype, Object.getOwnPropertyDescriptors({ ...this, recipe }))
  }

  /** A pass over the data: from its first batch on in a new order, after that of `last`, or from the nth on in that of `last`. */
  private pass(from = 0, last?: Order): Feed<BatchFrom<D, B, M>> {
    const { recipe, randomness } = this
    // With a seed the passes are counted by their streams.
    if (randomness && last) randomness.stream = last.stream + streamsOf(recipe)
    return new Feed(recipe, randomness, from, last)
  }
}

/** A stream is read, not numbered. */
const READ = {
  count: undefined,
  one: () => undefined,
  take: undefined,
  join: (list: readonly unknown[], places: ArrayLike<number>) => joined('DataLoader', list, places),
}

/** Data that is read as it comes; undefined for any other. Throws TypeError for a loader, whose observations are batches. */
function streamOf(data: unknown): object | undefined {
  if (typeof data !== 'object' || data === null || Array.isArray(data) || ArrayBuffer.isView(data)) return undefined
  if (data instanceof DataLoader) throw typeError('DataLoader', 'it takes observations', 'a DataLoader came', 'Pass the data of that one.')
  const isIterable = Symbol.asyncIterator in data || Symbol.iterator in data
  return isIterable && !(data instanceof Tensor) && !isForeign(data) && !isDataset(data) ? data : undefined
}

function checkShuffle(shuffle: unknown, stream: object | undefined): void {
  if (!stream) return checkBoolean('DataLoader', 'shuffle', shuffle)
  if (shuffle === false || (Number.isSafeInteger(shuffle) && (shuffle as number) > 0)) return
  const wayOut = 'Write { shuffle: 1000 }: each is then drawn from a buffer of so many.'
  throw typeError(
    'DataLoader',
    'a stream is shuffled within a buffer of a whole number of observations',
    `${written(shuffle)} came`,
    wayOut,
  )
}

/** A pass over the data of a loader: from its first batch on in a new order, after that of `last`, or from the nth on in that of `last`. */
export function passOf<D extends LoaderInput, B, M>(
  loader: DataLoader<D, B, M>,
  from: number,
  last: Order | undefined,
): Feed<BatchFrom<D, B, M>> {
  // biome-ignore lint/complexity/useLiteralKeys: what is private has no types in the package
  return loader['pass'](from, last)
}

/** What is iterated in the end: of a loader over a stream that. */
export function iterated(data: object): object {
  // biome-ignore lint/complexity/useLiteralKeys: as above
  return data instanceof DataLoader ? (data['recipe'].stream ?? data) : data
}
