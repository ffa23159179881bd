// logitCrossEntropy with integer classes on the last axis, fused.
import { operation, type Run } from '../tape/operation.ts'
import { ones } from '../tensor/create.ts'
import { Storage } from '../tensor/storage.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import type { Status } from '../wasm/kinds.ts'
import { divideBy } from './elementwise.ts'
import { checked } from './indices.ts'
import { sum } from './movement.ts'
import { cast, div, mul } from './pointwise.ts'
import { rowsOf } from './reduction.ts'

/** Is the result the mean over all rows, or the loss of each? */
interface CrossEntropyOptions {
  readonly mean: boolean
}

const runCrossEntropy = /* @__PURE__ */ operation<CrossEntropyOptions, { x: Tensor; classes: Tensor }>({
  name: 'softmaxCrossEntropy',
  types: () => ({ output: 'float32' }),
  shape: ([x], { mean }) => (mean ? [] : x.slice(0, -1)),
  forward(y, [x, classes], { mean }) {
    const [n, count, work] = rowsOf(x.dims)
    if (mean) y.scratch = new Storage(4 * count)
    const out = y.scratch?.pointer ?? y.pointer
    const run = (status: Status) => kernels.crossEntropy(x.pointer, classes.pointer, out, n, status, count, work)
    checked('logitCrossEntropy', classes, n, run, 'class')
    if (!mean) return
    kernels.sum(out, y.pointer, count, 1, 1, count)
    divideBy(y, count)
    y.endScratch()
  },
  save: (_, [x, classes]) => ({ x, classes }),
  pullback: [(g, { x, classes }, options) => runCrossEntropyGradient([g, x, classes], options), null],
})

const runCrossEntropyGradient: Run<CrossEntropyOptions> = /* @__PURE__ */ operation<CrossEntropyOptions, { x: Tensor; classes: Tensor }>({
  name: 'softmaxCrossEntropyGradient',
  types: () => ({ output: 'float32' }),
  shape: ([, x]) => x,
  forward(y, [g, x, classes], { mean }) {
    const [n, count, work] = rowsOf(x.dims)
    kernels.crossEntropyGradient(x.pointer, classes.pointer, g.pointer, y.pointer, n, mean ? count : 0, count, work)
  },
  save: (_, [, x, classes]) => ({ x, classes }),
  pullback: [
    (h, { x, classes }, { mean }) => {
      const slopes = mul(h, runCrossEntropyGradient([ones(x.dims.slice(0, -1)), x, classes], { mean: false }))
      return mean ? div(sum(slopes), rowsOf(x.dims)[1]) : sum(slopes, -1)
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
