// Elements that lie in other steps than a slice has, such as a diagonal.
import { operation, type Run } from '../tape/operation.ts'
import { fill } from '../tensor/create.ts'
import type { DType } from '../tensor/dtype.ts'
import { type Shape, stepsOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { copyElements } from './copying.ts'

/** In elements; no place comes twice. */
interface Steps {
  readonly at: number
  readonly shape: Shape
  readonly steps: readonly number[]
  /** The shape of the tensor in which they lie. */
  readonly whole: Shape
}

const asIs = ([dtype]: readonly DType[]) => ({ output: dtype })

const runDiagonal: Run<Steps> = /* @__PURE__ */ operation<Steps>({
  name: 'diagonal',
  types: asIs,
  shape: (_, { shape }) => shape,
  forward: (y, [x], { at, steps }) => copyElements('diagonal', y.dims, x, steps, at, y, stepsOf(y.dims), 0),
  pullback: [(g, _, where) => runOnDiagonal([g], where)],
})

const runOnDiagonal: Run<Steps> = /* @__PURE__ */ operation<Steps>({
  name: 'onDiagonal',
  types: asIs,
  shape: (_, { whole }) => whole,
  forward(y, [x], { at, steps }) {
    fill(y, 0)
    copyElements('onDiagonal', x.dims, x, stepsOf(x.dims), 0, y, steps, at)
  },
  pullback: [(g, _, where) => runDiagonal([g], where)],
})

/** The elements of x that lie so. */
export function taken(x: Tensor, at: number, shape: Shape, steps: readonly number[]): Tensor {
  return runDiagonal([x], { at, shape, steps, whole: x.dims })
}

/** Zeros of shape `whole` but for x, which lies so. */
export function laid(x: Tensor, at: number, steps: readonly number[], whole: Shape): Tensor {
  return runOnDiagonal([x], { at, shape: x.dims, steps, whole })
}
