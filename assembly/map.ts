// The loops of every pointwise kernel: one driver an arity, a lane function a kernel.
//
// A lane function is a method `f` of an unmanaged class, called through `changetype<F>(0)`, which compiles to its body. The tail of a
// range runs the same lane function on the lanes that there are, so the bits do not depend on where a range is cut. Operands and results are 4-byte
// elements (float32 or int32); `begin` and `end` count elements of the result.
//
// `map` takes a vector a trip. `pairs`, for lane functions of few instructions, takes two, and loads both before it stores one: that is less of the
// loop (a fifth to a quarter of the time where the data is in the first cache), and V8's --experimental-wasm-revectorize makes one operation of two. Longer
// functions gain little: their constants come from memory, and V8 joins no loads with others between them.

/** One to three elements at an address. */
export class Part {
  /** Lanes beyond `bytes` are 0. */
  static load(p: usize, bytes: usize): v128 {
    const v = v128.load32_zero(p)
    if (bytes < 8) return v
    const w = v128.load32_lane(p, v, 1, 4)
    return bytes < 12 ? w : v128.load32_lane(p, w, 2, 8)
  }

  static store(q: usize, v: v128, bytes: usize): void {
    v128.store32_lane(q, v, 0)
    if (bytes < 8) return
    v128.store32_lane(q, v, 1, 4)
    if (bytes >= 12) v128.store32_lane(q, v, 2, 8)
  }
}

/** out[i] = f(x[i]) */
export function map1<F>(x: usize, out: usize, begin: i32, end: i32): void {
  let p = x + ((<usize>begin) << 2)
  let q = out + ((<usize>begin) << 2)
  const last = out + ((<usize>end) << 2)
  while (q + 16 <= last) {
    v128.store(q, changetype<F>(0).f(v128.load(p)))
    p += 16
    q += 16
  }
  if (q < last) Part.store(q, changetype<F>(0).f(Part.load(p, last - q)), last - q)
}

/** out[i] = f(x[i]) */
export function pairs1<F>(x: usize, out: usize, begin: i32, end: i32): void {
  let p = x + ((<usize>begin) << 2)
  let q = out + ((<usize>begin) << 2)
  const last = out + ((<usize>end) << 2)
  for (; q + 32 <= last; q += 32) {
    const x0 = v128.load(p)
    const x1 = v128.load(p, 16)
    v128.store(q, changetype<F>(0).f(x0))
    v128.store(q, changetype<F>(0).f(x1), 16)
    p += 32
  }
  if (q + 16 <= last) {
    v128.store(q, changetype<F>(0).f(v128.load(p)))
    p += 16
    q += 16
  }
  for (; q < last; q += 4) {
    v128.store32_lane(q, changetype<F>(0).f(v128.load32_zero(p)), 0)
    p += 4
  }
}

/** out[i] = f(x[i], y[i]), of one shape. */
export function mapPair<F>(x: usize, y: usize, out: usize, begin: i32, end: i32): void {
  const last = (<usize>end) << 2
  let i = (<usize>begin) << 2
  for (; i + 16 <= last; i += 16) v128.store(out + i, changetype<F>(0).f(v128.load(x + i), v128.load(y + i)))
  if (i < last) Part.store(out + i, changetype<F>(0).f(Part.load(x + i, last - i), Part.load(y + i, last - i)), last - i)
}

/** out[i] = f(x[i], a), with the number the same for all. */
export function map1By<F>(x: usize, out: usize, a: f32, begin: i32, end: i32): void {
  const va = f32x4.splat(a)
  const last = (<usize>end) << 2
  let i = (<usize>begin) << 2
  for (; i + 16 <= last; i += 16) v128.store(out + i, changetype<F>(0).f(v128.load(x + i), va))
  if (i < last) Part.store(out + i, changetype<F>(0).f(Part.load(x + i, last - i), va), last - i)
}

/** out[i] = f(x[i], y[i], a), of one shape. */
export function mapPairBy<F>(x: usize, y: usize, out: usize, a: f32, begin: i32, end: i32): void {
  const va = f32x4.splat(a)
  const last = (<usize>end) << 2
  let i = (<usize>begin) << 2
  for (; i + 16 <= last; i += 16) v128.store(out + i, changetype<F>(0).f(v128.load(x + i), v128.load(y + i), va))
  if (i < last) Part.store(out + i, changetype<F>(0).f(Part.load(x + i, last - i), Part.load(y + i, last - i), va), last - i)
}

/** out[i] = f(x[i], y[i], a, b), of one shape. */
export function mapPairWith<F>(x: usize, y: usize, out: usize, a: f32, b: f32, begin: i32, end: i32): void {
  const va = f32x4.splat(a)
  const vb = f32x4.splat(b)
  const last = (<usize>end) << 2
  let i = (<usize>begin) << 2
  for (; i + 16 <= last; i += 16) v128.store(out + i, changetype<F>(0).f(v128.load(x + i), v128.load(y + i), va, vb))
  if (i < last) Part.store(out + i, changetype<F>(0).f(Part.load(x + i, last - i), Part.load(y + i, last - i), va, vb), last - i)
}

/** out[i] = f(x[i], a, b), with the two numbers the same for all. */
export function map1With<F>(x: usize, out: usize, a: f32, b: f32, begin: i32, end: i32): void {
  const va = f32x4.splat(a)
  const vb = f32x4.splat(b)
  let p = x + ((<usize>begin) << 2)
  let q = out + ((<usize>begin) << 2)
  const last = out + ((<usize>end) << 2)
  while (q + 16 <= last) {
    v128.store(q, changetype<F>(0).f(v128.load(p), va, vb))
    p += 16
    q += 16
  }
  if (q < last) Part.store(q, changetype<F>(0).f(Part.load(p, last - q), va, vb), last - q)
}

/** out[i] = f(x[i], y[i], z[i]), all of the result's shape. */
export function map3<F>(x: usize, y: usize, z: usize, out: usize, begin: i32, end: i32): void {
  const last = (<usize>end) << 2
  let i = (<usize>begin) << 2
  for (; i + 16 <= last; i += 16) {
    v128.store(out + i, changetype<F>(0).f(v128.load(x + i), v128.load(y + i), v128.load(z + i)))
  }
  if (i < last) {
    Part.store(out + i, changetype<F>(0).f(Part.load(x + i, last - i), Part.load(y + i, last - i), Part.load(z + i, last - i)), last - i)
  }
}

/** How the result of a comparison is stored: masks of four lanes become four bytes of 0 or 1. */
export class Mask {
  @inline static bytes(mask: v128): v128 {
    return v128.and(v128.shuffle<u8>(mask, mask, 0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), i32x4.splat(0x01010101))
  }
}

/** out[i] = f(x[i]) as bool */
export function test1<F>(x: usize, out: usize, begin: i32, end: i32): void {
  let p = x + ((<usize>begin) << 2)
  let q = out + <usize>begin
  const last = out + <usize>end
  while (q + 4 <= last) {
    v128.store32_lane(q, Mask.bytes(changetype<F>(0).f(v128.load(p))), 0)
    p += 16
    q += 4
  }
  while (q < last) {
    v128.store8_lane(q, Mask.bytes(changetype<F>(0).f(v128.load32_zero(p))), 0)
    p += 4
    q += 1
  }
}

/**
 * A broadcast, as JavaScript describes it in memory: `rank` (1 to 8), then `rank` sizes of the result, then the steps in elements of x,
 * then those of y; the innermost axis last, its steps 0 or 1; then the number that an operand stands for whose address is null. A null layout means
 * that both have the result's shape.
 */
export class Layout {
  @inline static inner(layout: usize): i32 {
    return load<i32>(layout + ((<usize>load<i32>(layout)) << 2))
  }
  @inline static innerStep(layout: usize, operand: i32): i32 {
    const rank = load<i32>(layout)
    return load<i32>(layout + ((<usize>((operand + 2) * rank)) << 2))
  }
  /** Where row `row` of an operand begins. */
  static row(layout: usize, operand: i32, x: usize, row: i32): usize {
    const rank = load<i32>(layout)
    if (!x) return layout + ((<usize>(1 + 3 * rank)) << 2)
    let offset = 0
    for (let axis = rank - 2; axis >= 0; axis--) {
      const size = load<i32>(layout + ((<usize>(1 + axis)) << 2))
      const quotient = <i32>(<u32>row / <u32>size)
      offset += (row - quotient * size) * load<i32>(layout + ((<usize>(1 + (operand + 1) * rank + axis)) << 2))
      row = quotient
    }
    return x + ((<usize>offset) << 2)
  }
}

/** What a row of a broadcast is computed by: vector by vector, two at a time, or as bytes of 0 and 1. */
class Vectors {}
class Pairs {}
class Bytes {}

/** out[i] = f(x[i], y[i]), either operand broadcast. */
export function map2<F>(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  broadcast<F, Vectors>(x, y, out, layout, begin, end)
}

/** The same, for lane functions of few instructions. */
export function pairs2<F>(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  broadcast<F, Pairs>(x, y, out, layout, begin, end)
}

/** out[i] = f(x[i], y[i]) as bool, either operand broadcast. */
export function test2<F>(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  broadcast<F, Bytes>(x, y, out, layout, begin, end)
}

function broadcast<F, Row>(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  const shift: usize = idof<Row>() === idof<Bytes>() ? 0 : 2
  if (!layout) {
    const from = (<usize>begin) << 2
    row<F, Row>(x + from, 1, y + from, 1, out + ((<usize>begin) << shift), end - begin)
    return
  }
  const inner = Layout.inner(layout)
  const xStep = Layout.innerStep(layout, 0)
  const yStep = Layout.innerStep(layout, 1)
  for (let at = begin; at < end; ) {
    const index = at / inner
    const column = at - index * inner
    const count = min(inner - column, end - at)
    const p = Layout.row(layout, 0, x, index) + ((<usize>(column * xStep)) << 2)
    const r = Layout.row(layout, 1, y, index) + ((<usize>(column * yStep)) << 2)
    row<F, Row>(p, xStep, r, yStep, out + ((<usize>at) << shift), count)
    at += count
  }
}

function row<F, Row>(p: usize, xStep: i32, r: usize, yStep: i32, q: usize, count: i32): void {
  if (idof<Row>() === idof<Pairs>()) rowPairs<F>(p, xStep, r, yStep, q, count)
  else if (idof<Row>() === idof<Bytes>()) testRow2<F>(p, xStep, r, yStep, q, count)
  else row2<F>(p, xStep, r, yStep, q, count)
}

/** What is read of an operand for a vector of the result: itself, or one element for all lanes. */
class Operand {
  @inline static load(p: usize, step: i32, bytes: usize): v128 {
    if (step === 0) return v128.load32_splat(p)
    return bytes >= 16 ? v128.load(p) : Part.load(p, bytes)
  }
}

function row2<F>(p: usize, xStep: i32, r: usize, yStep: i32, q: usize, count: i32): void {
  const last = q + ((<usize>count) << 2)
  const pStep = (<usize>xStep) << 4
  const rStep = (<usize>yStep) << 4
  for (; q < last; q += 16) {
    const bytes = last - q
    const y = changetype<F>(0).f(Operand.load(p, xStep, bytes), Operand.load(r, yStep, bytes))
    if (bytes >= 16) v128.store(q, y)
    else Part.store(q, y, bytes)
    p += pStep
    r += rStep
  }
}

function rowPairs<F>(p: usize, xStep: i32, r: usize, yStep: i32, q: usize, count: i32): void {
  const last = q + ((<usize>count) << 2)
  if (xStep & yStep) {
    for (; q + 32 <= last; q += 32) {
      const x0 = v128.load(p)
      const x1 = v128.load(p, 16)
      const y0 = v128.load(r)
      const y1 = v128.load(r, 16)
      v128.store(q, changetype<F>(0).f(x0, y0))
      v128.store(q, changetype<F>(0).f(x1, y1), 16)
      p += 32
      r += 32
    }
  } else if (xStep) {
    const y = v128.load32_splat(r)
    for (; q + 32 <= last; q += 32) {
      const x0 = v128.load(p)
      const x1 = v128.load(p, 16)
      v128.store(q, changetype<F>(0).f(x0, y))
      v128.store(q, changetype<F>(0).f(x1, y), 16)
      p += 32
    }
  } else if (yStep) {
    const x = v128.load32_splat(p)
    for (; q + 32 <= last; q += 32) {
      const y0 = v128.load(r)
      const y1 = v128.load(r, 16)
      v128.store(q, changetype<F>(0).f(x, y0))
      v128.store(q, changetype<F>(0).f(x, y1), 16)
      r += 32
    }
  }
  const pStep = (<usize>xStep) << 2
  const rStep = (<usize>yStep) << 2
  if (q + 16 <= last) {
    const x = xStep ? v128.load(p) : v128.load32_splat(p)
    const y = yStep ? v128.load(r) : v128.load32_splat(r)
    v128.store(q, changetype<F>(0).f(x, y))
    p += pStep << 2
    r += rStep << 2
    q += 16
  }
  for (; q < last; q += 4) {
    v128.store32_lane(q, changetype<F>(0).f(v128.load32_zero(p), v128.load32_zero(r)), 0)
    p += pStep
    r += rStep
  }
}

function testRow2<F>(p: usize, xStep: i32, r: usize, yStep: i32, q: usize, count: i32): void {
  const last = q + <usize>count
  if (xStep & yStep) {
    while (q + 4 <= last) {
      v128.store32_lane(q, Mask.bytes(changetype<F>(0).f(v128.load(p), v128.load(r))), 0)
      p += 16
      r += 16
      q += 4
    }
  }
  const pStep = (<usize>xStep) << 2
  const rStep = (<usize>yStep) << 2
  while (q < last) {
    v128.store8_lane(q, Mask.bytes(changetype<F>(0).f(v128.load32_zero(p), v128.load32_zero(r))), 0)
    p += pStep
    r += rStep
    q += 1
  }
}
