// What it costs and gives to share a step among processes: `npm run bench:mpi`, after `npm run build`, with Open MPI's mpirun.
//
//   node bench/mpi.mjs                        all of its workloads
//   node bench/mpi.mjs mlp-l gpt --rounds 5   some of them, measured so many times each
//
// Each job is a process, or two under mpirun, and they take turns; times are minima in milliseconds. bench/mpi.json keeps what tools/scaling.mjs computes with.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import * as flux from '../dist/fluxtape.js'
import { mpi } from '../dist/mpi.js'
import { families } from './contenders/steps.mjs'
import { align } from './harness/table.mjs'
import { selectWorkloads } from './workloads/index.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '3' }, job: { type: 'string' }, shards: { type: 'string' } },
})
const workloads = selectWorkloads(
  positionals.length > 0 ? positionals : ['mlp-xs', 'mlp-s', 'mlp-l', 'lenet', 'resnet', 'lstm', 'gpt'],
  false,
)
/** How long a job steps through a workload, in milliseconds, as far as its first step tells. */
const TIME = 400
/** How many numbers are exchanged. */
const SIZES = [1, 1024, 65_536, 1_048_576]

/** The library with a step that takes only the first samples of a batch. */
const withHalf = () => {
  const halves = new Map()
  const half = batch => batch.map(each => each.slice([[0, each.shape[0] / 2]]))
  return {
    ...flux,
    trainStep(loss, ps, batch, opt) {
      if (!halves.has(batch)) halves.set(batch, half(batch))
      return flux.trainStep(loss, ps, halves.get(batch), opt)
    },
  }
}

/** The library with a step that a world shares: the number of shards is known before the first batch is cut. */
const withWorld = (world, options) => {
  const parts = new Map()
  return {
    ...flux,
    Adam: rate => world.distribute(flux.Adam(rate), options),
    trainStep(loss, ps, batch, opt) {
      if (!parts.has(batch)) {
        // A batch lives until the next one is asked for, which none is.
        const batches = world.shard(new flux.DataLoader(batch, { batchSize: batch[0].shape[0] }))[Symbol.iterator]()
        parts.set(batch, batches.next().value)
      }
      return flux.trainStep(loss, ps, parts.get(batch), opt)
    },
  }
}

/** The least milliseconds of a step of each library, which take turns. */
function least(world, { family, spec, data }, libraries) {
  const entries = data()
  const steppers = libraries.map(library => families[family](library, spec, entries))
  for (const { step } of steppers) for (let i = 0; i < 4; i++) step()
  const timed = step => {
    const start = performance.now()
    step()
    return performance.now() - start
  }
  const first = world.allReduce(flux.tensor([timed(steppers[0].step)]), 'max').item()
  const count = Math.max(5, Math.min(500, Math.round(TIME / first)))
  const best = steppers.map(() => Number.POSITIVE_INFINITY)
  for (let i = 0; i < count; i++) {
    for (const [j, { step }] of steppers.entries()) best[j] = Math.min(best[j], timed(step))
  }
  return best
}

/** What a job measures. */
const jobs = {
  async threads(world, each) {
    const steps = {}
    for (const count of [2, 1]) {
      await flux.threads(count)
      const [plain, one] = least(world, each, [flux, withWorld(world, {})])
      Object.assign(steps, count === 2 ? { threads: plain } : { plain, one })
    }
    return { ...steps, half: least(world, each, [withHalf()])[0] }
  },
  async shards(world, each) {
    await flux.threads(1)
    return { [`shards${values.shards}`]: least(world, each, [withWorld(world, { shards: Number(values.shards) })])[0] }
  },
  async ranks(world, each) {
    await flux.threads(1)
    return { ranks: least(world, each, [withWorld(world, {})])[0] }
  },
}

/** The least milliseconds of sums and copies of each size. */
function exchanges(world) {
  return SIZES.map(count => {
    const each = flux.tensor(new Float32Array(count))
    const copy = new Float32Array(count)
    const best = { count, tree: Number.POSITIVE_INFINITY, library: Number.POSITIVE_INFINITY, copy: Number.POSITIVE_INFINITY }
    const tasks = {
      tree: () => world.allReduce(each, 'sum').dispose(),
      library: () => world.allReduce(each, 'max').dispose(),
      copy: () => copy.set(each.data()),
    }
    for (let i = 0; i < 40; i++) {
      for (const [name, task] of Object.entries(tasks)) {
        world.barrier()
        const start = performance.now()
        task()
        best[name] = Math.min(best[name], performance.now() - start)
      }
    }
    return best
  })
}

if (values.job) {
  const world = await mpi()
  flux.manualSeed(1)
  const result = {}
  for (const each of workloads) result[each.name] = await jobs[values.job](world, each)
  const sums = values.job === 'ranks' ? exchanges(world) : undefined
  if (world.rank === 0) console.log(JSON.stringify({ result, sums }))
} else await measure()

/** Runs each job in a process of its own, in turns, and keeps the least of all rounds. */
async function measure() {
  const own = [fileURLToPath(import.meta.url), ...workloads.map(({ name }) => name)]
  const mpirun = ['mpirun', '--allow-run-as-root', '--oversubscribe', '--bind-to', 'none', '-n', '2']
  const runs = [
    [process.execPath, ...own, '--job', 'threads'],
    ...[1, 2, 4, 8].map(shards => [process.execPath, ...own, '--job', 'shards', '--shards', shards]),
    [...mpirun, process.execPath, ...own, '--job', 'ranks'],
  ]
  const steps = Object.fromEntries(workloads.map(({ name }) => [name, {}]))
  const sums = SIZES.map(count => ({ count }))
  const keep = (into, from) => {
    for (const [key, value] of Object.entries(from)) into[key] = Math.min(into[key] ?? Number.POSITIVE_INFINITY, value)
  }
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [command, ...words] of runs) {
      console.error(`round ${round + 1}: ${words.slice(words.indexOf('--job') + 1).join(' ')}`)
      const { stdout } = await promisify(execFile)(command, words.map(String))
      const said = JSON.parse(stdout.split('\n').find(line => line.startsWith('{')))
      for (const [name, each] of Object.entries(said.result)) keep(steps[name], each)
      said.sums?.forEach((each, i) => keep(sums[i], each))
    }
  }
  const machine = { cpu: cpus()[0].model, node: process.versions.node }
  const sizes = Object.fromEntries(workloads.map(({ name, data }) => [name, sizesOf(data())]))
  const of = ({ name }) => ({ ...sizes[name], ...steps[name] })
  writeFileSync(
    new URL('mpi.json', import.meta.url),
    `${JSON.stringify({ machine, workloads: Object.fromEntries(workloads.map(each => [each.name, of(each)])), sums }, null, 2)}\n`,
  )
  report(steps, sums)
}

/** How many samples a batch has, and how many numbers the parameters. */
function sizesOf(entries) {
  const isData = name => /^(x|tokens|classes\.\d)$/.test(name)
  const parameters = Object.entries(entries).filter(([name]) => !isData(name))
  return { samples: entries['classes.0'].shape[0], parameters: parameters.reduce((sum, [, { data }]) => sum + data.length, 0) }
}

function report(steps, sums) {
  const digits = ms => ms.toFixed(ms < 1 ? 3 : 2)
  const rows = Object.entries(steps).map(([name, each]) => [
    name,
    digits(each.plain),
    `${digits(each.one)} (${((each.one / each.plain - 1) * 100).toFixed(1)} %)`,
    ...[each.threads, each.ranks].map(ms => `${digits(ms)} (${(each.plain / ms).toFixed(2)})`),
    ...[2, 4, 8].map(n => (each[`shards${n}`] / each.plain).toFixed(2)),
  ])
  const head = ['step, ms', 'a thread', 'a world of one', 'two threads (times as fast)', 'two ranks', '2 shards (times as long)', '4', '8']
  console.log(`${align([head, ...rows])}\n`)
  const times = sums.map(({ count, tree, library }) => [String(count), digits(tree), digits(library)])
  console.log(align([['numbers', 'their sum in the tree, ms', "the library's allreduce"], ...times]))
}
