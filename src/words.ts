// How errors name what came. Without state, so that the datasets, a bundle of their own, may have it too.

/** Under this symbol every tensor has the mark of its copy of the library. */
export const TENSOR: unique symbol = Symbol.for('fluxtape.tensor')
export const COPY = {}

/** What kind of thing came where another was wanted: `a promise`, `null`, `an array`, `a tensor`, `a Map`, `string`. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  const copy = (Object(value) as { [TENSOR]?: object })[TENSOR]
  if (copy) return copy === COPY ? 'a tensor' : 'a tensor of another copy of fluxtape'
  if (typeof (value as { then?: unknown } | undefined)?.then === 'function') return 'a promise'
  const tag = Object.prototype.toString.call(value).slice(8, -1)
  const isPlain = typeof value === 'function' ? !/.Function$/.test(tag) : typeof value !== 'object' || tag === 'Object'
  return isPlain ? typeof value : `${/^[AEIO]/.test(tag) ? 'an' : 'a'} ${tag}`
}

/** A value as an argument was written, where that is short; else its kind. */
export function written(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 40)}'`
  if (typeof value === 'function') return value.name || 'a function'
  return Object(value) === value ? kindOf(value) : String(value)
}
