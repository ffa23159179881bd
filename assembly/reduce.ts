// Reductions of one axis: x is [outer, n, inner], the result [outer, inner]; `begin` and `end` count elements of the result.
//
// How a sum is split depends on n alone (halves down to a block, so the error grows with log n), never on the range.
// @cost 0.12: nanoseconds an element that is read on one thread; below the grain (src/wasm/pool.ts) nothing is forked.

const BLOCK: i32 = 512
const COLUMN_BLOCK: i32 = 64

@unmanaged
class Sum {
  @inline start(): v128 {
    return i32x4.splat(0)
  }
  @inline f(a: v128, b: v128): v128 {
    return f32x4.add(a, b)
  }
}
@unmanaged
class Prod {
  @inline start(): v128 {
    return f32x4.splat(1)
  }
  @inline f(a: v128, b: v128): v128 {
    return f32x4.mul(a, b)
  }
}
@unmanaged
class Max {
  @inline start(): v128 {
    return f32x4.splat(-Infinity)
  }
  @inline f(a: v128, b: v128): v128 {
    return f32x4.max(a, b)
  }
}
@unmanaged
class Min {
  @inline start(): v128 {
    return f32x4.splat(Infinity)
  }
  @inline f(a: v128, b: v128): v128 {
    return f32x4.min(a, b)
  }
}
@unmanaged
class MaxI {
  @inline start(): v128 {
    return i32x4.splat(i32.MIN_VALUE)
  }
  @inline f(a: v128, b: v128): v128 {
    return i32x4.max_s(a, b)
  }
}
@unmanaged
class MinI {
  @inline start(): v128 {
    return i32x4.splat(i32.MAX_VALUE)
  }
  @inline f(a: v128, b: v128): v128 {
    return i32x4.min_s(a, b)
  }
}

/** Four partial results of n contiguous elements. */
function partials<F>(p: usize, n: i32): v128 {
  if (n > BLOCK) {
    const half = (((n >> 1) + BLOCK - 1) / BLOCK) * BLOCK
    return changetype<F>(0).f(partials<F>(p, half), partials<F>(p + ((<usize>half) << 2), n - half))
  }
  let a = changetype<F>(0).start()
  let b = a
  let c = a
  let d = a
  for (; n >= 16; n -= 16, p += 64) {
    a = changetype<F>(0).f(a, v128.load(p))
    b = changetype<F>(0).f(b, v128.load(p, 16))
    c = changetype<F>(0).f(c, v128.load(p, 32))
    d = changetype<F>(0).f(d, v128.load(p, 48))
  }
  for (; n >= 4; n -= 4, p += 16) a = changetype<F>(0).f(a, v128.load(p))
  for (; n > 0; n--, p += 4) b = changetype<F>(0).f(b, v128.load32_lane(p, changetype<F>(0).start(), 0))
  return changetype<F>(0).f(changetype<F>(0).f(a, b), changetype<F>(0).f(c, d))
}

function across<F>(four: v128): v128 {
  const two = changetype<F>(0).f(four, v128.shuffle<u32>(four, four, 2, 3, 0, 1))
  return changetype<F>(0).f(two, v128.shuffle<u32>(two, two, 1, 0, 3, 2))
}

/** What `wideColumns` gives beside its result: the sums of its second, third and fourth four columns. */
class Beside {
  static second: v128 = i32x4.splat(0)
  static third: v128 = i32x4.splat(0)
  static fourth: v128 = i32x4.splat(0)
}

/** n rows of 16 neighbouring columns, a cache line of each, in the order of `columns`. */
function wideColumns<F>(p: usize, step: usize, n: i32): v128 {
  let a = changetype<F>(0).start()
  let b = a
  let c = a
  let d = a
  if (n > COLUMN_BLOCK) {
    const half = (((n >> 1) + COLUMN_BLOCK - 1) / COLUMN_BLOCK) * COLUMN_BLOCK
    a = wideColumns<F>(p, step, half)
    b = Beside.second
    c = Beside.third
    d = Beside.fourth
    a = changetype<F>(0).f(a, wideColumns<F>(p + step * <usize>half, step, n - half))
    b = changetype<F>(0).f(b, Beside.second)
    c = changetype<F>(0).f(c, Beside.third)
    d = changetype<F>(0).f(d, Beside.fourth)
  } else {
    for (; n > 0; n--, p += step) {
      a = changetype<F>(0).f(a, v128.load(p))
      b = changetype<F>(0).f(b, v128.load(p, 16))
      c = changetype<F>(0).f(c, v128.load(p, 32))
      d = changetype<F>(0).f(d, v128.load(p, 48))
    }
  }
  Beside.second = b
  Beside.third = c
  Beside.fourth = d
  return a
}

/** n rows of four neighbouring columns (or of one, in lane 0). */
function columns<F>(p: usize, step: usize, n: i32, four: bool): v128 {
  if (n > COLUMN_BLOCK) {
    const half = (((n >> 1) + COLUMN_BLOCK - 1) / COLUMN_BLOCK) * COLUMN_BLOCK
    return changetype<F>(0).f(columns<F>(p, step, half, four), columns<F>(p + step * <usize>half, step, n - half, four))
  }
  let sum = changetype<F>(0).start()
  if (four) for (; n > 0; n--, p += step) sum = changetype<F>(0).f(sum, v128.load(p))
  else for (; n > 0; n--, p += step) sum = changetype<F>(0).f(sum, v128.load32_zero(p))
  return sum
}

function reduce<F>(x: usize, out: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  if (inner == 1) {
    for (let i = begin; i < end; i++) {
      const row = x + ((<usize>i * <usize>n) << 2)
      v128.store32_lane(out + ((<usize>i) << 2), across<F>(partials<F>(row, n)), 0)
    }
    return
  }
  const step = (<usize>inner) << 2
  for (let at = begin; at < end; ) {
    const outer = at / inner
    const column = at - outer * inner
    const p = x + ((<usize>outer * <usize>n * <usize>inner + <usize>column) << 2)
    if (inner - column >= 16 && end - at >= 16) {
      const q = out + ((<usize>at) << 2)
      v128.store(q, wideColumns<F>(p, step, n))
      v128.store(q, Beside.second, 16)
      v128.store(q, Beside.third, 32)
      v128.store(q, Beside.fourth, 48)
      at += 16
      continue
    }
    const four = inner - column >= 4 && end - at >= 4
    const sum = columns<F>(p, step, n, four)
    if (four) {
      v128.store(out + ((<usize>at) << 2), sum)
      at += 4
    } else {
      v128.store32_lane(out + ((<usize>at) << 2), sum, 0)
      at++
    }
  }
}

export function sum(x: usize, out: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  reduce<Sum>(x, out, n, inner, begin, end)
}
export function prod(x: usize, out: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  reduce<Prod>(x, out, n, inner, begin, end)
}
export function max(x: usize, out: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  reduce<Max>(x, out, n, inner, begin, end)
}
export function min(x: usize, out: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  reduce<Min>(x, out, n, inner, begin, end)
}
export function maxI(x: usize, out: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  reduce<MaxI>(x, out, n, inner, begin, end)
}
export function minI(x: usize, out: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  reduce<MinI>(x, out, n, inner, begin, end)
}

/** Part `unit` of 64 of `partials`: the node of its tree six levels down, where n is 2^17 at least. */
function part<F>(p: usize, n: i32, unit: i32): v128 {
  for (let bit = 5; bit >= 0; bit--) {
    const half = (((n >> 1) + BLOCK - 1) / BLOCK) * BLOCK
    if ((unit >> bit) & 1) {
      p += (<usize>half) << 2
      n -= half
    } else n = half
  }
  return partials<F>(p, n)
}

/** `partials` of so many neighbouring parts. */
function joined<F>(p: usize, count: i32): v128 {
  if (count === 1) return v128.load(p)
  const half = count >> 1
  return changetype<F>(0).f(joined<F>(p, half), joined<F>(p + ((<usize>half) << 4), half))
}

/**
 * A reduction of n (2^17 at least) elements to one, in the order of `sum` and its like, whose `kind` counts in the order in which they stand above:
 * units are 64 parts, of 16 bytes each.
 */
export function reduceParts(x: usize, parts: usize, n: i32, kind: i32, begin: i32, end: i32): void {
  for (let unit = begin; unit < end; unit++) {
    let four: v128
    if (kind === 0) four = part<Sum>(x, n, unit)
    else if (kind === 1) four = part<Prod>(x, n, unit)
    else if (kind === 2) four = part<Max>(x, n, unit)
    else if (kind === 3) four = part<Min>(x, n, unit)
    else if (kind === 4) four = part<MaxI>(x, n, unit)
    else four = part<MinI>(x, n, unit)
    v128.store(parts + ((<usize>unit) << 4), four)
  }
}

/** The result of the 64 parts: one unit, which is not shared. @cost 0 */
export function reduceJoin(parts: usize, out: usize, kind: i32, begin: i32, end: i32): void {
  if (begin === end) return
  let one: v128
  if (kind === 0) one = across<Sum>(joined<Sum>(parts, 64))
  else if (kind === 1) one = across<Prod>(joined<Prod>(parts, 64))
  else if (kind === 2) one = across<Max>(joined<Max>(parts, 64))
  else if (kind === 3) one = across<Min>(joined<Min>(parts, 64))
  else if (kind === 4) one = across<MaxI>(joined<MaxI>(parts, 64))
  else one = across<MinI>(joined<MinI>(parts, 64))
  v128.store32_lane(out, one, 0)
}

/** The first index of the largest or smallest element; the first NaN wins. */
function arg<T>(x: usize, out: usize, n: i32, inner: i32, smallest: bool, begin: i32, end: i32): void {
  for (let at = begin; at < end; at++) {
    const outer = at / inner
    const p = x + ((<usize>outer * <usize>n * <usize>inner + <usize>(at - outer * inner)) << 2)
    const index = inner === 1 && n >= 16 ? argOfRow<T>(p, n, smallest) : argOfColumn<T>(p, (<usize>inner) << 2, n, smallest)
    store<i32>(out + ((<usize>at) << 2), index)
  }
}

function argOfColumn<T>(p: usize, step: usize, n: i32, smallest: bool): i32 {
  let best = load<T>(p)
  let index = 0
  for (let i = 1; i < n && best == best; i++) {
    p += step
    const value = load<T>(p)
    if (smallest ? !(value >= best) : !(value <= best)) {
      best = value
      index = i
    }
  }
  return index
}

/** Looks for the extreme first, then for its place: both in vectors. */
function argOfRow<T>(p: usize, n: i32, smallest: bool): i32 {
  const four = isFloat<T>()
    ? smallest
      ? across<Min>(partials<Min>(p, n))
      : across<Max>(partials<Max>(p, n))
    : smallest
      ? across<MinI>(partials<MinI>(p, n))
      : across<MaxI>(partials<MaxI>(p, n))
  const isNaN = isFloat<T>() && v128.any_true(f32x4.ne(four, four))
  let i = 0
  for (; i + 4 <= n; i += 4, p += 16) {
    const v = v128.load(p)
    const hit = isFloat<T>() ? (isNaN ? f32x4.ne(v, v) : f32x4.eq(v, four)) : i32x4.eq(v, four)
    if (v128.any_true(hit)) return i + ctz(i32x4.bitmask(hit))
  }
  return i + argOfColumn<T>(p, 4, n - i, smallest)
}

export function argMax(x: usize, out: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  arg<f32>(x, out, n, inner, false, begin, end)
}
export function argMin(x: usize, out: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  arg<f32>(x, out, n, inner, true, begin, end)
}
export function argMaxI(x: usize, out: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  arg<i32>(x, out, n, inner, false, begin, end)
}
export function argMinI(x: usize, out: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  arg<i32>(x, out, n, inner, true, begin, end)
}
