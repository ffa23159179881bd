// Depthwise convolutions that have a kernel of their own (assembly/convolution/depthwise.ts): 3 x 3, one zero around, stride 1 or 2, and rows of some length.
import { sameShape } from '../../tensor/shape.ts'
import { Storage } from '../../tensor/storage.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { depthwise, depthwiseSums } from '../../wasm/kernels.generated.ts'
import { type Address, NONE } from '../../wasm/kinds.ts'
import type { Finish } from '../product.ts'
import type { Geometry } from './geometry.ts'
import type { Operands } from './passes.ts'

/** The numbers of the record; undefined where there is no such kernel. */
function sizesOf({ x, y, weight, groups, stride, dilation, pad }: Geometry) {
  const [step] = stride
  const [batch, channels, height, width] = x
  const [, , rows, columns] = y
  const isOne =
    sameShape(weight, [groups, 1, 3, 3]) && sameShape(stride, [step, step]) && sameShape(dilation, [1, 1]) && sameShape(pad, [1, 1])
  if (!isOne || step > 2 || groups !== channels || columns < 4 || columns * step !== width || rows !== Math.ceil(height / step)) return
  return { batch, channels, height, width, rows, columns, stride: step }
}

/** The record of y or x, how many planes there are, and the multiplications of one. */
export function depthwiseCall(geometry: Geometry, isInput: boolean, operands: Operands, finish: Finish) {
  const sizes = sizesOf(geometry)
  if (!sizes) return
  const record = { ...operands, ...finish, ...sizes, pass: Number(isInput), scratch: NONE }
  return { record, units: sizes.batch * sizes.channels, work: 9 * sizes.rows * sizes.columns }
}

/** Runs a pass if it has such a kernel. */
export function runDepthwise(geometry: Geometry, isInput: boolean, operands: Operands, finish: Finish): boolean {
  const call = depthwiseCall(geometry, isInput, operands, finish)
  if (call) depthwise(call.record, call.units, call.work)
  return call !== undefined
}

/** The record of the weight, for scratch memory of so many floats; how many channels there are, and the multiplications of one. */
export function depthwiseSumsCall(geometry: Geometry, operands: Operands) {
  const sizes = sizesOf(geometry)
  if (!sizes || sizes.columns % 4 !== 0) return
  const { batch, channels, height, width, rows, columns, stride } = sizes
  const record = (scratch: Address) => ({ ...operands, ...sizes, bias: NONE, epilogue: 0, pass: 0, scratch })
  return { record, scratch: channels * (72 + (stride - 1) * height * width), units: channels, work: 9 * batch * rows * columns }
}

/** Runs the weight's pass if it has such a kernel. */
export function runDepthwiseSums(out: Tensor, geometry: Geometry, operands: Operands): boolean {
  const call = depthwiseSumsCall(geometry, operands)
  if (!call) return false
  try {
    out.scratch = new Storage(4 * call.scratch)
    depthwiseSums(call.record(out.scratch.pointer), call.units, call.work)
  } finally {
    out.endScratch()
  }
  return true
}
