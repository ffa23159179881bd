// Depthwise convolutions that have a kernel of their own (assembly/convolution/depthwise.ts): 3 x 3, one zero around, stride 1 or 2, and rows of some length.
import { sameShape } from '../../tensor/shape.ts'
import { depthwise } from '../../wasm/kernels.generated.ts'
import type { Finish } from '../product.ts'
import type { Geometry } from './geometry.ts'
import type { Operands } from './passes.ts'

/** The record of y or x, how many planes there are, and the multiplications of one; undefined where there is no such kernel. */
export function depthwiseCall(
  { x, y, weight, groups, stride, dilation, pad }: Geometry,
  isInput: boolean,
  operands: Operands,
  finish: Finish,
) {
  const [step] = stride
  const [batch, channels, height, width] = x
  const [, , rows, columns] = y
  const isOne =
    sameShape(weight, [groups, 1, 3, 3]) && sameShape(stride, [step, step]) && sameShape(dilation, [1, 1]) && sameShape(pad, [1, 1])
  if (!isOne || step > 2 || groups !== channels || columns < 4 || columns * step !== width || rows !== Math.ceil(height / step)) return
  // Entries of x that a stride spreads are left to tiles.
  if (isInput && step === 2) return
  const record = { ...operands, ...finish, batch, channels, height, width, rows, columns, stride: step, pass: Number(isInput) }
  return { record, units: batch * channels, work: 9 * rows * columns }
}

/** Runs a pass if it has such a kernel. */
export function runDepthwise(geometry: Geometry, isInput: boolean, operands: Operands, finish: Finish): boolean {
  const call = depthwiseCall(geometry, isInput, operands, finish)
  if (call) depthwise(call.record, call.units, call.work)
  return call !== undefined
}
