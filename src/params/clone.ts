import { convert } from '../tensor/convert.ts'
import { make, Tensor } from '../tensor/tensor.ts'

/** How a callable is made again from copies of its fields. */
export const CLONE: unique symbol = Symbol.for('fluxtape.clone')

/**
 * A copy of a model, a layer, an array, an object, a Map, a tensor: its tensors new, its paths the same, tied tensors tied. Functions that
 * are no layers are taken as they are.
 */
export function clone<T>(model: T): T {
  const copies = new Map<unknown, unknown>()
  const copy = (value: unknown): unknown => {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return value
    if (copies.has(value)) return copies.get(value)
    const made = copyOne(value)
    copies.set(value, made)
    return made
  }
  const fieldsOf = (value: object) => Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copy(each)]))
  const copyOne = (value: object): unknown => {
    if (value instanceof Tensor) return copyTensor(value)
    if (ArrayBuffer.isView(value)) return (value as Uint8Array).slice()
    if (Array.isArray(value)) return value.map(copy)
    if (value instanceof Map) return new Map([...value].map(([key, each]) => [key, copy(each)]))
    if (value instanceof Set) return new Set([...value].map(copy))
    const again = (value as { [CLONE]?: (fields: object) => unknown })[CLONE]
    if (typeof again === 'function') return again(fieldsOf(value))
    if (typeof value === 'function') return value
    return Object.assign(Object.create(Object.getPrototypeOf(value)), fieldsOf(value))
  }
  return copy(model) as T
}

/** A tensor of its own with the same elements; not recorded. */
export function copyTensor(x: Tensor): Tensor {
  x.check('clone')
  const y = make(x.shape, x.dtype)
  convert(x, y)
  y.frozen = x.frozen
  return y
}
