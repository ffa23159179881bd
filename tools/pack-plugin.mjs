// Packs the wasm that @rollup/plugin-wasm inlined, for the bundle only. In base64, where three bytes are four characters, gzip does not see
// what repeats. So each literal becomes a call that decodes it from a text in which a byte is a character (a rare one, two), the same each
// time; and a piece of one variant is followed by the same piece of the other, so that gzip writes it as copies of the first.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const PACKED = '\0packed'
/** Pieces of each file: a piece and its twin must lie within the 32 KB that gzip looks back. */
const PIECES = 12
/** Printable, and nowhere escaped: not in any quotes, in a template or in a script tag. A blank ends a piece. */
const CHARS = Array.from({ length: 91 }, (_, i) => String.fromCharCode(33 + i)).filter(char => !'\'"\\`$<{'.includes(char))
/** With one of these before it, a character stands for a rare byte. */
const PREFIXES = ['|', '}', '~']
/** What plugin-wasm writes. */
const LITERAL = /'[A-Za-z0-9+/=]{100,}'/

export function pack(files) {
  const paths = files.map(file => resolve(file))
  return {
    name: 'pack',
    resolveId: id => (id === PACKED ? id : null),
    load: id => (id === PACKED ? unpacker(paths.map(path => readFileSync(path))) : null),
    transform: {
      order: 'post',
      handler(code, id) {
        const index = paths.indexOf(id)
        if (index < 0) return null
        if (!LITERAL.test(code)) this.error(`plugin-wasm wrote no literal for ${id}`)
        return {
          code: `import { unpack } from ${JSON.stringify(PACKED)}\n${code.replace(LITERAL, `unpack(${index})`)}`,
          map: { mappings: '' },
        }
      },
    },
  }
}

/** A module whose `unpack(i)` gives the i-th file in base64, which is what plugin-wasm's loader reads. */
function unpacker(contents) {
  const bytes = byFrequency(contents)
  const codes = new Map(bytes.map((byte, rank) => [byte, codeOf(rank)]))
  const pieces = Array.from({ length: PIECES }, (_, i) => contents.map(content => encoded(piece(content, i), codes)))
  return `
const ranked = '${Buffer.from(bytes).toString('base64')}'
const chars = '${CHARS.join('')}'
const packed = '${pieces.flat().join(' ')}'

export function unpack(index) {
  // A row of 128 for a character alone, then one for each of | } ~ before it.
  const table = new Uint8Array(512)
  const bytes = atob(ranked)
  for (let rank = 0; rank < 256; rank++) {
    table[(Math.floor(rank / chars.length) << 7) | chars.charCodeAt(rank % chars.length)] = bytes.charCodeAt(rank)
  }
  const pieces = packed.split(' ')
  let text = ''
  for (let i = index; i < pieces.length; i += ${contents.length}) text += unpackPiece(pieces[i], table)
  return btoa(text)
}

function unpackPiece(piece, table) {
  const bytes = new TextEncoder().encode(piece)
  let length = 0
  for (let i = 0; i < bytes.length; i++) {
    const char = bytes[i]
    bytes[length++] = table[char > 123 ? ((char - 123) << 7) | bytes[++i] : char]
  }
  return String.fromCharCode.apply(null, bytes.subarray(0, length))
}
`
}

/** All 256 bytes, the most frequent first. */
function byFrequency(contents) {
  const counts = new Array(256).fill(0)
  for (const content of contents) for (const byte of content) counts[byte]++
  return Array.from(counts.keys()).sort((a, b) => counts[b] - counts[a] || a - b)
}

function codeOf(rank) {
  const row = Math.floor(rank / CHARS.length)
  return (row > 0 ? PREFIXES[row - 1] : '') + CHARS[rank % CHARS.length]
}

function piece(content, i) {
  return content.subarray(Math.floor((content.length * i) / PIECES), Math.floor((content.length * (i + 1)) / PIECES))
}

function encoded(content, codes) {
  return Array.from(content, byte => codes.get(byte)).join('')
}
