// A file that knows whether it is as it was written: among its metadata is the SHA-256 of all its bytes, with zeros in the place of that.

/** What stands there until the digest is known. */
export const BLANK: string = /* @__PURE__ */ '0'.repeat(64)
const KEY = '"digest":"'
/** How much is digested at a time: it is copied for that. */
const PIECE = 2 ** 24

/** Writes the digest into a safetensors file whose metadata have a blank one. Nothing is blocked meanwhile, but for a copy of a piece at a time. */
export async function seal(file: Uint8Array<ArrayBuffer>): Promise<void> {
  file.set(new TextEncoder().encode(await digestOf(file)), placeIn(file))
}

/** Is it a file that was sealed, and has not changed since? Blanks its digest. */
export async function isSealed(file: Uint8Array): Promise<boolean> {
  const place = placeIn(file)
  if (place < 0) return false
  const digest = new TextDecoder().decode(file.slice(place, place + 64))
  file.fill(48, place, place + 64)
  return (await digestOf(file)) === digest
}

/** Where in the header the digest stands; -1: there is none. */
function placeIn(file: Uint8Array): number {
  if (file.length < 8) return -1
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true))
  if (length > file.length - 8) return -1
  // One byte a character, so that places are those of bytes.
  const at = new TextDecoder('latin1').decode(file.subarray(8, 8 + length)).indexOf(KEY)
  return at < 0 ? -1 : 8 + at + KEY.length
}

async function digestOf(file: Uint8Array): Promise<string> {
  let last = new Uint8Array(0)
  for (let at = 0; at < file.length; at += PIECE) {
    // A chain: of the digest so far, and of that of the piece.
    const own = new Uint8Array(await crypto.subtle.digest('SHA-256', file.subarray(at, at + PIECE) as Uint8Array<ArrayBuffer>))
    last = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array([...last, ...own])))
  }
  return Array.from(last, byte => byte.toString(16).padStart(2, '0')).join('')
}
