// Holds the example of MNIST to the accuracy that the README states: `node test/examples/mnist.mjs DIR [--seeds 1,2,3,4,5]` after `npm run build`.
// Five seeds reach its median; one alone comes near it.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({ options: { seeds: { type: 'string', default: '1' } }, allowPositionals: true })
const stated = Number(/digits of MNIST (\d+\.\d) %/.exec(readFileSync('README.md', 'utf8').replace(/\s+/g, ' '))?.[1])
const text = execFileSync(process.execPath, ['examples/mnist.mjs', '--data', positionals[0], '--seeds', values.seeds], { encoding: 'utf8' })
console.log(text.trim())
const median = Number(/median (\d+\.\d) %/.exec(text)?.[1])
// The two kinds of kernels round differently.
const allowed = values.seeds.split(',').length < 5 ? 1 : 0.2
if (!(Math.abs(median - stated) <= allowed + 1e-9)) throw new Error(`the README states ${stated} %, the median is ${median} %`)
