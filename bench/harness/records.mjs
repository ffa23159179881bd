import { median, quartiles } from './statistics.mjs'

/**
 * What `--json` writes, and the table shows.
 * @typedef {object} BenchRecord
 * @property {string} workload
 * @property {string} contender
 * @property {number} threads
 * @property {string} runtime of ours that the ratio is taken with
 * @property {number | null} ratio ours over theirs, as time: the median over rounds; of ours, over ours with one thread
 * @property {number | null} q1
 * @property {number | null} q3
 * @property {number} seconds the contender's own, per step
 * @property {number} [limitShare] of ours: the step's arithmetic at the peak of the same round, over the step's time
 * @property {number} [peakShare] of ours, for products: the same share, under the name that gemm's targets have
 * @property {number} [peak] GFLOP/s beside which the shares were taken
 */

/**
 * @param {import('../workloads/index.mjs').Workload} workload
 * @param {import('./rounds.mjs').Outcome[]} outcomes
 * @returns {BenchRecord[]}
 */
export function records(workload, outcomes) {
  const measured = outcomes.filter(o => !o.missing && o.samples.length > 0)
  const ours = measured.filter(o => o.child.entrant.isOurs)
  const theirs = measured.filter(o => !o.child.entrant.isOurs)
  const alone = ({ child }) => ours.some(o => o.child.entrant.threads === child.entrant.threads)
  return [
    ...ours.map(outcome => ourRecord(workload, outcome, ours)),
    ...ours.flatMap(mine => theirs.filter(o => isPeer(mine, o)).map(o => record(workload, o, mine, mine))),
    ...theirs.filter(o => !alone(o)).map(o => record(workload, o, undefined, o)),
  ]
}

const isPeer = (mine, other) => mine.child.entrant.threads === other.child.entrant.threads

function record(workload, outcome, numerator, host) {
  const { contender, threads } = outcome.child.entrant
  const { median: ratio, q1, q3 } = numerator ? ratios(numerator, outcome) : { median: null, q1: null, q3: null }
  const seconds = median(outcome.samples.map(s => s.seconds))
  return { workload: workload.name, contender, threads, runtime: host.child.entrant.runtime, ratio, q1, q3, seconds }
}

function ourRecord(workload, outcome, ours) {
  const { runtime } = outcome.child.entrant
  const one = ours.find(o => o.child.entrant.threads === 1 && o.child.entrant.runtime === runtime)
  const base = record(workload, outcome, undefined, outcome)
  const { median: ratio, q1, q3 } = one ? ratios(outcome, one) : { median: null, q1: null, q3: null }
  const peaked = outcome.samples.filter(s => s.peak)
  if (peaked.length === 0) return { ...base, ratio, q1, q3 }
  const limitShare = median(peaked.map(({ seconds, peak }) => workload.flops / (peak * 1e9) / seconds))
  const peak = median(peaked.map(s => s.peak))
  const shares = workload.family === 'gemm' ? { limitShare, peakShare: limitShare } : { limitShare }
  return { ...base, ratio, q1, q3, ...shares, peak }
}

/** The quartiles of the ratios of two contenders' times over the rounds in which both ran. */
function ratios(numerator, denominator) {
  const below = new Map(denominator.samples.map(({ round, seconds }) => [round, seconds]))
  const shared = numerator.samples.filter(({ round }) => below.has(round))
  return quartiles(shared.map(({ round, seconds }) => seconds / below.get(round)))
}
