// Writes bytes the way unpack.ts reads them. Which copies are taken is a shortest path (Storer & Szymanski 1982), by prices that the round before found.

/** Where the contexts of each kind of number begin, and how often bits of bytes and of the rest are counted at most. */
export const CONTEXTS = { kind: 0, repeated: 64, again: 1024, length: 2048, distance: 3072, byte: 8192, all: 303104, few: 16, most: 60 }

const ROUNDS = 3
/** Beginnings by which earlier places are found, in bytes, and how many of those are looked at. */
const BEGINNINGS = [3, 5, 12]
const LOOKS = 60
/** Of a longer copy the whole is taken, or nearly. */
const LONG = 300

/** The bytes in fewer. */
export function packed(bytes) {
  const copies = copiesIn(bytes)
  let prices = firstPrices(bytes)
  let best
  for (let round = 0; round < ROUNDS; round++) {
    const writer = written(bytes, path(bytes, copies, prices))
    const found = writer.end()
    if (!best || found.length < best.length) best = found
    prices = { writer, ofByte: prices.ofByte.map((price, i) => (writer.spent[i] > 0 ? (price + writer.spent[i]) / 2 : price)) }
  }
  return best
}

/** For each place the copies that it may begin: [length, distance], of each length the nearest. */
function copiesIn(bytes) {
  const chains = BEGINNINGS.map(length => ({ length, last: new Map(), before: new Int32Array(bytes.length) }))
  const pairs = new Map()
  return Array.from(bytes, (_, at) => {
    const offers = []
    const offer = from => {
      let length = 0
      while (at + length < bytes.length && bytes[from + length] === bytes[at + length]) length++
      if (length > 1) offers.push([length, at - from])
      return length
    }
    const pair = bytes[at] * 256 + bytes[at + 1]
    if (pairs.has(pair)) offer(pairs.get(pair))
    pairs.set(pair, at)
    for (const { length, last, before } of chains) {
      let key = 0
      for (let i = 0; i < length; i++) key = Math.imul(key ^ bytes[at + i], 0x01000193) ^ (key >>> 15)
      let from = last.get(key) ?? -1
      before[at] = from
      last.set(key, at)
      for (let looks = 0; from >= 0 && looks < LOOKS && offer(from) < LONG; looks++) from = before[from]
    }
    offers.sort(([a, from], [b, to]) => from - to || b - a)
    let longest = 1
    return offers.filter(([length]) => length > longest && (longest = length) > 0)
  })
}

/** A writer of nothing yet, and of each byte about what it costs behind the one before. */
function firstPrices(bytes) {
  const pairs = new Float64Array(65536)
  const singles = new Float64Array(256)
  for (let i = 1; i < bytes.length; i++) {
    pairs[bytes[i - 1] * 256 + bytes[i]]++
    singles[bytes[i - 1]]++
  }
  const price = i => 1.5 - 0.8 * Math.log2((pairs[bytes[i - 1] * 256 + bytes[i]] + 0.2) / (singles[bytes[i - 1]] + 10))
  return { writer: new Writer(bytes), ofByte: Float64Array.from(bytes, (_, i) => (i > 0 ? price(i) : 8)) }
}

/** The cheapest way to the end: [length, distance] of a copy, undefined for a byte. */
function path(bytes, copies, { writer, ofByte }) {
  const steps = new Array(bytes.length + 1)
  const { roles } = writer
  steps[0] = { cost: 0, past: 0, distance: 1 }
  const lengths = Array.from({ length: LONG + 1 }, (_, i) => (i > 1 ? writer.priceOfNumber(CONTEXTS.length, i - 1) : 0))
  const agains = Array.from({ length: LONG + 1 }, (_, i) => (i > 0 ? writer.priceOfNumber(CONTEXTS.again, i) : 0))
  const distances = [0, 1, 2, 3].map(() => new Map())
  const ofDistance = (distance, kind) => {
    const known = distances[kind].get(distance)
    if (known !== undefined) return known
    const price = writer.priceOfNumber(CONTEXTS.distance + 1024 * kind, distance)
    distances[kind].set(distance, price)
    return price
  }
  for (let at = 0; at < bytes.length; at++) {
    const { cost, past, distance: last } = steps[at]
    const kind = CONTEXTS.kind + past + 8 * roles[at]
    const take = (length, distance, total) => {
      if (steps[at + length]?.cost <= total) return
      const isCopy = length > 1 || distance !== undefined
      steps[at + length] = { cost: total, past: ((past * 2) & 7) + +isCopy, distance: distance ?? last, from: at, isCopy }
    }
    take(1, undefined, cost + writer.price(kind, 0) + ofByte[at])
    const base = cost + writer.price(kind, 1)
    const isTold = past % 2 === 0
    if (isTold && last <= at) {
      let length = 0
      while (at + length < bytes.length && bytes[at + length] === bytes[at + length - last]) length++
      const again = base + writer.price(CONTEXTS.repeated + past, 1)
      for (let i = length; i > 0 && (length < LONG || i > length - 8); i--) {
        take(i, last, again + (agains[i] ?? writer.priceOfNumber(CONTEXTS.again, i)))
      }
    }
    const fresh = base + (isTold ? writer.price(CONTEXTS.repeated + past, 0) : 0)
    let least = 2
    for (const [length, distance] of copies[at]) {
      for (let i = length > LONG ? length - 1 : least; i <= length; i++) {
        const ofLength = lengths[i] ?? writer.priceOfNumber(CONTEXTS.length, i - 1)
        take(i, distance, fresh + ofLength + ofDistance(distance, Math.min(i - 2, 3)))
      }
      least = length + 1
    }
  }
  const taken = []
  for (let at = bytes.length; at > 0; at = steps[at].from) {
    const { from, isCopy, distance } = steps[at]
    taken.push(isCopy ? [at - from, distance] : undefined)
  }
  return taken.reverse()
}

function written(bytes, taken) {
  const writer = new Writer(bytes)
  for (const each of taken) {
    if (each) writer.copy(...each)
    else writer.byte()
  }
  return writer
}

/** The arithmetic code, and what has been written of `bytes`. */
class Writer {
  /** Of each context the chance of a 1 in 22 bits and how often it was met in 10. */
  contexts = new Uint32Array(CONTEXTS.all).fill(2 ** 31)
  out = []
  low = 0
  range = 2 ** 32 - 1
  length = 0
  distance = 1
  past = 0
  bits = 0

  constructor(bytes) {
    this.bytes = bytes
    this.roles = rolesOf(bytes)
    /** Bits that each single byte took. */
    this.spent = new Float64Array(bytes.length)
  }

  price(context, value) {
    const chance = this.contexts[context] / 2 ** 32
    return -Math.log2(Math.max(1e-5, value ? chance : 1 - chance))
  }

  priceOfNumber(base, value) {
    let price = 0
    eachBit(base, value, (context, bit) => {
      price += this.price(context, bit)
    })
    return price
  }

  bit(context, value) {
    this.bits += this.price(context, value)
    while (this.range < 16777216) {
      this.range *= 256
      this.out.push(Math.floor(this.low / 16777216))
      this.low = (this.low % 16777216) * 256
    }
    const word = this.contexts[context]
    const count = word & 1023
    const bound = 128 + Math.floor(((this.range - 256) * (word >>> 16)) / 65536)
    if (value === 0) this.low += bound
    this.range = value ? bound : this.range - bound
    if (this.low >= 2 ** 32) {
      this.low -= 2 ** 32
      let at = this.out.length - 1
      while (this.out[at] === 255) this.out[at--] = 0
      this.out[at]++
    }
    const chance = (word & ~1023) + Math.imul(((value << 22) - (word >>> 10)) >> 3, 16384 / (2 * count + 3))
    this.contexts[context] = (chance & ~1023) | Math.min(count + 1, context < CONTEXTS.byte ? CONTEXTS.most : CONTEXTS.few)
  }

  number(base, value) {
    eachBit(base, value, (context, bit) => this.bit(context, bit))
  }

  copy(count, distance) {
    const { past } = this
    const role = this.roles[this.length]
    this.bit(CONTEXTS.kind + past + 8 * role, 1)
    const isAgain = past % 2 === 0 && distance === this.distance
    if (past % 2 === 0) this.bit(CONTEXTS.repeated + past, +isAgain)
    if (isAgain) this.number(CONTEXTS.again, count)
    else {
      this.number(CONTEXTS.length, count - 1)
      this.number(CONTEXTS.distance + 1024 * Math.min(count - 2, 3), distance)
    }
    this.distance = distance
    this.length += count
    this.past = ((past * 2) & 7) + 1
  }

  byte() {
    const { bytes, length, past } = this
    const role = this.roles[length]
    this.bit(CONTEXTS.kind + past + 8 * role, 0)
    const before = this.bits
    const told = past % 2 ? bytes[length - this.distance] : -1
    const base = CONTEXTS.byte + 768 * ((bytes[length - 1] >> 4) + kindOf(bytes[length - 2]) + 64 * role)
    let value = 1
    for (let i = 7; i >= 0; i--) {
      const expected = told >= 0 && (told + 256) >> (i + 1) === value ? 1 + ((told >> i) & 1) : 0
      const bit = (bytes[length] >> i) & 1
      this.bit(base + 256 * expected + value, bit)
      value = value * 2 + bit
    }
    this.spent[length] = this.bits - before
    this.length++
    this.past = (past * 2) & 7
  }

  /** All that was written. */
  end() {
    const rest = [24, 16, 8, 0].map(shift => Math.floor(this.low / 2 ** shift) % 256)
    return Uint8Array.from([...this.out, ...rest])
  }
}

/** What a byte says of the next but one, if it begins an instruction: v128, local.get or i32.const. */
const kindOf = byte => (byte === 0xfd ? 16 : byte === 0x20 ? 32 : byte === 0x41 ? 48 : 0)

/** What each byte is if all before it are code, as `put` of unpack.ts has it. */
function rolesOf(bytes) {
  let role = 0
  let left = 0
  const raw = count => {
    left = count
    return 3
  }
  return Uint8Array.from(bytes, byte => {
    const known = role
    if (role === 0) role = byte === 0xfd ? 4 : byte === 0x43 ? raw(4) : byte >= 0x28 && byte <= 0x3e ? 1 : hasOne(byte) ? 2 : 0
    else if (role === 4)
      role = byte > 127 ? 5 : byte < 12 || (byte > 83 && byte < 94) ? 1 : byte < 14 ? raw(16) : byte > 20 && byte < 35 ? raw(1) : 0
    else if (role === 3) role = --left > 0 ? 3 : 0
    else if (role === 5) role = 0
    else if (byte < 128) role = role === 1 ? 2 : 0
    return known
  })
}

/** Instructions with one number behind: calls and branches, of variables, and constants. */
const hasOne = byte =>
  (byte >= 0x20 && byte <= 0x24) || byte === 0x41 || byte === 0x0c || byte === 0x0d || byte === 0x10 || (byte > 1 && byte < 5)

/** The bits of a whole number from 1, with their contexts: how many digits, then all but the first. */
function eachBit(base, value, each) {
  const digits = 32 - Math.clz32(value)
  for (let i = 1; i <= digits; i++) each(base + i, i < digits ? 1 : 0)
  for (let i = digits - 2; i >= 0; i--) {
    const head = value >>> (i + 1)
    each(base + 32 + 32 * digits + (head < 8 ? head : 8 + i), (value >> i) & 1)
  }
}
