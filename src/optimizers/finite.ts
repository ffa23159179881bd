import { Storage } from '../tensor/storage.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { notFinite } from '../wasm/kernels.generated.ts'
import type { Address } from '../wasm/kinds.ts'
import { i32, SCRATCH } from '../wasm/memory.ts'
import { RECORD, writeRecords } from './records.ts'

/** Which of several gradients is the first that holds a NaN or an infinity; -1: none does. */
export function firstNotFinite(gradients: readonly Tensor[]): number {
  const records = new Storage(gradients.length * RECORD)
  try {
    return firstIn(records.pointer, gradients.length, RECORD, 0, writeRecords(records.pointer, gradients, 1))
  } finally {
    records.drop()
  }
}

/** The same of records that are there already, of `size` bytes with the address at the byte `at`. */
export function firstIn(records: Address, count: number, size: number, at: number, units: number): number {
  const { status } = SCRATCH
  i32[status >>> 2] = 0
  notFinite(records, count, size, at, status, units)
  return i32[status >>> 2] - 1
}
