// How two threads of a runtime reach each other. Capabilities are looked for, never names of runtimes.
import { typeError } from '../words.ts'
import type { Post } from './channel.ts'

/** A worker of a page, or of Deno and Bun, or of `node:worker_threads`. */
export interface WorkerLike {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void
  terminate(): unknown
}

interface Listened {
  on?(event: string, listener: (value: unknown) => void): void
  addEventListener?(event: string, listener: (event: Partial<ErrorEvent> & { data?: unknown }) => void): void
  start?(): void
  ref?(): void
  unref?(): void
}

interface NodeThreads {
  readonly Worker?: new (url: string | URL) => WorkerLike & Listened
  readonly parentPort?: (WorkerLike & Listened) | null
}

const { process } = globalThis as { process?: { getBuiltinModule?(name: string): NodeThreads & { availableParallelism?(): number } } }
const nodeThreads = (): NodeThreads | undefined => process?.getBuiltinModule?.('node:worker_threads')

/** How many threads the machine runs at once. */
export function cores(): number {
  const { navigator } = globalThis as { navigator?: { hardwareConcurrency?: number } }
  return navigator?.hardwareConcurrency ?? process?.getBuiltinModule?.('node:os').availableParallelism?.() ?? 1
}

/** Starts the worker of a module. What its address is taken from is the page, or the folder of the process. */
export function startWorker(url: string | URL): WorkerLike {
  const Threads = nodeThreads()?.Worker
  if (Threads) return new Threads(/^\w\w+:/.test(String(url)) ? new URL(url) : url)
  if (typeof Worker === 'undefined') throw new Error('this runtime has no workers')
  let knowsModules = false
  const options = {
    get type() {
      knowsModules = true
      return 'module' as const
    },
  }
  const worker = new Worker(url, options)
  if (knowsModules) return worker
  worker.terminate()
  throw new Error('this browser knows no workers of modules')
}

/** Hears of all that comes from a worker, and why it ended, if it did so by itself. */
export function listenTo(worker: WorkerLike & Listened, onMessage: (data: unknown) => void, onEnd: (why: string) => void): void {
  if (worker.on) {
    worker.on('message', onMessage)
    worker.on('messageerror', error => onEnd(`a message could not be read: ${error}`))
    worker.on('error', error => onEnd(error instanceof Error ? error.message : String(error)))
    worker.on('exit', code => onEnd(`it ended with code ${code}`))
    return
  }
  worker.addEventListener?.('message', ({ data }) => onMessage(data))
  worker.addEventListener?.('messageerror', () => onEnd('a message could not be read'))
  worker.addEventListener?.('error', event => {
    ;(event as Event).preventDefault?.()
    // One that a policy or an address keeps from loading fails without a message.
    onEnd(event.message || 'it could not be loaded, or its policy forbids it')
  })
  // Bun has it.
  worker.addEventListener?.('close', () => onEnd('it ended'))
}

/** Lets a process end while nobody waits for the worker, where the runtime can. */
export function hold(worker: WorkerLike & Listened, isBusy: boolean): void {
  if (isBusy) worker.ref?.()
  else worker.unref?.()
}

/** The port to who started this worker; throws TypeError where nobody did. */
export function ownPort(onMessage: (data: unknown) => void): Post {
  const scope = globalThis as unknown as WorkerLike & Listened & { WorkerGlobalScope?: unknown }
  // Deno's workers have both.
  const port = scope.WorkerGlobalScope ? scope : (nodeThreads()?.parentPort ?? undefined)
  if (typeof port?.postMessage !== 'function') {
    throw typeError('serve', 'this is no worker', '', 'Call it in the module that inWorker(url) is given.')
  }
  if (port.addEventListener && !port.on) port.addEventListener('message', ({ data }) => onMessage(data))
  else port.on?.('message', onMessage)
  return (message, transfer) => port.postMessage(message, transfer)
}
