import { refuseSurplus } from '../errors.ts'
import { type Hyper, type HyperInput, Rule, type RuleDefinition, type Schedule } from './rule.ts'

/** The arguments of a rule: hyperparameters in order, the last options object by name. */
export type RuleArguments<H extends Hyper> = readonly (H[keyof H] | Schedule | HyperInput<H> | undefined)[]

/**
 * Makes a rule: its constructor takes the hyperparameters in the order of the definition, or by name in a last object. Throws TypeError for
 * an unknown name.
 *
 * @example
 * const Scaled = rule('Scaled', { hyper: { eta: 0.1 }, step: ({ eta }, slots, x, g) => g.mul(eta) })
 * apply(Scaled(0.5), tensor([1]), tensor([4])).toArray() // [2]
 */
export function rule<H extends Hyper>(name: string, definition: RuleDefinition<H>): (...args: RuleArguments<H>) => Rule<H> {
  if (arguments.length > 2) refuseSurplus('rule', 2, arguments)
  const names = Object.keys(definition.hyper)
  // A declaration, so that `new` does no harm.
  function make(...args: RuleArguments<H>): Rule<H> {
    const last = args.at(-1)
    const byName = isRecord(last) ? last : undefined
    const positional = byName ? args.slice(0, -1) : args
    if (positional.length > names.length) {
      throw new TypeError(`${name}: takes ${names.length} hyperparameters (${names.join(', ')}): ${positional.length} came.`)
    }
    const written: Record<string, unknown> = {}
    positional.forEach((value, i) => {
      if (value !== undefined) written[names[i]] = value
    })
    for (const key in byName) {
      if (!names.includes(key)) throw new TypeError(`${name}: there is no hyperparameter '${key}'. It has ${names.join(', ')}.`)
      const value = (byName as Record<string, unknown>)[key]
      if (value !== undefined) written[key] = value
    }
    for (const key in written) checkKind(name, key, written[key], definition.hyper[key])
    return new Rule(name, definition, written as HyperInput<H>)
  }
  return make
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Throws TypeError unless the value is of the default's kind, or a schedule in the place of a number. */
export function checkKind(rule: string, name: string, value: unknown, sample: unknown): void {
  const fits =
    typeof sample === 'number'
      ? typeof value === 'number' || typeof value === 'function'
      : Array.isArray(sample)
        ? Array.isArray(value) && value.length === sample.length && value.every(each => typeof each === 'number')
        : typeof value === typeof sample
  if (fits) return
  const kind =
    typeof sample === 'number'
      ? 'a number or a schedule'
      : Array.isArray(sample)
        ? `a list of ${sample.length} numbers`
        : `a ${typeof sample}`
  throw new TypeError(`${rule}: ${name} must be ${kind}: ${String(value)}.`)
}
