// Observations that come one after the other, and of which nobody knows how many there are.
import { drawIntegers, type Randomness } from '../tensor/random.ts'
import { isThenable } from '../tensor/realm.ts'
import { blamed, drive, type Later, type Steps } from './wait.ts'

/** An observation, or a promise of it, and its number. */
export interface Item {
  readonly value: unknown
  readonly at: number
}

type Source = Iterator<unknown> | AsyncIterator<unknown>

/** How many numbers are drawn at once. */
const DRAWN = 256

/** Reads batches of observations; where they are shuffled, each is drawn from a buffer, which is filled up before. */
export class Reader {
  private readonly source: Source
  private readonly batchSize: number
  private readonly partial: boolean
  private readonly random: Randomness | undefined
  private readonly room: number
  private readonly buffer: Item[] = []
  private draws: ArrayLike<number> = []
  private drawn = 0
  private count = 0
  private isEnded = false
  private last: unknown

  /** `random` shuffles, in a buffer with `room` for so many. */
  constructor(data: object, batchSize: number, partial: boolean, room: number, random: Randomness | undefined) {
    const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = data as AsyncIterable<unknown> & Iterable<unknown>
    this.source = later ? later.call(data) : now.call(data)
    this.batchSize = batchSize
    this.partial = partial
    this.room = room
    this.random = random
  }

  /** The observations of the next batch, after those of the one before; none at the end. */
  read(): Later<readonly Item[]> {
    const read = () => drive(this.steps())
    const list = isThenable(this.last) ? Promise.resolve(this.last).then(read) : read()
    this.last = list
    return list
  }

  /** Closes the source, unless it has ended. */
  close(): unknown {
    if (this.isEnded) return undefined
    this.isEnded = true
    return this.source.return?.()
  }

  private *steps(): Steps<readonly Item[]> {
    const { buffer, room, batchSize } = this
    const list: Item[] = []
    while (list.length < batchSize) {
      while (!this.isEnded && buffer.length < room) yield* this.pull()
      if (buffer.length === 0) break
      const chosen = this.random ? Math.floor((this.draw(this.random) / 2 ** 32) * buffer.length) : 0
      list.push(buffer[chosen])
      const end = buffer.pop()
      if (end && chosen < buffer.length) buffer[chosen] = end
    }
    return list.length < batchSize && !this.partial ? [] : list
  }

  private *pull(): Steps<void> {
    try {
      const pulled = this.source.next()
      const { done, value } = (isThenable(pulled) ? yield pulled : pulled) as IteratorResult<unknown>
      if (done) this.isEnded = true
      else this.buffer.push({ value, at: this.count++ })
    } catch (error) {
      this.isEnded = true
      throw blamed(error, this.count)
    }
  }

  private draw(random: Randomness): number {
    if (this.drawn === this.draws.length) {
      this.draws = drawIntegers(DRAWN, random)
      this.drawn = 0
    }
    return this.draws[this.drawn++]
  }
}
