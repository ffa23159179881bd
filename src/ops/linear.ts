import { ShapeError } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor, operation } from '../tape/operation.ts'
import { sameShape, show, sizeOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { NONE } from '../wasm/kinds.ts'
import type { Activation, Epilogue } from './epilogue.ts'
import { epilogueOf, fusion, isFused, PLAIN } from './fusion.ts'
import { reshape, sum } from './movement.ts'
import { add } from './pointwise.ts'
import { matrices, multiply, product } from './product.ts'

const runLinear = operation<Epilogue, { x: Tensor; weight: Tensor; y?: Tensor }>({
  name: 'linear',
  shape: ([x, weight]) => [x[0], weight[0]],
  forward(y, [x, weight, bias], epilogue) {
    const [M, K] = x.dims
    const finish = { bias: bias?.pointer ?? NONE, epilogue: epilogue.number }
    multiply(y, matrices(x, false), matrices(weight, true), 1, M, weight.dims[0], K, finish)
  },
  save: (y, [x, weight], { through }) => (through ? { x, weight, y } : { x, weight }),
  through: (g, { y }, { through }) => (y && through ? through(g, y) : g),
  pullback: [(g, { weight }) => product(g, weight, false, false), (g, { x }) => product(g, x, true, false), g => sum(g, 0)],
})

/**
 * x Wᵀ + b, the bias added while the product is written: x is [..., in], the weight [out, in], the bias [out], the result [..., out].
 * Throws ShapeError where they do not fit.
 * @example linear(tensor([1, 2]), tensor([[3, 4]]), tensor([5])).toArray() // [16]
 */
export const linear = /* @__PURE__ */ composed('linear', 3, function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  if (bias !== undefined) checkTensor('linear', bias)
  return affine(x, weight, bias, PLAIN)
})

/** @internal activation(x Wᵀ + b): an activation that has an epilogue is computed while the product is written. */
export function activated(x: Tensor, weight: Tensor, bias: Tensor | undefined, activation: Activation): Tensor {
  const epilogue = epilogueOf(activation, [x, weight, bias])
  return epilogue ? affine(x, weight, bias, epilogue) : activation(affine(x, weight, bias, PLAIN))
}

function affine(x: Tensor, weight: Tensor, bias: Tensor | undefined, epilogue: Epilogue): Tensor {
  checkTensor('linear', x)
  checkTensor('linear', weight)
  const inputs = x.dims[x.rank - 1]
  if (x.rank === 0 || weight.rank !== 2 || weight.dims[1] !== inputs || (bias && !sameShape(bias.dims, [weight.dims[0]]))) {
    const came = `x ${show(x.dims)}, weight ${show(weight.dims)}${bias ? `, bias ${show(bias.dims)}` : ''}`
    const isFlat = weight.rank === 2 && x.rank > 2 && sizeOf(x.dims, 1) === weight.dims[1]
    const wayOut = isFlat
      ? 'Put flatten before it: Chain(flatten, Dense(...)).'
      : 'The last axis of x must be the second of the weight [out, in]; the bias is [out].'
    throw new ShapeError({ operation: 'linear', problem: 'sizes differ', came, wayOut }, [x.dims, weight.dims])
  }
  const rows = x.rank === 2 ? x : reshape(x, [sizeOf(x.dims.slice(0, -1)), inputs])
  const y = rowsOf(rows, weight, bias, epilogue)
  return x.rank === 2 ? y : reshape(y, [...x.dims.slice(0, -1), weight.dims[0]])
}

function rowsOf(x: Tensor, weight: Tensor, bias: Tensor | undefined, epilogue: Epilogue): Tensor {
  if (bias === undefined) return runLinear([x, weight], epilogue)
  const inputs = [x, weight, bias]
  return isFused(fusion.bias, inputs) ? runLinear(inputs, epilogue) : add(product(x, weight, false, true), bias)
}
