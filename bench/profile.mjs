// Splits one training step into kernels and JavaScript, by the sampling profiler of V8.
// `npm run bench:profile [-- mlp-xs|mlp-s|mlp-l] [--seconds 4]` after `npm run build`.
import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { parseArgs } from 'node:util'
import * as fluxtape from '../dist/fluxtape.js'

const { Adam, Chain, Dense, logitCrossEntropy, params, rand, randint, relu, threads, trainStep, variant } = fluxtape
const SIZES = {
  'mlp-xs': { batch: 16, sizes: [64, 32, 10] },
  'mlp-s': { batch: 64, sizes: [784, 64, 64, 10] },
  'mlp-l': { batch: 128, sizes: [784, 512, 512, 10] },
}
const { values, positionals } = parseArgs({ options: { seconds: { type: 'string', default: '4' } }, allowPositionals: true })

const kernelNames = exportedFunctions(readFileSync(new URL(`../build/${variant()}.wasm`, import.meta.url)))
await threads(1)
console.log(`Node ${process.versions.node}, ${variant()} kernels, one thread`)
for (const name of positionals.length > 0 ? positionals : Object.keys(SIZES)) await profile(name, SIZES[name])

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
  report(name, microseconds, profile)
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
  const sum = group => [...group.values()].reduce((total, count) => total + count, 0)
  const total = samples.length
  console.log(`\n${name}: ${microseconds.toFixed(1)} µs a step (with the profiler on)`)
  for (const [label, group] of Object.entries(groups)) {
    console.log(`  ${label.padEnd(20)} ${share(sum(group), total)}`)
    for (const [functionName, count] of [...group].sort((a, b) => b[1] - a[1]).slice(0, 12)) {
      if (count / total >= 0.005) console.log(`    ${functionName.padEnd(34)} ${share(count, total)}`)
    }
  }
}

function share(count, total) {
  return `${((100 * count) / total).toFixed(1).padStart(5)} %`
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
