// The other half of pack.mjs, in AssemblyScript: pack-plugin.mjs compiles it and puts it in front of what it packed. In JavaScript the same takes five
// times as long, since all is unpacked before an engine has compiled it well.
//
// The memory holds the contexts, the steps of chances, the text and the bytes. KIND, REPEATED and so on are CONTEXTS of pack.mjs.

const STEPS: usize = 4 * ALL
const TEXT: usize = STEPS + 4 * (MOST + 1)
/** A chance of a half, met never. */
const HALF: u32 = 1 << 31

/** Where the text goes on, and its bits that are read and not used. */
let at: usize = TEXT
let held: u32 = 0
let holds: u32 = 0
let code: u32 = 0
let range: u32 = 0xffffffff

/**
 * What the next byte is if all before it are code: 0 an instruction, 1 the first of two numbers, 2 the last, 3 one of `left` raw bytes, 4 what follows
 * the prefix of vectors, and 5 the rest of that.
 */
let role: usize = 0
let left: u32 = 0

/** Where the text is to be written. */
export function text(): usize {
  return TEXT
}

/**
 * Where the `size` bytes begin of which `packed` made the text, of which `length` characters were written with noughts behind: single bytes, and copies of
 * what came before. Each is written bit by bit in an arithmetic code whose chances are those that the bits had so far in the same context (Rissanen &
 * Langdon 1979; Pavlov's LZMA).
 */
export function unpack(length: usize, size: usize): usize {
  for (let i: usize = 0; i <= MOST; i++) store<u32>(STEPS + 4 * i, 16384 / <u32>(2 * i + 3))
  for (let i = 0; i < 4; i++) code = (code << 8) | byte()
  const start = TEXT + length + 2
  const end = start + size
  let out = start
  let distance: usize = 1
  // What the last three were: 1 is a copy.
  let past: usize = 0
  while (out < end) {
    if (bit(KIND + past + 8 * role)) {
      let count: usize = 0
      if (!(past & 1) && bit(REPEATED + past)) count = number(AGAIN)
      else {
        count = number(LENGTH) + 1
        distance = number(DISTANCE + 1024 * min<usize>(count - 2, 3))
      }
      for (const last = out + count; out < last; out++) put(out, load<u8>(out - distance))
      past = ((past << 1) & 7) | 1
    } else {
      // Behind a copy, the byte that would have gone on with it is known not to come.
      const told: usize = past & 1 ? 256 | load<u8>(out - distance) : 0
      const before: u32 = load<u8>(out - 2)
      const kind: usize = before === 0xfd ? 16 : before === 0x20 ? 32 : before === 0x41 ? 48 : 0
      const base = BYTE + 768 * ((<usize>load<u8>(out - 1) >> 4) + kind + 64 * role)
      let value: usize = 1
      for (let i: usize = 8; i-- > 0; ) {
        const expected: usize = told >> (i + 1) === value ? 1 + ((told >> i) & 1) : 0
        value = (value << 1) | bit(base + 256 * expected + value)
      }
      put(out++, <u32>value & 255)
      past = (past << 1) & 7
    }
  }
  return start
}

/** Writes a byte, and follows what it says of the next. */
function put(out: usize, byte: u32): void {
  store<u8>(out, byte)
  if (role === 0) role = byte === 0xfd ? 4 : byte === 0x43 ? raw(4) : byte >= 0x28 && byte <= 0x3e ? 1 : hasOne(byte) ? 2 : 0
  else if (role === 4)
    role = byte > 127 ? 5 : byte < 12 || (byte > 83 && byte < 94) ? 1 : byte < 14 ? raw(16) : byte > 20 && byte < 35 ? raw(1) : 0
  else if (role === 3) role = --left > 0 ? 3 : 0
  else if (role === 5) role = 0
  else if (byte < 128) role = role === 1 ? 2 : 0
}

/** Instructions with one number behind: calls and branches, of variables, and constants. */
function hasOne(byte: u32): bool {
  return (byte >= 0x20 && byte <= 0x24) || byte === 0x41 || byte === 0x0c || byte === 0x0d || byte === 0x10 || (byte > 1 && byte < 5)
}

function raw(count: u32): usize {
  left = count
  return 3
}

/** A context's word is its chance of a 1 in 22 bits and how often it was met in 10. */
function bit(context: usize): usize {
  while (range < 1 << 24) {
    range <<= 8
    code = (code << 8) | byte()
  }
  const word = load<u32>(4 * context) ^ HALF
  const count: usize = word & 1023
  const bound: u32 = 128 + <u32>((<u64>(range - 256) * (word >> 16)) >> 16)
  const value: u32 = code < bound ? 1 : 0
  if (value) range = bound
  else {
    code -= bound
    range -= bound
  }
  const chance = (word & ~1023) + (<i32>((value << 22) - (word >> 10)) >> 3) * load<u32>(STEPS + 4 * count)
  store<u32>(4 * context, ((chance & ~1023) | <u32>min(count + 1, context < BYTE ? MOST : FEW)) ^ HALF)
  return value
}

/** The next byte of the text, which is base64. */
function byte(): u32 {
  while (holds < 8) {
    const char: u32 = load<u8>(at++)
    held = (held << 6) | (char > 96 ? char - 71 : char > 64 ? char - 65 : char > 47 ? char + 4 : char === 43 ? 62 : 63)
    holds += 6
  }
  holds -= 8
  return (held >> holds) & 255
}

/** A whole number from 1: how many digits, then all but the first. */
function number(base: usize): usize {
  let digits: usize = 1
  while (bit(base + digits)) digits++
  let value: usize = 1
  for (let i = digits - 1; i-- > 0; ) value = (value << 1) | bit(base + 32 + 32 * digits + (value < 8 ? value : 8 + i))
  return value
}
