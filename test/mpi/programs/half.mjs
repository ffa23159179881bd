// Batches in parts with an optimizer that is not shared.
import { DataLoader, Dense, Descent, ones, params, train } from '../dist/fluxtape.js'
import { mpi } from '../dist/mpi.js'

const world = await mpi()
const model = Dense(2, 1)
await train(x => model(x).mean(), params(model), world.shard(new DataLoader(ones([4, 2]), { batchSize: 4 })), Descent(1))
