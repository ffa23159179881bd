import { checkNumber, checkOptions, rangeError, refuseLoose, refuseSurplus, written } from '../errors.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import type { Address, Key, Real } from '../wasm/kinds.ts'
import { checkShape, type Shape } from './shape.ts'
import { make, type Tensor } from './tensor.ts'

/**
 * A source of random numbers: a key, and how many tensors were drawn with it. Philox makes the numbers of (key, stream, element), so they do
 * not depend on threads or on the order of elements.
 */
export interface Randomness {
  readonly key: readonly [number, number]
  stream: number
}

let current: Randomness = keyed('manualSeed', Math.floor(Math.random() * 2 ** 52))

/**
 * Starts the random numbers anew: after the same seed the same calls give the same tensors. `seed` is a whole number from 0 to 2^53. Throws
 * RangeError for another.
 *
 * @example
 * manualSeed(1)
 * const x = rand([2])
 * manualSeed(1)
 * rand([2]).equal(x).toArray() // [true, true]
 */
export function manualSeed(seed: number): void {
  if (arguments.length > 1) refuseSurplus('manualSeed', 1, arguments)
  current = keyed('manualSeed', seed)
}

/** A source of its own for a seed. Throws RangeError for what is no whole number from 0. */
export function keyed(operation: string, seed: number): Randomness {
  checkNumber(operation, 'a seed', seed)
  if (!Number.isSafeInteger(seed) || seed < 0) throw rangeError(operation, 'a seed is a whole number from 0', seed)
  return { key: [seed >>> 0, Math.floor(seed / 2 ** 32)], stream: 0 }
}

/** A source split off the one in use, as a training run takes one at its start. */
export function splitRandomness(): Randomness {
  const [low, high] = drawIntegers(2)
  return { key: [low, high], stream: 0 }
}

/** The source in use. */
export function randomnessInUse(): Randomness {
  return current
}

/** Makes `source` the one in use while `f` runs. */
export function withRandomness<T>(source: Randomness, f: () => T): T {
  const outer = current
  current = source
  try {
    return f()
  } finally {
    current = outer
  }
}

/** Random uint32 numbers for JavaScript, such as for shuffling. */
export function drawIntegers(n: number, source: Randomness = current): Uint32Array {
  const y = make([n], 'int32', 'randint')
  const key = source.key as KeyWords
  kernels.randomInteger(y.pointer, n, key[0], key[1], source.stream++, 0, 0, Math.ceil(n / 4))
  const numbers = new Uint32Array(y.data())
  y.dispose()
  return numbers
}

/** The numbers 0 to n - 1. */
export function countUp(n: number): Int32Array {
  const order = new Int32Array(n)
  for (let i = 0; i < n; i++) order[i] = i
  return order
}

/** The numbers 0 to n - 1 in a random order (Fisher and Yates). */
export function permutation(n: number, source: Randomness = current): Int32Array {
  const order = countUp(n)
  const draws = n > 1 ? drawIntegers(n, source) : []
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor((draws[i] / 2 ** 32) * (i + 1))
    const swapped = order[i]
    order[i] = order[j]
    order[j] = swapped
  }
  return order
}

/** Takes `count` streams of the source in use, one for each tensor that is drawn; a negative count gives the last ones back. */
export function takeStreams(count: number): Randomness {
  const { key, stream } = current
  current.stream += count
  return { key, stream }
}

type KeyWords = readonly [Key, Key]

type Kernel<T extends number> = (out: Address, n: number, key0: Key, key1: Key, stream: number, a: T, b: T, blocks: number) => void

function draw<T extends number>(name: string, kernel: Kernel<T>, shape: Shape, a: T, b: T, dtype: 'float32' | 'int32' = 'float32'): Tensor {
  const y = make([...shape], dtype, name)
  const key = current.key as KeyWords
  kernel(y.pointer, y.count, key[0], key[1], current.stream++, a, b, Math.ceil(y.count / 4))
  return y
}

/** Throws RangeError for numbers that are not finite in float32. */
function checkFinite(operation: string, numbers: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(numbers)) {
    checkNumber(operation, name, value)
    if (!Number.isFinite(Math.fround(value))) throw rangeError(operation, `${name} must be finite`, `${value}`)
  }
}

/** Uniform float32 numbers, from `low` (included, 0) to `high` (excluded, 1). Throws RangeError for a `low` above `high`,
 * and for bounds that are not finite.
 * @example rand([2, 3]).shape // [2, 3] */
export function rand(shape: Shape, options: { readonly low?: number | undefined; readonly high?: number | undefined } = {}): Tensor {
  if (typeof shape === 'number') refuseLoose('rand', 'the shape is', arguments)
  checkOptions('rand', options, ['low', 'high'])
  if (arguments.length > 2) refuseSurplus('rand', 2, arguments)
  const { low = 0, high = 1 } = options
  checkShape('rand', shape)
  checkFinite('rand', { low, high })
  if (!(low <= high)) throw rangeError('rand', 'low must not be above high', `${low}, ${high}`)
  return draw('rand', kernels.randomUniform, shape, low as Real, high as Real)
}

/** Normal float32 numbers of the given mean (0) and standard deviation (1). Throws RangeError for a negative deviation,
 * and for numbers that are not finite.
 * @example randn([2, 3]).shape // [2, 3] */
export function randn(shape: Shape, options: { readonly mean?: number | undefined; readonly std?: number | undefined } = {}): Tensor {
  if (typeof shape === 'number') refuseLoose('randn', 'the shape is', arguments)
  checkOptions('randn', options, ['mean', 'std'])
  if (arguments.length > 2) refuseSurplus('randn', 2, arguments)
  const { mean = 0, std = 1 } = options
  checkShape('randn', shape)
  checkFinite('randn', { mean, std })
  if (!(std >= 0)) throw rangeError('randn', 'the standard deviation must not be negative', std)
  return draw('randn', kernels.randomNormal, shape, mean as Real, std as Real)
}

/** Uniform int32 numbers from `low` (included) to `high` (excluded). Throws RangeError for an empty range.
 * @example randint(3, 4, [2]).toArray() // [3, 3] */
export function randint(low: number, high: number, shape: Shape): Tensor {
  if (typeof shape === 'number') refuseLoose('randint', 'the shape is', arguments, 2)
  if (arguments.length > 3) refuseSurplus('randint', 3, arguments)
  checkShape('randint', shape)
  if (!Number.isInteger(low) || !Number.isInteger(high) || low >= high || low < -(2 ** 31) || high > 2 ** 31) {
    throw rangeError('randint', 'low and high must be int32 and low below high', `${written(low)}, ${written(high)}`)
  }
  return draw('randint', kernels.randomInteger, shape, low, high - low, 'int32')
}

/** 1 with probability p, else 0, as float32. Throws RangeError for a p outside [0, 1].
 * @example bernoulli(1, [2]).toArray() // [1, 1] */
export function bernoulli(p: number, shape: Shape): Tensor {
  if (typeof shape === 'number') refuseLoose('bernoulli', 'the shape is', arguments, 1)
  if (arguments.length > 2) refuseSurplus('bernoulli', 2, arguments)
  checkShape('bernoulli', shape)
  checkNumber('bernoulli', 'a probability', p)
  if (!(p >= 0 && p <= 1)) throw rangeError('bernoulli', 'a probability lies in [0, 1]', p)
  const kernel: Kernel<Real> = (out, n, key0, key1, stream, a, _, blocks) => kernels.randomBernoulli(out, n, key0, key1, stream, a, blocks)
  return draw('bernoulli', kernel, shape, p as Real, 0 as Real)
}
