import { checkBoolean, checkFunction, checkOptions, refuseSurplus, typeError, written } from '../errors.ts'
import type { CallbackObject, EpochRecord, RunContext, StepContext } from './callbacks.ts'
import { stateOf } from './remembered.ts'
import { stop } from './step.ts'
import { checkCount } from './watch.ts'

/**
 * A callback that ends a run once `predicate` has been true `n` times in a row: of the epochs, `(record, run) => boolean`, or with `{ every: 'step' }`
 * of the steps, `({ step, epoch, batch, loss, extras, model }) => boolean`. Throws TypeError for what is no function, and the run rejects with one
 * for what is no boolean, a promise too; RangeError for an `n` that is no whole number from 1.
 *
 * @example
 * const model = Dense(2, 1)
 * const loss = (x, y) => mse(model(x), y)
 * const good = patience(({ loss }) => loss < 1e-3, 3)
 * const { epochs } = await train(loss, params(model), [[zeros([4, 2]), zeros([4, 1])]], Descent(0.1), { epochs: 100, callbacks: good })
 * epochs.length // 3
 */
export function patience(predicate: (context: StepContext) => boolean, n: number, options: { readonly every: 'step' }): CallbackObject
export function patience(
  predicate: (record: EpochRecord, run: RunContext) => boolean,
  n: number,
  options?: { readonly every?: 'epoch' | undefined },
): CallbackObject
export function patience(
  predicate: (...args: never[]) => boolean,
  n: number,
  options: { readonly every?: 'step' | 'epoch' | undefined } = {},
): CallbackObject {
  checkOptions('patience', options, ['every'])
  if (arguments.length > 3) refuseSurplus('patience', 3, arguments)
  checkFunction('patience', 'the first argument', predicate)
  checkCount('patience', 'n', n)
  const { every = 'epoch' } = options
  if (every !== 'step' && every !== 'epoch') throw typeError('patience', "every is 'step' or 'epoch'", `${written(every)} came`)
  let count = 0
  const isOver = () => (count >= n ? stop : undefined)
  const ask = (...args: unknown[]) => {
    const answer: unknown = (predicate as (...args: unknown[]) => unknown)(...args)
    checkBoolean('patience', 'what the function gives', answer)
    count = answer ? count + 1 : 0
    return isOver()
  }
  return {
    onStart: () => void (count = 0),
    [every === 'step' ? 'onStep' : 'onEpoch']: ask,
    state: () => ({ count }),
    load(state) {
      ;({ count } = stateOf<{ count: number }>('patience', state, { count: 'number' }))
      return isOver()
    },
  }
}
