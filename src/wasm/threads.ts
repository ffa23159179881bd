// How worker threads are made, in whatever runtime this is; capabilities are looked for, never names of runtimes.
import { memory } from './memory.ts'

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

/** What a worker runs: the text of worker.ts, or where it lies. */
export type Script = { readonly text: string } | { readonly url: string | URL }

type NodeWorkerClass = new (source: string | URL, options: object) => NodeWorker

interface NodeModules {
  (name: 'node:worker_threads'): { Worker?: NodeWorkerClass } | undefined
  (name: 'node:os'): { availableParallelism(): number }
}

const { process, navigator } = globalThis as {
  process?: { getBuiltinModule?: NodeModules }
  navigator?: { hardwareConcurrency?: number }
}
const builtin = process?.getBuiltinModule

let script: Script | undefined

/** Says what workers run; undefined: there are none. */
export function useScript(wanted: Script | undefined): void {
  script = wanted
}

/** The class of worker threads of Node, Deno and Bun. */
const nodeWorker = () => builtin?.('node:worker_threads')?.Worker

/** How many threads the machine runs at once. */
export function cores(): number {
  return navigator?.hardwareConcurrency ?? builtin?.('node:os').availableParallelism() ?? 1
}

/** Why memory cannot be shared with workers here; undefined if it can. */
export function obstacle(): string | undefined {
  if (!nodeWorker() && typeof Worker === 'undefined') return 'this runtime has no workers'
  if (!script) return "no worker was given: init({ worker }) takes the address of fluxtape's worker.js"
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
  if (!script) throw new Error('there is nothing for it to run')
  const NodeThread = nodeWorker()
  return NodeThread ? spawnInProcess(NodeThread, script, onEnd) : spawnInPage(script, onEnd)
}

function spawnInProcess(NodeThread: NodeWorkerClass, script: Script, onEnd: (why: string) => void): Thread {
  const worker =
    'url' in script
      ? new NodeThread(/^\w+:\/\//.test(String(script.url)) ? new URL(script.url) : script.url, { execArgv: [] })
      : new NodeThread(script.text, { eval: true, execArgv: [] })
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

function spawnInPage(script: Script, onEnd: (why: string) => void): Thread {
  const isBlob = 'text' in script
  const url = isBlob ? URL.createObjectURL(new Blob([script.text], { type: 'text/javascript' })) : script.url
  const worker = new Worker(url)
  worker.onerror = event => {
    event.preventDefault()
    // One that a policy or an address keeps from starting fails without a message.
    onEnd(event.message || refusal(isBlob))
  }
  // The script is fetched when the worker starts; the address is not needed for long.
  if (isBlob) setTimeout(() => URL.revokeObjectURL(String(url)), 10_000)
  return worker
}

function refusal(isBlob: boolean): string {
  return isBlob
    ? 'the browser refused one; under a Content-Security-Policy, worker-src needs blob:, or fluxtape/edge the address of a worker'
    : 'the browser could not load it; its address must be of the same origin, under worker-src, and have the headers of an isolated page'
}

/** Waits. `mayEnd`: the process may end meanwhile, where there is one. */
export function pause(milliseconds = 1, mayEnd = false): Promise<void> {
  return new Promise(resolve => {
    const timer: unknown = setTimeout(resolve, milliseconds)
    if (mayEnd) (timer as { unref?(): void }).unref?.()
  })
}
