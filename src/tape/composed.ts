import { refuseSurplus } from '../errors.ts'
import { enter, inScope, leave } from '../tensor/scope.ts'
import { tensorsIn } from '../tensor/walk.ts'

/**
 * Makes of a function of several operations one that, called outside every scope, frees what it made on the way. Models print and errors show
 * the name, which bundlers would change. It takes `most` arguments.
 */
export function composed<F extends (...args: never[]) => unknown>(name: string, most: number, f: F): F {
  const scoped = (...args: Parameters<F>): unknown => {
    if (args.length > most) refuseSurplus(name, most, args)
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
