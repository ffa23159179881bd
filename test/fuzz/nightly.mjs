// What takes too long by day, one after the other on the built library: the tests and the runtimes with nothing left out, then all programs of this
// folder, at most an hour of them. `npm run nightly -- --quick` runs the programs alone, for four minutes.
// Seeds are new on each day; `--seed N` repeats a night, `--only graphs,types` chooses, `--minutes 20` sets the time. `--threads 2` has every job of the
// programs shared by so many threads, however small it is, and `--baseline` takes the kernels that give the same bits everywhere.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { launcherOf, MAKES } from '../mpi/makes.mjs'

/** Shares of the time. A program ends earlier where it has tried as many seeds as are worth it. */
const programs = {
  graphs: { share: 10 },
  losses: { share: 6 },
  vision: { share: 8 },
  networks: { share: 8 },
  recurrent: { share: 5 },
  attention: { share: 5 },
  models: { share: 5 },
  derivatives: { share: 4 },
  rules: { share: 5 },
  metrics: { share: 2, most: 200_000 },
  arguments: { share: 4 },
  'graphs-jit': { share: 5 },
  nesting: { share: 4 },
  products: { share: 5 },
  wide: { share: 4 },
  'training-jit': { share: 5 },
  'jit-alias': { share: 5 },
  threads: { share: 5 },
  state: { share: 4 },
  files: { share: 5, most: 1_000_000 },
  numpy: { share: 3, most: 1_000_000 },
  loaders: { share: 5 },
  resumed: { share: 5 },
  api: { share: 4 },
  errors: { share: 4, most: 53 },
  'unary-ulp': { share: 3, most: 20 },
  'binary-bits': { share: 2, most: 51 },
  types: { share: 3 },
}

const node26 = new URL('../runtimes/node_modules/node26/bin/node', import.meta.url).pathname
const mnist = process.env.MNIST ?? '../shared/data/mnist10k'

/** What ends by itself: by day it tries a part of the values, steps and seeds, or one variant. */
const whole = {
  tests: { args: ['node_modules/vitest/vitest.mjs', 'run'] },
  // The same in V8's wide vectors.
  'tests-wide': {
    args: ['node_modules/vitest/vitest.mjs', 'run'],
    command: node26,
    isHere: existsSync(node26),
    env: { FLUXTAPE_WIDE: 'v8' },
  },
  runtimes: { args: ['test/runtimes/run.mjs', '--long'], isHere: existsSync('test/runtimes/node_modules') },
  mnist: { args: ['test/examples/mnist.mjs', mnist, '--seeds', '1,2,3,4,5'], isHere: existsSync(mnist) },
  examples: { args: ['test/examples/stated.mjs'] },
  killed: { args: ['test/runs/killed.mjs', '--runs', '100'] },
  long: { args: ['test/runs/long.mjs'] },
  mpi: { args: ['test/mpi/run.mjs'], isHere: Object.keys(MAKES).some(launcherOf) },
  'killed-examples': { args: ['test/runs/killed.mjs', '--examples', 'all'] },
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    seed: { type: 'string' },
    only: { type: 'string' },
    minutes: { type: 'string' },
    threads: { type: 'string' },
    baseline: { type: 'boolean' },
  },
})
const minutes = Number(values.minutes ?? (values.quick ? 3.5 : 55))
const seed = Number(values.seed ?? 1000 * Math.floor(Date.now() / 86_400_000))
const all = [...(values.quick ? [] : Object.keys(whole)), ...Object.keys(programs)]
const chosen = values.only?.split(',') ?? all
const unknown = chosen.filter(name => !(name in programs || name in whole))
if (unknown.length > 0) throw new Error(`there is no ${unknown.join(', ')}; there are ${Object.keys({ ...whole, ...programs }).join(', ')}`)
const kernels = { ...(values.threads && { FUZZ_THREADS: values.threads }), ...(values.baseline && { FUZZ_BASELINE: '1' }) }
const shares = chosen.reduce((sum, name) => sum + (programs[name]?.share ?? 0), 0)

function run(name) {
  if (name in whole) return runWhole(name, whole[name])
  const { share, most = 10_000_000 } = programs[name]
  const seconds = (60 * minutes * share) / shares
  const env = { ...process.env, FUZZ_SECONDS: String(seconds), ...kernels }
  const program = new URL(`${name}.mjs`, import.meta.url).pathname
  // A program looks at the time between two seeds; what hangs within one is ended.
  const child = spawn(process.execPath, ['--expose-gc', program, String(seed), String(most)], {
    stdio: 'inherit',
    env,
    timeout: Math.round(1000 * (3 * seconds + 120)),
  })
  return ended(name, child)
}

function runWhole(name, { args, isHere = true, command = process.execPath, env: own }) {
  if (!isHere) console.log(`${name}: left out, for what it needs is not here`)
  const env = { ...process.env, FLUXTAPE_NIGHTLY: '1', FLUXTAPE_SEED: String(seed), ...own }
  return !isHere || ended(name, spawn(command, args, { stdio: 'inherit', env, timeout: 40 * 60_000 }))
}

function ended(name, child) {
  return new Promise(done => {
    child.on('close', (code, signal) => {
      if (signal) console.log(`${name}: ended by ${signal}`)
      done(code === 0)
    })
  })
}

const start = performance.now()
const failed = []
console.log(`seed ${seed}, ${minutes} minutes`)
for (const name of chosen) if (!(await run(name))) failed.push(name)
console.log(
  `${((performance.now() - start) / 60_000).toFixed(1)} minutes: ${failed.length > 0 ? `${failed.join(', ')} failed` : 'all right'}`,
)
if (failed.length > 0) process.exit(1)
