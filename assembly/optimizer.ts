// The rules of optimization, one method of Rules each: it moves the slots on and gives the step, in the letters of its formula.
//
// tools/rules.mjs makes a kernel of every one, with the loops around it, from the names and types of its parameters: x, g and exponent are four
// lanes each, a usize is where the lanes of a slot lie, any other v128 a number of the rule. src/wasm/rules.generated.ts has the names of slots
// and numbers. T says how many lanes there are: v128 for four, f32 for one, at the end of a range; the others are zero then, and what becomes of
// them does not matter.
import { Vector } from './math/vector'

/** The bits of a float's exponent, in four lanes: loaded before the loop, it makes Adam a tenth faster than inside. */
export const EXPONENT: usize = memory.data<u32>([0x7f800000, 0x7f800000, 0x7f800000, 0x7f800000], 16)

export class Lanes {
  @inline static load<T>(from: usize): v128 {
    return sizeof<T>() === 16 ? v128.load(from) : v128.load32_zero(from)
  }

  @inline static store<T>(to: usize, value: v128): void {
    if (sizeof<T>() === 16) v128.store(to, value)
    else v128.store32_lane(to, value, 0)
  }

  /**
   * Writes a slot and returns it, without its subnormal lanes, which become zero. A slot of what gets no gradient any more, such as the weights
   * of a dead unit, decays into that range and never out of it (0.9 of four of the smallest steps rounds to four), and there processors compute
   * at a fraction of their speed.
   */
  @inline static keep<T>(slot: usize, value: v128, exponent: v128): v128 {
    const kept = v128.andnot(value, i32x4.eq(v128.and(value, exponent), i32x4.splat(0)))
    Lanes.store<T>(slot, kept)
    return kept
  }
}

export class Rules {
  /** Δ = ηg */
  @inline static descent<T>(g: v128, eta: v128): v128 {
    return f32x4.mul(eta, g)
  }

  /** v ← ρv + ηg, Δ = v */
  @inline static momentum<T>(g: v128, exponent: v128, v: usize, eta: v128, rho: v128): v128 {
    return Lanes.keep<T>(v, Vector.fma(rho, Lanes.load<T>(v), f32x4.mul(eta, g)), exponent)
  }

  /**
   * m ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², Δ = η m / (√(v scale) + ε), where eta stands for η / (1-β₁ᵗ), scale for 1 / (1-β₂ᵗ), rest1 for 1-β₁ and
   * rest2 for 1-β₂. The rate last: η m is subnormal long before the small m of a dead unit is, and divisions of such numbers are slow.
   */
  @inline static adam<T>(
    g: v128,
    exponent: v128,
    m: usize,
    v: usize,
    eta: v128,
    scale: v128,
    epsilon: v128,
    beta1: v128,
    rest1: v128,
    beta2: v128,
    rest2: v128,
  ): v128 {
    const mean = Lanes.keep<T>(m, Vector.fma(beta1, Lanes.load<T>(m), f32x4.mul(rest1, g)), exponent)
    const square = Lanes.keep<T>(v, Vector.fma(beta2, Lanes.load<T>(v), f32x4.mul(f32x4.mul(rest2, g), g)), exponent)
    return f32x4.mul(eta, f32x4.div(mean, f32x4.add(f32x4.sqrt(f32x4.mul(square, scale)), epsilon)))
  }

  /** Adam's step, and decay x. */
  @inline static adamW<T>(
    x: v128,
    g: v128,
    exponent: v128,
    m: usize,
    v: usize,
    eta: v128,
    scale: v128,
    epsilon: v128,
    decay: v128,
    beta1: v128,
    rest1: v128,
    beta2: v128,
    rest2: v128,
  ): v128 {
    return Vector.fma(decay, x, Rules.adam<T>(g, exponent, m, v, eta, scale, epsilon, beta1, rest1, beta2, rest2))
  }

  /** Δ = g + λx */
  @inline static weightDecay<T>(x: v128, g: v128, lambda: v128): v128 {
    return Vector.fma(lambda, x, g)
  }
}
