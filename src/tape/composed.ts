import { refuseLoose, refuseSurplus } from '../errors.ts'
import { inScope, scoped } from '../tensor/scope.ts'
import { tensorsIn } from '../tensor/walk.ts'

/** Not inside of the function that is returned: it would make room for a closure in a scope, too. */
function alone<Args extends never[], T>(f: (...args: Args) => T, args: Args): T {
  return scoped(() => f(...args), tensorsIn)
}

/**
 * Makes of a function of several operations one that, called outside every scope, frees what it made on the way. Models print and errors show
 * the name, which bundlers would change. It takes `most` arguments; of two the second is a list, if `list` says what it is.
 */
export function composed<F extends (...args: never[]) => unknown>(name: string, most: number, f: F, list?: string): F {
  const composition = (...args: Parameters<F>): unknown => {
    if (args.length > most) {
      if (list) refuseLoose(name, list, args, 1)
      refuseSurplus(name, most, args)
    }
    return inScope() ? f(...args) : alone(f, args)
  }
  Object.defineProperties(composition, { name: { value: name }, length: { value: f.length } })
  return composition as F
}
