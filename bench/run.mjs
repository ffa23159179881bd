// fluxtape against its peers and against the machine's limit, as ratios; `npm run bench -- --help` says how.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startChild } from './harness/child.mjs'
import { compareBuilds } from './harness/compare.mjs'
import { compilePeak } from './harness/peak.mjs'
import { outlook, progressOf, secondsOf } from './harness/progress.mjs'
import { reasonOf } from './harness/reason.mjs'
import { records } from './harness/records.mjs'
import { contenderNames, entrants, findNodes, isInstalled } from './harness/roster.mjs'
import { label, load, measure, named, quick, thorough, unload } from './harness/rounds.mjs'
import { tables } from './harness/table.mjs'
import { verify } from './harness/verify.mjs'
import { selectWorkloads } from './workloads/index.mjs'

/** GFLOP/s a thread below which PyTorch's products do not come from OpenBLAS. */
const pytorchFloor = 40

const usage = `npm run bench -- [workload...] [options]: fluxtape against its peers and against the machine's limit, as ratios

  --contenders a,b   who takes part beside ours (ours in one runtime only: fluxtape@node26)
  --threads 1,2      thread counts
  --rounds n         rounds of measurement
  --json FILE        writes the records, after a header
  --quick            a minute or two: some workloads, this Node, who is installed, short rounds; the figures are rough
  --verify           compares losses instead of times
  --against DIR      ours alone: how long the steps of the mlps take over those of another build, in the checkout DIR, both in one process
  --help             this text

A workload is named whole, or by its beginning: mlp, gemm-nt.`

const report = text => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}
const list = text => text.split(',').filter(Boolean)

function readOptions() {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      contenders: { type: 'string', default: '' },
      threads: { type: 'string', default: '1,2' },
      rounds: { type: 'string' },
      json: { type: 'string' },
      quick: { type: 'boolean', default: false },
      verify: { type: 'boolean', default: false },
      against: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (options.help) return undefined
  const contenders = list(options.contenders)
  for (const name of contenders) {
    if (!contenderNames.includes(name.split('@')[0])) {
      throw new RangeError(`bench: no such contender: ${name}. There are ${contenderNames.join(', ')}.`)
    }
  }
  const threads = list(options.threads).map(Number)
  const plan = options.quick ? quick : thorough
  const rounds = Number(options.rounds ?? plan.rounds)
  if (![rounds, ...threads].every(n => Number.isInteger(n) && n > 0)) {
    throw new RangeError('bench: --threads and --rounds take positive integers')
  }
  return {
    json: options.json,
    isVerifying: options.verify,
    against: options.against,
    isQuick: options.quick,
    workloads: selectWorkloads(positionals, options.quick),
    contenders,
    threads: threads.filter(n => n <= availableParallelism()),
    plan: { ...plan, rounds },
  }
}

/** Starts everybody one after the other; who is missing is told, with the reason. */
async function assemble(chosen, floor) {
  const children = []
  const missing = {}
  for (const entrant of chosen) {
    report(`starting ${label(entrant)}`)
    const child = await startChild(entrant)
    const { gemm1024, missing: reason } = child.hello
    const isTooSlow = gemm1024 < floor * entrant.threads
    if (reason) missing[label(entrant)] = reason
    else if (isTooSlow) missing[label(entrant)] = `refused: ${gemm1024.toFixed(0)} GFLOP/s; install libopenblas0-pthread`
    else children.push(child)
    if (reason || isTooSlow) child.close()
  }
  return { children, missing }
}

async function preparePeak(children, missing) {
  try {
    const peak = await compilePeak()
    for (const child of children) {
      const { isOurs, threads } = child.entrant
      if (isOurs) child.variant = (await child.ask({ peak, threads })).variant
    }
  } catch (error) {
    missing.peak = reasonOf(error)
  }
}

function header(children, missing, nodes) {
  const versions = Object.assign({}, ...children.map(c => c.hello.versions), { node: undefined, v8: undefined })
  for (const { runtime, version } of nodes) versions[runtime] = version
  const ours = children.filter(c => c.entrant.isOurs)
  const torch = children.filter(c => c.hello.gemm1024)
  return {
    date: new Date().toISOString(),
    command: ['npm run bench', process.argv.slice(2).join(' ')].filter(Boolean).join(' -- '),
    cpu: `${cpus()[0].model}, ${availableParallelism()} threads`,
    versions,
    variants: Object.fromEntries(ours.map(c => [c.entrant.runtime, c.variant])),
    pytorchGemm1024: Object.fromEntries(torch.map(c => [c.entrant.threads, c.hello.gemm1024])),
    pytorchEnvironment: torch.at(-1)?.hello.environment,
    missing,
  }
}

function printHeader({ cpu, date, pytorchGemm1024, pytorchEnvironment, missing, variants }) {
  console.log(`${date}, ${cpu}`)
  for (const [runtime, variant] of Object.entries(variants)) console.log(`ours in ${runtime}: ${variant}`)
  for (const [threads, rate] of Object.entries(pytorchGemm1024)) {
    console.log(`pytorch's own gemm-1024 with ${threads} thread(s): ${rate.toFixed(0)} GFLOP/s`)
  }
  const core = pytorchEnvironment?.OPENBLAS_CORETYPE
  if (core) console.log(`OPENBLAS_CORETYPE=${core} is set in the environment and holds for pytorch`)
  for (const [name, reason] of Object.entries(missing)) console.log(`missing: ${name}: ${reason}`)
}

async function bench({ workloads, plan }, children, folder) {
  const all = []
  const gaps = []
  const entrants = children.map(child => child.entrant)
  const progress = progressOf(workloads, workload => secondsOf(workload, entrants, plan))
  for (const workload of workloads) {
    progress.next(workload)
    const outcomes = await load(children, workload, folder)
    await measure(outcomes, workload, plan, progress.report)
    await unload(outcomes, workload.name)
    all.push(...records(workload, outcomes))
    for (const { child, missing } of outcomes) {
      const { entrant } = child
      const absent = { workload: workload.name, contender: named(entrant), threads: entrant.threads, missing }
      // A peer that has no function for the family says nothing about that workload.
      if (missing && missing !== `no ${workload.family}`) gaps.push(absent)
    }
  }
  progress.end()
  return { all, gaps }
}

async function main(choice) {
  if (!choice) return console.log(usage)
  const { isQuick, isVerifying, against, workloads, contenders, plan } = choice
  if (against) return compareBuilds(against, workloads, findNodes(), isQuick ? 1 : undefined, report)
  if (!isInstalled) console.error('The peers and newer Nodes are not installed: npm --prefix bench install')
  const all = findNodes()
  const isNamed = contenders.some(name => name.startsWith('fluxtape@'))
  const nodes = isQuick && !isNamed ? all.filter(({ version }) => version === process.versions.node) : all
  const chosen = entrants({ ...choice, nodes })
  if (!isVerifying) {
    console.error(`${outlook(workloads, chosen, plan)}${isQuick ? '; the figures will be rough' : ' (--quick takes a minute or two)'}.`)
  }
  const folder = await mkdtemp(join(tmpdir(), 'fluxtape-bench-'))
  const { children, missing } = await assemble(chosen, isVerifying ? 0 : pytorchFloor)
  try {
    if (isVerifying) {
      const { text, agrees } = await verify(children, workloads, folder)
      report('')
      console.log(text)
      for (const [name, reason] of Object.entries(missing)) console.log(`missing: ${name}: ${reason}`)
      if (!agrees) process.exitCode = 1
      return
    }
    await preparePeak(children, missing)
    const head = header(children, missing, nodes)
    report('')
    const { all: measured, gaps } = await bench(choice, children, folder)
    printHeader(head)
    for (const gap of gaps) console.log(`missing: ${label(gap)} in ${gap.workload}: ${gap.missing}`)
    console.log(`\n${tables(measured, gaps)}`)
    if (isQuick) console.log('\nA quick run, whose figures are rough: npm run bench measures with more and longer rounds.')
    if (choice.json)
      await writeFile(choice.json, `[\n${[{ ...head, gaps }, ...measured].map(record => JSON.stringify(record)).join(',\n')}\n]\n`)
  } finally {
    for (const child of children) child.close()
    await rm(folder, { recursive: true })
  }
}

try {
  await main(readOptions())
} catch (error) {
  const isUsers = error instanceof RangeError || error.code?.startsWith('ERR_PARSE_ARGS')
  if (!isUsers) throw error
  console.error(error.message)
  process.exitCode = 2
}
