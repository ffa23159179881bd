// The three passes of a convolution.
import { sizeOf } from '../../tensor/shape.ts'
import { observer } from '../../tensor/storage.ts'
import type { Tensor } from '../../tensor/tensor.ts'
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

/** How many multiplications each of the passes takes, those with padding among them. */
function multiplications({ y, weight }: Geometry): number {
  return sizeOf(y) * sizeOf(weight, 1)
}

/** y from x and the weight. `out` is the tensor that is written. */
export function runForward(out: Tensor, geometry: Geometry, operands: Operands, finish = PLAIN): void {
  if (out.count === 0) return
  observer?.multiplied?.(multiplications(geometry))
  runTiles(out, geometry, operands, finish, false)
}

/** x from the weight and y. */
export function runInput(out: Tensor, geometry: Geometry, operands: Operands, finish = PLAIN): void {
  if (out.count === 0) return
  observer?.multiplied?.(multiplications(geometry))
  runTiles(out, geometry, operands, finish, true)
}

/** The weight from x and y. */
export function runWeight(out: Tensor, geometry: Geometry, operands: Operands): void {
  if (out.count === 0) return
  observer?.multiplied?.(multiplications(geometry))
  runSums(out, geometry, operands, PLAIN)
}
