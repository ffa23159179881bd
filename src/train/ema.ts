import { keep } from '../autodiff/lifetime.ts'
import { checkNumber, checkOptions, rangeError, refuseSurplus, typeError } from '../errors.ts'
import { overwrite } from '../optimizers/rule.ts'
import { moveAverages } from '../optimizers/steps.ts'
import { copyTensor } from '../params/clone.ts'
import type { Params } from '../params/params.ts'
import { isRecording } from '../tape/level.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { CallbackObject, RunContext } from './callbacks.ts'
import { fitting, stateOf } from './remembered.ts'

/** How fast an average forgets. */
export interface EmaOptions {
  /** The share of the old average that stays at each step. */
  readonly decay?: number | undefined
}

interface Memory {
  readonly isSwapped: boolean
  readonly averages: Readonly<Record<string, Tensor>>
}

/** A running average of the weights: a callback that can exchange the two. */
export class RunningAverage implements CallbackObject {
  /** Do the averages stand in the model, and the weights here? */
  isSwapped = false
  /** As a `Feature` has it. */
  protected readonly onlyLooks = true
  private readonly decay: number
  private params: Params | undefined
  private averages = new Map<Tensor, Tensor>()

  /** @internal Use `ema`. */
  constructor(decay: number) {
    this.decay = decay
  }

  /**
   * Exchanges weights and averages, in place and bit by bit; the second time it puts them back. Throws TypeError before there are averages, and
   * while a gradient is being taken.
   */
  swap(): void {
    if (arguments.length > 0) refuseSurplus('swap', 0, arguments)
    if (isRecording()) throw typeError('swap', 'a gradient is being taken, and it could not see the change', '', 'Swap before, or after.')
    if (this.averages.size === 0) throw typeError('swap', 'there are no averages yet', '', 'Pass it to train as a callback first.')
    for (const [x] of this.averages) x.check('swap')
    // What waits for the old values may need memory: first of all.
    for (const pair of this.averages) for (const each of pair) each.settleWaiting()
    for (const [x, average] of this.averages) {
      const before = x.data()
      overwrite(x, average)
      average.startWrite()
      average.view().set(before)
    }
    this.isSwapped = !this.isSwapped
  }

  /** Gives the memory of the averages back. */
  dispose(): void {
    if (arguments.length > 0) refuseSurplus('dispose', 0, arguments)
    for (const each of this.averages.values()) each.dispose()
    this.averages.clear()
    this.isSwapped = false
  }

  onStart({ params }: RunContext): void {
    this.refuseSwapped()
    this.dispose()
    this.params = params
  }

  onGradient(): void {
    this.refuseSwapped()
  }

  onStep(): void {
    this.refuseSwapped()
    const pairs: [Tensor, Tensor][] = []
    for (const x of this.params ?? []) {
      const average = this.averages.get(x)
      if (average) pairs.push([average, x])
      else this.begin(x, x)
    }
    // As float32, so that the two shares add up to 1.
    if (pairs.length > 0) moveAverages(pairs, 1 - Math.fround(this.decay))
  }

  state(): unknown {
    const entries = [...this.averages].map(([x, average]) => [this.params?.path(x) ?? '', average] as const)
    return { isSwapped: this.isSwapped, averages: Object.fromEntries(entries.filter(([path]) => path !== '')) } satisfies Memory
  }

  load(state: unknown): void {
    const { isSwapped, averages } = stateOf<Memory>('ema', state, { isSwapped: 'boolean', averages: 'object' })
    const targets = new Map(this.params?.entries())
    for (const [path, value] of fitting('ema', targets, averages)) {
      const x = targets.get(path)
      if (x) this.begin(x, value)
    }
    this.isSwapped = isSwapped
  }

  private begin(x: Tensor, value: Tensor): void {
    this.averages.set(x, keep(copyTensor(value)))
  }

  private refuseSwapped(): void {
    if (!this.isSwapped) return
    throw typeError(
      'ema',
      'the averages stand in the model, and would be trained',
      '',
      'Call average.swap() again before training goes on.',
    )
  }
}

/**
 * A callback that keeps a running average of the weights: average ← decay average + (1 - decay) weights after each step, from the weights after the
 * first one, as PyTorch's AveragedModel (Polyak & Juditsky 1992). `average.swap()` exchanges the two in place, bit by bit, to predict, measure or save
 * with the averages, and again to train on. `average.dispose()` gives the memory back. Buffers are not averaged, a frozen parameter is its own average,
 * and one that joins later begins with what it is then. A new run begins anew.
 *
 * `ema({ decay = 0.999 })`. Throws RangeError for a decay that is not from 0 to below 1; the run rejects with TypeError where it would train what was
 * swapped.
 *
 * @example
 * const model = Dense(2, 1)
 * const average = ema({ decay: 0.9 })
 * const loss = (x, y) => mse(model(x), y)
 * await train(loss, params(model), [[ones([4, 2]), zeros([4, 1])]], Descent(0.1), { epochs: 10, callbacks: average })
 * average.swap() // the model predicts with the averages
 * average.swap() // and with the weights
 * average.isSwapped // false
 */
export function ema(options: EmaOptions = {}): RunningAverage {
  checkOptions('ema', options, ['decay'])
  if (arguments.length > 1) refuseSurplus('ema', 1, arguments)
  const { decay = 0.999 } = options
  checkNumber('ema', 'decay', decay)
  if (!(decay >= 0 && Math.fround(decay) < 1)) throw rangeError('ema', 'decay is from 0 to below 1', decay)
  return new RunningAverage(decay)
}
