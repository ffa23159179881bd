// Runs the programs of this folder under mpirun, in every runtime that is there.
//
//   npm ci --prefix test/mpi      once: koffi, for Node before 26
//   npm run build
//   node test/mpi/run.mjs         all
//     --make mpich                only by MPICH; by default all makes that are there
//     --only node20,bun           only in these runtimes
//     --cases exchange,bits       only these cases
//     --dist <folder>             another build than dist/
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { findRuntimes } from '../runtimes/runtimes.mjs'
import { CASES } from './cases.mjs'
import { launcherOf, MAKES } from './makes.mjs'

const path = relative => fileURLToPath(new URL(relative, import.meta.url))
const list = text => (text ? text.split(',') : undefined)
const { values: options } = parseArgs({
  options: {
    make: { type: 'string' },
    only: { type: 'string' },
    cases: { type: 'string' },
    dist: { type: 'string', default: path('../../dist') },
  },
})
const wanted = list(options.make) ?? Object.keys(MAKES)
const makes = wanted.map(launcherOf).filter(make => make !== undefined)
for (const id of wanted) if (!makes.some(make => make.id === id)) console.log(`${id}: left out, for it is not here`)
// What is asked for must be there.
if (makes.length < (options.make ? wanted.length : 1)) process.exit(1)

/** A copy of the build and the programs, beside koffi, so that a build beside this changes nothing. */
const root = mkdtempSync(join(tmpdir(), 'fluxtape-mpi-'))
cpSync(options.dist, join(root, 'dist'), { recursive: true })
cpSync(path('../../bin'), join(root, 'bin'), { recursive: true })
cpSync(path('programs'), join(root, 'programs'), { recursive: true })
writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
const koffi = path('node_modules')
if (existsSync(koffi)) symlinkSync(koffi, join(root, 'node_modules'))

const LIMIT = 120_000

/** Ends a job with all that it started. */
function end(child) {
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {}
}

/**
 * Runs a program on so many ranks; 0: without mpirun.
 * @returns {Promise<{ code: number | null, out: string, err: string, seconds: number }>}
 */
function run(make, { command, args = [] }, ranks, [program, ...rest], options) {
  const inner = [command, ...args, join(root, 'programs', program), ...rest]
  // Who names the hosts says how many each takes.
  const before = options.hosts ?? []
  const many = make.many.filter(word => !options.hosts || word !== '--oversubscribe')
  return job(ranks === 0 ? inner : [make.command, ...many, ...before, '-n', String(ranks), ...inner], options)
}

/** Runs a command; `watch` is told of each piece of output. */
function job(whole, { cwd, env = {}, limit = LIMIT, watch } = {}) {
  return new Promise(resolve => {
    const start = performance.now()
    const child = spawn(whole[0], whole.slice(1), { cwd, env: { ...process.env, NO_COLOR: '1', ...env }, detached: true })
    const said = { out: '', err: '' }
    child.stdout.on('data', text => {
      said.out += text
      watch?.(said)
    })
    child.stderr.on('data', text => {
      said.err += text
      watch?.(said)
    })
    const timer = setTimeout(() => end(child), limit)
    child.on('close', code => {
      clearTimeout(timer)
      end(child)
      resolve({ code, ...said, seconds: (performance.now() - start) / 1000 })
    })
  })
}

/** Runs a program by `fluxtape-mpirun`, with so many restarts. */
function restarted(make, restarts, ranks, [program, ...rest], { hosts = [], ...options }) {
  const command = [process.execPath, join(root, 'bin/fluxtape-mpirun.mjs'), '--restarts', String(restarts), ...make.many]
  const whole = [...command, ...hosts, '-n', String(ranks), join(root, 'programs', program), ...rest]
  return job(whole, { ...options, env: { ...options.env, FLUXTAPE_MPIRUN: make.command } })
}

const only = list(options.only)
const runtimes = findRuntimes(root)
  .filter(({ kind, name }) => kind === 'process' && (!only || only.includes(name)))
  .map(each => (each.name === 'deno' ? { ...each, args: ['run', '--quiet', '-A'] } : each))
let [passed, failed] = [0, 0]

async function attempt(make, runtime, name, test) {
  const start = performance.now()
  // What a case writes is no other's.
  const folder = mkdtempSync(join(root, name))
  const within = options => ({ cwd: folder, ...options })
  let problem
  try {
    await test({
      ...{ make, root, folder },
      run: (ranks, words, options) => run(make, runtime, ranks, words, within(options)),
      restarted: (restarts, ranks, words, options) => restarted(make, restarts, ranks, words, within(options)),
    })
  } catch (error) {
    problem = error
  }
  problem ? failed++ : passed++
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`${name.padEnd(14)} ${make.id.padEnd(8)} ${runtime.name.padEnd(8)} ${problem ? 'failed' : 'passed'} ${seconds.padStart(6)} s`)
  if (problem) console.log(problem.message)
}

try {
  for (const make of makes) {
    for (const [name, { everywhere = false, test }] of Object.entries(CASES)) {
      if (options.cases && !list(options.cases).includes(name)) continue
      for (const runtime of everywhere ? runtimes : runtimes.slice(0, 1)) await attempt(make, runtime, name, test)
    }
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
console.log(`mpi: ${passed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)
