import { checkNumber, checkOptions, kindOf, noTensor, rangeError, ShapeError, typeError, written } from '../errors.ts'
import { stack } from '../ops/joining.ts'
import { pad } from '../ops/padding.ts'
import { cast } from '../ops/pointwise.ts'
import { composed } from '../tape/composed.ts'
import { type ArrayInput, type NestedInput, type RowsInput, tensor } from '../tensor/create.ts'
import { type DType, promote } from '../tensor/dtype.ts'
import { checkFit } from '../tensor/fits.ts'
import { isMap, isPlain } from '../tensor/realm.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { isForeign } from '../tensor/walk.ts'
import { blamed } from './wait.ts'

/** Of what a tensor can be made. */
type Numbers = Tensor | ArrayInput | NestedInput

/** Observations as one: numbers as a tensor, records and lists part by part, of anything else a list. */
export type Batched<T> = unknown extends T
  ? unknown
  : [T] extends [Numbers]
    ? Tensor
    : [T] extends [ReadonlyMap<infer K, infer V>]
      ? Map<K, Batched<V>>
      : [T] extends [object]
        ? { -readonly [K in keyof T]: Batched<T[K]> }
        : T[]

/** How `padSequences` pads. */
export interface PadSequencesOptions {
  /** What stands where a sequence has ended; 0 by default. */
  readonly value?: number | undefined
  /** How long all are made; by default as long as the longest. */
  readonly length?: number | undefined
  /** Where a sequence is continued; at its end by default. */
  readonly side?: 'start' | 'end' | undefined
}

/** Sequences of one length, and how long each was. */
export interface PaddedSequences {
  /** `[n, longest, ...]` */
  readonly data: Tensor
  /** int32 `[n]` */
  readonly lengths: Tensor
}

/**
 * Observations as a batch, along a new axis 0: tensors of one shape (or numbers, typed arrays, nested lists of numbers) give a tensor of the type
 * that they have in common, records a record of batches, Maps a Map, lists of other things (`[x, y]`) a list of them; of anything else, texts say, comes a
 * list. Differentiable. Throws TypeError for an empty list, and for observations that are not alike, ShapeError where shapes differ.
 *
 * @example
 * batch([tensor([1, 2]), tensor([3, 4])]).toArray() // [[1, 2], [3, 4]]
 * batch([{ x: zeros([3]), name: 'a' }, { x: ones([3]), name: 'b' }]).name // ['a', 'b']
 */
export const batch = /* @__PURE__ */ composed('batch', 1, function batch<T>(list: readonly T[]): Batched<T> {
  return joined('batch', list) as Batched<T>
})

/** An error, or one that names the observation at a place. */
type Told = <E extends Error>(error: E, at: number) => E

/** The batch of a list; errors name the observation where their numbers are known. */
export function joined(operation: string, list: readonly unknown[], places?: ArrayLike<number>): unknown {
  const told: Told = (error, i) => (places ? (blamed(error, places[i]) as typeof error) : error)
  checkList(operation, list, 'observations')
  const foreign = list.find(isForeign)
  if (foreign) throw noTensor(operation, foreign)
  const [sample] = list
  const form = formOf(sample)
  const odd = list.findIndex(each => formOf(each) !== form)
  if (odd >= 0) throw told(unlike(operation, kindOf(sample), kindOf(list[odd])), odd)
  if (form === 'other') return [...list]
  if (form === 'numbers') {
    return list.every(each => typeof each === 'number') ? tensor(list) : stack(alike(operation, list.map(asTensor), 0, told))
  }
  // Of a list the keys are its places.
  const keysOf = (each: unknown): unknown[] => (isMap(each) ? [...each.keys()] : Object.keys(each as object))
  const keys = keysOf(sample)
  for (const [i, each] of list.entries()) {
    const own = keysOf(each)
    const isLike =
      own.length === keys.length && keys.every(key => (isMap(each) ? each.has(key) : Object.hasOwn(each as object, key as string)))
    if (!isLike) throw told(unlike(operation, `parts ${keys}`, `parts ${own}`), i)
  }
  const column = (key: unknown) =>
    list.map(each => (isMap(each) ? each.get(key) : (each as Readonly<Record<string, unknown>>)[key as string]))
  const parts = keys.map(key => [key, joined(operation, column(key), places)] as const)
  if (form === 'list') return parts.map(([, part]) => part)
  return form === 'Map' ? new Map(parts) : Object.fromEntries(parts as [string, unknown][])
}

function checkList(operation: string, list: unknown, of: string): void {
  if (Array.isArray(list) && list.length > 0) return
  const isEmpty = Array.isArray(list)
  const wayOut = isEmpty || typeof list !== 'object' || list === null ? '' : `Write ${operation}(unbatch(data)).`
  throw typeError(operation, `takes a list of ${of}`, isEmpty ? 'an empty one came' : kindOf(list), wayOut)
}

function unlike(operation: string, one: string, other: string): TypeError {
  return typeError(operation, 'the observations are not alike', `${one} and ${other}`)
}

function formOf(value: unknown): 'numbers' | 'list' | 'record' | 'Map' | 'other' {
  if (value instanceof Tensor || ArrayBuffer.isView(value) || isNested(value)) return 'numbers'
  return Array.isArray(value) ? 'list' : isMap(value) ? 'Map' : isPlain(value) ? 'record' : 'other'
}

/** Numbers, or lists of numbers all the way down? A number beside a list, a class and features say, are two things. */
function isNested(value: unknown): value is NestedInput {
  if (!Array.isArray(value)) return typeof value === 'number' || typeof value === 'boolean'
  return value.every(each => Array.isArray(each) === Array.isArray(value[0]) && isNested(each))
}

function asTensor(value: unknown): Tensor {
  return value instanceof Tensor ? value : tensor(value as RowsInput)
}

/** Throws ShapeError for tensors that are not of one shape from an axis on. */
function alike(operation: string, rows: readonly Tensor[], from: number, told: Told = error => error): readonly Tensor[] {
  for (const each of rows) each.check(operation)
  const [first] = rows
  const at = rows.findIndex(each => each.rank < from || !sameShape(each.dims.slice(from), first.dims.slice(from)))
  if (at < 0) return rows
  const odd = rows[at]
  const wayOut = from > 0 ? 'A sequence has its steps along axis 0.' : 'padSequences takes sequences of several lengths.'
  const came = `${show(first.dims)} and ${show(odd.dims)}`
  throw told(new ShapeError({ operation, problem: 'the shapes do not fit', came, wayOut }, [first.dims, odd.dims]), at)
}

/**
 * Sequences `[steps, ...]` of several lengths (tensors, typed arrays, nested lists) as one tensor `data` `[n, longest, ...]`, and their `lengths`
 * (int32 `[n]`): shorter ones are continued by `value` (0) at the `side` 'end' (or 'start') up to the longest, or up to `length`. The type is the one
 * that they have in common. Differentiable. Throws TypeError for an empty list, what is no sequence and another side, ShapeError where steps differ in
 * shape, RangeError for a sequence that is longer than `length`, and a value that does not fit the type.
 *
 * @example
 * const { data, lengths } = padSequences([Int32Array.of(5, 6, 7), Int32Array.of(8)])
 * data.toArray() // [[5, 6, 7], [8, 0, 0]]
 * lengths.toArray() // [3, 1]
 */
export const padSequences = /* @__PURE__ */ composed(
  'padSequences',
  2,
  function padSequences(list: readonly (Tensor | ArrayInput | RowsInput)[], options: PadSequencesOptions = {}): PaddedSequences {
    const operation = 'padSequences'
    checkOptions(operation, options, ['value', 'length', 'side'])
    const { value = 0, side = 'end' } = options
    checkNumber(operation, 'the value', value)
    if (side !== 'start' && side !== 'end') throw typeError(operation, `a side is 'start' or 'end'`, written(side))
    checkList(operation, list, 'sequences')
    const odd = list.findIndex(each => typeof each !== 'object' || formOf(each) !== 'numbers')
    if (odd >= 0) throw typeError(operation, 'a sequence is a tensor, a typed array or a list', kindOf(list[odd]))
    const rows = alike(operation, list.map(asTensor), 1)
    const lengths = rows.map(({ dims: [steps] }) => steps)
    const longest = lengths.reduce((most, steps) => Math.max(most, steps), 0)
    const { length = longest } = options
    if (!Number.isInteger(length) || length < longest) {
      throw rangeError(operation, 'the length is a whole number, and no sequence is longer', `${written(length)} for one of ${longest}`)
    }
    const dtype = rows.reduce<DType>((common, { type }) => (type === common ? common : promote(common, type)), rows[0].type)
    checkFit(operation, value, dtype)
    const padded = rows.map((row, i) => {
      const missing = length - lengths[i]
      const steps = side === 'end' ? ([0, missing] as const) : ([missing, 0] as const)
      return pad(cast(row, dtype), [steps, ...row.dims.slice(1).map(() => [0, 0] as const)], { value })
    })
    return { data: stack(padded), lengths: tensor(Int32Array.from(lengths)) }
  },
)
