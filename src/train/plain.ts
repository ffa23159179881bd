// What callbacks remember, as JSON and tensors: numbers of all kinds, texts, booleans, null, lists, records, typed arrays, tensors.
import { kindOf, typeError } from '../errors.ts'
import { tensor } from '../tensor/create.ts'
import { isPlain, tagOf } from '../tensor/realm.ts'
import { Tensor } from '../tensor/tensor.ts'

/** What JSON lacks stands in a record of this one key. */
const SPECIAL = '$'
const DEEPEST = 64

/** The value as JSON has it; its tensors, and typed arrays as tensors of bytes, go into `tensors` by new names. */
export function toPlain(value: unknown, place: string, tensors: Map<string, Tensor>, depth = 0): unknown {
  const put = (each: Tensor) => {
    const name = `values.${tensors.size}`
    tensors.set(name, each)
    return name
  }
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
  if (typeof value === 'number')
    return Number.isFinite(value) && !Object.is(value, -0) ? value : { [SPECIAL]: Object.is(value, -0) ? '-0' : `${value}` }
  if (value === undefined) return { [SPECIAL]: 'undefined' }
  if (value instanceof Tensor) return { [SPECIAL]: 'tensor', name: put(value) }
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    return { [SPECIAL]: tagOf(value), name: put(tensor(new Uint8Array(bytes))) }
  }
  const within = (each: unknown, key: string | number) => toPlain(each, `${place}.${key}`, tensors, depth + 1)
  if (depth < DEEPEST && Array.isArray(value)) return value.map(within)
  if (depth < DEEPEST && isPlain(value)) {
    const entries = Object.entries(value).map(([key, each]): [string, unknown] => [key, within(each, key)])
    return SPECIAL in value ? { [SPECIAL]: 'record', entries } : Object.fromEntries(entries)
  }
  throw typeError(
    'train',
    `${place} cannot be saved`,
    depth < DEEPEST ? `${kindOf(value)} came` : 'it lies too deep, or in itself',
    'A state is made of numbers, texts, booleans, lists, records, typed arrays and tensors.',
  )
}

/** The inverse. */
export function fromPlain(value: unknown, tensors: ReadonlyMap<string, Tensor>): unknown {
  if (Array.isArray(value)) return value.map(each => fromPlain(each, tensors))
  if (typeof value !== 'object' || value === null) return value
  if (!(SPECIAL in value)) return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fromPlain(each, tensors)]))
  const { [SPECIAL]: kind, name, entries } = value as { [SPECIAL]: string; name: string; entries: [string, unknown][] }
  if (kind === 'record') return Object.fromEntries(entries.map(([key, each]) => [key, fromPlain(each, tensors)]))
  if (kind === 'undefined') return undefined
  const found = tensors.get(name)
  if (!found) return Number(kind)
  if (kind === 'tensor') return found
  const View = (globalThis as unknown as Record<string, new (bytes: ArrayBufferLike) => unknown>)[kind]
  return new View(new Uint8Array(found.data() as Uint8Array).buffer)
}
