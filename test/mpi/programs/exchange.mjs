// All that a world exchanges, against what JavaScript adds up by itself.
import assert from 'node:assert/strict'
import { Chain, Dense, manualSeed, randn, state, tensor, threads } from '../dist/fluxtape.js'
import { mpi } from '../dist/mpi.js'

const world = await mpi()
const { rank, size } = world
assert.equal(await mpi(), world)
world.barrier()

/** What a rank has, for each of them. */
const of = each => [each + 0.1, 1 - each, 3 * each]
const all = Array.from({ length: size }, (_, each) => new Float32Array(of(each)))
/** The sum in the order of the tree. */
const added = (from, to) => {
  if (to - from === 1) return all[from]
  const middle = from + 2 ** (Math.ceil(Math.log2(to - from)) - 1)
  const right = added(middle, to)
  return added(from, middle).map((x, i) => x + right[i])
}
const x = tensor(of(rank))
assert.deepEqual(world.allReduce(x).data(), added(0, size))
assert.deepEqual(
  world.allReduce(x, 'mean').data(),
  added(0, size).map(each => each / size),
)
assert.deepEqual(world.allReduce(x, 'max').data(), new Float32Array([size - 1 + 0.1, 1, 3 * (size - 1)]))
assert.deepEqual(x.data(), all[rank])
assert.deepEqual(world.broadcast(x, size - 1).data(), all[size - 1])
assert.deepEqual(
  world.allGather(x).toArray(),
  all.map(each => Array.from(each)),
)
const counts = world.allGather(tensor([rank], { dtype: 'int32' }))
assert.deepEqual([counts.dtype, counts.shape], ['int32', [size, 1]])
assert.deepEqual(
  counts.data(),
  Int32Array.from({ length: size }, (_, i) => i),
)

// More than is exchanged at a time, in memory that has grown meanwhile.
const large = randn([2_500_000])
  .mul(0)
  .add(rank + 1)
const sum = world.allReduce(large)
assert.ok(
  sum
    .equal((size * (size + 1)) / 2)
    .all()
    .item(),
)

manualSeed(rank)
const model = Chain(Dense(3, 4), Dense(4, 2))
await world.synchronize(model)
for (const [, each] of state(model)) {
  const rows = world.allGather(each)
  assert.ok(rows.equal(each).all().item())
}
const cores = (await import('node:os')).availableParallelism()
if (size > 1) assert.equal(threads().count, Math.max(1, Math.floor(cores / size)))
console.log(JSON.stringify({ rank, size }))
