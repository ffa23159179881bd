import { checkNumber, checkOptions, rangeError, refuseLoose, refuseSurplus, ShapeError } from '../errors.ts'
import { roll } from '../ops/arranging.ts'
import { abs, add, exp, less, mul, sub } from '../ops/pointwise.ts'
import { tensor } from '../tensor/create.ts'
import { countUp, drawIntegers, rand, randn } from '../tensor/random.ts'
import { scoped } from '../tensor/scope.ts'
import { checkSizes, type Shape, show, sizeOf } from '../tensor/shape.ts'
import { make as room, type Tensor } from '../tensor/tensor.ts'

/** Makes the first values of a parameter of the given shape. */
export type Initializer = (shape: Shape) => Tensor

/** What `glorotUniform` and its like can be told. */
export interface GainOptions {
  /** A factor of all values. */
  readonly gain?: number | undefined
}

/** What `truncatedNormal` can be told. */
export interface TruncatedNormalOptions {
  /** Of the normal distribution before it is cut: 0 and 1. */
  readonly mean?: number | undefined
  readonly std?: number | undefined
  /** The limits, as values: -2 and 2. */
  readonly lo?: number | undefined
  readonly hi?: number | undefined
}

/** What `sparseInit` must and can be told. */
export interface SparseOptions {
  /** The share of zeros in each column, from 0 to 1. */
  readonly sparsity: number
  /** The standard deviation of the others: 0.01. */
  readonly std?: number | undefined
}

/** What `identityInit` can be told. */
export interface IdentityOptions extends GainOptions {
  /** How many places the ones are moved on: along the outputs of a matrix, along the last axis of a kernel. */
  readonly shift?: number | undefined
}

/**
 * Given a shape, and options or none, it makes a tensor; given options alone another initializer: `glorotUniform([3, 4])`, `glorotUniform({ gain: 2 })`.
 */
export interface ConfigurableInitializer<Options = GainOptions> {
  (shape: Shape, options?: Options): Tensor
  (options: Options): Initializer
}

/** How many numbers flow into and out of each unit of a weight `[out, in, ...kernel]`, at least 1; a vector has fans (1, n). */
export function fans(shape: Shape): [inputs: number, outputs: number] {
  if (shape.length === 0) return [1, 1]
  if (shape.length === 1) return [1, shape[0]]
  const kernel = sizeOf(shape.slice(2))
  return [Math.max(1, shape[1] * kernel), Math.max(1, shape[0] * kernel)]
}

type Numbers<Name extends string> = Readonly<Record<Name, number>>
type Defaults<Name extends string> = Readonly<Record<Name, number | undefined>>

/** An initializer with numbers by name and their defaults; undefined for one that must be given. */
function configurable<Name extends string, Options extends object>(
  name: string,
  defaults: Defaults<Name>,
  make: (shape: Shape, numbers: Numbers<Name>) => Tensor,
): ConfigurableInitializer<Options> {
  const known = Object.keys(defaults) as Name[]
  const told = (options: Options): Numbers<Name> => {
    checkOptions(name, options, known)
    const numbers = {} as Record<Name, number>
    for (const each of known) {
      const { [each]: value = defaults[each] } = options as Partial<Numbers<Name>>
      checkNumber(name, each, value)
      const isLimit = each === 'lo' || each === 'hi'
      if (isLimit ? Number.isNaN(value) : !(Math.abs(value) < 1e38)) throw rangeError(name, `${each} is no number to draw by`, value)
      numbers[each] = value
    }
    return numbers
  }
  const made = (shape: Shape, numbers: Numbers<Name>) => {
    checkSizes(name, shape)
    // Before JavaScript looks for as much: what there is no room for is a MemoryError.
    if (shape.length > 0) scoped(() => room(shape, 'float32', name))
    return make(shape, numbers)
  }
  return function (first: Shape | Options, options?: Options): Tensor | Initializer {
    refuseLoose(name, 'the shape is', arguments)
    if (arguments.length > 2 || (arguments.length > 1 && !isShape(first))) {
      refuseSurplus(name, isShape(first) ? 2 : 1, arguments)
    }
    if (isShape(first)) return made(first, told(options === undefined ? ({} as Options) : options))
    const numbers = told(first)
    return function (shape: Shape) {
      if (arguments.length > 1) refuseSurplus(name, 1, arguments)
      return made(shape, numbers)
    }
  } as ConfigurableInitializer<Options>
}

const scaled = (name: string, defaultGain: number, make: (shape: Shape, gain: number, inputs: number, outputs: number) => Tensor) =>
  configurable<'gain', GainOptions>(name, { gain: defaultGain }, (shape, { gain }) => {
    if (gain < 0) throw rangeError(name, 'gain must not be negative', gain)
    return make(shape, gain, ...fans(shape))
  })

function isShape(value: unknown): value is Shape {
  return Array.isArray(value)
}

/** U(-b, b), b = gain √(6 / (in + out)), gain 1 (Glorot & Bengio 2010, equation 16). Throws RangeError for a gain below 0 or of 1e38 and more.
 * @example glorotUniform([3, 4]).shape // [3, 4] */
export const glorotUniform = /* @__PURE__ */ scaled('glorotUniform', 1, (shape, gain, inputs, outputs) =>
  uniform(shape, gain * Math.sqrt(6 / (inputs + outputs))),
)
/** N(0, gain² 2 / (in + out)), gain 1 (Glorot & Bengio 2010). Throws RangeError for a gain below 0 or of 1e38 and more.
 * @example glorotNormal([3, 4]).shape // [3, 4] */
export const glorotNormal = /* @__PURE__ */ scaled('glorotNormal', 1, (shape, gain, inputs, outputs) =>
  randn(shape, { std: gain * Math.sqrt(2 / (inputs + outputs)) }),
)
/** U(-b, b), b = gain √(3 / in), gain √2 (He et al. 2015, equation 10). Throws RangeError for a gain below 0 or of 1e38 and more.
 * @example kaimingUniform([3, 4]).shape // [3, 4] */
export const kaimingUniform = /* @__PURE__ */ scaled('kaimingUniform', Math.SQRT2, (shape, gain, inputs) =>
  uniform(shape, gain * Math.sqrt(3 / inputs)),
)
/** N(0, gain² / in), gain √2 (He et al. 2015). Throws RangeError for a gain below 0 or of 1e38 and more.
 * @example kaimingNormal([3, 4]).shape // [3, 4] */
export const kaimingNormal = /* @__PURE__ */ scaled('kaimingNormal', Math.SQRT2, (shape, gain, inputs) =>
  randn(shape, { std: gain / Math.sqrt(inputs) }),
)

/** N(0, gain² / in), gain 1 (LeCun et al. 1998): a plain normal distribution, where others cut it. Throws RangeError for a gain below 0 or of 1e38 and more.
 * @example lecunNormal([3, 4]).shape // [3, 4] */
export const lecunNormal = /* @__PURE__ */ scaled('lecunNormal', 1, (shape, gain, inputs) =>
  randn(shape, { std: gain / Math.sqrt(inputs) }),
)

/**
 * N(mean, std²) cut to [lo, hi], of any shape: mean 0, std 1, limits -2 and 2, which are values, no multiples of std; they may be infinite. Throws
 * RangeError for a std that is not positive and for limits in the wrong order.
 * @example truncatedNormal([3, 4], { std: 0.02, lo: -0.04, hi: 0.04 }).shape // [3, 4]
 */
export const truncatedNormal: ConfigurableInitializer<TruncatedNormalOptions> = /* @__PURE__ */ configurable(
  'truncatedNormal',
  { mean: 0, std: 1, lo: -2, hi: 2 },
  (shape, { mean, std, lo, hi }) => {
    if (!(std > 0)) throw rangeError('truncatedNormal', 'std must be positive', std)
    if (!(lo <= hi)) throw rangeError('truncatedNormal', 'lo must not be above hi', `${lo}, ${hi}`)
    // Uniform numbers x, kept with probability exp((m² - x²) / 2), m the smallest |x|; what is less likely than e^-25 is left out.
    const [from, to] = [(lo - mean) / std, (hi - mean) / std]
    const m = Math.max(from, -to, 0)
    const far = Math.sqrt(m * m + 50)
    const [low, high] = [Math.max(from, -far), Math.min(to, far)]
    const values = new Float32Array(sizeOf(shape))
    for (let n = 0; n < values.length; ) {
      scoped(() => {
        const x = rand([Math.ceil((values.length - n) * 1.5) + 16], { low, high })
        const a = abs(x)
        const kept = less(rand(x.dims), exp(mul(mul(sub(m, a), add(a, m)), 0.5))).data()
        const drawn = x.data()
        for (let i = 0; i < drawn.length && n < values.length; i++) {
          if (kept[i]) values[n++] = Math.min(Math.max(mean + std * drawn[i], lo), hi)
        }
      })
    }
    return tensor(values, shape)
  },
)

function asRows(name: string, shape: Shape): [rows: number, columns: number] {
  if (shape.length < 2) throw new ShapeError({ operation: name, problem: 'two axes are needed', came: show(shape) }, [shape])
  return [shape[0], sizeOf(shape.slice(1))]
}

/**
 * Rows, or where there are more of them the columns, of length `gain` (1) at right angles, uniformly distributed: the Q of a QR decomposition of a normal
 * matrix, by Householder reflections (Saxe et al. 2014; Stewart 1980). More than two axes are a matrix [out, rest]. Throws ShapeError for fewer than
 * two, RangeError for a gain of 1e38 and more.
 * @example orthogonal([2, 2]).square().sum().toArray() // 2
 */
export const orthogonal: ConfigurableInitializer = /* @__PURE__ */ configurable('orthogonal', { gain: 1 }, (shape, { gain }) => {
  const [rows, columns] = asRows('orthogonal', shape)
  const [few, many] = [Math.min(rows, columns), Math.max(rows, columns)]
  const q = Array.from({ length: few }, () => new Float64Array(many))
  const normal = scoped(() => randn([few * many]).data())
  // The reflection of the k-th column moves a vector of its own, normal from k on; the last one is the innermost.
  for (let k = few - 1; k >= 0; k--) {
    const v = Float64Array.from(normal.subarray(k * many + k, (k + 1) * many))
    if (v.length > 0 && v[0] === 0) v[0] = 1
    const sign = v[0] < 0 ? -1 : 1
    v[0] += sign * Math.sqrt(v.reduce((sum, each) => sum + each * each, 0))
    const half = v.reduce((sum, each) => sum + each * each, 0) / 2
    q[k][k] = 1
    for (let j = k; j < few; j++) {
      const row = q[j]
      let along = 0
      for (let i = 0; i < v.length; i++) along += v[i] * row[k + i]
      along /= half
      for (let i = 0; i < v.length; i++) row[k + i] -= along * v[i]
    }
    if (sign > 0) for (let i = k; i < many; i++) q[k][i] = -q[k][i]
  }
  const values = new Float32Array(rows * columns)
  for (let k = 0; k < few; k++) {
    for (let i = 0; i < many; i++) values[rows <= columns ? k * columns + i : i * columns + k] = gain * q[k][i]
  }
  return tensor(values, shape)
})

/**
 * N(0, std²), std 0.01, with ⌈sparsity · out⌉ zeros at random places of each column of a matrix [out, in] (Martens 2010). Throws TypeError without
 * `sparsity`, RangeError for one outside [0, 1] and for a negative std, ShapeError for other than two axes.
 * @example sparseInit([4, 3], { sparsity: 1 }).toArray()[0] // [0, 0, 0]
 */
export const sparseInit: ConfigurableInitializer<SparseOptions> = /* @__PURE__ */ configurable(
  'sparseInit',
  { sparsity: undefined, std: 0.01 },
  (shape, { sparsity, std }) => {
    const [rows, columns] = asRows('sparseInit', shape)
    if (shape.length > 2) throw new ShapeError({ operation: 'sparseInit', problem: 'a matrix is needed', came: show(shape) }, [shape])
    if (!(sparsity >= 0 && sparsity <= 1)) throw rangeError('sparseInit', 'sparsity lies in [0, 1]', sparsity)
    if (std < 0) throw rangeError('sparseInit', 'std must not be negative', std)
    const values = scoped(() => randn(shape, { std }).data())
    const zeros = Math.ceil(sparsity * rows)
    const draws = zeros * columns > 0 ? drawIntegers(zeros * columns) : []
    for (let column = 0; column < columns; column++) {
      const places = countUp(rows)
      for (let i = 0; i < zeros; i++) {
        const j = i + Math.floor((draws[column * zeros + i] / 2 ** 32) * (rows - i))
        values[places[j] * columns + column] = 0
        places[j] = places[i]
      }
    }
    return tensor(values as Float32Array, shape)
  },
)

/**
 * What leaves its input as it is, times `gain` (1): ones on the diagonal of a matrix [out, in], the middle entry (size - 1) / 2 of each kernel of channel i to
 * channel i, zeros for a vector. `shift` (0) moves them on. Throws RangeError for a shift that is not whole.
 * @example identityInit([2, 3]).toArray() // [[1, 0, 0], [0, 1, 0]]
 */
export const identityInit: ConfigurableInitializer<IdentityOptions> = /* @__PURE__ */ configurable(
  'identityInit',
  { gain: 1, shift: 0 },
  (shape, { gain, shift }) => {
    if (!Number.isInteger(shift)) throw rangeError('identityInit', 'a shift is a whole number', shift)
    const values = new Float32Array(sizeOf(shape))
    if (shape.length > 1 && values.length > 0) {
      const kernel = sizeOf(shape.slice(2))
      const middle = shape.slice(2).reduce((at, size) => at * size + ((size - 1) >> 1), 0)
      for (let i = 0; i < Math.min(shape[0], shape[1]); i++) values[(i * shape[1] + i) * kernel + middle] = gain
    }
    const made = tensor(values, shape)
    return shift === 0 || shape.length < 2 ? made : roll(made, shift, shape.length === 2 ? 0 : -1)
  },
)

function uniform(shape: Shape, bound: number): Tensor {
  return rand(shape, { low: -bound, high: bound })
}
