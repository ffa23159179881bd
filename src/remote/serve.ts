import { refuseMore, typeError, written } from '../words.ts'
import { Channel, isMessage, type Message, type Post } from './channel.ts'
import { ownPort } from './ports.ts'
import { take } from './share.ts'
import { isIterable, type Receiver, type Sender, unpack } from './values.ts'

/** What a worker's module offers: functions by name. They may be async, or async generators. */
// biome-ignore lint/suspicious/noExplicitAny: any function is one
export type Served = { readonly [name: string]: (...args: any[]) => unknown }

/** Names that the other side has of its own. */
const TAKEN = ['then', 'toJSON', 'terminate', 'constructor']

/** A call that is under way here. */
interface Call {
  readonly signals: Map<number, AbortController>
  /** What a callback threw that nobody awaited. */
  failure: { readonly error: unknown } | undefined
  isOver: boolean
  iterator?: AsyncIterator<unknown>
}

let isServing = false

/**
 * Offers functions to the thread that started this worker with `inWorker`: to be called in the worker's module, once what they need is there.
 *
 * Arguments arrive by value: tensors as tensors, functions as ones that are called over there and give promises of their results, an AbortSignal as
 * one that is aborted with the other. What a function gives, or throws, goes back in the same way; one that is an async generator is iterated from
 * there, step by step. Functions and signals serve until the call has ended. Throws TypeError where this is no worker, for what is no object of
 * functions and where it was called before.
 *
 * @example
 * // In the worker's module: serve({ async fit({ epochs }, { onEpoch, signal }) { ...; return state(model) } })
 * serve({ fit: 5 }) // throws TypeError
 */
export function serve(functions: Served): void {
  refuseMore('serve', 1, arguments)
  const names = Object.keys(Object(functions))
  const odd = names.find(name => typeof functions[name] !== 'function')
  if (names.length === 0 || typeof functions !== 'object') {
    throw typeError('serve', 'an object of functions is needed', `${written(functions)} came`, 'Write serve({ fit }).')
  }
  if (odd !== undefined) throw typeError('serve', `'${odd}' is a function`, `${written(functions[odd])} came`)
  const taken = names.find(name => TAKEN.includes(name))
  if (taken !== undefined) throw typeError('serve', `no function can be called '${taken}'`, '', 'Give it another name.')
  if (isServing) throw typeError('serve', 'it was called before', '', 'Offer all functions in one call.')

  const calls = new Map<number, Call>()
  /** Where what came from there came from, so that it goes back as the same. */
  const origins = new WeakMap<object, unknown>()
  const sender: Sender = { keptOf: value => origins.get(value) }
  const hear = (message: Message): void => {
    const { topic, id } = message
    if (topic === 'hello') void greet(message)
    else if (topic === 'call') void answer(id, () => start(message))
    else if (topic === 'next') void answerStep(message)
    else if (topic === 'abort') abort(message)
    else channel.settle(message)
  }
  const post: Post = ownPort(data => isMessage(data) && hear(data))
  isServing = true
  const channel = new Channel(post)
  let isGreeted = false
  const greet = async (message: Message): Promise<void> => {
    if (isGreeted) return
    isGreeted = true
    await take(unpack(message, {}) as number)
    channel.tell('ready', 0, names)
  }
  const receiverOf = (id: number, call: Call): Receiver => ({
    kept: which => which,
    function: index => callback(id, index, call),
    signal(index) {
      const controller = call.signals.get(index) ?? new AbortController()
      call.signals.set(index, controller)
      return controller
    },
  })
  /** Errors of callbacks and reasons of signals, of which that side keeps the first one. */
  const noted = (value: unknown): unknown => {
    const [origin, copy] = value as [unknown, unknown]
    if (Object(copy) === copy) origins.set(copy as object, origin)
    return copy
  }
  const callback = (id: number, index: number, call: Call) => {
    return (...args: unknown[]): Promise<unknown> => {
      if (call.failure) throw call.failure.error
      if (call.isOver) throw typeError('serve', 'a function was called after the call that brought it had ended')
      let isHeard = false
      const promise = channel
        .ask('callback', [id, index, args], 'the argument of a callback', { ...sender, isLenient: true }, receiverOf(id, call))
        .catch(failure => {
          const error = Array.isArray(failure) ? noted(failure) : failure
          if (!isHeard) call.failure = { error }
          throw error
        })
      const then: typeof promise.then = (...handlers) => Promise.prototype.then.apply(promise, handlers) as Promise<never>
      // Where nobody awaits it, it fails the call, not the worker.
      then(undefined, () => {})
      return Object.defineProperties(promise, {
        // biome-ignore lint/suspicious/noThenProperty: it must know that somebody awaits it
        then: {
          value: (...handlers: Parameters<typeof then>) => {
            isHeard = true
            return then(...handlers)
          },
        },
        // `await` calls `then` only of what is no plain promise.
        constructor: { value: undefined },
      })
    }
  }
  const start = async (message: Message): Promise<unknown> => {
    const { id } = message
    const call: Call = { signals: new Map(), failure: undefined, isOver: false }
    calls.set(id, call)
    try {
      const args = unpack(message, receiverOf(id, call)) as unknown[]
      const given = functions[args.pop() as string](...args)
      const isSteps = isIterable(given) && typeof (given as { then?: unknown }).then !== 'function'
      const result = isSteps ? given : await given
      if (call.failure) throw call.failure.error
      if (isIterable(result)) {
        call.iterator = (result as AsyncIterable<unknown>)[Symbol.asyncIterator]()
      } else end(id)
      return result
    } catch (error) {
      end(id)
      throw error
    }
  }
  const end = (id: number): void => {
    const call = calls.get(id)
    if (call) call.isOver = true
    calls.delete(id)
  }
  const answer = async (id: number, f: () => Promise<unknown>): Promise<void> => {
    try {
      channel.tell('answer', id, await f(), 'the result', sender)
    } catch (error) {
      channel.tell('failure', id, error, 'the error', { ...sender, isLenient: true })
    }
  }
  const answerStep = (message: Message): Promise<void> => {
    const [id, isLeaving] = unpack(message, {}) as [number, boolean]
    return answer(message.id, async () => {
      const iterator = calls.get(id)?.iterator
      if (!iterator) return { done: true, value: undefined }
      try {
        const step = isLeaving ? await iterator.return?.() : await iterator.next()
        if (!step || step.done) end(id)
        return { done: step?.done ?? true, value: step?.value }
      } catch (error) {
        end(id)
        throw error
      }
    })
  }
  const abort = (message: Message): void => {
    const call = calls.get(message.id)
    const [index, reason] = unpack(message, {}) as [number, unknown]
    call?.signals.get(index)?.abort(noted(reason))
  }
  // What was said while the module was being loaded may not have been heard.
  channel.tell('here', 0, undefined)
}
