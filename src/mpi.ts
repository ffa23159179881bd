// Several processes that train one model, over MPI.
export { type DistributeOptions, mpi, type World } from './mpi/world.ts'
