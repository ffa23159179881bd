// Several processes that train one model, over MPI.
export { mpi, type World } from './mpi/world.ts'
