import { checkTensor, operation } from '../tape/operation.ts'
import { resolveAxis, type Shape } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { permute, sum } from './movement.ts'
import { exp, mul, sub } from './pointwise.ts'

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

/** eˣ / Σ eˣ along an axis (-1), without overflow. A +Infinity takes all, as in Flux; NaN of nothing but -Infinity. */
export function softmax(x: Tensor, axis = -1): Tensor {
  return along('softmax', runSoftmax, x, axis)
}

/** log(eˣ / Σ eˣ) along an axis (-1), without overflow. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return along('logSoftmax', runLogSoftmax, x, axis)
}
