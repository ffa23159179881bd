// The step of several ranks is that of one with the whole batch, but for rounding; what one rank does is what all do.
import assert from 'node:assert/strict'
import {
  Adam,
  Chain,
  clone,
  DataLoader,
  Dense,
  Descent,
  DivergedError,
  manualSeed,
  mse,
  ones,
  params,
  randn,
  setup,
  skip,
  state,
  tensor,
  train,
} from '../dist/fluxtape.js'
import { mpi } from '../dist/mpi.js'

const world = await mpi()
const { rank } = world
manualSeed(3)
const [x, y] = [randn([21, 3]), randn([21, 2])]
const model = Chain(Dense(3, 5), Dense(5, 2))
const other = clone(model)
const of = model => (x, y) => mse(model(x), y)
const batches = () => new DataLoader([x, y], { batchSize: 6, shuffle: true, seed: 1 })

// Batches of six in four parts of one or two, and a last one of three with an empty part.
const history = await train(of(model), params(model), world.shard(batches()), world.distribute(Adam(0.01), { shards: 4 }), { epochs: 4 })
const plain = await train(of(other), params(other), batches(), Adam(0.01), { epochs: 4 })
history.steps.forEach(({ loss }, i) => assert.ok(Math.abs(loss - plain.steps[i].loss) < 1e-5))
history.epochs.forEach(({ loss }, i) => assert.ok(Math.abs(loss - plain.epochs[i].loss) < 1e-5))
const values = state(other)
for (const [path, each] of state(model)) assert.ok(each.sub(values.get(path)).abs().max().item() < 1e-4, path)

// The explicit form, and a parameter that only some parts have: it gets their share of the mean.
const pair = { a: Dense(3, 2), b: Dense(3, 2) }
await world.synchronize(pair)
const data = () => new DataLoader([tensor([1, 1, -1, -1, -1, -1, -1, -1]), ones([8, 3])], { batchSize: 8 })
let seen
const branch = (model, sign, x) => (sign.slice([0]).item() > 0 ? model.a(x).sum(1).mean() : model.b(x).sum(1).mean())
const keep = { onGradient: ({ gradients }) => void (seen = Object.values(gradients.toJSON()).map(each => each.toArray())) }
await train(branch, pair, world.shard(data()), world.distribute(setup(Descent(0.1), pair)), { callbacks: keep })
const rows = value => [value, value].map(each => [each, each, each])
assert.deepEqual(seen, [rows(0.25), [0.25, 0.25], rows(0.75), [0.75, 0.75]])

// A loss that is skipped in all parts skips the step; in one part, it leaves that out.
const before = state(clone(model))
const unchanged = () => {
  for (const [path, each] of state(model)) assert.deepEqual(each.data(), before.get(path).data())
}
const left = await train(() => skip, params(model), world.shard(batches()), world.distribute(Descent(1)))
assert.ok(left.steps.every(({ loss }) => Number.isNaN(loss)))
unchanged()
const some = (model, sign, x) => (sign.slice([0]).item() > 0 ? skip : branch(model, sign, x))
await train(some, pair, world.shard(data()), world.distribute(setup(Descent(0.1), pair)), { callbacks: keep })
assert.deepEqual(seen, [rows(1), [1, 1]])
// One rank that skips the update does it for all.
const none = { onGradient: () => (rank === 1 ? skip : undefined) }
await train(of(model), params(model), world.shard(batches()), world.distribute(Descent(1)), { callbacks: none })
unchanged()

// What fails on one rank ends the run on all, whose programs go on.
for (const moment of ['onStart', 'onGradient', 'onStep', 'onEpoch']) {
  const callbacks = {
    [moment]() {
      if (rank === 1) throw new Error(`at ${moment}`)
    },
  }
  const run = train(of(model), params(model), world.shard(batches()), world.distribute(Descent(0.01)), { callbacks })
  await assert.rejects(run, { message: rank === 1 ? `at ${moment}` : `mpi: rank 1 has failed: Error: at ${moment}.` })
}
const broken = new DataLoader({ length: 8, get: i => (i === 6 ? undefined.x : { x: x.slice([i]), y: y.slice([i]) }) }, { batchSize: 8 })
const read = train(({ x, y }) => mse(model(x), y), params(model), world.shard(broken), world.distribute(Descent(0.01)))
await assert.rejects(read, rank === 1 ? /observation 6/ : /mpi: rank 1 has failed: TypeError/)
const throwing = (x, y) => {
  if (rank === 0) throw new Error('in the loss')
  return of(model)(x, y)
}
const thrown = train(throwing, params(model), world.shard(batches()), world.distribute(Descent(0.01)))
await assert.rejects(thrown, { message: rank === 0 ? 'in the loss' : 'mpi: rank 0 has failed: Error: in the loss.' })
// What is shared by halves is refused, by all.
const half = train(of(model), params(model), batches(), world.distribute(Descent(1)))
await assert.rejects(half, /distribute: a shared optimizer goes with shared batches/)
// So does what diverges, which all see.
const steep = train(of(model), params(model), world.shard(batches()), world.distribute(Descent(1e30)), { epochs: 3 })
await assert.rejects(steep, DivergedError)
world.barrier()
console.log('{}')
