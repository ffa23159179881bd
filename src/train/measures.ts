// Numbers that are told of each epoch: what gives them, and what is read from them.
import { kindOf, typeError, written } from '../errors.ts'
import { withoutEffects } from '../tape/effects.ts'
import { withRandomness } from '../tensor/random.ts'
import { isPlain } from '../tensor/realm.ts'
import { Tensor } from '../tensor/tensor.ts'
import { heard } from './batches.ts'
import type { EpochRecord } from './callbacks.ts'
import type { Feature } from './loop.ts'
import type { Subject } from './step.ts'
import type { Means } from './validation.ts'

/** A number of each epoch: a function of nothing, in the explicit form of the model. */
// biome-ignore lint/suspicious/noExplicitAny: which model it is, the function says
export type Metric = (model: any) => number | Tensor | Promise<number | Tensor>

/** Numbers of each epoch by name. */
export type Metrics = Readonly<Record<string, Metric>>

/** What the record of an epoch, and a line of a log, has anyway. */
const TAKEN = ['epoch', 'step', 'steps', 'loss', 'validation', 'metrics', 'seconds']

/** Throws TypeError for what are no functions by name, and for names that mean something else. */
export function checkMetrics(metrics: unknown): void {
  const wayOut = 'Write { metrics: { accuracy: () => accuracy(model, test) } }.'
  if (!isPlain(metrics)) throw typeError('train', 'metrics are functions by name', `${written(metrics)} came`, wayOut)
  for (const [name, f] of Object.entries(metrics)) {
    if (typeof f !== 'function') throw typeError('train', `the metric '${name}' is a function`, `${written(f)} came`, wayOut)
    if (name === '' || TAKEN.includes(name))
      throw typeError('train', `a metric cannot be called '${name}'`, '', `${TAKEN.join(', ')} are numbers that an epoch has anyway.`)
  }
}

/** Takes the metrics after each epoch, in test mode, one after the other. */
export function measuring(metrics: Metrics, { model }: Subject, means: Means): Feature {
  const warn = warnOnce()
  return {
    async measure(record) {
      const numbers: Record<string, number> = {}
      for (const [name, f] of Object.entries(metrics)) {
        numbers[name] = await numberOf(`the metric '${name}'`, () => f(model), means)
        warn(`the metric '${name}'`, record.epoch, numbers[name], 'Look for NaN in its data, and for a division by 0.')
      }
      Object.assign(record, { metrics: numbers })
    },
  }
}

/** What a function of the user's gives, which is a number, in test mode. */
export async function numberOf(what: string, f: () => unknown, { random, signal }: Means): Promise<number> {
  const pending: unknown = withRandomness(random, () => withoutEffects(f))
  const value = await heard(signal, Promise.resolve(pending))
  if (typeof value === 'number') return value
  if (value instanceof Tensor && value.count === 1) return value.item()
  const came = value instanceof Tensor ? `a tensor [${value.dims.join(', ')}]` : kindOf(value)
  throw typeError('train', `${what} gives a number`, `${came} came`, 'Return it: () => accuracy(model, data).')
}

/** Says it once of each number that is not finite. */
export function warnOnce(): (what: string, epoch: number, value: number, wayOut: string) => void {
  const said = new Set<string>()
  return (what, epoch, value, wayOut) => {
    if (Number.isFinite(value) || said.has(what)) return
    said.add(what)
    console.warn(`train: ${what} of epoch ${epoch} is not finite: ${value}. ${wayOut}`)
  }
}

/** What the record of an epoch has under a name: its loss, its validation, or a metric. Throws TypeError where it has no such number. */
export function metricIn(operation: string, { loss, validation, metrics = {} }: EpochRecord, name: string): number {
  if (name === 'loss') return loss
  if (name === 'validation') {
    if (validation !== undefined) return validation
    throw typeError(operation, 'the run has no validation', '', `Pass train { validation }, or write ${operation}({ metric: 'loss' }).`)
  }
  if (Object.hasOwn(metrics, name)) return metrics[name]
  const names = ['loss', ...(validation === undefined ? [] : ['validation']), ...Object.keys(metrics)]
  throw typeError(
    operation,
    `the run has no metric '${name}'`,
    '',
    `Pass train { metrics: { ${/^[a-z_$][\w$]*$/i.test(name) ? name : `'${name}'`}: () => ... } }; it has ${names.join(', ')}.`,
  )
}
