import cliProgress from 'cli-progress'

/** Seconds to start a contender, and to hand it a workload's data. */
const [STARTING, LOADING] = [2, 0.5]

/**
 * The seconds that a workload is expected to take.
 * @param {import('../workloads/index.mjs').Workload} workload
 * @param {import('./child.mjs').Entrant[]} entrants
 * @param {import('./rounds.mjs').Plan} plan
 */
export function secondsOf({ family }, entrants, { rounds, warm, warmSteps, settle, budget, pause }) {
  const each = ({ threads }) => (family === 'gemm' ? warm : warmSteps) + rounds * (settle + budget + pause * threads ** 2)
  return entrants.reduce((sum, entrant) => sum + LOADING + each(entrant) / 1000, 0)
}

/** What is going to be measured and how long it will take, in one line. */
export function outlook(workloads, entrants, plan) {
  const seconds = workloads.reduce((sum, each) => sum + secondsOf(each, entrants, plan), STARTING * entrants.length)
  const names = [...new Set(entrants.map(each => each.contender))]
  return `bench: ${workloads.length} workloads x ${entrants.length} contenders (${names.join(', ')}), about ${time(seconds)}`
}

const time = seconds => (seconds < 90 ? `${Math.ceil(seconds / 10) * 10} seconds` : `${Math.ceil(seconds / 60)} minutes`)

/**
 * Shows on standard error how far a run is: a bar on a terminal, elsewhere a line for each workload.
 * @param {import('../workloads/index.mjs').Workload[]} workloads
 * @param {(workload: import('../workloads/index.mjs').Workload) => number} seconds
 */
export function progressOf(workloads, seconds) {
  const total = workloads.reduce((sum, each) => sum + seconds(each), 0)
  const bar = process.stderr.isTTY
    ? new cliProgress.SingleBar({
        format: '{bar} {percentage} %, {left} left: {text}',
        stream: process.stderr,
        clearOnComplete: true,
      })
    : undefined
  let done = 0
  let current = 0
  const start = performance.now()
  bar?.start(total, 0, { text: 'loading', left: time(total) })
  return {
    /** The next workload begins. */
    next(workload) {
      done += current
      current = seconds(workload)
      if (!bar) console.error(`bench: ${workload.name}, ${workloads.indexOf(workload) + 1} of ${workloads.length}`)
    },
    /** What is being done, and what share of the workload is behind. */
    report(text, share) {
      const behind = done + share * current
      // What was expected of the rest, as much longer as what is behind took.
      const pace = behind > 0 ? (performance.now() - start) / 1000 / behind : 1
      bar?.update(behind, { text, left: time(pace * (total - behind)) })
    },
    end: () => bar?.stop(),
  }
}
