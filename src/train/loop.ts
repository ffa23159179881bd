// The loop over epochs and batches. What it knows is the run's record; whatever else a run can do are features, which have the form of callbacks.
import type { Grads } from '../autodiff/grads.ts'
import { DivergedError } from '../errors.ts'
import { type Modes, noting, restoreModes } from '../tape/mode.ts'
import { withRandomness } from '../tensor/random.ts'
import { isThenable } from '../tensor/realm.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { ends, mended } from './answers.ts'
import { Batches, noBatch, samplesOf } from './batches.ts'
import type { CallbackObject, EpochRecord, History, RunEnd, StepRecord } from './callbacks.ts'
import { historyOf, noteStep, type RunRecord, secondsOf } from './record.ts'
import { NONE, type StepHooks, type StepResult, type Subject, skip, stop } from './step.ts'
import type { TrainingData } from './types.ts'

/** A callback, or a part of the library that has the form of one, and may do more. */
export interface Feature extends CallbackObject {
  /** Does its `onGradient` change nothing of its `state`? */
  readonly onlyLooks?: true
  /** Called for each step, skipped ones too, before `onStep`. */
  stepped?(result: StepResult): void
  /** Called before the epoch is noted and callbacks see it: may write into its record. */
  measure?(record: EpochRecord): void | Promise<void>
  /** Called when all have started, before callbacks load their states: may write into the run's record. */
  begun?(): Promise<void>
  /** Called between two steps and between two epochs, after everybody: the record is whole. `ends`: the run is to end here, maybe without another step. */
  settled?(ends: boolean): Promise<void> | undefined
}

/** What a run does, beside its record. */
export interface Task {
  readonly subject: Subject
  readonly data: TrainingData
  readonly epochs: number
  /** The step that is not taken any more. */
  readonly most: number
  readonly features: readonly Feature[]
  /** The user's, which come after them. */
  readonly callbacks: readonly CallbackObject[]
  readonly signal: AbortSignal | undefined
  /** Takes a step with a batch; `stop` where it could not, and the run is to end. */
  stepWith(batch: unknown, step: number, onGradient: StepHooks['onGradient']): StepResult | typeof stop
  /** Does any of the processes that share the run end it after this step? */
  ends(here: boolean): boolean
  /** A promise when it is time to breathe. */
  rest(): Promise<void> | undefined
}

/** Takes the steps from the record on. `control.ends` makes it end after the step that it is at. */
export async function* loop(
  { subject, data, epochs, most, features, callbacks, signal, stepWith, ends: endsRun, rest }: Task,
  record: RunRecord,
  control: { ends: boolean },
): AsyncGenerator<StepRecord, History, undefined> {
  const { model, params, optimizer } = subject
  const run = { model, params, optimizer }
  const history = historyOf(record)
  const modes: Modes = new Map()
  const all: readonly Feature[] = [...features, ...callbacks]
  const having = (name: keyof Feature) => all.filter(each => each[name])
  const [atGradient, atStep, atStepped, atRest] = [having('onGradient'), having('onStep'), having('stepped'), having('settled')]
  // Those tensors among the extras of a step that go when it is over.
  let left: readonly Tensor[] = NONE
  const endExtras = () => {
    for (const each of left) if (each.kept === undefined) each.dispose()
    left = NONE
  }
  /** Ends the run where a callback says so, for good if that does not decide itself when the run is taken up. */
  const heed = async (name: string, pending: unknown, { load }: CallbackObject): Promise<void> => {
    if (!ends(name, isThenable(pending) ? await pending : pending)) return
    control.ends = true
    if (!load) record.stopped = true
  }
  /** What those are asked who may change the gradients of a step. */
  const heeding = (step: number, epoch: number, batch: unknown) => (loss: number, gradients: Grads, extras: readonly unknown[]) => {
    let applied = gradients
    for (const each of atGradient) {
      const answer = each.onGradient?.({ step, epoch, batch, loss, extras, gradients: applied, model })
      if (answer === skip) return skip
      if (answer === stop) control.ends = true
      else applied = mended(params, answer) ?? applied
    }
    return applied
  }

  let how: RunEnd['how'] = 'done'
  let failure: { readonly error: unknown } | undefined
  try {
    for (const each of all) {
      const pending = noting(modes, () => each.onStart?.(run))
      if (isThenable(pending)) await pending
    }
    for (const each of features) {
      const pending = each.begun?.()
      if (pending) await pending
    }
    for (let i = 0; i < callbacks.length; i++) {
      // One that had ended the run ends it again.
      if (record.states[i] != null) await heed('load', callbacks[i].load?.(record.states[i]), callbacks[i])
    }
    record.states = []
    if (record.stopped || record.step >= most) control.ends = true
    // Of a run that is taken up.
    let last = record.order
    // One that had ended within an epoch ends that again, so that its history is the same.
    while (control.ends ? record.batches > 0 : record.epoch < epochs) {
      const { epoch, random } = record
      record.start = performance.now() - 1000 * record.seconds
      if (record.batches === 0) {
        record.firsts[epoch] = record.step
        record.begun = random.stream
      }
      const batches = new Batches(data, random, signal, record.batches, last)
      last = undefined
      try {
        if (record.batches > 0 && !control.ends) await batches.goTo(record.batches, { key: random.key, stream: record.begun })
        while (!control.ends) {
          const pulled = batches.next()
          const { done, value: batch } = isThenable(pulled) ? await pulled : pulled
          if (done) break
          record.order = batches.order
          const { step } = record
          const onGradient = atGradient.length > 0 ? heeding(step, epoch, batch) : undefined
          const answer = withRandomness(random, () => noting(modes, () => stepWith(batch, step, onGradient)))
          if (answer === stop) {
            control.ends = true
            for (const each of atRest) await each.settled?.(true)
            break
          }
          const { loss, extras } = answer
          left = answer.made
          noteStep(record, loss, samplesOf(batch))
          for (let i = 0; i < atStepped.length; i++) atStepped[i].stepped?.(answer)
          for (let i = 0; i < atStep.length; i++) {
            const answer = noting(modes, () => atStep[i].onStep?.({ step, epoch, batch, loss, extras, model }))
            if (answer !== undefined) await heed('a callback', answer, atStep[i])
          }
          yield extras.length > 0 ? { step, epoch, loss, extras } : { step, epoch, loss }
          if (left.length > 0) endExtras()
          control.ends = endsRun(control.ends || record.step >= most)
          for (let i = 0; i < atRest.length; i++) {
            const pending = atRest[i].settled?.(control.ends)
            if (pending) await pending
          }
          const pause = control.ends ? undefined : rest()
          if (pause) await pause
        }
      } finally {
        await batches.close()
      }
      // It ends before its data: as a run that goes on from here has no such epoch, nobody is told that the record is whole.
      const isCut = control.ends
      if (record.batches === 0 && !isCut) throw noBatch('data', epoch)
      const loss = record.samples > 0 ? record.sum / record.samples : Number.NaN
      const measured: EpochRecord = { epoch, loss, seconds: secondsOf(record) }
      for (const each of features) {
        const pending = noting(modes, () => each.measure?.(measured))
        if (pending) await pending
      }
      record.epochs.push(measured)
      Object.assign(record, { epoch: epoch + 1, batches: 0, seconds: 0, sum: 0, samples: 0 })
      for (const each of all) {
        const answer = noting(modes, () => each.onEpoch?.(measured, run))
        if (answer !== undefined) await heed('onEpoch', answer, each)
      }
      if (!isCut) control.ends = endsRun(control.ends)
      for (const each of isCut ? [] : atRest) await each.settled?.(control.ends)
    }
    if (control.ends && record.step < most) how = 'stopped'
  } catch (error) {
    failure = { error }
    how = signal?.aborted && error === signal.reason ? 'aborted' : error instanceof DivergedError ? 'diverged' : 'failed'
  }
  endExtras()
  restoreModes(modes)
  for (const each of all) {
    try {
      await each.onEnd?.(history, { ...run, how, error: failure?.error })
    } catch (error) {
      // Who comes after it is told all the same.
      failure ??= { error }
    }
  }
  if (failure) throw failure.error
  return history
}
