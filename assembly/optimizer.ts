// One kernel a rule: all parameters of a step in one call.
//
// `segments` points to a record of 16 words for each parameter: the addresses of x, of its gradient g, of the result, and of three slots;
// the number of elements, and how many elements the records before it hold; then eight float32 numbers of the rule: four for the step, two
// for the first slot, two for the second. The step goes to the result; where that is null, it is subtracted from x. `begin` and `end` count
// elements over all segments.
// @inplace: a chunk cannot be done over.
// @cost 0.6: nanoseconds an element on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { Vector } from './math/vector'

const RECORD: usize = 64
/** The bits of a float's exponent. */
const EXPONENT: usize = memory.data<u32>([0x7f800000])

@unmanaged
class Descent {
  @inline slots(): i32 {
    return 0
  }
  @inline first(g: v128, a: v128, p: v128, q: v128): v128 {
    return a
  }
  @inline second(g: v128, b: v128, p: v128, q: v128): v128 {
    return b
  }
  @inline step(x: v128, g: v128, a: v128, b: v128, eta: v128, q: v128, r: v128, s: v128): v128 {
    return f32x4.mul(eta, g)
  }
}

@unmanaged
class Momentum {
  @inline slots(): i32 {
    return 1
  }
  /** v <- rho v + eta g */
  @inline first(g: v128, v: v128, rho: v128, eta: v128): v128 {
    return Vector.fma(rho, v, f32x4.mul(eta, g))
  }
  @inline second(g: v128, b: v128, p: v128, q: v128): v128 {
    return b
  }
  @inline step(x: v128, g: v128, v: v128, b: v128, p: v128, q: v128, r: v128, s: v128): v128 {
    return v
  }
}

@unmanaged
class Adam {
  @inline slots(): i32 {
    return 2
  }
  /** m <- beta1 m + (1 - beta1) g */
  @inline first(g: v128, m: v128, beta: v128, rest: v128): v128 {
    return Vector.fma(beta, m, f32x4.mul(rest, g))
  }
  /** v <- beta2 v + (1 - beta2) g^2 */
  @inline second(g: v128, v: v128, beta: v128, rest: v128): v128 {
    return Vector.fma(beta, v, f32x4.mul(f32x4.mul(rest, g), g))
  }
  /** eta: eta / (1 - beta1^t); scale: 1 / (1 - beta2^t). */
  @inline step(x: v128, g: v128, m: v128, v: v128, eta: v128, scale: v128, epsilon: v128, decay: v128): v128 {
    const root = f32x4.sqrt(f32x4.mul(v, scale))
    // The rate last: eta m is subnormal long before the small m of a dead unit is, and divisions of such numbers are slow.
    return f32x4.mul(eta, f32x4.div(m, f32x4.add(root, epsilon)))
  }
}

@unmanaged
class AdamW {
  @inline slots(): i32 {
    return 2
  }
  @inline first(g: v128, m: v128, beta: v128, rest: v128): v128 {
    return changetype<Adam>(0).first(g, m, beta, rest)
  }
  @inline second(g: v128, v: v128, beta: v128, rest: v128): v128 {
    return changetype<Adam>(0).second(g, v, beta, rest)
  }
  @inline step(x: v128, g: v128, m: v128, v: v128, eta: v128, scale: v128, epsilon: v128, decay: v128): v128 {
    return Vector.fma(decay, x, changetype<Adam>(0).step(x, g, m, v, eta, scale, epsilon, decay))
  }
}

class Slot {
  /**
   * Without its subnormal lanes, which become zero. A slot of what gets no gradient any more, such as the weights of a dead unit, decays into that
   * range and never out of it (0.9 of four of the smallest steps rounds to four), and there processors compute at a fraction of their speed.
   */
  @inline static flushed(slot: v128, exponent: v128): v128 {
    return v128.andnot(slot, i32x4.eq(v128.and(slot, exponent), i32x4.splat(0)))
  }
}

function apply<R>(segments: usize, count: i32, begin: i32, end: i32): void {
  for (let i = 0; i < count; i++) {
    const record = segments + <usize>i * RECORD
    const n = load<i32>(record, 24)
    const before = load<i32>(record, 28)
    const from = max(begin - before, 0)
    const to = min(end - before, n)
    if (from < to) segment<R>(record, (<usize>from) << 2, (<usize>to) << 2)
  }
}

/** The numbers of the rule stay in registers: loaded at each use, they were two thirds of all loads. */
function segment<R>(record: usize, from: usize, to: usize): void {
  const x = load<usize>(record)
  const g = load<usize>(record, 4)
  const out = load<usize>(record, 8)
  const first = load<usize>(record, 12)
  const second = load<usize>(record, 16)
  const p = v128.load32_splat(record, 32)
  const q = v128.load32_splat(record, 36)
  const r = v128.load32_splat(record, 40)
  const s = v128.load32_splat(record, 44)
  const firstP = v128.load32_splat(record, 48)
  const firstQ = v128.load32_splat(record, 52)
  const secondP = v128.load32_splat(record, 56)
  const secondQ = v128.load32_splat(record, 60)
  const exponent = v128.load32_splat(EXPONENT)
  const target = out ? out : x
  let i = from
  for (; i + 16 <= to; i += 16) {
    const vx = v128.load(x + i)
    const vg = v128.load(g + i)
    let a = vg
    let b = vg
    if (changetype<R>(0).slots() > 0) {
      a = Slot.flushed(changetype<R>(0).first(vg, v128.load(first + i), firstP, firstQ), exponent)
      v128.store(first + i, a)
    }
    if (changetype<R>(0).slots() > 1) {
      b = Slot.flushed(changetype<R>(0).second(vg, v128.load(second + i), secondP, secondQ), exponent)
      v128.store(second + i, b)
    }
    const step = changetype<R>(0).step(vx, vg, a, b, p, q, r, s)
    v128.store(target + i, out ? step : f32x4.sub(vx, step))
  }
  for (; i < to; i += 4) {
    const vx = v128.load32_zero(x + i)
    const vg = v128.load32_zero(g + i)
    let a = vg
    let b = vg
    if (changetype<R>(0).slots() > 0) {
      a = Slot.flushed(changetype<R>(0).first(vg, v128.load32_zero(first + i), firstP, firstQ), exponent)
      v128.store32_lane(first + i, a, 0)
    }
    if (changetype<R>(0).slots() > 1) {
      b = Slot.flushed(changetype<R>(0).second(vg, v128.load32_zero(second + i), secondP, secondQ), exponent)
      v128.store32_lane(second + i, b, 0)
    }
    const step = changetype<R>(0).step(vx, vg, a, b, p, q, r, s)
    v128.store32_lane(target + i, out ? step : f32x4.sub(vx, step), 0)
  }
}

export function descent(segments: usize, count: i32, begin: i32, end: i32): void {
  apply<Descent>(segments, count, begin, end)
}
export function momentum(segments: usize, count: i32, begin: i32, end: i32): void {
  apply<Momentum>(segments, count, begin, end)
}
export function adam(segments: usize, count: i32, begin: i32, end: i32): void {
  apply<Adam>(segments, count, begin, end)
}
export function adamW(segments: usize, count: i32, begin: i32, end: i32): void {
  apply<AdamW>(segments, count, begin, end)
}
