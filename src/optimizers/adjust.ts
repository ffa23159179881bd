import { kindOf, refuseSurplus, typeError } from '../errors.ts'
import { checkKind, meantBy } from './define.ts'
import type { Choice, Hyper, HyperInput, HyperValue, Schedule } from './definition.ts'
import type { Optimizer } from './rule.ts'
import { optimizerIn } from './setup.ts'
import type { OptimizerState } from './update.ts'

/**
 * Changes hyperparameters on the way: `adjust(opt, 1e-4)` the learning rate of every rule that has one, `adjust(opt, { beta: [0.8, 0.99] })`
 * any by name. Momenta stay. Throws TypeError for a name that no rule has, a value of another kind, and what is no optimizer; RangeError for a value
 * out of its range.
 *
 * @example
 * const opt = Adam(1e-3)
 * adjust(opt, 1e-4)
 * opt.hyper.eta // 0.0001
 */
export function adjust(
  opt: Optimizer | OptimizerState,
  changes: number | Schedule | Readonly<Record<string, HyperValue | Schedule | Choice>>,
): void {
  if (arguments.length > 2) refuseSurplus('adjust', 2, arguments)
  const optimizer = optimizerIn('adjust', opt)
  const named = typeof changes === 'number' || typeof changes === 'function' ? { eta: changes } : changes
  if (kindOf(named) !== 'object') {
    throw typeError(
      'adjust',
      'the second argument is a learning rate, or hyperparameters by name',
      `${kindOf(changes)} came`,
      'Write adjust(opt, 0.01), or adjust(opt, { eta: 0.01 }).',
    )
  }
  const rules = optimizer.links.map(([, rule]) => rule)
  for (const name in named) {
    const owners = rules.filter(rule => rule.has(name))
    if (owners.length === 0) {
      const names = rules.flatMap(rule => Object.keys(rule.definition.hyper))
      throw typeError('adjust', `no rule has a hyperparameter '${name}'`, String(optimizer), meantBy(name, names).trim())
    }
    for (const rule of owners) checkKind(rule.name, name, named[name], rule.definition.hyper[name])
  }
  const before: (() => void)[] = []
  try {
    for (const rule of rules) {
      const ofRule = Object.entries(named).filter(([name]) => rule.has(name))
      if (ofRule.length > 0) before.push(rule.adjust(Object.fromEntries(ofRule) as HyperInput<Hyper>))
    }
  } catch (error) {
    for (const undo of before) undo()
    throw error
  }
}
