// Schedules against test/oracle/schedules.json, which generate.py makes: PyTorch's values, or those of ParameterSchedulers.jl.
import { readFileSync } from 'node:fs'
import type { Schedule } from 'fluxtape'
import * as fluxtape from 'fluxtape'
import { describe, expect, it } from 'vitest'
import * as schedules from '../../src/optimizers/schedules.ts'
import { refuses } from '../errors/table.ts'

interface Written {
  readonly op: string
  readonly args: readonly unknown[]
}
interface Row extends Written {
  readonly at: readonly number[]
  readonly values: readonly number[]
}

const rows = JSON.parse(readFileSync('test/oracle/schedules.json', 'utf8')) as Row[]
const library = fluxtape as unknown as Record<string, (...args: unknown[]) => (step: number) => number>

function made(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(made)
  return typeof value === 'object' && value !== null && 'op' in value
    ? library[(value as Written).op](...(value as Written).args.map(made))
    : value
}

it('every schedule has rows', () => {
  expect([...new Set(rows.map(({ op }) => op))].sort()).toEqual(Object.keys(schedules).sort())
})

it.each(rows.map(row => [`${row.op}(${row.args.map(each => JSON.stringify(each)).join(', ')})`, row] as const))('%s', (_, row) => {
  const schedule = made(row) as (step: number) => number
  row.at.forEach((step, i) => {
    const scale = Math.max(Math.abs(row.values[i]), 1e-3)
    expect(Math.abs(schedule(step) - row.values[i]) / scale, `at step ${step}`).toBeLessThan(1e-11)
  })
})

const {
  adjust,
  CosAnneal,
  Descent,
  Exp,
  gradient,
  Interpolator,
  Loop,
  OneCycle,
  OptimizerChain,
  ones,
  params,
  Poly,
  Sequence,
  Shifted,
  Step,
  stack,
  tensor,
  update,
  Warmup,
  WeightDecay,
} = fluxtape

describe('a schedule', () => {
  it('of schedules is a learning rate', () => {
    const [x, opt] = [tensor([0]), Descent(Warmup(Sequence([1, 1], [Exp(0.5, 0.5)]), 2))]
    const at = Array.from({ length: 5 }, () => {
      update(opt, x, ones([1]))
      return x.item()
    })
    expect(at).toEqual([-0.5, -1.5, -2.5, -3, -3.25])
  })

  it('may be a function of the user inside of others', () => {
    expect([0, 1, 2, 3].map(Loop(step => 10 + step, 2))).toEqual([10, 11, 10, 11])
  })

  it.each<[string, (schedule: Schedule) => Schedule]>([
    ['alone', schedule => schedule],
    ['Warmup', schedule => Warmup(schedule, 1)],
    ['Sequence', schedule => Sequence([schedule, 5], [7])],
    ['Loop', schedule => Loop(schedule, 2)],
    ['Interpolator', schedule => Interpolator(schedule, 2)],
    ['Shifted', schedule => Shifted(schedule, 2)],
    ['all of them', schedule => Shifted(Warmup(Loop(Interpolator(Sequence([schedule]), 2), 2), 1), 0)],
  ])('by path is asked by path: %s', (_, within) => {
    const ways: Schedule[] = [
      (_step, path) => (path === 'a' ? 1 : 2),
      (_step, path = '') => (path === 'a' ? 1 : 2),
      (_step = 0, path = '') => (path === 'a' ? 1 : 2),
      (...asked) => (asked[1] === 'a' ? 1 : 2),
      (_step, ...rest) => (rest[0] === 'a' ? 1 : 2),
    ]
    for (const schedule of ways) {
      const model = { a: tensor([0]), b: tensor([0]) }
      for (const opt of [Descent(within(schedule)), Descent(0.5)]) {
        adjust(opt, within(schedule))
        update(
          opt,
          params(model),
          gradient(() => model.a.add(model.b).sum(), params(model)),
        )
      }
      expect([model.a.item(), model.b.item()], String(schedule)).toEqual([-2, -4])
      const weights = { a: ones([1]), b: ones([1]) }
      update(
        OptimizerChain(WeightDecay(within(schedule)), Descent(1)),
        params(weights),
        gradient(() => weights.a.add(weights.b).mul(0).sum(), params(weights)),
      )
      expect([weights.a.item(), weights.b.item()], String(schedule)).toEqual([0, -1])
    }
  })

  it('of the step alone is not asked for each parameter', () => {
    const times = (size: number, schedule: (step: number) => number) => {
      let count = 0
      const ask = (step: number) => {
        count++
        return schedule(step)
      }
      const counted = schedule.length > 0 ? ask : () => ask(0)
      const xs = Array.from({ length: size }, () => tensor([0]))
      update(
        Descent(Warmup(counted, 2)),
        params(xs),
        gradient(() => stack(xs).sum(), params(xs)),
      )
      update(
        Descent(counted),
        params(xs),
        gradient(() => stack(xs).sum(), params(xs)),
      )
      return count
    }
    for (const schedule of [(step: number) => Math.max(step, 1), () => 1]) expect(times(5, schedule)).toBe(times(1, schedule))
  })

  refuses([
    [
      "PyTorch's arguments",
      () => CosAnneal(1e-3, 100, undefined as never),
      'TypeError: CosAnneal: period must be a number: undefined came. Write CosAnneal(l0, l1, period).',
    ],
    [
      'arguments the other way round',
      () => Warmup(100, Exp(1, 0.5) as never),
      'TypeError: Warmup: steps must be a number: function came. Write Warmup(schedule, steps).',
    ],
    [
      "Flux's lists",
      () => Sequence([Exp(1, 0.5), Exp(1, 0.5)] as never, [3, 3]),
      'TypeError: Sequence: steps must be a number: function came. Write Sequence([schedule, steps], ...).',
    ],
    ['text', () => Exp('1' as never, 0.5), 'TypeError: Exp: start must be a number: string came. Write Exp(start, decay).'],
    [
      'a number that is left out',
      () => (Poly as (...args: number[]) => unknown)(1, 2),
      'TypeError: Poly: maxIter must be a number: undefined came. Write Poly(start, degree, maxIter).',
    ],
    ['NaN', () => Exp(Number.NaN, 0.5), 'RangeError: Exp: start must be finite: NaN.'],
    ['a stage without length', () => Step(1, 0.5, [3, 0]), 'RangeError: Step: stepSizes must lie above 0: 0.'],
    ['no stages', () => Step(1, 0.5, []), 'TypeError: Step: there is no stage. Write Step(1, 0.5, 10), or [10, 20].'],
    ['a period of 0', () => CosAnneal(1, 0, 0), 'RangeError: CosAnneal: period must lie above 0: 0.'],
    [
      'an option that is unknown',
      () => CosAnneal(1, 0, 5, { cycle: 2 } as never),
      "TypeError: CosAnneal: there is no option 'cycle'. There is restart.",
    ],
    [
      'OneCycle of what is no number',
      () => OneCycle(5, 1n as never),
      'TypeError: OneCycle: max must be a number: bigint came. Write OneCycle(steps, max).',
    ],
    ['a schedule that is NaN', () => Warmup(Number.NaN, 5), 'RangeError: Warmup: schedule must be finite: NaN.'],
    ['a share above 1', () => OneCycle(5, 1, { percentStart: 2 }), 'RangeError: OneCycle: percentStart must lie in [0, 1]: 2.'],
    [
      'what is no schedule',
      () => Shifted('up' as never, 2),
      'TypeError: Shifted: takes a schedule, or a number that stays: string came. Write step => 0.1.',
    ],
    [
      'a schedule without its steps',
      () => Sequence([1], [2]),
      'TypeError: Sequence: steps must be a number: undefined came. Write Sequence([schedule, steps], ...).',
    ],
    [
      'schedules that are no pairs',
      () => Sequence(1 as never),
      'TypeError: Sequence: takes pairs [schedule, steps]: number came. Write Sequence([schedule, steps], ...).',
    ],
    ['no schedules', () => Sequence(), 'TypeError: Sequence: there is no schedule. Write Sequence([Warmup(0.1, 10), 100], [0.01]).'],
  ])
})
