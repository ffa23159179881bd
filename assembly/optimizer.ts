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

  /** slot ← βslot + x, kept. */
  @inline static mean<T>(slot: usize, beta: v128, x: v128, exponent: v128): v128 {
    return Lanes.keep<T>(slot, Vector.fma(beta, Lanes.load<T>(slot), x), exponent)
  }

  /** 1, -1 or 0. */
  @inline static sign(x: v128): v128 {
    return v128.and(v128.or(v128.and(x, f32x4.splat(-0.0)), f32x4.splat(1)), f32x4.ne(x, f32x4.splat(0)))
  }

  /** m / (√v + ε) */
  @inline static over(m: v128, v: v128, epsilon: v128): v128 {
    return f32x4.div(m, f32x4.add(f32x4.sqrt(v), epsilon))
  }
}

export class Rules {
  /** Δ = ηg */
  @inline static descent<T>(g: v128, eta: v128): v128 {
    return f32x4.mul(eta, g)
  }

  /** v ← ρv + ηg, Δ = v */
  @inline static momentum<T>(g: v128, exponent: v128, v: usize, eta: v128, rho: v128): v128 {
    return Lanes.mean<T>(v, rho, f32x4.mul(eta, g), exponent)
  }

  /** v ← ρv + ηg, Δ = ηg + ρv */
  @inline static nesterov<T>(g: v128, exponent: v128, v: usize, eta: v128, rho: v128): v128 {
    const step = f32x4.mul(eta, g)
    return Vector.fma(rho, Lanes.mean<T>(v, rho, step, exponent), step)
  }

  /** q ← ρq + (1-ρ)g², Δ = ηg / (√q + ε), where rest stands for 1-ρ. */
  @inline static rmsProp<T>(g: v128, exponent: v128, q: usize, eta: v128, rho: v128, epsilon: v128, rest: v128): v128 {
    const square = Lanes.mean<T>(q, rho, f32x4.mul(f32x4.mul(rest, g), g), exponent)
    return f32x4.mul(eta, Lanes.over(g, square, epsilon))
  }

  /** l ← ρl + (1-ρ)g, and q - l² instead of q: not below 0, which rounding may lead to, and infinite as soon as q is. */
  @inline static centredRMSProp<T>(g: v128, exponent: v128, q: usize, l: usize, eta: v128, rho: v128, epsilon: v128, rest: v128): v128 {
    const part = f32x4.mul(rest, g)
    const square = Lanes.mean<T>(q, rho, f32x4.mul(part, g), exponent)
    const mean = Lanes.mean<T>(l, rho, part, exponent)
    const spread = f32x4.pmax(f32x4.splat(0), f32x4.pmin(exponent, f32x4.sub(square, f32x4.mul(mean, mean))))
    return f32x4.mul(eta, Lanes.over(g, spread, epsilon))
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
    const mean = Lanes.mean<T>(m, beta1, f32x4.mul(rest1, g), exponent)
    const square = Lanes.mean<T>(v, beta2, f32x4.mul(f32x4.mul(rest2, g), g), exponent)
    return f32x4.mul(eta, Lanes.over(mean, f32x4.mul(square, scale), epsilon))
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

  /** Adam's, where v scale is most at most: infinity, or 0 with an epsilon of 1, and then Δ = η m. */
  @inline static rAdam<T>(
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
    most: v128,
  ): v128 {
    const mean = Lanes.mean<T>(m, beta1, f32x4.mul(rest1, g), exponent)
    const square = Lanes.mean<T>(v, beta2, f32x4.mul(f32x4.mul(rest2, g), g), exponent)
    return f32x4.mul(eta, Lanes.over(mean, Vector.atMost(f32x4.mul(square, scale), most), epsilon))
  }

  /** u ← max(β₂u, |g|), Δ = η m / (u + ε), where eta stands for η / (1-β₁ᵗ). */
  @inline static adaMax<T>(
    g: v128,
    exponent: v128,
    m: usize,
    u: usize,
    eta: v128,
    epsilon: v128,
    beta1: v128,
    rest1: v128,
    beta2: v128,
  ): v128 {
    const mean = Lanes.mean<T>(m, beta1, f32x4.mul(rest1, g), exponent)
    const top = Lanes.keep<T>(u, f32x4.pmax(f32x4.mul(beta2, Lanes.load<T>(u)), f32x4.abs(g)), exponent)
    return f32x4.mul(eta, f32x4.div(mean, f32x4.add(top, epsilon)))
  }

  /** d ← Adam's step, Δ = 2d - the d before. */
  @inline static oAdam<T>(
    g: v128,
    exponent: v128,
    m: usize,
    v: usize,
    d: usize,
    eta: v128,
    scale: v128,
    epsilon: v128,
    beta1: v128,
    rest1: v128,
    beta2: v128,
    rest2: v128,
  ): v128 {
    const before = Lanes.load<T>(d)
    const step = Lanes.keep<T>(d, Rules.adam<T>(g, exponent, m, v, eta, scale, epsilon, beta1, rest1, beta2, rest2), exponent)
    return f32x4.add(step, f32x4.sub(step, before))
  }

  /** m, v as Adam, top ← max(top, v), Δ = η m / (√top + ε). */
  @inline static amsGrad<T>(
    g: v128,
    exponent: v128,
    m: usize,
    v: usize,
    top: usize,
    eta: v128,
    epsilon: v128,
    beta1: v128,
    rest1: v128,
    beta2: v128,
    rest2: v128,
  ): v128 {
    const mean = Lanes.mean<T>(m, beta1, f32x4.mul(rest1, g), exponent)
    const square = Lanes.mean<T>(v, beta2, f32x4.mul(f32x4.mul(rest2, g), g), exponent)
    const most = f32x4.pmax(Lanes.load<T>(top), square)
    Lanes.store<T>(top, most)
    return f32x4.mul(eta, Lanes.over(mean, most, epsilon))
  }

  /** m, v as Adam, Δ = η (share m + fresh g) / (√(v scale) + ε), where share stands for β₁ / (1-β₁ᵗ⁺¹), fresh for (1-β₁) / (1-β₁ᵗ), scale for β₂ / (1-β₂ᵗ). */
  @inline static nAdam<T>(
    g: v128,
    exponent: v128,
    m: usize,
    v: usize,
    eta: v128,
    share: v128,
    fresh: v128,
    scale: v128,
    epsilon: v128,
    beta1: v128,
    rest1: v128,
    beta2: v128,
    rest2: v128,
  ): v128 {
    const mean = Lanes.mean<T>(m, beta1, f32x4.mul(rest1, g), exponent)
    const square = Lanes.mean<T>(v, beta2, f32x4.mul(f32x4.mul(rest2, g), g), exponent)
    return f32x4.mul(eta, Lanes.over(Vector.fma(share, mean, f32x4.mul(fresh, g)), f32x4.mul(square, scale), epsilon))
  }

  /** m as Adam, s ← β₂s + (1-β₂)(g-m)² + ε, Δ = η m / (√(s scale) + ε), eta and scale as Adam's. */
  @inline static adaBelief<T>(
    g: v128,
    exponent: v128,
    m: usize,
    s: usize,
    eta: v128,
    scale: v128,
    epsilon: v128,
    beta1: v128,
    rest1: v128,
    beta2: v128,
    rest2: v128,
  ): v128 {
    const mean = Lanes.mean<T>(m, beta1, f32x4.mul(rest1, g), exponent)
    const off = f32x4.sub(g, mean)
    const spread = Lanes.mean<T>(s, beta2, Vector.fma(f32x4.mul(rest2, off), off, epsilon), exponent)
    return f32x4.mul(eta, Lanes.over(mean, f32x4.mul(spread, scale), epsilon))
  }

  /** a ← a + g², Δ = ηg / (√a + ε) */
  @inline static adaGrad<T>(g: v128, a: usize, eta: v128, epsilon: v128): v128 {
    const sum = Vector.fma(g, g, Lanes.load<T>(a))
    Lanes.store<T>(a, sum)
    return f32x4.mul(eta, Lanes.over(g, sum, epsilon))
  }

  /** a ← ρa + (1-ρ)g², Δ = g √(d + ε) / √(a + ε), d ← ρd + (1-ρ)Δ², where rest stands for 1-ρ. */
  @inline static adaDelta<T>(g: v128, exponent: v128, a: usize, d: usize, rho: v128, epsilon: v128, rest: v128): v128 {
    const square = Lanes.mean<T>(a, rho, f32x4.mul(f32x4.mul(rest, g), g), exponent)
    const share = f32x4.div(f32x4.sqrt(f32x4.add(Lanes.load<T>(d), epsilon)), f32x4.sqrt(f32x4.add(square, epsilon)))
    const step = f32x4.mul(g, share)
    Lanes.mean<T>(d, rho, f32x4.mul(f32x4.mul(rest, step), step), exponent)
    return step
  }

  /**
   * Where g turned, size ← max(size shrink, least) and g ← 0, where it did not, size ← min(size grow, most); Δ = size sign g, last ← g. The sign of last
   * in the product, which tiny gradients do not let vanish.
   */
  @inline static rprop<T>(g: v128, last: usize, size: usize, shrink: v128, grow: v128, least: v128, most: v128): v128 {
    const turn = f32x4.mul(g, Lanes.sign(Lanes.load<T>(last)))
    const turned = f32x4.lt(turn, f32x4.splat(0))
    const before = Lanes.load<T>(size)
    const less = f32x4.pmax(f32x4.mul(before, shrink), least)
    const more = f32x4.pmin(f32x4.mul(before, grow), most)
    const now = Vector.select(turned, less, Vector.select(f32x4.gt(turn, f32x4.splat(0)), more, before))
    const going = v128.andnot(g, turned)
    Lanes.store<T>(size, now)
    Lanes.store<T>(last, going)
    return f32x4.mul(now, Lanes.sign(going))
  }

  /** Δ = η sign(β₁m + (1-β₁)g) + decay x, m ← β₂m + (1-β₂)g */
  @inline static lion<T>(
    x: v128,
    g: v128,
    exponent: v128,
    m: usize,
    eta: v128,
    decay: v128,
    beta1: v128,
    rest1: v128,
    beta2: v128,
    rest2: v128,
  ): v128 {
    const way = Lanes.sign(Vector.fma(beta1, Lanes.load<T>(m), f32x4.mul(rest1, g)))
    Lanes.mean<T>(m, beta2, f32x4.mul(rest2, g), exponent)
    return Vector.fma(decay, x, f32x4.mul(eta, way))
  }

  /** Δ = g + λx */
  @inline static weightDecay<T>(x: v128, g: v128, lambda: v128): v128 {
    return Vector.fma(lambda, x, g)
  }

  /** Δ = g + λ sign x */
  @inline static signDecay<T>(x: v128, g: v128, lambda: v128): v128 {
    return Vector.fma(lambda, Lanes.sign(x), g)
  }

  /** Δ = g, from -δ to δ. */
  @inline static clipGrad<T>(g: v128, delta: v128): v128 {
    return Vector.atLeast(Vector.atMost(g, delta), f32x4.neg(delta))
  }

  /** sum ← sum + g, or g where t is 1, Δ = sum / t */
  @inline static accumGrad<T>(g: v128, sum: usize, t: v128): v128 {
    const total = f32x4.add(g, v128.and(Lanes.load<T>(sum), f32x4.gt(t, f32x4.splat(1))))
    Lanes.store<T>(sum, total)
    return f32x4.div(total, t)
  }
}
