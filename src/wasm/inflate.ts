// The inflater of RFC 1951, for what the bundle carries: the build packs the kernels with it, tools/pack-plugin.mjs.

/** The lengths of codes of literals and lengths, then of distances, where a block brings none (RFC 1951, 3.2.6). */
const FIXED = Uint8Array.from({ length: 318 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : i < 288 ? 8 : 5))
/** The order in which the lengths of the codes of code lengths come (3.2.7). */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/** How many codes there are of each length, and what they stand for, in the order of the codes. */
interface Codes {
  readonly counts: Uint16Array
  readonly symbols: Uint16Array
}

/** The `size` bytes that were deflated to `source`. It is trusted: damaged data give wrong bytes, or a RangeError. */
export function inflate(source: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size)
  let length = 0
  let at = 0
  let buffer = 0
  let held = 0

  function bits(count: number): number {
    while (held < count) {
      buffer |= source[at++] << held
      held += 8
    }
    const value = buffer & ((1 << count) - 1)
    buffer >>>= count
    held -= count
    return value
  }

  function symbol({ counts, symbols }: Codes): number {
    let code = 0
    let first = 0
    let index = 0
    for (let bit = 1; bit < 16; bit++) {
      code |= bits(1)
      const count = counts[bit]
      if (code < first + count) return symbols[index + code - first]
      index += count
      first = (first + count) << 1
      code <<= 1
    }
    throw new RangeError('inflate: no such code')
  }

  /** The lengths of all codes of a block, themselves coded. */
  function lengths(count: number, codes: Codes): Uint8Array {
    const all = new Uint8Array(count)
    for (let i = 0; i < count; ) {
      const next = symbol(codes)
      if (next < 16) all[i++] = next
      else {
        const value = next === 16 ? all[i - 1] : 0
        const times = next === 16 ? 3 + bits(2) : next === 17 ? 3 + bits(3) : 11 + bits(7)
        all.fill(value, i, (i += times))
      }
    }
    return all
  }

  function block(literals: Codes, distances: Codes): void {
    for (let next = symbol(literals); next !== 256; next = symbol(literals)) {
      if (next < 256) out[length++] = next
      else {
        const run = next === 285 ? 258 : spread(next - 257, 2, 3, bits)
        const distance = spread(symbol(distances), 1, 1, bits)
        for (const end = length + run; length < end; length++) out[length] = out[length - distance]
      }
    }
  }

  for (let isLast = 0; !isLast; ) {
    isLast = bits(1)
    const kind = bits(2)
    if (kind === 0) {
      buffer = held = 0
      const count = source[at] | (source[at + 1] << 8)
      out.set(source.subarray(at + 4, at + 4 + count), length)
      at += 4 + count
      length += count
    } else if (kind === 1) block(codesOf(FIXED.subarray(0, 288)), codesOf(FIXED.subarray(288)))
    else {
      const [literals, distances, orders] = [257 + bits(5), 1 + bits(5), 4 + bits(4)]
      const order = new Uint8Array(19)
      for (let i = 0; i < orders; i++) order[ORDER[i]] = bits(3)
      const all = lengths(literals + distances, codesOf(order))
      block(codesOf(all.subarray(0, literals)), codesOf(all.subarray(literals)))
    }
  }
  return out
}

/** Canonical codes from their lengths (3.2.2). */
function codesOf(lengths: Uint8Array): Codes {
  const counts = new Uint16Array(16)
  for (const length of lengths) counts[length]++
  counts[0] = 0
  const next = new Uint16Array(16)
  for (let i = 1; i < 16; i++) next[i] = next[i - 1] + counts[i - 1]
  const symbols = new Uint16Array(lengths.length)
  lengths.forEach((length, i) => {
    if (length > 0) symbols[next[length]++] = i
  })
  return { counts, symbols }
}

/** A length or a distance (3.2.5): the ranges double after every 2^`step` symbols, the first two such groups are single values. */
function spread(symbol: number, step: number, least: number, bits: (count: number) => number): number {
  const extra = Math.max(0, (symbol >> step) - 1)
  const start = extra === 0 ? symbol : ((1 << step) | (symbol & ((1 << step) - 1))) << extra
  return least + start + bits(extra)
}
