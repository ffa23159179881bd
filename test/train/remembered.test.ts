// Runs whose callbacks remember something: stopped at any step and taken up from their folder, they end as those that were not.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Adam,
  BatchNorm,
  Chain,
  Dense,
  earlyStopping,
  ema,
  logTo,
  manualSeed,
  mse,
  params,
  patience,
  plateau,
  state,
  type Tensor,
  train,
} from 'fluxtape'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { batches } from './problem.ts'

const root = mkdtempSync(join(tmpdir(), 'fluxtape-'))
afterAll(() => rmSync(root, { recursive: true }))
beforeEach(() => {
  for (const name of ['info', 'warn'] as const) vi.spyOn(console, name).mockImplementation(() => {})
})

let steps = 0
const SCORES = [5, 4, 6, Number.NaN, 4.5, 3]

/** Epochs of two steps, with all that there is; ended before a step if one is told, as if the process had been killed. */
async function run(folder: string, until = Number.POSITIVE_INFINITY, { stopAfter = 4, epochs = 6, suffix = 'jsonl' } = {}) {
  manualSeed(3)
  const model = Chain(Dense(2, 3), BatchNorm(3), Dense(3, 1))
  const opt = Adam(0.05)
  const stopping = earlyStopping({ metric: 'score', patience: stopAfter })
  const average = ema({ decay: 0.8 })
  const log = join(root, `${folder}.${suffix}`)
  const killing = ({ step }: { step: number }) => {
    if (step === until) throw new Error('killed')
  }
  const failed = await Promise.resolve(
    train((a: Tensor, b: Tensor) => mse(model(a), b), params(model), batches(2), opt, {
      epochs,
      metrics: { score: () => SCORES[steps / 2 - 1] },
      callbacks: [
        { onGradient: killing },
        { state: () => steps, load: saved => void (steps = saved as number), onStart: () => void (steps = 0), onStep: () => void steps++ },
        stopping,
        plateau({ metric: 'score', patience: 2, factor: 0.5 }),
        patience(({ epoch }) => epoch !== 1, 20),
        average,
        logTo(log, { every: 1 }),
      ],
      checkpoint: { path: join(root, folder), every: 1 },
      resume: join(root, folder),
    }),
  ).then(
    ({ epochs: all }) => all.length,
    error => error.message,
  )
  const bits = () => [...state(model)].map(([path, each]) => [path, [...each.data()]])
  const weights = bits()
  average.swap()
  const averaged = bits()
  average.dispose()
  return { failed, weights, averaged, best: stopping.best, eta: opt.hyper.eta, lines: readFileSync(log, 'utf8') }
}
describe('callbacks of a run that is taken up', () => {
  it.each(['jsonl', 'csv'])('remember what they knew, after each step, with a log in %s', async suffix => {
    const whole = await run(`whole-${suffix}`, undefined, { suffix })
    // The patience of both is used, and the best weights are not the last ones.
    expect([whole.failed, whole.best, whole.eta]).toEqual([6, { epoch: 5, value: 3 }, 0.025])
    for (const until of [1, 4, 5, 8, 11]) {
      const folder = `killed-${suffix}-${until}`
      expect((await run(folder, until, { suffix })).failed).toBe('killed')
      expect(await run(folder, undefined, { suffix })).toEqual(whole)
    }
  })

  it('end a run again that they had ended, and go on where they need not', async () => {
    const first = await run('ended', undefined, { stopAfter: 3 })
    expect([first.failed, first.best]).toEqual([5, { epoch: 1, value: 4 }])
    expect(await run('ended', undefined, { stopAfter: 3 })).toEqual(first)
    const more = await run('ended', undefined, { stopAfter: 4 })
    expect([more.failed, more.best]).toEqual([6, { epoch: 5, value: 3 }])
    const again = await run('patient', undefined, { epochs: 3 })
    expect(again.failed).toBe(3)
  })

  it('refuse what another callback has left, before anything is changed', async () => {
    const model = Dense(2, 1)
    const go = (callbacks: object[]) =>
      train((a: Tensor, b: Tensor) => mse(model(a), b), params(model), batches(2), Adam(0.05), {
        callbacks: callbacks as never,
        checkpoint: { path: join(root, 'swapped') },
        resume: join(root, 'swapped'),
        epochs: existsSync(join(root, 'swapped')) ? 2 : 1,
      })
    const log = join(root, 'swapped.jsonl')
    await go([ema(), logTo(log)])
    const lines = readFileSync(log, 'utf8')
    await expect(go([logTo(log), ema()])).rejects.toThrow(
      'logTo: load takes what state() of logTo gave: its bytes is undefined. The callbacks of a run that is taken up stand in the same order as before.',
    )
    expect(readFileSync(log, 'utf8')).toBe(lines)
    await go([ema(), logTo(log)])
  })
})
