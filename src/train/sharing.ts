// Steps that several processes take together, each with some parts of a batch. How they reach each other is not known here: batches and optimizers
// have it from fluxtape/mpi.
import { Grads } from '../autodiff/grads.ts'
import { SHARED } from '../errors.ts'
import { copyTensor } from '../params/clone.ts'
import type { Params } from '../params/params.ts'
import { Effects } from '../tape/effects.ts'
import { drawIntegers, withRandomness } from '../tensor/random.ts'
import { scoped } from '../tensor/scope.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Feature } from './loop.ts'
import type { RunRecord } from './record.ts'

/** What comes of a part of a batch, or of all together: the loss, its gradients, and what layers write. */
export interface Outcome {
  readonly loss: number
  readonly gradients: Map<Tensor, Tensor>
  readonly buffers: Map<Tensor, Tensor>
}

/** A batch in parts. */
export interface Shared {
  readonly [SHARED]: Sharing
  /** How many observations the whole batch has. */
  readonly samples: number
  /** How many observations each part has, in all processes. */
  readonly counts: readonly number[]
}

/** What the processes do together. All of them call the same in the same order, and each throws where another has failed. */
export interface Sharing {
  /** Does this process leave it to another to save, and to speak? */
  readonly follows: boolean
  /** What has all begin and end a run together, with the same number of parts and the same random numbers. */
  feature(record: RunRecord): Feature
  /** The bytes of the first, for all. */
  share(bytes: Uint8Array | undefined): Uint8Array | undefined
  /** Throws for a batch that is not in parts, unless there is one part. */
  refuse(): void
  /**
   * Adds up all parts of a batch: `of` gives what comes of the nth, undefined where it is skipped. Throws `stop` where another process has ended the
   * run. `drawn` is a random number that must be the same for all.
   */
  step(batch: Shared, params: Params, drawn: number, of: (n: number, part: unknown) => Outcome | undefined): Whole
  /** Does any of them skip the step? */
  skips(here: boolean): boolean
  /** Does any of them end the run after this step? */
  ends(here: boolean): boolean
}

interface Whole extends Outcome {
  /** How many observations have not been skipped. */
  readonly samples: number
}

/** What a batch or an optimizer was given. */
export function sharingOf(value: unknown): Sharing | undefined {
  return (Object(value) as Partial<Shared>)[SHARED]
}

/** Takes the parts of a batch, each with random numbers of its own, so that nothing depends on which process takes it. */
export function outcomeOf(
  sharing: Sharing,
  batch: Shared,
  params: Params,
  effects: Effects,
  of: (part: unknown) => { readonly loss: number; readonly gradient: Grads } | undefined,
): { readonly loss: number; readonly gradient: Grads; readonly samples: number } {
  const keys = drawIntegers(2 * batch.counts.length)
  const whole = sharing.step(batch, params, keys[0], (n, part) => {
    const own = new Effects()
    const outcome = (): Outcome | undefined => {
      const result = withRandomness({ key: [keys[2 * n], keys[2 * n + 1]], stream: 0 }, () => own.during(() => of(part)))
      return (
        result && {
          loss: result.loss,
          gradients: new Map(result.gradient),
          buffers: new Map(own.since(0).map(({ buffer, next }) => [buffer, copyTensor(next)])),
        }
      )
    }
    try {
      return scoped(outcome, result => (result ? [...result.gradients.values(), ...result.buffers.values()] : []))
    } finally {
      own.forget()
    }
  })
  const { loss, gradients, buffers, samples } = whole
  for (const [buffer, next] of buffers) effects.addResult(buffer, next)
  return { loss, samples, gradient: new Grads(params, gradients) }
}
