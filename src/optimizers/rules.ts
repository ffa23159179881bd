import { norm } from '../ops/reduce.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { rule } from './define.ts'

/** Throws RangeError unless each named value lies in its range. */
function ranges(name: string, hyper: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(hyper)) {
    const values = (Array.isArray(value) ? value : [value]) as unknown[]
    const isRate = key === 'beta' || key === 'rho'
    const isOrder = key === 'p'
    for (const each of values) {
      if (typeof each !== 'number') continue
      if (isOrder ? each > 0 : each >= 0 && (isRate ? each < 1 : each < Number.POSITIVE_INFINITY)) continue
      throw new RangeError(`${name}: ${key} must lie ${isOrder ? 'above 0' : isRate ? 'in [0, 1)' : 'from 0 up'}: ${each}.`)
    }
  }
}

/** Gradient descent: Δ = ηg. `Descent(eta = 0.1)`. Throws RangeError for a number out of its range.
 * @example apply(Descent(0.1), tensor([1, 2]), tensor([2, 0])).toArray() // [0.2, 0] */
export const Descent = /* @__PURE__ */ rule('Descent', {
  hyper: { eta: 0.1 },
  check: hyper => ranges('Descent', hyper),
  kernel: () => ({ run: kernels.descent, numbers: ({ eta }) => [eta] }),
})

/** Momentum (Polyak 1964): v ← ρv + ηg, Δ = v; a subnormal v becomes 0. `Momentum(eta = 0.01, rho = 0.9)`. Throws RangeError for a number
 * out of its range.
 * @example apply(Momentum(0.1, 0.9), tensor([1, 2]), tensor([2, 0])).toArray() // [0.2, 0] */
export const Momentum = /* @__PURE__ */ rule('Momentum', {
  hyper: { eta: 0.01, rho: 0.9 },
  check: hyper => ranges('Momentum', hyper),
  slots: ['v'],
  kernel: () => ({ run: kernels.momentum, numbers: ({ eta, rho }) => [0, 0, 0, 0, rho, eta] }),
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

/** What the Adam kernels read: the bias corrections, from powers in double precision, then the constants of the formula. */
function adamNumbers(eta: number, [b1, b2]: Betas, epsilon: number, t: number, decay: number): readonly number[] {
  return [eta / (1 - power(b1, t)), 1 / (1 - power(b2, t)), epsilon, decay, b1, 1 - b1, b2, 1 - b2]
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
  kernel: () => ({ run: kernels.adam, numbers: ({ eta, beta, epsilon }, t) => adamNumbers(eta, beta, epsilon, t, 0) }),
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
  kernel: () => ({
    run: kernels.adamW,
    numbers: ({ eta, beta, lambda, epsilon, couple }, t) => adamNumbers(eta, beta, epsilon, t, couple ? eta * lambda : lambda),
  }),
})

/**
 * Per tensor: shortens a gradient whose p-norm is above ω to ω, Δ = g min(ω / ‖g‖ₚ, 1). A norm that is not finite, of finite numbers or behind
 * another rule, is a RangeError, or with `throw: false` NaN; `update` refuses gradients that are not before any rule sees them.
 * `ClipNorm(omega = 10, p = 2, throw = true)`
 * @example apply(ClipNorm(1), tensor([0, 0]), tensor([3, 4])).toArray() // [0.6, 0.8]
 */
export const ClipNorm = /* @__PURE__ */ rule('ClipNorm', {
  hyper: { omega: 10, p: 2, throw: true as boolean },
  check: hyper => ranges('ClipNorm', hyper),
  step({ omega, p, throw: mayThrow }, _, __, g) {
    const length = norm(g, undefined, { p }).item()
    const factor = length === 0 ? 1 : Math.min(omega / length, 1)
    if (Number.isFinite(length) && (factor === 0 || factor >= 2 ** -126)) return g.mul(factor)
    // Finite numbers may have a norm beyond float32, or one by which ω becomes subnormal: by way of their share of the largest.
    const largest = norm(g, undefined, { p: Number.POSITIVE_INFINITY }).item()
    const shares = g.div(largest)
    const shareLength = norm(shares, undefined, { p }).item()
    if (Number.isFinite(largest) && Number.isFinite(shareLength)) return shares.mul(Math.min(omega / shareLength, largest))
    if (!mayThrow) return g.mul(Number.NaN)
    throw new RangeError(`ClipNorm: the gradient's norm is not finite: ${length}. Lower the learning rate, or pass { throw: false }.`)
  },
})
