import { composed } from '../tape/composed.ts'
import { checkTensor, operation, type Run } from '../tape/operation.ts'
import { resolveAxis, type Shape } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { checked, oneHot } from './indexing.ts'
import { expandDims, permute, sum } from './movement.ts'
import { cast, exp, mul, sub } from './pointwise.ts'

const keepDims = { keepDims: true }

function rows(shape: Shape): [n: number, rows: number, work: number] {
  const n = shape[shape.length - 1]
  return [n, shape.reduce((product, size) => product * size, 1) / (n || 1), n]
}

const runSoftmax = operation<undefined, { y: Tensor }>({
  name: 'softmax',
  shape: ([shape]) => shape,
  forward: (y, [x]) => kernels.softmax(x.pointer, y.pointer, ...rows(x.shape)),
  save: y => ({ y }),
  pullback: [(g, { y }) => mul(y, sub(g, sum(mul(g, y), -1, keepDims)))],
})

const runLogSoftmax = operation<undefined, { y: Tensor }>({
  name: 'logSoftmax',
  shape: ([shape]) => shape,
  forward: (y, [x]) => kernels.logSoftmax(x.pointer, y.pointer, ...rows(x.shape)),
  save: y => ({ y }),
  pullback: [(g, { y }) => sub(g, mul(exp(y), sum(g, -1, keepDims)))],
})

/** Runs an operation of the last axis along another. */
function along(name: string, run: (inputs: readonly Tensor[], options: undefined) => Tensor, x: Tensor, axis: number): Tensor {
  checkTensor(name, x)
  const at = resolveAxis(name, axis, x.shape)
  if (x.size === 0 || at === x.rank - 1) return run([x], undefined)
  const axes = x.shape.map((_, i) => (i === at ? x.rank - 1 : i === x.rank - 1 ? at : i))
  return permute(run([permute(x, axes)], undefined), axes)
}

/** eˣ / Σ eˣ along an axis (-1), without overflow. A +Infinity takes all, as in Flux; NaN of nothing but -Infinity.
 * @example tensor([0, 0]).softmax().toArray() // [0.5, 0.5] */
export const softmax = /* @__PURE__ */ composed('softmax', function softmax(x: Tensor, axis = -1): Tensor {
  return along('softmax', runSoftmax, x, axis)
})

/** log(eˣ / Σ eˣ) along an axis (-1), without overflow.
 * @example tensor([0, 0]).logSoftmax().toArray() // [-0.6931, -0.6931] */
export const logSoftmax = /* @__PURE__ */ composed('logSoftmax', function logSoftmax(x: Tensor, axis = -1): Tensor {
  return along('logSoftmax', runLogSoftmax, x, axis)
})

const runCrossEntropy = operation<undefined, { x: Tensor; classes: Tensor }>({
  name: 'softmaxCrossEntropy',
  types: () => ({ output: 'float32' }),
  shape: ([x]) => x.slice(0, -1),
  forward(y, [x, classes]) {
    const [n, count, work] = rows(x.shape)
    const run = (status: number) => kernels.crossEntropy(x.pointer, classes.pointer, y.pointer, n, status, count, work)
    checked('logitCrossEntropy', classes, n, run, 'class')
  },
  save: (_, [x, classes]) => ({ x, classes }),
  pullback: [(g, { x, classes }) => runCrossEntropyGradient([g, x, classes], undefined), null],
})

const runCrossEntropyGradient: Run<undefined> = operation<undefined, { g: Tensor; x: Tensor; classes: Tensor }>({
  name: 'softmaxCrossEntropyGradient',
  types: () => ({ output: 'float32' }),
  shape: ([, x]) => x,
  forward: (y, [g, x, classes]) => kernels.crossEntropyGradient(x.pointer, classes.pointer, g.pointer, y.pointer, ...rows(x.shape)),
  save: (_, [g, x, classes]) => ({ g, x, classes }),
  pullback: [
    (h, { x, classes }) => sum(mul(h, sub(softmax(x), oneHot(classes, x.shape[x.rank - 1]))), -1),
    (h, { g, x }) => {
      const y = softmax(x)
      const weighted = mul(mul(h, expandDims(g, -1)), y)
      return sub(weighted, mul(y, sum(weighted, -1, keepDims)))
    },
    null,
  ],
})

/** @internal log Σ eˣ - x[class] for each row of the last axis, classes int32: the fused form of logSoftmax and takeAlong. */
export function softmaxCrossEntropy(x: Tensor, classes: Tensor): Tensor {
  return runCrossEntropy([cast(x, 'float32'), classes], undefined)
}
