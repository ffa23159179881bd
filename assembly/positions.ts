// Angles of positions, and vectors turned by them.
import { Trigonometry } from './math/trigonometry'
import { Vector } from './math/vector'

/**
 * out[row, i] = (sin a, cos a) of a = p ratio^i, i < half, p the row's position, int32, or `start` + row without positions (0). The ratio is high +
 * low, and the angle a float64, so that it is right at any position; `begin` and `end` count rows. @cost 3
 */
export function angles(positions: usize, start: i32, out: usize, half: i32, high: f32, low: f32, begin: i32, end: i32): void {
  const ratio = <f64>high + <f64>low
  const squares = f64x2.splat(ratio * ratio)
  const first = f64x2.replace_lane(f64x2.splat(1), 1, ratio)
  for (let row = begin; row < end; row++) {
    const position = positions !== 0 ? load<i32>(positions + ((<usize>row) << 2)) : start + row
    let a = f64x2.mul(f64x2.splat(<f64>position), first)
    let q = out + <usize>row * ((<usize>half) << 3)
    for (let left = half; left > 0; left -= 4, q += 32) {
      const b = f64x2.mul(a, squares)
      const roundedA = Trigonometry.round(a)
      const roundedB = Trigonometry.round(b)
      const r = Vector.demote(Trigonometry.remainder(a, roundedA), Trigonometry.remainder(b, roundedB))
      const n = v128.shuffle<i32>(roundedA, roundedB, 0, 2, 4, 6)
      const s = Trigonometry.evaluate(r, n)
      const c = Trigonometry.evaluate(r, i32x4.sub(n, i32x4.splat(-1)))
      const lower = v128.shuffle<i32>(s, c, 0, 4, 1, 5)
      if (left === 1) {
        v128.store64_lane(q, lower, 0)
        break
      }
      v128.store(q, lower)
      const upper = v128.shuffle<i32>(s, c, 2, 6, 3, 7)
      if (left === 3) v128.store64_lane(q, upper, 0, 16)
      else if (left > 3) v128.store(q, upper, 16)
      a = f64x2.mul(b, squares)
    }
  }
}

/**
 * Blocks of `half` pairs (a, b), turned by their angles: (a cos - b sin, b cos + a sin), with sin times `sign`. So many `heads` blocks have one row of `angles`, of which
 * there are `rows`, over and over. The pairs are neighbours if `isNext` (1), else the first half of a block is turned with the second one; `begin` and `end` count blocks. @cost 0.5
 */
export function rotate(
  x: usize,
  angles: usize,
  out: usize,
  half: i32,
  heads: i32,
  rows: i32,
  isNext: i32,
  sign: f32,
  begin: i32,
  end: i32,
): void {
  const bytes = (<usize>half) << 3
  const step: usize = isNext ? 8 : 4
  const distance: usize = isNext ? 4 : bytes >> 1
  const signs = f32x4.splat(sign)
  for (let block = begin; block < end; block++) {
    let p = x + <usize>block * bytes
    let q = out + <usize>block * bytes
    let t = angles + <usize>((block / heads) % rows) * bytes
    let left = half
    if (!isNext) {
      for (; left >= 4; left -= 4, p += 16, q += 16, t += 32) {
        const lower = v128.load(t)
        const upper = v128.load(t, 16)
        const s = f32x4.mul(v128.shuffle<f32>(lower, upper, 0, 2, 4, 6), signs)
        const c = v128.shuffle<f32>(lower, upper, 1, 3, 5, 7)
        const a = v128.load(p)
        const b = v128.load(p + distance)
        v128.store(q, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)))
        v128.store(q + distance, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)))
      }
    }
    for (; left > 0; left--, p += step, q += step, t += 8) {
      const s = load<f32>(t) * sign
      const c = load<f32>(t, 4)
      const a = load<f32>(p)
      const b = load<f32>(p + distance)
      store<f32>(q, a * c - b * s)
      store<f32>(q + distance, b * c + a * s)
    }
  }
}
