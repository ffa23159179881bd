import { Storage } from '../tensor/storage.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { notFinite } from '../wasm/kernels.generated.ts'
import { i32, SCRATCH } from '../wasm/memory.ts'
import { RECORD, writeRecords } from './records.ts'

/** The first pair whose gradient holds a NaN or an infinity, by one kernel call over all; undefined: none does. */
export function firstNotFinite<Pair extends readonly [x: Tensor, g: Tensor]>(pairs: readonly Pair[]): Pair | undefined {
  const gradients = pairs.map(pair => pair[1])
  const records = new Storage(pairs.length * RECORD)
  const { status } = SCRATCH
  try {
    const units = writeRecords(records.pointer, gradients, 1)
    i32[status >>> 2] = 0
    notFinite(records.pointer, pairs.length, status, units)
  } finally {
    records.drop()
  }
  return pairs[i32[status >>> 2] - 1]
}
