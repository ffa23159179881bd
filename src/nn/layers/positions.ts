import { checkOptions, refuseSurplus, typeError } from '../../errors.ts'
import { add } from '../../ops/pointwise.ts'
import { anglesOf, checkPairs, checkRotary, type RotaryOptions, rotated } from '../../ops/rotary.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { cachePart } from '../cache.ts'
import { type Layer, layer } from '../layer.ts'
import { checkFeatures } from './checks.ts'
import { labelOf } from './plain.ts'

/** What layers of positions are called with: x [..., time, features], and positions other than those from 0, or from what came before in a cache; a layer without heads of its own has those. */
export type PositionsInputs = [x: Tensor, options?: Pick<RotaryOptions, 'positions' | 'heads'> | undefined]

/** What `SinusoidalPositions` makes: from [..., time, features] to the same. */
export type SinusoidalPositionsLayer = Layer<{ readonly base: number | undefined }, PositionsInputs, Tensor>

/** What `RotaryPositions` makes: from [..., time, features] to the same. */
export type RotaryPositionsLayer = Layer<Omit<RotaryOptions, 'positions'>, PositionsInputs, Tensor>

/** A layer that does something to rows by their positions; these go on from what the layer saw before in a cache. */
function positional<Options extends Omit<RotaryOptions, 'positions'>>(
  name: string,
  args: ArrayLike<unknown>,
  options: Options,
  known: readonly (keyof Options & string)[],
  place: (x: Tensor, options: RotaryOptions) => Tensor,
): Layer<Options, PositionsInputs, Tensor> {
  if (args.length > 1) refuseSurplus(name, 1, args)
  if (typeof options === 'number') throw typeError(name, 'options are an object', `${options} came`, `Write ${name}().`)
  checkRotary(name, options, known)
  const fields = Object.fromEntries(known.map(key => [key, options[key]])) as unknown as Options
  const forward = (self: Options, x: Tensor, told: Pick<RotaryOptions, 'positions' | 'heads'> = {}, ...surplus: never[]): Tensor => {
    if (surplus.length > 0) refuseSurplus(name, 2, [x, told, ...surplus])
    checkOptions(name, told, ['positions', 'heads'])
    checkFeatures(name, x)
    const { heads = told.heads ?? 1 } = self
    checkPairs(name, x, heads)
    const positions = told.positions === undefined ? cachePart(self)?.advance(x.dims[x.rank - 2]) : told.positions
    return place(x, { ...self, heads, positions })
  }
  return layer(name, fields, forward as never, { label: labelOf(name, [fields]) }) as unknown as Layer<Options, PositionsInputs, Tensor>
}

/**
 * Adds to x [..., time, features] a row of waves for its position: sin(p / base^(2 i / features)) at feature 2 i and the cosine at 2 i + 1, for positions of any
 * length, without parameters. Vaswani et al. 2017, section 3.5.
 *
 * `SinusoidalPositions({ base = 10000 })`, called `(x, { positions })`: whole numbers [time] or [..., time], or the first one; from 0, or, with a cache, from where the last call
 * ended. Throws ShapeError for an odd number of features and for positions of another shape, RangeError for a base below 1, DTypeError for tokens, which go through
 * an `Embedding` first, TypeError for a size, of which it needs none.
 *
 * @example SinusoidalPositions()(zeros([3, 2])).toArray() // [[0, 1], [0.8415, 0.5403], [0.9093, -0.4161]]
 */
export function SinusoidalPositions(options: { readonly base?: number | undefined } = {}): SinusoidalPositionsLayer {
  return positional('SinusoidalPositions', arguments, options as { readonly base: number | undefined }, ['base'], (x, told) =>
    add(x, anglesOf('SinusoidalPositions', x, x.dims[x.rank - 1], told)),
  )
}

/**
 * Turns pairs of features of x [..., time, features] by their position, as `rotary` does: for queries and keys, whose products then depend on how far they are
 * apart. Without parameters.
 *
 * `RotaryPositions({ base = 10000, heads = 1, interleaved = false })`, called `(x, { positions, heads })`: whole numbers [time] or [..., time], or the first one; from 0, or, with a cache,
 * from where the last call ended; and heads where it was made without, as attention tells them. Throws ShapeError for features that are no pairs in each head and for positions of another shape, RangeError for a base
 * below 1, DTypeError for an x that is not float32, TypeError for a size, of which it needs none.
 *
 * @example RotaryPositions()(tensor([[1, 0], [1, 0]])).toArray() // [[1, 0], [0.5403, 0.8415]]
 */
export function RotaryPositions(options: Omit<RotaryOptions, 'positions'> = {}): RotaryPositionsLayer {
  return positional('RotaryPositions', arguments, options, ['base', 'heads', 'interleaved'], (x, told) =>
    rotated('RotaryPositions', x, told),
  )
}
