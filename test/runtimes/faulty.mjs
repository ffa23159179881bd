// Workers that misbehave on demand: a preamble runs in front of what the library gives them.
import { follow } from './protocol.mjs'

/** What a worker may do. The number of one is written into the control block before the worker hears of it. */
const FAULTS = ['none', 'traps', 'traps once', 'never starts', 'throws at start', 'stalls', 'dawdles']
/** Bytes of the control block that only these tests use: chunks that workers claimed, a late write, the fault. */
const OFFSETS = { claims: 700, late: 704, fault: 708 }

/** Runs in the worker, as text. `atOnce`: the fault when it was made; those it is sent for again with come by the control block. */
function preamble(follow, FAULTS, OFFSETS, atOnce) {
  const { Instance } = WebAssembly
  const bed = new Int32Array(new SharedArrayBuffer(4))
  const sleep = milliseconds => Atomics.wait(bed, 0, 0, milliseconds)
  const start = fault => {
    if (fault === 'never starts') sleep(3000)
    if (fault === 'throws at start') throw new Error('no such thing')
  }
  start(atOnce)
  WebAssembly.Instance = class {
    constructor(module, imports) {
      const real = new Instance(module, imports).exports
      const serve = (control, polls) => {
        const words = new Int32Array(imports.env.memory.buffer)
        const fault = FAULTS[Atomics.load(words, (control + OFFSETS.fault) >>> 2)]
        if (fault === 'none') return real.serve(control, polls)
        start(fault)
        misbehave(fault, imports.env.memory.buffer, real.run, control)
      }
      this.exports = { ...real, serve }
    }
  }

  function misbehave(fault, buffer, run, control) {
    const words = new Int32Array(buffer)
    const word = offset => (control + offset) >>> 2
    /** Mostly nothing or next to nothing, at times a millisecond or two, asleep or awake. */
    const delay = () => {
      if (fault !== 'dawdles') return
      const kind = Math.random()
      if (kind < 0.0005) sleep(1 + 2 * Math.random())
      else if (kind < 0.001) for (const end = performance.now() + 1 + Math.random(); performance.now() < end; ) Atomics.load(words, word(0))
      else if (kind < 0.1) for (let i = 500 * Math.random(); i > 0; i--) Atomics.load(words, word(0))
    }
    follow(buffer, control, {
      delay,
      isTired: looks => looks >= 300_000 || (fault === 'dawdles' && Math.random() <= 1e-5),
      mayLeave: true,
      compute({ kernel, descriptor, begin, end }) {
        const claims = Atomics.add(words, word(OFFSETS.claims), 1)
        delay()
        // Where no memory is.
        if (fault === 'traps' || (fault === 'traps once' && claims === 0)) run(kernel, 0xfffffff0 | 0, begin, end)
        if (fault === 'stalls') sleep(1000)
        run(kernel, descriptor, begin, end)
        if (fault === 'stalls') Atomics.store(words, word(OFFSETS.late), 1)
      },
    })
  }
}

/** Can make workers faulty: in Node, Deno and Bun where the library takes them from, in browsers the globals. */
export function faultyWorkers() {
  const threads = globalThis.process?.getBuiltinModule?.('node:worker_threads')
  const place = threads ?? globalThis
  const { Worker } = place
  const { Blob } = globalThis
  let last
  let fault = 'none'
  let words
  let control
  const text = () => `(${preamble})(${follow}, ${JSON.stringify(FAULTS)}, ${JSON.stringify(OFFSETS)}, ${JSON.stringify(fault)});`

  class FaultyWorker extends Worker {
    constructor(source, options) {
      super(threads ? text() + source : source, options)
    }

    postMessage(message) {
      words = new Int32Array(message.memory.buffer)
      control = message.control
      words[(control + OFFSETS.fault) >>> 2] = FAULTS.indexOf(fault)
      last = this
      super.postMessage(message)
    }
  }
  class FaultyBlob extends Blob {
    constructor(parts, options) {
      super(options?.type === 'text/javascript' ? [text(), ...parts] : parts, options)
    }
  }
  const read = offset => Atomics.load(words, (control + offset) >>> 2)
  return {
    /** Terminates the worker that was sent for last. */
    end: () => last.terminate(),
    /** Does the runtime say when a worker has ended? Browsers do not. */
    doSay: threads !== undefined,
    /** Sets what those do that are sent for from now on. */
    fail(name) {
      if (!FAULTS.includes(name)) throw new Error(`no fault '${name}'`)
      fault = name
    },
    /** Of the pool that was started last: chunks that its faulty workers claimed, and jobs that were forked. */
    claims: () => read(OFFSETS.claims),
    forks: () => read(4),
    /** A function that tells whether a worker of the present pool wrote after its stall. */
    lateness: () => Atomics.load.bind(undefined, words, (control + OFFSETS.late) >>> 2),
    install() {
      place.Worker = FaultyWorker
      if (!threads) globalThis.Blob = FaultyBlob
    },
    restore() {
      place.Worker = Worker
      globalThis.Blob = Blob
    },
  }
}
