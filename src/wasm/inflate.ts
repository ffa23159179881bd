// The inflater of RFC 1951, for what the bundle carries: the build packs the kernels, tools/pack-plugin.mjs.

/** The lengths of the codes of a block that brings none: of literals and lengths, and of distances (RFC 1951, 3.2.6). */
const literalLengths = /* @__PURE__ */ Uint8Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8))
const distanceLengths = /* @__PURE__ */ new Uint8Array(32).fill(5)
/** The order in which the lengths of the codes of code lengths come (3.2.7). */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/** The `size` bytes that were deflated to `source`. It is trusted: nothing is checked. */
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

  function symbol(codes: Uint16Array): number {
    while (held < 15) {
      buffer |= source[at++] << held
      held += 8
    }
    const entry = codes[buffer & (codes.length - 1)]
    buffer >>>= entry & 15
    held -= entry & 15
    return entry >> 4
  }

  /** A length or a distance (3.2.5): the ranges double after every 2^`step` symbols; those of the first two such groups are one value. */
  function spread(symbol: number, step: number): number {
    const extra = (symbol >> step) - 1
    return extra < 1 ? symbol : (((1 << step) | (symbol & ((1 << step) - 1))) << extra) + bits(extra)
  }

  function block(literals: Uint16Array, distances: Uint16Array): void {
    for (let next = symbol(literals); next !== 256; next = symbol(literals)) {
      if (next < 256) out[length++] = next
      else {
        const run = next === 285 ? 258 : 3 + spread(next - 257, 2)
        const from = length - 1 - spread(symbol(distances), 1)
        if (run > 12 && from + run <= length) out.copyWithin(length, from, from + run)
        else for (let i = 0; i < run; i++) out[length + i] = out[from + i]
        length += run
      }
    }
  }

  function stored(): void {
    at -= held >> 3
    buffer = held = 0
    const count = source[at] | (source[at + 1] << 8)
    out.set(source.subarray(at + 4, at + 4 + count), length)
    at += 4 + count
    length += count
  }

  /** The lengths of all codes of a block, which are coded themselves (3.2.7). */
  function lengths(count: number, codes: Uint16Array): Uint8Array {
    const all = new Uint8Array(count)
    for (let i = 0; i < count; ) {
      const next = symbol(codes)
      if (next < 16) all[i++] = next
      else {
        const value = next === 16 ? all[i - 1] : 0
        all.fill(value, i, (i += next === 16 ? 3 + bits(2) : next === 17 ? 3 + bits(3) : 11 + bits(7)))
      }
    }
    return all
  }

  for (let isLast = 0; !isLast; ) {
    isLast = bits(1)
    const kind = bits(2)
    if (kind === 0) stored()
    else if (kind === 1) block(codesOf(literalLengths), codesOf(distanceLengths))
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

/** Canonical codes from their lengths (3.2.2): for each value of the next bits the symbol that they begin with, times 16, plus its length. */
function codesOf(lengths: Uint8Array): Uint16Array {
  const width = lengths.reduce((most, length) => Math.max(most, length), 1)
  const table = new Uint16Array(1 << width)
  let code = 0
  for (let length = 1; length <= width; length++) {
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] !== length) continue
      // A code's first bit comes first, so it is the lowest.
      let first = 0
      for (let bit = 0; bit < length; bit++) first |= ((code >> bit) & 1) << (length - 1 - bit)
      for (let i = first; i < table.length; i += 1 << length) table[i] = (symbol << 4) | length
      code++
    }
    code <<= 1
  }
  return table
}
