// Runs the portable suite in every runtime that is there, and prints one table.
//
//   node test/runtimes/run.mjs                      all that are there
//     --only chromium,bun                           only these
//     --place worker,process                        only these places in them
//     --groups disk,files                           only these cases
//     --require all                                 fail if one of them is missing; or a list of names
//     --long                                        everything everywhere and often, as at night
//     --dist <folder>                               another build than dist/
//     --write                                       publish the hashes in docs/bits.md, if all runs agree
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { launch, onceMore, Reports, runInPage } from './browsers.mjs'
import { layOutGuide } from './guide.mjs'
import { deviants, explain, publish, published } from './hashes.mjs'
import { pagePlaces, processPlaces } from './places.mjs'
import { runInProcess } from './processes.mjs'
import { findRuntimes, names } from './runtimes.mjs'
import { serve } from './server.mjs'
import { runInWorkerd } from './workerd.mjs'

const path = relative => fileURLToPath(new URL(relative, import.meta.url))
const list = text => (text ? text.split(',') : [])
const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    place: { type: 'string' },
    groups: { type: 'string' },
    require: { type: 'string' },
    dist: { type: 'string', default: path('../../dist') },
    long: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})

/** A copy of the bundle and the suite, so that a build beside this changes nothing, and nothing else can be imported. */
function stage() {
  const root = mkdtempSync(join(tmpdir(), 'fluxtape-'))
  cpSync(options.dist, join(root, 'dist'), { recursive: true })
  // A second library for cases/faults.mjs: Bun takes an address with a query for the one without.
  cpSync(join(options.dist, 'fluxtape.js'), join(root, 'dist/fluxtape-faults.js'))
  cpSync(path('.'), join(root, 'suite'), { recursive: true, filter: source => !source.includes('node_modules') })
  mkdirSync(join(root, 'pages'))
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  layOutGuide(root)
  mkdirSync(join(root, 'files'))
  execFileSync(process.execPath, [join(root, 'suite/entries/hand-over.mjs'), join(root, 'files')])
  return root
}

const columns = [
  ['runtime', 14],
  ['version', 13],
  ['where', 21],
  ['variant', 9],
  ['threads', -7],
  ['passed', -7],
  ['failed', -7],
  ['seconds', -8],
]
const line = cells => cells.map((cell, i) => String(cell)[columns[i][1] > 0 ? 'padEnd' : 'padStart'](Math.abs(columns[i][1]))).join(' ')

const start = performance.now()
const root = stage()
const reports = new Reports()
const site = { root, reports, ...(await serve(root, (id, message) => reports.hear(id, message))) }
const totals = { passed: 0, failed: 0 }
const runs = []
/** Where each was seen. */
const failures = new Map()
/** Browsers that ended or hung by themselves: what ran in them was run again. */
const faults = []

/** The places of a runtime that were asked for. */
const chosen = places => places.filter(({ name }) => options.place === undefined || list(options.place).includes(name))

/** Runs the suite in one place, prints its row, and keeps what it found. */
async function runPlace(runtime, version, place, execute) {
  const begin = performance.now()
  const at = `${runtime.name}, ${place.name}`
  const brief = !options.long && place.only !== undefined
  const suite = {
    expect: { ...place.expect, long: options.long, brief, repeats: brief && runs.some(({ hash }) => hash) },
    only: options.groups === undefined ? place.only : list(options.groups),
  }
  let result
  try {
    result = await onceMore(
      () => execute(place, suite),
      error => faults.push(`${at}: ${error.message}; run again in a fresh browser`),
    )
  } catch (error) {
    result = { passed: 0, failed: 1, failures: [error.message], variant: '-', threads: '-', hashes: {} }
  }
  const { passed, failed, variant, threads } = result
  totals.passed += passed
  totals.failed += failed
  for (const failure of result.failures) failures.set(failure, [...(failures.get(failure) ?? []), at])
  const trace = async request => (await again(runtime, place, { ...suite, trace: request })).trace
  for (const [model, found] of Object.entries(result.hashes)) {
    for (const [n, { hash, steps }] of Object.entries(found)) runs.push({ at, model, threads: Number(n), hash, steps, trace })
  }
  const seconds = ((performance.now() - begin) / 1000).toFixed(1)
  console.log(line([runtime.name, version, place.name, variant, threads, passed, failed, seconds]))
}

/** Runs the suite without a page; undefined where it needs one. */
const runners = { process: runInProcess, workerd: runInWorkerd }

/** Runs one place of a runtime once more, by itself. */
async function again(runtime, place, suite) {
  const runner = runners[runtime.kind]
  if (runner) return runner(runtime, root, place, suite)
  const browser = await launch(runtime)
  try {
    return await runInPage(browser, site, place, suite)
  } finally {
    await browser.close()
  }
}

async function runRuntime(runtime) {
  const runner = runners[runtime.kind]
  if (runner) {
    for (const place of chosen(processPlaces(runtime, options.long))) {
      await runPlace(runtime, runtime.version, place, (...args) => runner(runtime, root, ...args))
    }
    return
  }
  let browser
  try {
    browser = await launch(runtime)
    for (const place of chosen(pagePlaces(runtime))) {
      await runPlace(runtime, browser.version, place, (...args) => runInPage(browser, site, ...args))
    }
  } catch (error) {
    totals.failed++
    failures.set(`cannot be started: ${error.message}`, [runtime.name])
  } finally {
    await browser?.close()
  }
}

try {
  const only = list(options.only)
  const found = findRuntimes(root)
  const required = options.require === 'all' ? names : list(options.require)
  for (const name of required.filter(each => !found.some(runtime => runtime.name === each))) {
    totals.failed++
    failures.set('is not here, and was required', [...(failures.get('is not here, and was required') ?? []), name])
  }
  console.log(line(columns.map(([name]) => name)))
  for (const runtime of found) if (only.length === 0 || only.includes(runtime.name)) await runRuntime(runtime)

  const whole = runs.filter(({ hash }) => hash)
  const hashes = new Map(whole.map(({ model, hash }) => [model, hash]))
  if (options.write && whole.every(({ model, hash }) => hashes.get(model) === hash)) publish(hashes)
  const deviating = deviants(runs)
  const notes = []
  for (const [model, those] of deviating) {
    totals.failed++
    notes.push(...(await explain(model, those, runs)))
  }
  console.log()
  for (const [model, hash] of published()) {
    const all = runs.filter(run => run.model === model)
    const those = whole.filter(run => run.model === model)
    const first = all.length > those.length ? `, the same first steps in ${all.length - those.length} more` : ''
    if (all.length > 0 && !deviating.has(model)) console.log(`${model}: ${hash} in all ${those.length} runs${first}`)
  }
  const missing = names.filter(each => !found.some(({ name }) => name === each))
  if (missing.length > 0) console.log(`not here: ${missing.join(', ')}`)
  for (const fault of faults) console.log(fault)
  for (const [failure, places] of failures) console.log(`${places.join('; ')}:\n  ${failure}`)
  for (const note of notes) console.log(note)
  const seconds = Math.round((performance.now() - start) / 1000)
  const ended = faults.length > 0 ? `, browsers that ended by themselves: ${faults.length}` : ''
  console.log(`runtimes: ${totals.passed} passed, ${totals.failed} failed${ended}, ${seconds} s`)
} finally {
  site.close()
  rmSync(root, { recursive: true, force: true })
}
process.exit(totals.failed > 0 ? 1 : 0)
