/**
 * A seeded source of uniform numbers (mulberry32): every contender computes on the same data.
 * @param {number} seed
 */
export function uniform(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    /** @param {number} size @param {number} low @param {number} high */
    floats: (size, low, high) => Float32Array.from({ length: size }, () => low + (high - low) * next()),
    /** @param {number} size @param {number} below */
    integers: (size, below) => Int32Array.from({ length: size }, () => Math.floor(below * next())),
  }
}
