// A long run takes no more memory than a short one: mlp-xs (Dense 64-32-10, batches of 16) for 10^3 and for 10^6 steps, the history kept, each in a process of its
// own. `--steps 100000` makes it shorter.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Adam, Chain, DataLoader, Dense, jit, logitCrossEntropy, manualSeed, memory, params, randint, randn, relu, train } from '../../dist/fluxtape.js'

const { values } = parseArgs({ options: { steps: { type: 'string', default: '1000000' }, only: { type: 'string' } } })
/** How much more the long one may take. */
const MOST = 1.2

/** What a process holds at the end of so many steps, after it was collected, and what it had at most, in MB. */
async function measured(steps) {
  manualSeed(1)
  const model = Chain(Dense(64, 32, relu), Dense(32, 10))
  const loss = jit((x, y) => logitCrossEntropy(model(x), y))
  const data = new DataLoader([randn([1600, 64]), randint(0, 10, [1600])], { batchSize: 16, shuffle: true })
  const history = await train(loss, params(model), data, Adam(), { epochs: steps / 100 })
  for (let i = 0; i < 3; i++) {
    globalThis.gc()
    await new Promise(done => setTimeout(done, 10))
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return {
    held: (heapUsed + external) / 1e6,
    resident: rss / 1e6,
    most: process.resourceUsage().maxRSS / 1e3,
    kernels: memory().reserved / 1e6,
    tensors: memory().tensors,
    last: history.epochs.at(-1).loss,
  }
}

if (values.only) console.log(JSON.stringify(await measured(Number(values.only))))
else {
  const run = steps => JSON.parse(execFileSync(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), '--only', String(steps)]))
  const start = performance.now()
  const [short, long] = [run(1000), run(Number(values.steps))]
  console.log(short, long)
  console.log(((performance.now() - start) / 1000).toFixed(0))
}
