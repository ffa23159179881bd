import { rangeError } from '../errors.ts'
import { norm } from '../ops/reduce.ts'
import { type RuleArguments, rule } from './define.ts'
import { globalNorm } from './norm.ts'
import { ranges } from './ranges.ts'
import type { Rule } from './rule.ts'

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
    if (g.size === 0) return g
    const length = norm(g, undefined, { p }).item()
    const factor = length === 0 ? 1 : Math.min(omega / length, 1)
    if (Number.isFinite(length) && (factor === 0 || factor >= 2 ** -126)) return g.mul(factor)
    // Finite numbers may have a norm beyond float32, or one by which ω becomes subnormal: by way of their share of the largest.
    const largest = norm(g, undefined, { p: Number.POSITIVE_INFINITY }).item()
    const shares = g.div(largest)
    const shareLength = norm(shares, undefined, { p }).item()
    if (Number.isFinite(largest) && Number.isFinite(shareLength)) return shares.mul(Math.min(omega / shareLength, largest))
    if (!mayThrow) return g.mul(Number.NaN)
    throw rangeError('ClipNorm', "the gradient's norm is not finite", length, 'Lower the learning rate, or pass { throw: false }.')
  },
})

/** What `ClipGlobalNorm` makes. */
export type GlobalNormClip = Rule<{ readonly omega: number }> & {
  /** The norm that it saw last, before it shortened anything; 0 before the first step. */
  readonly norm: number
}

/**
 * All of a step at once: multiplies all steps by min(ω / n, 1), where n is the norm of all their elements together (PyTorch's
 * `clip_grad_norm_`), computed in double precision. `rule.norm` is the norm that it last saw. Steps of rules before it that are not finite
 * are a RangeError. `ClipGlobalNorm(omega = 10)`
 *
 * @example
 * const clip = ClipGlobalNorm(1)
 * const ps = params({ a: tensor([0, 0]), b: tensor([0]) })
 * update(OptimizerChain(clip, Descent(1)), ps, gradient(() => [...ps].map(p => p.mul(2).sum()).reduce((s, x) => s.add(x)), ps))
 * clip.norm.toFixed(3) // "3.464"
 */
export function ClipGlobalNorm(...args: RuleArguments<{ readonly omega: number }>): GlobalNormClip {
  let seen = 0
  const clip = rule('ClipGlobalNorm', {
    hyper: { omega: 10 },
    check: hyper => ranges('ClipGlobalNorm', hyper),
    factor({ omega }, steps) {
      seen = globalNorm(steps)
      if (Number.isFinite(seen)) return seen <= omega ? 1 : omega / seen
      throw rangeError('ClipGlobalNorm', 'the norm of all steps is not finite', seen, 'Lower the learning rate of the rules before it.')
    },
  })(...args)
  return Object.defineProperty(clip, 'norm', { get: () => seen, enumerable: true }) as GlobalNormClip
}
