import { DTypeError, written } from '../errors.ts'
import { f32, i32, u8 } from '../wasm/memory.ts'

/** The type of a tensor's elements. `float32` is the one that trains; `bool` is stored as bytes of 0 or 1. */
export type DType = 'float32' | 'int32' | 'uint8' | 'bool'

/** What the elements of a tensor read as. */
export type TypedArray = Float32Array | Int32Array | Uint8Array

/** Numbers in a row, to be read and written. */
export interface NumberArray extends ArrayLike<number> {
  [i: number]: number
  set(from: ArrayLike<number>): void
}

/** What one type of elements has that another has not. */
interface Traits {
  readonly bytes: 4 | 1
  /** What kernels take the elements for. */
  readonly kind: 'float32' | 'int32' | 'byte'
  /** A number fits that lies between these two, once its fraction is cut; undefined: all do. */
  readonly between?: readonly [low: number, high: number]
  /** The names of typed arrays that become this type; the others become float32. */
  readonly arrays?: RegExp
  /** The memory as such elements; another one after it has grown. */
  readonly view: () => TypedArray
}

/** All types. A file's names for them stand in `io/stored.ts`. */
export const DTYPES: Readonly<Record<DType, Traits>> = {
  float32: { bytes: 4, kind: 'float32', view: () => f32 },
  int32: { bytes: 4, kind: 'int32', arrays: /^(Int32|Big)/, between: [-(2 ** 31) - 1, 2 ** 31], view: () => i32 },
  uint8: { bytes: 1, kind: 'byte', arrays: /^Uint8/, between: [-1, 2 ** 8], view: () => u8 },
  bool: { bytes: 1, kind: 'byte', view: () => u8 },
}

/** Bytes of an element. */
export function bytesOf(dtype: DType): 4 | 1 {
  // Each tensor asks: a comparison takes a tenth of what a search in the table does.
  return dtype === 'float32' ? 4 : DTYPES[dtype].bytes
}

/** Throws DTypeError unless `dtype` is one that the library computes with. */
export function checkDType(operation: string, dtype: unknown): asserts dtype is DType {
  if (dtype === 'float32' || (typeof dtype === 'string' && Object.hasOwn(DTYPES, dtype))) return
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
