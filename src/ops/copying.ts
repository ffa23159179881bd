import { bytesOf } from '../tensor/dtype.ts'
import { type Shape, sizeOf, writeLayout } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { behind } from '../wasm/kinds.ts'

/** Copies elements between two layouts over `shape`; steps and offsets in elements. */
export function copyElements(
  name: string,
  shape: Shape,
  x: Tensor,
  xSteps: Shape,
  xAt: number,
  y: Tensor,
  ySteps: Shape,
  yAt: number,
): void {
  if (sizeOf(shape) === 0) return
  const bytes = bytesOf(x.type)
  const { pointer: from } = x
  const { layout, rows } = writeLayout(name, shape, xSteps, ySteps)
  const copy = bytes === 4 ? kernels.copy : kernels.copyBytes
  copy(behind(from, xAt * bytes), behind(y.pointer, yAt * bytes), layout, rows, sizeOf(shape) / rows)
}
