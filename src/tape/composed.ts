import { enter, inScope, leave } from '../tensor/scope.ts'
import { tensorsIn } from '../tensor/walk.ts'

/** Makes of a function of several operations one that, called outside every scope, frees what it made on the way. */
export function composed<F extends (...args: never[]) => unknown>(f: F): F {
  const scoped = (...args: Parameters<F>): unknown => {
    if (inScope()) return f(...args)
    const start = enter()
    let result: unknown
    try {
      result = f(...args)
      return result
    } finally {
      leave(start, tensorsIn(result))
    }
  }
  Object.defineProperties(scoped, { name: { value: f.name }, length: { value: f.length } })
  return scoped as F
}
