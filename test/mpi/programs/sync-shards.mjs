// With a SyncBatchNorm a rank has one shard: more are refused, by all.
import assert from 'node:assert/strict'
import { DataLoader, Descent, params, randn, train } from '../dist/fluxtape.js'
import { mpi } from '../dist/mpi.js'

const world = await mpi()
const shards = 2 * world.size
const norm = world.SyncBatchNorm(3)
const loader = world.shard(new DataLoader([randn([8, 3])], { batchSize: 8 }))
const run = train(x => norm(x).square().sum(), params(norm), loader, world.distribute(Descent(0.1), { shards }))
await assert.rejects(
  run,
  new RegExp(`distribute: with SyncBatchNorm a rank has one shard: ${shards} shards on ${world.size}\\. Start as many`),
)
world.barrier()
console.log('{}')
