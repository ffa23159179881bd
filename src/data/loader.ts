import { checkBoolean, checkFunction, checkOptions, rangeError, refuseSurplus, typeError, written } from '../errors.ts'
import { countUp, keyed, permutation, type Randomness, takeStreams } from '../tensor/random.ts'
import { madeSince, mark, scoped } from '../tensor/scope.ts'
import { seal, unassignable } from '../tensor/seal.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { tensorsIn } from '../tensor/walk.ts'
import { type BatchOf, type DataInput, type ObservationOf, type Observations, observationsOf } from './observations.ts'

/** How data is cut into batches. */
export interface LoaderOptions<D, B> {
  /** Observations in a batch; 1 by default. */
  readonly batchSize?: number | undefined
  /** A new random order in each epoch. */
  readonly shuffle?: boolean | undefined
  /** Give the last batch even if it is smaller; true by default. */
  readonly partial?: boolean | undefined
  /** Fixes the order of every epoch. Without one the orders come from the random numbers of the library. */
  readonly seed?: number | undefined
  /** Makes a batch of a list of observations; needed where these are not tensors. */
  readonly collate?: ((observations: ObservationOf<D>[]) => B) | undefined
}

/** How an order was drawn: it is a function of these. */
export interface Order {
  readonly key: readonly [number, number]
  readonly stream: number
}

/** A pass over the data of a loader, and how its order was drawn, once it was. */
export interface Pass<B> {
  readonly batches: Generator<B, void, undefined>
  order: Order | undefined
}

let isClosed = false

/**
 * Batches of data, to iterate as often as wanted, in the form of the data.
 *
 * A column has a value for each observation: a tensor along its axis 0, a typed array, a list. Data is a column, a list of columns with a tensor
 * among them (`[x, y]`), or a record of columns; a list without a tensor is a list of observations, and its batches are lists of these. Columns of
 * numbers (booleans, nested lists of them) give tensors, of anything else lists. A list of tensors that are an observation each is `stack(list)`.
 * Data may be a dataset `{ length, get(i) }` as well, whose `get` gives an observation, not a promise: `batch` joins them.
 *
 * A batch belongs to the loop: it is freed when the next one is asked for, and a tensor that is used later says so. `keep(x)` or `clone(x)` what
 * must live longer. Throws RangeError for a batch size that is no whole number from 1, ShapeError for columns of different lengths, TypeError
 * for data without observations.
 *
 * @example
 * const loader = new DataLoader([zeros([10, 2]), zeros([10])], { batchSize: 4, shuffle: true })
 * loader.length // 3
 * for (const [x, y] of loader) console.log(x.shape, y.shape)
 */
export class DataLoader<D extends DataInput, B = BatchOf<D>> implements Iterable<B> {
  /** The number of batches. */
  readonly length: number
  /** Observations in a batch; the last may have fewer. */
  readonly batchSize: number
  private readonly data: Observations<D>
  private readonly options: LoaderOptions<D, B>
  private readonly randomness: Randomness | undefined

  constructor(data: D, options: LoaderOptions<D, B> = {}) {
    if (!isClosed) {
      isClosed = true
      seal(DataLoader.prototype, name => unassignable('DataLoader', name, 'Make another loader with other options.'))
    }
    checkOptions('DataLoader', options, ['batchSize', 'shuffle', 'partial', 'seed', 'collate'])
    if (arguments.length > 2) refuseSurplus('DataLoader', 2, arguments)
    const { batchSize = 1, partial = true, shuffle = false, seed, collate } = options
    checkBoolean('DataLoader', 'partial', partial)
    checkBoolean('DataLoader', 'shuffle', shuffle)
    if (collate !== undefined) checkFunction('DataLoader', 'collate', collate)
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw rangeError('DataLoader', 'a batch size is a whole number from 1', written(batchSize))
    this.data = observationsOf('DataLoader', data)
    this.options = options
    this.batchSize = batchSize
    const { count } = this.data
    this.length = partial ? Math.ceil(count / batchSize) : Math.floor(count / batchSize)
    this.randomness = seed === undefined ? undefined : keyed('DataLoader', seed)
    if (this.length > 0) return
    throw typeError(
      'DataLoader',
      'there is no batch in it',
      `${count} observations, batches of ${batchSize}`,
      count === 0 ? 'Pass data with at least one observation.' : 'Use a smaller batchSize, or partial: true.',
    )
  }

  toString(): string {
    return `DataLoader (${this.length}): ${this.data.count} observations, batches of ${this.batchSize}`
  }

  [Symbol.iterator](): Generator<B, void, undefined> {
    return this.pass().batches
  }

  /** A pass over the data: from its first batch on in a new order, after that of `last`, or from the nth on in that of `last`. */
  private pass(from = 0, last?: Order): Pass<B> {
    // With a seed the passes are counted by their streams.
    if (this.randomness && last) this.randomness.stream = last.stream + 1
    const pass = { order: from > 0 ? last : undefined } as { -readonly [K in keyof Pass<B>]: Pass<B>[K] }
    // It begins when its first batch is asked for.
    pass.batches = this.give(pass, from)
    return pass
  }

  private *give(pass: Pass<B>, from: number): Generator<B, void, undefined> {
    const { shuffle = false, collate } = this.options
    const { data, batchSize } = this
    const order = shuffle ? this.draw(pass) : countUp(data.count)
    for (let i = from; i < this.length; i++) {
      const part = order.subarray(i * batchSize, Math.min((i + 1) * batchSize, data.count))
      const { batch, own } = withOwned(() =>
        collate ? collate(Array.from(part, at => data.one(at) as ObservationOf<D>)) : data.take(part),
      )
      try {
        yield batch as B
      } finally {
        for (const each of own) if (each.kept === undefined) end(each)
      }
    }
  }

  private draw(pass: Pass<B>): Int32Array {
    const { count } = this.data
    if (pass.order) return permutation(count, { ...pass.order })
    const { key, stream } = this.randomness ?? takeStreams(0)
    pass.order = { key, stream }
    return permutation(count, this.randomness)
  }
}

/** A pass over the data of a loader: from its first batch on in a new order, after that of `last`, or from the nth on in that of `last`. */
export function passOf<D extends DataInput, B>(loader: DataLoader<D, B>, from: number, last: Order | undefined): Pass<B> {
  // biome-ignore lint/complexity/useLiteralKeys: what is private has no types in the package
  return loader['pass'](from, last)
}

/** Frees a tensor of a batch; who uses it later is told whose it was. */
function end(tensor: Tensor): void {
  tensor.kept = 'loop'
  tensor.dispose()
}

/** A batch, and those of its tensors that were made for it and go with it; what else was made on the way goes at once. */
function withOwned<B>(make: () => B): { batch: B; own: readonly Tensor[] } {
  return scoped(
    () => {
      const start = mark()
      const batch = make()
      return { batch, own: tensorsIn(batch).filter(each => madeSince(start, each)) }
    },
    ({ own }) => own,
  )
}
