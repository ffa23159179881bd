// What counts as data, for DataLoader and the splits: how many observations there are, and how some of them are taken out.
import { kindOf, noTensor, placed, rangeError, ShapeError, typeError, written } from '../errors.ts'
import { gather } from '../ops/indexing.ts'
import { slice } from '../ops/slicing.ts'
import { type ArrayInput, type NestedInput, type RowsInput, tensor } from '../tensor/create.ts'
import { isPlain, isThenable, tagOf } from '../tensor/realm.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { isForeign } from '../tensor/walk.ts'
import { type Batched, joined } from './batch.ts'
import { unheard, withoutRest } from './wait.ts'

/** A value for each observation: a tensor or a list along its axis 0, or a typed array. */
export type Column = Tensor | ArrayInput | readonly unknown[]

/** What `get` of a dataset is told besides. */
export interface GetOptions {
  /** Is aborted where nobody waits any more: the loop has ended, the run was aborted. */
  readonly signal: AbortSignal
}

/** Observations that are made when they are asked for: `get` gives one, or a promise of it, by a whole number below the length. */
export interface Dataset<T> {
  readonly length: number
  get(index: number, options: GetOptions): T
}

/** A dataset that the library made, to iterate as often as wanted: `for (const observation of dataset)`. */
export interface DatasetView<T> extends Dataset<T>, Iterable<T> {
  get(index: number, options?: GetOptions): T
}

/**
 * Observations: a column; a list of columns, one of which is a tensor; a record of columns; a list of anything else, each an observation; or a
 * dataset. All columns are of one length.
 */
export type Data = Tensor | ArrayInput | readonly unknown[] | Readonly<Record<string, Column>> | Dataset<unknown>

/** The same; the empty list has compilers take a list that is written out for a tuple. */
export type DataInput = Data | []

/** What goes into a DataLoader: data, or an iterable or async iterable of observations, which is read as it comes. */
export type LoaderInput = DataInput | (object & Iterable<unknown>) | AsyncIterable<unknown>

type HasPromise<T> = 0 extends 1 & T ? false : [Extract<T, PromiseLike<unknown>>] extends [never] ? false : true

/** Do the observations come later, as promises or from an async iterable? */
export type IsLater<D> = D extends Tensor
  ? false
  : D extends AsyncIterable<unknown>
    ? true
    : D extends Dataset<infer T>
      ? HasPromise<T>
      : D extends Iterable<infer T>
        ? HasPromise<T>
        : false

/** Is it data that is read as it comes? */
export type IsStream<D> = D extends Tensor | ArrayInput | readonly unknown[] | Dataset<unknown>
  ? false
  : D extends AsyncIterable<unknown> | Iterable<unknown>
    ? true
    : false

/** A part of a column: a tensor, but for a list of what are no numbers. */
type PartOf<C> = C extends Tensor | ArrayInput | readonly (NestedInput | ArrayInput | Tensor)[]
  ? Tensor
  : C extends readonly (infer Each)[]
    ? Each[]
    : C

/** Is it a list of observations, not of columns? */
type IsList<D> = D extends readonly (infer Each)[] ? ([Extract<Each, Tensor>] extends [never] ? true : false) : false

/** A batch of such data, of the same form: a part of each column, a list of those observations that are none. */
export type BatchOf<D> = D extends Tensor | ArrayInput
  ? Tensor
  : D extends readonly (infer Each)[]
    ? IsList<D> extends true
      ? Awaited<Each>[]
      : { -readonly [I in keyof D]: PartOf<D[I]> }
    : D extends Dataset<infer T> | AsyncIterable<infer T> | Iterable<infer T>
      ? Batched<Awaited<T>>
      : { -readonly [K in keyof D]: PartOf<D[K]> }

/** Some of the observations of such data: of a dataset a dataset. */
export type SubsetOf<D> = D extends readonly (infer Each)[]
  ? IsList<D> extends true
    ? Each[]
    : BatchOf<D>
  : D extends Tensor
    ? BatchOf<D>
    : D extends Dataset<infer T>
      ? DatasetView<T>
      : BatchOf<D>

/** A single observation, without axis 0. */
export type ObservationOf<D> = D extends Tensor | ArrayInput
  ? Tensor
  : D extends readonly (infer Each)[]
    ? IsList<D> extends true
      ? Awaited<Each>
      : { [I in keyof D]: OneOf<D[I]> }
    : D extends Dataset<infer T> | AsyncIterable<infer T> | Iterable<infer T>
      ? Awaited<T>
      : { [K in keyof D]: OneOf<D[K]> }

type OneOf<C> = PartOf<C> extends Tensor ? Tensor : C extends readonly (infer Each)[] ? Each : C

/** Data by number of observation. */
export interface Observations<D> {
  readonly count: number
  /** Those at the indices, in the form of the data; a promise of them where those of a dataset are promises. */
  take(indices: Int32Array): BatchOf<D>
  /** The same, but of a dataset one that makes them when they are asked for. */
  part(indices: Int32Array): SubsetOf<D>
  /** A single one, without axis 0; of a dataset perhaps a promise. */
  one(index: number, options?: GetOptions): unknown
  /** Makes a batch of single ones, where `take` does no more than that. */
  readonly join?: (list: readonly unknown[], places?: ArrayLike<number>) => unknown
}

const FORMS = 'data is a tensor, a typed array, a list, or a record of these'
/** So many tensors of one shape, and more of them than each is long, are observations that were meant to be stacked. */
const SAMPLES = 4

/** Throws TypeError for what is no data, ShapeError for columns that are not of one length. */
export function observationsOf<D extends DataInput>(operation: string, data: D): Observations<D> {
  const found = readers(operation, data)
  // Only a dataset has another way.
  return { ...found, part: found.part ?? (found.take as unknown as Observations<D>['part']) }
}

function readers<D extends DataInput>(operation: string, data: D): Omit<Observations<D>, 'part'> & Partial<Observations<D>> {
  if (typeof data !== 'object' || data === null || isThenable(data)) {
    const isLate = tagOf(data) === 'AsyncGeneratorFunction'
    const all = isLate ? 'for await (const each of f()) list.push(each)' : '[...f()]'
    const wayOut = operation === 'DataLoader' ? callIt(data) : `Call it, and make a list of what it gives: ${all}.`
    throw typeError(operation, FORMS, `${kindOf(data)} came`, typeof data === 'function' ? wayOut : '')
  }
  const parts: readonly unknown[] = Array.isArray(data) ? data : isPlain(data) ? Object.values(data) : [data]
  const foreign = parts.find(isForeign)
  if (foreign) throw noTensor(operation, foreign)
  if (Array.isArray(data) && !data.some(each => each instanceof Tensor)) {
    refuseColumns(operation, data)
    return {
      count: data.length,
      take: indices => Array.from(indices, i => data[i]) as unknown as BatchOf<D>,
      one: index => data[index],
      join: list => list,
    }
  }
  if (data instanceof Tensor || ArrayBuffer.isView(data)) {
    const count = countOf(operation, [data], '')
    const take = (indices: Int32Array) => partsOf(operation, [data], indices)[0]
    return { count, take: take as Observations<D>['take'], one: index => oneOf(data, index) }
  }
  if (isDataset(data)) return made(operation, data) as unknown as Observations<D>
  if (!Array.isArray(data) && (Symbol.iterator in data || Symbol.asyncIterator in data)) {
    throw typeError(operation, FORMS, 'something to iterate came', 'Write [...data] for a list of what it gives.')
  }
  const keys = Object.keys(data)
  const { length, get } = data as { length?: unknown; get?: unknown }
  if (!Array.isArray(data) && (typeof length === 'number' || typeof get === 'function'))
    throw typeError(operation, 'a dataset has a length and get(i)', `one with ${keys.join(', ') || 'neither'} came`)
  const columns = Object.values(data) as Column[]
  // Two are x and y.
  const maySample = Array.isArray(data) && data.length > 2
  const count = countOf(operation, columns, maySample ? ' If each tensor is one observation, pass stack(list).' : '')
  if (Array.isArray(data)) refuseSamples(operation, columns, count)
  const formed = (parts: readonly unknown[]) => (Array.isArray(data) ? parts : Object.fromEntries(keys.map((key, i) => [key, parts[i]])))
  return {
    count,
    take: indices => formed(partsOf(operation, columns, indices)) as BatchOf<D>,
    one: index => formed(columns.map(column => oneOf(column, index))),
  }
}

/** What to write where a function came in the place of what it gives. */
export function callIt(f: unknown): string {
  const name = (typeof f === 'function' && f.name) || 'f'
  const key = tagOf(f) === 'AsyncGeneratorFunction' ? 'asyncIterator' : 'iterator'
  return `Call it: ${name}(), or for each epoch anew write { [Symbol.${key}]: ${name} }.`
}

export function isDataset(data: object): data is Dataset<unknown> {
  return 'length' in data && 'get' in data && typeof data.get === 'function'
}

function made<T>(operation: string, data: Dataset<T>): Observations<Dataset<T>> {
  const { length: count } = data
  if (!Number.isInteger(count) || count < 0)
    throw typeError(operation, 'the length of a dataset is a whole number', `${written(count)} came`)
  const one = (index: number, options?: GetOptions): T => data.get(index, options ?? { signal: new AbortController().signal })
  const join = (list: readonly unknown[], places?: ArrayLike<number>) => joined(operation, list, places)
  return {
    count,
    one,
    join,
    take(indices) {
      const list = Array.from(indices, index => one(index))
      return (list.some(isThenable) ? Promise.all(list).then(all => join(all)) : join(list)) as Batched<Awaited<T>>
    },
    part: indices => datasetOf(operation, indices.length, (i, options) => one(indices[i], options)),
  }
}

/** A dataset that checks the index and frees what is made on the way to an observation. */
export function datasetOf<T>(operation: string, length: number, get: (index: number, options?: GetOptions) => T): DatasetView<T> {
  const one = (index: number, options?: GetOptions): T => {
    if (Number.isInteger(index) && index >= 0 && index < length) return withoutRest(() => get(index, options))
    throw rangeError(operation, 'an index is a whole number below the length', `${written(index)} of ${length}`)
  }
  return {
    length,
    get: one,
    *[Symbol.iterator]() {
      for (let i = 0; i < length; i++) yield one(i)
    },
  }
}

/** An observation that is to be there. Throws TypeError for a promise. */
export function present(operation: string, observation: unknown): unknown {
  if (!isThenable(observation)) return observation
  unheard(observation)
  const wayOut = 'Read them before: await Promise.all(Array.from(data, each => each)), or with get(i).'
  throw typeError(operation, 'the observations are promises', '', wayOut)
}

/** The length of all columns. */
function countOf(operation: string, columns: readonly Column[], hint: string): number {
  const shapes = columns.map(column => {
    if (column instanceof Tensor) column.check(operation)
    else if (!Array.isArray(column) && (!ArrayBuffer.isView(column) || column instanceof DataView)) {
      throw typeError(operation, FORMS, `one with ${kindOf(column)} came`)
    }
    return column instanceof Tensor ? column.dims : [(column as ArrayInput).length]
  })
  const scalar = shapes.find(shape => shape.length === 0)
  if (scalar) {
    throw new ShapeError({ operation, problem: 'a scalar has no observations', came: '[]', wayOut: hint.trim() }, [scalar])
  }
  if (shapes.some(([length]) => length !== shapes[0][0])) {
    const wayOut = `Axis 0 counts observations.${hint}`
    const came = shapes.slice(0, 8).map(show).join(' and ') + (shapes.length > 8 ? ' and more' : '')
    throw new ShapeError({ operation, problem: 'the columns hold different numbers of observations', came, wayOut }, shapes)
  }
  return shapes.length === 0 ? 0 : shapes[0][0]
}

function refuseSamples(operation: string, columns: readonly Column[], count: number): void {
  const [column] = columns
  const areAlike = columns.every(each => each instanceof Tensor && column instanceof Tensor && sameShape(each.dims, column.dims))
  if (!areAlike || columns.length < SAMPLES || columns.length <= count) return
  throw typeError(
    operation,
    'a list of tensors has their axis 0 for observations',
    `${columns.length} tensors ${show((column as Tensor).dims)} look like observations themselves`,
    'Pass stack(list); columns of that shape as a record.',
  )
}

/** Two typed arrays of one length and of different types are no observations of one kind, but columns. */
function refuseColumns(operation: string, data: readonly unknown[]): void {
  const [x, y] = data
  if (data.length !== 2 || !ArrayBuffer.isView(x) || !ArrayBuffer.isView(y) || tagOf(x) === tagOf(y)) return
  const [length, other] = [x, y].map(each => (each as unknown as ArrayInput).length)
  if (length !== other || length <= 2) return
  throw typeError(
    operation,
    'a list without a tensor is one of observations',
    `${kindOf(x)} and ${kindOf(y)} of ${length} look like columns`,
    'Pass { x, y }, or [tensor(x), tensor(y)].',
  )
}

/** Of each column what stands at the indices: a tensor, but of a list of what are no numbers a list. */
function partsOf(operation: string, columns: readonly Column[], indices: Int32Array): unknown[] {
  let rows: Tensor | undefined
  const parts = columns.map((column, i) => {
    if (column instanceof Tensor) {
      rows ??= tensor(indices)
      return gather(column, rows)
    }
    try {
      return picked(column, indices)
    } catch (error) {
      throw placed(error, `${operation}: column ${i}`)
    }
  })
  rows?.dispose()
  return parts
}

function picked(column: ArrayInput | readonly unknown[], indices: Int32Array): unknown {
  if (ArrayBuffer.isView(column)) {
    // A Node Buffer is a Uint8Array, and none is to be made by its constructor.
    const part = new (tagOf(column) === 'Uint8Array' ? Uint8Array : (column.constructor as Uint8ArrayConstructor))(indices.length)
    for (let i = 0; i < part.length; i++) part[i] = (column as Uint8Array)[indices[i]]
    return tensor(part)
  }
  const part = Array.from(indices, i => column[i])
  const [sample] = column
  if (sample instanceof Tensor && part.length === 0) return part
  const isNumeric =
    sample instanceof Tensor ||
    typeof sample === 'number' ||
    typeof sample === 'boolean' ||
    Array.isArray(sample) ||
    ArrayBuffer.isView(sample)
  return isNumeric ? tensor(part as RowsInput) : part
}

function oneOf(column: Column, index: number): unknown {
  if (column instanceof Tensor) return slice(column, [index])
  const part = picked(column, Int32Array.of(index))
  if (!(part instanceof Tensor)) return (part as readonly unknown[])[0]
  const row = part.reshape(part.dims.slice(1))
  part.dispose()
  return row
}
