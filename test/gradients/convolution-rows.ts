/** Gradient rows of the convolutions: each option, one to three axes, and what a layer computes with them. */
import * as flux from 'fluxtape'
import type { Row } from './check.ts'
import { at, build, type Float64, type Index, map, read, zip } from './float64.ts'

type Shape = readonly number[]

interface Told {
  readonly stride?: readonly number[]
  readonly dilation?: readonly number[]
  readonly groups?: number
  /** Zeros before and after each axis. */
  readonly pad?: readonly number[]
  readonly outPad?: readonly number[]
}

/** Each index of a shape. */
function* indices(shape: Shape): Iterable<Index> {
  if (shape.length === 0) return yield []
  for (let i = 0; i < shape[0]; i++) for (const rest of indices(shape.slice(1))) yield [i, ...rest]
}

/** The place in x of entry t of the kernel at place p of y, along one axis. */
const placed = (told: Told, axis: number, p: number, t: number) =>
  p * (told.stride?.[axis] ?? 1) + t * (told.dilation?.[axis] ?? 1) - (told.pad?.[2 * axis] ?? 0)

/** y[n, o, p] = Σ w[o, c, t] x[n, c, p stride + t dilation - pad] */
function conv(x: Float64, w: Float64, told: Told): Float64 {
  const kernel = w.shape.slice(2)
  const inside = w.shape[1]
  const sizes = kernel.map((_, i) => {
    const padded = x.shape[i + 2] + (told.pad?.[2 * i] ?? 0) + (told.pad?.[2 * i + 1] ?? 0)
    return Math.floor((padded - (told.dilation?.[i] ?? 1) * (kernel[i] - 1) - 1) / (told.stride?.[i] ?? 1)) + 1
  })
  return build([x.shape[0], w.shape[0], ...sizes], ([n, o, ...p]) => {
    const first = Math.floor((o * (told.groups ?? 1)) / w.shape[0]) * inside
    let total = 0
    for (const [c, ...t] of indices([inside, ...kernel])) {
      const place = t.map((each, axis) => placed(told, axis, p[axis], each))
      if (place.every((i, axis) => i >= 0 && i < x.shape[axis + 2])) total += read(w, [o, c, ...t]) * read(x, [n, first + c, ...place])
    }
    return total
  })
}

/** x[n, c, i] = Σ w[o, c, t] y[n, o, p] over all p and t that lie at i. */
function convTranspose(y: Float64, w: Float64, told: Told): Float64 {
  const kernel = w.shape.slice(2)
  const { groups = 1 } = told
  const sizes = kernel.map(
    (k, i) => placed(told, i, y.shape[i + 2] - 1, k - 1) + 1 - (told.pad?.[2 * i + 1] ?? 0) + (told.outPad?.[i] ?? 0),
  )
  return build([y.shape[0], w.shape[1] * groups, ...sizes], ([n, channel, ...i]) => {
    const group = Math.floor(channel / w.shape[1])
    const outside = w.shape[0] / groups
    let total = 0
    for (const p of indices(y.shape.slice(2))) {
      for (const t of indices(kernel)) {
        if (!t.every((each, axis) => placed(told, axis, p[axis], each) === i[axis])) continue
        for (let o = group * outside; o < (group + 1) * outside; o++)
          total += read(w, [o, channel % w.shape[1], ...t]) * read(y, [n, o, ...p])
      }
    }
    return total
  })
}

const biased = (y: Float64, bias: Float64 | undefined): Float64 =>
  bias ? zip(y, { shape: [bias.shape[0], ...y.shape.slice(2).map(() => 1)], data: bias.data }, (a, b) => a + b) : y

const flipped = (w: Float64): Float64 => build(w.shape, index => at(w, index.map((i, axis) => (axis < 2 ? i : w.shape[axis] - 1 - i)))) // biome-ignore format: one line

const library = { ...flux }
type Op = 'conv' | 'convTranspose' | 'depthwiseConv'

const row = (
  op: Op,
  x: Shape,
  weight: Shape,
  { bias = 0, flipKernel = false, ...told }: Told & { bias?: number; flipKernel?: boolean } = {},
): Row => ({
  op,
  name: `x [${x}], weight [${weight}] ${JSON.stringify({ bias, flipKernel, ...told })}`,
  shapes: [x, weight, ...(bias ? [[bias]] : [])],
  domain: [-1.5, 1.7],
  run: (input, w, b) => library[op](input, w, { bias: b, ...told, ...(flipKernel && { flipKernel }) }),
  reference: ([input, w, b]) => {
    const groups = op === 'depthwiseConv' ? x[1] : (told.groups ?? 1)
    const y = op === 'convTranspose' ? convTranspose(input, w, told) : conv(input, flipKernel ? flipped(w) : w, { ...told, groups })
    return biased(y, b)
  },
  ulp: 4,
  cancels: true,
})

export const convolutionRows: readonly Row[] = [
  row('conv', [2, 2, 4], [3, 2, 2]),
  row('conv', [1, 2, 5], [2, 2, 2], { bias: 2, stride: [2], dilation: [2], pad: [1, 0] }),
  row('conv', [1, 2, 3, 3], [2, 2, 2, 2], { bias: 2, pad: [0, 1, 1, 0] }),
  row('conv', [1, 2, 4, 3], [4, 1, 2, 1], { groups: 2, stride: [2, 1], flipKernel: true }),
  row('conv', [1, 1, 3, 4], [2, 1, 1, 2], { bias: 2, stride: [2, 3], flipKernel: true }),
  row('conv', [1, 1, 2, 3, 2], [2, 1, 2, 1, 2], { bias: 2, dilation: [1, 2, 1] }),
  row('convTranspose', [2, 2, 3], [2, 3, 2]),
  row('convTranspose', [1, 2, 3], [2, 2, 2], { bias: 2, stride: [3], dilation: [2], pad: [1, 2], outPad: [2] }),
  row('convTranspose', [1, 4, 2, 2], [4, 1, 2, 2], { bias: 2, groups: 2, stride: [1, 2], outPad: [0, 1] }),
  row('convTranspose', [1, 1, 2, 1, 2], [1, 2, 2, 1, 2], { bias: 2, pad: [1, 0, 0, 0, 0, 1] }),
  row('depthwiseConv', [1, 2, 4], [4, 1, 2], { bias: 4, stride: [2], pad: [1, 1] }),
  row('depthwiseConv', [1, 2, 3, 3], [2, 1, 2, 3], { pad: [0, 0, 1, 1] }),
  ...[true, false].map(
    (isBiased): Row => ({
      ...row('conv', [1, 2, 3, 3], [2, 2, 2, 2], { bias: isBiased ? 2 : 0, pad: [1, 1, 0, 0] }),
      name: `in a Conv with relu${isBiased ? ' and a bias' : ''}`,
      run: (x, w, b) => flux.Conv(w, b ?? false, flux.relu, { pad: [1, 0] })(x),
      reference: ([x, w, b]) => map(biased(conv(x, w, { pad: [1, 1, 0, 0] }), b), value => Math.max(value, 0)),
    }),
  ),
  {
    ...row('convTranspose', [1, 2, 2, 2], [2, 1, 2, 2], { bias: 1, stride: [2, 1] }),
    name: 'in a ConvTranspose with relu',
    run: (x, w, b) => flux.ConvTranspose(w, b, flux.relu, { stride: [2, 1] })(x),
    reference: ([x, w, b]) => map(biased(convTranspose(x, w, { stride: [2, 1] }), b), value => Math.max(value, 0)),
  },
]
