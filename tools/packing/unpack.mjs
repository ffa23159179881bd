// The other half of pack.mjs. The bundles carry this file: it is short, and what it does with numbers is the same in every runtime.

/** Where the contexts of each kind of number begin. */
export const CONTEXTS = { kind: 0, repeated: 8, again: 1024, length: 2048, distance: 3072, byte: 8192, all: 32768 }

/**
 * The first `size` bytes of what `pack` made of some: single bytes, and copies of what came before. Each is written bit by bit in an arithmetic code
 * whose chances are those that the bits had so far in the same context (Rissanen & Langdon 1979; Pavlov's LZMA).
 */
export function unpacked(bytes, size) {
  const out = new Uint8Array(size)
  const chances = new Float64Array(CONTEXTS.all).fill(0.5)
  const counts = new Uint8Array(CONTEXTS.all)
  let at = 0
  // The code and its range: in a variable of a closure each new value would be allocated.
  const now = new Float64Array([0, 1])
  const bit = context => {
    while (now[1] < 16777216) {
      now[1] *= 256
      now[0] = now[0] * 256 + bytes[at++]
    }
    const bound = 128 + Math.floor((now[1] - 256) * chances[context])
    const value = now[0] < bound ? 1 : 0
    if (value === 0) now[0] -= bound
    now[1] = value ? bound : now[1] - bound
    chances[context] += (value - chances[context]) / (counts[context] + 1.5)
    if (counts[context] < 120) counts[context]++
    return value
  }
  const number = base => {
    let digits = 1
    while (bit(base + digits)) digits++
    let value = 1
    for (let i = digits - 2; i >= 0; i--) value = value * 2 + bit(base + 32 + 32 * digits + (value < 8 ? value : 8 + i))
    return value
  }
  let length = 0
  let distance = 1
  // What the last three were: 1 is a copy.
  let past = 0
  while (length < size) {
    if (bit(CONTEXTS.kind + past)) {
      let count = 0
      if (past % 2 === 0 && bit(CONTEXTS.repeated + past)) count = number(CONTEXTS.again)
      else {
        count = number(CONTEXTS.length) + 1
        distance = number(CONTEXTS.distance + 1024 * Math.min(count - 2, 3))
      }
      for (const end = length + count; length < end; length++) out[length] = out[length - distance]
      past = ((past * 2) & 7) + 1
    } else {
      // Behind a copy, the byte that would have gone on with it is known not to come.
      const told = past % 2 ? out[length - distance] : -1
      let value = 1
      for (let i = 7; i >= 0; i--) {
        const expected = told >= 0 && (told + 256) >> (i + 1) === value ? 1 + ((told >> i) & 1) : 0
        value = value * 2 + bit(CONTEXTS.byte + 768 * (out[length - 1] >> 4) + 256 * expected + value)
      }
      out[length++] = value
      past = (past * 2) & 7
    }
  }
  return out
}
