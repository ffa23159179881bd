// How worker threads are made, in whatever runtime this is; capabilities are looked for, never names of runtimes.
import { memory } from './memory.ts'
import workerSource from './worker.ts?source'

export interface Thread {
  postMessage(message: unknown): void
  /** Ends it; a promise where the runtime says when. */
  terminate(): unknown
}

interface NodeWorker extends Thread {
  unref(): void
  on(event: 'error', listener: (error: Error) => void): void
  on(event: 'exit', listener: () => void): void
}

interface NodeModules {
  (name: 'node:worker_threads'): { Worker: new (source: string, options: object) => NodeWorker }
  (name: 'node:os'): { availableParallelism(): number }
}

const { process, navigator } = globalThis as {
  process?: { getBuiltinModule?: NodeModules }
  navigator?: { hardwareConcurrency?: number }
}
const builtin = process?.getBuiltinModule

/** How many threads the machine runs at once. */
export function cores(): number {
  return navigator?.hardwareConcurrency ?? builtin?.('node:os').availableParallelism() ?? 1
}

/** Why memory cannot be shared with workers here; undefined if it can. */
export function obstacle(): string | undefined {
  if (!builtin && typeof Worker === 'undefined') return 'this runtime has no workers'
  const { port1, port2 } = new MessageChannel()
  try {
    port1.postMessage(memory)
    return undefined
  } catch {
    const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean }
    if (crossOriginIsolated) return 'this browser cannot share memory with workers, although the page is cross-origin isolated'
    return 'this page may not share memory with workers: it is not cross-origin isolated'
  } finally {
    port1.close()
    port2.close()
  }
}

/** Starts a worker thread, which never keeps a process alive; `onEnd` hears why it ended by itself. Throws where none can be started. */
export function spawn(onEnd: (why: string) => void): Thread {
  if (builtin) {
    const worker = new (builtin('node:worker_threads').Worker)(workerSource, { eval: true, execArgv: [] })
    worker.on('error', error => onEnd(error.message))
    worker.on('exit', () => onEnd('it ended'))
    worker.unref()
    return {
      postMessage: message => worker.postMessage(message),
      terminate() {
        const end = worker.terminate()
        // Terminating refers to it again, and it may take its time.
        worker.unref()
        return end
      },
    }
  }
  const url = URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' }))
  const worker = new Worker(url)
  worker.onerror = event => {
    event.preventDefault()
    // One that a policy keeps from starting fails without a message.
    onEnd(event.message || 'the browser refused one; under a Content-Security-Policy, worker-src needs blob:')
  }
  // The script is fetched when the worker starts; the address is not needed for long.
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
  return worker
}
