// Counter-based random numbers: Philox 4x32-10 (Salmon et al. 2011). Element i of a stream is lane i % 4 of the block whose counter is
// [i / 4, 0, stream], so any range can be drawn anywhere. `begin` and `end` count blocks of four elements.
// @cost 10: nanoseconds a block on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { Log } from './math/log'
import { Trigonometry } from './math/trigonometry'

const CONSTANTS: usize = memory.data<f32>([5.960464477539063e-8, -2.0, 6.283185307179586, -1.5707963267948966, 1.0])

/** The block of four uint32. */
function philox(key0: u32, key1: u32, stream: u32, block: u32): v128 {
  let c0 = block
  let c1: u32 = 0
  let c2 = stream
  let c3: u32 = 0
  for (let round = 0; round < 10; round++) {
    const a = <u64>0xd2511f53 * <u64>c0
    const b = <u64>0xcd9e8d57 * <u64>c2
    c0 = <u32>(b >> 32) ^ c1 ^ key0
    c1 = <u32>b
    c2 = <u32>(a >> 32) ^ c3 ^ key1
    c3 = <u32>a
    key0 += 0x9e3779b9
    key1 += 0xbb67ae85
  }
  return i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(c0), 1, c1), 2, c2), 3, c3)
}

class Draw {
  /** [0, 1) in steps of 2^-24. */
  @inline static unit(bits: v128): v128 {
    return f32x4.mul(f32x4.convert_i32x4_u(i32x4.shr_u(bits, 8)), v128.load32_splat(CONSTANTS, 0))
  }
}

function put(q: usize, four: v128, left: i32): void {
  if (left >= 4) return v128.store(q, four)
  v128.store32_lane(q, four, 0)
  if (left > 1) v128.store32_lane(q + 4, four, 1)
  if (left > 2) v128.store32_lane(q + 8, four, 2)
}

/** low + (high - low) u, kept below high where it rounds up; low (1 - u) + high u where the range is no float32. */
export function randomUniform(out: usize, n: i32, key0: u32, key1: u32, stream: u32, low: f32, high: f32, begin: i32, end: i32): void {
  const range = f32x4.splat(high - low)
  const least = f32x4.splat(low)
  const most = f32x4.splat(reinterpret<f32>(reinterpret<i32>(high) - select<i32>(1, -1, high > 0)))
  for (let block = begin; block < end; block++) {
    const u = Draw.unit(philox(key0, key1, stream, block))
    let four = f32x4.add(least, f32x4.mul(u, range))
    if (high - low > f32.MAX_VALUE) {
      const rest = f32x4.sub(v128.load32_splat(CONSTANTS, 16), u)
      four = f32x4.add(f32x4.mul(least, rest), f32x4.mul(f32x4.splat(high), u))
    }
    if (low < high && high != 0) four = f32x4.min(four, most)
    put(out + ((<usize>block) << 4), four, n - (block << 2))
  }
}

/** Box and Muller (1958): two uniform numbers make two normal ones. */
export function randomNormal(out: usize, n: i32, key0: u32, key1: u32, stream: u32, mean: f32, deviation: f32, begin: i32, end: i32): void {
  for (let block = begin; block < end; block++) {
    const u = Draw.unit(philox(key0, key1, stream, block))
    const open = f32x4.sub(v128.load32_splat(CONSTANTS, 16), v128.shuffle<u32>(u, u, 0, 0, 2, 2))
    const radius = f32x4.sqrt(f32x4.mul(Log.log(open), v128.load32_splat(CONSTANTS, 4)))
    const turn = f32x4.mul(v128.shuffle<u32>(u, u, 1, 1, 3, 3), v128.load32_splat(CONSTANTS, 8))
    const quarter = f32x4.add(turn, v128.load32_splat(CONSTANTS, 12))
    const angle = v128.shuffle<u32>(turn, quarter, 0, 5, 2, 7)
    const four = f32x4.add(f32x4.mul(f32x4.mul(radius, Trigonometry.cos(angle)), f32x4.splat(deviation)), f32x4.splat(mean))
    put(out + ((<usize>block) << 4), four, n - (block << 2))
  }
}

/** 1 with probability p, to the nearest multiple of 2^-32, else 0. */
export function randomBernoulli(out: usize, n: i32, key0: u32, key1: u32, stream: u32, p: f32, begin: i32, end: i32): void {
  const steps = nearest<f64>(<f64>p * 4294967296)
  const all = steps >= 4294967296
  const limit = i32x4.splat(all ? -1 : <u32>steps)
  const one = v128.load32_splat(CONSTANTS, 16)
  for (let block = begin; block < end; block++) {
    const hit = i32x4.lt_u(philox(key0, key1, stream, block), limit)
    put(out + ((<usize>block) << 4), all ? one : v128.and(hit, one), n - (block << 2))
  }
}

/** low + a number below `range` (0 stands for 2^32), int32, by the high half of a 32 x 32 bit product. */
export function randomInteger(out: usize, n: i32, key0: u32, key1: u32, stream: u32, low: i32, range: u32, begin: i32, end: i32): void {
  const factor = i32x4.splat(range)
  for (let block = begin; block < end; block++) {
    const bits = philox(key0, key1, stream, block)
    const even = i64x2.extmul_low_i32x4_u(bits, factor)
    const odd = i64x2.extmul_high_i32x4_u(bits, factor)
    const scaled = range ? v128.shuffle<u32>(even, odd, 1, 3, 5, 7) : bits
    put(out + ((<usize>block) << 4), i32x4.add(scaled, i32x4.splat(low)), n - (block << 2))
  }
}

const FACTORS: usize = memory.data<u32>([0xd2511f53, 0xcd9e8d57, 0, 1, 2, 3])

/**
 * out = x times `scale`, or with probability p, to the nearest multiple of 2^-32, times 0. Four blocks are drawn together, a lane each, in a third of
 * the time. @cost 4
 */
export function dropout(x: usize, out: usize, n: i32, key0: u32, key1: u32, stream: u32, p: f32, scale: f32, begin: i32, end: i32): void {
  const limit = i32x4.splat(<u32>min<f64>(nearest<f64>(<f64>p * 4294967296), 4294967295))
  const factor = f32x4.splat(scale)
  const even = v128.load32_splat(FACTORS)
  const odd = v128.load32_splat(FACTORS, 4)
  let block = begin
  for (; block + 4 <= end && (block << 2) + 16 <= n; block += 4) {
    let c0 = i32x4.add(i32x4.splat(block), v128.load(FACTORS, 8))
    let c1 = i32x4.splat(0)
    let c2 = i32x4.splat(stream)
    let c3 = c1
    let k0 = key0
    let k1 = key1
    for (let round = 0; round < 10; round++) {
      const a = i64x2.extmul_low_i32x4_u(c0, even)
      const b = i64x2.extmul_high_i32x4_u(c0, even)
      const c = i64x2.extmul_low_i32x4_u(c2, odd)
      const d = i64x2.extmul_high_i32x4_u(c2, odd)
      c0 = v128.xor(v128.xor(v128.shuffle<u32>(c, d, 1, 3, 5, 7), c1), i32x4.splat(k0))
      c1 = v128.shuffle<u32>(c, d, 0, 2, 4, 6)
      c2 = v128.xor(v128.xor(v128.shuffle<u32>(a, b, 1, 3, 5, 7), c3), i32x4.splat(k1))
      c3 = v128.shuffle<u32>(a, b, 0, 2, 4, 6)
      k0 += 0x9e3779b9
      k1 += 0xbb67ae85
    }
    // The words of a block side by side again.
    const low = v128.shuffle<u32>(i32x4.lt_u(c0, limit), i32x4.lt_u(c1, limit), 0, 4, 1, 5)
    const high = v128.shuffle<u32>(i32x4.lt_u(c0, limit), i32x4.lt_u(c1, limit), 2, 6, 3, 7)
    const low2 = v128.shuffle<u32>(i32x4.lt_u(c2, limit), i32x4.lt_u(c3, limit), 0, 4, 1, 5)
    const high2 = v128.shuffle<u32>(i32x4.lt_u(c2, limit), i32x4.lt_u(c3, limit), 2, 6, 3, 7)
    const r = x + ((<usize>block) << 4)
    const q = out + ((<usize>block) << 4)
    v128.store(q, f32x4.mul(v128.load(r), v128.andnot(factor, v128.shuffle<u64>(low, low2, 0, 2))))
    v128.store(q, f32x4.mul(v128.load(r, 16), v128.andnot(factor, v128.shuffle<u64>(low, low2, 1, 3))), 16)
    v128.store(q, f32x4.mul(v128.load(r, 32), v128.andnot(factor, v128.shuffle<u64>(high, high2, 0, 2))), 32)
    v128.store(q, f32x4.mul(v128.load(r, 48), v128.andnot(factor, v128.shuffle<u64>(high, high2, 1, 3))), 48)
  }
  for (; block < end; block++) {
    const at = (<usize>block) << 4
    const left = n - (block << 2)
    const kept = v128.andnot(factor, i32x4.lt_u(philox(key0, key1, stream, block), limit))
    let four = v128.load32_zero(x + at)
    if (left >= 4) four = v128.load(x + at)
    else {
      if (left > 1) four = v128.load32_lane(x + at + 4, four, 1)
      if (left > 2) four = v128.load32_lane(x + at + 8, four, 2)
    }
    put(out + at, f32x4.mul(four, kept), left)
  }
}
