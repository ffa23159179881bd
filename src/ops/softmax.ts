import { composed } from '../tape/composed.ts'
import { checkTensor, operation, type Run } from '../tape/operation.ts'
import { resolveAxis } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { withTraits } from './epilogue.ts'
import { permute, sum } from './movement.ts'
import { exp, mul, neg, sub } from './pointwise.ts'
import { rowsOf } from './reduction.ts'

const keepDims = { keepDims: true }

const runSoftmax = operation<undefined, { y: Tensor }>({
  name: 'softmax',
  shape: ([shape]) => shape,
  forward: (y, [x]) => kernels.softmax(x.pointer, y.pointer, ...rowsOf(x.dims)),
  save: y => ({ y }),
  pullback: [(g, { y }) => runSoftmaxGradient([g, y], undefined)],
})

/** y (g - Σ g y) in each row, in one pass over the memory, and exact where y is almost 1. */
const runSoftmaxGradient: Run<undefined> = operation<undefined, { g: Tensor; y: Tensor }>({
  name: 'softmaxGradient',
  shape: ([shape]) => shape,
  forward: (out, [g, y]) => kernels.softmaxGradient(g.pointer, y.pointer, out.pointer, ...rowsOf(y.dims)),
  save: (_, [g, y]) => ({ g, y }),
  pullback: [
    (h, { y }) => runSoftmaxGradient([h, y], undefined),
    (h, { g, y }) => {
      const weighted = sum(mul(h, y), -1, keepDims)
      return sub(mul(h, sub(g, sum(mul(g, y), -1, keepDims))), mul(g, weighted))
    },
  ],
})

const runLogSoftmax = operation<undefined, { y: Tensor }>({
  name: 'logSoftmax',
  shape: ([shape]) => shape,
  forward: (y, [x]) => kernels.logSoftmax(x.pointer, y.pointer, ...rowsOf(x.dims)),
  save: y => ({ y }),
  pullback: [(g, { y }) => runLogSoftmaxGradient([g, y], undefined)],
})

/** g - eʸ Σ g in each row, and where eʸ is almost 1 as exact as elsewhere. */
const runLogSoftmaxGradient: Run<undefined> = operation<undefined, { g: Tensor; y: Tensor }>({
  name: 'logSoftmaxGradient',
  shape: ([shape]) => shape,
  forward: (out, [g, y]) => kernels.logSoftmaxGradient(g.pointer, y.pointer, out.pointer, ...rowsOf(y.dims)),
  save: (_, [g, y]) => ({ g, y }),
  pullback: [(h, { y }) => sub(h, sum(mul(h, exp(y)), -1, keepDims)), (h, { g, y }) => neg(mul(h, mul(exp(y), sum(g, -1, keepDims))))],
})

/** Runs an operation of the last axis along another. */
function onAxis(name: string, run: (inputs: readonly Tensor[], options: undefined) => Tensor, x: Tensor, axis: number): Tensor {
  checkTensor(name, x)
  const at = resolveAxis(name, axis, x.dims)
  if (x.count === 0 || at === x.rank - 1) return run([x], undefined)
  const axes = x.dims.map((_, i) => (i === at ? x.rank - 1 : i === x.rank - 1 ? at : i))
  return permute(run([permute(x, axes)], undefined), axes)
}

const ofRows = <F extends object>(f: F): F => withTraits(f, { isOfRows: true })

/** eˣ / Σ eˣ along an axis (-1), without overflow. A +Infinity takes all, as in Flux; NaN of nothing but -Infinity.
 * @example tensor([0, 0]).softmax().toArray() // [0.5, 0.5] */
export const softmax = /* @__PURE__ */ ofRows(
  /* @__PURE__ */ composed('softmax', 2, function softmax(x: Tensor, axis = -1): Tensor {
    return onAxis('softmax', runSoftmax, x, axis)
  }),
)

/** log(eˣ / Σ eˣ) along an axis (-1), without overflow.
 * @example tensor([0, 0]).logSoftmax().toArray() // [-0.6931, -0.6931] */
export const logSoftmax = /* @__PURE__ */ ofRows(
  /* @__PURE__ */ composed('logSoftmax', 2, function logSoftmax(x: Tensor, axis = -1): Tensor {
    return onAxis('logSoftmax', runLogSoftmax, x, axis)
  }),
)
