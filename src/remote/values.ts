// Values on their way to another thread: what `postMessage` clones goes as it is, tensors, errors, functions and signals as what they are made of.
// Their places are empty objects in the message, which stay the same ones on the other side.
import { state } from '../io/state.ts'
import { tensor } from '../tensor/create.ts'
import type { DType } from '../tensor/dtype.ts'
import { isMap, isPlain, isSet, tagOf } from '../tensor/realm.ts'
import { Tensor } from '../tensor/tensor.ts'
import { skip, stop } from '../train/step.ts'
import { TENSOR, typeError } from '../words.ts'
import { errorOf, fillError, isError, partsOfError, type WrittenError } from './errors.ts'

type Written =
  | readonly [place: object, kind: 'tensor', parts: readonly [data: ArrayBufferView, shape: readonly number[], dtype: DType]]
  | readonly [place: object, kind: 'error', parts: WrittenError]
  | readonly [place: object, kind: 'signal', parts: readonly [index: number, isAborted: boolean, reason: unknown]]
  | readonly [place: object, kind: 'state' | 'kept' | 'function' | 'iterable' | 'answer', parts: unknown]

export interface Packed {
  readonly value: unknown
  readonly written: readonly Written[]
}

/** What a side makes of what cannot be cloned, and of what it was sent before. */
export interface Sender {
  /** The number of a function that the other side may call; left out: it may call none. */
  functionOf?(f: unknown): number
  signalOf?(signal: AbortSignal): number
  /** The number of an object that came from there, so that it gets its own back. */
  keptOf?(value: object): unknown
  /** Leave out what cannot cross, instead of throwing? */
  readonly isLenient?: boolean | undefined
}

const ANSWERS: readonly unknown[] = [stop, skip]
const LIVES = 'It lives in its own thread: make it there, and send what it is made of, such as state(model).'

/** A message of a value, which `what` calls by name; throws TypeError for what cannot cross. */
export function pack(value: unknown, what: string, sender: Sender): Packed & { transfer: ArrayBuffer[]; foreign: [string, unknown][] } {
  const written: Written[] = []
  const transfer: ArrayBuffer[] = []
  const foreign: [string, unknown][] = []
  const copies = new Map<unknown, unknown>()
  const put = (value: unknown, kind: Written[1], parts: (place: object) => unknown): object => {
    const place = {}
    copies.set(value, place)
    written.push([place, kind, parts(place)] as unknown as Written)
    return place
  }
  const refuse = (path: string, came: string): undefined => {
    if (sender.isLenient) return
    throw typeError('inWorker', `${path} cannot cross to another thread`, `it is ${came}`, LIVES)
  }
  /** `lenient` for what an error has beside its message, which may be anything. */
  const visit = (value: unknown, path: string): unknown => {
    if (copies.has(value)) return copies.get(value)
    if (ANSWERS.includes(value)) return put(value, 'answer', () => ANSWERS.indexOf(value))
    if (typeof value === 'symbol') return refuse(path, String(value))
    if (typeof value === 'function') {
      if (holdsTensors(value)) return refuse(path, 'a model or a layer')
      return sender.functionOf ? put(value, 'function', () => sender.functionOf?.(value)) : refuse(path, 'a function')
    }
    return typeof value === 'object' && value !== null ? visitObject(value, path) : value
  }
  const visitObject = (value: object, path: string): unknown => {
    const kept = sender.keptOf?.(value)
    if (kept !== undefined) return put(value, 'kept', () => kept)
    if (value instanceof Tensor) return put(value, 'tensor', () => partsOfTensor(value))
    if (TENSOR in value) return refuse(path, 'a tensor of another copy of fluxtape')
    if (isError(value)) {
      const lenient = (field: unknown) => leniently(() => visit(field, path))
      return put(value, 'error', () => partsOfError(value, lenient))
    }
    if (value instanceof AbortSignal) {
      if (!sender.signalOf) return refuse(path, 'an AbortSignal')
      const reason = value.aborted ? visit(value.reason, path) : undefined
      return put(value, 'signal', () => [sender.signalOf?.(value), value.aborted, reason])
    }
    if (isIterable(value)) return sender.functionOf ? refuse(path, 'an async iterable') : put(value, 'iterable', () => undefined)
    return visitContainer(value, path)
  }
  const visitContainer = (value: object, path: string): unknown => {
    if (Array.isArray(value)) {
      const copy: unknown[] = []
      copies.set(value, copy)
      for (let i = 0; i < value.length; i++) copy.push(visit(value[i], `${path}[${i}]`))
      return copy
    }
    if (isMap(value)) {
      const copy = new Map()
      copies.set(value, copy)
      for (const [key, each] of value) copy.set(visit(key, path), visit(each, `${path}.get(${String(key)})`))
      return 'toJSON' in value ? put(value, 'state', () => copy) : copy
    }
    if (isSet(value)) {
      const copy = new Set()
      copies.set(value, copy)
      for (const each of value) copy.add(visit(each, path))
      return copy
    }
    if (isPlain(value)) {
      const copy: Record<string, unknown> = {}
      copies.set(value, copy)
      for (const [key, each] of Object.entries(value)) copy[key] = visit(each, `${path}.${key}`)
      return copy
    }
    if (tagOf(value) === 'Object') return refuse(path, `of the class ${value.constructor?.name || 'of its own'}`)
    if (tagOf(value) === 'Promise' || value instanceof WeakMap) return refuse(path, `a ${tagOf(value)}`)
    if (ArrayBuffer.isView(value) && tagOf(value.buffer) === 'SharedArrayBuffer' && 'slice' in value) return copyOfView(value)
    foreign.push([path, value])
    return value
  }
  const leniently = (f: () => unknown): unknown => {
    try {
      return f()
    } catch {
      return undefined
    }
  }
  const partsOfTensor = (value: Tensor) => {
    const data = value.data()
    transfer.push(data.buffer as ArrayBuffer)
    return [data, value.shape, value.dtype]
  }
  return { value: visit(value, what), written, transfer, foreign }
}

/** What is shared by its memory, as a tensor's view, crosses by value. */
function copyOfView(view: ArrayBufferView): unknown {
  return (view as Uint8Array).slice()
}

/** An async generator or the like; a DataLoader, which is iterated where it lives, is none. */
export function isIterable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Symbol.asyncIterator in value && !('getReader' in value) && !(Symbol.iterator in value)
}

function holdsTensors(f: object): boolean {
  if (Object.keys(f).length === 0) return false
  try {
    return state(f).size > 0
  } catch {
    return true
  }
}

/** What a side makes of what it was sent. */
export interface Receiver {
  function?(index: number): unknown
  signal?(index: number): AbortController
  kept?(which: unknown): unknown
  iterable?(): unknown
}

/** The value of a message. */
export function unpack({ value, written }: Packed, receiver: Receiver): unknown {
  if (written.length === 0) return value
  const known = new Map<unknown, unknown>()
  const seen = new Set<unknown>()
  const walk = (value: unknown): unknown => {
    if (known.has(value)) return known.get(value)
    if (typeof value !== 'object' || value === null || seen.has(value)) return value
    seen.add(value)
    if (Array.isArray(value)) for (let i = 0; i < value.length; i++) value[i] = walk(value[i])
    else if (value instanceof Map) {
      const entries = [...value]
      value.clear()
      for (const [key, each] of entries) value.set(walk(key), walk(each))
    } else if (value instanceof Set) {
      const all = [...value]
      value.clear()
      for (const each of all) value.add(walk(each))
    } else if (isPlain(value)) for (const key of Object.keys(value)) value[key] = walk(value[key])
    return value
  }
  for (const each of written) known.set(each[0], revived(each, receiver))
  // What they hold may be of their kind, too, and may hold them in turn.
  for (const [place, kind, parts] of written) {
    if (kind === 'error') fillError(known.get(place) as Error, parts, walk)
    if (kind === 'state') known.set(place, stateOf(walk(parts)))
    if (kind === 'signal' && parts[1]) receiver.signal?.(parts[0]).abort(walk(parts[2]))
  }
  return walk(value)
}

function revived([, kind, parts]: Written, receiver: Receiver): unknown {
  switch (kind) {
    case 'tensor':
      return tensor(parts[0] as Float32Array, parts[1], { dtype: parts[2] })
    case 'error':
      return errorOf(parts)
    case 'signal':
      return receiver.signal?.(parts[0]).signal
    case 'function':
      return receiver.function?.(parts as number)
    case 'kept':
      return receiver.kept?.(parts)
    case 'iterable':
      return receiver.iterable?.()
    case 'answer':
      return ANSWERS[parts as number]
    case 'state':
      return parts
  }
}

/** A Map of tensors that JSON can write, as `state` makes it. */
function stateOf(tensors: unknown): unknown {
  return state(tensors)
}
