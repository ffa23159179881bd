import { refuseSurplus } from '../errors.ts'
import { convert } from '../tensor/convert.ts'
import { isMap, isSet, tagOf } from '../tensor/realm.ts'
import { make, Tensor } from '../tensor/tensor.ts'
import { isContainer, isForeign, refusesForeign } from '../tensor/walk.ts'

/** How a callable is made again, with the fields that it has or with copies of them. */
export const CLONE: unique symbol = Symbol.for('fluxtape.clone')

/**
 * A copy of a model, a layer, an array, an object, a Map, a tensor: its tensors new, its paths the same, tied tensors tied. Functions that
 * are no layers, dates and promises are taken as they are. What is frozen stays so, and layers stay in the mode that `trainMode` or `testMode` gave them.
 *
 * @example
 * const model = Dense(2, 1)
 * clone(model).weight === model.weight // false
 */
export function clone<T>(model: T): T {
  if (arguments.length > 1) refuseSurplus('clone', 1, arguments)
  return copied('clone', model, copyTensor)
}

/** A copy of a model with what `ofTensor` gives in the place of each of its tensors. */
export function copied<T>(operation: string, model: T, ofTensor: (tensor: Tensor) => Tensor): T {
  const copies = new Map<unknown, unknown>()
  const unfilled: object[] = []
  // A copy is noted before it is filled, so that a cycle comes back to it, and filled later, so that depth does not matter.
  const copy = (value: unknown): unknown => {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return value
    if (copies.has(value)) return copies.get(value)
    const made = value instanceof Tensor ? ofTensor(value) : madeFor(operation, value)
    copies.set(value, made)
    if (made !== value && isContainer(value)) unfilled.push(value)
    return made
  }
  const made = copy(model)
  for (let value = unfilled.pop(); value; value = unfilled.pop()) fill(copies.get(value) as object, value, copy)
  return made as T
}

/** What no copy of fields makes again. */
const OPAQUE = /^(Date|RegExp|Promise|Weak\w+|\w*ArrayBuffer)$/

/** What is to become the copy: of a typed array it is one, of a container that may still hold the parts of the original. */
function madeFor(operation: string, value: object): object {
  if (isForeign(value)) refusesForeign(operation)(value, 'a tensor in it')
  // Not its own `slice`: that of a Node Buffer shares the bytes, and a DataView has none.
  if (ArrayBuffer.isView(value)) return 'getInt8' in value ? copyDataView(value) : Uint8Array.prototype.slice.call(value)
  if (Array.isArray(value)) return new Array(value.length)
  // With what hangs on it, such as the toJSON of a state.
  if (isMap(value)) return Object.defineProperties(new Map(), Object.getOwnPropertyDescriptors(value))
  if (isSet(value)) return new Set()
  const again = (value as { [CLONE]?: (fields: object) => object })[CLONE]
  if (typeof again === 'function') return again({ ...value })
  return typeof value === 'function' || OPAQUE.test(tagOf(value)) ? value : Object.create(Object.getPrototypeOf(value))
}

function fill(made: object, value: object, copy: (part: unknown) => unknown): void {
  if (isMap(value)) for (const [key, each] of value) (made as Map<unknown, unknown>).set(key, copy(each))
  else if (isSet(value)) for (const each of value) (made as Set<unknown>).add(copy(each))
  // Defined, not assigned: what is called __proto__ is a field like another, and so is what the prototype has a setter for.
  else for (const [key, each] of Object.entries(value)) define(made, key, copy(each))
}

function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
}

function copyDataView({ buffer, byteOffset, byteLength }: ArrayBufferView): DataView {
  return new DataView(buffer.slice(byteOffset, byteOffset + byteLength))
}

/** A tensor of its own with the same elements; not recorded. */
export function copyTensor(x: Tensor): Tensor {
  x.check('clone')
  const y = make(x.dims, x.type, 'clone')
  convert(x, y, 'clone')
  y.frozen = x.frozen
  return y
}
