// Inlines the kernels in the bundle as modules that compile them, packed: gzip makes a third more of them than packing/ does, and sees nothing of what
// repeats in base64. The variants are packed as one, since they are much the same.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import asc from 'assemblyscript/asc'
import { CONTEXTS, packed } from './packing/pack.mjs'

const PACKED = '\0packed'
const UNPACKER = 'tools/packing/unpack.ts'
const SOURCES = ['tools/packing/pack.mjs', UNPACKER, 'tools/pack-plugin.mjs', 'package-lock.json']
/** Packing takes seconds. */
const CACHE = 'build/packed'

/** `files`: the variants, the one that is mostly used first. */
export function pack(files) {
  const paths = files.map(file => resolve(file))
  return {
    name: 'pack',
    resolveId: id => (id === PACKED ? id : null),
    load(id) {
      if (id === PACKED) return unpacking(paths.map(path => readFileSync(path)))
      const index = paths.indexOf(id)
      return index < 0 ? null : `import { compile } from ${JSON.stringify(PACKED)}\nexport default () => compile(${index})`
    },
  }
}

/** A module whose `compile(i)` compiles the i-th file. The unpacker is in hexadecimal, which every runtime reads in few words. */
async function unpacking(contents) {
  const ends = contents.map((_, i) => contents.slice(0, i + 1).reduce((end, content) => end + content.length, 0))
  const { text, unpacker } = await cached(contents)
  return `
const ends = ${JSON.stringify([0, ...ends])}
const unpacker = '${unpacker}'
const text = '${text}'

export function compile(index) {
  const module = new WebAssembly.Module(Uint8Array.from(unpacker.match(/../g), byte => parseInt(byte, 16)))
  const { memory, text: place, unpack } = new WebAssembly.Instance(module).exports
  const bytes = new Uint8Array(memory.buffer)
  const to = place()
  // Worklets have no TextEncoder; elsewhere it takes a twentieth of the time.
  if (typeof TextEncoder === 'function') new TextEncoder().encodeInto(text, bytes.subarray(to))
  else for (let i = 0; i < text.length; i++) bytes[to + i] = text.charCodeAt(i)
  const start = unpack(text.length, ends[index + 1])
  return new WebAssembly.Module(bytes.subarray(start + ends[index], start + ends[index + 1]))
}
`
}

/** The files packed, in base64, and what unpacks them. */
async function cached(contents) {
  const hash = createHash('sha256')
  for (const content of [...SOURCES.map(file => readFileSync(file)), ...contents]) hash.update(content)
  const key = hash.digest('hex')
  try {
    const known = JSON.parse(readFileSync(CACHE, 'utf8'))
    if (known.key === key) return known
  } catch {
    // It has not been packed yet.
  }
  const all = Buffer.concat(contents)
  const text = Buffer.from(packed(all, contents[0].length)).toString('base64').replace(/=+$/, '')
  const unpacker = await compiled(text.length + all.length)
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(unpacker))
  Buffer.from(exports.memory.buffer, exports.text()).write(text, 'latin1')
  const start = exports.unpack(text.length, all.length)
  if (!all.equals(Buffer.from(exports.memory.buffer, start, all.length))) throw new Error('what is packed does not unpack')
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
