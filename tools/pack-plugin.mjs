// Packs the wasm that @rollup/plugin-wasm inlined, for the bundle only. Base64 hides from gzip what repeats, so each literal becomes a call
// that unpacks it again: both variants in one deflated stream, a piece of each in turn, so that the one is written as copies of the other.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { deflateRawSync } from 'node:zlib'

const PACKED = '\0packed'
/** Pieces of each file: a piece and its twin must lie within deflate's window of 32 KB. */
const PIECES = 16
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
  const sizes = contents.map(content => content.length)
  const pieces = Array.from({ length: PIECES }, (_, piece) => contents.map(content => content.subarray(...range(content.length, piece))))
  const all = Buffer.concat(pieces.flat())
  const packed = deflateRawSync(all, { level: 9, memLevel: 9 }).toString('base64')
  return `
import { inflate } from ${JSON.stringify(resolve('src/wasm/inflate.ts'))}

const SIZES = ${JSON.stringify(sizes)}
const PIECES = ${PIECES}
const packed = '${packed}'
let all

${range}

export function unpack(index) {
  if (!all) {
    const text = atob(packed)
    const bytes = new Uint8Array(text.length)
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
    all = inflate(bytes, ${all.length})
  }
  let text = ''
  let at = 0
  for (let piece = 0; piece < PIECES; piece++) {
    for (let i = 0; i < SIZES.length; i++) {
      const [begin, end] = range(SIZES[i], piece)
      if (i === index) text += String.fromCharCode.apply(null, all.subarray(at, at + end - begin))
      at += end - begin
    }
  }
  return btoa(text)
}
`
}

/** Where a piece of a file of so many bytes begins and ends; the bundle carries this function's text. */
function range(size, piece) {
  return [Math.floor((size * piece) / PIECES), Math.floor((size * (piece + 1)) / PIECES)]
}
