import { WorkerError } from '../errors.ts'
import { isPlain } from '../tensor/realm.ts'
import { rangeError, refuseMore, typeError, written } from '../words.ts'
import { Channel, isMessage, type Message } from './channel.ts'
import { hold, listenTo, startWorker, type WorkerLike } from './ports.ts'
import { lend } from './share.ts'
import { type Receiver, type Sender, unpack } from './values.ts'

/** What `inWorker` can be told. */
export interface InWorkerOptions {
  /** How many threads the worker computes on; all cores but one where it is left out. This side keeps the others, at least one. */
  readonly threads?: number | undefined
  /** Gives up waiting for the worker. */
  readonly signal?: AbortSignal | undefined
}

/** What a call gives: a promise of the result, or of an async generator the values, one by one. */
type Answer<Result> =
  Result extends AsyncGenerator<infer Each> ? Promise<AsyncIterableIterator<Each>> & AsyncIterable<Each> : Promise<Awaited<Result>>

/** The functions that a worker serves, as the other side has them: `Remote<typeof functions>`. */
export type Remote<Functions> = {
  readonly [Name in keyof Functions]: Functions[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Answer<Result>
    : never
} & {
  /** Ends the worker, whatever it does; calls under way reject with WorkerError. */
  terminate(): Promise<void>
  [Symbol.dispose](): void
}

/** What a call brought that stays here. */
interface Call {
  readonly functions: ((...args: unknown[]) => unknown)[]
  readonly signals: { signal: AbortSignal; stop(): void }[]
  /** Errors of callbacks and reasons of signals: what comes back is the same one. */
  readonly kept: unknown[]
}

const taken = new WeakSet<object>()
/** How long a worker may be silent before it is said, in milliseconds. */
const SILENCE = 10_000

/**
 * Starts a worker, and gives its functions: those that its module offers by `serve`, each of which gives a promise.
 *
 * Where nothing bundles it takes the module's address: `await inWorker(new URL('./train.js', import.meta.url))`. Bundlers see only a worker that is
 * made in place: `await inWorker(new Worker(new URL('./train.js', import.meta.url), { type: 'module' }))`. Arguments and results go by value:
 * tensors, and states of them, arrive as tensors of the same shape; functions are called back here; an AbortSignal aborts there, too; errors are of their
 * classes. A process may end while nothing is awaited. `terminate()` ends the worker, as `using` does.
 *
 * Rejects with WorkerError where the worker cannot be loaded, and calls of one that ended; with TypeError for what is no worker or no signal, for an option that
 * is not there, and of a call for what cannot cross, with its place; with RangeError for `threads` that is no whole number from 1.
 *
 * @example
 * // const remote = await inWorker(new URL('./train.js', import.meta.url))
 * // loadState(model, await remote.fit({ epochs: 10 }, { onEpoch: ({ loss }) => console.log(loss) }))
 * await inWorker(5) // throws TypeError
 */
export async function inWorker<Functions = Record<string, (...args: unknown[]) => unknown>>(
  worker: string | URL | WorkerLike,
  options: InWorkerOptions = {},
): Promise<Remote<Functions>> {
  refuseMore('inWorker', 2, arguments)
  check(worker, options)
  const { signal } = options
  signal?.throwIfAborted()
  const isMade = typeof worker === 'object' && !(worker instanceof URL)
  if (isMade && taken.has(worker)) {
    throw typeError('inWorker', 'this worker is in use already', '', 'Keep what inWorker gave, or start another one.')
  }
  const loan = lend(options.threads)
  await loan.ready
  let thread: WorkerLike
  try {
    thread = isMade ? worker : startWorker(worker)
  } catch (error) {
    loan.giveBack()
    throw failed('the worker cannot be started', error instanceof Error ? error.message : String(error))
  }
  taken.add(thread)
  return new Promise((resolve, reject) => connect(thread, loan, signal, resolve as (remote: unknown) => void, reject))
}

function check(worker: unknown, options: unknown): asserts options is InWorkerOptions {
  const isWorker = typeof (worker as Partial<WorkerLike> | null)?.postMessage === 'function'
  if (typeof worker !== 'string' && !(worker instanceof URL) && !isWorker) {
    const wayOut = "Write inWorker(new URL('./train.js', import.meta.url))."
    throw typeError('inWorker', 'the address of a module or a Worker is needed', `${written(worker)} came`, wayOut)
  }
  if (!isPlain(options)) throw typeError('inWorker', 'options are an object', `${written(options)} came`)
  const odd = Object.keys(options).find(name => !['threads', 'signal'].includes(name))
  if (odd !== undefined) throw typeError('inWorker', `there is no option '${odd}'`, '', 'There are threads and signal.')
  const { threads, signal } = options as InWorkerOptions
  if (signal !== undefined && typeof signal?.throwIfAborted !== 'function')
    throw typeError('inWorker', 'signal is an AbortSignal', `${written(signal)} came`)
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1)) {
    throw rangeError('inWorker', 'threads is a whole number from 1', written(threads))
  }
}

function failed(
  problem: string,
  came: string,
  wayOut = 'Is the address right, and of the same origin, and does its module call serve({ ... })?',
): WorkerError {
  return new WorkerError({ operation: 'inWorker', problem, came: came.replace(/\.$/, ''), wayOut })
}

function connect(
  thread: WorkerLike,
  loan: ReturnType<typeof lend>,
  signal: AbortSignal | undefined,
  resolve: (remote: unknown) => void,
  reject: (error: unknown) => void,
): void {
  let isReady = false
  /** Why there is no worker any more: an error, or a signal's reason. */
  let over: unknown
  const calls = new Map<number, Call>()
  const open = new Set<Promise<unknown>>()
  const channel = new Channel((message, transfer) => thread.postMessage(message, transfer))
  const rest = () => over === undefined && hold(thread, !isReady || channel.size > 0)

  const end = (error: unknown): unknown => {
    if (over !== undefined) return
    over = error
    clearTimeout(timer as never)
    signal?.removeEventListener('abort', giveUp)
    for (const id of [...calls.keys()]) forget(id)
    // A process that waits for this end must not end before.
    const gone = thread.terminate()
    loan.giveBack()
    reject(error)
    channel.end(error)
    return gone
  }
  const giveUp = () => void end(signal?.reason)
  const timer: unknown = setTimeout(() => {
    console.warn(`inWorker: the worker has not called serve(...) within ${SILENCE / 1000} s. Is the call in its module?`)
  }, SILENCE)
  ;(timer as { unref?(): void }).unref?.()
  signal?.addEventListener('abort', giveUp)

  const forget = (id: number): void => {
    for (const each of calls.get(id)?.signals ?? []) each.stop()
    calls.delete(id)
  }
  /** What a side keeps is known by its call and its number there. */
  const keep = (id: number, value: unknown): [unknown, unknown] => {
    const kept = calls.get(id)?.kept ?? []
    return [[id, kept.push(value) - 1], value]
  }
  const receiver = (id: number): Receiver => ({
    kept(which) {
      const [call, index] = which as [number, number]
      return calls.get(call)?.kept[index]
    },
    iterable: () => steps(id),
  })
  const steps = (id: number): AsyncIterableIterator<unknown> => {
    const next = async (isLeaving: boolean): Promise<IteratorResult<unknown>> => {
      if (over !== undefined) throw over
      const promise = channel.ask('next', [id, isLeaving], 'a step', {}, receiver(id))
      rest()
      try {
        const step = (await promise) as IteratorResult<unknown>
        if (step.done) forget(id)
        return step
      } catch (error) {
        forget(id)
        throw error
      } finally {
        rest()
      }
    }
    return { next: () => next(false), return: () => next(true), [Symbol.asyncIterator]: () => steps(id) }
  }

  const call = (name: string, args: unknown[]): unknown => {
    const promise = ask(name, args).finally(() => open.delete(promise))
    open.add(promise)
    const iterate = (): AsyncIterator<unknown> => {
      const iterable = promise.then(result => {
        if (Symbol.asyncIterator in Object(result)) return (result as AsyncIterable<unknown>)[Symbol.asyncIterator]()
        throw typeError('inWorker', `${name} gave nothing to iterate`, '', 'Await it, or let it be an async generator.')
      })
      return { next: async () => (await iterable).next(), return: async () => (await iterable).return?.() as never }
    }
    return Object.assign(promise, { [Symbol.asyncIterator]: iterate })
  }
  const ask = async (name: string, args: unknown[]): Promise<unknown> => {
    if (over !== undefined) throw over
    const brought: Call = { functions: [], signals: [], kept: [] }
    const sender: Sender = {
      functionOf: f => brought.functions.push(f as () => unknown) - 1,
      signalOf: signal => brought.signals.push({ signal, stop() {} }) - 1,
    }
    const id = channel.next
    calls.set(id, brought)
    try {
      const promise = channel.ask('call', [...args, name], name, sender, receiver(id))
      brought.signals.forEach((each, index) => mirror(id, each, index))
      rest()
      const result = await promise
      if (!(Symbol.asyncIterator in Object(result))) forget(id)
      return result
    } catch (error) {
      forget(id)
      throw error
    } finally {
      rest()
    }
  }
  const mirror = (id: number, each: Call['signals'][number], index: number): void => {
    const { signal } = each
    const abort = () => channel.tell('abort', id, [index, keep(id, signal.reason)], 'the reason', { isLenient: true })
    if (signal.aborted) return
    signal.addEventListener('abort', abort)
    each.stop = () => signal.removeEventListener('abort', abort)
  }
  const callBack = async (message: Message): Promise<void> => {
    let of = 0
    try {
      const [id, index, args] = unpack(message, {}) as [number, number, unknown[]]
      of = id
      const result: unknown = await calls.get(id)?.functions[index](...args)
      if (over === undefined) channel.tell('answer', message.id, result, 'what a callback gave')
    } catch (error) {
      if (over === undefined) channel.tell('failure', message.id, keep(of, error), 'the error', { isLenient: true })
    }
  }
  const hear = (message: Message): void => {
    if (message.topic === 'callback') void callBack(message)
    else if (message.topic === 'here') greet()
    else if (message.topic !== 'ready') channel.settle(message)
    else if (!isReady) {
      isReady = true
      clearTimeout(timer as never)
      signal?.removeEventListener('abort', giveUp)
      rest()
      resolve(remoteOf(unpack(message, {}) as string[], call, terminate))
    }
  }
  const terminate = async (): Promise<void> => {
    // Who ends it need not look at what it was still doing.
    for (const each of open) each.catch(() => {})
    await end(new WorkerError({ operation: 'inWorker', problem: 'the worker was ended by terminate()' }))
  }
  /** It is ready when it has heard how many threads it has, which it may not hear while its module is still being loaded. */
  const greet = () => channel.tell('hello', 0, loan.count)
  const onEnd = (why: string) => void end(isReady ? failed('the worker ended', why, '') : failed('the worker could not be loaded', why))
  listenTo(thread, data => isMessage(data) && hear(data), onEnd)
  hold(thread, true)
  greet()
}

function remoteOf(names: readonly string[], call: (name: string, args: unknown[]) => unknown, terminate: () => Promise<void>): object {
  const remote: Record<PropertyKey, unknown> = { terminate }
  // Symbol.dispose is missing in some runtimes; `using` does not exist there either.
  if (Symbol.dispose) remote[Symbol.dispose] = () => void terminate()
  for (const name of names) remote[name] = (...args: unknown[]) => call(name, args)
  return new Proxy(remote, {
    get(target, name) {
      // It may be asked whether it is a promise, or has a form of its own as JSON.
      if (name in target || typeof name === 'symbol' || name === 'then' || name === 'toJSON') return target[name]
      throw typeError('inWorker', `the worker has no function '${name}'`, '', `It serves ${names.join(', ')}.`)
    },
  })
}
