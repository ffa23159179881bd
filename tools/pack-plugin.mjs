// Inlines the kernels in the bundle as modules that compile them, packed: gzip makes a third more of them than packing/ does, and sees nothing of what
// repeats in base64. Of the variants one is packed, of which packing/lower.mjs makes the other.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import asc from 'assemblyscript/asc'
import { lowered } from './packing/lower.mjs'
import { CONTEXTS, packed } from './packing/pack.mjs'

const PACKED = '\0packed'
const UNPACKER = 'tools/packing/unpack.ts'
const LOWER = 'tools/packing/lower.mjs'
const SOURCES = ['tools/packing/pack.mjs', UNPACKER, 'tools/pack-plugin.mjs', 'package-lock.json']
/** Packing takes seconds. */
const CACHE = 'build/packed'

/** `relaxed` and `baseline` are the files of the variants. */
export function pack(relaxed, baseline) {
  const paths = [relaxed, baseline].map(file => resolve(file))
  return {
    name: 'pack',
    resolveId: id => (id === PACKED ? id : null),
    load(id) {
      if (id === PACKED) return unpacking(...paths.map(path => readFileSync(path)))
      if (id === paths[0])
        return `import { unpacked } from ${JSON.stringify(PACKED)}\nexport default () => new WebAssembly.Module(unpacked())`
      if (id !== paths[1]) return null
      return `import { unpacked } from ${JSON.stringify(PACKED)}
import { lowered } from ${JSON.stringify(resolve(LOWER))}
export default () => new WebAssembly.Module(lowered(unpacked()))`
    },
  }
}

/** A module whose `unpacked()` gives the relaxed variant. The unpacker is in hexadecimal, which every runtime reads in few words. */
async function unpacking(relaxed, baseline) {
  if (!baseline.equals(lowered(relaxed))) throw new Error('the baseline is not what lower.mjs makes of the relaxed variant')
  const { text, unpacker } = await cached(relaxed)
  return `
const unpacker = '${unpacker}'
const text = '${text}'

export function unpacked() {
  const module = new WebAssembly.Module(Uint8Array.from(unpacker.match(/../g), byte => parseInt(byte, 16)))
  const { memory, text: place, unpack } = new WebAssembly.Instance(module).exports
  const bytes = new Uint8Array(memory.buffer)
  const to = place()
  // Worklets have no TextEncoder; elsewhere it takes a twentieth of the time.
  if (typeof TextEncoder === 'function') new TextEncoder().encodeInto(text, bytes.subarray(to))
  else for (let i = 0; i < text.length; i++) bytes[to + i] = text.charCodeAt(i)
  const start = unpack(text.length, ${relaxed.length})
  return bytes.subarray(start, start + ${relaxed.length})
}
`
}

/** The file packed, in base64, and what unpacks it. */
async function cached(content) {
  const hash = createHash('sha256')
  for (const part of [...SOURCES.map(file => readFileSync(file)), content]) hash.update(part)
  const key = hash.digest('hex')
  try {
    const known = JSON.parse(readFileSync(CACHE, 'utf8'))
    if (known.key === key) return known
  } catch {
    // It has not been packed yet.
  }
  const text = Buffer.from(packed(content)).toString('base64').replace(/=+$/, '')
  const unpacker = await compiled(text.length + content.length)
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(unpacker))
  Buffer.from(exports.memory.buffer, exports.text()).write(text, 'latin1')
  const start = exports.unpack(text.length, content.length)
  if (!content.equals(Buffer.from(exports.memory.buffer, start, content.length))) throw new Error('what is packed does not unpack')
  const found = { key, text, unpacker: unpacker.toString('hex') }
  mkdirSync('build', { recursive: true })
  writeFileSync(CACHE, JSON.stringify(found))
  return found
}

/** The unpacker, with room for so many bytes. */
async function compiled(room) {
  const constants = Object.entries(CONTEXTS).map(([name, value]) => `const ${name.toUpperCase()}: usize = ${value}\n`)
  const source = constants.join('') + readFileSync(UNPACKER, 'utf8')
  const pages = Math.ceil((4 * CONTEXTS.all + 4096 + room) / 65536)
  let binary
  const { error, stderr } = await asc.main(
    [
      UNPACKER,
      ...['--outFile', 'unpack.wasm', '--runtime', 'stub', '--optimizeLevel', '3', '--shrinkLevel', '2', '--noAssert'],
      ...['--uncheckedBehavior', 'always', '--initialMemory', String(pages), '--maximumMemory', String(pages)],
    ],
    {
      readFile: file => (file === UNPACKER ? source : null),
      writeFile(_, contents) {
        binary = Buffer.from(contents)
      },
    },
  )
  if (error) throw new Error(`asc: ${error.message}\n${stderr.toString()}`)
  return binary
}
