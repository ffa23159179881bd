import type { Order } from '../data/loader.ts'
import { type Randomness, splitRandomness } from '../tensor/random.ts'
import { printed } from '../tensor/seal.ts'
import type { CallbackObject, EpochRecord, History, StepRecord } from './callbacks.ts'

/** A run at a moment: all that the loop knows, in plain values, so that it can be saved, and taken up from a copy. */
export interface RunRecord {
  /** How many steps were taken, and how many of them before it was taken up. */
  step: number
  first: number
  /** Has a callback ended it for good? */
  stopped: boolean
  /** The epoch that is under way: how many have ended. */
  epoch: number
  /** How many of its batches were taken, and how a DataLoader drew the order of its last pass. */
  batches: number
  order: Order | undefined
  /** What data the program has. */
  data: string
  /** Into how many parts a batch is cut, where several processes share the run. */
  shards: number | undefined
  /** How one for validation drew that of its last. */
  validated: Order | undefined
  /** Seconds that it had taken when the run was taken up, and when it would have begun, by this process's clock. */
  seconds: number
  start: number
  /** The sum of its losses, each times the samples of its batch, which are counted. */
  sum: number
  samples: number
  /** The run's own random numbers, and how many streams had been drawn when the epoch began. */
  readonly random: Randomness
  begun: number
  /** The loss of each step, in parts, since malloc keeps what a list that grows leaves behind; the step with which each epoch began. */
  readonly losses: Float32Array[]
  readonly firsts: number[]
  readonly epochs: EpochRecord[]
  /** Of a run that is taken up, until its callbacks have loaded them: the states of those that have one, by their place. */
  states: readonly unknown[]
}

/** That of a run that starts now: its random numbers are split off those in use. */
export function newRecord(): RunRecord {
  return {
    ...{
      step: 0,
      first: 0,
      stopped: false,
      epoch: 0,
      batches: 0,
      order: undefined,
      shards: undefined,
      data: '',
      validated: undefined,
      seconds: 0,
      start: 0,
      sum: 0,
      samples: 0,
    },
    ...{ random: splitRandomness(), begun: 0, losses: [], firsts: [], epochs: [], states: [] },
  }
}

/** A copy, with the states of the callbacks as they are: to be saved, or taken up. Copied between two steps it is whole. */
export function copyRecord(record: RunRecord, callbacks: readonly CallbackObject[]): RunRecord {
  const seconds = record.batches > 0 ? secondsOf(record) : 0
  const { step: first } = record
  return {
    ...structuredClone({ ...record, first, seconds, states: [] }),
    states: record.states.length > 0 ? record.states : callbacks.map(each => each.state?.() ?? null),
  }
}

/** How long the epoch that is under way has taken. */
export function secondsOf({ start }: RunRecord): number {
  return (performance.now() - start) / 1000
}

/** So many losses a part has. */
const PART = 4096

function lossAt({ losses }: RunRecord, step: number): number {
  return losses[Math.floor(step / PART)][step % PART]
}

/** Notes the loss of the next step. */
export function noteLoss(record: RunRecord, loss: number): void {
  const part = Math.floor(record.step / PART)
  record.losses[part] ??= new Float32Array(PART)
  record.losses[part][record.step++ % PART] = loss
}

/** The losses of all steps, one behind the other. */
export function joinedLosses({ losses, step }: RunRecord): Float32Array {
  const all = new Float32Array(step)
  losses.forEach((part, i) => all.set(part.subarray(0, step - i * PART), i * PART))
  return all
}

/** Notes that a step was taken. */
export function noteStep(record: RunRecord, loss: number, samples: number): void {
  noteLoss(record, loss)
  record.batches++
  if (!Number.isFinite(loss)) return
  record.sum += loss * samples
  record.samples += samples
}

/** A step that was taken. */
export function stepAt(record: RunRecord, step: number): StepRecord {
  return { step, epoch: record.firsts.findLastIndex(first => first <= step), loss: lossAt(record, step) }
}

/** The history so far. The list of its steps is built as it is read, since that of a long run takes more memory than training does. */
export function historyOf(record: RunRecord): History {
  const list: StepRecord[] = []
  const history = {
    get steps() {
      const { firsts } = record
      let epoch = 0
      for (let step = list.length; step < record.step; step++) {
        while (firsts[epoch + 1] <= step) epoch++
        list.push({ step, epoch, loss: lossAt(record, step) })
      }
      return list
    },
    get epochs() {
      return record.epochs
    },
  }
  printed(history, ({ steps, epochs }: History) => ({ steps, epochs }))
  return history
}
