// Depthwise convolutions that have a kernel of their own (assembly/convolution/depthwise.ts): 3 x 3, one zero around, stride 1 or 2, and rows of some length.
import { sameShape } from '../../tensor/shape.ts'
import { Storage } from '../../tensor/storage.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { depthwise } from '../../wasm/kernels.generated.ts'
import { type Address, NONE } from '../../wasm/kinds.ts'
import type { Finish } from '../product.ts'
import type { Geometry } from './geometry.ts'
import type { Operands } from './passes.ts'

/** What is computed of the others: x, the weight, or y. */
export type Pass = 0 | 1 | 2
const WEIGHT = 1

/**
 * The record of a pass for scratch memory of so many floats, its units, and the multiplications of one; undefined where there is no such kernel, which is asked of
 * the shapes alone.
 */
export function depthwiseCall({ x, y, weight, groups, stride, dilation, pad }: Geometry, pass: Pass, operands: Operands, finish: Finish) {
  const [step] = stride
  const [batch, channels, height, width] = x
  const [, , rows, columns] = y
  if (!sameShape([...weight, ...stride, ...dilation, ...pad], [groups, 1, 3, 3, step, step, 1, 1, 1, 1]) || groups !== channels) return
  if (step > 2 || columns < 4 || columns * step !== width || rows !== Math.ceil(height / step)) return
  const isWeight = pass === WEIGHT
  // Entries of x that a stride spreads, and rows that are no whole vectors, are left to tiles.
  if (isWeight ? columns % 4 > 0 : pass === 0 && step > 1) return
  return {
    record: (scratch: Address) => ({ ...operands, ...finish, batch, channels, height, width, rows, columns, stride: step, pass, scratch }),
    scratch: isWeight ? channels * (72 + (height + 2) * (width + 4)) : 0,
    units: isWeight ? channels : batch * channels,
    work: 9 * rows * columns * (isWeight ? batch : 1),
  }
}

/** Runs a pass if it has such a kernel. */
export function runDepthwise(out: Tensor, geometry: Geometry, pass: Pass, operands: Operands, finish: Finish): boolean {
  const call = depthwiseCall(geometry, pass, operands, finish)
  if (!call) return false
  try {
    if (call.scratch > 0) out.scratch = new Storage(4 * call.scratch)
    depthwise(call.record(out.scratch?.pointer ?? NONE), call.units, call.work)
  } finally {
    out.endScratch()
  }
  return true
}
