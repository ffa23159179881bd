import * as kernels from '../wasm/kernels.generated.ts'
import type { Address, Status } from '../wasm/kinds.ts'
import { f32, i32 } from '../wasm/memory.ts'
import { reported } from '../wasm/status.ts'
import { bytesOf, DTYPES, type DType } from './dtype.ts'
import { checkAllFit, overflow } from './fits.ts'
import { make, type Tensor } from './tensor.ts'

type Convert = (x: Address, out: Address, count: number) => void
/** One that reports what does not fit. */
type Narrow = (x: Address, out: Address, status: Status, count: number) => void

/** How elements of one type become those of another; a byte stands for uint8 and bool. */
const conversions: Record<'float32' | 'int32' | 'byte', { readonly [To in DType]?: Convert }> = {
  float32: { bool: kernels.toBoolFromFloat },
  int32: { float32: kernels.toFloatFromInt, bool: kernels.toBoolFromInt },
  byte: { float32: kernels.toFloatFromByte, int32: kernels.toIntFromByte, bool: kernels.toBoolFromByte },
}
const narrowing: { readonly [From in DType]?: { readonly [To in DType]?: Narrow } } = {
  float32: { int32: kernels.toIntFromFloat, uint8: kernels.toByteFromFloat },
  int32: { uint8: kernels.toByteFromInt },
}

/**
 * Writes x, converted, into y: towards zero for integers, not zero for bool. Throws RangeError in the name of the operation for what does not
 * fit; y then holds nothing of use.
 */
export function convert(x: Tensor, y: Tensor, operation: string): void {
  const narrow = narrowing[x.type]?.[y.type]
  if (narrow) {
    if (reported(status => narrow(x.pointer, y.pointer, status, x.count)) < 0) return
    const memory = x.type === 'float32' ? f32 : i32
    return checkAllFit(operation, memory.subarray(x.pointer >>> 2, (x.pointer >>> 2) + x.count), y.type)
  }
  const kernel = x.type === 'bool' && y.type === 'uint8' ? undefined : conversions[DTYPES[x.type].kind][y.type]
  if (kernel) kernel(x.pointer, y.pointer, x.count)
  else kernels.copyWords(x.pointer, y.pointer, Math.ceil((x.count * bytesOf(x.type)) / 4))
}

/** A new tensor of the same numbers in another type; not recorded by the tape, so only for what has no gradient. */
export function converted(x: Tensor, dtype: DType, operation: string): Tensor {
  const y = make(x.dims, dtype, operation)
  try {
    convert(x, y, operation)
    return y
  } catch (error) {
    y.dispose()
    throw error
  }
}

/** Runs a kernel of integers. Where it reports that a result does not fit, throws RangeError with the one that float32 gives. */
export function fitting(
  operation: string,
  kernel: (status: Status) => void,
  xs: readonly Tensor[],
  inFloats: (xs: readonly Tensor[]) => Tensor,
): void {
  if (reported(kernel) < 0) return
  const floats = xs.map(x => converted(x, 'float32', operation))
  const y = inFloats(floats)
  let largest = 0
  for (let at = y.pointer >>> 2, end = at + y.count; at < end; at++) if (Math.abs(f32[at]) > Math.abs(largest)) largest = f32[at]
  for (const each of [...floats, y]) each.dispose()
  throw overflow(operation, largest)
}
