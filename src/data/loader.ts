import { checkOptions, kindOf, refuseSurplus, ShapeError } from '../errors.ts'
import { gather } from '../ops/indexing.ts'
import { tensor } from '../tensor/create.ts'
import { keyed, permutation, type Randomness } from '../tensor/random.ts'
import { enter, leave, madeSince } from '../tensor/scope.ts'
import { show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { tensorsIn } from '../tensor/walk.ts'

/** Observations: a tensor, a list or a record of tensors that agree on axis 0, or a list of anything else. */
export type Data = Tensor | readonly unknown[] | Readonly<Record<string, Tensor>>

/** A batch of such data, of the same form. */
export type BatchOf<D> = D extends Tensor ? Tensor : D extends readonly unknown[] ? { [I in keyof D]: D[I] } : { [K in keyof D]: D[K] }

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
  readonly collate?: ((observations: Observation<D>[]) => B) | undefined
}

type Observation<D> = D extends readonly (infer T)[] ? T : D

/** Is it a list of tensors, whose axis 0 counts observations, and not a list of observations? */
function isColumns(data: Data): boolean {
  return Array.isArray(data) && data.length > 0 && data.every(each => each instanceof Tensor)
}

/** How many observations there are. Throws ShapeError where tensors disagree. */
export function countObservations(operation: string, data: Data): number {
  if (typeof data !== 'object' || data === null)
    throw new TypeError(`${operation}: data is a tensor, or a list or record of tensors: ${kindOf(data)} came.`)
  if (Array.isArray(data) && !isColumns(data)) return data.length
  const tensors = data instanceof Tensor ? [data] : (Object.values(data) as Tensor[])
  for (const each of tensors) {
    if (!(each instanceof Tensor))
      throw new TypeError(`${operation}: data is a tensor, or a list or record of tensors: a record with ${typeof each} came.`)
    each.check(operation)
    if (each.rank === 0) throw new ShapeError({ operation, problem: 'a scalar has no observations', came: show(each.dims) }, [each.dims])
    if (each.dims[0] === tensors[0].dims[0]) continue
    throw new ShapeError(
      {
        operation,
        problem: 'the tensors hold different numbers of observations',
        came: tensors.map(one => show(one.dims)).join(' and '),
        wayOut: 'Axis 0 counts observations.',
      },
      tensors.map(one => one.dims),
    )
  }
  return tensors[0]?.dims[0] ?? 0
}

/** The observations at the indices, in the form of the data. */
export function observations<D extends Data>(data: D, indices: Int32Array): BatchOf<D> {
  if (Array.isArray(data) && !isColumns(data)) return Array.from(indices, i => data[i]) as unknown as BatchOf<D>
  const rows = tensor(indices)
  const take = (x: Tensor) => gather(x, rows)
  const batch =
    data instanceof Tensor
      ? take(data)
      : Array.isArray(data)
        ? data.map(take)
        : Object.fromEntries(Object.entries(data as Readonly<Record<string, Tensor>>).map(([key, x]) => [key, take(x)]))
  rows.dispose()
  return batch as BatchOf<D>
}

/**
 * Batches of data, to iterate as often as wanted: tensors in the form of the data, a list for a list, a record for a record.
 *
 * The batches belong to the loop: each is freed when the next one is asked for. `keep(x)` what must live longer. Throws RangeError for a
 * batch size that is no whole number from 1, ShapeError for tensors that disagree on axis 0, TypeError for data without observations.
 *
 * @example
 * const loader = new DataLoader([zeros([10, 2]), zeros([10])], { batchSize: 4, shuffle: true })
 * loader.length // 3
 * for (const [x, y] of loader) console.log(x.shape, y.shape)
 */
export class DataLoader<D extends Data, B = BatchOf<D>> implements Iterable<B> {
  /** The number of batches. */
  readonly length: number
  /** Observations in a batch; the last may have fewer. */
  readonly batchSize: number
  private readonly data: D
  private readonly options: LoaderOptions<D, B>
  private readonly count: number
  private readonly randomness: Randomness | undefined

  constructor(data: D, options: LoaderOptions<D, B> = {}) {
    checkOptions('DataLoader', options, ['batchSize', 'shuffle', 'partial', 'seed', 'collate'])
    if (arguments.length > 2) refuseSurplus('DataLoader', 2, arguments)
    const { batchSize = 1, partial = true, seed } = options
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new RangeError(`DataLoader: a batch size is a whole number from 1: ${batchSize}.`)
    this.data = data
    this.options = options
    this.batchSize = batchSize
    this.count = countObservations('DataLoader', data)
    this.length = partial ? Math.ceil(this.count / batchSize) : Math.floor(this.count / batchSize)
    this.randomness = seed === undefined ? undefined : keyed('DataLoader', seed)
    if (this.length > 0) return
    throw new TypeError(
      `DataLoader: there is no batch in it: ${this.count} observations, batches of ${batchSize}. ${this.count === 0 ? 'Pass data with at least one observation.' : 'Use a smaller batchSize, or partial: true.'}`,
    )
  }

  *[Symbol.iterator](): Generator<B, void, undefined> {
    const { shuffle = false, collate } = this.options
    const order = shuffle ? permutation(this.count, this.randomness) : Int32Array.from({ length: this.count }, (_, i) => i)
    for (let i = 0; i < this.length; i++) {
      const part = order.subarray(i * this.batchSize, Math.min((i + 1) * this.batchSize, this.count))
      const { batch, own } = withOwned(() =>
        collate ? collate(Array.from(part, at => one(this.data, at))) : observations(this.data, part),
      )
      try {
        yield batch as B
      } finally {
        for (const each of own) if (each.kept === undefined) each.dispose()
      }
    }
  }
}

/** A batch, and those of its tensors that were made for it and go with it; what else was made on the way goes at once. */
function withOwned<B>(make: () => B): { batch: B; own: readonly Tensor[] } {
  const start = enter()
  let own: readonly Tensor[] = []
  try {
    const batch = make()
    own = tensorsIn(batch).filter(each => madeSince(start, each))
    return { batch, own }
  } finally {
    leave(start, own)
  }
}

/** A single observation, without axis 0. */
function one<D extends Data>(data: D, index: number): Observation<D> {
  const x = observations(data, Int32Array.of(index))
  if (Array.isArray(data) && !isColumns(data)) return (x as readonly unknown[])[0] as Observation<D>
  const single = (each: Tensor) => {
    const row = each.reshape(each.dims.slice(1))
    each.dispose()
    return row
  }
  if (x instanceof Tensor) return single(x) as Observation<D>
  if (Array.isArray(x)) return x.map(single) as Observation<D>
  return Object.fromEntries(Object.entries(x as Record<string, Tensor>).map(([key, each]) => [key, single(each)])) as Observation<D>
}
