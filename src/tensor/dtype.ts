import { DTypeError, written } from '../errors.ts'

/** The type of a tensor's elements. `float32` is the one that trains; `bool` is stored as bytes of 0 or 1. */
export type DType = 'float32' | 'int32' | 'uint8' | 'bool'

/** What the elements of a tensor read as. */
export type TypedArray = Float32Array | Int32Array | Uint8Array

/** Bytes of an element. */
export function bytesOf(dtype: DType): 4 | 1 {
  return dtype === 'float32' || dtype === 'int32' ? 4 : 1
}

/** Throws DTypeError unless `dtype` is one that the library computes with. */
export function checkDType(operation: string, dtype: unknown): asserts dtype is DType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'uint8' || dtype === 'bool') return
  throw new DTypeError(
    {
      operation,
      problem: 'unknown dtype',
      came: typeof dtype === 'string' ? dtype : written(dtype),
      wayOut: "Use 'float32', 'int32', 'uint8' or 'bool'.",
    },
    [typeof dtype === 'string' ? dtype : written(dtype)],
  )
}

/** What arithmetic on two types is computed in: float32 wins, and small integers are int32. */
export function promote(a: DType, b: DType): 'float32' | 'int32' {
  return a === 'float32' || b === 'float32' ? 'float32' : 'int32'
}
