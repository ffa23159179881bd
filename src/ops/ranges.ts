// Parts of tensors: what slices, splits and their adjoints are made of.
import { operation, type Run } from '../tape/operation.ts'
import { fill } from '../tensor/create.ts'
import type { DType } from '../tensor/dtype.ts'
import { type Shape, stepsOf, writeLayout } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { behind } from '../wasm/kinds.ts'
import { copyElements } from './copying.ts'

/** For each axis where reading begins, how far it goes, and in which steps. */
interface Range {
  readonly starts: readonly number[]
  readonly counts: readonly number[]
  readonly steps: readonly number[]
}

const asIs = ([dtype]: readonly DType[]) => ({ output: dtype })

/** Where a range begins in a tensor of `shape`, and its steps in elements. */
function locate(shape: Shape, { starts, steps }: Range): { at: number; steps: number[] } {
  const strides = stepsOf(shape)
  let at = 0
  for (let i = 0; i < shape.length; i++) {
    at += starts[i] * strides[i]
    strides[i] *= steps[i]
  }
  return { at, steps: strides }
}

export const runSlice: Run<Range> = operation<Range, { from: Shape }>({
  name: 'slice',
  types: asIs,
  shape: (_, { counts }) => counts,
  forward(y, [x], range) {
    const { at, steps } = locate(x.dims, range)
    copyElements('slice', y.dims, x, steps, at, y, stepsOf(y.dims), 0)
  },
  save: (_, [x]) => ({ from: x.dims }),
  pullback: [(g, { from }, range) => runUnslice([g], { ...range, shape: from })],
  accumulate(sum, g, _, range) {
    if (g.count === 0) return
    const { at, steps } = locate(sum.dims, range)
    const { pointer } = g
    const { layout, rows } = writeLayout('slice', g.dims, stepsOf(g.dims), steps)
    kernels.addTo(pointer, behind(sum.pointer, 4 * at), layout, rows)
  },
})

/** The adjoint of slicing: zeros of `shape` with x at the range. */
const runUnslice: Run<Range & { shape: Shape }> = operation<Range & { shape: Shape }>({
  name: 'unslice',
  types: asIs,
  shape: (_, { shape }) => shape,
  forward(y, [x], range) {
    fill(y, 0)
    const { at, steps } = locate(y.dims, range)
    copyElements('unslice', x.dims, x, stepsOf(x.dims), 0, y, steps, at)
  },
  pullback: [(g, _, range) => runSlice([g], range)],
})

/** The section of `count` indices along an axis, from `start` on. */
export function section(x: Tensor, axis: number, start: number, count: number): Tensor {
  return runSlice([x], {
    starts: x.dims.map((_, i) => (i === axis ? start : 0)),
    counts: x.dims.map((size, i) => (i === axis ? count : size)),
    steps: x.dims.map(() => 1),
  })
}
