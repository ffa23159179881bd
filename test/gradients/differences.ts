/** Derivatives of float64 functions by central differences, each taken with two steps so that it says when it is not to be trusted. */
import type { Float64 } from './float64.ts'

export type Scalar = (xs: readonly Float64[]) => number

/** A derivative that depends on the step: the function has a kink nearby, or the step is wrong for it. */
export class UnsmoothError extends Error {}

/** Steps and how far the two estimates may be apart: rounding in the function is divided by the step (its square in the second order). */
const FIRST = { step: 1e-5, slack: 1e-7 }
const SECOND = { step: 4e-4, slack: 1e-5 }

function moved(xs: readonly Float64[], by: readonly { readonly direction: readonly Float64Array[]; readonly step: number }[]): Float64[] {
  return xs.map(({ shape, data }, i) => ({
    shape,
    data: data.map((value, j) => by.reduce((sum, { direction, step }) => sum + step * direction[i][j], value)),
  }))
}

/** The direction of one element. */
function unit(xs: readonly Float64[], input: number, element: number): Float64Array[] {
  return xs.map(({ data }, i) => data.map((_, j) => (i === input && j === element ? 1 : 0)))
}

/** Two estimates of fourth order, Richardson's: from steps h and h/2, and from h/2 and h/4. */
function settled(estimate: (step: number) => number, step: number): [number, number] {
  const [a, b, c] = [estimate(step), estimate(step / 2), estimate(step / 4)]
  return [(4 * c - b) / 3, (4 * b - a) / 3]
}

function each(
  xs: readonly Float64[],
  estimate: (input: number, element: number, step: number) => number,
  how: typeof FIRST,
): Float64Array[] {
  return xs.map(({ data }, input) =>
    data.map((_, element) => {
      const [value, other] = settled(step => estimate(input, element, step), how.step)
      if (Math.abs(value - other) <= how.slack * (1 + Math.abs(value))) return value
      throw new UnsmoothError(`the reference is not smooth at input ${input}, element ${element}: ${value} and ${other}`)
    }),
  )
}

/** ∂f/∂x for each element of each input. */
export function firstOrder(f: Scalar, xs: readonly Float64[]): Float64Array[] {
  const slope = (input: number, element: number, step: number) => {
    const direction = unit(xs, input, element)
    return (f(moved(xs, [{ direction, step }])) - f(moved(xs, [{ direction, step: -step }]))) / (2 * step)
  }
  return each(xs, slope, FIRST)
}

/** The derivative of each element of f along v. */
export function derivative(f: (xs: readonly Float64[]) => Float64Array, xs: readonly Float64[], v: readonly Float64Array[]): Float64Array {
  const at = (step: number) => f(moved(xs, [{ direction: v, step }]))
  const slopes = (step: number) => {
    const [above, below] = [at(step), at(-step)]
    return above.map((value, i) => (value - below[i]) / (2 * step))
  }
  const [whole, half] = [slopes(FIRST.step), slopes(FIRST.step / 2)]
  return half.map((value, i) => (4 * value - whole[i]) / 3)
}

/** ∂/∂x of the derivative of f along v: the Hessian of all inputs, times v. */
export function secondOrder(f: Scalar, xs: readonly Float64[], v: readonly Float64Array[]): Float64Array[] {
  const curvature = (input: number, element: number, step: number) => {
    const direction = unit(xs, input, element)
    const corner = (a: number, b: number) =>
      f(
        moved(xs, [
          { direction, step: a * step },
          { direction: v, step: b * step },
        ]),
      )
    return (corner(1, 1) - corner(1, -1) - corner(-1, 1) + corner(-1, -1)) / (4 * step * step)
  }
  return each(xs, curvature, SECOND)
}
