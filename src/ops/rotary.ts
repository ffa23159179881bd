import { checkBoolean, checkNumber, checkOptions, rangeError, ShapeError, typeError, written } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor, operation, type Run } from '../tape/operation.ts'
import { type Shape, sameShape, show, sizeOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { NONE, type Real } from '../wasm/kinds.ts'
import { asIndices } from './indices.ts'

/** What `rotary` can be told. */
export interface RotaryOptions {
  /** The positions of the rows, whole numbers, of the last of x's axes before its features; or that of the first one, 0 by default, from which they count up. */
  readonly positions?: Tensor | number | readonly number[] | undefined
  /** The slowest pair turns by nearly 1 / base at a step: 10000 by default. */
  readonly base?: number | undefined
  /** Into how many blocks the features are cut, of which each is turned alike: 1 by default. */
  readonly heads?: number | undefined
  /** true: pairs are neighbours, as in the paper; false, the default: the first half of a block's features with the second, as in GPT-NeoX and in models of Hugging Face. */
  readonly interleaved?: boolean | undefined
}

interface Angles {
  readonly rows: Shape
  readonly start: number
  readonly half: number
  readonly base: number
}

const runAngles: Run<Angles> = /* @__PURE__ */ operation<Angles>({
  name: 'positions',
  types: () => ({ output: 'float32' }),
  shape: (_, { rows, half }) => [...rows, 2 * half],
  forward(y, [positions], { rows, start, half, base }) {
    const ratio = base ** (-1 / Math.max(1, half))
    // In two parts, since a kernel takes float32; rounded so, all engines have the same one.
    const high = Math.fround(ratio)
    const at = positions ? positions.pointer : NONE
    kernels.angles(at, start, y.pointer, half, high as Real, Math.fround(ratio - high) as Real, sizeOf(rows), 2 * half)
  },
})

interface Turn {
  readonly heads: number
  readonly interleaved: boolean
  readonly sign: number
}

const runRotate: Run<Turn> = /* @__PURE__ */ operation<Turn, { table: Tensor }>({
  name: 'rotary',
  shape: ([x]) => x,
  forward(y, [x, table], { heads, interleaved, sign }) {
    const size = table.dims[table.rank - 1]
    const rows = table.count / Math.max(1, size)
    if (y.count === 0) return
    const next = interleaved ? 1 : 0
    kernels.rotate(x.pointer, table.pointer, y.pointer, size / 2, heads, rows, next, sign as Real, x.count / size, size)
  },
  save: (_, [, table]) => ({ table }),
  pullback: [(g, { table }, told) => runRotate([g, table], { ...told, sign: -told.sign }), null],
})

/** @internal Sine and cosine, one after the other, of position / base^(2 i / features): [...positions, features]. */
export function anglesOf(name: string, x: Tensor, features: number, { positions = 0, base = 10_000 }: RotaryOptions): Tensor {
  const half = features / 2
  const lead = x.dims.slice(0, -1)
  if (typeof positions === 'number') {
    if (!Number.isInteger(positions) || Math.abs(positions) >= 2 ** 31 - (lead.at(-1) ?? 1))
      throw rangeError(name, 'a position is a whole number of 32 bits', positions)
    return runAngles([], { rows: lead.slice(-1), start: positions, half, base })
  }
  const at = asIndices(name, positions, 'position')
  const wanted = lead.slice(lead.length - at.rank)
  if (at.rank > lead.length || !sameShape(at.dims, wanted)) {
    const came = `${show(at.dims)} for x ${show(x.dims)}`
    throw new ShapeError({ operation: name, problem: 'positions have the last axes of x before its features', came }, [at.dims, x.dims])
  }
  return runAngles([at], { rows: at.dims, start: 0, half, base })
}

/** @internal Throws ShapeError for features that `heads` blocks of pairs do not make up. */
export function checkPairs(name: string, x: Tensor, heads: number): void {
  checkTensor(name, x)
  const features = x.dims.at(-1)
  if (x.rank > 1 && (features ?? 1) % (2 * heads) === 0) return
  const problem = x.rank < 2 ? 'x is [..., time, features]' : `features are pairs${heads > 1 ? ` in ${heads} heads` : ''}`
  throw new ShapeError({ operation: name, problem, came: show(x.dims) }, [x.dims])
}

/** @internal Throws for options of `rotary` that cannot be. */
export function checkRotary(name: string, options: RotaryOptions, known: readonly string[]): void {
  checkOptions(name, options, known)
  const { base = 1, heads = 1, interleaved = false } = options
  checkNumber(name, 'base', base)
  // Of a smaller one the waves are shorter than a step.
  if (!(base >= 1 && base < Number.POSITIVE_INFINITY)) throw rangeError(name, 'base is a finite number from 1', base)
  if (!Number.isInteger(heads) || heads < 1) throw typeError(name, 'heads are a whole number from 1', `${written(heads)} came`)
  checkBoolean(name, 'interleaved', interleaved)
}

/**
 * Rotary positions: every pair of features turned by an angle that grows with its position, so that the product of two rows depends on how far they are
 * apart. From x [..., time, features] to the same: (a cos t - b sin t, b cos t + a sin t), t = position / base^(2 i / features), i the pair's number;
 * `{ positions = 0, base = 10000, heads = 1, interleaved = false }`. With heads the features are so many blocks, as attention has them. Angles are computed in float64,
 * and right at any position. Su et al. 2021, equation 34, there with `interleaved` pairs.
 *
 * Throws ShapeError for features that are no pairs, in each head, and for positions of another shape, RangeError for positions that are no whole numbers and for a base
 * below 1, TypeError for options of another kind.
 *
 * @example rotary(tensor([[1, 0], [1, 0], [1, 0]])).toArray() // [[1, 0], [0.5403, 0.8415], [-0.4161, 0.9093]]
 */
export const rotary = /* @__PURE__ */ composed('rotary', 2, function rotary(x: Tensor, options: RotaryOptions = {}): Tensor {
  checkTensor('rotary', x)
  checkRotary('rotary', options, ['positions', 'base', 'heads', 'interleaved'])
  return rotated('rotary', x, options)
})

/** @internal `rotary` with checked options, in the name of another. */
export function rotated(name: string, x: Tensor, options: RotaryOptions): Tensor {
  const { heads = 1, interleaved = false } = options
  checkPairs(name, x, heads)
  const table = anglesOf(name, x, x.dims[x.rank - 1] / heads, options)
  return runRotate([x, table], { heads, interleaved, sign: 1 })
}
