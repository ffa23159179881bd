// All of the middle axis of [outer, n, inner] in order: a unit of work is one row, of n elements that lie `inner` apart.
// @cost 12: nanoseconds an element of x.
import { FloatKey, IntKey } from './keys'

/** Rows so short are sorted by insertion. */
const SHORT: i32 = 32
/** The counts of a pass by eight bits. */
const COUNTS: usize = 1024

/**
 * The keys of a row with its places behind them, as numbers of 64 bits, in ascending order: long ones by their least significant eight bits
 * first (LSD radix sort), of which those that are alike in all cost nothing more. Returns where they lie: in `a`, or in `a + 8 n`.
 */
function ordered(a: usize, n: i32): usize {
  const end = a + ((<usize>n) << 3)
  if (n <= SHORT) {
    for (let p = a + 8; p < end; p += 8) {
      const one = load<u64>(p)
      let q = p
      for (; q > a && load<u64>(q - 8) > one; q -= 8) store<u64>(q, load<u64>(q - 8))
      store<u64>(q, one)
    }
    return a
  }
  const bytes = end - a
  const counts = end + bytes
  let from = a
  let to = end
  for (let shift: u64 = 32; shift < 64; shift += 8) {
    memory.fill(counts, 0, COUNTS)
    for (let p = from; p < from + bytes; p += 8) {
      const at = counts + ((<usize>((load<u64>(p) >> shift) & 255)) << 2)
      store<i32>(at, load<i32>(at) + 1)
    }
    if (load<i32>(counts + ((<usize>((load<u64>(from) >> shift) & 255)) << 2)) === n) continue
    let sum = 0
    for (let at = counts; at < counts + COUNTS; at += 4) {
      const count = load<i32>(at)
      store<i32>(at, sum)
      sum += count
    }
    for (let p = from; p < from + bytes; p += 8) {
      const one = load<u64>(p)
      const at = counts + ((<usize>((one >> shift) & 255)) << 2)
      const place = load<i32>(at)
      store<i32>(at, place + 1)
      store<u64>(to + ((<usize>place) << 3), one)
    }
    const next = from
    from = to
    to = next
  }
  return from
}

function order<K>(
  x: usize,
  values: usize,
  places: usize,
  scratch: usize,
  n: i32,
  inner: i32,
  isDescending: i32,
  begin: i32,
  end: i32,
): void {
  const step = (<usize>inner) << 2
  const room = n > SHORT ? ((<usize>n) << 4) + COUNTS : (<usize>n) << 3
  const flip: u32 = isDescending ? 0x7fffffff : 0x80000000
  for (let row = begin; row < end; row++) {
    const outer = row / inner
    const first = (<usize>outer * <usize>n * <usize>inner + <usize>(row - outer * inner)) << 2
    const a = scratch + <usize>row * room
    for (let i = 0; i < n; i++) {
      const key = <u32>changetype<K>(0).f(x + first + <usize>i * step) ^ flip
      store<u64>(a + ((<usize>i) << 3), ((<u64>key) << 32) | <u64>i)
    }
    const found = ordered(a, n)
    for (let i = 0; i < n; i++) {
      const place = load<i32>(found + ((<usize>i) << 3))
      const to = first + <usize>i * step
      store<i32>(places + to, place)
      if (values) store<i32>(values + to, load<i32>(x + first + <usize>place * step))
    }
  }
}

/**
 * Each row of float32 in ascending order, NaN last, or in the opposite one; equals stay in the order in which they stood. `places` tells where each
 * stood; `values` may be 0. `scratch` has room for a row (8 n bytes up to 32 elements, else 16 n + 1024) of each unit.
 */
export function sort(
  x: usize,
  values: usize,
  places: usize,
  scratch: usize,
  n: i32,
  inner: i32,
  isDescending: i32,
  begin: i32,
  end: i32,
): void {
  order<FloatKey>(x, values, places, scratch, n, inner, isDescending, begin, end)
}
/** `sort` of int32. */
export function sortI(
  x: usize,
  values: usize,
  places: usize,
  scratch: usize,
  n: i32,
  inner: i32,
  isDescending: i32,
  begin: i32,
  end: i32,
): void {
  order<IntKey>(x, values, places, scratch, n, inner, isDescending, begin, end)
}
