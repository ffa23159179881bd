// Ranks that do different things are told so, all of them, and none is left waiting.
import assert from 'node:assert/strict'
import { Dense, tensor, zeros } from '../dist/fluxtape.js'
import { mpi } from '../dist/mpi.js'

const world = await mpi()
const { rank } = world
assert.throws(
  () => (rank === 0 ? world.barrier() : world.allReduce(tensor([1]))),
  /: the ranks do different things: rank 0 is at barrier, rank 1 is at allReduce\. Every rank/,
)
world.barrier()
assert.throws(() => world.allReduce(zeros([1 + rank])), /allReduce: the tensors of the ranks differ in shape or type/)
assert.throws(() => world.allReduce(zeros([2], { dtype: 'int32' })), /allReduce: the tensor must be float32: int32/)
await assert.rejects(world.synchronize(Dense(2, 2 + rank)), /synchronize: the models are not alike: rank 1 has other paths/)
assert.throws(() => world.broadcast(tensor([1]), 2), /RangeError: broadcast: the root is a rank, below 2: 2/)
world.barrier()
// One ends before the others, which are told.
if (rank === 1) assert.throws(() => world.barrier(), /barrier: rank 0 has ended its program/)
console.log('{}')
