// One kernel a rule: all parameters of a step in one call.
//
// `segments` points to a record of 16 words for each parameter: the addresses of x, of its gradient g, of the result, and of three slots;
// the number of elements, and how many elements the records before it hold; then eight float32 numbers of the rule. The step goes to the
// result; where that is null, it is subtracted from x. `begin` and `end` count elements over all segments.
// @inplace: a chunk cannot be done over.
// @cost 0.6: nanoseconds an element on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { Vector } from './math/vector'

const RECORD: usize = 64

@unmanaged
class Descent {
  @inline slots(): i32 {
    return 0
  }
  @inline first(x: v128, g: v128, a: v128, h: usize): v128 {
    return a
  }
  @inline second(x: v128, g: v128, b: v128, h: usize): v128 {
    return b
  }
  /** h: eta. */
  @inline step(x: v128, g: v128, a: v128, b: v128, h: usize): v128 {
    return f32x4.mul(v128.load32_splat(h), g)
  }
}

@unmanaged
class Momentum {
  @inline slots(): i32 {
    return 1
  }
  /** v <- rho v + eta g; h: eta, rho. */
  @inline first(x: v128, g: v128, v: v128, h: usize): v128 {
    return Vector.fma(v128.load32_splat(h, 4), v, f32x4.mul(v128.load32_splat(h), g))
  }
  @inline second(x: v128, g: v128, b: v128, h: usize): v128 {
    return b
  }
  @inline step(x: v128, g: v128, v: v128, b: v128, h: usize): v128 {
    return v
  }
}

@unmanaged
class Adam {
  @inline slots(): i32 {
    return 2
  }
  /** m <- beta1 m + (1 - beta1) g; h: eta / (1 - beta1^t), 1 / (1 - beta2^t), epsilon, beta1, 1 - beta1, beta2, 1 - beta2, decay. */
  @inline first(x: v128, g: v128, m: v128, h: usize): v128 {
    return Vector.fma(v128.load32_splat(h, 12), m, f32x4.mul(v128.load32_splat(h, 16), g))
  }
  /** v <- beta2 v + (1 - beta2) g^2 */
  @inline second(x: v128, g: v128, v: v128, h: usize): v128 {
    return Vector.fma(v128.load32_splat(h, 20), v, f32x4.mul(f32x4.mul(v128.load32_splat(h, 24), g), g))
  }
  @inline step(x: v128, g: v128, m: v128, v: v128, h: usize): v128 {
    const root = f32x4.sqrt(f32x4.mul(v, v128.load32_splat(h, 4)))
    return f32x4.div(f32x4.mul(v128.load32_splat(h), m), f32x4.add(root, v128.load32_splat(h, 8)))
  }
}

@unmanaged
class AdamW {
  @inline slots(): i32 {
    return 2
  }
  @inline first(x: v128, g: v128, m: v128, h: usize): v128 {
    return changetype<Adam>(0).first(x, g, m, h)
  }
  @inline second(x: v128, g: v128, v: v128, h: usize): v128 {
    return changetype<Adam>(0).second(x, g, v, h)
  }
  @inline step(x: v128, g: v128, m: v128, v: v128, h: usize): v128 {
    return Vector.fma(v128.load32_splat(h, 28), x, changetype<Adam>(0).step(x, g, m, v, h))
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

function segment<R>(record: usize, from: usize, to: usize): void {
  const x = load<usize>(record)
  const g = load<usize>(record, 4)
  const out = load<usize>(record, 8)
  const first = load<usize>(record, 12)
  const second = load<usize>(record, 16)
  const h = record + 32
  const target = out ? out : x
  let i = from
  for (; i + 16 <= to; i += 16) {
    const vx = v128.load(x + i)
    const vg = v128.load(g + i)
    let a = vg
    let b = vg
    if (changetype<R>(0).slots() > 0) {
      a = changetype<R>(0).first(vx, vg, v128.load(first + i), h)
      v128.store(first + i, a)
    }
    if (changetype<R>(0).slots() > 1) {
      b = changetype<R>(0).second(vx, vg, v128.load(second + i), h)
      v128.store(second + i, b)
    }
    const step = changetype<R>(0).step(vx, vg, a, b, h)
    v128.store(target + i, out ? step : f32x4.sub(vx, step))
  }
  for (; i < to; i += 4) {
    const vx = v128.load32_zero(x + i)
    const vg = v128.load32_zero(g + i)
    let a = vg
    let b = vg
    if (changetype<R>(0).slots() > 0) {
      a = changetype<R>(0).first(vx, vg, v128.load32_zero(first + i), h)
      v128.store32_lane(first + i, a, 0)
    }
    if (changetype<R>(0).slots() > 1) {
      b = changetype<R>(0).second(vx, vg, v128.load32_zero(second + i), h)
      v128.store32_lane(second + i, b, 0)
    }
    const step = changetype<R>(0).step(vx, vg, a, b, h)
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
