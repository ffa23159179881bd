/** SHA-256 of bytes in hexadecimal. Insecure pages have no `crypto.subtle`. */
export async function sha256(bytes) {
  const subtle = globalThis.crypto?.subtle
  return hex(subtle ? new Uint8Array(await subtle.digest('SHA-256', bytes)) : digest(bytes))
}

/** FNV-1a of whole numbers, 32 bits: for traces, which are only compared. */
export function fnv(values, start = 0x811c9dc5) {
  let hash = start
  for (let i = 0; i < values.length; i++) hash = Math.imul(hash ^ values[i], 0x01000193)
  return hash >>> 0
}

export function hex(bytes) {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

const primes = []
for (let n = 2; primes.length < 64; n++) if (primes.every(prime => n % prime !== 0)) primes.push(n)

/** The first 32 bits behind the point of a root of a prime, in whole numbers: a host's roots need not be exact. */
function rootBits(prime, power) {
  const target = BigInt(prime) << BigInt(32 * power)
  let root = 0n
  for (let bit = 35n; bit >= 0n; bit--) if ((root | (1n << bit)) ** BigInt(power) <= target) root |= 1n << bit
  return Number(root & 0xffffffffn)
}

/** FIPS 180-4, section 6.2. */
export function digest(bytes) {
  const K = primes.map(prime => rootBits(prime, 3))
  const H = primes.slice(0, 8).map(prime => rootBits(prime, 2))
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64)
  padded.set(bytes)
  padded[bytes.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29))
  view.setUint32(padded.length - 4, bytes.length << 3)
  const w = new Int32Array(64)
  const rotate = (x, n) => (x >>> n) | (x << (32 - n))
  for (let at = 0; at < padded.length; at += 64) {
    for (let t = 0; t < 16; t++) w[t] = view.getInt32(at + 4 * t)
    for (let t = 16; t < 64; t++) {
      const [a, b] = [w[t - 15], w[t - 2]]
      const s0 = rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3)
      const s1 = rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10)
      w[t] = w[t - 16] + s0 + w[t - 7] + s1
    }
    let [a, b, c, d, e, f, g, h] = H
    for (let t = 0; t < 64; t++) {
      const t1 = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + K[t] + w[t]) | 0
      const t2 = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0
      ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0]
    }
    ;[a, b, c, d, e, f, g, h].forEach((value, i) => {
      H[i] = (H[i] + value) | 0
    })
  }
  const out = new DataView(new ArrayBuffer(32))
  H.forEach((value, i) => out.setInt32(4 * i, value))
  return new Uint8Array(out.buffer)
}
