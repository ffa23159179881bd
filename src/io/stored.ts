// The types of elements in files: one row each, for all formats.
import type { DType, TypedArray } from '../tensor/dtype.ts'

/** A type of elements in files: what it is called there, its size, and what it becomes. */
export interface StoredType {
  readonly bytes: number
  readonly dtype: DType
  /** The method that reads one element. */
  readonly get: Extract<keyof DataView, `get${string}`>
  /** Has a tensor of the dtype the same bytes, but for their order? */
  readonly isSame?: true
  /** The bits of a float32 for what was read. */
  readonly bits?: (read: number) => number
  /** Its name in a safetensors file. */
  readonly safetensors?: string
  /** The third byte of an IDX file. */
  readonly idx?: number
}

export const storedTypes: readonly StoredType[] = [
  { safetensors: 'F32', idx: 0x0d, dtype: 'float32', bytes: 4, get: 'getFloat32', isSame: true },
  { safetensors: 'I32', idx: 0x0c, dtype: 'int32', bytes: 4, get: 'getInt32', isSame: true },
  { safetensors: 'U8', idx: 0x08, dtype: 'uint8', bytes: 1, get: 'getUint8', isSame: true },
  { safetensors: 'BOOL', dtype: 'bool', bytes: 1, get: 'getUint8', isSame: true },
  { safetensors: 'F64', idx: 0x0e, dtype: 'float32', bytes: 8, get: 'getFloat64' },
  { safetensors: 'F16', dtype: 'float32', bytes: 2, get: 'getUint16', bits: fromHalf },
  { safetensors: 'BF16', dtype: 'float32', bytes: 2, get: 'getUint16', bits: half => half << 16 },
  { safetensors: 'I64', dtype: 'int32', bytes: 8, get: 'getBigInt64' },
  { safetensors: 'U32', dtype: 'int32', bytes: 4, get: 'getUint32' },
  { safetensors: 'I16', idx: 0x0b, dtype: 'int32', bytes: 2, get: 'getInt16' },
  { safetensors: 'U16', dtype: 'int32', bytes: 2, get: 'getUint16' },
  { safetensors: 'I8', idx: 0x09, dtype: 'int32', bytes: 1, get: 'getInt8' },
]

/**
 * Reads the bytes of elements into a view of their dtype. Gives the first whole number that does not fit into it, and where it stands, at which
 * it stops.
 */
export function readElements(
  { bytes: size, dtype, get, isSame, bits }: StoredType,
  bytes: Uint8Array,
  isLittle: boolean,
  view: TypedArray,
): { value: number; at: number } | undefined {
  if (isSame && (isLittle || size === 1)) {
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(bytes)
    return undefined
  }
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const read = source[get] as (this: DataView, at: number, isLittle: boolean) => number | bigint
  const target = bits ? new Int32Array(view.buffer, view.byteOffset, view.length) : view
  for (let at = 0; at < target.length; at++) {
    const value = Number(read.call(source, at * size, isLittle))
    if (dtype === 'int32' && value !== (value | 0)) return { value, at }
    target[at] = bits ? bits(value) : value
  }
  return undefined
}

/** The bits of the float32 for those of an IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. */
function fromHalf(bits: number): number {
  const sign = (bits & 0x8000) << 16
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return sign | 0x7f800000 | (fraction << 13)
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13)
  if (fraction === 0) return sign
  const shift = Math.clz32(fraction) - 21
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 1023) << 13)
}
