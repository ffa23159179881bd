/**
 * A second library in a hundred lines: float64, one loop for everything, no gradients. What the tests compare the library with.
 */
export interface Float64 {
  readonly shape: readonly number[]
  readonly data: Float64Array
}

export type Index = readonly number[]

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, n) => size * n, 1)
}

/** The array of `shape` whose element at each index is `element(index)`. */
export function build(shape: readonly number[], element: (index: Index) => number): Float64 {
  const data = new Float64Array(sizeOf(shape))
  const index = shape.map(() => 0)
  for (let at = 0; at < data.length; at++) {
    data[at] = element(index)
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0
  }
  return { shape, data }
}

/** The element at an index; the axes of x are the last ones of the index, and one of size 1 is read at 0: so it broadcasts. */
export function at(x: Float64, index: Index): number {
  const lead = index.length - x.shape.length
  let place = 0
  for (let axis = 0; axis < x.shape.length; axis++) place = place * x.shape[axis] + (x.shape[axis] === 1 ? 0 : index[lead + axis])
  return x.data[place]
}

export function array(shape: readonly number[], data: ArrayLike<number>): Float64 {
  return { shape, data: Float64Array.from(data) }
}

export function scalar(value: number): Float64 {
  return array([], [value])
}

export function reshape(x: Float64, shape: readonly number[]): Float64 {
  return { shape, data: x.data }
}

export function map(x: Float64, f: (value: number) => number): Float64 {
  return { shape: x.shape, data: x.data.map(f) }
}

export function broadcastShape(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map(shape => shape.length))
  const padded = shapes.map(shape => [...new Array<number>(rank - shape.length).fill(1), ...shape])
  return Array.from({ length: rank }, (_, axis) => padded.reduce((size, shape) => (shape[axis] === 1 ? size : shape[axis]), 1))
}

export function zip(x: Float64, y: Float64, f: (x: number, y: number) => number): Float64 {
  return build(broadcastShape(x.shape, y.shape), index => f(at(x, index), at(y, index)))
}

/** f of the list of elements along the axes (ascending), for each index of the others. */
export function reduce(x: Float64, axes: readonly number[], f: (values: readonly number[]) => number, keepDims = false): Float64 {
  const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
  const lists: number[][] = Array.from({ length: sizeOf(kept) }, () => [])
  const places = build(x.shape, index => index.reduce((place, i, axis) => place * kept[axis] + (axes.includes(axis) ? 0 : i), 0))
  places.data.forEach((place, i) => lists[place].push(x.data[i]))
  return array(keepDims ? kept : x.shape.filter((_, axis) => !axes.includes(axis)), lists.map(f))
}

/** f of each list along an axis, put back in its place. */
export function along(x: Float64, axis: number, f: (values: readonly number[]) => readonly number[]): Float64 {
  return build(x.shape, index => {
    const line = Array.from({ length: x.shape[axis] }, (_, i) => at(x, index.with(axis, i)))
    return f(line)[index[axis]]
  })
}

export function permute(x: Float64, axes: readonly number[]): Float64 {
  return build(
    axes.map(axis => x.shape[axis]),
    index =>
      at(
        x,
        axes.map((_, axis) => index[axes.indexOf(axis)]),
      ),
  )
}

/** The last two axes swapped. */
export function transpose(x: Float64): Float64 {
  const { length } = x.shape
  return permute(x, [...x.shape.keys()].slice(0, -2).concat(length - 1, length - 2))
}

/** The product of the last two axes, the others broadcast. */
export function matmul(a: Float64, b: Float64): Float64 {
  const [M, K] = a.shape.slice(-2)
  const N = b.shape[b.shape.length - 1]
  const one = (x: Float64, index: Index) => {
    const lead = index.slice(0, -2)
    const own = x.shape.slice(0, -2)
    return own.map((size, axis) => (size === 1 ? 0 : lead[lead.length - own.length + axis]))
  }
  return build([...broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2)), M, N], index => {
    const [i, j] = index.slice(-2)
    const [left, right] = [one(a, index), one(b, index)]
    let total = 0
    for (let k = 0; k < K; k++) total += read(a, [...left, i, k]) * read(b, [...right, k, j])
    return total
  })
}

/** The element at an index of x's rank. */
export function read(x: Float64, index: Index): number {
  return x.data[index.reduce((place, i, axis) => place * x.shape[axis] + i, 0)]
}

export function concat(xs: readonly Float64[], axis: number): Float64 {
  const ends = xs.map((_, i) => xs.slice(0, i + 1).reduce((end, x) => end + x.shape[axis], 0))
  return build(xs[0].shape.with(axis, ends[ends.length - 1]), index => {
    const which = ends.findIndex(end => index[axis] < end)
    return read(xs[which], index.with(axis, index[axis] - (which === 0 ? 0 : ends[which - 1])))
  })
}

export const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)
export const product = (values: readonly number[]): number => values.reduce((result, value) => result * value, 1)
export const average = (values: readonly number[]): number => total(values) / values.length
export const spread = (values: readonly number[], correction = 0): number =>
  total(values.map(value => (value - average(values)) ** 2)) / (values.length - correction)
export const logTotal = (values: readonly number[]): number => {
  const largest = Math.max(...values)
  return largest + Math.log(total(values.map(value => Math.exp(value - largest))))
}

/** erf x = 2/√π e^(-x²) Σ 2ⁿ x^(2n+1) / (2n+1)!!, whose terms have one sign (Abramowitz & Stegun 7.1.6). */
export function erf(x: number): number {
  let [sum, term] = [0, x]
  for (let n = 0; Math.abs(term) > 1e-18 * Math.abs(sum) + 1e-300; n++) {
    sum += term
    term *= (2 * x * x) / (2 * n + 3)
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}
export const gelu = (x: number): number => (x * (1 + erf(x / Math.SQRT2))) / 2
export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))
export const softplus = (x: number): number => Math.log1p(Math.exp(x))
export const roundHalfEven = (x: number): number => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x))
export const softmax = (values: readonly number[]): readonly number[] => values.map(value => Math.exp(value - logTotal(values)))
export const logSoftmax = (values: readonly number[]): readonly number[] => values.map(value => value - logTotal(values))
