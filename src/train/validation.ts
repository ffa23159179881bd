import { scope } from '../autodiff/lifetime.ts'
import { withoutEffects } from '../tape/effects.ts'
import { type Randomness, withRandomness } from '../tensor/random.ts'
import { Tensor } from '../tensor/tensor.ts'
import { Batches, inputsOf, noBatch, samplesOf } from './batches.ts'
import type { Feature } from './loop.ts'
import { numberOf, warnOnce } from './measures.ts'
import type { RunRecord } from './record.ts'
import { type LossFunction, type Subject, skip } from './step.ts'
import type { TrainingData } from './types.ts'

/** Batches whose mean loss is taken in test mode, or a function that gives a number. */
export type Validation = TrainingData | (() => number | Tensor | Promise<number>)

/** What the run lends for it. */
export interface Means {
  readonly random: Randomness
  readonly signal: AbortSignal | undefined
  readonly rest: () => Promise<void> | undefined
}

/** Validates after each epoch, and says it once if that is not finite. */
export function validating(validation: Validation, loss: LossFunction, subject: Subject, means: Means, run: RunRecord): Feature {
  const warn = warnOnce()
  const { random, signal } = means
  let isFirst = true
  const ofBatches = async (data: TrainingData, epoch: number): Promise<number> => {
    // Of a run that is taken up: a loader with a seed counts its passes.
    const batches = new Batches(data, random, signal, 0, isFirst ? run.validated : undefined)
    const mean = await meanLoss(batches, loss, subject, means, epoch)
    isFirst = false
    run.validated = batches.order
    return mean
  }
  return {
    async measure(record) {
      const { epoch } = record
      const value =
        typeof validation === 'function'
          ? await numberOf('the function for validation', validation, means)
          : await ofBatches(validation, epoch)
      Object.assign(record, { validation: value })
      warn('the validation', epoch, value, 'Look for NaN in its data, and for log or div at 0 in its loss.')
    },
  }
}

async function meanLoss(batches: Batches, loss: LossFunction, { model, isExplicit }: Subject, { random, rest }: Means, epoch: number) {
  let sum = 0
  let count = 0
  let isEmpty = true
  const lossOf = (inputs: readonly unknown[]): number | undefined => {
    const result = isExplicit ? loss(model, ...inputs) : loss(...inputs)
    return result === skip ? undefined : (result instanceof Tensor ? result : result[0]).item()
  }
  try {
    for (;;) {
      const { done, value: batch } = await batches.next()
      if (done) break
      isEmpty = false
      const pause = rest()
      if (pause) await pause
      const inputs = inputsOf('train', batch, loss.length - (isExplicit ? 1 : 0))
      const value = withRandomness(random, () => withoutEffects(() => scope<number | undefined>(() => lossOf(inputs))))
      if (value === undefined) continue
      const samples = samplesOf(batch)
      sum += value * samples
      count += samples
    }
  } finally {
    await batches.close()
  }
  if (isEmpty) throw noBatch('validation', epoch)
  return sum / count
}
