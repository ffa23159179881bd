// Files that were changed at random, safetensors, npz, npy and IDX, plain and compressed: they are read, or a FormatError says why not, in a short time and without a trace.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { failed, finish, seeds } from './findings.mjs'
import { F, readIdx } from './library.mjs'
import { Source } from './source.mjs'

const encode = text => new TextEncoder().encode(text)

/** A safetensors file with this header and as many bytes of data. */
function written(header, bytes, padding = 0) {
  const text = encode(JSON.stringify(header) + ' '.repeat(padding))
  const file = new Uint8Array(8 + text.length + bytes).fill(7)
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true)
  file.set(text, 8)
  return file
}

function idx(type, shape, bytes) {
  const file = new Uint8Array(4 + 4 * shape.length + bytes).fill(9)
  file[2] = type
  file[3] = shape.length
  shape.forEach((size, i) => new DataView(file.buffer).setUint32(4 + 4 * i, size))
  return file
}

const ranges = { F64: [[2], 16], F16: [[2, 2], 8], BF16: [[4], 8], I8: [[4], 4], I16: [[2], 4], I64: [[0, 5], 0], U16: [[], 2] }
let end = 0
const header = Object.fromEntries(
  Object.entries(ranges).map(([dtype, [shape, bytes]]) => [dtype, { dtype, shape, data_offsets: [end, (end += bytes)] }]),
)
const small = { W: F.rand([3, 4]), b: F.tensor(Int32Array.of(1, 2, 3)), u: F.tensor(Uint8Array.of(1, 2, 3)), m: F.tensor([true, false]) }
const safetensors = [
  F.saveSafetensors(small, { metadata: { a: 'x', b: 'ü\u0000"' } }),
  F.saveSafetensors(F.Chain(F.Dense(3, 2), F.Dense(2, 1))),
  written(header, end, 6),
]
const plainIdx = [
  ...[idx(8, [2, 3], 6), idx(9, [5], 5), idx(0xb, [2, 2], 8), idx(0xc, [3], 12), idx(0xd, [2], 8), idx(0xe, [2], 16)],
  ...[idx(8, [], 1), idx(8, [0, 7], 0), idx(8, [40, 40], 1600)],
]
const zipped = bytes => new Uint8Array(gzipSync(bytes))
const bombs = [10, 0].map(size => zipped(Buffer.concat([idx(8, [size], 0), Buffer.alloc(20_000_000)])))
const idxFiles = [...plainIdx, ...plainIdx.map(zipped), ...bombs]

const npz = [
  ...[false, true].map(compress => F.saveNpz(small, { compress, metadata: { t: 'ü' } })),
  F.saveNpz({ large: F.zeros([300, 300]) }, { compress: true }),
]
const npzFiles = await Promise.all(npz)
for (const { file } of JSON.parse(readFileSync(new URL('../io/npz.json', import.meta.url), 'utf8')))
  npzFiles.push(new Uint8Array(Buffer.from(file, 'base64')))

const WORDS = [
  ...[
    '"dtype"',
    '"shape"',
    '"data_offsets"',
    '[',
    ']',
    '{',
    '}',
    ',',
    ':',
    '"',
    '\\u0000',
    '\\ud800',
    '1e5',
    '-1',
    '4294967296',
    '9007199254740991',
  ],
  ...[
    '9007199254740993',
    '18446744073709551616',
    '0',
    '00',
    '1.0',
    '-0',
    'null',
    'true',
    '"F32"',
    '"F64"',
    '"I64"',
    '"U8"',
    '"BOOL"',
    '"BF16"',
    '"C64"',
  ],
  ...[
    '__metadata__',
    '"__proto__"',
    '[[[[',
    '{"a":',
    '\ufeff',
    ' ',
    '\n',
    '[1073741823]',
    '[1073741824]',
    '[0,4294967296]',
    '[2147483648,0,2]',
  ],
  ...['[65536,65536]', '[1,1,1,1,1,1,1,1,1,1,1,1]'],
].map(encode)
const LENGTHS = [0n, 1n, 2n, 100_000_000n, 100_000_001n, 0xffffffffffffffffn, 1n << 63n]

/** With `cut` bytes of `file` from `at` on replaced by others; the header's length goes with it, as a rule. */
function spliced(file, at, cut, bytes, source) {
  const left = Math.min(cut, file.length - at)
  const changed = new Uint8Array(Math.max(8, file.length - left + bytes.length))
  changed.set(file.subarray(0, at))
  changed.set(bytes.subarray(0, changed.length - at), at)
  changed.set(
    file.subarray(at + left).subarray(0, Math.max(0, changed.length - at - bytes.length)),
    Math.min(at + bytes.length, changed.length),
  )
  if (source.chance(0.8)) setLength(changed, BigInt.asUintN(64, lengthOf(file) + BigInt(bytes.length - left)))
  return changed
}
const lengthOf = file => new DataView(file.buffer).getBigUint64(0, true)
const setLength = (file, length) => new DataView(file.buffer).setBigUint64(0, length, true)

function changed(original, source) {
  let file = original.slice()
  for (let i = source.int(1, 4); i > 0; i--) {
    const inHeader = Number(lengthOf(file) & 0xffffn)
    const last = file.length - 1
    const at = Math.min(last, source.chance(0.75) ? source.int(8, 8 + inHeader) : source.int(0, last))
    const digits = [...file.keys()].filter(k => k >= 8 && k < 8 + inHeader && file[k] >= 48 && file[k] <= 57)
    const change = [
      () => (file[at] = source.int(0, 255)),
      () => (file[at] ^= 1 << source.int(0, 7)),
      () => (file = spliced(file, at, 0, source.pick(WORDS), source)),
      () => (file = spliced(file, at, source.int(1, 6), new Uint8Array(0), source)),
      () => (file = file.slice(0, Math.max(8, source.int(8, file.length)))),
      () => setLength(file, source.pick([...LENGTHS, BigInt(file.length), BigInt(file.length - 8), BigInt(source.int(0, 300))])),
      () => (file = spliced(file, at, 12, source.pick(WORDS), source)),
      () => digits.length > 0 && (file[source.pick(digits)] = 48 + source.int(0, 9)),
    ]
    source.pick(change)()
  }
  return file
}

/** With some bytes changed, mostly where the directory or a header lies, cut out or put in. */
function changedNpz(original, source) {
  let file = original.slice()
  for (let i = source.int(0, 3); i > 0; i--) {
    const at = source.chance(0.5) ? Math.max(0, file.length - source.int(1, 400)) : source.int(0, Math.min(300, file.length - 1))
    const few = source.int(1, 4)
    const change = [
      () => (file[at] ^= 1 << source.int(0, 7)),
      () => (file[at] = source.pick([0, 255, 1, 8, 127, 48, 57])),
      () => file.fill(255, at, at + few),
      () => (file = Uint8Array.from([...file.subarray(0, at), ...file.subarray(at + few)])),
      () => (file = Uint8Array.from([...file.subarray(0, at), ...source.list(few, () => source.int(0, 255)), ...file.subarray(at)])),
      () => (file = file.slice(0, Math.max(1, at))),
    ]
    source.pick(change)()
  }
  return file
}

function changedIdx(original, source) {
  let file = original.slice()
  for (let i = source.int(0, 3); i > 0; i--) {
    const change = [
      () => (file[source.int(0, file.length - 1)] = source.int(0, 255)),
      () => (file[source.int(0, Math.min(12, file.length - 1))] = source.pick([0, 1, 8, 255, 127, 31, 139])),
      () => (file = file.slice(0, source.int(1, file.length))),
      () => (file = Uint8Array.from([...file.subarray(0, 1e5), ...source.list(source.int(1, 9), () => 0)])),
    ]
    source.pick(change)()
  }
  return file
}

function sameBits(x, y) {
  return y !== undefined && x.dtype === y.dtype && Buffer.compare(Buffer.from(x.data().buffer), Buffer.from(y.data().buffer)) === 0
}

let [read, refused] = [0, 0]

async function attempt(seed, what, file, open) {
  const text = () => `${what} ${Buffer.from(file.subarray(0, 400)).toString('latin1')}`
  const before = F.memory()
  const start = performance.now()
  let tensors
  try {
    tensors = await open(file)
    read++
  } catch (error) {
    if (error instanceof F.FormatError) refused++
    else failed(seed, `${what}: ${error.stack.split('\n').slice(0, 2).join(' ')}`, text())
  }
  const took = performance.now() - start
  if (took > 5000) failed(seed, `${what}: it took ${took} ms`, text())
  for (const [name, x] of tensors ?? []) {
    if (x.shape.reduce((product, size) => product * size, 1) !== x.size || x.size > 1e6)
      failed(seed, `${what}: ${name} is [${x.shape}] of ${x.size}`, text())
  }
  if (tensors && what === 'safetensors' && seed % 5 === 0) {
    const again = F.loadSafetensors(F.saveSafetensors(tensors)).tensors
    for (const [name, x] of tensors) if (!sameBits(x, again.get(name))) failed(seed, `${name} has other bits after another file`, text())
    for (const x of again.values()) x.dispose()
  }
  for (const x of tensors?.values() ?? []) x.dispose()
  const after = F.memory()
  // Less may be in use, where the collector came meanwhile.
  if (after.tensors > before.tensors || after.bytes > before.bytes)
    failed(seed, `${what}: ${after.bytes - before.bytes} bytes are left`, text())
}

for (const seed of seeds()) {
  const source = new Source(seed)
  if (seed % 20 < 7) await attempt(seed, 'npz', changedNpz(source.pick(npzFiles), source), async file => (await F.loadNpz(file)).tensors)
  else if (seed % 20 < 19)
    await attempt(seed, 'safetensors', changed(source.pick(safetensors), source), file => F.loadSafetensors(file).tensors)
  else await attempt(seed, 'IDX', changedIdx(source.pick(idxFiles), source), async file => new Map([['data', await readIdx(file)]]))
}
finish(`${read} files were read, ${refused} refused`)
