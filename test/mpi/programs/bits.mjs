// Trains a model with dropout and normalization on any number of ranks, and prints the hash of all that it has: node bits.mjs shards [kind] [options as JSON].
import { createHash } from 'node:crypto'
import {
  Adam,
  BatchNorm,
  Chain,
  ClipGlobalNorm,
  configure,
  DataLoader,
  Dense,
  Dropout,
  jit,
  LayerNorm,
  logitCrossEntropy,
  manualSeed,
  OptimizerChain,
  oneHot,
  optimizerState,
  params,
  randint,
  randn,
  relu,
  state,
  stop,
  train,
  trainStep,
} from '../dist/fluxtape.js'
import { mpi } from '../dist/mpi.js'

const [shards, kind = 'plain', given = '{}'] = process.argv.slice(2)
const { slow = 0, epochs = 3, accumulate, checkpoint, resume, until = Infinity } = JSON.parse(given)
await configure({ deterministic: true })
const world = await mpi()
manualSeed(7)
// In batches of 28: the last one has 16, or 5, so that of 8 shards three have none.
const count = kind === 'uneven' ? 145 : 156
const [x, y] = [randn([count, 6]), oneHot(randint(0, 3, [count]), 3)]
const model = Chain(Dense(6, 16, relu), kind === 'uneven' ? LayerNorm(16) : BatchNorm(16), Dropout(0.3), Dense(16, 3))
// A rank may have another model, and other random numbers, before all have those of the first.
if (world.rank > 0) manualSeed(world.rank)
await world.synchronize(model)
if (kind === 'apart') manualSeed(world.rank)
const data = kind === 'map' ? { length: count, get: async i => ({ x: x.slice([i]), y: y.slice([i]) }) } : [x, y]
const isShared = shards !== 'none'
const loader = (isShared ? world.shard : each => each)(
  new DataLoader(data, {
    batchSize: 28,
    shuffle: true,
    ...(kind === 'seed' && { seed: 5 }),
    ...(kind === 'map' && { map: ({ x, y }) => ({ x: x.add(randn([6]).mul(0.1)), y }), prefetch: 2 }),
  }),
)
const rules = OptimizerChain(ClipGlobalNorm(1), Adam(0.01))
const opt = isShared ? world.distribute(rules, { accumulate, shards: shards === '-' ? undefined : Number(shards) }) : rules
const of = (x, y) => logitCrossEntropy(model(x), y)
const loss = kind === 'map' ? ({ x, y }) => of(x, y) : kind === 'jit' ? jit(of) : of
const losses = []
if (kind === 'odd') world.distribute(rules, { accumulate: 1 + world.rank })
if (kind === 'steps' || kind === 'apart') {
  for (let epoch = 0; epoch < epochs; epoch++) for (const batch of loader) losses.push(trainStep(loss, params(model), batch, opt))
} else {
  const ending = ({ step }) => {
    if (slow > 0) {
      console.error(`rank ${world.rank} step ${step} pid ${process.pid}`)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, slow)
    }
    // The last rank alone ends the run.
    if (step + 1 === until && world.rank === world.size - 1) return stop
  }
  const history = await train(loss, params(model), loader, opt, {
    epochs,
    callbacks: ending,
    ...(checkpoint && { checkpoint }),
    ...(resume && { resume }),
  })
  losses.push(...history.steps.map(({ loss }) => loss), ...history.epochs.map(({ loss }) => loss))
}
const hash = createHash('sha256')
for (const [path, each] of state(model)) hash.update(path).update(each.data())
for (const [path, each] of optimizerState(opt, params(model)))
  hash.update(path).update(typeof each === 'number' ? String(each) : each.data())
hash.update(Float64Array.from(losses))
console.log(JSON.stringify({ rank: world.rank, size: world.size, hash: hash.digest('hex'), first: losses[0], last: losses.at(-1) }))
