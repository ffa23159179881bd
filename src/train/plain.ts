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
    return Object.hasOwn(value, SPECIAL) ? { [SPECIAL]: 'record', entries } : Object.fromEntries(entries)
  }
  throw typeError(
    'train',
    `${place} cannot be saved`,
    depth < DEEPEST ? `${kindOf(value)} came` : 'it lies too deep, or in itself',
    'A state is made of numbers, texts, booleans, lists, records, typed arrays and tensors.',
  )
}

/** The names of typed arrays, the one kind of value that is looked up by its name. */
const VIEW = /^((Big)?(Ui|I)nt\d+(Clamped)?Array|Float\d+Array|DataView)$/

/** The inverse, of what anybody may have written: throws for what is none. */
export function fromPlain(value: unknown, tensors: ReadonlyMap<string, Tensor>, depth = 0): unknown {
  const within = (each: unknown) => fromPlain(each, tensors, depth + 1)
  const record = (entries: readonly [string, unknown][]) => Object.fromEntries(entries.map(([key, each]) => [key, within(each)]))
  if (typeof value !== 'object' || value === null) return value
  if (depth > DEEPEST) throw typeError('train', 'a value lies too deep')
  if (Array.isArray(value)) return value.map(within)
  if (!Object.hasOwn(value, SPECIAL)) return record(Object.entries(value))
  const { [SPECIAL]: kind, name, entries } = value as { [SPECIAL]: string; name: string; entries: [string, unknown][] }
  if (kind === 'record') return record(entries)
  if (kind === 'undefined') return undefined
  const found = tensors.get(name)
  if (found && kind === 'tensor') return found
  if (found && VIEW.test(kind)) {
    const View = (globalThis as unknown as Record<string, new (bytes: ArrayBufferLike) => unknown>)[kind]
    return new View(new Uint8Array(found.data() as Uint8Array).buffer)
  }
  if (/^(-0|NaN|-?Infinity)$/.test(kind)) return Number(kind)
  throw typeError('train', `there is no value ${kind}`)
}
