// The article's Chain of Dense layers, 784-64-64-10, on MNIST or one of its relatives, read from IDX files.
// Run it with `node examples/mnist.mjs --data DIR [--epochs 40] [--seeds 1,2,3,4,5] [--resume [FOLDER]]`; DIR holds the four files
// train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, gzipped or not.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Adam, accuracy, Chain, DataLoader, Dense, logitCrossEntropy, manualSeed, params, relu, train } from 'fluxtape'
import { readIdx } from 'fluxtape/datasets'

const { values, positionals } = parseArgs({
  allowPositionals: process.argv.includes('--resume'),
  options: {
    data: { type: 'string' },
    epochs: { type: 'string', default: '20' },
    seeds: { type: 'string', default: '1' },
    resume: { type: 'boolean', default: false },
  },
})
if (values.data === undefined) {
  console.error('usage: node examples/mnist.mjs --data DIR [--epochs N] [--seeds 1,2,3]')
  process.exit(2)
}

const read = async name => {
  const file = [name, `${name}.gz`].map(each => join(values.data, each)).find(existsSync)
  if (file === undefined) throw new Error(`${values.data} holds neither ${name} nor ${name}.gz`)
  return readIdx(await readFile(file))
}
/** Pictures as rows of 784 numbers from 0 to 1, and their classes. */
const load = async part => {
  const images = await read(`${part}-images-idx3-ubyte`)
  return [images.reshape([images.shape[0], -1]).div(255), (await read(`${part}-labels-idx1-ubyte`)).cast('int32')]
}
const trainSet = await load('train')
const testSet = await load('t10k')
console.log(`${trainSet[0].shape[0]} pictures to learn from, ${testSet[0].shape[0]} to test on`)

/** With `--resume` a run is saved into a folder, and the same command goes on from there: each seed has its own. */
function saved(seed) {
  const path = `${positionals[0] ?? 'runs/mnist'}/seed-${seed}`
  return values.resume && { checkpoint: { path }, resume: path }
}

const results = []
for (const seed of values.seeds.split(',').map(Number)) {
  manualSeed(seed)
  const model = Chain(Dense(784, 64, relu), Dense(64, 64, relu), Dense(64, 10))
  const loss = (x, y) => logitCrossEntropy(model(x), y)
  const loader = new DataLoader(trainSet, { batchSize: 64, shuffle: true })
  const start = performance.now()
  const { epochs } = await train(loss, params(model), loader, Adam(1e-3), { epochs: Number(values.epochs), ...saved(seed) })
  const seconds = (performance.now() - start) / 1000
  results.push(accuracy(model, testSet))
  console.log(
    `seed ${seed}: ${epochs.length} epochs in ${seconds.toFixed(1)} s, loss ${epochs.at(-1).loss.toFixed(4)}, ${(100 * results.at(-1)).toFixed(1)} % right`,
  )
}
results.sort((a, b) => a - b)
console.log(`median ${(100 * results[results.length >> 1]).toFixed(1)} %, least ${(100 * results[0]).toFixed(1)} %`)
