// The three passes of a convolution in plain loops, for any geometry. They are one form,
// T(x, w, g) = sum of w[o, c, t] x[n, c, p stride + t dilation - pad] g[n, o, p] over all of them, without one of its three factors:
// `convForward` writes y[n, o, p], `convInput` x[n, c, i], `convWeight` w[o, c, t]. Where the place in x lies outside, nothing is added.
//
// Units write parts of their own, and add in an order that the geometry alone decides.
// @cost 1.1: nanoseconds a multiplication
import { map1 } from '../map'
import { Relu } from '../pointwise'

/**
 * x [batch, channels, depth, height, width], weight [outputs, channels / groups, kernelDepth, ...], y [batch, outputs, outDepth, ...]. With fewer
 * than three axes the first ones have size 1, stride 1, dilation 1 and no padding. `pad` is what stands before an axis; what stands behind it follows
 * from the sizes.
 */
@unmanaged
export class Convolution {
  x: usize
  weight: usize
  y: usize
  /** Null, or what is added at last: [outputs] by `convForward`, [channels] by `convInput`. */
  bias: usize
  /** 1: relu of that. */
  epilogue: i32
  batch: i32
  channels: i32
  outputs: i32
  groups: i32
  depth: i32
  height: i32
  width: i32
  outDepth: i32
  outHeight: i32
  outWidth: i32
  kernelDepth: i32
  kernelHeight: i32
  kernelWidth: i32
  strideDepth: i32
  strideHeight: i32
  strideWidth: i32
  dilationDepth: i32
  dilationHeight: i32
  dilationWidth: i32
  padDepth: i32
  padHeight: i32
  padWidth: i32
}

/** Along one axis, at one tap: the places p of y whose place in x, p stride + offset, lies inside. */
class Span {
  @inline static first(offset: i32, stride: i32): i32 {
    return offset < 0 ? (stride - 1 - offset) / stride : 0
  }
  @inline static end(offset: i32, stride: i32, size: i32, out: i32): i32 {
    return offset < size ? min(out, (size - 1 - offset) / stride + 1) : 0
  }
}

const FORWARD: i32 = 0
const INPUT: i32 = 1
const WEIGHT: i32 = 2

/**
 * All that one plane of x, one kernel and one plane of y have in common: y += w x, x += w y, or (where `pass` is WEIGHT) nothing is written and the sum
 * of x y at tap `at` is given.
 */
function plane(task: Convolution, pass: i32, x: usize, weight: usize, y: usize, at: i32): f64 {
  const kernelWidth = task.kernelWidth
  const kernelHeight = task.kernelHeight
  const taps = task.kernelDepth * kernelHeight * kernelWidth
  const height = task.height
  const width = task.width
  const outHeight = task.outHeight
  const outWidth = task.outWidth
  const strideDepth = task.strideDepth
  const strideHeight = task.strideHeight
  const strideWidth = task.strideWidth
  const step = (<usize>strideWidth) << 2
  let sum: f64 = 0
  const last = pass === WEIGHT ? at + 1 : taps
  for (let t = at; t < last; t++) {
    const row = t / kernelWidth
    const offsetDepth = (row / kernelHeight) * task.dilationDepth - task.padDepth
    const offsetHeight = (row % kernelHeight) * task.dilationHeight - task.padHeight
    const offsetWidth = (t - row * kernelWidth) * task.dilationWidth - task.padWidth
    const first = Span.first(offsetWidth, strideWidth)
    const end = Span.end(offsetWidth, strideWidth, width, outWidth)
    if (first >= end) continue
    const firstHeight = Span.first(offsetHeight, strideHeight)
    const endHeight = Span.end(offsetHeight, strideHeight, height, outHeight)
    const endDepth = Span.end(offsetDepth, strideDepth, task.depth, task.outDepth)
    const w: f32 = pass === WEIGHT ? 0 : load<f32>(weight + ((<usize>t) << 2))
    for (let d = Span.first(offsetDepth, strideDepth); d < endDepth; d++) {
      for (let h = firstHeight; h < endHeight; h++) {
        const rowY = <usize>(d * outHeight + h) * <usize>outWidth
        const rowX = <usize>((d * strideDepth + offsetDepth) * height + h * strideHeight + offsetHeight) * <usize>width
        let p = x + ((rowX + <usize>(first * strideWidth + offsetWidth)) << 2)
        let q = y + ((rowY + <usize>first) << 2)
        const until = y + ((rowY + <usize>end) << 2)
        if (pass === FORWARD) for (; q < until; q += 4, p += step) store<f32>(q, load<f32>(q) + w * load<f32>(p))
        else if (pass === INPUT) for (; q < until; q += 4, p += step) store<f32>(p, load<f32>(p) + w * load<f32>(q))
        else for (; q < until; q += 4, p += step) sum += <f64>load<f32>(p) * <f64>load<f32>(q)
      }
    }
  }
  return sum
}

/** The bias of the plane, if there is one, then relu. */
function finish(task: Convolution, at: usize, count: usize, channel: i32): void {
  if (task.bias) {
    const bias = load<f32>(task.bias + ((<usize>channel) << 2))
    for (let q = at; q < at + (count << 2); q += 4) store<f32>(q, load<f32>(q) + bias)
  }
  if (task.epilogue) map1<Relu>(at, at, 0, <i32>count)
}

/** Units are planes of y: batch x outputs. Reads x, weight and bias. */
export function convForward(task: Convolution, begin: i32, end: i32): void {
  const outputs = task.outputs
  const inside = task.channels / task.groups
  const outside = outputs / task.groups
  const sizeX = <usize>(task.depth * task.height * task.width)
  const sizeY = <usize>(task.outDepth * task.outHeight * task.outWidth)
  const taps = <usize>(task.kernelDepth * task.kernelHeight * task.kernelWidth)
  for (let unit = begin; unit < end; unit++) {
    const n = unit / outputs
    const o = unit - n * outputs
    const firstChannel = n * task.channels + (o / outside) * inside
    const y = task.y + ((<usize>unit * sizeY) << 2)
    memory.fill(y, 0, sizeY << 2)
    for (let c = 0; c < inside; c++) {
      const x = task.x + ((<usize>(firstChannel + c) * sizeX) << 2)
      plane(task, FORWARD, x, task.weight + ((<usize>(o * inside + c) * taps) << 2), y, 0)
    }
    finish(task, y, sizeY, o)
  }
}

/** Units are planes of x: batch x channels. Reads weight, y and bias. */
export function convInput(task: Convolution, begin: i32, end: i32): void {
  const channels = task.channels
  const inside = channels / task.groups
  const outside = task.outputs / task.groups
  const sizeX = <usize>(task.depth * task.height * task.width)
  const sizeY = <usize>(task.outDepth * task.outHeight * task.outWidth)
  const taps = <usize>(task.kernelDepth * task.kernelHeight * task.kernelWidth)
  for (let unit = begin; unit < end; unit++) {
    const n = unit / channels
    const channel = unit - n * channels
    const group = channel / inside
    const c = channel - group * inside
    const x = task.x + ((<usize>unit * sizeX) << 2)
    memory.fill(x, 0, sizeX << 2)
    for (let o = group * outside; o < (group + 1) * outside; o++) {
      const y = task.y + ((<usize>(n * task.outputs + o) * sizeY) << 2)
      plane(task, INPUT, x, task.weight + ((<usize>(o * inside + c) * taps) << 2), y, 0)
    }
    finish(task, x, sizeX, channel)
  }
}

/** Units are kernels: outputs x channels / groups. Reads x and y; adds in double precision. */
export function convWeight(task: Convolution, begin: i32, end: i32): void {
  const channels = task.channels
  const outputs = task.outputs
  const inside = channels / task.groups
  const outside = outputs / task.groups
  const sizeX = <usize>(task.depth * task.height * task.width)
  const sizeY = <usize>(task.outDepth * task.outHeight * task.outWidth)
  const taps = task.kernelDepth * task.kernelHeight * task.kernelWidth
  for (let unit = begin; unit < end; unit++) {
    const o = unit / inside
    const channel = (o / outside) * inside + unit - o * inside
    for (let t = 0; t < taps; t++) {
      let sum: f64 = 0
      for (let n = 0; n < task.batch; n++) {
        const x = task.x + ((<usize>(n * channels + channel) * sizeX) << 2)
        sum += plane(task, WEIGHT, x, 0, task.y + ((<usize>(n * outputs + o) * sizeY) << 2), t)
      }
      store<f32>(task.weight + ((<usize>(unit * taps + t)) << 2), <f32>sum)
    }
  }
}
