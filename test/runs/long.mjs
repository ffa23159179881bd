// A long run takes hardly more memory than a short one: mlp-xs (Dense 64-32-10, batches of 16) for 10^3 and for 10^6 steps, the history kept.
// `--steps 100000` makes it shorter.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Adam, Chain, DataLoader, Dense, jit, logitCrossEntropy, manualSeed, memory, params, randint, randn, relu, train } from '../../dist/fluxtape.js' // biome-ignore format: one line

const { values } = parseArgs({ options: { steps: { type: 'string', default: '1000000' } } })
/** How much more the long one may take; it takes 0.99 to 1.07. */
const MOST = 1.2

/** What the process holds at the end of so many steps when it has been collected, in MB: V8 leaves garbage lie while there is room. */
async function measured(steps) {
  manualSeed(1)
  const model = Chain(Dense(64, 32, relu), Dense(32, 10))
  const loss = jit((x, y) => logitCrossEntropy(model(x), y))
  const data = new DataLoader([randn([1600, 64]), randint(0, 10, [1600])], { batchSize: 16, shuffle: true })
  const history = await train(loss, params(model), data, Adam(), { epochs: steps / 100 })
  for (let i = 0; i < 5; i++) {
    globalThis.gc()
    await new Promise(done => setTimeout(done, 20))
  }
  if (history.epochs.length !== steps / 100) throw new Error('the history is not whole')
  const { rss, heapUsed, external } = process.memoryUsage()
  const all = { resident: rss, heap: heapUsed + external, tensors: memory().bytes }
  console.log(`${steps} steps: ${Object.entries(all).map(([name, bytes]) => `${name} ${(bytes / 1e6).toFixed(2)} MB`).join(', ')}`) // biome-ignore format: one line
  return all
}

if (globalThis.gc) {
  // V8 has compiled everything before, and its heap is as large as it gets.
  await measured(200_000)
  const [short, long] = [await measured(1000), await measured(Number(values.steps))]
  for (const name of ['resident', 'tensors']) {
    const share = long[name] / short[name]
    console.log(`${name}: ${share.toFixed(3)} of a run of 1,000 steps`)
    if (!(share <= MOST)) process.exitCode = 1
  }
} else {
  // A small nursery: it grows with time, whatever is in it. And malloc's own threshold, fixed: otherwise glibc raises it, and keeps what V8's compilers freed.
  const args = ['--expose-gc', '--max-semi-space-size=1', fileURLToPath(import.meta.url), '--steps', values.steps]
  process.exitCode =
    spawnSync(process.execPath, args, { stdio: 'inherit', env: { ...process.env, MALLOC_MMAP_THRESHOLD_: '131072' } }).status ?? 1
}
