import { ShapeError } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor, operation } from '../tape/operation.ts'
import { sameShape, show, sizeOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { fusion } from './fusion.ts'
import { reshape, sum } from './movement.ts'
import { add, gate, relu } from './pointwise.ts'
import { matrices, multiply, product } from './product.ts'

/** A function of each element, such as `relu`. */
export type Activation = (x: Tensor) => Tensor

const runLinear = operation<{ relu: boolean }, { x: Tensor; weight: Tensor; y?: Tensor }>({
  name: 'linear',
  shape: ([x, weight]) => [x[0], weight[0]],
  forward(y, [x, weight, bias], { relu }) {
    const [M, K] = x.dims
    multiply(y, matrices(x, false), matrices(weight, true), 1, M, weight.dims[0], K, { bias: bias?.pointer ?? 0, relu })
  },
  save: (y, [x, weight], { relu }) => (relu ? { x, weight, y } : { x, weight }),
  through: (g, { y }) => (y ? gate(g, y) : g),
  pullback: [(g, { weight }) => product(g, weight, false, false), (g, { x }) => product(g, x, true, false), g => sum(g, 0)],
})

/**
 * x Wᵀ + b, the bias added while the product is written: x is [..., in], the weight [out, in], the bias [out], the result [..., out].
 * Throws ShapeError where they do not fit.
 * @example linear(tensor([1, 2]), tensor([[3, 4]]), tensor([5])).toArray() // [16]
 */
export const linear = /* @__PURE__ */ composed('linear', 3, function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  return affine(x, weight, bias, false)
})

/** @internal activation(x Wᵀ + b): relu is computed while the product is written. */
export function activated(x: Tensor, weight: Tensor, bias: Tensor | undefined, activation: Activation): Tensor {
  const isFused = activation === relu && fusion.activation
  return isFused ? affine(x, weight, bias, true) : activation(affine(x, weight, bias, false))
}

function affine(x: Tensor, weight: Tensor, bias: Tensor | undefined, isRelu: boolean): Tensor {
  checkTensor('linear', x)
  checkTensor('linear', weight)
  const inputs = x.dims[x.rank - 1]
  if (x.rank === 0 || weight.rank !== 2 || weight.dims[1] !== inputs || (bias && !sameShape(bias.dims, [weight.dims[0]]))) {
    const came = `x ${show(x.dims)}, weight ${show(weight.dims)}${bias ? `, bias ${show(bias.dims)}` : ''}`
    const wayOut = 'The last axis of x must be the second of the weight [out, in]; the bias is [out].'
    throw new ShapeError({ operation: 'linear', problem: 'sizes differ', came, wayOut }, [x.dims, weight.dims])
  }
  const rows = x.rank === 2 ? x : reshape(x, [sizeOf(x.dims.slice(0, -1)), inputs])
  const y = rowsOf(rows, weight, bias, isRelu)
  return x.rank === 2 ? y : reshape(y, [...x.dims.slice(0, -1), weight.dims[0]])
}

function rowsOf(x: Tensor, weight: Tensor, bias: Tensor | undefined, isRelu: boolean): Tensor {
  if (bias === undefined || fusion.bias) return runLinear(bias ? [x, weight, bias] : [x, weight], { relu: isRelu })
  const y = add(product(x, weight, false, true), bias)
  return isRelu ? relu(y) : y
}
