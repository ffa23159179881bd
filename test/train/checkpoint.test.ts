// A run that was stopped at any step and is taken up from its folder ends with the bits of one that was not.
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as flux from 'fluxtape'
import {
  Adam,
  adjust,
  BatchNorm,
  Chain,
  DataLoader,
  Dense,
  Dropout,
  jit,
  manualSeed,
  mse,
  optimizerState,
  params,
  rand,
  relu,
  setup,
  state,
  type Tensor,
  tensor,
  train,
} from 'fluxtape'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'

const root = mkdtempSync(join(tmpdir(), 'fluxtape-'))
afterAll(() => rmSync(root, { recursive: true }))
beforeEach(() => vi.spyOn(console, 'info').mockImplementation(() => {}))

manualSeed(1)
const x = rand([10, 2])
const y = x.sum(1, { keepDims: true })

interface Kind {
  readonly rule?: () => flux.Optimizer
  readonly seed?: number
  readonly isJit?: boolean
  readonly isExplicit?: boolean
  readonly data?: () => Iterable<Tensor[]>
  readonly validation?: () => Iterable<Tensor[]>
}

/** Two epochs of three steps into a folder, or as many steps as are told. */
async function run(
  folder: string,
  { rule = () => Adam(0.01), seed, isJit, isExplicit, data, validation = () => [[x, y]] }: Kind,
  steps?: number,
) {
  manualSeed(7)
  const model = Chain(Dense(2, 4), BatchNorm(4, relu), Dropout(0.3), Dense(4, 1))
  const ps = params(model)
  const opt = rule()
  let memory = { seen: tensor([0]), count: Number.NEGATIVE_INFINITY, list: new Float64Array(2) }
  const callback: flux.Callback = {
    onStep: ({ step, loss }) => {
      memory = { seen: flux.keep(memory.seen.add(loss)), count: Math.max(memory.count, step), list: memory.list.map(each => each + loss) }
      if (step === 1 && 'eta' in ((opt as unknown as { hyper?: object }).hyper ?? {})) adjust(opt, 0.005)
    },
    state: () => memory,
    load: saved => void (memory = saved as typeof memory),
  }
  const batches = data?.() ?? new DataLoader([x, y], { batchSize: 4, shuffle: true, seed })
  const options = {
    epochs: 2,
    steps,
    callbacks: callback,
    checkpoint: { path: folder, every: 2 },
    resume: folder,
    validation: validation(),
  }
  const loss = (a: Tensor, b: Tensor) => mse(model(a), b)
  const explicit = (m: typeof model, a: Tensor, b: Tensor) => mse(m(a), b)
  const history = isExplicit
    ? await train(explicit as never, model, batches as never, setup(opt, model), options)
    : await train(isJit ? jit(loss) : loss, ps, batches as never, opt, options)
  const bits = (each: Tensor | number) => (typeof each === 'number' ? each : [...each.data()])
  return {
    model: [...state(model)].map(([path, each]) => [path, bits(each)]),
    slots: [...optimizerState(opt, ps)].map(([path, each]) => [path, bits(each)]),
    steps: [...history.steps],
    epochs: history.epochs.map(({ seconds, ...rest }) => rest),
    memory: { ...memory, seen: bits(memory.seen) },
  }
}

let folders = 0
const fresh = () => join(root, `${folders++}`)

const all = [
  'Descent',
  'Momentum',
  'Nesterov',
  'RMSProp',
  'Adam',
  'AdamW',
  'RAdam',
  'AdaMax',
  'OAdam',
  'AMSGrad',
  'NAdam',
  'AdaBelief',
  'AdaGrad',
  'AdaDelta',
  'Rprop',
  'Lion',
  'Muon',
] as const
const rules = process.env.FLUXTAPE_NIGHTLY ? all : (['Adam', 'AMSGrad', 'Muon'] as const)
const kinds: readonly [name: string, kind: Kind][] = [
  ...rules.map((name): [string, Kind] => [name, { rule: () => (flux[name] as () => flux.Optimizer)() }]),
  ['a chain with half a sum', { rule: () => flux.OptimizerChain(flux.AccumGrad(3), flux.ClipNorm(1), Adam(flux.Exp(0.1, 0.9))) }],
  ['a loader with a seed', { seed: 3 }],
  ['jit', { isJit: true }],
  ['jit in the middle of half a sum', { isJit: true, rule: () => flux.OptimizerChain(flux.AccumGrad(4), Adam(0.01)) }],
  [
    'a loader with a seed for validation',
    {
      validation: () =>
        new DataLoader([x, y], { batchSize: 4, shuffle: true, seed: 5, map: ([a, b]) => [a.add(rand([1])), b] }) as Iterable<Tensor[]>,
    },
  ],
  ['the explicit form', { isExplicit: true }],
  [
    'another iterable',
    {
      data: () =>
        ({ [Symbol.iterator]: () => new DataLoader([x, y], { batchSize: 4, shuffle: true })[Symbol.iterator]() }) as Iterable<Tensor[]>,
    },
  ],
]

describe.each(kinds)('%s', (_, kind) => {
  it('ends with the same bits, wherever it was stopped', async () => {
    const whole = await run(fresh(), kind)
    for (const until of process.env.FLUXTAPE_NIGHTLY ? [0, 2, 3, 5] : [1, 3]) {
      const folder = fresh()
      await run(folder, kind, until + 1)
      expect(await run(folder, kind)).toEqual(whole)
    }
  })
})

it.each(['steps', 'epochs'])('one loader with a seed for data and validation, out of %s', async what => {
  const seen = async (path: string, end?: number) => {
    manualSeed(7)
    const model = Dense(2, 1)
    const data = new DataLoader(x, { batchSize: 4, shuffle: true, seed: 3 })
    const lists: number[][] = []
    const loss = (a: Tensor) => {
      lists.push([...a.data()])
      return mse(model(a), a.sum(1, { keepDims: true }))
    }
    const options = { epochs: 3, validation: data, checkpoint: { path }, resume: path, ...(end && { [what]: end }) }
    await train(loss, params(model), data, Adam(), options)
    return lists
  }
  const whole = await seen(fresh())
  for (const end of [1, 2]) {
    const path = fresh()
    const before = await seen(path, what === 'steps' ? end + 3 : end)
    // An epoch that is cut short is validated, too.
    const taken = what === 'steps' ? before.slice(0, -3) : before
    expect([...taken, ...(await seen(path))]).toEqual(whole)
  }
})

it('a finished run resolves at once, with the whole history', async () => {
  const folder = fresh()
  const whole = await run(folder, {})
  expect(readdirSync(folder).sort()).toEqual(['best.safetensors', 'step-3.safetensors', 'step-4.safetensors', 'step-6.safetensors'])
  expect(await run(folder, {})).toEqual(whole)
})

it.each([
  ['cut', (path: string) => truncateSync(path, 900)],
  ['empty', (path: string) => writeFileSync(path, '')],
  [
    'flipped',
    (path: string) => {
      const bytes = readFileSync(path)
      bytes[bytes.length - 9] ^= 1
      writeFileSync(path, bytes)
    },
  ],
])('a checkpoint that is %s is refused, and the one before is taken', async (_, damage) => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const folder = fresh()
  const whole = await run(folder, {})
  damage(join(folder, 'step-6.safetensors'))
  expect(await run(folder, {})).toEqual(whole)
  expect(warn.mock.calls.flat()).toEqual([expect.stringContaining("step-6.safetensors' is damaged")])
  warn.mockRestore()
})

describe('refused by name', () => {
  const start = (path: string, model = Dense(2, 1), opt: flux.Optimizer = Adam(), options: object = { resume: path }) =>
    train((a: Tensor, b: Tensor) => mse(model(a), b), params(model), [[x, y]], opt, { checkpoint: { path }, ...options })
  it('a checkpoint of another model, rule or list of callbacks, and a folder that is in use', async () => {
    const path = fresh()
    await start(path)
    await expect(start(path, Dense(2, 1, { bias: false } as never))).rejects.toThrow(
      'is of another model: bias is float32 [1] there, nothing here',
    )
    await expect(start(path, undefined, flux.Momentum())).rejects.toThrow('is of another rule: Adam there, Momentum here')
    await start(path, undefined, undefined, { resume: path, callbacks: [() => {}, { load() {} }] })
    await expect(start(path, undefined, undefined, { resume: path, callbacks: flux.ema() })).rejects.toThrow(
      'another list of callbacks: 0 with a state there, 1 here. Pass those that have a state() as before, in the same order',
    )
    await expect(start(path, undefined, undefined, {})).rejects.toThrow('has checkpoints of another run: step 1. Pass { resume:')
  })
  it('a path that cannot be written', async () => {
    const path = fresh()
    writeFileSync(path, 'a file')
    await expect(start(path)).rejects.toThrow(`'${path}`)
  })
  it.each([
    [{ checkpoint: { path: '' } }, 'the path of checkpoint is a folder'],
    [{ checkpoint: { path: 'a', keep: 0 } }, 'keep of checkpoint is a whole number from 1: 0'],
    [{ checkpoint: { path: 'a', every: 0 } }, 'every of checkpoint is a number of steps'],
    [{ checkpoint: { path: 'a', each: 0 } }, "there is no option 'each'"],
    [{ checkpoint: 'a' }, "checkpoint is an object: 'a' came. Write { checkpoint: { path: 'run' } }."],
    [{ checkpoint: true }, "checkpoint is an object: true came. Write { checkpoint: { path: 'run' } }."],
    [
      { checkpoint: { path: 'a', every: { minutes: 0 } } },
      'every of checkpoint is a number of steps, \'epoch\' or { minutes: n }: {"minutes":0}',
    ],
    [{ epochs: '3' }, "epochs is a whole number from 1: '3'"],
    [{ resume: 'run/step-3.safetensors' }, "resume is the folder of checkpoints: 'run/step-3.safetensors' came"],
    [{ resume: `${'runs/'.repeat(9)}step-3.safetensors` }, `resume is the folder of checkpoints: '${'runs/'.repeat(8)}...' came`],
    [{ resume: true }, 'resume is the folder of checkpoints: true came'],
  ])('%o', (options, text) => {
    expect(() => start('a', undefined, undefined, { checkpoint: undefined, ...options })).toThrow(text)
  })
})
