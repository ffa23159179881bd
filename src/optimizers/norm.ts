import { Storage } from '../tensor/storage.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { sumsOfSquares } from '../wasm/kernels.generated.ts'
import { behind } from '../wasm/kinds.ts'
import { memory } from '../wasm/memory.ts'
import { RECORD, writeRecords } from './records.ts'

/** Elements whose squares the kernel adds up. */
const BLOCK = 4096

/**
 * The norm of all elements of all tensors, in double precision. The kernel adds up blocks, and the blocks are added in their order, so that the
 * bits depend on the shapes alone.
 */
export function globalNorm(tensors: readonly Tensor[]): number {
  const most = tensors.reduce((blocks, { count }) => blocks + Math.ceil(count / BLOCK), 0)
  const sums = new Storage(8 * most + tensors.length * RECORD)
  try {
    const records = behind(sums.pointer, 8 * most)
    const blocks = writeRecords(records, tensors, BLOCK)
    sumsOfSquares(records, tensors.length, sums.pointer, blocks, BLOCK)
    let sum = 0
    for (const each of new Float64Array(memory.buffer, sums.pointer, blocks)) sum += each
    return Math.sqrt(sum)
  } finally {
    sums.drop()
  }
}
