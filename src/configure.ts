import { isRecording } from './tape/level.ts'
import { useBest, useVariant, type Variant, variant } from './wasm/module.ts'

export interface Configuration {
  /** Use the kernels whose bits are the same in every runtime; false: the fastest that this runtime has. */
  readonly deterministic?: boolean
}

/**
 * Chooses the kernels. `deterministic: true` takes the baseline variant, whose results have the same bits in every runtime; false the best one.
 * Returns the variant in use. Throws TypeError while a gradient is being taken.
 */
export async function configure({ deterministic = false }: Configuration): Promise<Variant> {
  if (isRecording()) throw new TypeError('configure: a gradient is being taken. Call it before or after.')
  if (deterministic) useVariant('baseline')
  else useBest()
  return variant()
}
