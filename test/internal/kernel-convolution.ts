/** The three passes of a convolution as the kernels of assembly/convolution take them, and the same in plain loops in double precision. */
import { type Convolution, type Kernels, writeConvolution } from '../../src/wasm/kernels.generated.ts'
import { NONE } from '../../src/wasm/kinds.ts'
import { f32, SCRATCH } from '../../src/wasm/memory.ts'
import { wasm } from '../../src/wasm/module.ts'
import type { Arena, Block, Trial } from './kernel-trials.ts'

type Three = readonly [number, number, number]

/** Sizes and how they lie, all three axes written out. */
export interface Sizes {
  readonly batch: number
  readonly channels: number
  readonly outputs: number
  readonly groups: number
  readonly size: Three
  readonly kernel: Three
  readonly stride: Three
  readonly dilation: Three
  readonly pad: Three
  readonly out: Three
}

export const sizes = (
  [batch, channels, outputs]: Three,
  size: Three,
  kernel: Three,
  told: { groups?: number; stride?: Three; dilation?: Three; pad?: Three; behind?: Three } = {},
): Sizes => {
  const { groups = 1, stride = [1, 1, 1], dilation = [1, 1, 1], pad = [0, 0, 0] } = told
  const { behind = pad } = told
  const length = (i: number) => Math.floor((size[i] + pad[i] + behind[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1
  return { batch, channels, outputs, groups, size, kernel, stride, dilation, pad, out: [length(0), length(1), length(2)] }
}

/** One axis, two and three; what is left over behind a stride, kernels that lie outside whole, groups. */
export const geometries: readonly Sizes[] = [
  sizes([1, 1, 1], [1, 1, 1], [1, 1, 1]),
  sizes([2, 3, 4], [1, 1, 7], [1, 1, 3]),
  sizes([2, 2, 3], [1, 1, 11], [1, 1, 4], { stride: [1, 1, 3], pad: [0, 0, 2], behind: [0, 0, 0] }),
  sizes([2, 3, 2], [1, 5, 6], [1, 3, 2]),
  sizes([1, 2, 3], [1, 4, 5], [1, 3, 3], { pad: [0, 1, 1] }),
  sizes([2, 1, 6], [1, 9, 9], [1, 5, 5], { pad: [0, 2, 2] }),
  sizes([1, 2, 2], [1, 7, 8], [1, 3, 3], { stride: [1, 2, 3], pad: [0, 1, 0] }),
  sizes([1, 2, 2], [1, 8, 7], [1, 1, 2], { stride: [1, 3, 4] }),
  sizes([1, 2, 2], [1, 7, 8], [1, 3, 3], { dilation: [1, 2, 3], pad: [0, 1, 0], behind: [0, 0, 1] }),
  sizes([1, 2, 2], [1, 2, 2], [1, 3, 3], { pad: [0, 3, 3] }),
  sizes([2, 4, 6], [1, 5, 5], [1, 3, 3], { groups: 2, pad: [0, 1, 1] }),
  sizes([2, 3, 6], [1, 5, 6], [1, 3, 3], { groups: 3, stride: [1, 2, 2], pad: [0, 1, 1] }),
  sizes([1, 5, 3], [1, 3, 17], [1, 3, 3], { pad: [0, 1, 1] }),
  sizes([1, 9, 7], [1, 4, 4], [1, 1, 1]),
  sizes([1, 2, 3], [3, 5, 4], [2, 3, 3], { stride: [1, 2, 2], dilation: [2, 1, 1], pad: [1, 1, 0] }),
]

const volume = ([a, b, c]: Three) => a * b * c

/** How many elements x, the weight and y have. */
export function counts({ batch, channels, outputs, groups, size, kernel, out }: Sizes): Three {
  return [batch * channels * volume(size), outputs * (channels / groups) * volume(kernel), batch * outputs * volume(out)]
}

/** Calls `f` with the places in x, the weight and y of every product of the form that all passes are sides of. */
function products(geometry: Sizes, f: (x: number, weight: number, y: number) => void): void {
  const { batch, channels, outputs, groups, size, kernel, stride, dilation, pad, out } = geometry
  const inside = channels / groups
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outputs; o++) {
      for (let c = 0; c < inside; c++) {
        const plane = n * channels + Math.floor((o * groups) / outputs) * inside + c
        for (let t = 0; t < volume(kernel); t++) {
          for (let p = 0; p < volume(out); p++) {
            let [tap, place, at, step, isInside] = [t, p, 0, 1, true]
            for (let axis = 2; axis >= 0; axis--) {
              const i = (place % out[axis]) * stride[axis] + (tap % kernel[axis]) * dilation[axis] - pad[axis]
              isInside &&= i >= 0 && i < size[axis]
              at += i * step
              step *= size[axis]
              tap = Math.floor(tap / kernel[axis])
              place = Math.floor(place / out[axis])
            }
            if (isInside) f(plane * volume(size) + at, (o * inside + c) * volume(kernel) + t, (n * outputs + o) * volume(out) + p)
          }
        }
      }
    }
  }
}

export type Pass = 'convForward' | 'convInput' | 'convWeight'

/** What a pass gives, from the other two of x, weight and y, and the sum of its products' sizes, by which rounding is judged. */
export function reference(
  pass: Pass,
  geometry: Sizes,
  [x, weight, y]: readonly ArrayLike<number>[],
  bias: ArrayLike<number> | undefined,
  relu: boolean,
): { values: Float64Array; sizes: Float64Array } {
  const which = { convInput: 0, convWeight: 1, convForward: 2 }[pass]
  const values = new Float64Array(counts(geometry)[which])
  const sizes = new Float64Array(values.length)
  products(geometry, (i, j, k) => {
    const [at, product] = [[i, y[k] * weight[j]] as const, [j, x[i] * y[k]] as const, [k, x[i] * weight[j]] as const][which]
    values[at] += product
    sizes[at] += Math.abs(product)
  })
  const plane = which === 0 ? volume(geometry.size) : volume(geometry.out)
  const channels = which === 0 ? geometry.channels : geometry.outputs
  if (bias) values.forEach((_, at) => void (values[at] += bias[Math.floor(at / plane) % channels]))
  return { values: relu ? values.map(value => Math.max(value, 0)) : values, sizes }
}

/** The record of a kernel. */
export function recordOf(geometry: Sizes, [x, weight, y]: readonly Block[], bias: Block | undefined, relu: boolean): Convolution {
  const { batch, channels, outputs, groups, size, kernel, stride, dilation, pad, out } = geometry
  return {
    ...{ x: x.pointer, weight: weight.pointer, y: y.pointer, bias: bias?.pointer ?? NONE, epilogue: Number(relu) },
    ...{ batch, channels, outputs, groups, depth: size[0], height: size[1], width: size[2] },
    ...{ outDepth: out[0], outHeight: out[1], outWidth: out[2], kernelDepth: kernel[0], kernelHeight: kernel[1], kernelWidth: kernel[2] },
    ...{ strideDepth: stride[0], strideHeight: stride[1], strideWidth: stride[2] },
    ...{ dilationDepth: dilation[0], dilationHeight: dilation[1], dilationWidth: dilation[2] },
    ...{ padDepth: pad[0], padHeight: pad[1], padWidth: pad[2] },
  }
}

const WORDS = SCRATCH.descriptor
const valuesOf = ({ pointer, bytes }: Block) => f32.slice(pointer >>> 2, (pointer + bytes) >>> 2)

/** A pass over all geometries: with and without a bias and relu, which a weight's derivative has none of. */
export const passes = (pass: Pass) =>
  function* (arena: Arena): Iterable<Trial & { wrong(): string | undefined }> {
    for (const [i, geometry] of geometries.entries()) {
      const blocks = counts(geometry).map(count => arena.floats(count))
      const which = { convInput: 0, convWeight: 1, convForward: 2 }[pass]
      const { batch, channels, outputs, groups } = geometry
      const units = { convInput: batch * channels, convWeight: outputs * (channels / groups), convForward: batch * outputs }[pass]
      const relu = which !== 1 && i % 3 === 0
      const bias = which === 1 || i % 2 === 0 ? undefined : arena.floats(which === 0 ? channels : outputs)
      const record = recordOf(geometry, blocks, bias, relu)
      const given = blocks.map(valuesOf)
      const name = `[${batch}, ${channels}, ${geometry.size}] to ${outputs} by [${geometry.kernel}], geometry ${i}`
      yield {
        name,
        units,
        writes: [blocks[which]],
        run(begin, end) {
          writeConvolution(WORDS >>> 2, record)
          wasm[pass](WORDS, begin, end)
        },
        wrong() {
          const wanted = reference(pass, geometry, given, bias && valuesOf(bias), relu)
          const got = valuesOf(blocks[which])
          const at = got.findIndex((value, j) => !(Math.abs(value - wanted.values[j]) <= 3e-7 * (wanted.sizes[j] + 3)))
          return at < 0 ? undefined : `${pass}, ${name}: ${got[at]} at ${at} instead of ${wanted.values[at]}`
        },
      }
    }
  }

export const convolutionRows: readonly (readonly [keyof Kernels, (arena: Arena) => Iterable<Trial>])[] = [
  ['convForward', passes('convForward')],
  ['convInput', passes('convInput')],
  ['convWeight', passes('convWeight')],
]
