import { rangeError, typeError } from '../errors.ts'
import { show } from '../tensor/shape.ts'
import * as lanes from '../wasm/rules.generated.ts'
import { type RuleArguments, rule } from './define.ts'
import { power } from './power.ts'
import type { Rule } from './rule.ts'

type Pair = readonly [number, number]

/** Numbers of Adam's kind, from which all of its kind start. */
const ADAM = { eta: 1e-3, beta: [0.9, 0.999] as Pair, epsilon: 1e-8 }

/** What kernels read of β. */
function weights([beta1, beta2]: Pair) {
  return { beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2 }
}

/** What Adam's kernels read: the bias corrections, from powers in double precision, and the constants of the formula. */
function corrected({ eta, beta, epsilon }: typeof ADAM, t: number) {
  const [beta1, beta2] = beta
  const scale = 1 / (1 - power(beta2, t))
  return { eta: eta / (1 - power(beta1, t)), scale, epsilon, beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2 }
}

/** Gradient descent: Δ = ηg. `Descent(eta = 0.1)`. Throws RangeError for a number out of its range.
 * @example apply(Descent(0.1), tensor([1, 2]), tensor([2, 0])).toArray() // [0.2, 0] */
export const Descent = /* @__PURE__ */ rule('Descent', { hyper: { eta: 0.1 }, kernel: lanes.descent })

/** Momentum (Polyak 1964): v ← ρv + ηg, Δ = v; a subnormal v becomes 0. `Momentum(eta = 0.01, rho = 0.9)`. Throws RangeError for a number
 * out of its range.
 * @example apply(Momentum(0.1, 0.9), tensor([1, 2]), tensor([2, 0])).toArray() // [0.2, 0] */
export const Momentum = /* @__PURE__ */ rule('Momentum', { hyper: { eta: 0.01, rho: 0.9 }, kernel: lanes.momentum })

/** Nesterov's momentum (Sutskever et al. 2013, as PyTorch's `SGD(nesterov=True)`): v ← ρv + ηg, Δ = ηg + ρv. `Nesterov(eta = 1e-3, rho = 0.9)`.
 * Throws RangeError for a number out of its range.
 * @example apply(Nesterov(0.1, 0.9), tensor([1, 2]), tensor([2, 0])).toArray() // [0.38, 0] */
export const Nesterov = /* @__PURE__ */ rule('Nesterov', { hyper: { eta: 1e-3, rho: 0.9 }, kernel: lanes.nesterov })

/**
 * RMSProp (Hinton, lecture 6e of 2012): q ← ρq + (1-ρ)g², Δ = ηg / (√q + ε); with `centred: true` (Graves 2013, eq. 38 to 40) √(q - l²) instead
 * of √q, where l ← ρl + (1-ρ)g. `RMSProp(eta = 1e-3, rho = 0.9, epsilon = 1e-8, centred = false)`. Throws RangeError for a number out of its range,
 * TypeError when centred is to change on the way.
 * @example apply(RMSProp(0.1, 0.75), tensor([1, 2]), tensor([2, 0])).toArray() // [0.2, 0]
 */
export function RMSProp(...args: RuleArguments<RMSPropHyper>): Rule<RMSPropHyper> {
  const isCentred = args[3] === true || (Object(args.at(-1)) as Partial<RMSPropHyper>).centred === true
  return rule('RMSProp', {
    hyper: { eta: 1e-3, rho: 0.9, epsilon: 1e-8, centred: false as boolean },
    check({ centred }) {
      if (centred !== isCentred) throw typeError('RMSProp', 'centred cannot be changed on the way', '', 'Make another RMSProp(...).')
    },
    kernel: isCentred ? lanes.centredRMSProp : lanes.rmsProp,
    numbers: ({ eta, rho, epsilon }) => ({ eta, rho, epsilon, rest: 1 - rho }),
  })(...args)
}

/** The hyperparameters of `RMSProp`. */
export type RMSPropHyper = { readonly eta: number; readonly rho: number; readonly epsilon: number; readonly centred: boolean }

/**
 * Adam (Kingma & Ba 2015, algorithm 1): m ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², Δ = η m̂ / (√v̂ + ε) with m̂ = m / (1-β₁ᵗ), v̂ = v /
 * (1-β₂ᵗ); a subnormal m or v becomes 0. `Adam(eta = 1e-3, beta = [0.9, 0.999], epsilon = 1e-8)`. Throws RangeError for a number out of its range.
 * @example apply(Adam(0.1), tensor([1, 2]), tensor([5, 0])).toArray() // [0.1, 0]
 */
export const Adam = /* @__PURE__ */ rule('Adam', { hyper: ADAM, kernel: lanes.adam, numbers: corrected })

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2019): Δ = η(adam + λx), or with `couple: false` η adam + λx. `decay` says which parameters
 * decay: `AdamW(1e-3, { lambda: 0.01, decay: p => p.rank > 1 })`; without a lambda none does. `AdamW(eta = 1e-3, beta = [0.9, 0.999], lambda = 0, epsilon = 1e-8, couple = true,
 * decay = true)`. Throws RangeError for a number out of its range.
 * @example apply(AdamW(0.1, { lambda: 0.01 }), tensor([1, 2]), tensor([5, 0])).toArray() // [0.101, 0.002]
 */
export const AdamW = /* @__PURE__ */ rule('AdamW', {
  hyper: { eta: 1e-3, beta: [0.9, 0.999] as Pair, lambda: 0, epsilon: 1e-8, couple: true as boolean, decay: true as boolean },
  kernel: lanes.adamW,
  numbers: (hyper, t) => ({ ...corrected(hyper, t), decay: hyper.decay ? (hyper.couple ? hyper.eta : 1) * hyper.lambda : 0 }),
})

/**
 * Rectified Adam (Liu et al. 2020, algorithm 2): with ρ∞ = 2 / (1-β₂) - 1 and ρ = ρ∞ - 2tβ₂ᵗ / (1-β₂ᵗ), once ρ > 4 (the paper's bound; PyTorch's is 5)
 * Adam's step times √((ρ-4)(ρ-2)ρ∞ / ((ρ∞-4)(ρ∞-2)ρ)), and until then Δ = η m̂. `RAdam(eta = 1e-3, beta = [0.9, 0.999], epsilon = 1e-8)`. Throws
 * RangeError for a number out of its range.
 * @example apply(RAdam(0.1), tensor([1, 2]), tensor([5, 0])).toArray() // [0.5, 0]
 */
export const RAdam = /* @__PURE__ */ rule('RAdam', {
  hyper: ADAM,
  kernel: lanes.rAdam,
  numbers(hyper, t) {
    const numbers = corrected(hyper, t)
    const beta2 = hyper.beta[1]
    const top = 2 / (1 - beta2) - 1
    const rho = top - 2 * t * power(beta2, t) * numbers.scale
    if (rho <= 4) return { ...numbers, epsilon: 1, most: 0 }
    const rectified = Math.sqrt(((rho - 4) * (rho - 2) * top) / ((top - 4) * (top - 2) * rho))
    return { ...numbers, eta: numbers.eta * rectified, most: Number.POSITIVE_INFINITY }
  },
})

/**
 * AdaMax (Kingma & Ba 2015, algorithm 2): m as Adam, u ← max(β₂u, |g|), Δ = η m / ((1-β₁ᵗ)(u + ε)). `AdaMax(eta = 1e-3, beta = [0.9, 0.999], epsilon =
 * 1e-8)`. Throws RangeError for a number out of its range.
 * @example apply(AdaMax(0.1), tensor([1, 2]), tensor([5, 0])).toArray() // [0.1, 0]
 */
export const AdaMax = /* @__PURE__ */ rule('AdaMax', { hyper: ADAM, kernel: lanes.adaMax, numbers: corrected })

/**
 * Optimistic Adam (Daskalakis et al. 2018, algorithm 1): d' = Adam's step, Δ = 2d' - d, d ← d'. `OAdam(eta = 1e-3, beta = [0.5, 0.9], epsilon = 1e-8)`.
 * Throws RangeError for a number out of its range.
 * @example apply(OAdam(0.1), tensor([1, 2]), tensor([5, 0])).toArray() // [0.2, 0]
 */
export const OAdam = /* @__PURE__ */ rule('OAdam', {
  hyper: { eta: 1e-3, beta: [0.5, 0.9] as Pair, epsilon: 1e-8 },
  kernel: lanes.oAdam,
  numbers: corrected,
})

/**
 * AMSGrad (Reddi et al. 2018, algorithm 2): m, v as Adam, top ← max(top, v), Δ = η m / (√top + ε), without bias correction, as in the paper; all from 0.
 * `AMSGrad(eta = 1e-3, beta = [0.9, 0.999], epsilon = 1e-8)`. Throws RangeError for a number out of its range.
 * @example apply(AMSGrad(0.1, [0.5, 0.75]), tensor([1, 2]), tensor([5, 0])).toArray() // [0.1, 0]
 */
export const AMSGrad = /* @__PURE__ */ rule('AMSGrad', {
  hyper: ADAM,
  kernel: lanes.amsGrad,
  numbers: ({ eta, beta, epsilon }) => ({ eta, epsilon, ...weights(beta) }),
})

/**
 * Adam with Nesterov's momentum (Dozat 2016, with a constant momentum): m, v as Adam, Δ = η(β₁m / (1-β₁ᵗ⁺¹) + (1-β₁)g / (1-β₁ᵗ)) / (√(β₂v / (1-β₂ᵗ)) +
 * ε). `NAdam(eta = 1e-3, beta = [0.9, 0.999], epsilon = 1e-8)`. Throws RangeError for a number out of its range.
 * @example apply(NAdam(0.1, [0.5, 0.25]), tensor([1, 2]), tensor([3, 0])).toArray() // [0.2666667, 0]
 */
export const NAdam = /* @__PURE__ */ rule('NAdam', {
  hyper: ADAM,
  kernel: lanes.nAdam,
  numbers(hyper, t) {
    const numbers = corrected(hyper, t)
    const { eta } = hyper
    const { beta1, rest1, beta2 } = numbers
    const [share, fresh] = [beta1 / (1 - power(beta1, t + 1)), rest1 / (1 - power(beta1, t))]
    return { ...numbers, eta, share, fresh, scale: beta2 * numbers.scale }
  },
})

/**
 * AdaBelief (Zhuang et al. 2020, algorithm 2): m as Adam, s ← β₂s + (1-β₂)(g-m)² + ε, Δ = η m̂ / (√ŝ + ε), m̂ and ŝ corrected as Adam's. `AdaBelief(eta =
 * 1e-3, beta = [0.9, 0.999], epsilon = 1e-16)`. Throws RangeError for a number out of its range.
 * @example apply(AdaBelief(0.1, [0.5, 0.75]), tensor([1, 2]), tensor([4, 0])).toArray() // [0.2, 0]
 */
export const AdaBelief = /* @__PURE__ */ rule('AdaBelief', {
  hyper: { eta: 1e-3, beta: [0.9, 0.999] as Pair, epsilon: 1e-16 },
  kernel: lanes.adaBelief,
  numbers: corrected,
})

/** AdaGrad (Duchi et al. 2011): a ← a + g² from ε, Δ = ηg / (√a + ε). `AdaGrad(eta = 0.1, epsilon = 1e-8)`. Throws RangeError for a number out of
 * its range.
 * @example apply(AdaGrad(0.1), tensor([1, 2]), tensor([5, 0])).toArray() // [0.1, 0] */
export const AdaGrad = /* @__PURE__ */ rule('AdaGrad', {
  hyper: { eta: 0.1, epsilon: 1e-8 },
  slots: { a: ({ epsilon }) => epsilon },
  kernel: lanes.adaGrad,
})

/**
 * AdaDelta (Zeiler 2012, algorithm 1), which has no learning rate: a ← ρa + (1-ρ)g², Δ = g √(d + ε) / √(a + ε), d ← ρd + (1-ρ)Δ². `AdaDelta(rho = 0.9,
 * epsilon = 1e-8)`. Throws RangeError for a number out of its range.
 * @example apply(AdaDelta(0.75, 1), tensor([1, 2]), tensor([2, 0])).toArray() // [1.4142135, 0]
 */
export const AdaDelta = /* @__PURE__ */ rule('AdaDelta', {
  hyper: { rho: 0.9, epsilon: 1e-8 },
  kernel: lanes.adaDelta,
  numbers: ({ rho, epsilon }) => ({ rho, epsilon, rest: 1 - rho }),
})

/**
 * Resilient propagation (Riedmiller & Braun 1993), for gradients of all data: a size for each element, η at first; where the gradient kept its sign, size ←
 * min(size ℓ₂, Γ₂), where it turned, size ← max(size ℓ₁, Γ₁) and g ← 0; Δ = size sign g. `Rprop(eta = 1e-3, ell = [0.5, 1.2], gamma = [1e-6, 50])`; `adjust`
 * of eta is for parameters that have not begun. Throws RangeError for a number out of its range: 0 < ℓ₁ < 1 < ℓ₂, Γ₁ ≤ Γ₂.
 * @example apply(Rprop(0.1), tensor([1, 2]), tensor([5, -3])).toArray() // [0.1, -0.1]
 */
export const Rprop = /* @__PURE__ */ rule('Rprop', {
  hyper: { eta: 1e-3, ell: [0.5, 1.2] as Pair, gamma: [1e-6, 50] as Pair },
  slots: { last: 0, size: ({ eta }) => eta },
  kernel: lanes.rprop,
  check({ ell, gamma }) {
    if (!(ell[0] > 0 && ell[0] < 1 && ell[1] > 1))
      throw rangeError('Rprop', 'ell must be a factor within 0 and 1, and one above', show(ell))
    if (gamma[0] > gamma[1]) throw rangeError('Rprop', 'gamma must be the least size and the largest', show(gamma))
  },
  numbers: ({ ell: [shrink, grow], gamma: [least, most] }) => ({ shrink, grow, least, most }),
})

/**
 * Lion (Chen et al. 2023, algorithm 2): Δ = η(sign(β₁m + (1-β₁)g) + λx), m ← β₂m + (1-β₂)g; `decay` says which parameters decay. `Lion(eta = 1e-3, beta =
 * [0.9, 0.99], lambda = 0, decay = true)`. Throws RangeError for a number out of its range.
 * @example apply(Lion(0.1), tensor([1, 2]), tensor([5, -3])).toArray() // [0.1, -0.1]
 */
export const Lion = /* @__PURE__ */ rule('Lion', {
  hyper: { eta: 1e-3, beta: [0.9, 0.99] as Pair, lambda: 0, decay: true as boolean },
  kernel: lanes.lion,
  numbers: ({ eta, beta, lambda, decay }) => ({ eta, decay: decay ? eta * lambda : 0, ...weights(beta) }),
})

/**
 * Adds to the step so far what pulls the weights towards 0: Δ = g + λx. Before `Adam` that is a penalty of λ/2 ‖x‖² (PyTorch's `Adam(weight_decay)`);
 * behind it decay that the learning rate does not scale, as `AdamW` has it with `couple: false`. `decay` says which parameters decay: `WeightDecay(0.01,
 * { decay: (p, path) => !path.endsWith('bias') })`. `WeightDecay(lambda = 5e-4, decay = true)`. Throws RangeError for a number out of its range.
 * @example apply(WeightDecay(0.5), tensor([1, 2]), tensor([3, 0])).toArray() // [3.5, 1]
 */
export const WeightDecay = /* @__PURE__ */ rule('WeightDecay', {
  hyper: { lambda: 5e-4, decay: true as boolean },
  kernel: lanes.weightDecay,
  numbers: ({ lambda, decay }) => ({ lambda: decay ? lambda : 0 }),
})

/** Adds to the step so far what pulls the weights to 0 all alike, a penalty of λ‖x‖₁: Δ = g + λ sign x, sign 0 = 0. `decay` as `WeightDecay`'s.
 * `SignDecay(lambda = 1e-3, decay = true)`. Throws RangeError for a number out of its range.
 * @example apply(SignDecay(0.5), tensor([1, -2]), tensor([3, 0])).toArray() // [3.5, -0.5] */
export const SignDecay = /* @__PURE__ */ rule('SignDecay', {
  hyper: { lambda: 1e-3, decay: true as boolean },
  kernel: lanes.signDecay,
  numbers: ({ lambda, decay }) => ({ lambda: decay ? lambda : 0 }),
})

/** Each element of a gradient, from -δ to δ. `ClipGrad(delta = 10)`. Throws RangeError for a number out of its range.
 * @example apply(ClipGrad(1), tensor([0, 0]), tensor([3, -0.5])).toArray() // [1, -0.5] */
export const ClipGrad = /* @__PURE__ */ rule('ClipGrad', { hyper: { delta: 10 }, kernel: lanes.clipGrad })

/**
 * Gathers n gradients of a parameter and hands on their mean; until then no step, so that rules behind it do not move, nor do their schedules. What is
 * left at the end of an epoch counts in the next. `AccumGrad(n)`. Throws RangeError for an n that is no whole number from 1.
 *
 * @example
 * const [opt, x] = [OptimizerChain(AccumGrad(2), Descent(1)), tensor([0])]
 * for (const g of [1, 3]) update(opt, x, tensor([g]))
 * x.toArray() // [-2]
 */
export const AccumGrad = /* @__PURE__ */ rule('AccumGrad', {
  hyper: { n: 0 },
  kernel: lanes.accumGrad,
  numbers: (_, t) => ({ t }),
  holds: ({ n }, t) => t < n,
})
