import { convert } from '../tensor/convert.ts'
import { make, Tensor } from '../tensor/tensor.ts'

/** How a callable is made again from copies of its fields. */
export const CLONE: unique symbol = Symbol.for('fluxtape.clone')

/**
 * A copy of a model, a layer, an array, an object, a Map, a tensor: its tensors new, its paths the same, tied tensors tied. Functions that
 * are no layers are taken as they are.
 *
 * @example
 * const model = Dense(2, 1)
 * clone(model).weight === model.weight // false
 */
export function clone<T>(model: T): T {
  const copies = new Map<unknown, unknown>()
  const copy = (value: unknown): unknown => {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return value
    return copies.has(value) ? copies.get(value) : copyOne(value)
  }
  // A copy is noted before it is filled, so that a cycle comes back to it.
  const note = <C>(value: object, made: C): C => {
    copies.set(value, made)
    return made
  }
  const fill = (made: object, value: object) => {
    for (const [key, each] of Object.entries(value)) (made as Record<string, unknown>)[key] = copy(each)
    return made
  }
  const copyOne = (value: object): unknown => {
    if (value instanceof Tensor) return note(value, copyTensor(value))
    if (ArrayBuffer.isView(value)) return note(value, (value as Uint8Array).slice())
    if (Array.isArray(value)) return fill(note(value, new Array(value.length)), value)
    if (value instanceof Map) {
      const made = note(value, new Map())
      for (const [key, each] of value) made.set(key, copy(each))
      return made
    }
    if (value instanceof Set) {
      const made = note(value, new Set())
      for (const each of value) made.add(copy(each))
      return made
    }
    const again = (value as { [CLONE]?: (fields: object) => unknown })[CLONE]
    if (typeof again === 'function') return note(value, again(fill({}, value)))
    return typeof value === 'function' ? value : fill(note(value, Object.create(Object.getPrototypeOf(value))), value)
  }
  return copy(model) as T
}

/** A tensor of its own with the same elements; not recorded. */
export function copyTensor(x: Tensor): Tensor {
  x.check('clone')
  const y = make(x.dims, x.dtype, 'clone')
  convert(x, y)
  y.frozen = x.frozen
  return y
}
