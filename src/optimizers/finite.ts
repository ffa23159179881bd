import type { Tensor } from '../tensor/tensor.ts'
import { notFinite } from '../wasm/kernels.generated.ts'
import { i32, SCRATCH } from '../wasm/memory.ts'
import { overAll } from './records.ts'

/** The first pair whose gradient holds a NaN or an infinity, by one kernel call over all; undefined: none does. */
export function firstNotFinite<Pair extends readonly [x: Tensor, g: Tensor]>(pairs: readonly Pair[]): Pair | undefined {
  const { status } = SCRATCH
  const gradients = pairs.map(([, g]) => g)
  i32[status >>> 2] = 0
  overAll(gradients, 1, (segments, units) => notFinite(segments, gradients.length, status, units))
  return pairs[i32[status >>> 2] - 1]
}
