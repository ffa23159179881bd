// What a worker thread runs; bundled into the library as a string. It computes until it is
// told to leave, and then waits to be sent for again.

/** What the pool sends to a worker. */
export interface WorkerStart {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  /** The address of the control block. */
  readonly control: number
  /** The address of the word that counts the workers that failed in a chunk. */
  readonly fault: number
  readonly polls: number
  readonly isWide: boolean
}

interface Port {
  on(event: 'message', listener: (start: WorkerStart) => void): void
}

function serve({ module, memory, control, fault, polls, isWide }: WorkerStart): void {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  ;(exports.wide as { value: number }).value = Number(isWide)
  try {
    ;(exports.serve as (control: number, polls: number) => void)(control, polls)
  } catch (error) {
    // A thread that spins sees no event: the caller looks at this word.
    Atomics.add(new Int32Array(memory.buffer), fault >>> 2, 1)
    throw error
  }
}

const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => { parentPort?: Port } } }
const port = process?.getBuiltinModule?.('node:worker_threads')?.parentPort
if (port) port.on('message', serve)
else {
  globalThis.onmessage = (event: MessageEvent) => serve(event.data as WorkerStart)
}
