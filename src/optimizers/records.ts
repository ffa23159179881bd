import type { Tensor } from '../tensor/tensor.ts'
import { i32 } from '../wasm/memory.ts'

/** Bytes of a kernel's record for one tensor. */
export const RECORD = 16

/** Writes the records of a kernel that reads several tensors. Returns how many units of work there are, of `size` elements of a tensor or less. */
export function writeRecords(pointer: number, tensors: readonly Tensor[], size: number): number {
  let units = 0
  for (let i = 0, at = pointer >>> 2; i < tensors.length; i++, at += RECORD / 4) {
    const { count } = tensors[i]
    i32[at] = tensors[i].pointer
    i32[at + 1] = count
    i32[at + 2] = units
    units += Math.ceil(count / size)
  }
  return units
}
