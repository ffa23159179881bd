// The ready callbacks of a run that was stopped and is taken up from its folder end as in one that was not.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Adam,
  Dense,
  earlyStopping,
  ema,
  logTo,
  manualSeed,
  mse,
  ones,
  params,
  patience,
  plateau,
  rand,
  stop,
  type Tensor,
  train,
} from 'fluxtape'
import { afterAll, beforeEach, expect, it, vi } from 'vitest'

const root = mkdtempSync(join(tmpdir(), 'fluxtape-'))
afterAll(() => rmSync(root, { recursive: true }))
beforeEach(() => void vi.spyOn(console, 'info').mockImplementation(() => {}))

manualSeed(1)
const x = rand([8, 2])
const batches = [0, 4].map(i => [x.slice([[i, i + 4]]), ones([4, 1])])
/** What the validation gives, epoch for epoch: the best is the third. */
const VALUES = [3, 2, 1, 1.5, 1.5, 1.4, 1.3, 1.2]

/** Eight epochs of two steps, stopped after one if it is told; and what the callback leaves. */
async function run(path: string, make: (path: string) => { callback: object; left?: () => unknown }, until = -1) {
  manualSeed(7)
  const model = Dense(2, 1)
  const opt = Adam(0.1)
  const { callback, left } = make(path)
  let epoch = -1
  const told = { onEpoch: (record: { epoch: number }) => void (epoch = record.epoch) }
  const options = {
    ...{ epochs: 8, callbacks: [callback, told, ({ step }: { step: number }) => (step === until ? stop : undefined)] as never },
    ...{ checkpoint: { path, every: 3 }, resume: path, metrics: { known: () => VALUES.length }, validation: () => value(model) },
  }
  // A function of the weights alone would not turn where it is to: of how often it was asked in the whole run.
  let asked = 0
  const value = (_: unknown) => VALUES[asked++]
  const history = train((a: Tensor, b: Tensor) => mse(model(a), b), params(model), batches, opt, {
    ...options,
    callbacks: [
      { state: () => asked, load: (before: unknown) => void (asked = before as number) },
      ...(options.callbacks as never[]),
    ] as never,
  })
  const { epochs, steps } = await history
  const bits = () => [...params(model)].map(each => [...each.data()])
  return {
    epochs: epochs.map(({ seconds, ...rest }) => rest),
    steps: [...steps],
    epoch,
    eta: opt.hyper.eta,
    bits: bits(),
    left: left?.(),
    after: bits(),
  }
}

const withoutSeconds = (path: string) => readFileSync(path, 'utf8').replaceAll(/"seconds":[^}]*|,[^,\n]*(?=\n)/g, '')
it.each<[string, (path: string) => { callback: object; left?: () => unknown }]>([
  [
    'earlyStopping',
    () => {
      const callback = earlyStopping({ patience: 3 })
      return { callback, left: () => callback.best }
    },
  ],
  ['earlyStopping without the weights', () => ({ callback: earlyStopping({ patience: 4, restoreBest: false }) })],
  ['plateau', () => ({ callback: plateau({ patience: 2, factor: 0.5 }) })],
  ['patience', () => ({ callback: patience(({ validation = 0 }) => validation > 1, 3) })],
  ['patience of steps', () => ({ callback: patience(() => true, 11, { every: 'step' }) })],
  [
    'ema',
    () => {
      const callback = ema({ decay: 0.9 })
      return { callback, left: () => callback.swap() }
    },
  ],
  ['logTo', path => ({ callback: logTo(`${path}.jsonl`), left: () => withoutSeconds(`${path}.jsonl`) })],
  ['logTo, a table of steps', path => ({ callback: logTo(`${path}.csv`, { every: 2 }), left: () => readFileSync(`${path}.csv`, 'utf8') })],
])('%s', async (name, make) => {
  const folder = (kind: string) => join(root, `${name.replaceAll(/\W/g, '')}-${kind}`)
  const whole = await run(folder('whole'), make)
  for (const until of [0, 3, 6]) {
    const path = folder(`${until}`)
    await run(path, make, until)
    expect(await run(path, make)).toEqual(whole)
  }
})
