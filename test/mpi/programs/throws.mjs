// An error in one rank ends the others, which would wait for ever.
import { mpi } from '../dist/mpi.js'

const world = await mpi()
if (world.rank === 1) throw new Error('the third batch is upside down')
world.barrier()
