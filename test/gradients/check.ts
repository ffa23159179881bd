/** One row an operation: how it is called, where, and what it is in float64. Forward, gradient and second order are checked from that. */
import { add, gradient, mul, pullback, scope, sum, type Tensor, tensor } from 'fluxtape'
import { derivative, firstOrder, secondOrder, UnsmoothError } from './differences.ts'
import { array, type Float64, sizeOf } from './float64.ts'

export interface Row {
  /** The exported function that the row stands for. */
  readonly op: string
  /** What is special about the row. */
  readonly name: string
  readonly shapes: readonly (readonly number[])[]
  /** The interval of the inputs' elements: one for all, or one for each. All elements differ. */
  readonly domain: Interval | readonly Interval[]
  readonly run: (...xs: readonly Tensor[]) => Tensor
  /** The same in float64. `constants` are the inputs as they were, for what takes no part in the gradient. */
  readonly reference: (xs: readonly Float64[], constants: readonly Float64[]) => Float64
  /** How far the result may be off, in float32 ulps (2): of the element or, with `cancels`, of the largest of results and inputs. */
  readonly ulp?: number
  readonly cancels?: boolean
}

export type Interval = readonly [low: number, high: number]

export const intervals = (row: Row): readonly Interval[] =>
  typeof row.domain[0] === 'number' ? row.shapes.map(() => row.domain as Interval) : (row.domain as readonly Interval[])

/** Whole numbers that look random and are the same in every run. */
export function scrambled(count: number, seed: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    let h = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 16), 0xc2b2ae35)
    return (h ^ (h >>> 13)) >>> 0
  })
}

/** float32 numbers of an interval, evenly spread and shuffled, so that no two of all inputs come near each other. */
export function inputsOf(row: Row): Float64[] {
  const count = row.shapes.reduce((sum, shape) => sum + sizeOf(shape), 0)
  const keys = scrambled(count, count)
  const order = [...keys.keys()].sort((a, b) => keys[a] - keys[b])
  let next = 0
  return row.shapes.map((shape, i) => {
    const [low, high] = intervals(row)[i]
    const values = Array.from({ length: sizeOf(shape) }, () => Math.fround(low + ((high - low) * (order[next++] + 0.47)) / count))
    return array(shape, values)
  })
}

const weights = (count: number, seed: number): Float64Array =>
  Float64Array.from(scrambled(count, seed), key => Math.fround((key % 2 === 0 ? 1 : -1) * (0.5 + (key >>> 8) / 2 ** 24)))

const toTensor = ({ shape, data }: Float64): Tensor => tensor(Float32Array.from(data), shape)

/** Everything that is wrong with a row; empty if it holds. */
export function checkRow(row: Row): string[] {
  return scope(() => {
    try {
      const wrong = forward(row)
      return wrong.length > 0 ? wrong : [...gradients(row), ...byCotangent(row), ...secondGradients(row)]
    } catch (error) {
      if (error instanceof UnsmoothError) return [error.message]
      throw error
    }
  })
}

/** How far a result is from what it should be, as text. */
function compare(
  what: string,
  got: ArrayLike<number>,
  wanted: ArrayLike<number>,
  allowed: (wanted: number, largest: number) => number,
): string[] {
  if (got.length !== wanted.length) return [`${what}: ${got.length} elements instead of ${wanted.length}`]
  const largest = largestOf({ data: wanted })
  const wrong = Array.from(wanted).flatMap((value, i) => {
    const close = Math.abs(got[i] - value) <= allowed(value, largest)
    return close ? [] : [`${what}[${i}]: ${got[i]} instead of ${value} (allowed ${allowed(value, largest)})`]
  })
  return wrong.slice(0, 3)
}

function largestOf(...arrays: readonly { readonly data: ArrayLike<number> }[]): number {
  return arrays.reduce((size, { data }) => Array.from(data).reduce((most, value) => Math.max(most, Math.abs(value)), size), 0)
}

function forward(row: Row): string[] {
  const inputs = inputsOf(row)
  const wanted = row.reference(inputs, inputs)
  const got = row.run(...inputs.map(toTensor))
  if (got.shape.join() !== wanted.shape.join()) return [`shape [${got.shape}] instead of [${wanted.shape}]`]
  const ulps = (row.ulp ?? 2) * 2 ** -23
  const largest = largestOf(wanted, ...inputs)
  return compare('value', got.data(), wanted.data, value => ulps * (row.cancels ? largest : Math.abs(value)))
}

/** What float32 may lose in a handful of operations, and what the finite differences do. */
const close = (relative: number, floor: number) => (value: number, largest: number) =>
  relative * Math.abs(value) + floor * largest + floor / 10

/** The gradient of w · y, by pullback. */
function gradients(row: Row): string[] {
  const inputs = inputsOf(row)
  const y = row.reference(inputs, inputs)
  const w = weights(y.data.length, 7)
  const wanted = firstOrder(xs => row.reference(xs, inputs).data.reduce((sum, value, i) => sum + w[i] * value, 0), inputs)
  const [, back] = pullback(row.run, ...inputs.map(toTensor))
  const found: readonly (Tensor | undefined)[] = back(toTensor(array(y.shape, w)))
  back.dispose()
  return wanted.flatMap((gradient, i) => compare(`gradient ${i}`, valuesOf(found[i], gradient.length), gradient, close(2e-5, 4e-6)))
}

/** The gradient of v · back(g) by the cotangent g, which is the derivative of y along v: for this, too, `back` is differentiated. */
function byCotangent(row: Row): string[] {
  const inputs = inputsOf(row)
  const v = inputs.map(({ data }, i) => weights(data.length, 11 + i))
  const wanted = derivative(xs => row.reference(xs, inputs).data, inputs, v)
  const [y, back] = pullback(row.run, ...inputs.map(toTensor))
  const along = (g: Tensor): Tensor => {
    const found: readonly (Tensor | undefined)[] = back(g)
    const parts = found.map((each, i) => (each ? sum(mul(each, toTensor(array(inputs[i].shape, v[i])))) : tensor(0)))
    return parts.reduce((a, b) => add(a, b))
  }
  const [got] = gradient(along, toTensor(array(y.shape, weights(y.size, 7))))
  back.dispose()
  return compare('by the cotangent', valuesOf(got, wanted.length), wanted, close(2e-5, 4e-6))
}

/**
 * The gradient of v · (the gradient of w · y + y · y / 2), by nesting. The square makes the cotangent that a pullback gets depend on the
 * inputs, so that its derivative by the cotangent counts, too.
 */
function secondGradients(row: Row): string[] {
  const inputs = inputsOf(row)
  const { w, v } = directionsOf(row, inputs)
  const energy = (xs: readonly Float64[]) => row.reference(xs, inputs).data.reduce((sum, y, i) => sum + w[i] * y + (y * y) / 2, 0)
  const wanted = secondOrder(energy, inputs, v)
  const found = nested(row, inputs)
  return wanted.flatMap((second, i) => compare(`second order ${i}`, valuesOf(found[i], second.length), second, close(1e-4, 4e-5)))
}

function directionsOf(row: Row, inputs: readonly Float64[]) {
  const size = row.reference(inputs, inputs).data.length
  return { w: weights(size, 7), v: inputs.map(({ data }, i) => weights(data.length, 11 + i)) }
}

function nested(row: Row, inputs: readonly Float64[]): readonly (Tensor | undefined)[] {
  const { w, v } = directionsOf(row, inputs)
  const loss = (...xs: readonly Tensor[]): Tensor => {
    const y = row.run(...xs)
    return sum(add(mul(y, toTensor(array(y.shape, w))), mul(mul(y, y), 0.5)))
  }
  const alongV = (...xs: readonly Tensor[]): Tensor => {
    const parts = gradient(loss, ...xs).map((found, i) => (found ? sum(mul(found, toTensor(array(xs[i].shape, v[i])))) : tensor(0)))
    return parts.reduce((a, b) => add(a, b))
  }
  return gradient(alongV, ...inputs.map(toTensor))
}

/** Runs whatever the check of a row runs, there and back and back again, and compares nothing. */
export function runRow(row: Row): void {
  scope(() => {
    const inputs = inputsOf(row)
    row.run(...inputs.map(toTensor))
    const [y, back] = pullback(row.run, ...inputs.map(toTensor))
    back(y)
    back.dispose()
    nested(row, inputs)
  })
}

/** An input that took no part has a gradient of zeros. */
function valuesOf(gradient: Tensor | undefined, size: number): ArrayLike<number> {
  return gradient?.data() ?? new Float64Array(size)
}
