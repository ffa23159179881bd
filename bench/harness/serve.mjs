import { createInterface } from 'node:readline'
import { openPeak } from './peak.mjs'
import { reasonOf } from './reason.mjs'
import { readTensors } from './safetensors.mjs'

/**
 * A job is one workload made ready: `step` does it once (and may return a promise), `value` reads what the last step
 * computed, for `--verify`: the loss before the update, or the product's checksum.
 * @typedef {{ step: () => unknown, value: () => number | Promise<number>, dispose?: () => void }} Job
 *
 * A contender in its process: what it is, and one function for each family of workloads.
 * @typedef {object} Contender
 * @property {Record<string, string>} versions
 * @property {Record<string, (spec: any, data: Record<string, import('./safetensors.mjs').Entry>) => Job | Promise<Job>>} families
 */

/**
 * Answers the bench's requests, one JSON object a line, until standard input ends. `open` imports and sets up the
 * contender; if it throws, the bench hears that it is missing, and why.
 * @param {(threads: number) => Promise<Contender>} open
 */
export async function serve(open) {
  console.log = console.info = console.warn = console.error
  const say = answer => process.stdout.write(`${JSON.stringify(answer)}\n`)
  let contender
  try {
    contender = await open(Number(process.argv[2] ?? 1))
    say({ ready: true, versions: contender.versions })
  } catch (error) {
    say({ missing: reasonOf(error) })
    process.exit(0)
  }

  const state = { job: undefined, peak: undefined }
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      say(await answer(contender, state, JSON.parse(line)))
    } catch (error) {
      say({ missing: reasonOf(error) })
    }
  }
  process.exit(0)
}

async function answer(contender, state, request) {
  if (request.peak) {
    state.peak = await openPeak(request.peak, request.threads)
    return { variant: state.peak.variant }
  }
  if (request.load) {
    const family = contender.families[request.family]
    if (!family) return { missing: `no ${request.family}` }
    state.job?.dispose?.()
    state.job = undefined
    state.job = await family(request.spec, await readTensors(request.file))
    return { ready: true }
  }
  if (request.verify) return { values: await values(state.job, request.steps) }
  if (request.warm) return repeat(state.job, request.budget)
  if (request.run) {
    const peaks = state.peak ? state.peak.measure() : []
    if (request.settle > 0) await repeat(state.job, request.settle)
    const { seconds, steps } = await repeat(state.job, request.budget)
    if (state.peak) peaks.push(...state.peak.measure())
    return { 'seconds per step': seconds, steps, peak: average(peaks) }
  }
  if (request.unload) {
    state.job?.dispose?.()
    state.job = undefined
    return { ready: true }
  }
  throw new TypeError(`serve: unknown request: ${JSON.stringify(request)}`)
}

/** Steps for about `budget` milliseconds, at least one; the clock is read once in about a millisecond of work. */
async function repeat(job, budget) {
  const start = performance.now()
  const first = job.step()
  const isAsync = first instanceof Promise
  if (isAsync) await first
  let steps = 1
  let chunk = 1
  let elapsed = performance.now() - start
  while (elapsed < budget) {
    for (let i = 0; i < chunk; i++) {
      const done = job.step()
      if (isAsync) await done
    }
    steps += chunk
    elapsed = performance.now() - start
    chunk = Math.max(1, Math.min(chunk * 2, Math.floor(steps / elapsed)))
  }
  return { seconds: elapsed / 1000 / steps, steps }
}

/** Milliseconds after which no further step is begun for a value. */
const enough = 30_000

/** The job's value in the steps with the given numbers, counted from 1; of a slow job those that come early. */
async function values(job, wanted) {
  const found = []
  const start = performance.now()
  for (let step = 1; step <= Math.max(...wanted); step++) {
    await job.step()
    if (wanted.includes(step)) found.push(await job.value())
    if (found.length > 0 && performance.now() - start > enough) break
  }
  return found
}

/** A product as one number in which every entry counts differently from its neighbors. */
export function checksum(product) {
  let sum = 0
  for (let i = 0; i < product.length; i++) sum += product[i] * (1 + (i % 7))
  return sum
}

/** Integer classes as one-hot rows. */
export function oneHot(classes, count) {
  const rows = new Float32Array(classes.length * count)
  classes.forEach((c, i) => {
    rows[i * count + c] = 1
  })
  return rows
}

/**
 * The rate of equal pieces of work done one after the other, or nothing if there were none. Not the best of them: what else the
 * machine does slows the peak as much as the steps beside it, and a share is of the peak of that moment.
 */
const average = rates => (rates.length > 0 ? rates.length / rates.reduce((sum, rate) => sum + 1 / rate, 0) : undefined)
