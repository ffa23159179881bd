import { refuseSurplus } from '../errors.ts'
import { scoped } from '../tensor/scope.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { ownedIn } from '../tensor/walk.ts'
import { refusePromise } from './gradient.ts'

/**
 * Runs `f` and frees every tensor made in it, but for those in what it returns and those given to `keep`. Throws TypeError if it returns a
 * promise.
 * @example scope(() => tensor([1, 2]).mul(2).sum().item()) // 6
 */
export function scope<T>(f: () => T): T {
  if (arguments.length > 1) refuseSurplus('scope', 1, arguments)
  return scoped(() => {
    const value = f()
    refusePromise('scope', value)
    return value
  }, ownedIn)
}

/**
 * Takes a tensor out of the hands of every scope: it lives until `dispose` or the garbage collector ends it. Returns it.
 *
 * @example
 * const found = []
 * scope(() => void found.push(keep(tensor([1, 2]))))
 * found[0].toArray() // [1, 2]
 */
export function keep<T extends Tensor>(tensor: T): T {
  if (arguments.length > 1) refuseSurplus('keep', 1, arguments)
  tensor.kept = 'user'
  return tensor
}
