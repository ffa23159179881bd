import { enter, inScope, leave } from '../tensor/scope.ts'
import { tensorsIn } from '../tensor/walk.ts'

/**
 * Makes of a function of several operations one that, called outside every scope, frees what it made on the way. Models print and errors show
 * the name, which bundlers would change.
 */
export function composed<F extends (...args: never[]) => unknown>(name: string, f: F): F {
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
  Object.defineProperties(scoped, { name: { value: name }, length: { value: f.length } })
  return scoped as F
}
