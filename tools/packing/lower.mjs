// Makes the baseline variant of the relaxed one, so that the bundle carries one: where that multiplies and adds in one rounding, this does it in two. The
// build does it, and the bundle where relaxed instructions are not known or not wanted.

const V128 = 0x7b
const SET = 0x21
const GET = 0x20
/** What assembly/variant.ts has in the relaxed variant, as it is encoded, and 0 in as many bytes. */
const FUSED = [0xed, 0xa3, 0xf8, 0xd2, 0x03]
const UNFUSED = [0x80, 0x80, 0x80, 0x80, 0]

/**
 * What is done instead, by what follows the prefix of an instruction: relaxed_swizzle, and of f32x4 and f64x2 relaxed_madd and relaxed_nmadd. Of a, b and c on
 * the stack the last is kept in the variable t, and the product in u where it is subtracted.
 */
const PLAIN = {
  128: () => [0xfd, 0x0e],
  133: (t, _) => [SET, ...t, 0xfd, 0xe6, 1, GET, ...t, 0xfd, 0xe4, 1],
  134: (t, u) => [SET, ...t, 0xfd, 0xe6, 1, SET, ...u, GET, ...t, GET, ...u, 0xfd, 0xe5, 1],
  135: (t, _) => [SET, ...t, 0xfd, 0xf2, 1, GET, ...t, 0xfd, 0xf0, 1],
  136: (t, u) => [SET, ...t, 0xfd, 0xf2, 1, SET, ...u, GET, ...t, GET, ...u, 0xfd, 0xf1, 1],
}

/** The baseline of a module. No other bytes in it may look like relaxed instructions: tools/kernels.mjs makes sure of that. */
export function lowered(bytes) {
  const out = new Uint8Array(2 * bytes.length)
  let at = 8
  let end = 0
  const put = part => {
    out.set(part, end)
    end += part.length
  }
  const number = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]
      value |= (byte & 127) << shift
      if (byte < 128) return value
    }
  }
  const many = each => Array.from({ length: number() }, each)
  const skip = () => {
    const count = number()
    at += count
    return count
  }
  /** What `write` puts, behind its size in five bytes. */
  const sized = write => {
    const start = (end += 5)
    write()
    out.set(padded(end - start), start - 5)
  }
  const relaxed = (from, to) => {
    let i = bytes.indexOf(0xfd, from)
    while (i >= 0 && i < to && !isRelaxed(bytes, i)) i = bytes.indexOf(0xfd, i + 1)
    return i < to ? i : -1
  }
  const body = parameters => {
    const start = at
    const next = number() + at
    if (relaxed(at, next) < 0) put(bytes.subarray(start, next))
    else {
      const groups = at
      const locals = many(() => [number(), at++][0]).reduce((sum, count) => sum + count, parameters)
      sized(() => {
        put(leb(bytes[groups] + 1))
        put(bytes.subarray(groups + 1, at))
        put([2, V128])
        for (let i = relaxed(at, next); i >= 0; i = relaxed(at, next)) {
          put(bytes.subarray(at, i))
          put(PLAIN[bytes[i + 1]](leb(locals), leb(locals + 1)))
          at = i + 3
        }
        put(bytes.subarray(at, next))
      })
    }
    at = next
  }

  let parameters = []
  let types = []
  let mark = 0
  for (;;) {
    const section = at
    const id = bytes[at++]
    const next = number() + at
    if (id === 10) {
      put(bytes.subarray(0, section + 1))
      if (mark > 0) out.set(UNFUSED, mark)
      break
    }
    if (id === 1) {
      parameters = many(() => {
        at++
        const count = skip()
        skip()
        return count
      })
    }
    if (id === 3) types = many(number)
    if (id === 6) for (mark = at; mark < next && FUSED.some((byte, i) => bytes[mark + i] !== byte); ) mark++
    at = next
  }
  sized(() => {
    put(leb(number()))
    for (const type of types) body(parameters[type])
  })
  put(bytes.subarray(at))
  return out.subarray(0, end)
}

/** How many instructions it changes. */
export function lowerings(bytes) {
  return bytes.filter((byte, i) => byte === 0xfd && isRelaxed(bytes, i)).length
}

const isRelaxed = (bytes, i) => bytes[i + 2] === 2 && bytes[i + 1] in PLAIN

function leb(value) {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]
}

function padded(value) {
  return [0, 7, 14, 21, 28].map(shift => ((value >>> shift) & 127) | (shift < 28 ? 128 : 0))
}
