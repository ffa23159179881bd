// The threads of the machine are divided among the sides, so that all together are no more than there are cores.
import { threads } from '../configure.ts'
import { LENT } from '../words.ts'
import { cores } from './ports.ts'

/** How many this side was given, where it is itself a worker; undefined: all. */
let given: number | undefined
/** How many of them workers have. */
let lent = 0

/** This side is itself a worker, and was given so many. */
export async function take(count: number): Promise<void> {
  given = count
  await threads(count)
}

export interface Loan {
  /** How many threads the worker gets. */
  readonly count: number
  /** This side has no more than the others now. */
  readonly ready: Promise<unknown>
  giveBack(): void
}

const left = (): number => Math.max(1, (given ?? cores()) - lent)

/** Ends what is too many, and starts none where none had been started. */
function settle(): Promise<unknown> {
  const most = lent === 0 ? Number.POSITIVE_INFINITY : left()
  return (threads as (most: number, how: symbol) => Promise<unknown>)(most, LENT)
}

/** Gives threads to a worker: all that are left but one where it is not said how many. This side keeps the others, at least one. */
export function lend(wanted: number | undefined): Loan {
  const count = wanted ?? Math.max(1, left() - 1)
  lent += count
  return {
    count,
    ready: settle(),
    giveBack() {
      lent -= count
      // Who has set more meanwhile keeps these.
      if (threads().count <= left()) void settle().catch(() => {})
    },
  }
}
