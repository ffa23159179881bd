import { Storage } from '../tensor/storage.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { i32 } from '../wasm/memory.ts'

/** Bytes of a kernel's record for one tensor. */
const RECORD = 16

/**
 * Calls a kernel that reads several tensors: with the address of their records, and how many units of work there are, of `size` elements of one
 * tensor each, or of what is left.
 */
export function overAll(tensors: readonly Tensor[], size: number, f: (segments: number, units: number) => void): void {
  const records = new Storage(tensors.length * RECORD)
  try {
    let units = 0
    for (let i = 0, at = records.pointer >>> 2; i < tensors.length; i++, at += RECORD / 4) {
      const { pointer, count } = tensors[i]
      i32[at] = pointer
      i32[at + 1] = count
      i32[at + 2] = units
      units += Math.ceil(count / size)
    }
    f(records.pointer, units)
  } finally {
    records.drop()
  }
}
