import { checkNumber, checkOptions, rangeError, typeError, written } from '../errors.ts'
import type { EpochRecord } from './callbacks.ts'
import { metricIn } from './measures.ts'
import { stateOf } from './remembered.ts'
import { stop } from './step.ts'

/** What is watched, and what counts as better. */
export interface WatchOptions {
  /** 'validation', 'loss', or the name of one of the run's metrics. */
  readonly metric?: string | undefined
  /** How many epochs in a row may be no better than the best before. */
  readonly patience?: number | undefined
  /** Better is by more than this. */
  readonly minDelta?: number | undefined
  /** 'min': less is better; 'max': more. */
  readonly mode?: 'min' | 'max' | undefined
}

/** The best number so far, and for how many epochs there was none. */
interface Watched {
  readonly best: number
  readonly bad: number
}

/** Watches whether a number of each epoch gets better; one that is NaN is no better. */
export class Watch {
  best = Number.POSITIVE_INFINITY
  bad = 0
  readonly patience: number
  private readonly operation: string
  private readonly metric: string
  private readonly minDelta: number
  private readonly mode: 'min' | 'max'

  constructor(operation: string, options: WatchOptions, others: readonly string[], most: number) {
    checkOptions(operation, options, ['metric', 'patience', 'minDelta', 'mode', ...others])
    const { metric = 'validation', patience = most, minDelta = 0, mode = 'min' } = options
    if (typeof metric !== 'string')
      throw typeError(operation, 'metric is a name', `${written(metric)} came`, `Pass train { metrics: { name: f } }, and the name here.`)
    checkCount(operation, 'patience', patience)
    checkFrom0(operation, 'minDelta', minDelta)
    if (mode !== 'min' && mode !== 'max') throw typeError(operation, "mode is 'min' or 'max'", `${written(mode)} came`)
    this.operation = operation
    this.metric = metric
    this.minDelta = minDelta
    this.mode = mode
    this.patience = patience
    this.begin()
  }

  begin(): void {
    this.best = this.mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
    this.bad = 0
  }

  /** Is this epoch better than the best before? Counts it. */
  isBetter(record: EpochRecord): boolean {
    const value = metricIn(this.operation, record, this.metric)
    const isBetter = this.mode === 'min' ? value < this.best - this.minDelta : value > this.best + this.minDelta
    if (isBetter) this.best = value
    this.bad = isBetter ? 0 : this.bad + 1
    return isBetter
  }

  state(): Watched {
    return { best: this.best, bad: this.bad }
  }

  /** Takes that back; returns `stop` if that had ended the run. */
  load(state: unknown): typeof stop | undefined {
    const { best, bad } = stateOf<Watched>(this.operation, state, { best: 'number', bad: 'number' })
    Object.assign(this, { best, bad })
    return this.answer()
  }

  /** Has there been nothing better for long enough? */
  answer(): typeof stop | undefined {
    return this.bad >= this.patience ? stop : undefined
  }
}

/** Throws RangeError for what is no whole number from 1. */
export function checkCount(operation: string, name: string, value: unknown): void {
  checkNumber(operation, name, value)
  if (!Number.isInteger(value) || value < 1) throw rangeError(operation, `${name} is a whole number from 1`, value)
}

/** Throws RangeError for what is no finite number from 0. */
export function checkFrom0(operation: string, name: string, value: unknown): void {
  checkNumber(operation, name, value)
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) throw rangeError(operation, `${name} is a finite number from 0`, value)
}
