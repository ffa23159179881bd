/** The three passes of a convolution in plain loops in double precision, and geometries to try. */

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
