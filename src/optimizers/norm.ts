import { Storage } from '../tensor/storage.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { sumsOfSquares } from '../wasm/kernels.generated.ts'
import { memory } from '../wasm/memory.ts'
import { overAll } from './records.ts'

/** Elements whose squares the kernel adds up. */
const BLOCK = 4096

/**
 * The norm of all elements of all tensors, in double precision. The kernel adds up blocks, and the blocks are added in their order, so that the
 * bits depend on the shapes alone.
 */
export function globalNorm(tensors: readonly Tensor[]): number {
  let sum = 0
  overAll(tensors, BLOCK, (segments, blocks) => {
    const sums = new Storage(8 * blocks)
    try {
      sumsOfSquares(segments, tensors.length, sums.pointer, blocks, BLOCK)
      for (const each of new Float64Array(memory.buffer, sums.pointer, blocks)) sum += each
    } finally {
      sums.drop()
    }
  })
  return Math.sqrt(sum)
}
