import { rangeError, refuseSurplus, typeError, written } from '../errors.ts'
import { adjust } from '../optimizers/adjust.ts'
import type { Hyper } from '../optimizers/definition.ts'
import type { Optimizer, Rule } from '../optimizers/rule.ts'
import type { CallbackObject } from './callbacks.ts'
import { checkFrom0, Watch, type WatchOptions } from './watch.ts'

/** When the learning rate is lowered, and by how much. */
export interface PlateauOptions extends WatchOptions {
  /** What the learning rate is multiplied by. */
  readonly factor?: number | undefined
  /** It is not lowered below this. */
  readonly minEta?: number | undefined
}

/** A learning rate that is to be lowered. */
type Rate = readonly [rule: Rule<Hyper>, name: string]

/**
 * A callback that lowers the learning rate by `factor` when a number of the epochs has been no better than the best before for `patience` of them,
 * and counts anew then: that of each rule of a chain, not below `minEta`. What is watched, and what is better, is as for `earlyStopping`; its
 * patience is the longer one by default, so that both go together.
 *
 * `plateau({ metric = 'validation', patience = 3, factor = 0.1, minEta = 0, minDelta = 0, mode = 'min' })`. Throws TypeError and RangeError for
 * options that are none; the run rejects with TypeError if it has no such number, and if the optimizer has no learning rate, or a schedule for one.
 *
 * @example
 * const model = Dense(2, 1)
 * const opt = Descent(0.5)
 * const loss = (x, y) => mse(model(x), y)
 * const callbacks = plateau({ metric: 'loss', patience: 2, factor: 0.5 })
 * await train(loss, params(model), [[zeros([4, 2]), zeros([4, 1])]], opt, { epochs: 5, callbacks })
 * opt.hyper.eta // 0.125
 */
export function plateau(options: PlateauOptions = {}): CallbackObject {
  if (arguments.length > 1) refuseSurplus('plateau', 1, arguments)
  const watch = new Watch('plateau', options, ['factor', 'minEta'], 3)
  const { factor = 0.1, minEta = 0 } = options
  checkFrom0('plateau', 'minEta', minEta)
  if (!(typeof factor === 'number' && factor > 0 && factor < 1))
    throw rangeError('plateau', 'factor is a number between 0 and 1', written(factor))
  let rates: readonly Rate[] = []
  return {
    onStart({ optimizer }) {
      watch.begin()
      rates = ratesOf(optimizer)
    },
    onEpoch(record) {
      if (watch.isBetter(record) || !watch.answer()) return
      watch.bad = 0
      for (const [rule, name] of rates) {
        const eta = rule.hyper[name] as number
        // One that lies below it stays where it is.
        adjust(rule, { [name]: Math.min(eta, Math.max(minEta, eta * factor)) })
      }
    },
    // The rates are saved with the optimizer.
    state: () => watch.state(),
    load: state => void watch.load(state),
  }
}

/** The learning rates of an optimizer's rules. Throws TypeError if there is none, or none that can be lowered. */
function ratesOf(optimizer: Optimizer): Rate[] {
  // Rprop finds the size of its steps itself.
  const rules = [...new Set(optimizer.links.map(([, rule]) => rule))].filter(({ name }) => name !== 'Rprop')
  const rates = rules.flatMap(rule => ['eta', 'restEta'].filter(name => rule.has(name)).map((name): Rate => [rule, name]))
  if (rates.length === 0)
    throw typeError('plateau', 'there is no learning rate to lower', optimizer.name, 'Train with Adam(1e-3), or leave plateau out.')
  for (const [rule, name] of rates) {
    if (rule.isScheduled(name)) {
      throw typeError(
        'plateau',
        `${name} of ${rule.name} is a schedule, which would go on as if nothing had been lowered`,
        '',
        `Write a number, ${rule.name}(1e-3), or leave plateau out.`,
      )
    }
  }
  return rates
}
