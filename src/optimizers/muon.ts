import { matmul } from '../ops/matmul.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { rule } from './define.ts'
import { globalNorm } from './norm.ts'
import { power } from './power.ts'
import { ranges } from './ranges.ts'

/** A quintic iteration that brings all singular values near 1, between 0.7 and 1.2, in a few rounds. */
const A = 3.4445
const B = -4.775
const C = 2.0315
const ROUNDS = 5

/** Newton and Schulz's iteration: from U S Vᵀ about U Vᵀ. */
function orthogonalized(matrix: Tensor): Tensor {
  let x = matrix.div(globalNorm([matrix]) + 1e-7)
  for (let i = 0; i < ROUNDS; i++) {
    const square = matmul(x, x, { transposeRight: true })
    x = x.mul(A).add(matmul(square.mul(B).add(matmul(square, square).mul(C)), x))
  }
  return x
}

/**
 * Muon (Jordan et al. 2024): for matrices, m ← ρm + (1-ρ)g, u = ρm + (1-ρ)g, Δ = η(NS(u) √max(1, rows / columns) + λx), where NS makes all singular values
 * about 1 by five rounds of X ← aX + (bXXᵀ + c(XXᵀ)²)X; the filters of a convolution are a matrix with a row an output. For the rest AdamW with restEta, β and
 * ε. `orthogonal` says which matrices are meant: its authors leave embeddings and the last layer to AdamW: `Muon({ orthogonal: (p, path) =>
 * !path.includes('head') })` (the path is that of `params(model).paths()`), as it is at a parameter's first step; `decay` which parameters decay. `Muon(eta = 0.02, rho = 0.95, lambda = 0, restEta = 3e-4,
 * beta = [0.9, 0.95], epsilon = 1e-10, orthogonal = true, decay = true)`. Throws RangeError for a number out of its range.
 * @example apply(Muon(0.1), tensor([[1, 2]]), tensor([[0, 5]])).toArray()[0][1].toFixed(2) // "0.07"
 */
export const Muon = /* @__PURE__ */ rule('Muon', {
  hyper: {
    eta: 0.02,
    rho: 0.95,
    lambda: 0,
    restEta: 3e-4,
    beta: [0.9, 0.95] as readonly [number, number],
    epsilon: 1e-10,
    orthogonal: true as boolean,
    decay: true as boolean,
  },
  check: hyper => ranges('Muon', hyper),
  slots: { m: 0, v: ({ orthogonal }, x) => (orthogonal && x.dims.length > 1 ? undefined : 0) },
  step({ eta, rho, lambda, restEta, beta: [beta1, beta2], epsilon, decay }, slots, x, g, t, write) {
    if (x.count === 0) return undefined
    const { m, v } = slots
    const decayed = (step: Tensor) => (decay && lambda > 0 ? step.add(x.mul(lambda)) : step)
    if ('v' in slots) {
      write('m', m.mul(beta1).add(g.mul(1 - beta1)))
      write('v', v.mul(beta2).add(g.square().mul(1 - beta2)))
      const root = v
        .mul(1 / (1 - power(beta2, t)))
        .sqrt()
        .add(epsilon)
      return decayed(m.mul(1 / (1 - power(beta1, t))).div(root)).mul(restEta)
    }
    write('m', m.mul(rho).add(g.mul(1 - rho)))
    const rows = x.dims[0]
    const columns = x.count / rows
    const wide = (z: Tensor) => (rows > columns ? z.transpose() : z)
    const towards = m
      .mul(rho)
      .add(g.mul(1 - rho))
      .reshape([rows, columns])
    const step = wide(orthogonalized(wide(towards))).mul(Math.sqrt(Math.max(1, rows / columns)))
    return decayed(step.reshape(x.dims)).mul(eta)
  },
})
