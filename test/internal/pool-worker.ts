// What runs in a worker before src/wasm/worker.ts does: a worker that misbehaves as FAULT says. It starts as the real one.
import { follow } from '../runtimes/protocol.mjs'

/** Words of the control block that only these tests use. */
export const SIGNALS = { claims: 700, late: 704 } as const

interface Exports {
  readonly run: (kernel: number, descriptor: number, begin: number, end: number) => void
  serve(control: number, polls: number): void
}

const { Instance } = WebAssembly
const env = (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env
const fault = env?.FAULT
/** The kernels in which it fails; undefined: in whichever comes first. */
const kernels = env?.FAULT_KERNELS?.split(',').map(Number)

if (fault === 'throws at once') throw new Error('no such thing')
if (fault === 'never starts') sleep(600_000)

let calls = 0

class FaultyInstance {
  readonly exports: Exports

  constructor(module: WebAssembly.Module, imports: { env: { memory: WebAssembly.Memory } }) {
    if (fault === 'throws before it is ready') throw new Error('not enough memory')
    const exports = new Instance(module, imports).exports as unknown as Exports
    const isReal = fault === 'ends when it comes back'
    // One that does not leave is not used again, in a test with another fault.
    this.exports = { ...exports, serve: isReal ? exports.serve : control => serve(imports.env.memory, exports.run, control) }
    if (fault === 'ends when it comes back' && calls++ > 0) exit()
  }
}
Object.assign(WebAssembly, { Instance: FaultyInstance })

function exit(): void {
  ;(globalThis as unknown as { process: { exit(): void } }).process.exit()
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

function serve(memory: WebAssembly.Memory, run: Exports['run'], control: number): void {
  const words = new Int32Array(memory.buffer)
  const word = (offset: number) => (control + offset) >>> 2
  let seed = control + (Date.now() % 1000)
  const chance = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed / 2 ** 32
  }
  /** Mostly nothing or next to nothing, at times a millisecond or three, asleep or awake. */
  const delay = () => {
    if (fault !== 'dawdles') return
    const kind = chance()
    if (kind < 0.01) sleep(1 + 2 * chance())
    else if (kind < 0.2) for (let i = 20_000 * chance(); i > 0; i--) Atomics.load(words, word(0))
  }
  follow(memory.buffer, control, {
    delay,
    isTired: looks => {
      delay()
      return looks >= (fault === 'dawdles' ? 10 : 300_000)
    },
    mayLeave: false,
    compute({ kernel, descriptor, begin, end }) {
      if (kernels && !kernels.includes(kernel)) return run(kernel, descriptor, begin, end)
      const claims = Atomics.add(words, word(SIGNALS.claims), 1)
      delay()
      if (fault === 'traps' || (fault === 'traps once' && claims === 0)) run(kernel, 0xfffffff0 | 0, begin, end)
      if (fault === 'ends') exit()
      if (fault === 'stalls') sleep(600_000)
      if (fault === 'stalls, then writes') sleep(2000)
      run(kernel, descriptor, begin, end)
      if (fault === 'stalls, then writes') Atomics.store(words, word(SIGNALS.late), 1)
    },
  })
}
