// The inflater of RFC 1951, for what the bundle carries: the build packs the kernels with it, tools/pack-plugin.mjs.

/** The lengths of codes of literals and lengths, then of distances, where a block brings none (RFC 1951, 3.2.6). */
const FIXED = Uint8Array.from({ length: 318 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : i < 288 ? 8 : 5))
/** The order in which the lengths of the codes of code lengths come (3.2.7). */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/** What the next bits begin with, for each value of the next `width` of them: a symbol, times 16, plus the length of its code. */
interface Codes {
  readonly width: number
  readonly table: Uint16Array
}

/** The `size` bytes that were deflated to `source`. It is trusted: of damaged data come wrong bytes, never an endless loop. */
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

  function symbol({ width, table }: Codes): number {
    while (held < width) {
      buffer |= source[at++] << held
      held += 8
    }
    const entry = table[buffer & ((1 << width) - 1)]
    buffer >>>= entry & 15
    held -= entry & 15
    return entry >> 4
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
    for (let next = symbol(literals); next !== 256 && length < size; next = symbol(literals)) {
      if (next < 256) out[length++] = next
      else {
        const run = next === 285 ? 258 : spread(next - 257, 2, 3, bits)
        const distance = spread(symbol(distances), 1, 1, bits)
        if (distance >= run) out.copyWithin(length, length - distance, length - distance + run)
        else for (let i = 0; i < run; i++) out[length + i] = out[length + i - distance]
        length += run
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
  const width = lengths.reduce((most, length) => Math.max(most, length), 1)
  const table = new Uint16Array(1 << width)
  let code = 0
  for (let length = 1; length <= width; length++) {
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] !== length) continue
      for (let i = reversed(code, length); i < table.length; i += 1 << length) table[i] = (symbol << 4) | length
      code++
    }
    code <<= 1
  }
  return { width, table }
}

/** The lowest bits in the opposite order: a code's first bit comes first. */
function reversed(code: number, length: number): number {
  let result = 0
  for (let i = 0; i < length; i++) result |= ((code >> i) & 1) << (length - 1 - i)
  return result
}

/** A length or a distance (3.2.5): the ranges double after every 2^`step` symbols, the first two such groups are single values. */
function spread(symbol: number, step: number, least: number, bits: (count: number) => number): number {
  const extra = Math.max(0, (symbol >> step) - 1)
  const start = extra === 0 ? symbol : ((1 << step) | (symbol & ((1 << step) - 1))) << extra
  return least + start + bits(extra)
}
