import { composed } from '../tape/composed.ts'
import { checkTensor, operation, type Run } from '../tape/operation.ts'
import { ones } from '../tensor/create.ts'
import { resolveAxis, type Shape } from '../tensor/shape.ts'
import { Storage } from '../tensor/storage.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { divideBy } from './elementwise.ts'
import { withTraits } from './epilogue.ts'
import { checked } from './indices.ts'
import { permute, sum } from './movement.ts'
import { cast, div, exp, mul, neg, sub } from './pointwise.ts'

const keepDims = { keepDims: true }

function rows(shape: Shape): [n: number, rows: number, work: number] {
  const n = shape[shape.length - 1]
  return [n, shape.reduce((product, size) => product * size, 1) / (n || 1), n]
}

const runSoftmax = operation<undefined, { y: Tensor }>({
  name: 'softmax',
  shape: ([shape]) => shape,
  forward: (y, [x]) => kernels.softmax(x.pointer, y.pointer, ...rows(x.dims)),
  save: y => ({ y }),
  pullback: [(g, { y }) => runSoftmaxGradient([g, y], undefined)],
})

/** y (g - Σ g y) in each row, in one pass over the memory, and exact where y is almost 1. */
const runSoftmaxGradient: Run<undefined> = operation<undefined, { g: Tensor; y: Tensor }>({
  name: 'softmaxGradient',
  shape: ([shape]) => shape,
  forward: (out, [g, y]) => kernels.softmaxGradient(g.pointer, y.pointer, out.pointer, ...rows(y.dims)),
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
  forward: (y, [x]) => kernels.logSoftmax(x.pointer, y.pointer, ...rows(x.dims)),
  save: y => ({ y }),
  pullback: [(g, { y }) => runLogSoftmaxGradient([g, y], undefined)],
})

/** g - eʸ Σ g in each row, and where eʸ is almost 1 as exact as elsewhere. */
const runLogSoftmaxGradient: Run<undefined> = operation<undefined, { g: Tensor; y: Tensor }>({
  name: 'logSoftmaxGradient',
  shape: ([shape]) => shape,
  forward: (out, [g, y]) => kernels.logSoftmaxGradient(g.pointer, y.pointer, out.pointer, ...rows(y.dims)),
  save: (_, [g, y]) => ({ g, y }),
  pullback: [(h, { y }) => sub(h, sum(mul(h, exp(y)), -1, keepDims)), (h, { g, y }) => neg(mul(h, mul(exp(y), sum(g, -1, keepDims))))],
})

/** Runs an operation of the last axis along another. */
function along(name: string, run: (inputs: readonly Tensor[], options: undefined) => Tensor, x: Tensor, axis: number): Tensor {
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
    return along('softmax', runSoftmax, x, axis)
  }),
)

/** log(eˣ / Σ eˣ) along an axis (-1), without overflow.
 * @example tensor([0, 0]).logSoftmax().toArray() // [-0.6931, -0.6931] */
export const logSoftmax = /* @__PURE__ */ ofRows(
  /* @__PURE__ */ composed('logSoftmax', 2, function logSoftmax(x: Tensor, axis = -1): Tensor {
    return along('logSoftmax', runLogSoftmax, x, axis)
  }),
)

/** Is the result the mean over all rows, or the loss of each? */
interface CrossEntropyOptions {
  readonly mean: boolean
}

const runCrossEntropy = operation<CrossEntropyOptions, { x: Tensor; classes: Tensor }>({
  name: 'softmaxCrossEntropy',
  types: () => ({ output: 'float32' }),
  shape: ([x], { mean }) => (mean ? [] : x.slice(0, -1)),
  forward(y, [x, classes], { mean }) {
    const [n, count, work] = rows(x.dims)
    if (mean) y.scratch = new Storage(4 * count)
    const out = y.scratch?.pointer ?? y.pointer
    const run = (status: number) => kernels.crossEntropy(x.pointer, classes.pointer, out, n, status, count, work)
    checked('logitCrossEntropy', classes, n, run, 'class')
    if (!mean) return
    kernels.sum(out, y.pointer, count, 1, 1, count)
    divideBy(y, count)
    y.endScratch()
  },
  save: (_, [x, classes]) => ({ x, classes }),
  pullback: [(g, { x, classes }, options) => runCrossEntropyGradient([g, x, classes], options), null],
})

const runCrossEntropyGradient: Run<CrossEntropyOptions> = operation<CrossEntropyOptions, { x: Tensor; classes: Tensor }>({
  name: 'softmaxCrossEntropyGradient',
  types: () => ({ output: 'float32' }),
  shape: ([, x]) => x,
  forward(y, [g, x, classes], { mean }) {
    const [n, count, work] = rows(x.dims)
    kernels.crossEntropyGradient(x.pointer, classes.pointer, g.pointer, y.pointer, n, mean ? count : 0, count, work)
  },
  save: (_, [, x, classes]) => ({ x, classes }),
  pullback: [
    (h, { x, classes }, { mean }) => {
      const slopes = mul(h, runCrossEntropyGradient([ones(x.dims.slice(0, -1)), x, classes], { mean: false }))
      return mean ? div(sum(slopes), rows(x.dims)[1]) : sum(slopes, -1)
    },
    // Where x is differentiated again, the composed form runs.
    null,
    null,
  ],
})

/**
 * @internal log Σ eˣ - x[class] for each row of the last axis, classes int32, or the mean of all: the fused form of logSoftmax and
 * takeAlong.
 */
export function softmaxCrossEntropy(x: Tensor, classes: Tensor, mean: boolean): Tensor {
  return runCrossEntropy([cast(x, 'float32'), classes], { mean })
}
