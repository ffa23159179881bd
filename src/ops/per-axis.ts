// What is told of each spatial axis.
import { rangeError, ShapeError, typeError, written } from '../errors.ts'
import { MOST_ELEMENTS, type Shape, show } from '../tensor/shape.ts'

/** A number for all spatial axes, or a list of one an axis. */
export type PerAxis = number | readonly number[]

/**
 * One number an axis, whole ones from `least` or any above it; of `sides` there may be two. Throws TypeError for what is none, ShapeError for another
 * number of them, RangeError for one that is not whole, too small or too large.
 */
export function perAxis(
  operation: string,
  name: string,
  value: unknown,
  axes: number,
  least = 1,
  isWhole = true,
  sides = 1,
): readonly number[] {
  const list = (typeof value === 'number' ? new Array(axes).fill(value) : value) as readonly number[]
  if (!Array.isArray(list) || !list.every(each => typeof each === 'number')) {
    throw typeError(operation, `${name} is a number or a list of one an axis${sides > 1 ? ", or 'same'" : ''}`, `${written(value)} came`)
  }
  if (list.length !== axes && list.length !== sides * axes) {
    const count = sides > 1 ? `${axes} or ${2 * axes}` : axes
    throw new ShapeError({ operation, problem: `${name} is a number, or a list of ${count}`, came: show(list) }, [list])
  }
  for (const each of list) {
    if (each > MOST_ELEMENTS) throw rangeError(operation, `${name} is too large`, each)
    if (isWhole ? Number.isInteger(each) && each >= least : each > least) continue
    throw rangeError(operation, `${name} is a ${isWhole ? 'whole number from' : 'number above'} ${least}`, each)
  }
  return [...list]
}

/** Padding before and behind each axis. */
export function perSide(operation: string, pad: unknown, axes: number): readonly [low: readonly number[], high: readonly number[]] {
  const list = perAxis(operation, 'pad', pad, axes, 0, true, 2)
  return list.length > axes ? [list.filter((_, i) => i % 2 === 0), list.filter((_, i) => i % 2 > 0)] : [list, list]
}

/** How many places a window has along an axis of x, padding included. Throws ShapeError where it is none, or too many. */
export function placesOf(operation: string, what: string, x: Shape, axis: number, padding: number, window: number, stride: number): number {
  const padded = x[axis] + padding
  if (padded >= window && padded <= MOST_ELEMENTS) return Math.floor((padded - window) / stride) + 1
  const problem = padded < window ? `the ${what} is larger than the padded input` : 'the padded input is too large'
  const came = `axis ${axis} of x ${show(x)} is ${padded} with padding, the ${what} spans ${window}`
  throw new ShapeError({ operation, problem, came, wayOut: padded < window ? "Pad more, such as by 'same'." : '' }, [x])
}
