import { checkBoolean, checkOptions, kindOf, rangeError, refuseSurplus, typeError } from '../errors.ts'
import { asksPath, type Schedule } from './definition.ts'
import { power } from './power.ts'

/** A function of the count of steps from 0, as the functions here give it. */
export type StepFunction = (step: number) => number

/** A schedule, which may ask for the path, or a number that stays. */
export type ScheduleInput = Schedule | number

/** Throws TypeError for what is no number, RangeError for one that is not finite, or not above 0 for a period or a count of steps. `takes`: all arguments. */
function check(name: string, numbers: Readonly<Record<string, unknown>>, takes = Object.keys(numbers).join(', ')): void {
  for (const [key, value] of Object.entries(numbers)) {
    if (typeof value !== 'number') throw typeError(name, `${key} must be a number`, `${kindOf(value)} came`, `Write ${name}(${takes}).`)
    const isLength = key === 'period' || key === 'steps' || key === 'rate' || key === 'stepSizes' || key === 'maxIter'
    // The last of a sequence may go on for ever.
    if (isLength ? value > 0 : Number.isFinite(value)) continue
    throw rangeError(name, `${key} must ${isLength ? 'lie above 0' : 'be finite'}`, value)
  }
}

const STEP = 'start, decay, stepSizes'

/** A schedule of what may be a number. */
function scheduleOf(name: string, input: unknown): Schedule {
  if (typeof input === 'function') return input as Schedule
  if (typeof input === 'number') {
    check(name, { schedule: input })
    return () => input
  }
  throw typeError(name, 'takes a schedule, or a number that stays', `${kindOf(input)} came`, 'Write step => 0.1.')
}

/** A schedule made of others, which asks for the path if one of them does. */
function over(parts: readonly Schedule[], schedule: Schedule): StepFunction {
  return parts.some(asksPath) ? (schedule as StepFunction) : step => schedule(step, '')
}

/** Cosine from 1 at 0 to 0 at 1. */
function fall(part: number): number {
  return (1 + Math.cos(Math.PI * part)) / 2
}

/**
 * Falls by stages: start · decayⁱ, where i counts the stages that are over. A stage takes `stepSizes` steps; a list gives the length of each (not the
 * steps at which they end, as PyTorch's milestones), and behind it the value stays. Throws TypeError for what is no number and for a list of none, RangeError for a length that is not above 0.
 * @example [0, 1, 2, 3].map(Step(1, 0.5, 2)) // [1, 1, 0.5, 0.5]
 */
export function Step(start: number, decay: number, stepSizes: number | readonly number[]): StepFunction {
  if (arguments.length > 3) refuseSurplus('Step', 3, arguments)
  check('Step', { start, decay }, STEP)
  if (Object(stepSizes).length === 0) throw typeError('Step', 'there is no stage', '', 'Write Step(1, 0.5, 10), or [10, 20].')
  for (const each of [stepSizes].flat()) check('Step', { stepSizes: each }, STEP)
  if (typeof stepSizes === 'number') return step => start * power(decay, Math.floor(step / stepSizes))
  let sum = 0
  const ends = stepSizes.map(size => {
    sum += size
    return sum
  })
  return step => start * power(decay, ends.filter(end => end <= step).length)
}

/** Falls by the same factor at each step: start · decayˢ at step s. Throws TypeError for what is no number, RangeError for one that is not finite.
 * @example [0, 1, 2].map(Exp(1, 0.5)) // [1, 0.5, 0.25] */
export function Exp(start: number, decay: number): StepFunction {
  if (arguments.length > 2) refuseSurplus('Exp', 2, arguments)
  check('Exp', { start, decay })
  return step => start * power(decay, step)
}

/** Falls as a power to 0 at maxIter, where it stays (Liu, Rabinovich & Berg 2015): start · (1 - s / maxIter)^degree at step s. Throws TypeError for what is no number,
 * RangeError for a maxIter that is not above 0.
 * @example [0, 2, 4, 6].map(Poly(1, 1, 4)) // [1, 0.5, 0, 0] */
export function Poly(start: number, degree: number, maxIter: number): StepFunction {
  if (arguments.length > 3) refuseSurplus('Poly', 3, arguments)
  check('Poly', { start, degree, maxIter })
  return step => (step < maxIter ? start * (1 - step / maxIter) ** degree : 0)
}

/** Falls as the inverse of a power: start / (1 + s · decay)^degree at step s. Throws TypeError for what is no number, RangeError for one that is
 * not finite.
 * @example [0, 1, 3].map(Inv(1, 1, 1)) // [1, 0.5, 0.25] */
export function Inv(start: number, decay: number, degree: number): StepFunction {
  if (arguments.length > 3) refuseSurplus('Inv', 3, arguments)
  check('Inv', { start, decay, degree })
  return step => start / (1 + step * decay) ** degree
}

/** A wave of straight lines between two values (Smith 2017): from the smaller one up in half a period, and down again. Throws TypeError for what is no
 * number, RangeError for a period that is not above 0.
 * @example [0, 1, 2, 3, 4].map(Triangle(0, 1, 4)) // [0, 0.5, 1, 0.5, 0] */
export function Triangle(l0: number, l1: number, period: number): StepFunction {
  if (arguments.length > 3) refuseSurplus('Triangle', 3, arguments)
  return wave('Triangle', l0, l1, period, part => 2 * Math.min(part, 1 - part))
}

/** A wave of half sines between two values: |l0 - l1| · |sin(πs / period)| above the smaller one, at step s. Throws TypeError for what is no number,
 * RangeError for a period that is not above 0.
 * @example [0, 1, 2].map(Sin(0, 1, 2)) // [0, 1, 0] */
export function Sin(l0: number, l1: number, period: number): StepFunction {
  if (arguments.length > 3) refuseSurplus('Sin', 3, arguments)
  return wave('Sin', l0, l1, period, part => Math.sin(Math.PI * part))
}

/** What goes between two values by its place in the period, in [0, 1). */
function wave(name: string, l0: number, l1: number, period: number, form: (part: number) => number): StepFunction {
  check(name, { l0, l1, period })
  return step => Math.abs(l0 - l1) * form((step % period) / period) + Math.min(l0, l1)
}

/**
 * Falls by a cosine from the larger of two values to the smaller one within a period (Loshchilov & Hutter 2017), and begins again, or with `restart: false`
 * rises as it fell. `CosAnneal(l0, l1, period, { restart = true })`. One that stays at its end is
 * `Sequence([CosAnneal(1, 0, 100), 100], [0])`. Throws TypeError for what is no number, RangeError for a period that is not above 0.
 * @example [0, 1, 2, 3].map(CosAnneal(1, 0, 2)) // [1, 0.5, 1, 0.5]
 */
export function CosAnneal(l0: number, l1: number, period: number, options: { readonly restart?: boolean | undefined } = {}): StepFunction {
  checkOptions('CosAnneal', options, ['restart'])
  if (arguments.length > 4) refuseSurplus('CosAnneal', 4, arguments)
  check('CosAnneal', { l0, l1, period })
  const { restart = true } = options
  checkBoolean('CosAnneal', 'restart', restart)
  return step => Math.abs(l0 - l1) * fall((restart ? step % period : step) / period) + Math.min(l0, l1)
}

/**
 * One rise by a cosine from startval to max within the first percentStart of all steps, and one fall to endval, where it stays (Smith & Topin 2018).
 * `OneCycle(steps, max, { startval = max / 25, endval = max / 1e5, percentStart = 0.25 })`. Throws TypeError for what is no number, RangeError for a
 * number of steps that is not above 0, or a share that is not in [0, 1].
 * @example [0, 1, 2, 3, 4].map(OneCycle(4, 1, { startval: 0, endval: 0, percentStart: 0.5 })) // [0, 0.5, 1, 0.5, 0]
 */
export function OneCycle(
  steps: number,
  max: number,
  options: {
    readonly startval?: number | undefined
    readonly endval?: number | undefined
    readonly percentStart?: number | undefined
  } = {},
): StepFunction {
  checkOptions('OneCycle', options, ['startval', 'endval', 'percentStart'])
  if (arguments.length > 3) refuseSurplus('OneCycle', 3, arguments)
  check('OneCycle', { steps, max })
  const { startval = max / 25, endval = max / 1e5, percentStart = 0.25 } = options
  check('OneCycle', { startval, endval, percentStart }, 'steps, max, { startval, endval, percentStart }')
  if (!(percentStart >= 0 && percentStart <= 1)) throw rangeError('OneCycle', 'percentStart must lie in [0, 1]', percentStart)
  const top = Math.ceil(steps * percentStart)
  return step => {
    if (step < top) return max + (startval - max) * fall(step / top)
    return step < steps ? endval + (max - endval) * fall((step - top) / (steps - top)) : endval
  }
}

/** Rises in equal parts to what a schedule begins with (Goyal et al. 2017), s(0) · (step + 1) / steps, and then follows it from its beginning, again
 * and again if that is what it does, as `CosAnneal`. Throws TypeError for what
 * is neither a schedule nor a number, RangeError for a number of steps that is not above 0.
 * @example [0, 1, 2, 3].map(Warmup(Exp(1, 0.5), 2)) // [0.5, 1, 1, 0.5] */
export function Warmup(schedule: ScheduleInput, steps: number): StepFunction {
  if (arguments.length > 2) refuseSurplus('Warmup', 2, arguments)
  const s = scheduleOf('Warmup', schedule)
  check('Warmup', { steps }, 'schedule, steps')
  return over([s], (step, path) => (step < steps ? (s(0, path) * (step + 1)) / steps : s(step - steps, path)))
}

/**
 * Schedules one behind the other, each with its number of steps and a count of its own; the last one goes on for ever: `Sequence([Warmup(0.1, 10), 100],
 * [CosAnneal(0.1, 0, 50)])`. Throws TypeError for what is neither a schedule nor a number, RangeError for a number of steps that is not above 0.
 * @example [0, 1, 2, 3].map(Sequence([1, 2], [Exp(0.5, 0.5)])) // [1, 1, 0.5, 0.25]
 */
export function Sequence(...parts: readonly (readonly [schedule: ScheduleInput, steps?: number])[]): StepFunction {
  const list = parts.map((part, i) => {
    if (!Array.isArray(part))
      throw typeError('Sequence', 'takes pairs [schedule, steps]', `${kindOf(part)} came`, 'Write Sequence([schedule, steps], ...).')
    const steps: unknown = part[1] ?? (i === parts.length - 1 ? Number.POSITIVE_INFINITY : undefined)
    check('Sequence', { steps }, '[schedule, steps], ...')
    return [scheduleOf('Sequence', part[0]), steps as number] as const
  })
  if (list.length === 0) throw typeError('Sequence', 'there is no schedule', '', 'Write Sequence([Warmup(0.1, 10), 100], [0.01]).')
  return over(
    list.map(([schedule]) => schedule),
    (step, path) => {
      let left = step
      let at = 0
      for (; at < list.length - 1 && left >= list[at][1]; at++) left -= list[at][1]
      return list[at][0](left, path)
    },
  )
}

/** Begins a schedule again after each period: s(step mod period). Throws TypeError for what is neither a schedule nor a number, RangeError for a period
 * that is not above 0.
 * @example [0, 1, 2, 3].map(Loop(Exp(1, 0.5), 2)) // [1, 0.5, 1, 0.5] */
export function Loop(schedule: ScheduleInput, period: number): StepFunction {
  if (arguments.length > 2) refuseSurplus('Loop', 2, arguments)
  const s = scheduleOf('Loop', schedule)
  check('Loop', { period }, 'schedule, period')
  return over([s], (step, path) => s(step % period, path))
}

/** Slows a schedule down, such as one of epochs, which have `rate` steps: s(⌈(step + 1) / rate⌉ - 1). Throws TypeError for what is neither a schedule nor
 * a number, RangeError for a rate that is not above 0.
 * @example [0, 1, 2, 3].map(Interpolator(Exp(1, 0.5), 2)) // [1, 1, 0.5, 0.5] */
export function Interpolator(schedule: ScheduleInput, rate: number): StepFunction {
  if (arguments.length > 2) refuseSurplus('Interpolator', 2, arguments)
  const s = scheduleOf('Interpolator', schedule)
  check('Interpolator', { rate }, 'schedule, rate')
  return over([s], (step, path) => s(Math.ceil((step + 1) / rate) - 1, path))
}

/** A schedule from its step `offset` on: s(step + offset). Throws TypeError for what is neither a schedule nor a number, RangeError for an offset that is
 * not finite.
 * @example [0, 1].map(Shifted(Exp(1, 0.5), 2)) // [0.25, 0.125] */
export function Shifted(schedule: ScheduleInput, offset: number): StepFunction {
  if (arguments.length > 2) refuseSurplus('Shifted', 2, arguments)
  const s = scheduleOf('Shifted', schedule)
  check('Shifted', { offset }, 'schedule, offset')
  return over([s], (step, path) => s(step + offset, path))
}
