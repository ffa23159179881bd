import { checkFunction, kindOf, refuseSurplus, typeError } from '../errors.ts'
import { type Owned, scoped } from '../tensor/scope.ts'
import { Tensor } from '../tensor/tensor.ts'
import { ownedIn } from '../tensor/walk.ts'
import { refusePromise } from './gradient.ts'

/**
 * Runs `f` and frees every tensor made in it, but for those in what it returns and those given to `keep`. Throws TypeError if it returns a
 * promise.
 * @example scope(() => tensor([1, 2]).mul(2).sum().item()) // 6
 */
export function scope<T>(f: () => T extends PromiseLike<unknown> ? 'a function that is not async' : T): T
export function scope<T>(f: () => T): T {
  if (arguments.length > 1) refuseSurplus('scope', 1, arguments)
  checkFunction('scope', 'what runs in it', f)
  return scoped(f, survivors)
}

function survivors(value: unknown): Iterable<Owned> {
  refusePromise('scope', value)
  return ownedIn(value)
}

/**
 * Takes a tensor, or all in a list, a tree or a model, out of the hands of every scope: they live until `dispose` or the garbage collector ends
 * them. Returns what it was given. Throws TypeError for what holds no tensor, ReleasedError for a tensor that has ended.
 *
 * @example
 * const found = []
 * scope(() => void found.push(keep(tensor([1, 2]))))
 * found[0].toArray() // [1, 2]
 */
export function keep<T>(value: T): T {
  if (arguments.length > 1) refuseSurplus('keep', 1, arguments)
  const found = ownedIn(value)
  if (found.length === 0 && !Array.isArray(value)) {
    throw typeError('keep', 'there is no tensor in it', `${kindOf(value)} came`, 'Pass a tensor, or a list, an object or a model.')
  }
  for (const each of found) if (each instanceof Tensor) each.check('keep')
  for (const each of found) each.kept = 'user'
  return value
}
