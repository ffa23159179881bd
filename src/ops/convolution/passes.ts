// The three passes of a convolution: which kernels compute them is decided here alone.
import { sizeOf } from '../../tensor/shape.ts'
import { observer } from '../../tensor/storage.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import * as kernels from '../../wasm/kernels.generated.ts'
import { type Address, NONE } from '../../wasm/kinds.ts'
import type { Finish } from '../product.ts'
import type { Geometry } from './geometry.ts'
import { runSums, runTiles } from './tiled.ts'

/** Where the three tensors lie. */
export interface Operands {
  readonly x: Address
  readonly weight: Address
  readonly y: Address
}

const PLAIN: Finish = { bias: NONE, epilogue: 0 }

/** The arguments of the kernels: fewer than three axes are preceded by such as do nothing. */
function recordOf(geometry: Geometry, { x, weight, y }: Operands, { bias, epilogue }: Finish): kernels.Convolution {
  const { x: from, weight: by, y: to, groups } = geometry
  const axes = by.length - 2
  const at = (list: readonly number[], axis: number, none: number) => (axis + axes < 3 ? none : list[axis + axes - 3 + list.length - axes])
  const { stride, dilation, pad } = geometry
  return {
    x,
    weight,
    y,
    bias,
    epilogue,
    batch: from[0],
    channels: from[1],
    outputs: by[0],
    groups,
    depth: at(from, 0, 1),
    height: at(from, 1, 1),
    width: at(from, 2, 1),
    outDepth: at(to, 0, 1),
    outHeight: at(to, 1, 1),
    outWidth: at(to, 2, 1),
    kernelDepth: at(by, 0, 1),
    kernelHeight: at(by, 1, 1),
    kernelWidth: at(by, 2, 1),
    strideDepth: at(stride, 0, 1),
    strideHeight: at(stride, 1, 1),
    strideWidth: at(stride, 2, 1),
    dilationDepth: at(dilation, 0, 1),
    dilationHeight: at(dilation, 1, 1),
    dilationWidth: at(dilation, 2, 1),
    padDepth: at(pad, 0, 0),
    padHeight: at(pad, 1, 0),
    padWidth: at(pad, 2, 0),
  }
}

const isTiled = (_: Geometry) => true

/** How many multiplications each of the passes takes, those with padding among them. */
function multiplications({ y, weight }: Geometry): number {
  return sizeOf(y) * sizeOf(weight, 1)
}

/** y from x and the weight. `out` is the tensor that is written. */
export function runForward(out: Tensor, geometry: Geometry, operands: Operands, finish = PLAIN): void {
  if (out.count === 0) return
  const all = multiplications(geometry)
  observer?.multiplied?.(all)
  if (isTiled(geometry)) return runTiles(out, geometry, operands, finish, false)
  const units = geometry.y[0] * geometry.y[1]
  kernels.convForward(recordOf(geometry, operands, finish), units, all / units)
}

/** x from the weight and y. */
export function runInput(out: Tensor, geometry: Geometry, operands: Operands, finish = PLAIN): void {
  if (out.count === 0) return
  const all = multiplications(geometry)
  observer?.multiplied?.(all)
  if (isTiled(geometry)) return runTiles(out, geometry, operands, finish, true)
  const units = geometry.x[0] * geometry.x[1]
  kernels.convInput(recordOf(geometry, operands, finish), units, all / units)
}

/** The weight from x and y. */
export function runWeight(out: Tensor, geometry: Geometry, operands: Operands): void {
  if (out.count === 0) return
  const all = multiplications(geometry)
  observer?.multiplied?.(all)
  if (isTiled(geometry)) return runSums(out, geometry, operands)
  const units = geometry.weight[0] * geometry.weight[1]
  kernels.convWeight(recordOf(geometry, operands, PLAIN), units, all / units)
}
