import { isRecord, kindOf, refuseSurplus, typeError, written } from '../errors.ts'
import { Params } from '../params/params.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { Hyper, HyperInput, LaneKernel, RuleDefinition, Schedule } from './definition.ts'
import { Optimizer, Rule } from './rule.ts'

/** The arguments of a rule: hyperparameters in order, the last options object by name. */
export type RuleArguments<H extends Hyper> = readonly (H[keyof H] | Schedule | HyperInput<H> | undefined)[]

/**
 * Makes a rule: its constructor takes the hyperparameters in the order of the definition, or by name in a last object; each number may be a
 * schedule, each boolean a choice among the parameters. The formula is a function of tensors: `step` gives what is subtracted from a parameter, of its shape; `factor` a number from the
 * steps of all parameters, by which all are multiplied. A slot is a tensor of the parameter's shape that the rule remembers, from zeros or the
 * start that is named for it. Throws TypeError for a definition that is none, and for an unknown name.
 *
 * @example
 * const AdaGrad = rule('AdaGrad', {
 *   hyper: { eta: 0.1, epsilon: 1e-8 },
 *   slots: { a: ({ epsilon }) => epsilon },
 *   step({ eta, epsilon }, { a }, x, g, t, write) {
 *     write('a', a.add(g.square()))
 *     return g.mul(eta).div(a.sqrt().add(epsilon))
 *   },
 * })
 * apply(AdaGrad(0.5), tensor([1]), tensor([4])).toArray() // [0.5]
 */
export function rule<H extends Hyper, const Kernel extends LaneKernel = LaneKernel>(
  name: string,
  definition: RuleDefinition<H, Kernel>,
): (...args: RuleArguments<H>) => Rule<H> {
  if (arguments.length > 2) refuseSurplus('rule', 2, arguments)
  checkDefinition(name, definition)
  const names = Object.keys(definition.hyper)
  // A declaration, so that `new` does no harm.
  function make(...args: RuleArguments<H>): Rule<H> {
    for (const each of args as readonly unknown[]) {
      if (holdsTensors(each)) throw misplaced(name, each)
      if (each instanceof Optimizer) throw nested(name, args, each, 'eta' in definition.hyper)
    }
    const last = args.at(-1)
    const byName = isRecord(last) ? last : undefined
    const positional = byName ? args.slice(0, -1) : args
    if (positional.length > names.length) {
      throw typeError(name, `takes ${names.length} hyperparameters (${names.join(', ')})`, `${positional.length} came`)
    }
    const written: Record<string, unknown> = {}
    positional.forEach((value, i) => {
      if (value !== undefined) written[names[i]] = value
    })
    for (const key in byName) {
      if (!names.includes(key)) throw unknown(name, key, names)
      const value = (byName as Record<string, unknown>)[key]
      if (value !== undefined) written[key] = value
    }
    // Of those of the library, the one that has no default.
    if (definition.kernel && definition.hyper.n === 0 && written.n === undefined) {
      throw typeError(name, 'takes the number of gradients to gather', '', `Write ${name}(4).`)
    }
    for (const key in written) checkKind(name, key, written[key], definition.hyper[key])
    return new Rule(name, definition as RuleDefinition<H>, written as HyperInput<H>)
  }
  return make
}

/** Throws TypeError for what is no definition. */
function checkDefinition(name: unknown, definition: unknown): void {
  if (typeof name !== 'string') throw typeError('rule', 'the name is a string', `${kindOf(name)} came`)
  const fault = faultOf(definition)
  if (!fault) return
  const wayOut = 'Write { hyper: { eta: 0.1 }, step: ({ eta }, slots, x, g) => g.mul(eta) }.'
  throw typeError('rule', `${fault} in the definition of ${name}`, '', wayOut)
}

function faultOf(definition: unknown): string | undefined {
  if (!isRecord(definition)) return `an object is wanted, ${kindOf(definition)} came,`
  const { hyper, slots = [], step, factor, check, kernel } = definition as Partial<RuleDefinition<Hyper>>
  if (!isRecord(hyper)) return `hyper is an object of defaults: ${kindOf(hyper)} came`
  const names: unknown = Array.isArray(slots) ? slots : isRecord(slots) ? Object.keys(slots) : undefined
  if (!Array.isArray(names)) return `slots are a list of names, or an object from name to start: ${kindOf(slots)} came`
  const odd = names.findIndex((slot, i) => typeof slot !== 'string' || slot === 't' || names.indexOf(slot) !== i)
  if (odd >= 0)
    return `a slot needs a name of its own, and 't' counts steps: ${typeof names[odd] === 'string' ? names[odd] : written(names[odd])} came`
  for (const [key, value] of Object.entries({ step, factor, check })) {
    if (value !== undefined && typeof value !== 'function') return `${key} is a function: ${kindOf(value)} came`
  }
  return [step, factor, kernel].filter(Boolean).length === 1 ? undefined : 'there must be one formula, step or factor,'
}

function holdsTensors(value: unknown): boolean {
  return value instanceof Tensor || value instanceof Params || (Array.isArray(value) && value[0] instanceof Tensor)
}

/** For the parameters, which other libraries want here. */
function misplaced(name: string, came: unknown): TypeError {
  const what = came instanceof Params ? 'a Params' : kindOf(came)
  return typeError(
    name,
    'takes numbers, the parameters go to what uses it',
    `${what} came`,
    `Write train(loss, ps, data, ${name}(...)), or update(opt, ps, grads).`,
  )
}

/** For an optimizer among the hyperparameters; what has a learning rate comes last. */
function nested(name: string, args: readonly unknown[], other: Optimizer, isLast: boolean): TypeError {
  const parts = [`${name}(${args.filter(each => typeof each === 'number').join(', ')})`, `${other.name}()`]
  if (isLast) parts.reverse()
  return typeError(name, 'takes numbers, no optimizer', `${other.name} came`, `Write OptimizerChain(${parts.join(', ')}).`)
}

/** What hyperparameters are called elsewhere, in small letters. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  eta: ['lr', 'learningrate', 'rate'],
  beta: ['betas'],
  epsilon: ['eps'],
  lambda: ['weightdecay', 'wd', 'decay'],
  rho: ['momentum', 'alpha'],
  omega: ['maxnorm', 'norm', 'clipnorm', 'max'],
}

function unknown(rule: string, key: string, names: readonly string[]): TypeError {
  return typeError(rule, `there is no hyperparameter '${key}'`, '', `${meantBy(key, names)}It has ${names.join(', ')}.`)
}

/** Asks for the hyperparameter that another library calls by this name. */
export function meantBy(key: string, names: readonly string[]): string {
  const plain = key.toLowerCase().replace(/[^a-z]/g, '')
  const meant = names.find(name => ELSEWHERE[name]?.includes(plain) || name === plain)
  return meant ? `Is ${meant} meant? ` : ''
}

/** Throws TypeError unless the value is of the default's kind, or a schedule in the place of a number. */
export function checkKind(rule: string, name: string, value: unknown, sample: unknown): void {
  const fits =
    typeof sample === 'number'
      ? typeof value === 'number' || typeof value === 'function'
      : Array.isArray(sample)
        ? Array.isArray(value) && value.length === sample.length && value.every(each => typeof each === 'number')
        : typeof value === typeof sample || typeof value === 'function'
  if (fits) return
  const kind =
    typeof sample === 'number'
      ? 'a number or a schedule'
      : Array.isArray(sample)
        ? `a list of ${sample.length} numbers`
        : `a ${typeof sample}`
  const came = Array.isArray(value) ? `[${value.map(written).join(', ')}]` : written(value)
  throw typeError(rule, `${name} must be ${kind}`, came)
}
