// A run of a day, in less than a second: the clock goes on by three minutes at each step.
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Adam, DataLoader, Dense, logTo, manualSeed, mse, params, rand, type Tensor, throttle, train } from 'fluxtape'
import { afterAll, afterEach, beforeEach, expect, it, vi } from 'vitest'

const root = fs.mkdtempSync(join(tmpdir(), 'fluxtape-'))
afterAll(() => fs.rmSync(root, { recursive: true }))
const [HOURS, STEPS] = [24, 20]
let now = 0
beforeEach(() => {
  now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  vi.spyOn(console, 'info').mockImplementation(() => {})
})
afterEach(() => vi.restoreAllMocks())

interface Seen {
  readonly left: number[]
  readonly rates: number[]
  readonly told: number[]
}

/** An epoch an hour; what progress and a throttled function were told. */
async function day(path: string, seen: Seen, until?: number) {
  manualSeed(4)
  const model = Dense(2, 1)
  const x = rand([STEPS, 2])
  const data = new DataLoader([x, x.sum(1, { keepDims: true })], { shuffle: true })
  const hourly = throttle((step: number) => seen.told.push(step), 3600)
  const clock = ({ step }: { step: number }) => {
    now += 180_000
    hourly(step)
  }
  const { epochs, steps } = await train((a: Tensor, b: Tensor) => mse(model(a), b), params(model), data, Adam(), {
    epochs: HOURS,
    steps: until,
    callbacks: [clock, logTo(join(path, 'log.csv'))],
    progress: ({ left, rate }) => {
      seen.left.push(left ?? -1)
      seen.rates.push(rate)
    },
    validation: () => 1,
    checkpoint: { path, every: { minutes: 180 } },
    resume: path,
  })
  return {
    epochs: epochs.map(({ seconds }) => seconds),
    losses: steps.map(({ loss }) => loss),
    log: fs.readFileSync(join(path, 'log.csv'), 'utf8'),
  }
}
const nothing = (): Seen => ({ left: [], rates: [], told: [] })

it('is saved each three hours, tells how long it takes, and is the same where the power failed at noon', async () => {
  const rename = vi.spyOn(fs.promises, 'rename')
  const seen = nothing()
  const whole = await day(join(root, 'whole'), seen)
  const saved = rename.mock.calls.flatMap(([, name]) => /step-(\d+)/.exec(`${name}`)?.[1] ?? [])
  // The first epoch is the best, from which the three hours count anew.
  expect(saved.map(Number)).toEqual([0, 20, 80, 140, 200, 260, 320, 380, 440, 480])
  expect(whole.epochs).toEqual(Array(HOURS).fill(3600))
  // The clock of a step goes on after it was counted.
  const noon = seen.left.length / 2
  expect(seen.rates[noon]).toBeCloseTo(1 / 180, 4)
  expect(seen.left[noon] / 3600).toBeCloseTo(12, 0)
  expect(seen.told).toEqual(Array.from({ length: HOURS }, (_, i) => i * STEPS))

  const path = join(root, 'broken')
  await day(path, nothing(), 251)
  now += 1e7
  expect(await day(path, nothing())).toEqual(whole)
})
