import { checkBoolean, checkNumber, checkOptions, kindOf, rangeError, refuseSurplus, typeError, written } from '../errors.ts'
import type { ArrayInput } from '../tensor/create.ts'
import { countUp, keyed, permutation } from '../tensor/random.ts'
import { Tensor } from '../tensor/tensor.ts'
import { type DataInput, observationsOf, type SubsetOf } from './observations.ts'

/** How many observations the pairs of all folds may have together. */
const MOST = 2 ** 28

/** How `kFolds` cuts. */
export interface FoldOptions {
  /** Shuffle before; false by default. */
  readonly shuffle?: boolean | undefined
  /** Fixes the order of the shuffle. */
  readonly seed?: number | undefined
  /** Classes, numbers or texts, one for each observation: every part then has the same share of each. Shuffles. */
  readonly stratified?: Tensor | ArrayInput | readonly (number | string | boolean)[] | undefined
}

/** How `splitObs` cuts. */
export interface SplitOptions<At = number | readonly number[]> extends FoldOptions {
  /** The share of the first part, or of each part but the last: 0.8, or [0.6, 0.2]. */
  readonly at: At
}

/** The parts that shares give: one more than there are shares. */
export type Parts<Part, At> = At extends number
  ? [Part, Part]
  : At extends readonly unknown[]
    ? number extends At['length']
      ? Part[]
      : [...{ -readonly [I in keyof At]: Part }, Part]
    : Part[]

/**
 * Cuts data into parts: `splitObs(data, { at: 0.8 })` gives two, `{ at: [0.6, 0.2] }` three. Axis 0 counts observations; sizes are rounded
 * half to even. Parts of a dataset are datasets. Stratified parts have the same sizes, and each class is within one observation of its share in each. Throws RangeError for shares
 * that do not lie in [0, 1] together, TypeError for what is no share.
 * @example splitObs(arange(5), { at: 0.6 }).map(part => part.toArray()) // [[0, 1, 2], [3, 4]]
 */
export function splitObs<D extends DataInput, const At extends number | readonly number[]>(
  data: D,
  options: SplitOptions<At>,
): Parts<SubsetOf<D>, At> {
  checkOptions('splitObs', options, ['at', 'shuffle', 'seed', 'stratified'])
  if (arguments.length > 2) refuseSurplus('splitObs', 2, arguments)
  const shares = sharesOf(options.at)
  const { count: n, part: take } = observationsOf('splitObs', data)
  return dealt('splitObs', n, sizesOf(shares, n), options).map(take) as Parts<SubsetOf<D>, At>
}

/** Which observations go into parts of the given sizes. */
function dealt(
  operation: string,
  n: number,
  sizes: readonly number[],
  { shuffle = false, seed, stratified }: FoldOptions,
): readonly Int32Array[] {
  checkBoolean(operation, 'shuffle', shuffle)
  const source = seed === undefined ? undefined : keyed(operation, seed)
  const groups = stratified !== undefined ? byClass(operation, stratified, n) : [countUp(n)]
  const table = countsOf(
    groups.map(group => group.length),
    sizes,
  )
  const parts = sizes.map(size => new Int32Array(size))
  const ends = sizes.map(() => 0)
  groups.forEach((group, row) => {
    const order = shuffle || stratified ? permutation(group.length, source).map(i => group[i]) : group
    let start = 0
    table[row].forEach((count, i) => {
      parts[i].set(order.subarray(start, start + count), ends[i])
      start += count
      ends[i] += count
    })
  })
  return stratified ? parts.map(part => permutation(part.length, source).map(i => part[i])) : parts
}

function sharesOf(at: SplitOptions['at']): readonly number[] {
  const shares: readonly unknown[] = Array.isArray(at) ? at : [at]
  const odd = shares.findIndex(share => typeof share !== 'number')
  if (odd >= 0) {
    throw typeError(
      'splitObs',
      'a share is a number',
      `${kindOf(shares[odd])} came`,
      'Write splitObs(data, { at: 0.8 }) or { at: [0.6, 0.2] }.',
    )
  }
  const numbers = shares as readonly number[]
  if (numbers.some(share => !(share >= 0 && share <= 1)) || numbers.reduce((sum, share) => sum + share, 0) > 1 + 1e-9) {
    throw rangeError('splitObs', 'shares lie in [0, 1] and so does their sum', shares.join(', '))
  }
  return numbers
}

/** How many observations each part has, the last one all that are left. */
function sizesOf(shares: readonly number[], n: number): number[] {
  let left = n
  const sizes = shares.map(share => {
    const size = Math.min(left, toEven(n * share))
    left -= size
    return size
  })
  return [...sizes, left]
}

/**
 * How many observations of each class each part has: its share of the class, rounded down or up, so that all classes and all parts have their
 * sizes (controlled rounding: Cox, 1987). What shares have beyond whole numbers is moved around cycles of them, until they have nothing.
 */
function countsOf(classes: readonly number[], sizes: readonly number[]): number[][] {
  const n = Math.max(
    1,
    classes.reduce((sum, size) => sum + size, 0),
  )
  // In n-ths of an observation: whole numbers, exact up to 94 million observations.
  const over = classes.map(size => sizes.map(part => (size * part) % n))
  const isOpen = (row: number, column: number) => over[row][column] > 0 && over[row][column] < n
  const openColumn = (row: number, except: number) => over[row].findIndex((_, i) => i !== except && isOpen(row, i))
  const openRows = sizes.map((_, i) => classes.map((_, row) => row).filter(row => isOpen(row, i)))
  const openRow = (column: number, except: number): number => {
    const rows = openRows[column]
    for (let i = rows.length - 1; ; i--) {
      if (!isOpen(rows[i], column)) rows.splice(i, 1)
      else if (rows[i] !== except) return rows[i]
    }
  }
  // A line of the table with an open share has two of them, since their sum is whole: from each one goes on to another row, and another column.
  const close = (row: number, column: number): void => {
    const rows = [row]
    const columns = [column]
    for (;;) {
      const next = openColumn(row, column)
      const known = columns.indexOf(next)
      columns.push(next)
      if (known >= 0) return shift(over, rows.slice(known), columns.slice(known), n)
      row = openRow(next, row)
      column = next
      rows.push(row)
    }
  }
  for (let row = 0; row < classes.length; row++) {
    for (let open = openColumn(row, -1); open >= 0; open = openColumn(row, -1)) close(row, open)
  }
  const down = (product: number) => (product - (product % n)) / n
  return classes.map((size, row) => sizes.map((part, i) => down(size * part) + (over[row][i] === n ? 1 : 0)))
}

/** Moves as little around a cycle as closes a share: from the column by which a row is entered to the one by which it is left, or back. */
function shift(over: number[][], rows: readonly number[], columns: readonly number[], n: number): void {
  let [on, back] = [n, n]
  rows.forEach((row, i) => {
    const [from, to] = [over[row][columns[i]], over[row][columns[i + 1]]]
    on = Math.min(on, from, n - to)
    back = Math.min(back, to, n - from)
  })
  const moved = on <= back ? on : -back
  rows.forEach((row, i) => {
    over[row][columns[i]] -= moved
    over[row][columns[i + 1]] += moved
  })
}

/** k pairs `[train, validation]`: each observation is in one validation part. `shuffle`, `seed` and `stratified` as `splitObs`. Throws RangeError unless
 * 2 <= k <= n, and for more folds than there is memory for, TypeError for what are no classes.
 * @example kFolds(arange(4), 2).map(([, validation]) => validation.toArray()) // [[0, 1], [2, 3]] */
export function kFolds<D extends DataInput>(data: D, k = 5, options: FoldOptions = {}): [train: SubsetOf<D>, validation: SubsetOf<D>][] {
  checkOptions('kFolds', options, ['shuffle', 'seed', 'stratified'])
  if (arguments.length > 3) refuseSurplus('kFolds', 3, arguments)
  const { count: n, part: take } = observationsOf('kFolds', data)
  checkNumber('kFolds', 'k', k)
  if (!Number.isInteger(k) || k < 2 || k > n)
    throw rangeError(
      'kFolds',
      'k lies between 2 and the number of observations',
      `${written(k)} of ${n}`,
      Array.isArray(data) && !data.some(each => each instanceof Tensor)
        ? 'A list without a tensor is one of observations; columns are tensors, or { x, y }.'
        : '',
    )
  if (n * k > MOST) throw rangeError('kFolds', `${k} folds of ${n} observations are too many to be made at once`, '', 'Use a smaller k.')
  const sizes = Array.from({ length: k }, (_, fold) => Math.floor(n / k) + (fold < n % k ? 1 : 0))
  const folds = dealt('kFolds', n, sizes, options)
  const order = new Int32Array(n)
  let at = 0
  for (const fold of folds) {
    order.set(fold, at)
    at += fold.length
  }
  at = 0
  return folds.map((fold): [SubsetOf<D>, SubsetOf<D>] => {
    const rest = new Int32Array(n - fold.length)
    rest.set(order.subarray(0, at))
    rest.set(order.subarray(at + fold.length), at)
    at += fold.length
    return [take(rest), take(fold)]
  })
}

/** The observations in a random order.
 * @example shuffleObs([zeros([3, 2]), zeros([3])], { seed: 1 }).map(part => part.shape) // [[3, 2], [3]] */
export function shuffleObs<D extends DataInput>(data: D, options: { readonly seed?: number | undefined } = {}): SubsetOf<D> {
  checkOptions('shuffleObs', options, ['seed'])
  if (arguments.length > 2) refuseSurplus('shuffleObs', 2, arguments)
  const { seed } = options
  const { count, part: take } = observationsOf('shuffleObs', data)
  return take(permutation(count, seed === undefined ? undefined : keyed('shuffleObs', seed)))
}

function byClass(operation: string, classes: NonNullable<SplitOptions['stratified']>, n: number): Int32Array[] {
  const values = (classes instanceof Tensor ? classes.data() : classes) as readonly (number | string)[]
  if (!Array.isArray(values) && (!ArrayBuffer.isView(values) || 'getInt8' in values)) {
    throw typeError(operation, 'the classes are a tensor or a list, one for each observation', `${written(classes)} came`)
  }
  if (values.length !== n) throw rangeError(operation, 'one class for each observation', `${values.length} classes for ${n}`)
  const groups = new Map<number | string, number[]>()
  values.forEach((value, i) => {
    const group = groups.get(value)
    if (group) group.push(i)
    else groups.set(value, [i])
  })
  return [...groups.entries()].sort(([a], [b]) => Number(a) - Number(b)).map(([, group]) => Int32Array.from(group))
}

function toEven(value: number): number {
  const floor = Math.floor(value)
  const half = value - floor === 0.5
  return half ? floor + (floor % 2) : Math.round(value)
}
