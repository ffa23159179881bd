// SyncBatchNorm is the BatchNorm of one process with all samples: in what it gives, in its gradients, and in training.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  BatchNorm,
  Chain,
  DataLoader,
  Dense,
  Descent,
  gradient,
  jit,
  loadState,
  manualSeed,
  mse,
  params,
  randn,
  relu,
  skip,
  state,
  testMode,
  train,
} from '../dist/fluxtape.js'
import { mpi } from '../dist/mpi.js'

const world = await mpi()
const { rank, size } = world
const close = (a, b, what, most = 1e-5) => {
  assert.deepEqual(a.shape, b.shape, what)
  if (a.size > 0) assert.ok(a.sub(b).abs().max().item() < most, `${what}: ${a}, ${b}`)
}
const rejects = (run, message) => (size > 1 ? assert.rejects(run, message) : run)

// By itself: the gradient is that of the sum of the ranks' losses. Of three samples on four ranks one has none.
for (const [n, shape, options] of [
  [11, [3], {}],
  [11, [3, 2], { eps: 0.1, momentum: 0.3 }],
  [3, [3, 2, 2], {}],
  [5, [3], { affine: false, trackStats: false }],
]) {
  manualSeed(5)
  const [x, weight] = [
    randn([n, ...shape])
      .mul(3)
      .add(100),
    randn([n, ...shape]),
  ]
  const [own, whole] = [world.SyncBatchNorm(3, relu, options), BatchNorm(3, relu, options)]
  const part = [[Math.floor((rank * n) / size), Math.floor(((rank + 1) * n) / size)]]
  const [inputs, weights] = [x.slice(part), weight.slice(part)]
  close(own(inputs), whole(inputs), 'in test mode', 1e-4)
  const loss = (norm, weight) => x => norm(x).mul(weight).sum()
  close(gradient(loss(own, weights), inputs)[0], gradient(loss(whole, weight), x)[0].slice(part), 'by x', 1e-4)
  if (options.affine !== false) {
    const [ofOwn, ofWhole] = [
      gradient(() => loss(own, weights)(inputs), params(own)),
      gradient(() => loss(whole, weight)(x), params(whole)),
    ]
    for (const key of ['scale', 'bias']) close(world.allReduce(ofOwn.get(own[key])), ofWhole.get(whole[key]), key, 1e-4)
  }
  const values = state(whole)
  for (const [path, each] of state(own)) {
    close(each, values.get(path), path, 1e-4)
    assert.deepEqual(world.broadcast(each).data(), each.data(), path)
  }
  // Its state is that of a BatchNorm.
  loadState(whole, state(own))
}

// In training: batches of six, on four ranks of one or two, and a last one of three.
manualSeed(3)
const [x, y] = [randn([21, 3]), randn([21, 2])]
const made = norm => {
  manualSeed(4)
  return Chain(Dense(3, 5), norm(5, relu), Dense(5, 2))
}
const batches = () => new DataLoader([x, y], { batchSize: 6, shuffle: true, seed: 1 })
const of = model => (x, y) => mse(model(x), y)
const hashed = model => {
  const hash = createHash('sha256')
  for (const [path, each] of state(model)) hash.update(path).update(each.data())
  return hash.digest('hex')
}
const [model, other] = [made(world.SyncBatchNorm), made(BatchNorm)]
await world.synchronize(model)
for (const accumulate of size > 1 ? [undefined, 1] : [undefined]) {
  const options = { epochs: 3, validation: [[x, y]] }
  const history = await train(of(model), params(model), world.shard(batches()), world.distribute(Descent(0.1), { accumulate }), options)
  const plain = await train(of(other), params(other), batches(), Descent(0.1), options)
  history.steps.forEach(({ loss }, i) => assert.ok(Math.abs(loss - plain.steps[i].loss) < 1e-4, `${loss}, ${plain.steps[i].loss}`))
  const values = state(other)
  for (const [path, each] of state(model)) close(each, values.get(path), path, 1e-3)
}
const hash = hashed(model)

// A loss that is skipped on one rank, one that fails on one, and what is not to be had.
const first = world.shard(batches())
const some = (x, y) => (rank === 0 && size > 1 ? skip : of(model)(x, y))
await train(some, params(model), first, world.distribute(Descent(0)))
for (const when of ['before', 'after']) {
  const throwing = (x, y) => {
    if (when === 'after') of(model)(x, y)
    if (rank === size - 1) throw new Error('in the loss')
    return of(model)(x, y)
  }
  const run = train(throwing, params(model), first, world.distribute(Descent(0)))
  const told = new RegExp(`^FluxtapeError: mpi: rank ${size - 1} has failed: Error: in the loss\\.`)
  await assert.rejects(run, rank === size - 1 ? { message: 'in the loss' } : told)
}
await rejects(train(jit(of(model)), params(model), first, world.distribute(Descent(0))), /reads|has failed/)
const norm = model[1]
const slope = x => gradient(x => norm(x).square().sum(), x)[0]
const twice = () => gradient(x => slope(x).square().sum(), randn([4, 5]))
if (size > 1) assert.throws(twice, /SyncBatchNorm: it has no second derivative/)
// In test mode nobody is waited for.
if (rank === 0) {
  norm(randn([2, 5]))
  testMode(norm)
  slope(randn([2, 5]))
}
if (size > 1) {
  const [a, b] = [world.SyncBatchNorm(2), world.SyncBatchNorm(2)]
  const odd = () => gradient(x => (rank === 0 ? a : b)(x).sum(), randn([4, 2]))
  assert.throws(odd, /SyncBatchNorm: the ranks do different things: rank 0 is at sync 5, forward, of batch 0, rank 1 is at sync 6/)
  assert.throws(() => (rank === 0 ? world.barrier() : odd()), /rank 0 is at barrier, rank 1 is at sync 6, forward/)
}
assert.throws(() => gradient(x => world.SyncBatchNorm(2)(x).sum(), randn([4, 3])), /BatchNorm: x is \[batch, 2, \.\.\.\]: \[4, 3\]/)
world.barrier()
console.log(JSON.stringify({ hash }))
