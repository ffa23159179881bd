// Files of arrays held to NumPy: what is written here NumPy reads with the same values, and what was changed at random and is read here, NumPy reads so, too.
// Stricter than NumPy is allowed: names twice, entries over each other, sizes that do not agree, headers that NumPy never writes.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { failed, finish, isTime, seeds } from './findings.mjs'
import { F, scratch } from './library.mjs'
import { PYTHON } from './python.mjs'
import { Source } from './source.mjs'

if (spawnSync(PYTHON, ['-c', 'import numpy']).status !== 0) {
  console.log(`numpy: left out, ${PYTHON} has no NumPy (apt-get install python3-numpy)`)
  process.exit(0)
}
const numpys = JSON.parse(readFileSync(new URL('../io/npz.json', import.meta.url), 'utf8')).map(({ file }) => Buffer.from(file, 'base64'))
let [read, refused, stricter] = [0, 0, 0]

function made(source) {
  const table = {}
  for (let i = source.int(0, 3); i >= 0; i--) {
    const shape = Array.from({ length: source.int(0, 3) }, () => source.int(0, 3))
    const count = shape.reduce((product, size) => product * size, 1)
    const dtype = source.pick(['float32', 'int32', 'uint8', 'bool'])
    const values = { float32: () => source.pick([source.next() * 2 - 1, NaN, Infinity, -0, 1e-42, 3e38]), int32: () => source.int(-(2 ** 31), 2 ** 31 - 1), uint8: () => source.int(0, 255), bool: () => source.int(0, 1) } // biome-ignore format: a table
    const Kind = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array, bool: Uint8Array }[dtype]
    table[source.pick(['a', 'b.c', 'd/e', 'ü', '', 'x.npy'])] = F.tensor(Kind.from({ length: count }, values[dtype]), shape, { dtype })
  }
  return table
}

function mutated(file, source) {
  let bytes = [...file]
  for (let i = source.int(1, 3); i > 0; i--) {
    const at = source.int(0, bytes.length - 1)
    const few = source.int(1, 4)
    source.pick([
      () => (bytes[at] ^= 1 << source.int(0, 7)),
      () => (bytes[at] = source.pick([0, 255, 32, 48, 49, 57, 60, 62, 124])),
      () => bytes.splice(at, few),
      () => bytes.splice(at, 0, ...source.list(few, () => source.int(0, 255))),
      () => (bytes = bytes.slice(0, at + 1)),
    ])()
  }
  return Uint8Array.from(bytes)
}

const text = (x, value) =>
  x.dtype === 'float32' ? (Number.isNaN(value) ? 'nan' : Object.is(value, -0) ? '-0' : String(value)) : String(value)
const numberOf = value => (value === 'inf' ? Infinity : value === '-inf' ? -Infinity : Number(value))

async function ours(file) {
  try {
    const { tensors, metadata } = await F.loadNpz(file)
    const found = { metadata: Object.fromEntries(metadata), tensors: {} }
    for (const [name, x] of tensors) {
      found.tensors[name] = { shape: [...x.shape], data: Array.from(x.data(), value => text(x, value)) }
      x.dispose()
    }
    read++
    return found
  } catch (error) {
    if (!(error instanceof F.FormatError)) throw error
    refused++
    return undefined
  }
}

function compare(seed, mine, theirs, said, isChanged) {
  if (!mine) {
    if (!isChanged) failed(seed, 'a file that was written is refused', '')
    else if (theirs) stricter++
    return
  }
  if (!theirs) return failed(seed, `NumPy refuses: ${said}`, JSON.stringify(mine))
  for (const [name, x] of Object.entries(mine.tensors)) {
    const other = theirs[name]
    const data = other?.data?.map(value => (value === 'nan' ? 'nan' : Object.is(numberOf(value), -0) ? '-0' : String(numberOf(value))))
    if (JSON.stringify(other?.shape) !== JSON.stringify(x.shape) || data.join() !== x.data.join())
      failed(seed, `${JSON.stringify(name)} has other values`, JSON.stringify([x, other]))
  }
}

let waiting = []
function end() {
  const path = scratch('numpy')
  writeFileSync(path, waiting.map(({ seed, file }) => JSON.stringify([seed, Buffer.from(file).toString('base64')])).join('\n'))
  const { stdout, stderr, status } = spawnSync(PYTHON, [new URL('numpy-files.py', import.meta.url).pathname, path], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  rmSync(path)
  if (status !== 0) failed(waiting[0].seed, stderr.slice(-400), '')
  stdout
    .split('\n')
    .filter(Boolean)
    .forEach((line, i) => {
      const [seed, theirs, said] = JSON.parse(line)
      compare(seed, waiting[i].mine, theirs, said, waiting[i].isChanged)
    })
  waiting = []
}

for (const seed of seeds()) {
  const source = new Source(seed)
  const isChanged = source.chance(0.8)
  const table = made(source)
  const own = source.chance(0.5) ? source.pick(numpys) : await F.saveNpz(table, { compress: source.chance(0.5) })
  for (const x of Object.values(table)) x.dispose()
  const file = isChanged ? mutated(own, source) : own
  waiting.push({ seed, file, isChanged, mine: await ours(file) })
  if (waiting.length === 500 || !isTime()) end()
}
if (waiting.length > 0) end()
finish(`${read} files were read, ${refused} refused, ${stricter} of them not by NumPy`)
