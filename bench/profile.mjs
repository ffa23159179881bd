// Splits a training step into kernels and JavaScript. `npm run bench:profile [-- mlp-xs...] [--json FILE]` after `npm run build`.
//
// Processes of two kinds take turns: one gives the length of a step, in the other each call into wasm is timed. JavaScript, with the garbage
// collector, is what of the first the kernels of the second do not explain. For an mlp, whose calls depend on nothing but their arguments, a third
// makes the calls of one step again and again: a step without JavaScript.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { kernelsOf } from '../tools/abi.mjs'
import { families } from './contenders/steps.mjs'
import { selectWorkloads } from './workloads/index.mjs'

const TURNS = 5
const BATCHES = 40
/** Milliseconds until the JavaScript of a step is compiled. */
const WARM_UP = 5000
const bundle = new URL('../dist/fluxtape.js', import.meta.url)
const { values, positionals } = parseArgs({
  options: { json: { type: 'string' }, part: { type: 'string' } },
  allowPositionals: true,
})

/** The text of a program that has a `step` of mlp-xs. */
const smallModel = `
    const { Adam, Chain, Dense, logitCrossEntropy, memory, params, rand, randint, relu, trainStep } = await import('${bundle}')
    const model = Chain(Dense(64, 32, relu), Dense(32, 10))
    const [ps, batch, opt] = [params(model), [rand([16, 64]), randint(0, 10, [16])], Adam()]
    const step = () => trainStep((x, y) => logitCrossEntropy(model(x), y), ps, batch, opt)`

/** Milliseconds and calls of each function of wasm. */
const spent = new Map()
const parts = { step: workload => measure(workload, false), kernels: workload => measure(workload, true), replay }
if (values.part) console.log(JSON.stringify(await parts[values.part](selectWorkloads(positionals)[0])))
else report()

function report() {
  const profiles = selectWorkloads(positionals.length > 0 ? positionals : ['mlp', 'lenet', 'resnet', 'mobile', 'lstm', 'gpt']).map(profile)
  const firstStep = timeFirstStep()
  console.log(`\nfrom import to the end of the first mlp-xs step: ${firstStep.toFixed(1)} ms (median of nine processes)`)
  const [few, many, most] = [100, 10_000, 100_000].map(bytesAfter)
  const megabytes = bytes => (bytes / 2 ** 20).toFixed(2)
  for (const part of ['tensors', 'heap']) {
    const told = [few, many, most].map(run => megabytes(run[part])).join(', ')
    console.log(`${part === 'tensors' ? 'tensors at most' : 'heap in the end'}: ${told} MiB in 100, 10,000 and 100,000 steps of mlp-xs`)
  }
  if (!values.json) return
  const header = {
    runtime: process.versions.node,
    variant: profiles[0].variant,
    threads: 1,
    firstStepMilliseconds: firstStep,
    memoryRatio: many.tensors / few.tensors,
    memory: { 100: few, 10000: many, 100000: most },
  }
  writeFileSync(values.json, `${JSON.stringify({ ...header, profiles }, null, 1)}\n`)
}

function profile({ name: workload, family }) {
  const child = part =>
    JSON.parse(execFileSync(process.execPath, [fileURLToPath(import.meta.url), workload, '--part', part], { encoding: 'utf8' }))
  const kinds = family === 'mlp' ? ['step', 'kernels', 'replay'] : ['step', 'kernels']
  const turns = Array.from({ length: TURNS }, () => kinds.map(child))
  const { variant } = turns[0][0]
  const microseconds = median(turns.map(([{ step }]) => step))
  const kernels = Object.keys(turns[0][1].kernels)
    .map(kernel => ({ kernel, microseconds: median(turns.map(([, { kernels }]) => kernels[kernel])) }))
    .sort((a, b) => b.microseconds - a.microseconds)
  const replayed = family === 'mlp' ? median(turns.map(([step, , again]) => again.step / step.step)) : undefined
  const javaScript = microseconds - kernels.reduce((sum, each) => sum + each.microseconds, 0)
  console.log(`\n${workload}, Node ${process.versions.node}, ${variant} kernels, one thread: ${microseconds.toFixed(1)} µs a step`)
  for (const { kernel, microseconds: own } of [{ kernel: 'JavaScript', microseconds: javaScript }, ...kernels]) {
    console.log(`  ${kernel.padEnd(24)} ${own.toFixed(2).padStart(9)} µs ${((100 * own) / microseconds).toFixed(1).padStart(5)} %`)
  }
  if (replayed) console.log(`  its kernels called again, without the library: ${(100 * replayed).toFixed(1)} % of a step`)
  return { workload, variant, microseconds, javaScript, replayed, kernels }
}

/** Microseconds of a step and, if they are timed, of the kernels in it. */
async function measure({ family, spec, data }, isTimed) {
  if (isTimed) timeKernels()
  const flux = await import(bundle)
  await flux.threads(1)
  const { step } = families[family](flux, spec, data())
  const batch = Math.ceil(20 / time(step, WARM_UP / time(step, 20)))
  const steps = []
  const kernels = {}
  const clock = costOfClock()
  for (let i = 0; i < BATCHES; i++) {
    for (const entry of spent.values()) Object.assign(entry, { milliseconds: 0, calls: 0 })
    steps.push(1000 * time(step, batch))
    for (const [name, { milliseconds, calls }] of spent) {
      if (calls >= batch) (kernels[name] ??= []).push((1000 * (milliseconds - calls * clock)) / batch)
    }
  }
  const medians = Object.entries(kernels).map(([name, times]) => [name, median(times)])
  return { variant: flux.variant(), step: median(steps), kernels: Object.fromEntries(medians) }
}

/** Microseconds of the calls into wasm that a step makes, by themselves. */
async function replay({ family, spec, data }) {
  let calls
  const recorded =
    (_, f) =>
    (...args) => {
      calls?.push([f, args])
      return f(...args)
    }
  wrapKernels(recorded)
  const flux = await import(bundle)
  await flux.threads(1)
  const { step } = families[family](flux, spec, data())
  // The memory of a step that is one of many.
  for (let i = 0; i < 20; i++) step()
  calls = []
  step()
  // The calls are written out, since a loop over them costs as much as a small kernel.
  const text = calls.map(([, args], i) => `f[${i}](${args.join(', ')})`).join('\n')
  const again = new Function('f', text).bind(
    undefined,
    calls.map(([f]) => f),
  )
  const batch = Math.ceil(20 / time(again, WARM_UP / time(again, 20)))
  return { step: median(Array.from({ length: BATCHES }, () => 1000 * time(again, batch))) }
}

/** Every module that is instantiated from now on has its functions timed: `run`, through which steps are replayed, by the kernel that it runs. */
function timeKernels() {
  const kernels = kernelsOf(fileURLToPath(new URL('../assembly/kernels.ts', import.meta.url))).filter(({ isRanged }) => isRanged)
  wrapKernels((name, f) => {
    if (name !== 'run') return timing(name, f)
    const timed = kernels.map(kernel => timing(kernel.name, f))
    return (id, ...args) => timed[id](id, ...args)
  })
}

/** Every module that is instantiated from now on gets its functions from `wrap`, of the name and the function. */
function wrapKernels(wrap) {
  const { Instance } = WebAssembly
  WebAssembly.Instance = class {
    constructor(...args) {
      const entries = Object.entries(new Instance(...args).exports)
      this.exports = Object.fromEntries(entries.map(([name, f]) => [name, typeof f === 'function' ? wrap(name, f) : f]))
    }
  }
}

function timing(name, f) {
  const entry = spent.get(name) ?? { milliseconds: 0, calls: 0 }
  spent.set(name, entry)
  return (...args) => {
    const start = performance.now()
    const result = f(...args)
    entry.milliseconds += performance.now() - start
    entry.calls++
    return result
  }
}

/** What the clock itself adds to each call that is timed, in milliseconds. */
function costOfClock() {
  const nothing = timing('nothing', () => {})
  const entry = spent.get('nothing')
  const times = Array.from({ length: 50 }, () => {
    Object.assign(entry, { milliseconds: 0, calls: 0 })
    for (let i = 0; i < 2000; i++) nothing()
    return entry.milliseconds / entry.calls
  })
  spent.delete('nothing')
  return median(times)
}

/** Milliseconds a step. */
function time(step, count) {
  const start = performance.now()
  for (let i = 0; i < count; i++) step()
  return (performance.now() - start) / Math.ceil(count)
}

function median(numbers) {
  return numbers.sort((a, b) => a - b)[numbers.length >> 1]
}

/** Milliseconds from before the import to after the first step of mlp-xs, in processes of their own. */
function timeFirstStep() {
  const script = `const start = performance.now(); ${smallModel}; step(); console.log(performance.now() - start)`
  return median(Array.from({ length: 9 }, () => evaluated(script)))
}

/**
 * Bytes that tensors took at most, and bytes of the heap in the end, in a process that has taken so many steps of mlp-xs. The heap holds what the
 * engine compiles and learns of the program, too, which ends with the first few thousand steps.
 */
function bytesAfter(steps) {
  const script = `${smallModel}
    for (let i = 0; i < ${steps}; i++) step()
    for (let i = 0; i < 3; i++) gc()
    console.log(JSON.stringify({ tensors: memory().peak, heap: process.memoryUsage().heapUsed }))`
  return evaluated(script, '--expose-gc')
}

function evaluated(script, ...flags) {
  return JSON.parse(execFileSync(process.execPath, [...flags, '--input-type=module', '-e', script], { encoding: 'utf8' }))
}
