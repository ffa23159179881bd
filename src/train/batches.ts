import type { Feed } from '../data/feed.ts'
import { DataLoader, iterated, type Order, passOf } from '../data/loader.ts'
import { callIt } from '../data/observations.ts'
import { kindOf, typeError, written } from '../errors.ts'
import { type Randomness, withRandomness } from '../tensor/random.ts'
import { isThenable, tagOf } from '../tensor/realm.ts'
import { Tensor } from '../tensor/tensor.ts'
import { type Shared, sharingOf } from './sharing.ts'
import type { TrainingData } from './types.ts'

type Pulled = IteratorResult<unknown>

/**
 * Pulls the batches of an epoch one after the other, from the first, or from the nth where a run is taken up. Random numbers, such as the order of a
 * DataLoader, come from `random` meanwhile.
 */
export class Batches {
  private readonly source: Iterator<unknown> | AsyncIterator<unknown> | Feed<unknown>
  private readonly pass: Feed<unknown> | undefined
  private random: Randomness
  private readonly signal: AbortSignal | undefined
  /** Is the source to be closed, because it has given a batch and may give more? */
  private isOpen = false

  constructor(data: TrainingData, random: Randomness, signal: AbortSignal | undefined, from = 0, last?: Order) {
    this.pass = data instanceof DataLoader ? passOf(data, from, last) : undefined
    this.source = this.pass ?? (Symbol.asyncIterator in data ? data[Symbol.asyncIterator]() : data[Symbol.iterator]())
    this.random = random
    this.signal = signal
  }

  /** How a DataLoader drew the order of this pass; undefined for other data. */
  get order(): Order | undefined {
    return this.pass?.order
  }

  /** Goes to the nth batch: a DataLoader is there, but one over a stream and other data are read up to it, with the random numbers from when the epoch began. */
  async goTo(n: number, random: Randomness): Promise<void> {
    if (this.pass && !this.pass.isRead) return
    const after = this.random
    this.random = random
    for (let i = 0; i < n && !(await this.next()).done; i++);
    this.random = after
  }

  /** The next batch; a promise only where the data gives one. Throws the signal's reason, also while it waits. */
  next(): Pulled | Promise<Pulled> {
    this.signal?.throwIfAborted()
    this.isOpen = false
    const pending = withRandomness(this.random, () => this.source.next())
    return isThenable(pending) ? this.wait(pending) : this.open(pending)
  }

  /** Closes a source that has not ended; where the run was aborted nobody waits for that. */
  async close(): Promise<void> {
    if (!this.isOpen) return
    if (this.signal?.aborted) this.abandon()
    else await this.source.return?.()
  }

  private async wait(pending: PromiseLike<Pulled>): Promise<Pulled> {
    return this.open(await heard(this.signal, pending, () => this.abandon()))
  }

  /** A batch that is itself a promise, as a list of promises gives it, is awaited. */
  private open(pulled: Pulled): Pulled | Promise<Pulled> {
    if (typeof pulled !== 'object' || pulled === null) {
      throw typeError('train', 'next() of the data gives { done, value }', `${kindOf(pulled)} came`, 'Write it as a generator.')
    }
    this.isOpen = !pulled.done
    const { value } = pulled
    return this.isOpen && isThenable(value) ? heard(this.signal, value).then(batch => ({ done: false, value: batch })) : pulled
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

/** A list that is longer is not spread into a function that does not name as many parameters: there is a limit, and nobody means that. */
const SPREAD = 1000

/** The arguments that a batch makes for the loss, which takes so many of them. Throws TypeError for a list that is none of arguments. */
export function inputsOf(operation: string, batch: unknown, takes: number): readonly unknown[] {
  if (!Array.isArray(batch)) return [batch]
  if (batch.length <= SPREAD || batch.length <= takes) return batch
  throw typeError(
    operation,
    `a batch that is a list is spread into the loss, which takes ${takes}`,
    `${batch.length} values came`,
    'Write [list] for a list that is one argument, or make a tensor of it.',
  )
}

/** How many samples a batch holds: axis 0 of its first tensor that has one, in a record or a list as well; 1 where there is none. */
export function samplesOf(batch: unknown): number {
  if (sharingOf(batch)) return (batch as Shared).samples
  for (const input of Array.isArray(batch) ? batch : [batch]) {
    const isRecord = typeof input === 'object' && input !== null && !(input instanceof Tensor || ArrayBuffer.isView(input))
    if (isRecord) for (const part of Object.values(input)) if (part instanceof Tensor && part.rank > 0) return part.dims[0]
    if (input instanceof Tensor && input.rank > 0) return input.dims[0]
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
    if (typeof data === 'function') throw typeError('train', `the ${what} is a function where what it gives belongs`, '', callIt(data))
    const more = what === 'data' ? '' : ', or a function that gives a number'
    throw typeError(
      'train',
      `the ${what} is an iterable of batches: a DataLoader, or a list such as [[x, y]]${more}`,
      `${written(data)} came`,
    )
  }
  if (inputs > 1 && Array.isArray(data) && data.length > 0 && data.every(each => each instanceof Tensor)) {
    throw typeError(
      'train',
      `the ${what} is one batch where a list of them belongs: the loss would get the tensors one by one`,
      '',
      'Write [[x, y]], or new DataLoader([x, y], { batchSize: 32 }).',
    )
  }
  if (epochs > 1 && 'next' in iterated(data)) {
    throw typeError(
      'train',
      `the ${what} can be gone through once, and epochs is ${epochs}`,
      '',
      'Pass an iterable that starts anew, such as a DataLoader or a list, not an iterator.',
    )
  }
}

/** Is it a function that makes a generator? */
export function isGenerating(value: unknown): boolean {
  return typeof value === 'function' && tagOf(value).endsWith('GeneratorFunction')
}

/** The error for data that gave nothing. */
export function noBatch(what: 'data' | 'validation', epoch: number): TypeError {
  return typeError(
    'train',
    `the ${what} gave no batch${epoch === 0 ? '' : ' after the first epoch: it can be gone through once'}`,
    '',
    epoch === 0
      ? 'Pass a list of batches, or a DataLoader with observations.'
      : 'Pass an iterable that starts anew, such as a DataLoader or a list.',
  )
}
