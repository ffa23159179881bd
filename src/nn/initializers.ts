import { checkNumber, checkOptions, refuseSurplus } from '../errors.ts'
import { rand, randn } from '../tensor/random.ts'
import { checkSizes, type Shape, sizeOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** Makes the first values of a parameter of the given shape. */
export type Initializer = (shape: Shape) => Tensor

/** What `glorotUniform` and its like can be told. */
export interface GainOptions {
  /** A factor of all values. */
  readonly gain?: number | undefined
}

/** Given a shape it makes a tensor, given options another initializer: `glorotUniform([3, 4])`, `glorotUniform({ gain: 2 })`. */
export interface ConfigurableInitializer {
  (shape: Shape): Tensor
  (options: GainOptions): Initializer
}

/** How many numbers flow into and out of each unit of a weight `[out, in, ...kernel]`; a vector has fans (1, n). */
export function fans(shape: Shape): [inputs: number, outputs: number] {
  if (shape.length === 0) return [1, 1]
  if (shape.length === 1) return [1, shape[0]]
  const kernel = sizeOf(shape.slice(2))
  return [shape[1] * kernel, shape[0] * kernel]
}

function scaled(
  name: string,
  defaultGain: number,
  make: (shape: Shape, gain: number, inputs: number, outputs: number) => Tensor,
): ConfigurableInitializer {
  return function (first: Shape | GainOptions): Tensor | Initializer {
    if (arguments.length > 1) refuseSurplus(name, 1, arguments, `Write ${name}(shape), or ${name}({ gain })(shape).`)
    const made = (shape: Shape, gain: number) => {
      checkSizes(name, shape)
      return make(shape, gain, ...fans(shape))
    }
    if (isShape(first)) return made(first, defaultGain)
    checkOptions(name, first, ['gain'])
    const { gain = defaultGain } = first
    checkNumber(name, 'gain', gain)
    return function (shape: Shape) {
      if (arguments.length > 1) refuseSurplus(name, 1, arguments)
      return made(shape, gain)
    }
  } as ConfigurableInitializer
}

function isShape(value: Shape | GainOptions): value is Shape {
  return Array.isArray(value)
}

/** U(-b, b), b = gain √(6 / (in + out)), gain 1 (Glorot & Bengio 2010, equation 16).
 * @example glorotUniform([3, 4]).shape // [3, 4] */
export const glorotUniform = /* @__PURE__ */ scaled('glorotUniform', 1, (shape, gain, inputs, outputs) =>
  uniform(shape, gain * Math.sqrt(6 / (inputs + outputs))),
)
/** N(0, gain² 2 / (in + out)), gain 1 (Glorot & Bengio 2010).
 * @example glorotNormal([3, 4]).shape // [3, 4] */
export const glorotNormal = /* @__PURE__ */ scaled('glorotNormal', 1, (shape, gain, inputs, outputs) =>
  randn(shape, { std: gain * Math.sqrt(2 / (inputs + outputs)) }),
)
/** U(-b, b), b = gain √(3 / in), gain √2 (He et al. 2015, equation 10).
 * @example kaimingUniform([3, 4]).shape // [3, 4] */
export const kaimingUniform = /* @__PURE__ */ scaled('kaimingUniform', Math.SQRT2, (shape, gain, inputs) =>
  uniform(shape, gain * Math.sqrt(3 / inputs)),
)
/** N(0, gain² / in), gain √2 (He et al. 2015).
 * @example kaimingNormal([3, 4]).shape // [3, 4] */
export const kaimingNormal = /* @__PURE__ */ scaled('kaimingNormal', Math.SQRT2, (shape, gain, inputs) =>
  randn(shape, { std: gain / Math.sqrt(inputs) }),
)

function uniform(shape: Shape, bound: number): Tensor {
  return rand(shape, { low: -bound, high: bound })
}
