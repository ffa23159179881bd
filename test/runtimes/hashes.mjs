// Compares the hashes of all runs with each other and with those that docs/bits.md publishes.
import { readFileSync, writeFileSync } from 'node:fs'

const page = new URL('../../docs/bits.md', import.meta.url)
const row = /^\| ([^|]+) \| `([0-9a-f]{64})` \|$/gm

/** The published hashes by model. */
export function published() {
  return new Map([...readFileSync(page, 'utf8').matchAll(row)].map(([, model, hash]) => [model.trim(), hash]))
}

/** Writes new hashes into docs/bits.md. */
export function publish(hashes) {
  const rows = [...hashes].map(([model, hash]) => `| ${model} | \`${hash}\` |`)
  const text = readFileSync(page, 'utf8')
  writeFileSync(
    page,
    text.replace(/(\|---\|---\|\n)(?:\| .*\n)*/, (_, head) => `${head}${rows.join('\n')}\n`),
  )
}

/** @typedef {{ at: string, model: string, threads: number, hash?: string, steps: number[], trace: (request: object) => Promise<[string, number][]> }} Run */

/**
 * Those that have other bits than the published ones, or in their first steps than a whole run has.
 * @param {Run[]} runs
 * @returns {Map<string, Run[]>} by model
 */
export function deviants(runs) {
  const wanted = published()
  const found = new Map()
  const deviates = ({ model, hash, steps }) => {
    if (hash) return hash !== wanted.get(model)
    const whole = runs.find(run => run.model === model && run.hash)
    return !whole || steps.some((value, i) => value !== whole.steps[i])
  }
  for (const run of runs) if (deviates(run)) found.set(run.model, [...(found.get(run.model) ?? []), run])
  return found
}

/** What to print of a model whose runs are not all as published. */
export async function explain(model, deviating, runs) {
  const all = runs.filter(run => run.model === model)
  const whole = all.filter(({ hash }) => hash)
  const hashes = new Set(whole.map(({ hash }) => hash))
  if (hashes.size === 1 && deviating.every(({ hash }) => hash)) {
    return [
      `${model}: all runs agree on another hash than docs/bits.md: ${whole[0].hash}. If that is meant: npm run test:runtimes -- --write`,
    ]
  }
  const [run] = deviating
  const reference = whole.find(({ hash }) => hash === published().get(model)) ?? whole.find(({ hash }) => hash !== run.hash)
  const lines = deviating.map(
    ({ at, threads, hash }) => `${model}: other bits in ${at} at ${threads} threads: ${hash ?? 'in its first steps'}`,
  )
  const step = 1 + run.steps.findIndex((value, i) => value !== reference.steps[i])
  lines.push(`  ${run.at} at ${run.threads} threads and ${reference.at} at ${reference.threads} part at step ${step}`)
  const request = ({ threads }) => ({ model, step, threads })
  const [one, two] = [await run.trace(request(run)), await reference.trace(request(reference))]
  const first = one.findIndex(([, hash], i) => hash !== two[i]?.[1])
  lines.push(first < 0 ? '  and no longer differ when that step is traced: it is a race' : `  first in ${one[first][0]}`)
  return lines
}
