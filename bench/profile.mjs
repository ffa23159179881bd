// Splits one training step into kernels and JavaScript, by the sampling profiler of V8.
// `npm run bench:profile [-- mlp-xs|mlp-s|mlp-l] [--seconds 4] [--json FILE]` after `npm run build`.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { parseArgs } from 'node:util'
import * as fluxtape from '../dist/fluxtape.js'

const { Adam, Chain, Dense, logitCrossEntropy, params, rand, randint, relu, threads, trainStep, variant } = fluxtape
const SIZES = {
  'mlp-xs': { batch: 16, sizes: [64, 32, 10] },
  'mlp-s': { batch: 64, sizes: [784, 64, 64, 10] },
  'mlp-l': { batch: 128, sizes: [784, 512, 512, 10] },
}
const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '4' }, json: { type: 'string' } },
  allowPositionals: true,
})

const kernelNames = exportedFunctions(readFileSync(new URL(`../build/${variant()}.wasm`, import.meta.url)))
await threads(1)
console.log(`Node ${process.versions.node}, ${variant()} kernels, one thread`)
const profiles = []
for (const name of positionals.length > 0 ? positionals : Object.keys(SIZES)) profiles.push(await profile(name, SIZES[name]))
const firstStep = timeFirstStep()
console.log(`\nfrom import to the end of the first mlp-xs step: ${firstStep.toFixed(1)} ms (median of nine processes)`)
if (values.json) {
  const header = { runtime: process.versions.node, variant: variant(), threads: 1, firstStepMilliseconds: firstStep }
  writeFileSync(values.json, `${JSON.stringify({ ...header, profiles }, null, 1)}\n`)
}

/** Milliseconds from before the import to after the first step of mlp-xs, in processes of their own. */
function timeFirstStep() {
  const script = `
    const start = performance.now()
    const { Adam, Chain, Dense, logitCrossEntropy, params, rand, randint, relu, trainStep } = await import('${new URL('../dist/fluxtape.js', import.meta.url)}')
    const model = Chain(Dense(64, 32, relu), Dense(32, 10))
    trainStep((x, y) => logitCrossEntropy(model(x), y), params(model), [rand([16, 64]), randint(0, 10, [16])], Adam())
    console.log(performance.now() - start)`
  const times = Array.from({ length: 9 }, () =>
    Number(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })),
  )
  return times.sort((a, b) => a - b)[4]
}

async function profile(name, { batch, sizes }) {
  const layers = sizes.slice(1).map((size, i) => Dense(sizes[i], size, ...(i < sizes.length - 2 ? [relu] : [])))
  const model = Chain(...layers)
  const [ps, opt] = [params(model), Adam()]
  const data = [rand([batch, sizes[0]]), randint(0, 10, [batch])]
  const loss = (x, y) => logitCrossEntropy(model(x), y)
  const run = milliseconds => {
    let steps = 0
    const start = performance.now()
    while (performance.now() - start < milliseconds) {
      for (let i = 0; i < 10; i++) trainStep(loss, ps, data, opt)
      steps += 10
    }
    return (1000 * (performance.now() - start)) / steps
  }
  run(1000)
  const session = new Session()
  session.connect()
  const post = (method, options) =>
    new Promise((resolve, reject) => session.post(method, options, (error, result) => (error ? reject(error) : resolve(result))))
  await post('Profiler.enable')
  await post('Profiler.setSamplingInterval', { interval: 100 })
  await post('Profiler.start')
  const microseconds = run(1000 * Number(values.seconds))
  const { profile } = await post('Profiler.stop')
  session.disconnect()
  return report(name, microseconds, profile)
}

function report(name, microseconds, { nodes, samples }) {
  const hits = new Map()
  for (const id of samples) hits.set(id, (hits.get(id) ?? 0) + 1)
  const groups = { kernels: new Map(), JavaScript: new Map(), 'garbage collection': new Map(), other: new Map() }
  for (const { id, callFrame } of nodes) {
    const count = hits.get(id) ?? 0
    const { functionName, url } = callFrame
    const group =
      url.startsWith('wasm:') || functionName.startsWith('wasm')
        ? 'kernels'
        : functionName === '(garbage collector)'
          ? 'garbage collection'
          : functionName.startsWith('(')
            ? 'other'
            : 'JavaScript'
    const label = nameOf(functionName)
    groups[group].set(label, (groups[group].get(label) ?? 0) + count)
  }
  const total = samples.length
  const shares = Object.entries(groups).map(([label, group]) => {
    const parts = [...group].map(([part, count]) => ({ part, share: count / total })).sort((a, b) => b.share - a.share)
    return { label, share: parts.reduce((sum, part) => sum + part.share, 0), parts: parts.filter(part => part.share >= 0.005).slice(0, 12) }
  })
  console.log(`\n${name}: ${microseconds.toFixed(1)} µs a step (with the profiler on)`)
  for (const group of shares) {
    console.log(`  ${group.label.padEnd(20)} ${percent(group.share)}`)
    for (const { part, share } of group.parts) console.log(`    ${part.padEnd(34)} ${percent(share)}`)
  }
  return { workload: name, microseconds, shares }
}

function percent(share) {
  return `${(100 * share).toFixed(1).padStart(5)} %`
}

/** V8 calls wasm functions by their numbers; those that are exported have a name. */
function nameOf(functionName) {
  const number = /^wasm-function\[(\d+)\]$/.exec(functionName)?.[1]
  if (number === undefined) return functionName || '(anonymous)'
  return kernelNames.get(Number(number)) ?? `inside a kernel (${number})`
}

/** The names of a wasm module's exported functions by number, from its export section. */
function exportedFunctions(bytes) {
  const names = new Map()
  let at = 8
  const number = () => {
    let [value, shift] = [0, 0]
    for (;;) {
      const byte = bytes[at++]
      value |= (byte & 127) << shift
      shift += 7
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const section = bytes[at++]
    const end = number() + at
    if (section === 7) {
      for (let left = number(); left > 0; left--) {
        const length = number()
        const name = bytes.toString('utf8', at, at + length)
        at += length
        const kind = bytes[at++]
        const index = number()
        if (kind === 0) names.set(index, name)
      }
    }
    at = end
  }
  return names
}
