// The threads: workers over the one memory, which take chunks of a kernel's range. assembly/parallel.ts has the protocol.
import { WorkerError } from '../errors.ts'
import { beginQuarantine, endQuarantine } from './allocator.ts'
import { inPlaceKernels } from './inplace.generated.ts'
import { i32, memory, SCRATCH, u8 } from './memory.ts'
import { compiledModule, wasm } from './module.ts'
import { cores, obstacle, spawn, type Thread } from './threads.ts'

/** How many threads compute, the calling one included, and why not more or fewer. */
export interface ThreadInfo {
  readonly count: number
  readonly reason: string
}

/** Nanoseconds of work from which a job is forked while the workers look for work: fork and join cost about a microsecond then. */
const HOT_GRAIN = 12_000
/** And while they sleep: waking takes 20 to 50 microseconds. Smaller jobs that follow each other wake them, too, once they add up. */
const COLD_GRAIN = 150_000
/** Work of which a chunk should at least consist, in nanoseconds. */
const CHUNK = 4_000
/** Looks for work before a worker sleeps: some 100 microseconds, longer than the gaps between the kernels of a training step. */
const WORKER_POLLS = 60_000
/** Looks for the end of a job before the clock is read. */
const JOIN_POLLS = 200_000
/** A job whose last chunks take this long is in trouble, in milliseconds; a job of long chunks gets eight times their length. */
const PATIENCE = 400
const MAX_CHUNKS = 256
/** How long a worker may take to come up, in milliseconds. */
const START = 10_000

const CONTROL_BYTES = 1024
/** The control block; a pool that failed leaves its own behind, since a lost worker may still write to it. */
let control: number = SCRATCH.control
let workers: Thread[] = []
/** How many threads the user wants; undefined: as many as there are cores. */
let wanted: number | undefined
/** Why there are no workers, after a fault or where there can be none. */
let trouble: string | undefined
/** Work that was not forked since the workers sleep, in nanoseconds. */
let missed = 0

/** Work below it, in nanoseconds, stays on the calling thread without a further look. */
export let grain = HOT_GRAIN

const word = (offset: number): number => (control + offset) >>> 2
const asleep = (): number => Atomics.load(i32, word(192))
const ready = (): number => Atomics.load(i32, word(256))
const faults = (): number => Atomics.load(i32, word(320))
const states = (): number => control + 384

/** Runs a kernel whose arguments lie in the descriptor, on all threads that are up. `cost` is that of a unit, in nanoseconds. */
export function fork(kernel: number, units: number, cost: number): void {
  const total = units * cost
  if (units < 2 || !isWorthIt(total)) return wasm.run(kernel, SCRATCH.descriptor, 0, units)
  const helpers = Math.min(workers.length, ready())
  const most = Math.min(MAX_CHUNKS, 4 * (helpers + 1), units, Math.max(2, Math.floor(total / CHUNK)))
  const even = Math.ceil(units / most)
  // Of many units whole cache lines, so that no two threads write to one.
  const size = even >= 64 ? Math.ceil(even / 64) * 64 : even
  const chunks = Math.ceil(units / size)
  const begin = performance.now()
  if (wasm.fork(control, kernel, SCRATCH.descriptor, units, size, chunks, JOIN_POLLS) === 0) waitFor(kernel, units, size, chunks, begin)
}

/** Is there somebody to share this much work with? Starts or wakes the workers where it will be. */
function isWorthIt(total: number): boolean {
  if (workers.length === 0) {
    missed += total
    if (missed > COLD_GRAIN) start()
    return false
  }
  if (ready() === 0) return false
  if (asleep() === 0 || total >= COLD_GRAIN) {
    missed = 0
    return true
  }
  missed += total
  if (missed > COLD_GRAIN) {
    missed = 0
    Atomics.notify(i32, word(0))
  }
  return asleep() < workers.length
}

/** Waits for chunks of others up to a deadline, then does without the workers. */
function waitFor(kernel: number, units: number, size: number, chunks: number, begin: number): void {
  const now = performance.now()
  const ownChunk = (now - begin) / Math.max(1, chunks / (workers.length + 1))
  const deadline = now + Math.max(PATIENCE, 8 * ownChunk)
  while (wasm.join(control, JOIN_POLLS) === 0) {
    if (faults() === 0 && performance.now() < deadline) continue
    return doOver(kernel, units, size, chunks)
  }
}

/**
 * Ends the workers after a fault, and does their unfinished chunks over. That is right only for kernels that do not read what they write;
 * after the others nobody knows what was done: WorkerError.
 */
function doOver(kernel: number, units: number, size: number, chunks: number): void {
  const hasStalled = faults() === 0
  const unfinished = Array.from({ length: chunks }, (_, i) => i).filter(i => u8[states() + i] !== 2)
  abandon(hasStalled ? 'a worker did not finish its work in time' : 'a worker failed')
  if (inPlaceKernels.has(kernel)) {
    throw new WorkerError({
      operation: 'threads',
      problem: `${trouble} while it changed values in place`,
      came: `${unfinished.length} of ${chunks} parts are in doubt`,
      wayOut: 'Load the last checkpoint; what follows runs on one thread, until await threads(n) starts others.',
    })
  }
  for (const chunk of unfinished) wasm.run(kernel, SCRATCH.descriptor, chunk * size, Math.min(units, (chunk + 1) * size))
}

/** Leaves a pool of which a worker is lost; it may still write to what it was given, so nothing of that is used again until it is gone. */
function abandon(reason: string): void {
  const lost = workers
  workers = []
  trouble = reason
  grain = Number.POSITIVE_INFINITY
  control += CONTROL_BYTES
  beginQuarantine()
  const ends = lost.map(worker => worker.terminate()).filter(end => end instanceof Promise)
  const isGone = ends.length === lost.length ? Promise.all(ends) : new Promise(resolve => setTimeout(resolve, 1000))
  isGone.then(endQuarantine, endQuarantine)
}

/** Starts the workers that are wanted; they join when they are up. Does nothing where there can be none. */
function start(): void {
  const count = wanted ?? cores()
  trouble = count <= 1 ? (wanted === 1 ? 'set to one' : 'the machine has one core') : obstacle()
  if (trouble === undefined && control + CONTROL_BYTES > SCRATCH.controlEnd) trouble = 'too many workers have failed'
  if (trouble !== undefined) {
    grain = Number.POSITIVE_INFINITY
    return
  }
  i32.fill(0, word(0), word(CONTROL_BYTES))
  try {
    for (let i = 1; i < count; i++) workers.push(launch())
  } catch (error) {
    for (const worker of workers) worker.terminate()
    workers = []
    trouble = `workers cannot be started here: ${error instanceof Error ? error.message : String(error)}`
    grain = Number.POSITIVE_INFINITY
  }
}

function launch(): Thread {
  const worker = spawn(() => {
    // Ended by itself, or from outside: the others go on, and a job that misses it is noticed by its deadline.
    const at = workers.indexOf(worker)
    if (at >= 0) workers.splice(at, 1)
  })
  worker.postMessage({ module: compiledModule(), memory, control, fault: control + 320, polls: WORKER_POLLS })
  return worker
}

/** How many threads compute now, and why. */
export function threadInfo(): ThreadInfo {
  if (workers.length === 0) return { count: 1, reason: trouble ?? 'workers start with the first job that is worth them' }
  const up = Math.min(workers.length, ready())
  if (up < workers.length) return { count: 1 + up, reason: `${workers.length - up} of ${workers.length} workers are still starting` }
  return { count: 1 + up, reason: wanted === undefined ? 'as many as the machine has cores' : 'set by threads(n)' }
}

/** Ends all workers; no job may be running. */
function stop(): void {
  for (const worker of workers) worker.terminate()
  workers = []
  missed = 0
  grain = HOT_GRAIN
}

/** Computes on `count` threads from now on, the calling one included; waits until they are up. undefined: as many as there are cores. */
export async function setThreads(count: number | undefined): Promise<ThreadInfo> {
  stop()
  wanted = count
  start()
  const deadline = performance.now() + START
  while (ready() < workers.length && performance.now() < deadline) await new Promise(resolve => setTimeout(resolve, 1))
  return threadInfo()
}

/** Does something while there are no workers, such as changing the kernels, and starts them anew. */
export async function withoutThreads(change: () => void): Promise<void> {
  const wereUp = workers.length > 0
  stop()
  change()
  if (wereUp) await setThreads(wanted)
}
