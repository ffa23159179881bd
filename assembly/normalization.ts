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

const ONES: usize = memory.data<f32>([1, 1, 1, 1], 16)
const ZEROS: usize = memory.data<f32>([0, 0, 0, 0], 16)
const ALONG: i32 = 1
const COLUMNS: i32 = 2
/** The epilogue that has a bound above, too. */
const RELU6: i32 = 2
/** What is added to the bits of a positive float up to infinity, or of one below 6, so that it becomes an integer above all others. */
const UP_TO_INFINITY: i32 = 0x007fffff
const UP_TO_SIX: i32 = 0x3f400000
/** Groups that make up a unit of the gradient where scale and bias lie along them. */
const ROWS: i32 = 32
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
  /**
   * The gradient alone, or null: Σ g x̂ and Σ g, of each segment if they have scales of their own, else of each group; where scales lie along
   * the groups, over those of each unit, for each of their elements.
   */
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
  /** 1: relu of the result; 2: relu6. */
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

/** Four neighbouring elements, or one in lane 0, beside zeros. */
class Four {
  @inline static load(p: usize, four: bool): v128 {
    return four ? v128.load(p) : v128.load32_zero(p)
  }
  @inline static store(p: usize, four: bool, v: v128): void {
    if (four) v128.store(p, v)
    else v128.store32_lane(p, v, 0)
  }
  @inline static standard(x: v128, mean: v128, rest: v128, inverse: v128): v128 {
    return f32x4.mul(f32x4.sub(f32x4.sub(x, mean), rest), inverse)
  }
  /** g where the result is above 0 and inside the limit, which is `UP_TO_INFINITY` or `UP_TO_SIX`. */
  @inline static gated(g: v128, standard: v128, scale: v128, bias: v128, limit: v128): v128 {
    return v128.and(g, i32x4.gt_s(i32x4.add(Vector.fma(standard, scale, bias), limit), limit))
  }
  /** The result between the bounds of the epilogue. */
  @inline static bounded(y: v128, floor: v128, ceiling: v128): v128 {
    return Vector.atMost(Vector.atLeast(y, floor), ceiling)
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

class Columns {
  @inline static together(begin: i32, end: i32): i32 {
    return end - begin >= 4 ? 4 : 1
  }
}

function moments(x: usize, segments: i32, stride: usize, n: i32, shift: f32): void {
  const two = f64x2.splat(<f64>shift)
  let sumLow = i32x4.splat(0)
  let sumHigh = sumLow
  let low = sumLow
  let high = sumLow
  for (; segments > 0; segments--, x += stride) {
    let p = x
    let left = n
    for (; left >= 4; left -= 4, p += 16) {
      const four = v128.load(p)
      const a = f64x2.sub(f64x2.promote_low_f32x4(four), two)
      const b = f64x2.sub(f64x2.promote_low_f32x4(Vector.high(four)), two)
      sumLow = f64x2.add(sumLow, a)
      sumHigh = f64x2.add(sumHigh, b)
      low = Vector.fma64(a, a, low)
      high = Vector.fma64(b, b, high)
    }
    for (; left > 0; left--, p += 4) {
      const a = f64x2.sub(f64x2.promote_low_f32x4(v128.load32_lane(p, f32x4.splat(shift), 0)), two)
      sumLow = f64x2.add(sumLow, a)
      low = Vector.fma64(a, a, low)
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

/** Four columns, or one. */
function normalizeColumns(r: Normalization, group: i32, four: bool): void {
  const at = (<usize>group) << 2
  const row = (<usize>r.groups) << 2
  const stride = (<usize>r.stride) << 2
  const zero = i32x4.splat(0)
  let mean: v128
  let rest = zero
  let inverse: v128
  if (r.mean) {
    mean = Four.load(r.mean + at, four)
    const eps = f64x2.splat(<f64>r.eps)
    const variance = Four.load(r.variance + at, four)
    const one = f64x2.splat(1)
    inverse = Vector.demote(
      f64x2.div(one, f64x2.sqrt(f64x2.add(f64x2.promote_low_f32x4(variance), eps))),
      f64x2.div(one, f64x2.sqrt(f64x2.add(f64x2.promote_low_f32x4(Vector.high(variance)), eps))),
    )
  } else {
    let p = r.x + at
    const first = Four.load(p, four)
    const shift = v128.bitselect(first, zero, f32x4.eq(f32x4.sub(first, first), zero))
    const shiftLow = f64x2.promote_low_f32x4(shift)
    const shiftHigh = f64x2.promote_low_f32x4(Vector.high(shift))
    let sumLow = zero
    let sumHigh = zero
    let low = zero
    let high = zero
    for (let k = r.segments; k > 0; k--, p += stride) {
      const v = Four.load(p, four)
      const a = f64x2.sub(f64x2.promote_low_f32x4(v), shiftLow)
      const b = f64x2.sub(f64x2.promote_low_f32x4(Vector.high(v)), shiftHigh)
      sumLow = f64x2.add(sumLow, a)
      sumHigh = f64x2.add(sumHigh, b)
      low = Vector.fma64(a, a, low)
      high = Vector.fma64(b, b, high)
    }
    const lanes = four ? 4 : 1
    for (let lane = 0; lane < lanes; lane++) {
      const shift = f64x2.extract_lane(f64x2.promote_low_f32x4(v128.load32_zero(r.x + at + ((<usize>lane) << 2))), 0)
      noteOf(r, group + lane, f64x2.extract_lane(sumLow, 0), f64x2.extract_lane(low, 0), shift - shift === 0 ? shift : 0)
      const next = v128.shuffle<u64>(sumLow, sumHigh, 1, 2)
      sumHigh = v128.shuffle<u64>(sumHigh, sumHigh, 1, 0)
      sumLow = next
      const square = v128.shuffle<u64>(low, high, 1, 2)
      high = v128.shuffle<u64>(high, high, 1, 0)
      low = square
    }
    mean = Four.load(r.stats + at, four)
    rest = Four.load(r.stats + row + at, four)
    inverse = Four.load(r.stats + 2 * row + at, four)
  }
  const scale = r.scale ? Four.load(r.scale + at, four) : f32x4.splat(1)
  const bias = r.bias ? Four.load(r.bias + at, four) : zero
  const floor = f32x4.splat(r.epilogue ? 0 : -Infinity)
  const ceiling = f32x4.splat(r.epilogue === RELU6 ? 6 : Infinity)
  let p = r.x + at
  let q = r.out + at
  for (let k = r.segments; k > 0; k--, p += stride, q += stride) {
    const standard = Four.standard(Four.load(p, four), mean, rest, inverse)
    Four.store(q, four, Four.bounded(Vector.fma(standard, scale, bias), floor, ceiling))
  }
}

/** y = (x - mean) / sqrt(variance + eps) scale + bias, relu of it where the epilogue is 1. */
export function normalize(r: Normalization, begin: i32, end: i32): void {
  if (r.kind === COLUMNS) {
    for (; begin < end; begin += Columns.together(begin, end)) normalizeColumns(r, begin, end - begin >= 4)
    return
  }
  const zero = i32x4.splat(0)
  const row = (<usize>r.groups) << 2
  const stride = (<usize>r.stride) << 2
  const floor = f32x4.splat(r.epilogue ? 0 : -Infinity)
  const ceiling = f32x4.splat(r.epilogue === RELU6 ? 6 : Infinity)
  const scales = r.scale
  const biases = r.bias
  const scaleStep: usize = scales ? 16 : 0
  const biasStep: usize = biases ? 16 : 0
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
      let left = n
      if (along) {
        let scale = scales || ONES
        let bias = biases || ZEROS
        for (; left >= 4; left -= 4, p += 16, q += 16, scale += scaleStep, bias += biasStep) {
          const standard = Four.standard(v128.load(p), mean, rest, inverse)
          v128.store(q, Four.bounded(Vector.fma(standard, v128.load(scale), v128.load(bias)), floor, ceiling))
        }
        for (; left > 0; left--, p += 4, q += 4, scale += scaleStep >> 2, bias += biasStep >> 2) {
          const standard = Four.standard(v128.load32_zero(p), mean, rest, inverse)
          v128.store32_lane(q, Four.bounded(Vector.fma(standard, v128.load32_zero(scale), v128.load32_zero(bias)), floor, ceiling), 0)
        }
        continue
      }
      const own = (<usize>(first + k * r.each)) << 2
      const scale = Four.splat(scales, own, 1)
      const bias = Four.splat(biases, own, 0)
      for (; left >= 4; left -= 4, p += 16, q += 16) {
        const standard = Four.standard(v128.load(p), mean, rest, inverse)
        v128.store(q, Four.bounded(Vector.fma(standard, scale, bias), floor, ceiling))
      }
      for (; left > 0; left--, p += 4, q += 4) {
        const standard = Four.standard(v128.load32_zero(p), mean, rest, inverse)
        v128.store32_lane(q, Four.bounded(Vector.fma(standard, scale, bias), floor, ceiling), 0)
      }
    }
  }
}

/** Σ g x̂ and Σ g of a segment, of g times the scale where that lies along it. What is left of g behind the epilogue is written to `out`, unless that is null. */
function slopes(
  g: usize,
  x: usize,
  out: usize,
  n: i32,
  mean: v128,
  rest: v128,
  inverse: v128,
  scales: usize,
  biases: usize,
  along: bool,
  gates: bool,
  limit: v128,
  sums: usize,
  biasSums: usize,
): void {
  const zero = i32x4.splat(0)
  let scale = Four.splat(scales, 0, 1)
  let bias = Four.splat(biases, 0, 0)
  const scaleStep: usize = scales ? 16 : 0
  const biasStep: usize = biases ? 16 : 0
  if (!scales) scales = ONES
  if (!biases) biases = ZEROS
  let ofScale: f64 = 0
  let ofBias: f64 = 0
  while (n > 0) {
    let left = min(n, BLOCK)
    n -= left
    let a = zero
    let b = zero
    if (along) {
      for (; left >= 4; left -= 4, g += 16, x += 16, scales += scaleStep, biases += biasStep) {
        const standard = Four.standard(v128.load(x), mean, rest, inverse)
        let v = v128.load(g)
        if (gates) {
          v = Four.gated(v, standard, v128.load(scales), v128.load(biases), limit)
          if (out) {
            v128.store(out, v)
            out += 16
          }
        }
        if (sums) {
          v128.store(sums, Vector.fma(v, standard, v128.load(sums)))
          v128.store(biasSums, f32x4.add(v, v128.load(biasSums)))
          sums += 16
          biasSums += 16
        }
        v = f32x4.mul(v, v128.load(scales))
        a = Vector.fma(v, standard, a)
        b = f32x4.add(b, v)
      }
    } else {
      for (; left >= 4; left -= 4, g += 16, x += 16) {
        const standard = Four.standard(v128.load(x), mean, rest, inverse)
        let v = v128.load(g)
        if (gates) {
          v = Four.gated(v, standard, scale, bias, limit)
          if (out) {
            v128.store(out, v)
            out += 16
          }
        }
        a = Vector.fma(v, standard, a)
        b = f32x4.add(b, v)
      }
    }
    for (; left > 0; left--, g += 4, x += 4) {
      if (along) {
        scale = v128.load32_zero(scales)
        bias = v128.load32_zero(biases)
        scales += scaleStep >> 2
        biases += biasStep >> 2
      }
      const standard = Four.standard(v128.load32_zero(x), mean, rest, inverse)
      let v = v128.load32_zero(g)
      if (gates) {
        v = Four.gated(v, standard, scale, bias, limit)
        if (out) {
          v128.store32_lane(out, v, 0)
          out += 4
        }
      }
      if (along) {
        if (sums) {
          v128.store32_lane(sums, Vector.fma(v, standard, v128.load32_zero(sums)), 0)
          v128.store32_lane(biasSums, f32x4.add(v, v128.load32_zero(biasSums)), 0)
          sums += 4
          biasSums += 4
        }
        v = f32x4.mul(v, scale)
      }
      // In lane 0 alone: in the others stands what 0 would be.
      a = f32x4.replace_lane(a, 0, f32x4.extract_lane(Vector.fma(v, standard, a), 0))
      b = f32x4.add(b, v)
    }
    ofScale += Four.sum(a)
    ofBias += Four.sum(b)
  }
  Slopes.scale = ofScale
  Slopes.bias = ofBias
}

/** Four columns, or one. */
function columnsGradient(r: Normalization, group: i32, four: bool): void {
  const at = (<usize>group) << 2
  const row = (<usize>r.groups) << 2
  const stride = (<usize>r.stride) << 2
  const gates = r.epilogue !== 0
  const limit = i32x4.splat(r.epilogue === RELU6 ? UP_TO_SIX : UP_TO_INFINITY)
  const zero = i32x4.splat(0)
  const mean = Four.load(r.stats + at, four)
  const rest = Four.load(r.stats + row + at, four)
  const inverse = Four.load(r.stats + 2 * row + at, four)
  const scale = r.scale ? Four.load(r.scale + at, four) : f32x4.splat(1)
  const bias = r.bias ? Four.load(r.bias + at, four) : zero
  let p = r.x + at
  let g = r.g + at
  let q = r.out ? r.out + at : 0
  let scaleLow = zero
  let scaleHigh = zero
  let biasLow = zero
  let biasHigh = zero
  for (let k = r.segments; k > 0; k--, p += stride, g += stride) {
    const standard = Four.standard(Four.load(p, four), mean, rest, inverse)
    let v = Four.load(g, four)
    if (gates) {
      v = Four.gated(v, standard, scale, bias, limit)
      if (q) {
        Four.store(q, four, v)
        q += stride
      }
    }
    const both = f32x4.mul(v, standard)
    scaleLow = f64x2.add(scaleLow, f64x2.promote_low_f32x4(both))
    scaleHigh = f64x2.add(scaleHigh, f64x2.promote_low_f32x4(Vector.high(both)))
    biasLow = f64x2.add(biasLow, f64x2.promote_low_f32x4(v))
    biasHigh = f64x2.add(biasHigh, f64x2.promote_low_f32x4(Vector.high(v)))
  }
  const ofScale = Vector.demote(scaleLow, scaleHigh)
  const ofBias = Vector.demote(biasLow, biasHigh)
  if (r.ofScale) {
    Four.store(r.ofScale + at, four, ofScale)
    Four.store(r.ofBias + at, four, ofBias)
  }
  if (!r.out) return
  const factor = f32x4.mul(scale, inverse)
  const share = f32x4.div(f32x4.neg(factor), f32x4.splat(<f32>r.segments))
  const ofStandard = f32x4.mul(ofScale, share)
  const ofAll = f32x4.mul(ofBias, share)
  p = r.x + at
  q = r.out + at
  g = gates ? q : r.g + at
  for (let k = r.segments; k > 0; k--, p += stride, g += stride, q += stride) {
    const standard = Four.standard(Four.load(p, four), mean, rest, inverse)
    Four.store(q, four, Vector.fma(standard, ofStandard, Vector.fma(Four.load(g, four), factor, ofAll)))
  }
}

/**
 * x's cotangent, (scale g - mean(scale g) - x̂ mean(scale g x̂)) / σ over each group, and the sums of which those of scale and bias are made. Where these
 * are asked for and lie along the groups, units are 32 groups. What the gate lets through lies in the result meanwhile, so that is no operand.
 */
export function normalizeGradient(r: Normalization, begin: i32, end: i32): void {
  if (r.kind === COLUMNS) {
    for (; begin < end; begin += Columns.together(begin, end)) columnsGradient(r, begin, end - begin >= 4)
    return
  }
  const zero = i32x4.splat(0)
  const row = (<usize>r.groups) << 2
  const stride = (<usize>r.stride) << 2
  const n = r.n
  const segments = r.segments
  const along = r.kind === ALONG
  const gates = r.epilogue !== 0
  const limit = i32x4.splat(r.epilogue === RELU6 ? UP_TO_SIX : UP_TO_INFINITY)
  const scales = r.scale
  const biases = r.bias
  const size = <f64>segments * <f64>n
  const scaleStep: usize = scales ? 16 : 0
  let sums: usize = 0
  let biasSums: usize = 0
  if (along && r.ofScale) {
    begin *= ROWS
    end = min(end * ROWS, r.groups)
  }
  for (; begin < end; begin++) {
    if (along && r.ofScale) {
      const bytes = (<usize>n) << 2
      sums = r.ofScale + (<usize>begin / <usize>ROWS) * bytes
      biasSums = r.ofBias + (<usize>begin / <usize>ROWS) * bytes
      if (begin % ROWS === 0) {
        memory.fill(sums, 0, bytes)
        memory.fill(biasSums, 0, bytes)
      }
    }
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
      const ownScales = scales ? scales + own : 0
      const ownBiases = biases ? biases + own : 0
      slopes(
        r.g + from,
        r.x + from,
        r.out ? r.out + from : 0,
        n,
        mean,
        rest,
        inverse,
        ownScales,
        ownBiases,
        along,
        gates,
        limit,
        sums,
        biasSums,
      )
      ownScale += Slopes.scale
      ownBias += Slopes.bias
      if (r.each === 0 && k < segments - 1) continue
      const factor: f64 = scales && !along ? <f64>load<f32>(scales + own) : 1
      ofScale += factor * ownScale
      ofBias += factor * ownBias
      if (r.ofScale && !along) {
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
      const from = at + <usize>k * stride
      let p = r.x + from
      let q = r.out + from
      let g = gates ? q : r.g + from
      let left = n
      if (along) {
        let scale = scales || ONES
        for (; left >= 4; left -= 4, p += 16, g += 16, q += 16, scale += scaleStep) {
          const standard = Four.standard(v128.load(p), mean, rest, inverse)
          const v = Vector.fma(v128.load(g), f32x4.mul(v128.load(scale), inverse), ofAll)
          v128.store(q, Vector.fma(standard, ofStandard, v))
        }
        for (; left > 0; left--, p += 4, g += 4, q += 4, scale += scaleStep >> 2) {
          const standard = Four.standard(v128.load32_zero(p), mean, rest, inverse)
          const v = Vector.fma(v128.load32_zero(g), f32x4.mul(v128.load32_zero(scale), inverse), ofAll)
          v128.store32_lane(q, Vector.fma(standard, ofStandard, v), 0)
        }
        continue
      }
      const factor = f32x4.mul(Four.splat(scales, (<usize>(first + k * r.each)) << 2, 1), inverse)
      for (; left >= 4; left -= 4, p += 16, g += 16, q += 16) {
        const standard = Four.standard(v128.load(p), mean, rest, inverse)
        v128.store(q, Vector.fma(standard, ofStandard, Vector.fma(v128.load(g), factor, ofAll)))
      }
      for (; left > 0; left--, p += 4, g += 4, q += 4) {
        const standard = Four.standard(v128.load32_zero(p), mean, rest, inverse)
        v128.store32_lane(q, Vector.fma(standard, ofStandard, Vector.fma(v128.load32_zero(g), factor, ofAll)), 0)
      }
    }
  }
}
