import { checkNumber, checkOptions, rangeError, ShapeError, typeError, written } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor, operation } from '../tape/operation.ts'
import { fill } from '../tensor/create.ts'
import { checkFit } from '../tensor/fits.ts'
import { areSizes, type Shape, show, stepsOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { copyElements } from './copying.ts'
import { gather } from './indexing.ts'
import { concat } from './joining.ts'
import { runSlice } from './ranges.ts'

/** What `pad` can be told. */
export interface PadOptions {
  /** What stands around x: a value, x mirrored in its outermost entries, or these themselves. */
  readonly mode?: 'constant' | 'reflect' | 'edge' | undefined
  readonly value?: number | undefined
}

const runPad = /* @__PURE__ */ operation<{ starts: readonly number[]; shape: Shape; value: number }, { from: Shape }>({
  name: 'pad',
  types: ([dtype]) => ({ output: dtype }),
  shape: (_, { shape }) => shape,
  forward(y, [x], { starts, value }) {
    fill(y, value)
    const steps = stepsOf(y.dims)
    const at = starts.reduce((sum, start, i) => sum + start * steps[i], 0)
    copyElements('pad', x.dims, x, stepsOf(x.dims), 0, y, steps, at)
  },
  save: (_, [x]) => ({ from: x.dims }),
  pullback: [(g, { from }, { starts }) => runSlice([g], { starts, counts: from, steps: starts.map(() => 1) })],
})

/** Which of n entries stands at place i: beyond the ends their mirror image, or the outermost one. */
function inside(i: number, n: number, isMirrored: boolean): number {
  if (!isMirrored || n === 1) return Math.min(Math.max(i, 0), n - 1)
  const period = 2 * (n - 1)
  const place = ((i % period) + period) % period
  return Math.min(place, period - place)
}

/**
 * x with so many entries `[before, after]` it along each axis: a `value` (0), with `mode: 'reflect'` x mirrored in its outermost entries, which do
 * not come twice, with `mode: 'edge'` these themselves; as `numpy.pad`. Throws ShapeError for another number of pairs than axes, and for an empty
 * axis that is to be continued, RangeError for widths that are no whole numbers from 0 and a value that does not fit, TypeError for another mode.
 *
 * @example
 * const x = tensor([1, 2, 3])
 * x.pad([[1, 2]]).toArray() // [0, 1, 2, 3, 0, 0]
 * x.pad([[2, 0]], { mode: 'reflect' }).toArray() // [3, 2, 1, 2, 3]
 */
export const pad = /* @__PURE__ */ composed(
  'pad',
  3,
  function pad(x: Tensor, widths: readonly (readonly [before: number, after: number])[], options: PadOptions = {}): Tensor {
    checkTensor('pad', x)
    checkOptions('pad', options, ['mode', 'value'])
    const { mode = 'constant', value = 0 } = options
    checkNumber('pad', 'the value', value)
    if (!['constant', 'reflect', 'edge'].includes(mode)) throw typeError('pad', `a mode is 'constant', 'reflect' or 'edge'`, written(mode))
    if (!Array.isArray(widths) || !widths.every(each => Array.isArray(each) && each.length === 2)) {
      // A number is for both sides, and a pair for every axis, as NumPy has it.
      const pair = [widths, widths].flat().filter(each => typeof each === 'number')
      const wanted = x.dims.map(() => show(pair.length < 2 ? [1, 1] : pair.slice(0, 2)))
      throw typeError('pad', 'widths are one pair [before, after] an axis', written(widths), `Write [${wanted.join(', ')}].`)
    }
    if (!areSizes(widths.flat())) throw rangeError('pad', 'widths are whole numbers from 0', `[${widths.map(show).join(', ')}]`)
    if (widths.length !== x.rank) {
      throw new ShapeError({ operation: 'pad', problem: 'there is one pair an axis', came: `${widths.length} pairs for ${show(x.dims)}` }, [
        x.dims,
      ])
    }
    if (mode === 'constant') {
      checkFit('pad', value, x.type)
      const shape = x.dims.map((size, i) => widths[i][0] + size + widths[i][1])
      return runPad([x], { starts: widths.map(([before]) => before), shape, value })
    }
    let y = x
    widths.forEach(([before, after], axis) => {
      const n = x.dims[axis]
      if (before + after === 0) return
      if (n === 0) throw new ShapeError({ operation: 'pad', problem: 'there is nothing to continue', came: show(x.dims) }, [x.dims])
      const places = (from: number, count: number) => Array.from({ length: count }, (_, i) => inside(from + i, n, mode === 'reflect'))
      y = concat([gather(y, places(-before, before), axis), y, gather(y, places(n, after), axis)], axis)
    })
    return y
  },
)
