// A step of several batches is that of one as large, but for rounding, and what cannot be is refused.
import assert from 'node:assert/strict'
import {
  Adam,
  Chain,
  clone,
  DataLoader,
  Dense,
  Descent,
  manualSeed,
  mse,
  params,
  randn,
  state,
  train,
  trainStep,
} from '../dist/fluxtape.js'
import { mpi } from '../dist/mpi.js'

const world = await mpi()
manualSeed(3)
const [x, y] = [randn([21, 3]), randn([21, 2])]
const model = Chain(Dense(3, 5), Dense(5, 2))
const other = clone(model)
const of = model => (x, y) => mse(model(x), y)
const batches = (batchSize, options) => new DataLoader([x, y], { batchSize, shuffle: true, seed: 1, ...options })

// The loader may be shared before it is known how many batches make a step: batches of six, two at a time, the last of three.
const loader = world.shard(batches(6))
assert.deepEqual([loader.length, loader.batchSize], [4, 6])
const opt = world.distribute(Adam(0.01), { shards: 4, accumulate: 2 })
assert.deepEqual([loader.length, loader.batchSize], [2, 12])
let samples = []
const options = { epochs: 4, callbacks: ({ batch }) => void samples.push(batch.samples) }
const history = await train(of(model), params(model), loader, opt, options)
assert.deepEqual(samples, [12, 9, 12, 9, 12, 9, 12, 9])
const plain = await train(of(other), params(other), batches(12), Adam(0.01), { epochs: 4 })
history.steps.forEach(({ loss }, i) => assert.ok(Math.abs(loss - plain.steps[i].loss) < 1e-5))
history.epochs.forEach(({ loss }, i) => assert.ok(Math.abs(loss - plain.epochs[i].loss) < 1e-5))
const values = state(other)
for (const [path, each] of state(model)) assert.ok(each.sub(values.get(path)).abs().max().item() < 1e-4, path)

// Of whole batches only, the rest is left out, and the last step has the one that is left.
samples = []
const whole = world.shard(batches(6, { partial: false }))
assert.equal(whole.length, 2)
await train(of(model), params(model), whole, world.distribute(Descent(0.01)), { callbacks: options.callbacks })
assert.deepEqual(samples, [12, 6])
// So it is where observations come one by one, by promises or as a stream.
samples = []
const rows = () => Array.from({ length: 21 }, (_, i) => ({ x: x.slice([i]), y: y.slice([i]) }))
const single = { length: 21, get: async i => rows()[i] }
const each = ({ x, y }) => mse(model(x), y)
for (const partial of [true, false]) {
  const read = world.shard(new DataLoader(single, { batchSize: 6, prefetch: 3, partial }))
  await train(each, params(model), read, world.distribute(Descent(0.01)), { callbacks: options.callbacks })
}
function* stream() {
  yield* rows()
}
const read = partial => world.shard(new DataLoader({ [Symbol.iterator]: stream }, { batchSize: 6, partial }))
await train(each, params(model), read(true), world.distribute(Descent(0.01)), { callbacks: options.callbacks })
assert.deepEqual(samples, [12, 9, 12, 6, 12, 9])
await assert.rejects(
  async () => train(each, params(model), read(false), opt),
  /distribute: accumulate does not go with partial: false of a stream/,
)
// Steps without train.
for (const batch of loader) assert.ok(Number.isFinite(trainStep(of(model), params(model), batch, opt)))

assert.throws(
  () => world.distribute(Adam(), { accumulate: 3 }),
  /distribute: a world has one number of batches in a step: 2 before, and 3 now/,
)
for (const accumulate of [0, 1.5, 65536])
  assert.throws(() => world.distribute(Adam(), { accumulate }), /RangeError: distribute: accumulate is a whole number from 1 to 65535/)
const half = train(of(model), params(model), batches(6), opt)
await assert.rejects(half, /distribute: a shared optimizer goes with shared batches/)
world.barrier()
console.log('{}')
