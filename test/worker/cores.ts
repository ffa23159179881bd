import { availableParallelism } from 'node:os'

export const cores = (): number => availableParallelism()
