// What may have to wait: the same code runs at once where nothing does, and goes on later where something does.
import { retell, written } from '../errors.ts'
import { isThenable } from '../tensor/realm.ts'
import { allSince, madeSince, mark, scoped } from '../tensor/scope.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { tensorsIn } from '../tensor/walk.ts'

/** It, or a promise of it. */
export type Later<T> = T | Promise<T>

/** Code that yields what it waits for, and is given what that resolves to. */
export type Steps<T> = Generator<PromiseLike<unknown>, T, unknown>

/** Runs such code: the result, or a promise of it as soon as there is something to wait for. */
export function drive<T>(steps: Steps<T>, at: IteratorResult<PromiseLike<unknown>, T> = steps.next()): Later<T> {
  if (at.done) return at.value
  return Promise.resolve(at.value).then(
    value => drive(steps, steps.next(value)),
    error => drive(steps, steps.throw(error)),
  )
}

/** Nobody has to catch it. */
export function unheard(pending: unknown): void {
  if (isThenable(pending)) pending.then(undefined, () => {})
}

/** What `f` gives: what else it made is freed, but for what a promise may still use, which the garbage collector frees. */
export function withoutRest<T>(f: () => T): T {
  return withOwned(f).value
}

/** What `make` gives, and those of its tensors that were made for it and go with it. */
export function withOwned<T>(make: () => T): { readonly value: T; readonly own: readonly Tensor[] } {
  const start = { at: 0 }
  return scoped(
    () => {
      start.at = mark()
      const value = make()
      return { value, own: isThenable(value) ? [] : tensorsIn(value).filter(each => madeSince(start.at, each)) }
    },
    ({ value, own }) => (isThenable(value) ? allSince(start.at) : own),
  )
}

/** An error of an observation says of which. What cannot be told anew is the cause of one that says it. */
export function blamed(error: unknown, at: number): Error {
  const said = error instanceof Error ? error.message.replace(/^DataLoader: (observation \d+: )?/, '') : written(error)
  const text = `DataLoader: observation ${at}: ${said}`
  try {
    if (error instanceof Error) return retell(error, text)
  } catch {
    // That of an abort has a message that cannot be assigned.
  }
  return new Error(text, { cause: error })
}
