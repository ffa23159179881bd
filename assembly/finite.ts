// Which of several tensors holds a NaN or an infinity.
import { report } from './status'

/** Is every float from `from` to `to`, addresses, finite? x - x is 0 for those and NaN for all others. */
function isFiniteRange(from: usize, to: usize): bool {
  let a = i32x4.splat(0)
  let b = a
  let i = from
  for (; i + 64 <= to; i += 64) {
    const p = v128.load(i)
    const q = v128.load(i, 16)
    const r = v128.load(i, 32)
    const s = v128.load(i, 48)
    a = v128.or(a, v128.or(f32x4.sub(p, p), f32x4.sub(q, q)))
    b = v128.or(b, v128.or(f32x4.sub(r, r), f32x4.sub(s, s)))
  }
  for (; i + 16 <= to; i += 16) {
    const p = v128.load(i)
    a = v128.or(a, f32x4.sub(p, p))
  }
  for (; i < to; i += 4) {
    const p = v128.load32_zero(i)
    b = v128.or(b, f32x4.sub(p, p))
  }
  return !v128.any_true(v128.or(a, b))
}

/**
 * Reports the first of `count` segments that is not finite. `segments` points to a record of `size` bytes for each, as rules have them: its
 * address stands at the byte `at`, and its last three words are the number of its elements, how many the records before it hold, and one unused.
 * `begin` and `end` count elements over all segments.
 * @cost 0.1
 */
export function notFinite(segments: usize, count: i32, size: i32, at: i32, status: usize, begin: i32, end: i32): void {
  for (let i = 0; i < count; i++) {
    const record = segments + <usize>(i * size)
    const address = load<usize>(record + <usize>at)
    const last = record + <usize>size
    const before = load<i32>(last - 8)
    const from = max(begin - before, 0)
    const to = min(end - before, load<i32>(last - 12))
    if (from < to && !isFiniteRange(address + ((<usize>from) << 2), address + ((<usize>to) << 2))) return report(status, i)
  }
}
