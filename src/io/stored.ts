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
  /** The bits of a float32 for what was read, and what is written for them. */
  readonly bits?: (read: number) => number
  readonly half?: (bits: number) => number
  /** Its name in a safetensors file. */
  readonly safetensors?: string
  /** Its kind and size in an npy file. */
  readonly npy?: string
  /** The third byte of an IDX file. */
  readonly idx?: number
}

export const storedTypes: readonly StoredType[] = [
  { safetensors: 'F32', npy: 'f4', idx: 0x0d, dtype: 'float32', bytes: 4, get: 'getFloat32', isSame: true },
  { safetensors: 'I32', npy: 'i4', idx: 0x0c, dtype: 'int32', bytes: 4, get: 'getInt32', isSame: true },
  { safetensors: 'U8', npy: 'u1', idx: 0x08, dtype: 'uint8', bytes: 1, get: 'getUint8', isSame: true },
  { safetensors: 'BOOL', npy: 'b1', dtype: 'bool', bytes: 1, get: 'getUint8', isSame: true },
  { safetensors: 'F64', npy: 'f8', idx: 0x0e, dtype: 'float32', bytes: 8, get: 'getFloat64' },
  { safetensors: 'F16', npy: 'f2', dtype: 'float32', bytes: 2, get: 'getUint16', bits: fromHalf, half: toHalf },
  { safetensors: 'BF16', dtype: 'float32', bytes: 2, get: 'getUint16', bits: half => half << 16, half: toBrain },
  { safetensors: 'I64', npy: 'i8', dtype: 'int32', bytes: 8, get: 'getBigInt64' },
  { safetensors: 'U64', npy: 'u8', dtype: 'int32', bytes: 8, get: 'getBigUint64' },
  { safetensors: 'U32', npy: 'u4', dtype: 'int32', bytes: 4, get: 'getUint32' },
  { safetensors: 'I16', npy: 'i2', idx: 0x0b, dtype: 'int32', bytes: 2, get: 'getInt16' },
  { safetensors: 'U16', npy: 'u2', dtype: 'int32', bytes: 2, get: 'getUint16' },
  { safetensors: 'I8', npy: 'i1', idx: 0x09, dtype: 'int32', bytes: 1, get: 'getInt8' },
]

/** Puts elements into the bytes of a file, little endian: as they are, or as halves. */
export function writeElements({ half }: StoredType, view: TypedArray, file: Uint8Array): void {
  if (!half) {
    file.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
    return
  }
  const bits = new Int32Array(view.buffer, view.byteOffset, view.length)
  const target = new DataView(file.buffer, file.byteOffset, file.length)
  for (let i = 0; i < bits.length; i++) target.setUint16(2 * i, half(bits[i]), true)
}

/**
 * Reads the bytes of elements into a view of their dtype; `order` gives the places of one after the other, where they do not lie so. Gives the
 * first whole number that does not fit into the view, and where it belongs, at which it stops.
 */
export function readElements(
  { bytes: size, dtype, get, isSame, bits }: StoredType,
  bytes: Uint8Array,
  isLittle: boolean,
  view: TypedArray,
  order?: () => number,
): { value: number; at: number } | undefined {
  if (isSame && (isLittle || size === 1) && !order) {
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(bytes)
    return undefined
  }
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const read = source[get] as (this: DataView, at: number, isLittle: boolean) => number | bigint
  const target = bits ? new Int32Array(view.buffer, view.byteOffset, view.length) : view
  for (let at = 0; at < target.length; at++) {
    const value = Number(read.call(source, (order ? order() : at) * size, isLittle))
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

/** The bits of the binary16 next to a float32, of two as near the even one; what is too large is infinite, NaN stays. */
function toHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const size = bits & 0x7fffffff
  if (size > 0x7f800000) return sign | 0x7e00 | ((size >> 13) & 0x1ff)
  if (size >= 0x47800000) return sign | 0x7c00
  if (size >= 0x38800000) return sign | evenly(size - 0x38000000, 13)
  // Below 2^-14 the last place is 2^-24, and below 2^-25 there is nothing.
  return sign | (size < 0x33000000 ? 0 : evenly((size & 0x7fffff) | 0x800000, 126 - (size >> 23)))
}

/** The bits of the bfloat16, the upper half of a float32, as `toHalf`. */
function toBrain(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const size = bits & 0x7fffffff
  return sign | (size > 0x7f800000 ? (size >> 16) | 0x40 : evenly(size, 16))
}

/** Without the last `places` bits, rounded half to even. */
function evenly(bits: number, places: number): number {
  return (bits + (1 << (places - 1)) - 1 + ((bits >> places) & 1)) >> places
}
