import { checkBoolean, checkOptions, ShapeError } from '../../errors.ts'
import { composed } from '../../tape/composed.ts'
import { checkTensor } from '../../tape/operation.ts'
import { show } from '../../tensor/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { PerAxis } from '../per-axis.ts'
import { identity } from '../pointwise.ts'
import { convolved, flipped } from './form.ts'
import { type ConvolutionOptions, kernelOf, settingsOf } from './geometry.ts'

/** What `depthwiseConv` can be told. */
export interface DepthwiseConvOptions extends ConvolutionOptions {
  /** One number a channel of the result, added to it. */
  readonly bias?: Tensor | undefined
}

/** What `conv` can be told. */
export interface ConvOptions extends DepthwiseConvOptions {
  /** So many parts of the channels are convolved by themselves: 1. */
  readonly groups?: number | undefined
  /** Turn the kernel around along each spatial axis, as Flux does: false. */
  readonly flipKernel?: boolean | undefined
}

/** What `convTranspose` can be told. */
export interface ConvTransposeOptions extends DepthwiseConvOptions {
  readonly groups?: number | undefined
  /** So many entries more behind the result along each axis, fewer than the stride: 0. */
  readonly outPad?: PerAxis | undefined
}

const DEPTHWISE = ['bias', 'stride', 'pad', 'dilation']

/**
 * The convolution of x [batch, channels, ...spatial] by a weight [outputs, channels / groups, ...kernel], with 1 to 3 spatial axes:
 * y[n, o, p] = b[o] + Σ w[o, c, t] x[n, c, p stride + t dilation - pad] over the channels c of the group of o and the entries t of the kernel, as PyTorch and ONNX
 * have it (Dumoulin & Visin 2016); with `flipKernel` as Flux. The result is [batch, outputs, ...], each axis of it
 * ⌊(n + pads - dilation (k - 1) - 1) / stride⌋ + 1 long.
 *
 * `{ bias, stride = 1, pad = 0, dilation = 1, groups = 1, flipKernel = false }`: numbers are for all spatial axes, or a list of one an axis; `pad` may have two an
 * axis (before and after the first, ...), or be 'same': ⌈n / stride⌉, an odd zero behind. float32.
 *
 * An x that is NaN or infinite reaches the results whose kernel lies over it; an infinite or NaN weight may also make NaN of zeros around x, or pass over them.
 *
 * Throws ShapeError where they do not fit and for a kernel that is larger than the padded input, RangeError for numbers out of range, TypeError for options that
 * there are not.
 *
 * @example conv(tensor([[[1, 2, 3, 4]]]), tensor([[[1, 10]]])).toArray() // [[[21, 32, 43]]]
 */
export const conv = /* @__PURE__ */ composed('conv', 3, function conv(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  checkTensor('conv', x)
  checkTensor('conv', weight)
  const kernel = kernelOf('conv', weight.dims)
  checkOptions('conv', options, [...DEPTHWISE, 'groups', 'flipKernel'])
  const { bias, flipKernel = false } = options
  checkBoolean('conv', 'flipKernel', flipKernel)
  const settings = settingsOf('conv', kernel, options)
  return convolved('conv', false, x, flipKernel ? flipped(weight) : weight, bias, settings, identity)
})

/**
 * The transposed convolution of x [batch, inputs, ...spatial] by a weight [inputs, outputs / groups, ...kernel], with 1 to 3 spatial axes: what `conv` with the same
 * weight and options takes to x's shape has the shape of the result, and the result is the cotangent of that for x. So each entry of x adds its kernel to the result,
 * `stride` apart; `pad` is cut off it, and `outPad` entries come behind. As PyTorch's `conv_transpose2d` (Zeiler et al. 2010).
 * The result is [batch, outputs, ...], each axis of it (n - 1) stride + dilation (k - 1) + 1 - pads + outPad long.
 *
 * `{ bias, stride = 1, pad = 0, outPad = 0, dilation = 1, groups = 1 }`: as those of `conv`; with 'same' an axis is n stride long. float32.
 *
 * An infinite or NaN weight may make NaN of results with a stride that its entry does not reach: it multiplies zeros there.
 *
 * Throws ShapeError where they do not fit and where nothing would be left, RangeError for numbers out of range, TypeError for options that there are not.
 *
 * @example convTranspose(tensor([[[1, 2]]]), tensor([[[1, 10]]]), { stride: 2 }).toArray() // [[[1, 10, 2, 20]]]
 */
export const convTranspose = /* @__PURE__ */ composed(
  'convTranspose',
  3,
  function convTranspose(x: Tensor, weight: Tensor, options: ConvTransposeOptions = {}): Tensor {
    checkTensor('convTranspose', x)
    checkTensor('convTranspose', weight)
    const kernel = kernelOf('convTranspose', weight.dims, true)
    checkOptions('convTranspose', options, [...DEPTHWISE, 'outPad', 'groups'])
    return convolved('convTranspose', true, x, weight, options.bias, settingsOf('convTranspose', kernel, options, true), identity)
  },
)

/**
 * The convolution of each channel of x [batch, channels, ...spatial] by kernels of its own: weight [channels · multiplier, 1, ...kernel], whose outputs i · multiplier and
 * on are channel i's. It is `conv` with as many groups as channels.
 *
 * `{ bias, stride = 1, pad = 0, dilation = 1 }`: as those of `conv`. float32. Throws ShapeError where they do not fit, RangeError for numbers out of range, TypeError
 * for options that there are not.
 *
 * @example depthwiseConv(tensor([[[1, 2], [3, 4]]]), tensor([[[1, 1]], [[1, 10]]])).toArray() // [[[3], [43]]]
 */
export const depthwiseConv = /* @__PURE__ */ composed(
  'depthwiseConv',
  3,
  function depthwiseConv(x: Tensor, weight: Tensor, options: DepthwiseConvOptions = {}): Tensor {
    checkTensor('depthwiseConv', x)
    checkTensor('depthwiseConv', weight)
    const kernel = kernelOf('depthwiseConv', weight.dims)
    checkOptions('depthwiseConv', options, DEPTHWISE)
    if (weight.dims[1] !== 1) {
      const problem = 'the weight is [channels x multiplier, 1, ...kernel]'
      throw new ShapeError({ operation: 'depthwiseConv', problem, came: show(weight.dims) }, [x.dims, weight.dims])
    }
    const settings = settingsOf('depthwiseConv', kernel, { ...options, groups: Math.max(1, x.dims[1] ?? 1) })
    return convolved('depthwiseConv', false, x, weight, options.bias, settings, identity)
  },
)
