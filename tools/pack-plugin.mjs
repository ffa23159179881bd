// Packs the wasm that @rollup/plugin-wasm inlined, for the bundle only: gzip makes a third more of it than packing/ does, and sees nothing of what
// repeats in base64, so each literal becomes a call that unpacks it. The variants are packed as one, since they are much the same.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { packed } from './packing/pack.mjs'
import { unpacked } from './packing/unpack.mjs'

const PACKED = '\0packed'
/** What plugin-wasm writes. */
const LITERAL = /'[A-Za-z0-9+/=]{100,}'/
const SOURCES = ['tools/packing/pack.mjs', 'tools/packing/unpack.mjs']
/** Packing takes seconds. */
const CACHE = 'build/packed'

/** `files`: the variants, the one that is mostly used first. */
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
  const ends = contents.map((_, i) => contents.slice(0, i + 1).reduce((end, content) => end + content.length, 0))
  return `
${readFileSync(SOURCES[1], 'utf8')}
const ends = ${JSON.stringify([0, ...ends])}
const text = '${cached(contents)}'

export function unpack(index) {
  const code = atob(text)
  const from = new Uint8Array(code.length)
  for (let i = 0; i < from.length; i++) from[i] = code.charCodeAt(i)
  const bytes = unpacked(from, ends[index + 1])
  let chars = ''
  for (let at = ends[index]; at < bytes.length; at += 8192) chars += String.fromCharCode.apply(null, bytes.subarray(at, at + 8192))
  return btoa(chars)
}
`
}

/** The files packed, in base64. */
function cached(contents) {
  const hash = createHash('sha256')
  for (const content of [...SOURCES.map(file => readFileSync(file)), ...contents]) hash.update(content)
  const key = hash.digest('hex')
  try {
    const [known, text] = readFileSync(CACHE, 'utf8').split(' ')
    if (known === key) return text
  } catch {
    // It has not been packed yet.
  }
  const all = Buffer.concat(contents)
  const bytes = packed(all, contents[0].length)
  if (!all.equals(unpacked(bytes, all.length))) throw new Error('what is packed does not unpack')
  const text = Buffer.from(bytes).toString('base64')
  mkdirSync('build', { recursive: true })
  writeFileSync(CACHE, `${key} ${text}`)
  return text
}
