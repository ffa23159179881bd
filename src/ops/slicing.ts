import { checkNumber, kindOf, rangeError, refuseSurplus, ShapeError, typeError, written } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor } from '../tape/operation.ts'
import { areSizes, resolveAxis, show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { reshape } from './movement.ts'
import { runSlice, section } from './ranges.ts'

/**
 * One entry of a slice: an index, a range `[start, stop, step]` (each may be left out or null), null for the whole axis, or '...' for all axes that
 * have no entry.
 */
export type SliceEntry = number | null | '...' | readonly (number | null | undefined)[]

/**
 * A part of x, copied, as NumPy slices: `slice(x, '1:, ::-1')`, or one entry an axis: a number (its axis goes), `[start, stop, step]`, or
 * null; axes left out are whole, at the end or where '...' stands. Throws RangeError for an index that is not there, ShapeError for more
 * entries than axes, TypeError for what is no slice.
 *
 * @example
 * const x = tensor([[1, 2, 3], [4, 5, 6]])
 * x.slice('1:, ::-1').toArray() // [[6, 5, 4]]
 * x.slice([[0, 2], -1]).toArray() // [3, 6]
 * x.slice('..., 0').toArray() // [1, 4]
 */
export const slice = /* @__PURE__ */ composed('slice', 1e9, function slice(x: Tensor, where: string | readonly SliceEntry[]): Tensor {
  if (arguments.length > 2) refuseSurplus('slice', 2, arguments, rangeIn([where, arguments[2]], arguments.length))
  checkTensor('slice', x)
  if (typeof where !== 'string' && !Array.isArray(where)) {
    throw typeError(
      'slice',
      'takes a text, or a list with one entry an axis',
      kindOf(where),
      taking(where) ?? "Write slice('1') or slice([1]).",
    )
  }
  const given = typeof where === 'string' ? parse(where) : where
  const gap = given.indexOf('...')
  if (gap !== given.lastIndexOf('...')) throw typeError('slice', `'...' may stand once`)
  const rest = x.rank - given.length + 1
  const entries = gap < 0 || rest < 0 ? given : [...given.slice(0, gap), ...new Array<null>(rest).fill(null), ...given.slice(gap + 1)]
  if (entries.length > x.rank) {
    throw new ShapeError({ operation: 'slice', problem: `${entries.length} entries for ${x.rank} axes`, came: show(x.dims) }, [x.dims])
  }
  const starts: number[] = []
  const counts: number[] = []
  const steps: number[] = []
  const kept: number[] = []
  x.dims.forEach((size, axis) => {
    const entry = entries[axis] ?? null
    if (typeof entry === 'number') {
      const index = entry < 0 ? entry + size : entry
      if (!Number.isInteger(entry) || index < 0 || index >= size) {
        throw rangeError('slice', `index ${entry} is out of range on axis ${axis} of ${show(x.dims)}`)
      }
      starts.push(index)
      counts.push(1)
      steps.push(1)
      return
    }
    if (entry !== null && !Array.isArray(entry))
      throw typeError('slice', 'an entry is a number, a list [start, stop, step] or null', `${written(entry)} came`, taking(entry))
    const { start, count, step } = range(entry ?? [], size)
    starts.push(start)
    counts.push(count)
    steps.push(step)
    kept.push(count)
  })
  const part = runSlice([x], { starts, counts, steps })
  return kept.length === counts.length ? part : reshape(part, kept)
})

/** What to write for bounds, or entries, that came one by one. */
function rangeIn(parts: readonly unknown[], count: number): string {
  if (!parts.every(part => typeof part === 'number' || typeof part === 'string')) return ''
  const isBounds = count === 3 && !parts.some(part => typeof part === 'string')
  return `Write slice('${parts.join(isBounds ? ':' : ', ')}${count > 3 ? ', ...' : ''}').`
}

/** What takes rows by a tensor. */
function taking(where: unknown): string | undefined {
  if (!(where instanceof Tensor)) return undefined
  return where.type === 'bool' ? 'By a mask choose with filterObs, or where(mask, x, 0).' : 'Write x.gather(indices).'
}

/** Start, count and step by Python's rules. */
function range([from, to, by]: readonly (number | null | undefined)[], size: number): { start: number; count: number; step: number } {
  const step = by ?? 1
  if (!Number.isInteger(step) || step === 0) throw rangeError('slice', 'a step is a whole number other than 0', written(step))
  const bound = (value: number | null | undefined, otherwise: number) => {
    if (value === null || value === undefined) return otherwise
    if (!Number.isInteger(value)) throw rangeError('slice', 'bounds are whole numbers', written(value))
    const index = value < 0 ? value + size : value
    return step > 0 ? Math.min(Math.max(index, 0), size) : Math.min(Math.max(index, -1), size - 1)
  }
  const start = bound(from, step > 0 ? 0 : size - 1)
  const stop = bound(to, step > 0 ? size : -1)
  const count = Math.max(0, Math.ceil((stop - start) / step))
  return { start: count === 0 ? 0 : start, count, step }
}

function parse(text: string): SliceEntry[] {
  return text.split(',').map(part => {
    if (part.trim() === '...') return '...'
    const bounds = part.trim().split(':')
    const numbers = bounds.map(bound => (bound.trim() === '' ? null : Number(bound)))
    if (bounds.length > 3 || numbers.some(Number.isNaN) || (bounds.length === 1 && numbers[0] === null)) {
      throw typeError('slice', `cannot read '${part.trim()}' in '${text}'`, '', 'Write an index, or start:stop:step, for each axis.')
    }
    return bounds.length === 1 ? numbers[0] : numbers
  })
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** A thousand times as many would take all memory that JavaScript has. */
const MOST_PARTS = 2 ** 20

function checkParts(operation: string, n: number, made: number): void {
  if (!Number.isInteger(n) || n < 1) throw rangeError(operation, 'the number of parts is a whole number from 1', written(n))
  if (made > MOST_PARTS) throw rangeError(operation, 'so many tensors cannot be made', made, `There may be ${MOST_PARTS}.`)
}

/**
 * Cuts x along an axis (0) into `n` equal parts, as `numpy.split` (`torch.split` takes the size of a part), or into parts of the given sizes. Throws ShapeError where they do not fit, RangeError for
 * an `n` below 1 or above 2^20, TypeError for what is neither a number nor a list.
 * @example tensor([1, 2, 3, 4]).split(2).map(part => part.toArray()) // [[1, 2], [3, 4]]
 */
export function split(x: Tensor, parts: number | readonly number[], axis = 0): Tensor[] {
  if (arguments.length > 3) refuseSurplus('split', 3, arguments)
  checkTensor('split', x)
  const at = resolveAxis('split', axis, x.dims)
  if (typeof parts === 'number') checkParts('split', parts, parts)
  else if (!Array.isArray(parts)) {
    throw typeError('split', 'takes a number of parts, or a list of sizes', kindOf(parts), 'Write split(2) or split([1, 2]).')
  }
  const sizes = typeof parts === 'number' ? new Array<number>(parts).fill(x.dims[at] / parts) : parts
  if (!areSizes(sizes) || sum(sizes) !== x.dims[at]) {
    const came = typeof parts === 'number' ? `${parts} parts` : show(parts)
    throw new ShapeError(
      {
        operation: 'split',
        problem: `axis ${at} does not divide so`,
        came: `${show(x.dims)} into ${came}`,
        wayOut: 'chunk makes the last part shorter.',
      },
      [x.dims],
    )
  }
  let start = 0
  return sizes.map(size => {
    start += size
    return section(x, at, start - size, size)
  })
}

/**
 * Cuts x along an axis (0) into at most `n` parts of equal size, the last one shorter, as `torch.chunk`; an axis without elements into `n` empty ones. Throws RangeError for an `n` below
 * 1 and for more than 2^20 parts.
 * @example arange(5).chunk(2).map(part => part.toArray()) // [[0, 1, 2], [3, 4]]
 */
export function chunk(x: Tensor, n: number, axis = 0): Tensor[] {
  if (arguments.length > 3) refuseSurplus('chunk', 3, arguments)
  checkTensor('chunk', x)
  checkNumber('chunk', 'how many parts there are', n)
  const at = resolveAxis('chunk', axis, x.dims)
  const size = Math.ceil(x.dims[at] / n)
  const count = size === 0 ? n : Math.ceil(x.dims[at] / size)
  checkParts('chunk', n, count)
  return split(
    x,
    Array.from({ length: count }, (_, i) => Math.min(size, x.dims[at] - i * size)),
    at,
  )
}
