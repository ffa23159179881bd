// A small training that saves often: what killed.mjs kills. Writes a hash of all that it ended with.
import { createHash } from 'node:crypto'
import {
  Adam,
  BatchNorm,
  Chain,
  configure,
  DataLoader,
  Dense,
  Dropout,
  manualSeed,
  mse,
  optimizerState,
  params,
  rand,
  relu,
  state,
  train,
} from '../../dist/fluxtape.js'

await configure({ deterministic: true })
manualSeed(3)
const [folder] = process.argv.slice(2)
const x = rand([64, 4])
const y = x.sum(1, { keepDims: true })
const model = Chain(Dense(4, 32), BatchNorm(32, relu), Dropout(0.2), Dense(32, 1))
const [ps, opt] = [params(model), Adam(0.01)]
const data = new DataLoader([x, y], { batchSize: 8, shuffle: true })
const options = { epochs: 40, breathe: 1, checkpoint: { path: folder, every: 3 }, resume: folder }
const { steps } = await train((x, y) => mse(model(x), y), ps, data, opt, options)

const hash = createHash('sha256')
for (const [path, each] of [...state(model), ...optimizerState(opt, ps)])
  hash.update(path).update(typeof each === 'number' ? `${each}` : each.data())
for (const { step, epoch, loss } of steps) hash.update(`${step} ${epoch} ${loss}`)
console.log(`hash ${hash.digest('hex')}`)
