// What a convolution is told, checked and made plain once: numbers of each axis, and the three shapes.
import { rangeError, ShapeError, typeError, written } from '../../errors.ts'
import { checkShape, MOST_ELEMENTS, type Shape, show } from '../../tensor/shape.ts'
import { type PerAxis, perAxis, perSide, placesOf } from '../per-axis.ts'

/** What all convolutions can be told. */
export interface ConvolutionOptions {
  /** From one output to the next so many entries of the input: 1. */
  readonly stride?: PerAxis | undefined
  /** Zeros around the input: a number, one an axis, two an axis (before and after the first, before and after the second, ...), or 'same': 0. */
  readonly pad?: PerAxis | 'same' | undefined
  /** From one entry of the kernel to the next so many of the input: 1. */
  readonly dilation?: PerAxis | undefined
}

/** The numbers of each spatial axis, in their order. */
export interface Settings {
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  /** Zeros before and after the input of a convolution, which for a transposed one is the result. */
  readonly low: readonly number[]
  readonly high: readonly number[]
  readonly outPad: readonly number[]
  readonly groups: number
  /** That of the last call: a layer's is mostly that of the next. */
  last?: Geometry
}

/**
 * The shapes of a convolution from x [batch, channels, ...] to y [batch, outputs, ...] by weight [outputs, channels / groups, ...kernel], and how they lie
 * to each other: y[p] has x[p stride + t dilation - pad] w[t] in it.
 */
export interface Geometry {
  readonly x: Shape
  readonly weight: Shape
  readonly y: Shape
  readonly groups: number
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  readonly pad: readonly number[]
}

type Told = ConvolutionOptions & { readonly groups?: number | undefined; readonly outPad?: PerAxis | undefined }

/**
 * What an operation or a layer is told, for a kernel of these sizes. With 'same' a convolution of stride 1 gives the size that came and one of stride s
 * n / s of it, rounded up, and a transposed one, its adjoint, n s; where the zeros are odd in number, the last one stands behind.
 */
export function settingsOf(operation: string, kernel: Shape, options: Told, isTransposed = false): Settings {
  const { groups = 1, pad = 0 } = options
  const of = (name: 'stride' | 'dilation' | 'outPad', least: number) => {
    const value = options[name]
    return perAxis(operation, name, value === undefined ? least : value, kernel.length, least)
  }
  const [stride, dilation, outPad] = [of('stride', 1), of('dilation', 1), of('outPad', 0)]
  const odd = outPad.findIndex((each, i) => each >= stride[i])
  if (isTransposed && odd >= 0) {
    throw rangeError(operation, 'outPad is smaller than the stride', `outPad ${outPad[odd]}, stride ${stride[odd]}`)
  }
  if (typeof groups !== 'number') throw typeError(operation, 'groups is a number', `${written(groups)} came`)
  if (!Number.isInteger(groups) || groups < 1) throw rangeError(operation, 'groups is a whole number from 1', groups)
  if (pad === 'same') {
    const zeros = kernel.map((size, i) => dilation[i] * (size - 1))
    const low = zeros.map(each => Math.floor(each / 2))
    const rest = zeros.map((each, i) => each - low[i] + (isTransposed ? 1 - stride[i] : 0))
    const high = rest.map(each => Math.max(each, 0))
    return { stride, dilation, groups, low, high, outPad: rest.map((each, i) => (each < 0 ? -each : outPad[i])) }
  }
  const [low, high] = perSide(operation, pad, kernel.length)
  return { stride, dilation, groups, low, high, outPad }
}

/** The spatial sizes of a weight. Throws ShapeError for one that has none, or more than three, or none of a size. */
export function kernelOf(operation: string, weight: Shape, isTransposed = false): Shape {
  const kernel = weight.slice(2)
  if (kernel.length < 1 || kernel.length > 3 || kernel.includes(0)) {
    const problem = `the weight is ${isTransposed ? '[inputs, outputs / groups' : '[outputs, inputs / groups'}, ...kernel], the kernel 1 to 3 sizes from 1`
    throw new ShapeError({ operation, problem, came: show(weight) }, [weight])
  }
  return kernel
}

/** Throws ShapeError for an input of another rank than the weight's, or with other channels than it takes. */
function checkChannels(operation: string, x: Shape, weight: Shape, taken: number, groups: number): void {
  if (x.length !== weight.length) {
    const axes = weight.length === 3 ? '1 axis' : `${weight.length - 2} axes`
    const rows = x.length === 2 ? `Rows become images by reshape(x, [-1, ${taken}, ...sizes]).` : ''
    const one = taken === 1 ? 'expandDims(x, 1) makes one channel.' : 'expandDims(x) makes a batch of one.'
    const wayOut = x.length === weight.length - 1 && x.length > 2 ? one : rows
    const came = `x ${show(x)}, weight ${show(weight)}`
    throw new ShapeError({ operation, problem: `x is [batch, channels, ...${axes}]`, came, wayOut }, [x, weight])
  }
  if (x[1] !== taken) {
    const came = `x ${show(x)}, weight ${show(weight)}${groups > 1 ? `, groups ${groups}` : ''}`
    const order = [0, x.length - 1, ...x.keys()].filter((axis, i, all) => all.indexOf(axis) === i)
    const wayOut = x[x.length - 1] === taken ? `Channels are axis 1: permute(x, ${show(order)}).` : ''
    throw new ShapeError({ operation, problem: `x has ${x[1]} channels, the weight takes ${taken}`, came, wayOut }, [x, weight])
  }
}

/** Throws ShapeError for channels that do not fall into equal groups. */
export function checkGroups(operation: string, what: string, count: number, groups: number, weight: Shape): void {
  if (count % groups === 0) return
  const came = `${count} ${what}, ${groups} groups`
  throw new ShapeError({ operation, problem: `the ${what} do not fall into equal groups`, came }, [weight])
}

/** The convolution of an x by a weight. Throws ShapeError where they do not fit. */
export function geometryOf(operation: string, x: Shape, weight: Shape, { stride, dilation, low, high, groups }: Settings): Geometry {
  checkChannels(operation, x, weight, weight[1] * groups, groups)
  checkGroups(operation, 'outputs', weight[0], groups, weight)
  const y = [x[0], weight[0]]
  for (let i = 0; i < stride.length; i++) {
    const spanned = dilation[i] * (weight[i + 2] - 1) + 1
    y.push(placesOf(operation, 'kernel', x, i + 2, low[i] + high[i], spanned, stride[i]))
  }
  checkShape(operation, y)
  return { x, weight, y, groups, stride, dilation, pad: low }
}

/** The convolution whose transposition takes a y by a weight to x. Throws ShapeError where they do not fit. */
export function transposedGeometry(operation: string, y: Shape, weight: Shape, settings: Settings): Geometry {
  const { stride, dilation, low, high, outPad, groups } = settings
  checkChannels(operation, y, weight, weight[0], 1)
  checkGroups(operation, 'inputs', weight[0], groups, weight)
  const x = [y[0], weight[1] * groups]
  for (let i = 0; i < stride.length; i++) {
    const whole = (y[i + 2] - 1) * stride[i] + dilation[i] * (weight[i + 2] - 1) + 1 + outPad[i]
    const size = whole - low[i] - high[i]
    if (y[i + 2] < 1 || size < 1) {
      const came = `axis ${i + 2} of x ${show(y)} would become ${y[i + 2] < 1 ? 0 : size}, weight ${show(weight)}`
      throw new ShapeError({ operation, problem: 'nothing would be left', came, wayOut: 'Pad less: padding is cut off the result.' }, [
        y,
        weight,
      ])
    }
    if (whole > MOST_ELEMENTS) checkShape(operation, [whole])
    x.push(size)
  }
  checkShape(operation, x)
  return { x, weight, y, groups, stride, dilation, pad: low }
}
