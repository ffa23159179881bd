// A run as a safetensors file, and back: parameters, buffers, slots and losses as tensors, all else as JSON among the metadata.
import type { Order } from '../data/loader.ts'
import { FormatError, kindOf, MemoryError, typeError } from '../errors.ts'
import { BLANK } from '../io/digest.ts'
import { loadSafetensors, saveSafetensors } from '../io/safetensors.ts'
import { loadState } from '../io/state.ts'
import { checkKind } from '../optimizers/define.ts'
import type { Hyper, HyperInput } from '../optimizers/definition.ts'
import type { Optimizer } from '../optimizers/rule.ts'
import { loadOptimizerState, optimizerState } from '../optimizers/state.ts'
import type { Params } from '../params/params.ts'
import { tensor } from '../tensor/create.ts'
import { randomnessInUse } from '../tensor/random.ts'
import { scoped } from '../tensor/scope.ts'
import { show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { CallbackObject } from './callbacks.ts'
import { fromPlain, toPlain } from './plain.ts'
import { copyRecord, joinedLosses, noteLoss, type RunRecord } from './record.ts'
import type { Subject } from './step.ts'

/** The hyperparameters of each rule; null for what follows a schedule, which is the program's. */
export type Hypers = readonly (readonly [rule: string, hyper: Readonly<Record<string, unknown>>])[]

export function hypersOf({ links }: Optimizer): Hypers {
  return links.map(([name, rule]) => [
    name,
    Object.fromEntries(Object.entries(rule.asWritten).map(([key, value]) => [key, typeof value === 'function' ? null : value])),
  ])
}

/** What a run trains, by path: parameters, and the buffers that lie beside them. */
export function tensorsOf({ params }: { readonly params: Params }): Map<string, Tensor> {
  const all = new Map(params.entries())
  for (const [buffer, path] of params.buffers) if (!params.has(buffer)) all.set(`${path}${all.has(path) ? ' (buffer)' : ''}`, buffer)
  return all
}

/** The bytes of a run as it is between two steps: the one copy that is made. */
export function savedRun(
  subject: Subject,
  record: RunRecord,
  callbacks: readonly CallbackObject[],
  written: Hypers,
  best: number,
): Uint8Array<ArrayBuffer> {
  return scoped(() => {
    const { losses: _, states, ...rest } = copyRecord({ ...record, losses: [] }, callbacks)
    const tensors = new Map<string, Tensor>([['losses', tensor(joinedLosses(record))]])
    const model = tensorsOf(subject)
    for (const [path, each] of model) tensors.set(`model.${path}`, each)
    const counts: Record<string, number> = {}
    for (const [path, each] of optimizerState(subject.optimizer, subject.params)) {
      if (typeof each === 'number') counts[path] = each
      else tensors.set(`optimizer.${path}`, each)
    }
    const run = {
      ...{ version: 1, record: rest, best, counts, written, hypers: hypersOf(subject.optimizer), global: { ...randomnessInUse() } },
      ...{
        frozen: [...model].flatMap(([path, each]) => (each.frozen ? [path] : [])),
        states: callbacks.flatMap(({ state }, i) => (state ? [states[i] ?? null] : [])),
      },
    }
    const text = JSON.stringify(toPlain(run, 'the state of a callback', tensors))
    return saveSafetensors(tensors, { metadata: { digest: BLANK, run: text } })
  })
}

/**
 * Takes a run up: nothing is changed unless the checkpoint is one of this model, rule and list of callbacks. Returns its best score. Throws FormatError
 * for a file that is none, whoever wrote it.
 */
export function takeUp(file: Uint8Array, name: string, subject: Subject, record: RunRecord, callbacks: readonly CallbackObject[]): number {
  const wrong = (error: unknown): unknown => {
    if (error instanceof MemoryError) return error
    const came = (error as Error).message
    const problem = `'${name}' is no checkpoint of such a run`
    return new FormatError({ operation: 'train', problem, came, wayOut: 'Remove it: then the one before is taken.' })
  }
  const refusal = (what: string, came: string, wayOut: string) =>
    typeError('train', `the checkpoint '${name}' is of another ${what}`, came, wayOut)
  const take = (): Written => {
    let read: { readonly tensors: ReadonlyMap<string, Tensor>; readonly run: Written }
    try {
      read = readRun(file)
    } catch (error) {
      throw wrong(error)
    }
    const { tensors, run } = read
    const part = (prefix: string) =>
      new Map([...tensors].flatMap(([path, each]) => (path.startsWith(prefix) ? [[path.slice(prefix.length), each] as const] : [])))
    const [model, stored] = [tensorsOf(subject), part('model.')]
    const kind = (each: Tensor | undefined) => (each ? `${each.type} ${show(each.dims)}` : 'nothing')
    const other = [...new Set([...stored.keys(), ...model.keys()])].filter(path => kind(stored.get(path)) !== kind(model.get(path)))
    if (other.length > 0) {
      const came = other.slice(0, 3).map(path => `${path} is ${kind(stored.get(path))} there, ${kind(model.get(path))} here`)
      if (other.length > 3) came.push(`and ${other.length - 3} more`)
      throw refusal('model', came.join('; '), 'Make the model as it was, or load what fits with loadState.')
    }
    const { optimizer, params } = subject
    const hypers = hypersOf(optimizer)
    const rules = [run.hypers, hypers].map(list => list.map(([rule]) => rule).join(', '))
    if (rules[0] !== rules[1]) throw refusal('rule', `${rules[0]} there, ${rules[1]} here`, 'Pass the optimizer that it was made with.')
    const takers = callbacks.filter(each => each.state)
    if (run.states.length !== takers.length) {
      const came = `${run.states.length} with a state there, ${takers.length} here`
      throw refusal('list of callbacks', came, 'Pass those that have a state() as before, in the same order; others may come and go.')
    }
    const { batches, data = record.data } = run.record
    if (batches > 0 && data !== record.data) {
      const came = `it lies within an epoch of ${data || 'other data'}, here is ${record.data || 'another kind'}`
      throw typeError(
        'train',
        `the data of the checkpoint '${name}' are others`,
        came,
        'Pass the same, or take up a checkpoint of the end of an epoch.',
      )
    }
    const undo: (() => void)[] = []
    try {
      optimizer.links.forEach(([, rule], i) => {
        // What the program writes in another way than it did is its wish.
        const [now, then, here] = [run.hypers[i][1], run.written[i][1], hypers[i][1]]
        const isSame = (key: string) => rule.has(key) && JSON.stringify(then[key]) === JSON.stringify(here[key])
        const taken = Object.entries(now).filter(([key, each]) => each !== null && isSame(key))
        for (const [key, each] of taken) checkKind(rule.name, key, each, rule.definition.hyper[key])
        if (taken.length > 0) undo.push(rule.adjust(Object.fromEntries(taken) as HyperInput<Hyper>))
      })
      loadOptimizerState(optimizer, params, new Map<string, Tensor | number>([...Object.entries(run.counts), ...part('optimizer.')]))
      loadState(model, stored)
    } catch (error) {
      for (const each of undo) each()
      throw wrong(error)
    }
    for (const [path, each] of model) each.frozen = run.frozen.includes(path)
    setRandom(record.random, run.record.random)
    setRandom(randomnessInUse(), run.global)
    const states = callbacks.map(each => (each.state ? run.states[takers.indexOf(each)] : null))
    Object.assign(record, Object.fromEntries(FIELDS.map(name => [name, run.record[name]])), {
      first: run.record.step,
      step: 0,
      states,
    })
    const losses = tensors.get('losses')?.data() ?? []
    for (const loss of losses) noteLoss(record, Number(loss))
    return run
  }
  return scoped(take, ({ states }) => valuesIn(states)).best
}

/** What a record takes of a file's as it is there. */
const FIELDS = [
  'step',
  'stopped',
  'epoch',
  'batches',
  'order',
  'shards',
  'validated',
  'seconds',
  'sum',
  'samples',
  'begun',
  'firsts',
  'epochs',
] as const

function setRandom(random: { key: unknown; stream: number }, { key, stream }: Order): void {
  Object.assign(random, { key, stream })
}

const isCount = (x: unknown): boolean => Number.isSafeInteger(x) && (x as number) >= 0
const isNumber = (x: unknown): boolean => typeof x === 'number'
const isRandom = ({ key, stream }: Order): boolean => key.length === 2 && [...key, stream].every(isCount)

/** What a file has. Anybody may have written it: throws for all that is not as `savedRun` writes it. */
function readRun(file: Uint8Array): { readonly tensors: ReadonlyMap<string, Tensor>; readonly run: Written } {
  const { tensors, metadata } = loadSafetensors(file)
  const run = fromPlain(JSON.parse(metadata.get('run') ?? ''), tensors) as Written
  const { version, record, best, written, hypers, global, frozen, states } = run
  const {
    step,
    stopped = false,
    epoch,
    batches,
    order,
    shards = 1,
    validated,
    seconds,
    sum,
    samples,
    random,
    begun,
    firsts,
    epochs,
  } = record
  const losses = tensors.get('losses')
  const parts: Readonly<Record<string, boolean>> = {
    version: version === 1,
    counts: [step, epoch, batches, samples, begun, shards - 1].every(isCount) && [best, seconds, sum].every(isNumber),
    stopped: typeof stopped === 'boolean',
    losses: losses?.type === 'float32' && losses.count === step,
    random: [random, global, order ?? random, validated ?? random].every(isRandom),
    firsts: Array.isArray(firsts) && firsts.every(isCount) && (firsts.length - epoch) >> 1 === 0,
    epochs: Array.isArray(epochs) && epochs.length === epoch && epochs.every((each, i) => each.epoch === i && isNumber(each.loss)),
    rules: [hypers, written].every(list => list.every(([rule, hyper]) => typeof rule === 'string' && kindOf(hyper) === 'object')),
    lists: [frozen, states].every(Array.isArray) && hypers.length === written.length,
  }
  const wrong = Object.keys(parts).find(name => !parts[name])
  if (wrong) throw typeError('train', `its ${wrong} cannot be`)
  return { tensors, run }
}

function* valuesIn(value: unknown): Generator<Tensor> {
  if (value instanceof Tensor) yield value
  else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value))
    for (const each of Object.values(value)) yield* valuesIn(each)
}

/** What is written as JSON. */
interface Written {
  readonly version: number
  readonly record: Omit<RunRecord, 'losses' | 'states'>
  readonly best: number
  readonly counts: Readonly<Record<string, number>>
  readonly written: Hypers
  readonly hypers: Hypers
  readonly global: RunRecord['random']
  readonly frozen: readonly string[]
  readonly states: readonly unknown[]
}
