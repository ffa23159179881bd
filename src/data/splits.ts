import { checkOptions, refuseSurplus } from '../errors.ts'
import { keyed, permutation } from '../tensor/random.ts'
import { Tensor } from '../tensor/tensor.ts'
import { type BatchOf, countObservations, type Data, observations } from './loader.ts'

/** How `splitObs` cuts. */
export interface SplitOptions {
  /** The share of the first part, or of each part but the last: 0.8, or [0.6, 0.2]. */
  readonly at: number | readonly number[]
  /** Shuffle before; false by default. */
  readonly shuffle?: boolean | undefined
  /** Fixes the order of the shuffle. */
  readonly seed?: number | undefined
  /** Classes, one for each observation: every part then has the same share of each. Shuffles. */
  readonly stratified?: Tensor | readonly number[] | undefined
}

/**
 * Cuts data into parts: `splitObs(data, { at: 0.8 })` gives two, `{ at: [0.6, 0.2] }` three. Axis 0 counts observations; sizes are rounded
 * half to even. Throws RangeError for shares that do not lie in [0, 1] together.
 * @example splitObs(arange(5), { at: 0.6 }).map(part => part.toArray()) // [[0, 1, 2], [3, 4]]
 */
export function splitObs<D extends Data>(data: D, options: SplitOptions): BatchOf<D>[] {
  checkOptions('splitObs', options, ['at', 'shuffle', 'seed', 'stratified'])
  if (arguments.length > 2) refuseSurplus('splitObs', 2, arguments)
  const { at, shuffle = false, seed, stratified } = options
  const shares = typeof at === 'number' ? [at] : at
  const total = shares.reduce((sum, share) => sum + share, 0)
  if (shares.some(share => !(share >= 0 && share <= 1)) || total > 1 + 1e-9) {
    throw new RangeError(`splitObs: shares lie in [0, 1] and so does their sum: ${shares.join(', ')}.`)
  }
  const n = countObservations('splitObs', data)
  const source = seed === undefined ? undefined : keyed('splitObs', seed)
  const groups = stratified ? byClass(stratified, n) : [Int32Array.from({ length: n }, (_, i) => i)]
  const parts: number[][] = Array.from({ length: shares.length + 1 }, () => [])
  for (const group of groups) {
    const order = shuffle || stratified ? permutation(group.length, source).map(i => group[i]) : group
    let start = 0
    shares.forEach((share, i) => {
      const end = Math.min(order.length, start + toEven(order.length * share))
      parts[i].push(...order.subarray(start, end))
      start = end
    })
    parts[shares.length].push(...order.subarray(start))
  }
  return parts.map(part => observations(data, shuffled(part, stratified ? permutation(part.length, source) : undefined)))
}

/** k pairs `[train, validation]`: each observation is in one validation part. Throws RangeError unless 2 <= k <= n.
 * @example kFolds(arange(4), 2).map(([, validation]) => validation.toArray()) // [[0, 1], [2, 3]] */
export function kFolds<D extends Data>(
  data: D,
  k = 5,
  options: { readonly shuffle?: boolean | undefined; readonly seed?: number | undefined } = {},
): [train: BatchOf<D>, validation: BatchOf<D>][] {
  checkOptions('kFolds', options, ['shuffle', 'seed'])
  if (arguments.length > 3) refuseSurplus('kFolds', 3, arguments)
  const { shuffle = false, seed } = options
  const n = countObservations('kFolds', data)
  if (!Number.isInteger(k) || k < 2 || k > n) throw new RangeError(`kFolds: k lies between 2 and the number of observations: ${k} of ${n}.`)
  const order = shuffle
    ? permutation(n, seed === undefined ? undefined : keyed('kFolds', seed))
    : Int32Array.from({ length: n }, (_, i) => i)
  let start = 0
  return Array.from({ length: k }, (_, fold) => {
    const end = start + Math.floor(n / k) + (fold < n % k ? 1 : 0)
    const rest = Int32Array.from([...order.subarray(0, start), ...order.subarray(end)])
    const pair: [BatchOf<D>, BatchOf<D>] = [observations(data, rest), observations(data, order.slice(start, end))]
    start = end
    return pair
  })
}

/** The observations in a random order.
 * @example shuffleObs([zeros([3, 2]), zeros([3])], { seed: 1 }).map(part => part.shape) // [[3, 2], [3]] */
export function shuffleObs<D extends Data>(data: D, options: { readonly seed?: number | undefined } = {}): BatchOf<D> {
  checkOptions('shuffleObs', options, ['seed'])
  if (arguments.length > 2) refuseSurplus('shuffleObs', 2, arguments)
  const { seed } = options
  return observations(data, permutation(countObservations('shuffleObs', data), seed === undefined ? undefined : keyed('shuffleObs', seed)))
}

function byClass(classes: Tensor | readonly number[], n: number): Int32Array[] {
  const values = classes instanceof Tensor ? classes.data() : classes
  if (values.length !== n) throw new RangeError(`splitObs: one class for each observation: ${values.length} classes for ${n}.`)
  const groups = new Map<number, number[]>()
  values.forEach((value, i) => {
    const group = groups.get(value)
    if (group) group.push(i)
    else groups.set(value, [i])
  })
  return [...groups.entries()].sort(([a], [b]) => a - b).map(([, group]) => Int32Array.from(group))
}

function shuffled(part: readonly number[], order: Int32Array | undefined): Int32Array {
  return order ? order.map(i => part[i]) : Int32Array.from(part)
}

function toEven(value: number): number {
  const floor = Math.floor(value)
  const half = value - floor === 0.5
  return half ? floor + (floor % 2) : Math.round(value)
}
