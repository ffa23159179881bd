import { readFile } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'

/** Milliseconds of one measurement of the peak. */
const burst = 2
const variants = { relaxed: ['simd', 'relaxed-simd'], baseline: ['simd'] }

/**
 * Compiles the peak kernel in both variants with the project's AssemblyScript.
 * @returns {Promise<{ relaxed: string, baseline: string }>} modules in base64, as a request carries them
 */
export async function compilePeak() {
  const { main } = await import('assemblyscript/asc')
  const source = await readFile(new URL('peak.ts', import.meta.url), 'utf8')
  const compiled = {}
  for (const [variant, features] of Object.entries(variants)) {
    const options = ['-O3', '--noAssert', '--runtime', 'stub', '--memoryBase', '1024', '--enable', features.join(',')]
    const { error, stderr } = await main(['peak.ts', ...options, '--outFile', 'peak.wasm'], {
      readFile: name => (name === 'peak.ts' ? source : null),
      writeFile: (name, bytes) => {
        if (name === 'peak.wasm') compiled[variant] = Buffer.from(bytes).toString('base64')
      },
      listFiles: () => [],
    })
    if (error) throw new Error(`peak: does not compile: ${stderr.toString()}`)
  }
  return compiled
}

/** One core's kernel: times `turns` of the loop and returns GFLOP/s. */
function instantiate(bytes) {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
  new Float32Array(exports.memory.buffer, 2048, 8).set([0.9, 0.8, 0.7, 0.6, 1e-3, 2e-3, 3e-3, 4e-3])
  return turns => {
    const start = performance.now()
    exports.peak(2048, turns)
    return (turns * exports.OPERATIONS.value) / (performance.now() - start) / 1e6
  }
}

/**
 * The peak in this process and runtime: the relaxed variant where the runtime has it, as the library chooses.
 * With several threads, workers run the kernel at the same time as this one does, and the sum counts.
 * @param {{ relaxed: string, baseline: string }} compiled
 * @param {number} threads
 */
export async function openPeak(compiled, threads) {
  const relaxed = Buffer.from(compiled.relaxed, 'base64')
  const variant = WebAssembly.validate(relaxed) ? 'relaxed' : 'baseline'
  const bytes = variant === 'relaxed' ? relaxed : Buffer.from(compiled.baseline, 'base64')
  const run = instantiate(bytes)
  const workers = await Promise.all(Array.from({ length: threads - 1 }, () => startWorker(bytes)))
  warmUp(run)
  const start = performance.now()
  run(200_000)
  const turns = Math.round((200_000 * burst) / (performance.now() - start))
  return {
    variant,
    /** @returns {number[]} GFLOP/s of five bursts */
    measure: () => Array.from({ length: 5 }, () => together(run, workers, turns)),
  }
}

/** The optimizing compiler works beside the running code, and its result is taken at a later call. */
function warmUp(run) {
  const end = performance.now() + 400
  while (performance.now() < end) run(20_000)
}

/** Slots of a worker's control words. */
const order = 0
const done = 1

function together(run, workers, turns) {
  for (const { control } of workers) {
    Atomics.store(control, done, 0)
    Atomics.store(control, order, turns)
    Atomics.notify(control, order)
  }
  let sum = run(turns)
  for (const { control } of workers) {
    while (Atomics.load(control, done) === 0);
    sum += Atomics.load(control, done) / 1000
  }
  return sum
}

async function startWorker(bytes) {
  const control = new Int32Array(new SharedArrayBuffer(8))
  const body = `
    const { workerData: { bytes, control }, parentPort } = require('node:worker_threads')
    const run = (${instantiate})(bytes)
    ;(${warmUp})(run)
    parentPort.postMessage('ready')
    for (;;) {
      Atomics.wait(control, ${order}, 0)
      const turns = Atomics.exchange(control, ${order}, 0)
      if (turns > 0) Atomics.store(control, ${done}, Math.max(1, Math.round(run(turns) * 1000)))
    }`
  const worker = new Worker(body, { eval: true, workerData: { bytes, control } })
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  worker.unref()
  return { control }
}
