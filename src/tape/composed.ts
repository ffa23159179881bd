import { refuseSurplus } from '../errors.ts'
import { inScope, scoped } from '../tensor/scope.ts'
import { tensorsIn } from '../tensor/walk.ts'

/**
 * Makes of a function of several operations one that, called outside every scope, frees what it made on the way. Models print and errors show
 * the name, which bundlers would change. It takes `most` arguments.
 */
export function composed<F extends (...args: never[]) => unknown>(name: string, most: number, f: F): F {
  const composition = (...args: Parameters<F>): unknown => {
    if (args.length > most) refuseSurplus(name, most, args)
    return inScope() ? f(...args) : scoped(() => f(...args), tensorsIn)
  }
  Object.defineProperties(composition, { name: { value: name }, length: { value: f.length } })
  return composition as F
}
