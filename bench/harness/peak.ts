/**
 * The register-only kernels that give the machine's peak of the moment (AssemblyScript; compiled when the bench starts).
 *
 * Thirteen accumulators, with two factors, fill V8's fifteen vector registers. The factors are
 * loaded from memory before the loop: written as constants, newer V8s rebuild them at every use.
 */

/** Operations in one turn of the loop: thirteen vectors of four, a multiplication and an addition each. */
export const OPERATIONS: i32 = 13 * 4 * 2

/** Binaryen inlines it. */
function step(acc: v128, x: v128, y: v128): v128 {
  // Without fusion the accumulator is a factor, for x * y would be the same in all of them and computed once.
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(x, y, acc) : f32x4.add(f32x4.mul(acc, x), y)
}

/** Reads two vectors at `factors` and writes one at `factors + 32`, so that nothing is dead code. */
export function peak(factors: usize, turns: i32): void {
  const x = v128.load(factors)
  const y = v128.load(factors, 16)
  let a = x,
    b = y,
    c = x,
    d = y,
    e = x,
    f = y
  let g = x,
    h = y,
    i = x,
    j = y,
    k = x,
    l = y,
    m = x
  for (let turn = 0; turn < turns; turn++) {
    a = step(a, x, y)
    b = step(b, x, y)
    c = step(c, x, y)
    d = step(d, x, y)
    e = step(e, x, y)
    f = step(f, x, y)
    g = step(g, x, y)
    h = step(h, x, y)
    i = step(i, x, y)
    j = step(j, x, y)
    k = step(k, x, y)
    l = step(l, x, y)
    m = step(m, x, y)
  }
  a = f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), f32x4.add(e, f))
  g = f32x4.add(f32x4.add(f32x4.add(g, h), f32x4.add(i, j)), f32x4.add(k, l))
  v128.store(factors, f32x4.add(f32x4.add(a, g), m), 32)
}
