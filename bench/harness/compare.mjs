// Two builds of the library in one process, taking turns: whether a step takes longer than before.
import { execFileSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { trained } from '../contenders/steps.mjs'
import { selectWorkloads } from '../workloads/index.mjs'
import { quartiles } from './statistics.mjs'
import { align, time } from './table.mjs'

/** Milliseconds of a round, of at least one step, how many rounds there are, and the seconds before them in which JavaScript is compiled. */
const ROUND = 3
const ROUNDS = 400
const WARM_UP = 4
/** The steps after which both builds must have the same parameters. */
const COMPARED = 50
/** Processes in which the builds change places: what is imported first may come out a few percent faster, or slower. */
const PROCESSES = 4

/** What takes so many steps, for each way to train. */
const ways = {
  gradient: ({ gradient, update }, { params, loss, batches, optimizer }) => {
    let count = 0
    return steps => {
      for (let i = 0; i < steps; i++) {
        const batch = batches[count++ % batches.length]
        update(
          optimizer,
          params,
          gradient(() => loss(...batch), params),
        )
      }
    }
  },
  train: training,
  'train, jit': (flux, { loss, ...rest }) => training(flux, { loss: flux.jit(loss), ...rest }),
}

function training({ train }, { params, loss, batches, optimizer }) {
  let count = 0
  return steps =>
    train(
      loss,
      params,
      Array.from({ length: steps }, () => batches[count++ % batches.length]),
      optimizer,
    )
}

/**
 * Prints how long steps of the build in this checkout take over those of the build in another: ratios of medians and of minima over the rounds.
 * @param {string} folder of the other checkout
 * @param {import('../workloads/index.mjs').Workload[]} workloads those that are no mlp are left out
 * @param {ReturnType<typeof import('./roster.mjs').findNodes>} nodes
 * @param {number} [processes] for each of them
 * @param {(text: string) => void} report
 */
export function compareBuilds(folder, workloads, nodes, processes = PROCESSES, report = () => {}) {
  const here = fileURLToPath(new URL('../..', import.meta.url))
  const rows = [['', 'before', 'now', 'medians', 'minima', 'bits']]
  const ratio = (of, measured) => quartiles(measured.map(([before, now]) => now[of] / before[of])).median.toFixed(3)
  for (const { name, family } of workloads) {
    for (const way of family in trained ? Object.keys(ways) : []) {
      for (const { runtime, command } of nodes) {
        const results = Array.from({ length: processes }, (_, i) => {
          report(`${name}, ${way}, ${runtime}: ${i + 1} of ${processes}`)
          const folders = [resolve(folder), here]
          const args = [fileURLToPath(import.meta.url), name, way, ...(i % 2 === 0 ? folders : folders.reverse())]
          const result = JSON.parse(execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
          return { ...result, builds: i % 2 === 0 ? result.builds : result.builds.reverse() }
        })
        const measured = results.map(({ builds }) => builds)
        const least = i => time(Math.min(...measured.map(builds => builds[i].least)))
        const bits = results.every(({ isSame }) => isSame) ? 'same' : 'others'
        rows.push([`${name}, ${way}, ${runtime}`, least(0), least(1), ratio('median', measured), ratio('least', measured), bits])
      }
    }
  }
  report('')
  console.log(align(rows))
}

/** Seconds a step of two builds over the rounds, and whether both come to the same parameters. */
async function compare(name, way, folders) {
  const [{ family, spec, data }] = selectWorkloads([name])
  const builds = []
  for (const folder of folders) {
    const flux = await import(pathToFileURL(join(folder, 'dist', 'fluxtape.js')))
    await flux.threads(1)
    const made = trained[family](flux, spec, data())
    builds.push({ run: ways[way](flux, made), params: made.params, times: [] })
  }
  const timed = async ({ run }, steps) => {
    const start = performance.now()
    await run(steps)
    return (performance.now() - start) / 1000
  }
  const bytes = ({ params }) => Buffer.concat(Array.from(params, each => Buffer.from(each.data().buffer)))
  for (const { run } of builds) await run(COMPARED)
  const isSame = bytes(builds[0]).equals(bytes(builds[1]))
  let steps = 1
  for (let spent = 0, last = 0; spent < 2 * WARM_UP; spent += last) {
    last = 0
    for (const build of builds) last += await timed(build, steps)
    steps = Math.max(1, Math.round((steps * 2 * ROUND) / 1000 / last))
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const build of builds) build.times.push((await timed(build, steps)) / steps)
    builds.reverse()
  }
  return { builds: builds.map(({ times }) => ({ least: Math.min(...times), median: quartiles(times).median })), isSame }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, way, ...folders] = process.argv.slice(2)
  console.log(JSON.stringify(await compare(name, way, folders)))
  process.exit(0)
}
