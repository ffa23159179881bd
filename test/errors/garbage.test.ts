// Whatever comes as an argument: what is thrown says whose error it is, and is never the runtime's own.
import * as flux from 'fluxtape'
import { afterAll, describe, expect, it } from 'vitest'
import { expectToTrain } from './table.ts'

const { Dense, Params, Grads, DataLoader, gradient, memory, ones, params, scope, state, tensor } = flux

/** What runs on after the call, or changes all that comes after. */
const elsewhere = ['train', 'threads', 'configure', 'manualSeed', 'throttle', 'Tensor', 'variant']
const rules = ['rule', 'Adam', 'AdamW', 'ClipNorm', 'Descent', 'Momentum', 'adjust', 'optimizerState', 'loadOptimizerState']
/** An error's own class is made of a complaint. */
const functions = Object.entries(flux as unknown as Record<string, (...args: unknown[]) => unknown>).filter(
  ([name, f]) => typeof f === 'function' && ![...elsewhere, ...rules].includes(name) && !name.endsWith('Error'),
)

const odd: readonly unknown[] = [
  ...[undefined, null, 0, -1, 0.5, Number.NaN, -(2 ** 31), 2 ** 53, 'abc', '', true, 1n, Symbol('s'), () => 1],
  ...[
    [],
    ['a'],
    [null],
    [[0, 1]],
    {},
    Object.create(null),
    new Map(),
    new Set(),
    new Date(0),
    /x/,
    new ArrayBuffer(8),
    new Float32Array(3),
  ],
  ...[Promise.resolve(1), new Proxy({}, {}), function* () {}, [Object.create(null)], [Symbol('s')]],
  ...[
    { axis: 'a' },
    { keepDims: 1 },
    { dtype: {} },
    { agg: null },
    { agg: () => 1 },
    { weight: [1, 2] },
    { weight: null },
    { ignoreIndex: 'a' },
  ],
  ...[
    { posWeight: 'x' },
    { posWeight: [1] },
    { eps: 'x' },
    { strict: 'no' },
    { prefix: 3 },
    { rename: null },
    { rename: () => 3 },
    { metadata: 3 },
  ],
  ...[
    { metadata: null },
    { metadata: { a: 1 } },
    { batchSize: 'a' },
    { collate: 3 },
    { seed: 'a' },
    { seed: {} },
    { at: null },
    { at: [Symbol('s')] },
  ],
  ...[{ at: 0.5, stratified: 3 }, { at: 0.5, stratified: {} }, { gain: 'x' }, { trainable: 3 }, { trainable: [Symbol('s')] }, { label: 3 }],
  ...[
    { init: 3 },
    { init: () => 3 },
    { init: () => ones([1]) },
    { bias: null },
    { threshold: {} },
    { low: Symbol('s') },
    { std: Object.create(null) },
  ],
]

/** At night every value, else one of six for each place of each function: others for the next name. */
function chosen(name: string, place: number): readonly unknown[] {
  if (process.env.FLUXTAPE_NIGHTLY) return odd
  const first = [...name].reduce((sum, letter) => (31 * sum + letter.charCodeAt(0)) % 9973, place)
  return odd.filter((_, i) => (i + first) % 6 === 0)
}

// What a trace of the stack costs is more than what the call does.
Error.stackTraceLimit = 0
afterAll(() => void (Error.stackTraceLimit = 10))

/** An error of ours begins with the function's name, or with what it is about. */
function check(name: string, call: () => unknown): void {
  let message = 'ours: '
  let isData = true
  try {
    const result: unknown = call()
    if (result instanceof Promise) result.catch(() => {})
  } catch (error) {
    message = String((error as Error).message)
    isData = message.startsWith(`${(error as { operation?: unknown }).operation}: `)
  }
  // Without expect, which takes longer than the calls.
  if (!/^[\w. ]+: /.test(message)) expect.fail(`${name} threw an error that is not the library's: ${message}`)
  if (!isData) expect.fail(`${name} threw an error whose operation is not that of its text: ${message}`)
}

describe('every public function, given whatever', () => {
  const x = ones([2, 2])
  it.each(functions)('%s', (name, f) => {
    const isClass = f === (DataLoader as unknown) || f === (Params as unknown) || f === (Grads as unknown)
    const run = isClass ? (...args: unknown[]) => new (f as unknown as new (...args: unknown[]) => unknown)(...args) : f
    const before: readonly (() => unknown[])[] = [
      () => [],
      () => [x],
      () => [x, x],
      () => [x, ones([2]), ones([2])],
      () => [Dense(1, 1), new Map()],
    ]
    before.forEach((those, place) => {
      for (const value of chosen(name, place)) scope(() => check(name, () => (name === 'Grads' ? undefined : run(...those(), value))))
    })
    expectToTrain()
  })

  it('methods of tensors, Params and Grads', () => {
    const ps = params(Dense(2, 1))
    const grads = gradient(() => [...ps][0].sum(), ps)
    for (const target of [x, tensor(1), ps, grads]) {
      const prototype = Object.getPrototypeOf(target) as object
      for (const [name, { value: method }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
        if (
          typeof method !== 'function' ||
          [
            'constructor',
            'dispose',
            'register',
            'escape',
            'alias',
            'settle',
            'unlink',
            'check',
            'startWrite',
            'settleWaiting',
            'endScratch',
            'moveTo',
            'free',
          ].includes(name)
        )
          continue
        for (const value of chosen(name, 0)) scope(() => check(name, () => method.call(target, value)))
      }
    }
    expectToTrain()
  })
})

describe('a call that fails outside of every scope leaves nothing', () => {
  const [floats, ints] = [tensor([300, 1]), tensor([1, 2], { dtype: 'int32' })]
  const model = Dense(2, 1)
  it.each<[name: string, call: () => unknown]>([
    ['assign', () => tensor([1, 2]) && ints.assign(tensor([Number.NaN, 1]))],
    ['cast', () => floats.cast('uint8')],
    ['arange', () => flux.arange(0, 300, 1, { dtype: 'uint8' })],
    ['full', () => flux.full([2], 300, { dtype: 'uint8' })],
    ['tensor', () => tensor([1, 300], { dtype: 'uint8' })],
    ['tensor of rows', () => tensor([floats, [1, 2], ['a']] as never)],
    ['tensor of rows of several shapes', () => tensor([floats, ones([3])])],
    ['gather', () => ints.gather([0.5])],
    ['oneHot', () => flux.oneHot([-5])],
    ['loadState', () => flux.loadState(model, { weight: ones([2, 2]), bias: floats })],
    ['accuracy', () => flux.accuracy(model, [ones([1, 2]), ones([3])])],
    ['splitObs', () => flux.splitObs(floats, { at: 0.5, stratified: [1] })],
    ['saveSafetensors', () => flux.saveSafetensors({ a: 1.5, b: floats })],
  ])('%s', (_, call) => {
    const given = state([floats, ints, model])
    const before = memory().tensors
    expect(call).toThrow()
    // What the row itself made is as many tensors as its text says.
    const own = (call.toString().match(/\b(ones|tensor)\(\[[\d., NumberaN]*\]/g) ?? []).length
    expect(memory().tensors - before).toBeLessThanOrEqual(own)
    expect(given.size).toBe(4)
  })
})
