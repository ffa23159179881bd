// Values of another realm (an iframe's, Jest's, vm's) are no instances of this one's classes: what they are says their tag.

/** `Map`, `Int32Array`, `Date`. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}

export function isMap(value: unknown): value is Map<unknown, unknown> {
  return isIterable(value) && tagOf(value) === 'Map'
}

export function isSet(value: unknown): value is Set<unknown> {
  return isIterable(value) && tagOf(value) === 'Set'
}

/** Plain objects, of which there are most, need no tag. */
function isIterable(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}

export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

/** Is it an object of no class? */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || (Object.getPrototypeOf(prototype) === null && !Array.isArray(value))
}
