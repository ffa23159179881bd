// What is saved, whatever the format: tensors by name, and texts.
import { FormatError, kindOf, noTensor, rangeError, typeError, written } from '../errors.ts'
import type { TypedArray } from '../tensor/dtype.ts'
import { isMap, isPlain, isThenable } from '../tensor/realm.ts'
import type { Shape } from '../tensor/shape.ts'
import { make, Tensor } from '../tensor/tensor.ts'
import { hasHalfPair, quote } from './json.ts'
import { tensorsOf } from './state.ts'
import { readElements, type StoredType, storedTypes } from './stored.ts'

/** Texts by name. */
export type Metadata = ReadonlyMap<string, string> | Readonly<Record<string, string>>

/** The type that float32 is stored as. */
export type StoredDType = 'float32' | 'float16' | 'bfloat16'

/** A tensor, or a whole number as one, that is to be saved. */
export interface Item {
  readonly name: string
  readonly type: StoredType
  readonly shape: Shape
  readonly view: TypedArray
}

export const DAMAGED = 'The file is damaged, or its writer made a mistake.'

const HALVES: Readonly<Record<string, string>> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' }

/**
 * The tensors of a model, a Params, or a Map or plain object of tensors and whole numbers. Throws TypeError where there are none, for an unknown
 * dtype and a name with half a surrogate pair, RangeError for a number that is no int32, ReleasedError for a released tensor.
 */
export function itemsOf(operation: string, source: unknown, dtype: StoredDType | undefined): Item[] {
  if (dtype !== undefined && !Object.keys(HALVES).includes(dtype)) {
    throw typeError(operation, `dtype is ${Object.keys(HALVES).join(', ')}`, `${written(dtype)} came`, 'Other types stay as they are.')
  }
  const typeOf = (type: string) =>
    storedTypes.find(each => (type === 'float32' && dtype ? each.safetensors === HALVES[dtype] : each.isSame && each.dtype === type))
  return named(operation, source).map(([name, value]) => {
    if (hasHalfPair(name)) throw typeError(operation, 'a name has half a surrogate pair', quote(name))
    if (value instanceof Tensor) {
      value.check(operation)
      return { name, type: typeOf(value.type) as StoredType, shape: value.dims, view: value.view() }
    }
    if (value === (value | 0)) return { name, type: typeOf('int32') as StoredType, shape: [], view: Int32Array.of(value) }
    throw rangeError(operation, `${quote(name)} is no whole number of 32 bits`, `${value}`, 'Numbers are saved as int32; make it a tensor.')
  })
}

/** How many bytes an item takes in a file. */
export function lengthOf({ view, type }: Item): number {
  return view.length * type.bytes
}

function named(operation: string, source: unknown): [string, Tensor | number][] {
  const entries: [unknown, unknown][] = isMap(source) ? [...source] : isPlain(source) ? Object.entries(source) : []
  const [name, early] = entries.find(([, value]) => isThenable(value)) ?? []
  if (early) throw noTensor(operation, early, `for ${written(name)}`)
  const flat = entries.every(([name, value]) => typeof name === 'string' && (value instanceof Tensor || typeof value === 'number'))
  if (flat && (entries.length > 0 || isMap(source))) return entries as [string, Tensor | number][]
  const tensors = [...tensorsOf(operation, source).found]
  if (tensors.length > 0) return tensors
  throw typeError(operation, 'there is no tensor in it', '', 'Pass a model, or what state(model) or optimizerState(opt, ps) gives.')
}

/** The texts that are saved with the tensors. Throws TypeError for what are none. */
export function textsOf(operation: string, metadata: Metadata | undefined): [key: string, text: string][] {
  if (metadata === undefined) return []
  if (!isMap(metadata) && !isPlain(metadata)) {
    throw typeError(operation, 'metadata are texts by name, an object or a Map', `${written(metadata)} came`)
  }
  return [...(isMap(metadata) ? metadata : new Map<unknown, unknown>(Object.entries(metadata)))].map(([key, value]) => {
    if (typeof key !== 'string' || typeof value !== 'string') {
      const came = `${kindOf(value)} came for ${written(key)}`
      throw typeError(operation, 'metadata are texts by name', came, 'Write it as text, or JSON.stringify it.')
    }
    if (hasHalfPair(key + value)) throw typeError(operation, 'metadata have half a surrogate pair', quote(key))
    return [key, value]
  })
}

/** The tensor for the bytes that a file has of it; `order` as in `readElements`. Throws FormatError for what a tensor cannot hold. */
export function readTensor(
  operation: string,
  { name, type, shape }: Pick<Item, 'name' | 'type' | 'shape'>,
  bytes: Uint8Array,
  isLittle = true,
  order?: () => number,
): Tensor {
  const misfit = (problem: string, value: number, i: number, wayOut: string) =>
    new FormatError({ operation, problem: `${problem} in ${quote(name)}`, came: `${value}, element ${i}`, wayOut })
  const odd = type.dtype === 'bool' ? bytes.findIndex(each => each > 1) : -1
  if (odd >= 0) throw misfit('a bool is neither 0 nor 1', bytes[odd], odd, DAMAGED)
  const tensor = make(shape, type.dtype, operation)
  const unfit = readElements(type, bytes, isLittle, tensor.view(), order)
  if (unfit === undefined) return tensor
  tensor.dispose()
  throw misfit('a whole number does not fit into int32', unfit.value, unfit.at, 'Write the file with smaller numbers, or as float64.')
}
