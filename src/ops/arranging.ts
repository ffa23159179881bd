// What puts the elements in other places, or repeats them.
import { refuseMore, ShapeError } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor, operation, type Run } from '../tape/operation.ts'
import { type Axis, resolveAxes, resolveAxis, show, stepsOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { copyElements } from './copying.ts'
import { broadcastTo, reshape } from './movement.ts'
import { runSlice } from './ranges.ts'
import { checkWhole } from './whole.ts'

/** The elements in reverse along an axis, several, or all. Throws ShapeError for an axis that is not there.
 * @example tensor([[1, 2], [3, 4]]).flip(1).toArray() // [[2, 1], [4, 3]] */
export function flip(x: Tensor, axis?: Axis): Tensor {
  if (arguments.length > 2) refuseMore('flip', 'the axes are', arguments)
  checkTensor('flip', x)
  const axes = resolveAxes('flip', axis, x.dims)
  const starts = x.dims.map((size, i) => (axes.includes(i) ? size - 1 : 0))
  return runSlice([x], { starts, counts: x.dims, steps: x.dims.map((_, i) => (axes.includes(i) ? -1 : 1)) })
}

/** By a `shift` from 1 to the length of the axis, without it. */
const runRoll: Run<{ axis: number; shift: number }> = /* @__PURE__ */ operation<{ axis: number; shift: number }>({
  name: 'roll',
  types: ([dtype]) => ({ output: dtype }),
  shape: ([x]) => x,
  forward(y, [x], { axis, shift }) {
    const steps = stepsOf(x.dims)
    const stays = x.dims[axis] - shift
    const part = (count: number) => x.dims.map((size, i) => (i === axis ? count : size))
    copyElements('roll', part(stays), x, steps, 0, y, steps, shift * steps[axis])
    copyElements('roll', part(shift), x, steps, stays * steps[axis], y, steps, 0)
  },
  pullback: [(g, _, { axis, shift }) => runRoll([g], { axis, shift: g.dims[axis] - shift })],
})

/**
 * The elements moved on by `shift` places along an axis, those beyond its end to its beginning; without an axis in the flattened tensor, as
 * NumPy. Several axes take one shift for all, or one each. Throws RangeError for a shift that is not whole, ShapeError for an axis that is not
 * there, or for other numbers of shifts and axes.
 * @example tensor([1, 2, 3]).roll(1).toArray() // [3, 1, 2]
 */
export const roll = /* @__PURE__ */ composed(
  'roll',
  3,
  function roll(x: Tensor, shift: number | readonly number[], axis?: number | readonly number[]): Tensor {
    checkTensor('roll', x)
    const shifts = [shift].flat()
    checkWhole('roll', 'a shift', shifts)
    let y = axis === undefined ? reshape(x, [x.count]) : x
    const axes = [axis ?? 0].flat().map(each => resolveAxis('roll', each, y.dims))
    if (shifts.length !== 1 && shifts.length !== axes.length) {
      const came = `${show(shifts)} and ${show(axes)}`
      throw new ShapeError({ operation: 'roll', problem: 'there is one shift for all axes, or one for each', came }, [x.dims])
    }
    axes.forEach((at, i) => {
      const n = y.dims[at]
      const by = n === 0 ? 0 : (((shifts[i] ?? shifts[0]) % n) + n) % n
      if (by > 0) y = runRoll([y], { axis: at, shift: by })
    })
    return axis === undefined ? reshape(y, x.dims) : y
  },
)

/**
 * The whole of x again and again, so often along each axis; a number is for the last one. If x has fewer axes, new ones come first, as in NumPy.
 * Throws RangeError for times that are no whole numbers from 0.
 * @example tensor([1, 2]).tile([2, 2]).toArray() // [[1, 2, 1, 2], [1, 2, 1, 2]]
 */
export const tile = /* @__PURE__ */ composed(
  'tile',
  2,
  function tile(x: Tensor, times: number | readonly number[]): Tensor {
    checkTensor('tile', x)
    const list = [times].flat()
    checkWhole('tile', 'how often', list, 0)
    const rank = Math.max(x.rank, list.length)
    const [from, to, result]: number[][] = [[], [], []]
    for (let i = 0; i < rank; i++) {
      const [size, n] = [x.dims[i - rank + x.rank] ?? 1, list[i - rank + list.length] ?? 1]
      if (n !== 1) {
        from.push(1)
        to.push(n)
      }
      from.push(size)
      to.push(size)
      result.push(n * size)
    }
    return reshape(broadcastTo(reshape(x, from), to), result)
  },
  'the times are',
)

/**
 * Each entry along an axis `n` times; without an axis those of the flattened tensor, as NumPy. Throws RangeError for an `n` that is no whole
 * number from 0, ShapeError for an axis that is not there.
 * @example tensor([1, 2]).repeat(2).toArray() // [1, 1, 2, 2]
 */
export const repeat = /* @__PURE__ */ composed('repeat', 3, function repeat(x: Tensor, n: number, axis?: number): Tensor {
  checkTensor('repeat', x)
  checkWhole('repeat', 'how often', [n], 0)
  const dims = axis === undefined ? [x.count] : x.dims
  const behind = resolveAxis('repeat', axis ?? 0, dims) + 1
  const apart = (times: number) => [...dims.slice(0, behind), times, ...dims.slice(behind)]
  return reshape(
    broadcastTo(reshape(x, apart(1)), apart(n)),
    dims.map((size, i) => (i === behind - 1 ? n * size : size)),
  )
})
