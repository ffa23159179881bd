import * as kernels from '../wasm/kernels.generated.ts'
import { bytesOf, type DType } from './dtype.ts'
import { make, type Tensor } from './tensor.ts'

type Convert = (x: number, out: number, count: number) => void

/** How elements of one type become those of another; a byte stands for uint8 and bool. */
const conversions: Record<'float32' | 'int32' | 'byte', Record<DType, Convert | undefined>> = {
  float32: { float32: undefined, int32: kernels.toIntFromFloat, uint8: kernels.toByteFromFloat, bool: kernels.toBoolFromFloat },
  int32: { float32: kernels.toFloatFromInt, int32: undefined, uint8: kernels.toByteFromInt, bool: kernels.toBoolFromInt },
  byte: { float32: kernels.toFloatFromByte, int32: kernels.toIntFromByte, uint8: undefined, bool: kernels.toBoolFromByte },
}

/** Writes x, converted, into y: towards zero for integers (NaN is 0, uint8 modulo 256), not zero for bool. */
export function convert(x: Tensor, y: Tensor): void {
  const from = bytesOf(x.dtype) === 1 ? 'byte' : (x.dtype as 'float32' | 'int32')
  const kernel = x.dtype === 'bool' && y.dtype === 'uint8' ? undefined : conversions[from][y.dtype]
  if (kernel) kernel(x.pointer, y.pointer, x.size)
  else kernels.copyWords(x.pointer, y.pointer, Math.ceil((x.size * bytesOf(x.dtype)) / 4))
}

/** A new tensor of the same numbers in another type; not recorded by the tape, so only for what has no gradient. */
export function converted(x: Tensor, dtype: DType, operation: string): Tensor {
  const y = make(x.dims, dtype, operation)
  convert(x, y)
  return y
}
