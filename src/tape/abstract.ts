import { typeError } from '../errors.ts'
import { takeStreams, withRandomness } from '../tensor/random.ts'
import { scoped } from '../tensor/scope.ts'
import { withoutMemory } from '../tensor/storage.ts'
import { heard } from '../wasm/pool.ts'
import { withoutEffects } from './effects.ts'
import { unrecorded } from './level.ts'

/**
 * Runs `f` for the shapes alone: operations check and infer them, but take no memory, and no kernel runs; random numbers and buffers stay as
 * they are. `multiplied` is told of products of matrices. Throws TypeError in the name of the operation where elements are read that were not
 * computed, also later.
 */
export function abstractly<T>(operation: string, f: () => T, multiplied?: (count: number) => void): T {
  const refuse = (): never => {
    throw typeError(operation, 'elements are read where shapes alone are computed', '', 'Call the model with a tensor.')
  }
  const silent = () => {}
  const by = { met: silent, allocated: silent, dropped: silent, touched: silent, ...(multiplied && { multiplied }) }
  const alone = () => withoutEffects(() => unrecorded(() => withRandomness({ ...takeStreams(0) }, f)))
  // The scope ends within, so that what is freed is known to be.
  return withoutMemory(by, refuse, () =>
    heard(
      () => false,
      () => scoped(alone),
    ),
  )
}
