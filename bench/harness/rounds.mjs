import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeTensors } from './safetensors.mjs'

/**
 * How long everything takes, in milliseconds but for `rounds`. `warm` is for products; the JavaScript of a step is compiled bit by bit over its
 * first ten thousand, so steps warm up for `warmSteps`.
 * @typedef {{ rounds: number, warm: number, warmSteps: number, settle: number, budget: number, pause: number }} Plan
 *
 * What one contender did with one workload: why it could not, or a sample a round.
 * @typedef {{ child: object, missing?: string, samples: { round: number, seconds: number, peak?: number }[] }} Outcome
 */

/** @type {Plan} */
export const thorough = { rounds: 11, warm: 1500, warmSteps: 5000, settle: 20, budget: 120, pause: 5 }
/** @type {Plan} */
export const quick = { rounds: 3, warm: 400, warmSteps: 800, settle: 10, budget: 60, pause: 5 }

/** A contender whose step takes longer than this many budgets is measured in these rounds only. */
const slow = 3
const roundsOfSlow = 3
/** Seconds a step from which a contender is not measured: its cell says how long one takes. */
const tooSlow = 20

/**
 * Gives a workload's data to every contender and lets each load it.
 * @param {ReturnType<typeof import('./child.mjs').startChild>[]} children
 * @param {import('../workloads/index.mjs').Workload} workload
 * @param {string} folder for the file that carries the data
 * @returns {Promise<Outcome[]>}
 */
export async function load(children, { name, family, spec, data }, folder) {
  const file = join(folder, `${name}.safetensors`)
  await writeTensors(file, data())
  const outcomes = []
  for (const child of children) {
    const { missing } = await child.ask({ load: name, family, spec, file })
    outcomes.push({ child, missing, samples: [] })
  }
  await rm(file)
  return outcomes
}

/** @param {Outcome[]} outcomes @param {string} name */
export async function unload(outcomes, name) {
  for (const { child, missing } of outcomes) if (!missing) await child.ask({ unload: name })
}

/**
 * Warms every contender up, then measures them round by round, one after the other, so that each round holds all of them under
 * the same conditions. Only one process works at a time.
 * @param {Outcome[]} outcomes
 * @param {import('../workloads/index.mjs').Workload} workload
 * @param {Plan} plan
 * @param {(text: string, share: number) => void} report what is done, and which share of all is behind
 */
export async function measure(outcomes, { name, family }, plan, report) {
  const warm = family === 'gemm' ? plan.warm : plan.warmSteps
  const estimates = new Map()
  const half = 0.5 / outcomes.length
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.missing) continue
    report(`${name}: warming up ${label(outcome.child.entrant)}`, i * half)
    const { missing, seconds } = await outcome.child.ask({ warm: name, budget: warm })
    outcome.missing = missing ?? (seconds > tooSlow ? `a step takes ${seconds.toFixed(0)} s` : undefined)
    estimates.set(outcome, 1000 * seconds)
  }
  for (let round = 0; round < plan.rounds; round++) {
    report(`${name}: round ${round + 1} of ${plan.rounds}`, 0.5 + (0.5 * round) / plan.rounds)
    for (const outcome of outcomes) {
      const isSlow = estimates.get(outcome) > slow * plan.budget
      if (outcome.missing || (isSlow && round >= roundsOfSlow)) continue
      // The threads of the one before may spin for a while.
      await new Promise(resolve => setTimeout(resolve, plan.pause * outcome.child.entrant.threads ** 2))
      const settle = isSlow ? 0 : plan.settle
      const answer = await outcome.child.ask({ run: name, round, settle, budget: isSlow ? 0 : plan.budget })
      if (answer.missing) outcome.missing = answer.missing
      else outcome.samples.push({ round, seconds: answer['seconds per step'], peak: answer.peak })
    }
  }
}

/** @param {import('./child.mjs').Entrant} entrant */
export const named = ({ contender, runtime, isOurs }) => `${contender}${isOurs ? `@${runtime}` : ''}`

/** @param {import('./child.mjs').Entrant} entrant */
export const label = entrant => `${named(entrant)}${entrant.threads > 1 ? `, ${entrant.threads} threads` : ''}`
