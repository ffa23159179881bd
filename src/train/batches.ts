import { kindOf } from '../errors.ts'
import { type Randomness, withRandomness } from '../tensor/random.ts'
import { isThenable } from '../tensor/realm.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { TrainingData } from './types.ts'

type Drawn = IteratorResult<unknown>

/** Draws batches one after the other. Random numbers, such as the order of a DataLoader, come from `randomness` meanwhile. */
export class Batches {
  private readonly source: Iterator<unknown> | AsyncIterator<unknown>
  private readonly randomness: Randomness
  private readonly signal: AbortSignal | undefined
  /** Is the source to be closed, because it has given a batch and may give more? */
  private isOpen = false

  constructor(data: TrainingData, randomness: Randomness, signal: AbortSignal | undefined) {
    this.source = Symbol.asyncIterator in data ? data[Symbol.asyncIterator]() : data[Symbol.iterator]()
    this.randomness = randomness
    this.signal = signal
  }

  /** The next batch; a promise only where the data gives one. Throws the signal's reason, also while it waits. */
  next(): Drawn | Promise<Drawn> {
    this.signal?.throwIfAborted()
    this.isOpen = false
    const pending = withRandomness(this.randomness, () => this.source.next())
    return isThenable(pending) ? this.wait(pending) : this.open(pending)
  }

  /** Closes a source that has not ended. */
  async close(): Promise<void> {
    if (this.isOpen) await this.source.return?.()
  }

  private async wait(pending: PromiseLike<Drawn>): Promise<Drawn> {
    return this.open(await heard(this.signal, pending, () => this.abandon()))
  }

  /** A batch that is itself a promise, as a list of promises gives it, is awaited. */
  private open(drawn: Drawn): Drawn | Promise<Drawn> {
    if (typeof drawn !== 'object' || drawn === null) {
      throw new TypeError(`train: next() of the data gives { done, value }: ${kindOf(drawn)} came. Write it as a generator.`)
    }
    this.isOpen = !drawn.done
    const { value } = drawn
    return this.isOpen && isThenable(value) ? heard(this.signal, value).then(batch => ({ done: false, value: batch })) : drawn
  }

  /** Tells a source that is still working on a batch that nobody waits for it. */
  private abandon(): void {
    const close = async () => void (await this.source.return?.())
    close().catch(() => {})
  }
}

/** What a promise gives, or the signal's reason, whichever comes first; with the latter `abandon` is called. */
export function heard<T>(signal: AbortSignal | undefined, pending: PromiseLike<T>, abandon?: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      reject(signal?.reason)
      abandon?.()
    }
    const settled = () => signal?.removeEventListener('abort', abort)
    signal?.addEventListener('abort', abort)
    pending.then(
      value => {
        settled()
        resolve(value)
      },
      error => {
        settled()
        reject(error)
      },
    )
    if (signal?.aborted) abort()
  })
}

/** The arguments that a batch makes for the loss. */
export function inputsOf(batch: unknown): readonly unknown[] {
  return Array.isArray(batch) ? batch : [batch]
}

/** How many samples a batch holds: axis 0 of its first tensor that has one, in a record or a list as well; 1 where there is none. */
export function samplesOf(batch: unknown): number {
  for (const input of inputsOf(batch)) {
    const parts = input instanceof Tensor || typeof input !== 'object' || ArrayBuffer.isView(input) ? [input] : Object.values(input ?? {})
    for (const part of parts) if (part instanceof Tensor && part.rank > 0) return part.dims[0]
  }
  return 1
}

/**
 * Throws TypeError for what are no batches, for one batch in their place, which shows where the loss takes several arguments, and for what
 * can be gone through once where it is needed oftener.
 */
export function checkBatches(what: 'data' | 'validation', data: unknown, inputs: number, epochs: number): void {
  const isIterable = typeof data === 'object' && data !== null && (Symbol.iterator in data || Symbol.asyncIterator in data)
  if (!isIterable || data instanceof Tensor) {
    const more = what === 'data' ? '' : ', or a function that gives a number'
    throw new TypeError(`train: the ${what} is an iterable of batches: a DataLoader, or a list such as [[x, y]]${more}.`)
  }
  if (inputs > 1 && Array.isArray(data) && data.length > 0 && data.every(each => each instanceof Tensor)) {
    throw new TypeError(
      `train: the ${what} is one batch where a list of them belongs: the loss would get the tensors one by one. Write [[x, y]], or new DataLoader([x, y], { batchSize: 32 }).`,
    )
  }
  if (epochs > 1 && 'next' in data) {
    throw new TypeError(
      `train: the ${what} can be gone through once, and epochs is ${epochs}. Pass an iterable that starts anew, such as a DataLoader or a list, not an iterator.`,
    )
  }
}

/** The error for data that gave nothing. */
export function noBatch(what: 'data' | 'validation', epoch: number): TypeError {
  return new TypeError(
    epoch === 0
      ? `train: the ${what} gave no batch. Pass a list of batches, or a DataLoader with observations.`
      : `train: the ${what} gave no batch after the first epoch: it can be gone through once. Pass an iterable that starts anew, such as a DataLoader or a list.`,
  )
}
