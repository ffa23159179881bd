import * as lanes from '../wasm/rules.generated.ts'
import { rule } from './define.ts'
import { ranges } from './ranges.ts'

/** Gradient descent: Δ = ηg. `Descent(eta = 0.1)`. Throws RangeError for a number out of its range.
 * @example apply(Descent(0.1), tensor([1, 2]), tensor([2, 0])).toArray() // [0.2, 0] */
export const Descent = /* @__PURE__ */ rule('Descent', {
  hyper: { eta: 0.1 },
  check: hyper => ranges('Descent', hyper),
  kernel: lanes.descent,
  numbers: ({ eta }) => ({ eta }),
})

/** Momentum (Polyak 1964): v ← ρv + ηg, Δ = v; a subnormal v becomes 0. `Momentum(eta = 0.01, rho = 0.9)`. Throws RangeError for a number
 * out of its range.
 * @example apply(Momentum(0.1, 0.9), tensor([1, 2]), tensor([2, 0])).toArray() // [0.2, 0] */
export const Momentum = /* @__PURE__ */ rule('Momentum', {
  hyper: { eta: 0.01, rho: 0.9 },
  check: hyper => ranges('Momentum', hyper),
  slots: ['v'],
  kernel: lanes.momentum,
  numbers: ({ eta, rho }) => ({ eta, rho }),
})

type Betas = readonly [number, number]

/** bᵗ by squaring, since the last bit of `**` differs between engines. */
function power(b: number, t: number): number {
  let result = 1
  for (let square = b, left = t; left > 0; left >>>= 1) {
    if (left & 1) result *= square
    square *= square
  }
  return result
}

/** What Adam's kernels read: the bias corrections, from powers in double precision, and the constants of the formula. */
function adamNumbers(eta: number, [beta1, beta2]: Betas, epsilon: number, t: number) {
  const scale = 1 / (1 - power(beta2, t))
  return { eta: eta / (1 - power(beta1, t)), scale, epsilon, beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2 }
}

/**
 * Adam (Kingma & Ba 2015, algorithm 1): m ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², Δ = η m̂ / (√v̂ + ε) with m̂ = m / (1-β₁ᵗ), v̂ = v /
 * (1-β₂ᵗ); a subnormal m or v becomes 0. `Adam(eta = 1e-3, beta = [0.9, 0.999], epsilon = 1e-8)`. Throws RangeError for a number out of its range.
 * @example apply(Adam(0.1), tensor([1, 2]), tensor([5, 0])).toArray() // [0.1, 0]
 */
export const Adam = /* @__PURE__ */ rule('Adam', {
  hyper: { eta: 1e-3, beta: [0.9, 0.999] as Betas, epsilon: 1e-8 },
  check: hyper => ranges('Adam', hyper),
  slots: ['m', 'v'],
  kernel: lanes.adam,
  numbers: ({ eta, beta, epsilon }, t) => adamNumbers(eta, beta, epsilon, t),
})

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2019): Δ = η(adam + λx), or with `couple: false` η adam + λx. `AdamW(eta = 1e-3,
 * beta = [0.9, 0.999], lambda = 0, epsilon = 1e-8, couple = true)`. Throws RangeError for a number out of its range.
 * @example apply(AdamW(0.1, { lambda: 0.01 }), tensor([1, 2]), tensor([5, 0])).toArray() // [0.101, 0.002]
 */
export const AdamW = /* @__PURE__ */ rule('AdamW', {
  hyper: { eta: 1e-3, beta: [0.9, 0.999] as Betas, lambda: 0, epsilon: 1e-8, couple: true as boolean },
  check: hyper => ranges('AdamW', hyper),
  slots: ['m', 'v'],
  kernel: lanes.adamW,
  numbers: ({ eta, beta, lambda, epsilon, couple }, t) => ({
    ...adamNumbers(eta, beta, epsilon, t),
    decay: couple ? eta * lambda : lambda,
  }),
})

/**
 * Adds to the step so far what pulls the weights towards 0: Δ = g + λx. Before `Adam` that is a penalty of λ/2 ‖x‖² (PyTorch's `Adam(weight_decay)`);
 * behind it decay that the learning rate does not scale, as `AdamW` has it with `couple: false`. `WeightDecay(lambda = 5e-4)`. Throws RangeError
 * for a number out of its range.
 * @example apply(WeightDecay(0.5), tensor([1, 2]), tensor([3, 0])).toArray() // [3.5, 1]
 */
export const WeightDecay = /* @__PURE__ */ rule('WeightDecay', {
  hyper: { lambda: 5e-4 },
  check: hyper => ranges('WeightDecay', hyper),
  kernel: lanes.weightDecay,
  numbers: ({ lambda }) => ({ lambda }),
})
