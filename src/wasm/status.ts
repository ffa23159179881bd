import type { Status } from './kinds.ts'
import { i32, SCRATCH } from './memory.ts'

/** Runs a kernel that reports the first bad place in the status word, and returns that place; -1 if there was none. */
export function reported(run: (status: Status) => void): number {
  const word = SCRATCH.status >>> 2
  i32[word] = 0
  run(SCRATCH.status)
  return i32[word] - 1
}
