// Checkpoints that somebody else has written, with a digest that is right: an error that names the file, and nothing is changed.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Adam,
  adjust,
  Dense,
  FormatError,
  loadSafetensors,
  memory,
  mse,
  ones,
  optimizerState,
  params,
  saveSafetensors,
  type Tensor,
  tensor,
  train,
} from 'fluxtape'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { BLANK, seal } from '../../src/io/digest.ts'

const path = mkdtempSync(join(tmpdir(), 'fluxtape-'))
const name = join(path, 'step-2.safetensors')
afterAll(() => rmSync(path, { recursive: true }))

const [x, y] = [ones([4, 2]), ones([4, 1])]
let loaded: unknown
const callback = { state: () => ({ list: new Float32Array(2), seen: x, odd: Number.NaN }), load: (state: unknown) => void (loaded = state) }
function start(model = Dense(2, 1), opt = Adam()) {
  const options = { epochs: 3, checkpoint: { path }, resume: path, callbacks: callback }
  return train((a: Tensor, b: Tensor) => mse(model(a), b), params(model), [[x, y]], opt, options)
}

type Json = Record<string, never>
let bytes = new Uint8Array()
beforeAll(async () => {
  const opt = Adam()
  const run = start(Dense(2, 1), opt)
  for await (const { step } of run) {
    if (step === 0) adjust(opt, 0.5)
    if (step === 1) break
  }
  bytes = new Uint8Array(readFileSync(name))
})

/** Writes the file anew with other texts, or other tensors. */
async function forge(text: (run: string) => string, change?: (tensors: Map<string, Tensor>) => void) {
  const { tensors, metadata } = loadSafetensors(bytes)
  change?.(tensors)
  const file = saveSafetensors(tensors, { metadata: { digest: BLANK, run: text(metadata.get('run') ?? '') } })
  for (const each of tensors.values()) each.dispose()
  await seal(file)
  writeFileSync(name, file)
}
const edited = (change: (run: Json) => unknown) => (text: string) => {
  const run = JSON.parse(text)
  change(run)
  return JSON.stringify(run)
}
const set = (part: string, field: string, value: unknown) => edited(run => Object.assign(part === '' ? run : run[part], { [field]: value }))
const state = (value: unknown) => edited(run => Object.assign(run, { states: [value] }))
const deep = (n: number) => `${'['.repeat(n)}${']'.repeat(n)}`

const texts: readonly [name: string, (run: string) => string][] = [
  ['nothing', () => ''],
  ['no JSON', run => run.slice(0, -1)],
  ['null', () => 'null'],
  ['a list', () => '[]'],
  ['another version', set('', 'version', 2)],
  ...['step', 'epoch', 'batches', 'samples', 'begun'].flatMap(field =>
    ['1', -1, 0.5, null, 1e300, {}].map((value): [string, (run: string) => string] => [
      `${field} ${JSON.stringify(value)}`,
      set('record', field, value),
    ]),
  ),
  ['more steps than losses', set('record', 'step', 3)],
  ['seconds that are a text', set('record', 'seconds', '1')],
  ['a best that is a list', set('', 'best', [])],
  ['no record', set('', 'record', undefined)],
  ['firsts that are a text', set('record', 'firsts', '00')],
  ['firsts too short', set('record', 'firsts', [])],
  ['epochs that are numbers', set('record', 'epochs', [1, 2])],
  ['epochs that are null', set('record', 'epochs', [null, null])],
  ['epochs without a loss', set('record', 'epochs', [{ epoch: 0 }, { epoch: 1 }])],
  ['random numbers without a key', set('record', 'random', { stream: 0 })],
  ['a key of texts', set('', 'global', { key: ['1', '2'], stream: 0 })],
  ['an order that is a number', set('record', 'order', 7)],
  ['states that are no list', set('', 'states', {})],
  ['rules that are a text', set('', 'hypers', 'Adam')],
  ['rules without numbers', set('', 'hypers', [['Adam']])],
  ['no written rules', set('', 'written', [])],
  ['a learning rate that is a text', edited(run => Object.assign(run.hypers[0][1], { eta: 'fast' }))],
  ['counts that are a text', set('', 'counts', 'many')],
  ['counts that are null', set('', 'counts', null)],
  ['a count that is negative', set('', 'counts', { steps: -1 })],
  ['a count of nobody', set('', 'counts', { steps: 1, 'nobody.t': 1 })],
  ['frozen that is a text', set('', 'frozen', 'weight')],
  ['an unknown value', state({ $: 'what' })],
  ['a function by its name', state({ $: 'Function', name: 'losses' })],
  ['a class by its name', state({ $: 'SharedArrayBuffer', name: 'losses' })],
  ['a typed array that there is not', state({ $: 'Int7Array', name: 'losses' })],
  ['bytes that make no numbers', state({ $: 'Float64Array', name: 'short' })],
  ['a tensor that there is not', state({ $: 'tensor', name: 'nobody' })],
  ['a record without entries', state({ $: 'record' })],
  ['values that lie too deep', run => run.replace('"states":[', `"states":[${deep(1000)},`)],
  ['values that lie far too deep', run => run.replace('"states":[', `"states":[${deep(200_000)},`)],
]

beforeEach(() => {
  for (const each of readdirSync(path)) rmSync(join(path, each))
})

async function refused() {
  const [model, opt] = [Dense(2, 1), Adam()]
  const before = [...params(model)].map(each => [...each.data()])
  const tensors = memory().tensors
  loaded = undefined
  const error = await start(model, opt).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(FormatError)
  expect((error as FormatError).message).toContain(`train: '${name}' is no checkpoint of such a run: `)
  expect([...params(model)].map(each => [...each.data()])).toEqual(before)
  expect([opt.steps, opt.hyper.eta, optimizerState(opt, params(model)).size, loaded]).toEqual([0, 0.001, 1, undefined])
  expect(memory().tensors).toBe(tensors)
}

it.each(texts)('%s', async (_, text) => {
  await forge(text, tensors => tensors.set('short', tensor([1, 2, 3], undefined, { dtype: 'uint8' } as never)))
  await refused()
})

it.each<[string, (tensors: Map<string, Tensor>) => void]>([
  ['no losses', tensors => tensors.delete('losses')],
  ['losses shorter than the steps', tensors => tensors.set('losses', tensor([1]))],
  ['losses that are integers', tensors => tensors.set('losses', tensor(new Int32Array(2)))],
  ['a momentum of nobody', tensors => tensors.set('optimizer.nobody.m', ones([2]))],
  ['a momentum of another shape', tensors => tensors.set('optimizer.weight.m', ones([3]))],
])('%s', async (_, change) => {
  await forge(run => run, change)
  await refused()
})

it('an element of a type that nobody knows', async () => {
  const text = new TextDecoder('latin1').decode(bytes)
  const file = Uint8Array.from(text.replace('"F32"', '"F31"'), each => each.charCodeAt(0))
  file.fill(48, text.indexOf('"digest":"') + 10, text.indexOf('"digest":"') + 74)
  await seal(file)
  writeFileSync(name, file)
  await refused()
})

it('keys that mean something to the language are keys', async () => {
  await forge(run =>
    run
      .replace('"record":{', '"record":{"__proto__":{"polluted":1},')
      .replace('"states":[', '"__proto__":{"polluted":1},"states":[{"__proto__":{"polluted":1},"constructor":2}],"other":['),
  )
  const history = await start()
  expect([history.steps.length, ({} as Json).polluted, (history as unknown as Json).polluted]).toEqual([3, undefined, undefined])
  expect((loaded as Json).polluted).toBeUndefined()
  expect(Object.keys(loaded as object)).toEqual(['__proto__', 'constructor'])
})
