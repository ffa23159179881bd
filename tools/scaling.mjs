// How a step would scale on a cluster: a model with the figures of bench/mpi.json, which `npm run bench:mpi` writes.
//
//   node tools/scaling.mjs [gpt mlp-l] [--ranks 1,2,4,8,16,64] [--gigabits 1,10,100] [--latency 30] [--file bench/mpi.json]
//
// First what it says of the two processes that were measured, and how far off it is; then, for machines with one process each, how many times the samples of one
// they take in a second where each keeps the batch of the workload. What it assumes stands in docs/mpi.md.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { align } from '../bench/harness/table.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ranks: { type: 'string', default: '1,2,4,8,16,64' },
    gigabits: { type: 'string', default: '1,10,100' },
    latency: { type: 'string', default: '30' },
    file: { type: 'string', default: new URL('../bench/mpi.json', import.meta.url).pathname },
  },
})
const { workloads, sums } = JSON.parse(readFileSync(values.file, 'utf8'))
const numbersOf = text => text.split(',').map(Number)
/** The part of a link's bandwidth that is left for what is sent. */
const USABLE = 0.9
/** How many bytes Tree.sum sends at a time, and how many numbers a rank adds up in a millisecond. */
const [PIECE, ADDED] = [4 * 2 ** 20, 1e6]
/** Copies of the gradients on the way to MPI and back. */
const COPIES = 2
const [{ library: least }] = sums
const largest = sums.at(-1)

/** A line through points [x, y]: its slope, and where it begins. */
function fitted(points) {
  const mean = i => points.reduce((sum, each) => sum + each[i], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const slope = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) / points.reduce((sum, [a]) => sum + (a - x) ** 2, 0)
  return { slope, start: y - slope * x }
}

/** What a step of one process is made of, in milliseconds: a part by itself, the samples of the batch, and what is done once. */
function partsOf({ plain, half, ...steps }) {
  const samples = Math.max(0, 2 * (plain - half))
  const { slope } = fitted([1, 2, 4, 8].map(n => [n, steps[`shards${n}`]]))
  return { part: Math.max(0, slope), samples, once: plain - samples }
}

/** The two processes of one machine, whose link is its memory. */
function here(each) {
  const { part, samples, once } = partsOf(each)
  const bytes = 4 * each.parameters
  const perByte = (largest.library - least) / (4 * largest.count)
  const copies = (COPIES * bytes * largest.copy) / (4 * largest.count)
  // Five calls: a step, what it made, the sum, and whether to go on.
  return once + part + samples / 2 + 4 * least + bytes * perByte + copies
}

/** Machines with a link of so many gigabits a second, each with a process and the whole batch; milliseconds. */
function there(each, ranks, gigabits) {
  const { part, samples, once } = partsOf(each)
  if (ranks === 1) return each.plain
  const latency = Number(values.latency) / 1000
  const perByte = 8 / (USABLE * gigabits * 1e6)
  const bytes = 4 * each.parameters
  const control = 3 * Math.ceil(Math.log2(ranks)) * latency
  // Every rank sends each of the others its segment, adds up its own for all, and sends it to each.
  const pieces = Math.ceil(bytes / PIECE)
  const exchange = 2 * ((ranks - 1) * latency * pieces + ((ranks - 1) / ranks) * bytes * perByte)
  const sum = ((ranks - 1) / ranks) * (each.parameters / ADDED)
  const copies = (COPIES * 2 * bytes * largest.copy) / (4 * largest.count)
  return once + part + samples + control + exchange + sum + copies
}

const ms = x => x.toFixed(x < 1 ? 3 : 2)
const rows = Object.entries(workloads).map(([name, each]) => {
  const said = here(each)
  return [name, ms(each.plain), ms(each.ranks), ms(said), `${(100 * (said / each.ranks - 1)).toFixed(0)} %`]
})
console.log(`${align([['step, ms', 'one process', 'two, measured', 'by the model', 'off by'], ...rows])}\n`)

const names = positionals.length > 0 ? positionals : Object.keys(workloads)
const ranks = numbersOf(values.ranks)
const links = numbersOf(values.gigabits)
const scaled = names.flatMap(name =>
  links.map(gigabits => {
    const each = workloads[name]
    const megabytes = (4 * each.parameters) / 1e6
    const times = ranks.map(count => ((count * each.plain) / there(each, count, gigabits)).toFixed(1))
    return [`${name}, ${megabytes.toFixed(megabytes < 1 ? 2 : 1)} MB, ${gigabits} Gbit/s`, ...times]
  }),
)
console.log(align([['samples a second, times those of one', ...ranks.map(String)], ...scaled]))
