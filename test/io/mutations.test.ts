import { readFileSync } from 'node:fs'
import {
  Chain,
  Dense,
  FluxtapeError,
  FormatError,
  loadNpz,
  loadSafetensors,
  loadState,
  memory,
  saveNpz,
  saveSafetensors,
  state,
  type Tensor,
  tensor,
} from 'fluxtape'
import { readIdx } from 'fluxtape/datasets'
import { expect, it } from 'vitest'

/** Reproducible numbers below n: a congruential generator. */
let seed = 1
const below = (n: number) => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return Math.floor((seed / 2 ** 32) * n)
}

/** A file with bytes flipped, set, cut out, put in, or copied from elsewhere in it. */
function mutated(file: Uint8Array): Uint8Array {
  const bytes = [...file]
  for (let i = below(3); i >= 0; i--) {
    const at = below(bytes.length)
    const few = 1 + below(4)
    const changes = [
      () => (bytes[at] ^= 1 << below(8)),
      () => (bytes[at] = [0, 255, 48, 57, 1, 127][below(6)]),
      () => bytes.splice(at, few),
      () => bytes.splice(at, 0, ...Array.from({ length: few }, () => below(256))),
      () => bytes.splice(at, few, ...bytes.slice(below(bytes.length)).slice(0, few)),
      () => bytes.splice(Math.max(1, at)),
    ]
    changes[below(changes.length)]()
  }
  return Uint8Array.from(bytes)
}

const numpy = (JSON.parse(readFileSync(new URL('npz.json', import.meta.url), 'utf8')) as { file: string }[]).map(
  ({ file }) => new Uint8Array(Buffer.from(file, 'base64')),
)
const some = { w: tensor([[1, 2]]), n: 3, u: tensor(Uint8Array.of(9)), b: tensor([true, false]) }
const model = Chain(Dense(2, 3), Dense(3, 1))
const idx = [Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255), Uint8Array.of(0, 0, 11, 1, 0, 0, 0, 1, 1, 2)]

const formats: [name: string, count: number, files: Uint8Array[], open: (file: Uint8Array) => unknown][] = [
  [
    'safetensors',
    3000,
    [saveSafetensors(some, { metadata: { a: 'ü' } }), saveSafetensors(some, { dtype: 'float16' })],
    file => loadSafetensors(file).tensors,
  ],
  [
    'npz and npy',
    3000,
    [...numpy.filter(({ length }) => length < 2000), await saveNpz(some), await saveNpz(some, { compress: true })],
    async file => (await loadNpz(file)).tensors,
  ],
  ['IDX', 3000, idx, async file => new Map([['data', await readIdx(file)]])],
]

it.each(formats)('mutations of %s files are read, or a FormatError, and leave nothing', async (_, count, files, open) => {
  const before = memory()
  let [read, refused] = [0, 0]
  for (let i = 0; i < count; i++) {
    const file = mutated(files[below(files.length)])
    try {
      const tensors = (await open(file)) as ReadonlyMap<string, Tensor>
      for (const each of tensors.values()) {
        expect(each.size).toBeLessThan(1100 * file.length)
        each.dispose()
      }
      read++
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      refused++
    }
  }
  expect([memory().tensors, memory().bytes]).toEqual([before.tensors, before.bytes])
  expect(read).toBeGreaterThan(0)
  expect(refused).toBeGreaterThan(0)
})

it('1500 mutations of a state in JSON are taken, or refused by a typed error, and leave nothing', () => {
  const text = new TextEncoder().encode(JSON.stringify(state(model)))
  const before = memory()
  let [read, refused] = [0, 0]
  for (let i = 0; i < 1500; i++) {
    let parsed: unknown
    try {
      parsed = JSON.parse(new TextDecoder().decode(mutated(text)))
    } catch {
      continue // no JSON
    }
    const weights = saveSafetensors(model)
    try {
      loadState(model, parsed as Record<string, Tensor>)
      read++
    } catch (error) {
      const isTyped =
        error instanceof FluxtapeError || ((error instanceof TypeError || error instanceof RangeError) && 'operation' in error)
      if (!isTyped) throw error
      expect(saveSafetensors(model)).toEqual(weights)
      refused++
    }
  }
  expect([memory().tensors, memory().bytes]).toEqual([before.tensors, before.bytes])
  expect(read).toBeGreaterThan(0)
  expect(refused).toBeGreaterThan(0)
})

it.each([
  ['a huge shape', { shape: [2 ** 31, 2 ** 31], dtype: 'float32', data: [1] }],
  ['a shape of many', { shape: [2 ** 29], dtype: 'float32', data: [1] }],
  ['fewer numbers', { shape: [3, 2], dtype: 'float32', data: [1, 2] }],
  ['a negative size', { shape: [-3, -2], dtype: 'float32', data: [1, 2, 3, 4, 5, 6] }],
  ['a text', { shape: [3, 2], dtype: 'float32', data: [1, 2, 3, 4, 5, 'six'] }],
  ['null', { shape: [3, 2], dtype: 'float32', data: [1, 2, 3, 4, 5, null] }],
  ['an unknown dtype', { shape: [3, 2], dtype: 'complex64', data: [1, 2, 3, 4, 5, 6] }],
  ['a large integer', { shape: [3, 2], dtype: 'int32', data: [1, 2, 3, 4, 5, 2 ** 40] }],
])('a state in JSON with %s is refused', (_, weight) => {
  const before = memory()
  const table = { ...(JSON.parse(JSON.stringify(state(model))) as object), 'layers.0.weight': weight }
  let error: unknown
  try {
    loadState(model, table as never)
  } catch (thrown) {
    error = thrown
  }
  expect(error).toHaveProperty('operation')
  expect([memory().tensors, memory().bytes]).toEqual([before.tensors, before.bytes])
})

it('a state in JSON keeps every value and dtype', () => {
  const values = {
    f: tensor([Number.NaN, Infinity, -Infinity, -0, 0.1]),
    i: tensor(Int32Array.of(-5)),
    b: tensor([true]),
    u: tensor(Uint8Array.of(200)),
  }
  const others = { f: tensor([0, 0, 0, 0, 0]), i: tensor(Int32Array.of(0)), b: tensor([false]), u: tensor(Uint8Array.of(0)) }
  loadState(others, JSON.parse(JSON.stringify(state(values))) as never)
  expect(saveSafetensors(others)).toEqual(saveSafetensors(values))
})
