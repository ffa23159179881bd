import { label, load, unload } from './rounds.mjs'
import { align } from './table.mjs'

/** Updates after which the losses are compared. */
const updates = [1, 2, 10]
const tolerance = 1e-3

/**
 * Holds every contender's losses, or the checksum of its product, to the reference's: PyTorch where it runs, else the first.
 * @param {object[]} children
 * @param {import('../workloads/index.mjs').Workload[]} workloads
 * @param {string} folder
 * @returns {Promise<{ text: string, agrees: boolean }>}
 */
export async function verify(children, workloads, folder) {
  const rows = [['workload', 'contender', ...updates.map(n => `after ${n}`), 'worst']]
  let agrees = true
  for (const workload of workloads) {
    const outcomes = await load(children, workload, folder)
    const found = []
    for (const { child, missing } of outcomes) {
      // Step n + 1 shows the loss after n updates.
      const answer = missing ? { missing } : await child.ask({ verify: workload.name, steps: updates.map(n => n + 1) })
      found.push({ child, ...answer })
    }
    await unload(outcomes, workload.name)
    const complete = found.filter(f => f.values)
    const reference = complete.find(f => f.child.entrant.contender === 'pytorch') ?? complete[0]
    for (const { child, values, missing } of found) {
      const name = label(child.entrant)
      if (!values) {
        rows.push([workload.name, name, missing, '', '', ''])
        continue
      }
      const errors = values.map((value, i) => Math.abs(value / reference.values[i] - 1))
      const worst = Math.max(...errors)
      if (!(worst <= tolerance)) agrees = false
      const told = updates.map((_, i) => values[i]?.toPrecision(7) ?? 'too slow')
      rows.push([workload.name, name, ...told, worst.toExponential(1)])
    }
  }
  return { text: align(rows), agrees }
}
