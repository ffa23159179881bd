// Normalisation: groups of elements, each brought to mean 0 and variance 1, then scaled and shifted.
//
// A group is `segments` runs of `n` neighbouring elements, `stride` apart; groups begin `base` apart. Scale and bias are those of a segment (of batch,
// instance and group norm), lie along it (of layer norm), or each group is a column of a matrix (batch norm of [n, c]), and four columns share a
// vector. `begin` and `end` count groups: how sums are split depends on the shape of a group alone.
//
// Mean and variance are summed in double precision, about the first element of the group, in one pass: an offset costs no digits. The mean is kept as
// two floats, so that x - mean has none of its rounding.
// @cost 1: nanoseconds an element on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { Vector } from './math/vector'

const ALONG: i32 = 1
const COLUMNS: i32 = 2
/** Elements whose sums are single, before they are added to double ones. */
const BLOCK: i32 = 512

@unmanaged
export class Normalization {
  x: usize
  /** The gradient alone: the cotangent of the result. */
  g: usize
  /** The result, or x's cotangent; that is not written where it is null. */
  out: usize
  /** A row for the means, one for what is left of them, one for 1 / σ, one for the variances; a float a group in each. */
  stats: usize
  /** Null: 1. */
  scale: usize
  /** Null: 0. */
  bias: usize
  /** Forward alone, or null: given means and variances, instead of the groups' own. */
  mean: usize
  variance: usize
  /** The gradient alone, or null: Σ g x̂ and Σ g, of each segment if they have scales of their own, else of each group. */
  ofScale: usize
  ofBias: usize
  groups: i32
  base: i32
  segments: i32
  stride: i32
  n: i32
  /** Segment k of group i has the scale (i mod `period`) `first` + k `each`. */
  period: i32
  first: i32
  each: i32
  /** 0: a scale a segment; 1: along it; 2: columns. */
  kind: i32
  /** 0: the mean stays (root mean square). */
  centered: i32
  /** 1: relu of the result. */
  epilogue: i32
  eps: f32
}

/** What `moments` finds of d = x - shift. */
class Moments {
  static sum: f64 = 0
  static squares: f64 = 0
}
/** What `slopes` finds. */
class Slopes {
  static scale: f64 = 0
  static bias: f64 = 0
}

function someOf(p: usize, left: i32, rest: v128): v128 {
  let four = v128.load32_lane(p, rest, 0)
  if (left > 1) four = v128.load32_lane(p + 4, four, 1)
  if (left > 2) four = v128.load32_lane(p + 8, four, 2)
  return four
}
function putSome(p: usize, left: i32, four: v128): void {
  v128.store32_lane(p, four, 0)
  if (left > 1) v128.store32_lane(p + 4, four, 1)
  if (left > 2) v128.store32_lane(p + 8, four, 2)
}

/** Four elements, or as many as are left. */
class Four {
  @inline static load(p: usize, left: i32, rest: v128): v128 {
    return left >= 4 ? v128.load(p) : someOf(p, left, rest)
  }
  @inline static store(p: usize, left: i32, four: v128): void {
    if (left >= 4) v128.store(p, four)
    else putSome(p, left, four)
  }
  @inline static standard(x: v128, mean: v128, rest: v128, inverse: v128): v128 {
    return f32x4.mul(f32x4.sub(f32x4.sub(x, mean), rest), inverse)
  }
  /** g where the result is above 0. */
  @inline static gated(g: v128, standard: v128, scale: v128, bias: v128): v128 {
    return v128.and(g, f32x4.gt(Vector.fma(standard, scale, bias), i32x4.splat(0)))
  }
  @inline static sum(v: v128): f64 {
    const two = f64x2.add(f64x2.promote_low_f32x4(v), f64x2.promote_low_f32x4(Vector.high(v)))
    return f64x2.extract_lane(two, 0) + f64x2.extract_lane(two, 1)
  }
  /** The scale or the bias at an address, of which null is none. */
  @inline static splat(p: usize, at: usize, none: f32): v128 {
    return p ? v128.load32_splat(p + at) : f32x4.splat(none)
  }
}

function moments(x: usize, segments: i32, stride: usize, n: i32, shift: f32): void {
  const rest = f32x4.splat(shift)
  const two = f64x2.splat(<f64>shift)
  let sumLow = i32x4.splat(0)
  let sumHigh = sumLow
  let low = sumLow
  let high = sumLow
  for (; segments > 0; segments--, x += stride) {
    let p = x
    for (let left = n; left > 0; left -= 4, p += 16) {
      const four = Four.load(p, left, rest)
      const a = f64x2.sub(f64x2.promote_low_f32x4(four), two)
      const b = f64x2.sub(f64x2.promote_low_f32x4(Vector.high(four)), two)
      sumLow = f64x2.add(sumLow, a)
      sumHigh = f64x2.add(sumHigh, b)
      low = Vector.fma64(a, a, low)
      high = Vector.fma64(b, b, high)
    }
  }
  sumLow = f64x2.add(sumLow, sumHigh)
  low = f64x2.add(low, high)
  Moments.sum = f64x2.extract_lane(sumLow, 0) + f64x2.extract_lane(sumLow, 1)
  Moments.squares = f64x2.extract_lane(low, 0) + f64x2.extract_lane(low, 1)
}

/** Writes what is known of a group. */
function note(stats: usize, row: usize, sum: f64, squares: f64, size: f64, shift: f64, eps: f32): void {
  const center = sum / size
  const variance = squares / size - center * center
  const mean = shift + center
  const single = <f32>mean
  store<f32>(stats, single)
  store<f32>(stats + row, <f32>(mean - <f64>single))
  const positive = variance < 0 ? 0 : variance
  store<f32>(stats + 2 * row, <f32>(1 / sqrt<f64>(positive + <f64>eps)))
  store<f32>(stats + 3 * row, <f32>positive)
}

function noteOf(r: Normalization, group: i32, sum: f64, squares: f64, shift: f64): void {
  const row = (<usize>r.groups) << 2
  const size = <f64>r.segments * <f64>r.n
  // The mean square about 0 is no variance.
  if (r.centered) return note(r.stats + ((<usize>group) << 2), row, sum, squares, size, shift, r.eps)
  note(r.stats + ((<usize>group) << 2), row, 0, squares, size, 0, r.eps)
}

/** Sums begin at an element that is finite. */
function shiftOf(x: usize): f32 {
  const first = load<f32>(x)
  return first - first === 0 ? first : 0
}

/** Up to four columns. */
function normalizeColumns(r: Normalization, group: i32, count: i32): void {
  const at = (<usize>group) << 2
  const row = (<usize>r.groups) << 2
  const stride = (<usize>r.stride) << 2
  const zero = i32x4.splat(0)
  let mean: v128
  let rest = zero
  let inverse: v128
  if (r.mean) {
    mean = Four.load(r.mean + at, count, zero)
    const eps = f64x2.splat(<f64>r.eps)
    const variance = Four.load(r.variance + at, count, zero)
    const one = f64x2.splat(1)
    inverse = Vector.demote(
      f64x2.div(one, f64x2.sqrt(f64x2.add(f64x2.promote_low_f32x4(variance), eps))),
      f64x2.div(one, f64x2.sqrt(f64x2.add(f64x2.promote_low_f32x4(Vector.high(variance)), eps))),
    )
  } else {
    let p = r.x + at
    const first = Four.load(p, count, zero)
    const shift = v128.bitselect(first, zero, f32x4.eq(f32x4.sub(first, first), zero))
    const shiftLow = f64x2.promote_low_f32x4(shift)
    const shiftHigh = f64x2.promote_low_f32x4(Vector.high(shift))
    let sumLow = zero
    let sumHigh = zero
    let low = zero
    let high = zero
    for (let k = r.segments; k > 0; k--, p += stride) {
      const four = Four.load(p, count, zero)
      const a = f64x2.sub(f64x2.promote_low_f32x4(four), shiftLow)
      const b = f64x2.sub(f64x2.promote_low_f32x4(Vector.high(four)), shiftHigh)
      sumLow = f64x2.add(sumLow, a)
      sumHigh = f64x2.add(sumHigh, b)
      low = Vector.fma64(a, a, low)
      high = Vector.fma64(b, b, high)
    }
    for (let lane = 0; lane < count; lane++) {
      const shift = f64x2.extract_lane(f64x2.promote_low_f32x4(v128.load32_zero(r.x + at + ((<usize>lane) << 2))), 0)
      noteOf(r, group + lane, f64x2.extract_lane(sumLow, 0), f64x2.extract_lane(low, 0), shift - shift === 0 ? shift : 0)
      const next = v128.shuffle<u64>(sumLow, sumHigh, 1, 2)
      sumHigh = v128.shuffle<u64>(sumHigh, sumHigh, 1, 0)
      sumLow = next
      const square = v128.shuffle<u64>(low, high, 1, 2)
      high = v128.shuffle<u64>(high, high, 1, 0)
      low = square
    }
    mean = Four.load(r.stats + at, count, zero)
    rest = Four.load(r.stats + row + at, count, zero)
    inverse = Four.load(r.stats + 2 * row + at, count, zero)
  }
  const scale = r.scale ? Four.load(r.scale + at, count, zero) : f32x4.splat(1)
  const bias = r.bias ? Four.load(r.bias + at, count, zero) : zero
  const floor = f32x4.splat(r.epilogue ? 0 : -Infinity)
  let p = r.x + at
  let q = r.out + at
  for (let k = r.segments; k > 0; k--, p += stride, q += stride) {
    const standard = Four.standard(Four.load(p, count, zero), mean, rest, inverse)
    Four.store(q, count, Vector.atLeast(Vector.fma(standard, scale, bias), floor))
  }
}

/** y = (x - mean) / sqrt(variance + eps) scale + bias, relu of it where the epilogue is 1. */
export function normalize(r: Normalization, begin: i32, end: i32): void {
  if (r.kind === COLUMNS) {
    for (; begin < end; begin += 4) normalizeColumns(r, begin, min(4, end - begin))
    return
  }
  const zero = i32x4.splat(0)
  const row = (<usize>r.groups) << 2
  const stride = (<usize>r.stride) << 2
  const floor = f32x4.splat(r.epilogue ? 0 : -Infinity)
  const scales = r.scale
  const biases = r.bias
  const along = r.kind === ALONG
  const n = r.n
  for (; begin < end; begin++) {
    const at = (<usize>begin * <usize>r.base) << 2
    const stats = r.stats + ((<usize>begin) << 2)
    let mean: v128
    let rest = zero
    let inverse: v128
    if (r.mean) {
      const own = (<usize>(begin % r.period)) << 2
      mean = v128.load32_splat(r.mean + own)
      inverse = f32x4.splat(<f32>(1 / sqrt<f64>(<f64>load<f32>(r.variance + own) + <f64>r.eps)))
    } else {
      const shift = r.centered && n > 0 && r.segments > 0 ? shiftOf(r.x + at) : 0
      moments(r.x + at, r.segments, stride, n, shift)
      noteOf(r, begin, Moments.sum, Moments.squares, <f64>shift)
      mean = v128.load32_splat(stats)
      rest = v128.load32_splat(stats + row)
      inverse = v128.load32_splat(stats + 2 * row)
    }
    const first = (begin % r.period) * r.first
    for (let k = 0; k < r.segments; k++) {
      let p = r.x + at + <usize>k * stride
      let q = r.out + at + <usize>k * stride
      let own = (<usize>(first + k * r.each)) << 2
      let scale = f32x4.splat(1)
      let bias = zero
      if (!along) {
        scale = Four.splat(scales, own, 1)
        bias = Four.splat(biases, own, 0)
      }
      for (let left = n; left > 0; left -= 4, p += 16, q += 16) {
        if (along) {
          if (scales) scale = Four.load(scales + own, left, zero)
          if (biases) bias = Four.load(biases + own, left, zero)
          own += 16
        }
        const standard = Four.standard(Four.load(p, left, zero), mean, rest, inverse)
        Four.store(q, left, Vector.atLeast(Vector.fma(standard, scale, bias), floor))
      }
    }
  }
}

/** Σ g x̂ and Σ g of a segment, of g times the scale where that lies along it. */
function slopes(
  g: usize,
  x: usize,
  n: i32,
  mean: v128,
  rest: v128,
  inverse: v128,
  scales: usize,
  biases: usize,
  along: bool,
  gates: bool,
): void {
  const zero = i32x4.splat(0)
  let scale = f32x4.splat(1)
  let bias = zero
  if (!along) {
    scale = Four.splat(scales, 0, 1)
    bias = Four.splat(biases, 0, 0)
  }
  let ofScale: f64 = 0
  let ofBias: f64 = 0
  while (n > 0) {
    const block = min(n, BLOCK)
    let a = zero
    let b = zero
    for (let left = block; left > 0; left -= 4, g += 16, x += 16) {
      if (along) {
        if (scales) {
          scale = Four.load(scales, left, zero)
          scales += 16
        }
        if (biases) {
          bias = Four.load(biases, left, zero)
          biases += 16
        }
      }
      const standard = Four.standard(Four.load(x, left, zero), mean, rest, inverse)
      let v = Four.load(g, left, zero)
      if (gates) v = Four.gated(v, standard, scale, bias)
      if (along) v = f32x4.mul(v, scale)
      a = Vector.fma(v, standard, a)
      b = f32x4.add(b, v)
    }
    ofScale += Four.sum(a)
    ofBias += Four.sum(b)
    n -= block
  }
  Slopes.scale = ofScale
  Slopes.bias = ofBias
}

/** Up to four columns. */
function columnsGradient(r: Normalization, group: i32, count: i32): void {
  const at = (<usize>group) << 2
  const row = (<usize>r.groups) << 2
  const stride = (<usize>r.stride) << 2
  const gates = r.epilogue !== 0
  const zero = i32x4.splat(0)
  const mean = Four.load(r.stats + at, count, zero)
  const rest = Four.load(r.stats + row + at, count, zero)
  const inverse = Four.load(r.stats + 2 * row + at, count, zero)
  const scale = r.scale ? Four.load(r.scale + at, count, zero) : f32x4.splat(1)
  const bias = r.bias ? Four.load(r.bias + at, count, zero) : zero
  let p = r.x + at
  let g = r.g + at
  let scaleLow = zero
  let scaleHigh = zero
  let biasLow = zero
  let biasHigh = zero
  for (let k = r.segments; k > 0; k--, p += stride, g += stride) {
    const standard = Four.standard(Four.load(p, count, zero), mean, rest, inverse)
    let v = Four.load(g, count, zero)
    if (gates) v = Four.gated(v, standard, scale, bias)
    const both = f32x4.mul(v, standard)
    scaleLow = f64x2.add(scaleLow, f64x2.promote_low_f32x4(both))
    scaleHigh = f64x2.add(scaleHigh, f64x2.promote_low_f32x4(Vector.high(both)))
    biasLow = f64x2.add(biasLow, f64x2.promote_low_f32x4(v))
    biasHigh = f64x2.add(biasHigh, f64x2.promote_low_f32x4(Vector.high(v)))
  }
  const ofScale = Vector.demote(scaleLow, scaleHigh)
  const ofBias = Vector.demote(biasLow, biasHigh)
  if (r.ofScale) {
    Four.store(r.ofScale + at, count, ofScale)
    Four.store(r.ofBias + at, count, ofBias)
  }
  if (!r.out) return
  const factor = f32x4.mul(scale, inverse)
  const share = f32x4.div(f32x4.neg(factor), f32x4.splat(<f32>r.segments))
  const ofStandard = f32x4.mul(ofScale, share)
  const ofAll = f32x4.mul(ofBias, share)
  p = r.x + at
  g = r.g + at
  let q = r.out + at
  for (let k = r.segments; k > 0; k--, p += stride, g += stride, q += stride) {
    const standard = Four.standard(Four.load(p, count, zero), mean, rest, inverse)
    let v = Four.load(g, count, zero)
    if (gates) v = Four.gated(v, standard, scale, bias)
    Four.store(q, count, Vector.fma(standard, ofStandard, Vector.fma(v, factor, ofAll)))
  }
}

/**
 * x's cotangent, (scale g - mean(scale g) - x̂ mean(scale g x̂)) / σ over each group, and the sums of which those of scale and bias are made, but where
 * these lie along the groups (`normalizeSums`).
 */
export function normalizeGradient(r: Normalization, begin: i32, end: i32): void {
  if (r.kind === COLUMNS) {
    for (; begin < end; begin += 4) columnsGradient(r, begin, min(4, end - begin))
    return
  }
  const zero = i32x4.splat(0)
  const row = (<usize>r.groups) << 2
  const stride = (<usize>r.stride) << 2
  const n = r.n
  const segments = r.segments
  const along = r.kind === ALONG
  const gates = r.epilogue !== 0
  const scales = r.scale
  const biases = r.bias
  const size = <f64>segments * <f64>n
  for (; begin < end; begin++) {
    const at = (<usize>begin * <usize>r.base) << 2
    const stats = r.stats + ((<usize>begin) << 2)
    const mean = v128.load32_splat(stats)
    const rest = v128.load32_splat(stats + row)
    const inverse = v128.load32_splat(stats + 2 * row)
    const first = (begin % r.period) * r.first
    let ofScale: f64 = 0
    let ofBias: f64 = 0
    let ownScale: f64 = 0
    let ownBias: f64 = 0
    for (let k = 0; k < segments; k++) {
      const own = (<usize>(first + k * r.each)) << 2
      const from = at + <usize>k * stride
      slopes(r.g + from, r.x + from, n, mean, rest, inverse, scales ? scales + own : 0, biases ? biases + own : 0, along, gates)
      ownScale += Slopes.scale
      ownBias += Slopes.bias
      if (r.each === 0 && k < segments - 1) continue
      const factor: f64 = scales && !along ? <f64>load<f32>(scales + own) : 1
      ofScale += factor * ownScale
      ofBias += factor * ownBias
      if (r.ofScale) {
        const sums = (<usize>(r.each ? begin * segments + k : begin)) << 2
        store<f32>(r.ofScale + sums, <f32>ownScale)
        store<f32>(r.ofBias + sums, <f32>ownBias)
      }
      ownScale = 0
      ownBias = 0
    }
    if (!r.out) continue
    const share = -(<f64>f32x4.extract_lane(inverse, 0)) / size
    const ofStandard = f32x4.splat(<f32>(ofScale * share))
    const ofAll = f32x4.splat(r.centered ? <f32>(ofBias * share) : 0)
    for (let k = 0; k < segments; k++) {
      let own = (<usize>(first + k * r.each)) << 2
      const from = at + <usize>k * stride
      let p = r.x + from
      let g = r.g + from
      let q = r.out + from
      let scale = f32x4.splat(1)
      let bias = zero
      if (!along) {
        scale = Four.splat(scales, own, 1)
        bias = Four.splat(biases, own, 0)
      }
      let factor = f32x4.mul(scale, inverse)
      for (let left = n; left > 0; left -= 4, p += 16, g += 16, q += 16) {
        if (along) {
          if (scales) {
            scale = Four.load(scales + own, left, zero)
            factor = f32x4.mul(scale, inverse)
          }
          if (biases) bias = Four.load(biases + own, left, zero)
          own += 16
        }
        const standard = Four.standard(Four.load(p, left, zero), mean, rest, inverse)
        let v = Four.load(g, left, zero)
        if (gates) v = Four.gated(v, standard, scale, bias)
        Four.store(q, left, Vector.fma(standard, ofStandard, Vector.fma(v, factor, ofAll)))
      }
    }
  }
}

/** Σ g x̂ and Σ g over the groups, for scale and bias that lie along them: `begin` and `end` count the elements of a group. */
export function normalizeSums(r: Normalization, begin: i32, end: i32): void {
  const zero = i32x4.splat(0)
  const row = (<usize>r.groups) << 2
  const stride = (<usize>r.base) << 2
  const gates = r.epilogue !== 0
  for (; begin < end; begin += 4) {
    const count = min(4, end - begin)
    const at = (<usize>begin) << 2
    const scale = r.scale ? Four.load(r.scale + at, count, zero) : f32x4.splat(1)
    const bias = r.bias ? Four.load(r.bias + at, count, zero) : zero
    let p = r.x + at
    let g = r.g + at
    let scaleLow = zero
    let scaleHigh = zero
    let biasLow = zero
    let biasHigh = zero
    let stats = r.stats
    for (let i = r.groups; i > 0; i--, p += stride, g += stride, stats += 4) {
      const mean = v128.load32_splat(stats)
      const rest = v128.load32_splat(stats + row)
      const standard = Four.standard(Four.load(p, count, zero), mean, rest, v128.load32_splat(stats + 2 * row))
      let v = Four.load(g, count, zero)
      if (gates) v = Four.gated(v, standard, scale, bias)
      const both = f32x4.mul(v, standard)
      scaleLow = f64x2.add(scaleLow, f64x2.promote_low_f32x4(both))
      scaleHigh = f64x2.add(scaleHigh, f64x2.promote_low_f32x4(Vector.high(both)))
      biasLow = f64x2.add(biasLow, f64x2.promote_low_f32x4(v))
      biasHigh = f64x2.add(biasHigh, f64x2.promote_low_f32x4(Vector.high(v)))
    }
    Four.store(r.ofScale + at, count, Vector.demote(scaleLow, scaleHigh))
    Four.store(r.ofBias + at, count, Vector.demote(biasLow, biasHigh))
  }
}
