import { checkBoolean, checkOptions, noTensor, refuseSurplus, ShapeError, typeError, written } from '../../errors.ts'
import { convolved, flipped } from '../../ops/convolution/form.ts'
import { type ConvolutionOptions, checkGroups, kernelOf, settingsOf } from '../../ops/convolution/geometry.ts'
import type { Activation } from '../../ops/epilogue.ts'
import type { PerAxis } from '../../ops/per-axis.ts'
import { type Shape, show } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { isForeign } from '../../tensor/walk.ts'
import { glorotUniform, type Initializer } from '../initializers.ts'
import type { Layer } from '../layer.ts'
import { checkSizes, ending, initial } from './checks.ts'
import { weighted } from './weighted.ts'

/** What `DepthwiseConv` can be told besides its sizes and its activation. */
export interface DepthwiseConvLayerOptions extends ConvolutionOptions {
  /** true: a trainable vector of zeros; false: none; a tensor [outputs]: that one. */
  readonly bias?: boolean | Tensor | undefined
  /** Makes the weight; `glorotUniform` by default. */
  readonly init?: Initializer | undefined
}

/** What `Conv` can be told besides its sizes and its activation. */
export interface ConvLayerOptions extends DepthwiseConvLayerOptions {
  /** So many parts of the channels are convolved by themselves: 1. */
  readonly groups?: number | undefined
  /** Turn the kernel around along each spatial axis, as Flux does: false. */
  readonly flipKernel?: boolean | undefined
}

/** What `ConvTranspose` can be told besides its sizes and its activation. */
export interface ConvTransposeLayerOptions extends DepthwiseConvLayerOptions {
  readonly groups?: number | undefined
  /** So many entries more behind the result along each axis, fewer than the stride: 0. */
  readonly outPad?: PerAxis | undefined
}

/** What the layers of convolutions are: from [batch, inputs, ...spatial] to [batch, outputs, ...], with a weight and a bias [outputs]. */
export type ConvLayer = Layer<{ weight: Tensor; bias: Tensor | undefined; activation: Activation }, [x: Tensor], Tensor>

/** What follows the first argument of `Conv` and its like: sizes after those of the kernel, or ready tensors after the weight. */
export type ConvArguments<First, Options> = First extends Tensor
  ? [bias?: Tensor | boolean, activation?: Activation | Omit<Options, 'bias' | 'init'>, options?: Omit<Options, 'bias' | 'init'>]
  : [inputs: number, outputs: number, activation?: Activation | Options, options?: Options]

/** What a layer was told, whichever it is. */
interface Told extends ConvLayerOptions, ConvTransposeLayerOptions {}

/** What tells the layers apart. */
interface Kind {
  readonly name: string
  /** The operation that it is, as errors name it. */
  readonly operation: string
  /** Its own options. */
  readonly known: readonly string[]
  readonly isTransposed?: boolean
  readonly isDepthwise?: boolean
}

const SHARED = ['stride', 'pad', 'dilation']

function made(kind: Kind, args: ArrayLike<unknown>): ConvLayer {
  const { name, isTransposed = false, isDepthwise = false } = kind
  const first = args[0]
  const isReady = first instanceof Tensor
  const [second, third] = [args[1], args[2]]
  if (!isReady) checkKernel(name, first)
  const most = isReady ? 4 : 5
  const [activation, told] = ending<Told>(name, args[most - 2], args[most - 1] as Told | undefined)
  if (args.length > most) refuseSurplus(name, most, args)
  const known = [...SHARED, ...kind.known]
  if (isReady) {
    checkOptions(name, told, known)
    const kernel = kernelOf(name, first.dims, isTransposed)
    const groups = isDepthwise ? first.dims[0] : told.groups
    return layerOf(kind, first, (second ?? true) as Tensor | boolean, activation, { ...told, groups }, kernel)
  }
  checkOptions(name, told, ['bias', 'init', ...known])
  const channels = [second, third]
  checkSizes(name, channels, `Write ${name}(kernel, inputs, outputs).`)
  const [inputs, outputs] = channels
  const kernel = [...(first as Shape)]
  const { bias = true, init = glorotUniform } = told
  const groups = isDepthwise ? inputs : told.groups
  const settings = settingsOf(name, kernel, { ...told, groups }, isTransposed)
  const [outer, inner, what] = isTransposed ? [inputs, outputs, 'outputs'] : [outputs, inputs, 'inputs']
  checkGroups(name, what, inner, settings.groups, [])
  const weight = initial(name, init, [outer, inner / settings.groups, ...kernel])
  return layerOf(kind, weight, bias, activation, { ...told, groups }, kernel)
}

function checkKernel(name: string, first: unknown): asserts first is Shape {
  if (isForeign(first)) throw noTensor(name, first)
  if (!Array.isArray(first) || first.length < 1 || first.length > 3 || !first.every(size => Number.isInteger(size) && size > 0)) {
    const wayOut = `Write ${name}([5, 5], inputs, outputs).`
    throw typeError(
      name,
      'the kernel is a list of 1 to 3 whole numbers from 1',
      `${Array.isArray(first) ? show(first) : written(first)} came`,
      wayOut,
    )
  }
}

function layerOf(kind: Kind, weight: Tensor, bias: Tensor | boolean, activation: Activation, told: Told, kernel: Shape): ConvLayer {
  const { name, operation, isTransposed = false, isDepthwise = false } = kind
  const settings = settingsOf(name, kernel, told, isTransposed)
  const { groups } = settings
  const { flipKernel = false } = told
  checkBoolean(name, 'flipKernel', flipKernel)
  const [outer, inner] = weight.dims
  checkGroups(name, isTransposed ? 'inputs' : 'outputs', outer, groups, weight.dims)
  if (isDepthwise && inner !== 1) {
    const problem = 'the weight is [inputs x multiplier, 1, ...kernel]'
    throw new ShapeError({ operation: name, problem, came: show(weight.dims) }, [weight.dims])
  }
  const [inputs, outputs] = isTransposed ? [outer, inner * groups] : [inner * groups, outer]
  const { stride, dilation, low, high, outPad } = settings
  const pad = low.every((each, i) => each === high[i]) ? low : low.flatMap((each, i) => [each, high[i]])
  const listed: [string, unknown, unknown][] = [
    ['pad', told.pad === 'same' ? 'same' : short(pad), 0],
    ['stride', short(stride), 1],
    ['dilation', short(dilation), 1],
    ['outPad', told.pad === 'same' ? 0 : short(outPad), 0],
    ['groups', isDepthwise ? 1 : groups, 1],
    ['flipKernel', flipKernel, false],
  ]
  const options = Object.fromEntries(listed.filter(([, value, without]) => value !== without))
  return weighted(name, weight, bias, activation, outputs, [kernel, inputs, outputs], options, (self, x) => {
    const kernels = flipKernel ? flipped(self.weight) : self.weight
    return convolved(operation, isTransposed, x, kernels, self.bias, settings, self.activation)
  })
}

/** One number where all are the same. */
function short(numbers: readonly number[]): unknown {
  return numbers.every(each => each === numbers[0]) ? numbers[0] : numbers
}

const CONV = { operation: 'conv', known: ['groups', 'flipKernel'] }

/**
 * A convolution, from [batch, inputs, ...spatial] to [batch, outputs, ...]: σ(`conv`(x, weight) + bias), for 1 to 3 spatial axes, of which there are as many as sizes
 * of the kernel: `Conv([5, 5], 1, 6, relu)` takes images.
 *
 * `Conv(kernel, inputs, outputs, activation = identity, { stride = 1, pad = 0, dilation = 1, groups = 1, bias = true, init = glorotUniform, flipKernel = false })`, the
 * options as those of `conv`; or with ready tensors `Conv(weight, bias, activation, options)`, weight [outputs, inputs / groups, ...kernel], as PyTorch's `nn.Conv2d` has
 * it. The kernel is not turned around, as Flux does; `flipKernel: true` does.
 *
 * Throws ShapeError for an input that does not fit, and for groups that do not divide the channels, RangeError for options out of range, TypeError for those
 * that there are not and for an activation that gives no tensor.
 *
 * @example Conv([3, 3], 1, 6, relu, { pad: 'same' })(zeros([2, 1, 28, 28])).shape // [2, 6, 28, 28]
 */
export function Conv<First extends readonly number[] | Tensor>(first: First, ...rest: ConvArguments<First, ConvLayerOptions>): ConvLayer
export function Conv(): ConvLayer {
  return made({ name: 'Conv', ...CONV }, arguments)
}

/**
 * `Conv` by the name that Flux has for a convolution that does not turn its kernel around; arguments, options and errors as `Conv`.
 *
 * @example CrossCor(tensor([[[1, 2]]]), false)(tensor([[[1, 0, 0]]])).toArray() // [[[1, 0]]]
 */
export function CrossCor<First extends readonly number[] | Tensor>(first: First, ...rest: ConvArguments<First, ConvLayerOptions>): ConvLayer
export function CrossCor(): ConvLayer {
  return made({ name: 'CrossCor', ...CONV }, arguments)
}

/**
 * A transposed convolution, from [batch, inputs, ...spatial] to [batch, outputs, ...], larger where it has a stride: σ(`convTranspose`(x, weight) + bias).
 *
 * `ConvTranspose(kernel, inputs, outputs, activation = identity, { stride = 1, pad = 0, outPad = 0, dilation = 1, groups = 1, bias = true, init = glorotUniform })`, the
 * options as those of `convTranspose`; or with ready tensors `ConvTranspose(weight, bias, activation, options)`, weight [inputs, outputs / groups, ...kernel], as
 * PyTorch's `nn.ConvTranspose2d` has it. The kernel is turned around against Flux's. Errors as `Conv`.
 *
 * @example ConvTranspose([2, 2], 8, 4, relu, { stride: 2 })(zeros([1, 8, 7, 7])).shape // [1, 4, 14, 14]
 */
export function ConvTranspose<First extends readonly number[] | Tensor>(
  first: First,
  ...rest: ConvArguments<First, ConvTransposeLayerOptions>
): ConvLayer
export function ConvTranspose(): ConvLayer {
  return made({ name: 'ConvTranspose', operation: 'convTranspose', known: ['groups', 'outPad'], isTransposed: true }, arguments)
}

/**
 * A convolution of each channel by kernels of its own, from [batch, inputs, ...spatial] to [batch, outputs, ...]: `Conv` with as many groups as inputs, of which the
 * outputs are a multiple.
 *
 * `DepthwiseConv(kernel, inputs, outputs, activation = identity, { stride = 1, pad = 0, dilation = 1, bias = true, init = glorotUniform })`, or with ready tensors
 * `DepthwiseConv(weight, bias, activation, options)`, weight [channels, 1, ...kernel], as many outputs as inputs
 * (else write `Conv(weight, bias, activation, { groups })`). Errors as `Conv`.
 *
 * @example DepthwiseConv([3, 3], 8, 16, relu, { pad: 1 })(zeros([1, 8, 7, 7])).shape // [1, 16, 7, 7]
 */
export function DepthwiseConv<First extends readonly number[] | Tensor>(
  first: First,
  ...rest: ConvArguments<First, DepthwiseConvLayerOptions>
): ConvLayer
export function DepthwiseConv(): ConvLayer {
  return made({ name: 'DepthwiseConv', operation: 'depthwiseConv', known: [], isDepthwise: true }, arguments)
}
