import { Storage } from '../tensor/storage.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { notFinite } from '../wasm/kernels.generated.ts'
import { i32, SCRATCH } from '../wasm/memory.ts'

/** Bytes of a kernel's record for one gradient. */
const RECORD = 16

/** The first pair whose gradient holds a NaN or an infinity, by one kernel call over all; undefined: none does. */
export function firstNotFinite<Pair extends readonly [x: Tensor, g: Tensor]>(pairs: readonly Pair[]): Pair | undefined {
  const records = new Storage(pairs.length * RECORD)
  const status = SCRATCH.status >>> 2
  try {
    let total = 0
    for (let i = 0, at = records.pointer >>> 2; i < pairs.length; i++, at += RECORD / 4) {
      const g = pairs[i][1]
      i32[at] = g.pointer
      i32[at + 1] = g.count
      i32[at + 2] = total
      total += g.count
    }
    i32[status] = 0
    notFinite(records.pointer, pairs.length, SCRATCH.status, total)
  } finally {
    records.drop()
  }
  return pairs[i32[status] - 1]
}
