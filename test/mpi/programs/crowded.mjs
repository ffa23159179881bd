// Many small exchanges of more ranks than cores, and how long they took: a rank that waits leaves its core to the others.
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { threads } from '../dist/fluxtape.js'
import { mpi } from '../dist/mpi.js'

const world = await mpi()
const { rank, size } = world
assert.ok(threads().count === 1 || threads().count * size <= availableParallelism())
const start = performance.now()
for (let i = 0; i < 150; i++) world.barrier()
console.log(JSON.stringify({ rank, size, seconds: (performance.now() - start) / 1000 }))
