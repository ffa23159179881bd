// Questions and answers between two threads, over one port, so that they come in the order in which they were sent. (Comlink, which has a port for each
// callback, gave the result before 199 of 200 reports in Node 20; its calls of a worker that ends stay pending, and functions in options are refused.)
import { typeError } from '../words.ts'
import { type Packed, pack, type Receiver, type Sender, unpack } from './values.ts'

/** Marks the messages of this protocol among others that a port may have. */
const MARK = 'fluxtape/worker 1'

export type Topic = 'here' | 'hello' | 'ready' | 'call' | 'callback' | 'next' | 'return' | 'abort' | 'answer' | 'failure'

export interface Message extends Packed {
  readonly mark: typeof MARK
  readonly topic: Topic
  readonly id: number
}

export type Post = (message: unknown, transfer: ArrayBuffer[]) => void

export function isMessage(data: unknown): data is Message {
  return (data as Partial<Message> | null)?.mark === MARK
}

interface Asked {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly receiver: Receiver
}

export class Channel {
  readonly #post: Post
  readonly #asked = new Map<number, Asked>()
  #count = 0

  constructor(post: Post) {
    this.#post = post
  }

  /** How many answers are waited for. */
  get size(): number {
    return this.#asked.size
  }

  /** The number of the next question. */
  get next(): number {
    return this.#count + 1
  }

  tell(topic: Topic, id: number, value: unknown, what = '', sender: Sender = {}): void {
    const { transfer, foreign, ...packed } = pack(value, what, sender)
    try {
      this.#post({ mark: MARK, topic, id, ...packed } satisfies Message, transfer)
    } catch (error) {
      throw uncloneable(error, foreign, what)
    }
  }

  /** A question, of the number that it is given; the promise is that of the answer. */
  ask(topic: Topic, value: unknown, what: string, sender: Sender = {}, receiver: Receiver = {}): Promise<unknown> {
    const id = ++this.#count
    return new Promise((resolve, reject) => {
      this.tell(topic, id, value, what, sender)
      this.#asked.set(id, { resolve, reject, receiver })
    })
  }

  /** Settles what was asked. */
  settle(message: Message): void {
    const asked = this.#asked.get(message.id)
    if (!asked || !this.#asked.delete(message.id)) return
    try {
      const value = unpack(message, asked.receiver)
      if (message.topic === 'answer') asked.resolve(value)
      else asked.reject(value)
    } catch (error) {
      asked.reject(error)
    }
  }

  /** There will be no answers any more. */
  end(error: unknown): void {
    for (const { reject } of this.#asked.values()) reject(error)
    this.#asked.clear()
  }
}

/** What `postMessage` throws does not say which part it was. */
function uncloneable(cause: unknown, foreign: readonly [string, unknown][], what: string): unknown {
  const [path] = foreign.find(([, value]) => !isCloneable(value)) ?? [what]
  const came = cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause)
  return typeError('inWorker', `${path} cannot cross to another thread`, came, 'Send what it is made of.', { cause })
}

function isCloneable(value: unknown): boolean {
  try {
    structuredClone(value)
    return true
  } catch {
    return false
  }
}
