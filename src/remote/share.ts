// The threads of the machine are divided among the sides, so that all together are no more than there are cores.
import { threads } from '../configure.ts'
import { cores } from './ports.ts'

/** How many this side may have; undefined: all. */
let mine: number | undefined

/** This side is itself a worker, and was given so many. */
export async function take(count: number): Promise<void> {
  mine = count
  await threads(count)
}

export interface Loan {
  /** How many threads the worker gets. */
  readonly count: number
  /** This side has no more than the others now. */
  readonly ready: Promise<unknown>
  giveBack(): void
}

/** Gives threads to a worker: all but one where it is not said how many. This side keeps the others, at least one. */
export function lend(wanted: number | undefined): Loan {
  const all = mine ?? cores()
  const { count: before, reason } = threads()
  const count = wanted ?? Math.max(1, all - 1)
  const rest = Math.max(1, all - count)
  mine = rest
  // Who has set fewer keeps these.
  const ready = before <= rest && /^set /.test(reason) ? Promise.resolve() : threads(rest)
  return {
    count,
    ready,
    giveBack() {
      mine = (mine ?? rest) + all - rest
      // Where none had been started the first big job would have, and now that is for the user to say.
      if (before > rest) void threads(Math.min(before, mine)).catch(() => {})
    },
  }
}
