// The threads: workers over the one memory, which take chunks of a kernel's range. assembly/parallel.ts has the protocol.
import { WorkerError } from '../errors.ts'
import { beginQuarantine, endQuarantine } from './allocator.ts'
import { i32, memory, SCRATCH, scratches, u8, useScratch } from './memory.ts'
import { compiledModule, isWide, wasm } from './module.ts'
import { cores, obstacle, pause, spawn, type Thread } from './threads.ts'
import { inPlaceKernels } from './traits.generated.ts'

/** How many threads compute, the calling one included, and why not more or fewer. */
export interface ThreadInfo {
  readonly count: number
  readonly reason: string
}

/**
 * Nanoseconds of work from which a job is forked while the workers look for work: fork and join cost 0.1 to 0.6 microseconds then. With 12,000
 * the steps of a 128-128-64-10 MLP took 16 % longer on two threads, with 6,000 they took 4 % longer.
 */
const HOT_GRAIN = 8_000
/** And while they sleep: waking takes 40 microseconds, 7 of them the caller's. Smaller jobs wake them, too, once they add up. */
const COLD_GRAIN = 150_000
/** Work of which a chunk should at least consist, in nanoseconds, and at most, so that the loss of one is noticed soon. */
const CHUNK = { least: 4_000, most: 20_000_000 }
/**
 * Chunks for each thread of a large job: with few of them one thread waits for the other's last (1024 x 1024 x 1024 on two: 1.82 times one
 * with 4, 1.91 with 16, 1.97 with 32).
 */
const CHUNKS_PER_THREAD = 32
const MAX_CHUNKS = 256
/**
 * Looks for work before a worker sleeps: some 100 microseconds (0.22 ns each in Node 20 to 26), longer than the gaps between the kernels of
 * a training step. With 60,000 the steps of a 784-256-128-10 MLP took 8 % longer on two threads.
 */
const WORKER_POLLS = 400_000
/** Looks for the end of a job before the clock is read: some 50 microseconds. */
const JOIN_POLLS = 200_000
/**
 * A job whose last chunks take this long is in trouble, in milliseconds: twice as long where they cannot be done over, and at least eight
 * times the length of a chunk. Between two looks at the clock at most `look` of it goes by, so that a process that was stopped, as by a
 * debugger, loses no worker.
 */
const PATIENCE = { job: 400, look: 20 }
/** How long a worker may take to come up, in milliseconds. */
const START = 10_000
/** And how long one that left before may take to come back. */
const RETURN = 2_000
/** How long workers may take to leave when they are told to, in milliseconds. */
const LEAVING = 400
/** After how many milliseconds a terminated worker is taken to be gone where the runtime never says so: Chromium lets it run for two seconds. */
const GONE = 3_000
/** Milliseconds between two looks whether it is gone, at most. */
const LOOK = 100
const MAX_WORKERS = 255

/** Words of the control block. */
const ASLEEP = 192
const DONE = 64
const READY = 256
const LEAVE = 260
const LEFT = 264
const FAULTS = 320
const STATES = 384
const CONTROL_BYTES = 1024

let workers: Thread[] = []
/** Workers that left: they wait to be sent for again. */
let parked: Thread[] = []
/** Are there some of them among the workers? */
let hasReturning = false
/** Workers of which the runtime said that they ended. */
const ended = new WeakSet<Thread>()
/** How many threads the user wants; undefined: as many as there are cores. */
let wanted: number | undefined
/** How many threads there may be while workers of `inWorker` have the others. */
let share = Number.POSITIVE_INFINITY
const LENT = 'workers of inWorker have the other cores'
/** How many threads there may be after workers were lost. */
let limit = Number.POSITIVE_INFINITY
/** Why there are fewer threads than wanted, after a fault or where there can be none. */
let trouble: string | undefined
/** Jobs that were lost while they changed values in place, whose workers may write yet. */
let inDoubt = 0
/** How often workers were lost in a job. */
export let losses = 0
/** Work that was not forked since the workers sleep, in nanoseconds. */
let missed = 0
/** The scratch areas that no worker knows. While there are workers it holds one at least, to change to when they end. */
const unused = scratches.filter(set => set !== SCRATCH)

/** Work below it, in nanoseconds, stays on the calling thread. */
let threshold = HOT_GRAIN
/** Work below it does not come here at all. */
export let grain = HOT_GRAIN

/** Hears of a call: which kernel, how many units of work, what one costs, and where its arguments lie. If it gives false, the kernel does not run. */
export type Listener = (kernel: number, units: number, cost: number, descriptor: number) => unknown
let listener: Listener | undefined

/** Runs `f` and tells `to` of every kernel call meanwhile. */
export function heard<T>(to: Listener, f: () => T): T {
  const before = listener
  listener = to
  grain = -1
  try {
    return f()
  } finally {
    listener = before
    grain = before ? -1 : threshold
  }
}

/** Has work forked from `least` nanoseconds on. */
function forkFrom(least: number): void {
  threshold = least
  grain = listener ? -1 : least
}

const word = (offset: number): number => (SCRATCH.control + offset) >>> 2
const count = (offset: number): number => Atomics.load(i32, word(offset))

/**
 * Runs a kernel whose arguments are the words at `descriptor`, on all threads that are up if that is worth it. `cost` is that of a unit, in
 * nanoseconds.
 */
export function fork(kernel: number, units: number, cost: number, descriptor: number = SCRATCH.descriptor): void {
  const total = units * cost
  if (listener?.(kernel, units, cost, descriptor) === false) return
  if (total < threshold || units < 2 || !isWorthIt(total)) return wasm.run(kernel, descriptor, 0, units)
  const { control } = SCRATCH
  const byThreads = CHUNKS_PER_THREAD * (Math.min(workers.length, count(READY)) + 1)
  const most = Math.min(MAX_CHUNKS, units, Math.max(2, Math.min(byThreads, total / CHUNK.least), total / CHUNK.most))
  const even = Math.ceil(units / Math.floor(most))
  // Of many units whole cache lines, so that no two threads write to one.
  const size = even >= 64 ? Math.ceil(even / 64) * 64 : even
  const job = { kernel, descriptor, units, size, chunks: Math.ceil(units / size), begin: performance.now() }
  let isDone: number
  try {
    isDone = wasm.fork(control, kernel, descriptor, units, size, job.chunks, JOIN_POLLS)
  } catch (error) {
    // The calling thread left the job, for want of stack for instance, and workers may be at it still.
    void lose(0, 'a job failed on the calling thread')
    throw error
  }
  if (isDone === 0) waitFor(job)
}

interface Job {
  readonly kernel: number
  readonly descriptor: number
  readonly units: number
  readonly size: number
  readonly chunks: number
  readonly begin: number
}

/** Is there somebody to split this much work with? Starts or wakes the workers where it will be. */
function isWorthIt(total: number): boolean {
  if (workers.length === 0) {
    missed += total
    if (missed > COLD_GRAIN) start()
    return false
  }
  if (count(READY) === 0) return false
  if (count(ASLEEP) === 0 || total >= COLD_GRAIN) {
    missed = 0
    return true
  }
  missed += total
  if (missed > COLD_GRAIN) {
    missed = 0
    Atomics.notify(i32, word(0))
  }
  return count(ASLEEP) < workers.length
}

/** Waits for the chunks of others, and does without those workers that fail or take too long. */
function waitFor(job: Job): void {
  let last = performance.now()
  const ownChunk = (last - job.begin) / Math.max(1, job.chunks / (workers.length + 1))
  let patience = Math.max(inPlaceKernels.has(job.kernel) ? 2 * PATIENCE.job : PATIENCE.job, 8 * ownChunk)
  while (wasm.join(SCRATCH.control, JOIN_POLLS) === 0) {
    // Workers that failed hold one chunk each; the others finish theirs.
    const failed = count(FAULTS)
    if (failed > 0 && job.chunks - count(DONE) <= failed) return doOver(job, 'a worker failed')
    const now = performance.now()
    patience -= Math.min(PATIENCE.look, now - last)
    last = now
    if (patience < 0) return doOver(job, 'a worker did not finish its work in time')
  }
}

/**
 * Ends the workers after a fault, and does their unfinished chunks over. That is right only for kernels that do not read what they write;
 * after the others nobody knows what was done: WorkerError.
 */
function doOver({ kernel, descriptor, units, size, chunks }: Job, reason: string): void {
  const { control } = SCRATCH
  const unfinished = Array.from({ length: chunks }, (_, i) => i).filter(i => Atomics.load(u8, control + STATES + i) !== 2)
  if (unfinished.length === 0) return
  const gone = lose(unfinished.length, reason)
  if (inPlaceKernels.has(kernel)) {
    inDoubt++
    void gone.then(() => inDoubt--)
    throw new WorkerError({
      operation: 'threads',
      problem: `${reason} while it changed values in place`,
      came: `${unfinished.length} of ${chunks} parts are in doubt`,
      wayOut: 'When await threads(n) has started other workers, nothing writes to them any more: then load the last checkpoint.',
    })
  }
  for (const chunk of unfinished) wasm.run(kernel, descriptor, chunk * size, Math.min(units, (chunk + 1) * size))
}

/**
 * Leaves a pool of which some workers are lost in the middle of a job: they may still write to what they were given, so nothing of that is
 * used again until they are gone, which is when the promise resolves. The next big job starts a pool without as many.
 */
function lose(lost: number, reason: string): Promise<void> {
  losses++
  limit = workers.length + 1 - lost
  trouble = reason
  beginQuarantine()
  forkFrom(limit > 1 ? HOT_GRAIN : Number.POSITIVE_INFINITY)
  return terminate(leave()).then(endQuarantine)
}

interface Leaving {
  readonly scratch: typeof SCRATCH
  readonly workers: readonly Thread[]
}

/** Tells all workers to leave; other scratch areas are used from now on. */
function leave(): Leaving {
  const leaving = { scratch: SCRATCH, workers }
  Atomics.store(i32, word(LEAVE), 1)
  Atomics.notify(i32, word(0))
  const next = unused.pop()
  if (next) useScratch(next)
  workers = []
  missed = 0
  return leaving
}

/**
 * Sends all workers away, to be sent for again. To terminate them would not do: Chromium and Deno let a terminated worker that never returns to
 * its event loop run for two seconds more, in which it would take chunks of the next jobs with the kernels of before. Only where one does not
 * leave, all are terminated.
 */
async function endWorkers(): Promise<void> {
  const leaving = leave()
  const at = (offset: number) => (leaving.scratch.control + offset) >>> 2
  const deadline = performance.now() + LEAVING
  while (Atomics.load(i32, at(LEFT)) < leaving.workers.length) {
    if (performance.now() > deadline) return terminate(leaving)
    await pause()
    Atomics.notify(i32, at(0))
  }
  parked.push(...leaving.workers)
  unused.push(leaving.scratch)
}

/**
 * Terminates workers. Their scratch areas are used again when they are gone, which is when the promise resolves: all have left or failed by
 * their own account, or the runtime says that they ended, or it never says so and enough time has passed.
 */
async function terminate(leaving: Leaving): Promise<void> {
  const at = (offset: number) => (leaving.scratch.control + offset) >>> 2
  const alive = leaving.workers.filter(worker => !ended.has(worker))
  let doesSay = true
  for (const worker of alive) {
    const end = worker.terminate()
    doesSay &&= typeof (end as { then?: unknown } | undefined)?.then === 'function'
    // What is said before terminate() returns is not so: Deno 2.9 lets a thread run on for good that never returns to its event loop.
    ended.delete(worker)
  }
  const deadline = performance.now() + GONE
  const isGone = () =>
    alive.every(worker => ended.has(worker)) ||
    Atomics.load(i32, at(LEFT)) + Atomics.load(i32, at(FAULTS)) >= alive.length ||
    (!doesSay && performance.now() > deadline)
  for (let wait = 1; !isGone(); wait = Math.min(2 * wait, LOOK)) await pause(wait, true)
  unused.push(leaving.scratch)
}

/** Starts the workers that are wanted; they join when they are up. Does nothing where there can be none. */
function start(): void {
  const threads = Math.min(most(), limit, MAX_WORKERS + 1)
  const none = threads > 1 ? obstacle() : whyOne()
  if (none !== undefined) return giveUp(none)
  if (unused.length === 0) return giveUp('workers that were ended are not gone yet')
  i32.fill(0, word(0), word(CONTROL_BYTES))
  if (limit >= most()) trouble = undefined
  forkFrom(HOT_GRAIN)
  hasReturning = parked.length > 0
  try {
    while (workers.length + 1 < threads) workers.push(launch())
  } catch (error) {
    trouble = `${workers.length === 0 ? '' : 'more '}workers cannot be started here: ${error instanceof Error ? error.message : error}`
    if (workers.length === 0) forkFrom(Number.POSITIVE_INFINITY)
  }
}

function most(): number {
  return Math.min(wanted ?? cores(), share)
}

function whyOne(): string | undefined {
  if (wanted === 1) return 'set to one'
  if (cores() === 1) return 'the machine has one core'
  return share === 1 ? LENT : trouble
}

function giveUp(reason: string): void {
  trouble = reason
  forkFrom(Number.POSITIVE_INFINITY)
}

function launch(): Thread {
  const worker = parked.pop() ?? startOne()
  const control = SCRATCH.control
  worker.postMessage({ module: compiledModule(), memory, control, fault: control + FAULTS, polls: WORKER_POLLS, isWide })
  return worker
}

function startOne(): Thread {
  const worker = spawn(why => {
    ended.add(worker)
    parked = parked.filter(each => each !== worker)
    if (!workers.includes(worker)) return
    if (hasReturning && count(READY) < workers.length) return startAfresh()
    // No job is on, so nothing is in doubt. Where not one came up the next ones would not either.
    limit = count(READY) > 0 ? workers.length : 1
    void terminate(leave())
    trouble = `a worker failed: ${why}`
    forkFrom(limit > 1 ? HOT_GRAIN : Number.POSITIVE_INFINITY)
  })
  return worker
}

/** How many threads compute now, and why. */
export function threadInfo(): ThreadInfo {
  if (workers.length === 0) return { count: 1, reason: trouble ?? 'workers start with the first job that is worth them' }
  const up = count(READY)
  if (up < workers.length) return { count: 1 + up, reason: `${workers.length - up} of ${workers.length} workers are still starting` }
  const why = share < (wanted ?? cores()) ? LENT : wanted === undefined ? 'as many as the machine has cores' : 'set by threads(n)'
  return { count: 1 + up, reason: trouble ?? why }
}

/**
 * Computes on `threads` threads from now on, the calling one included; waits until they are up. undefined: as many as there are cores. `of`: of so many
 * that are not lent.
 */
export async function setThreads(threads: number | undefined, of = Number.POSITIVE_INFINITY): Promise<ThreadInfo> {
  if (workers.length > 0) void endWorkers()
  wanted = threads
  share = of
  limit = Number.POSITIVE_INFINITY
  trouble = undefined
  forkFrom(HOT_GRAIN)
  const deadline = performance.now() + START
  const isEarly = () => performance.now() < deadline
  while ((unused.length === 0 || inDoubt > 0) && isEarly()) await pause()
  if (workers.length === 0) start()
  const end = performance.now() + RETURN
  while (count(READY) < workers.length && isEarly()) {
    await pause()
    if (hasReturning && performance.now() > end) startAfresh()
  }
  return threadInfo()
}

/** Has no more than so many threads, until `setThreads` is told otherwise. Where none were started, none are: the first big job does that. */
export async function shareThreads(of: number): Promise<ThreadInfo> {
  const before = most()
  share = of
  if (workers.length > 0 && most() !== before) return setThreads(wanted, of)
  if (trouble === LENT && of > 1) {
    trouble = undefined
    forkFrom(HOT_GRAIN)
  }
  return threadInfo()
}

/** Does without workers that left before, and may have been ended since: a browser does not say so, and such a one never comes. */
function startAfresh(): void {
  for (const worker of parked) worker.terminate()
  parked = []
  void terminate(leave())
  start()
}

/** Does something while there are no workers, such as changing the kernels, and starts them anew. */
export async function withoutThreads(change: () => void): Promise<void> {
  if (workers.length === 0) return change()
  void endWorkers()
  forkFrom(HOT_GRAIN)
  change()
  await setThreads(wanted, share)
}
