import { kindOf, typeError } from '../errors.ts'
import { traitsOf } from '../ops/epilogue.ts'
import { reshape } from '../ops/movement.ts'
import { add, div, mul, neg, sqrt, sub } from '../ops/pointwise.ts'
import { composed } from '../tape/composed.ts'
import { unrecorded } from '../tape/level.ts'
import { Tensor } from '../tensor/tensor.ts'
import { isLayer, LABEL } from './label.ts'
import { rebuilt, withFields } from './rebuilt.ts'

/** The layers whose outputs are a product with their weight: which axes of it count the outputs. */
const AXIS: Readonly<Record<string, number>> = { Dense: 0, Conv: 0, CrossCor: 0, DepthwiseConv: 0, ConvTranspose: 1 }

interface Folded {
  readonly name: string
  readonly weight: Tensor
  readonly bias: Tensor | undefined
  readonly activation: object
}
interface Norm {
  readonly name: string
  readonly scale: Tensor | undefined
  readonly bias: Tensor | undefined
  readonly mean: Tensor | undefined
  readonly variance: Tensor | undefined
  readonly eps: number
  readonly activation: object
}

/**
 * A copy of a model for prediction, in which each `BatchNorm` that stands behind a `Dense`, `Conv`, `CrossCor`, `DepthwiseConv` or `ConvTranspose` in a
 * `Chain` is folded into that: weight s, and (bias - mean) s + the norm's bias, with s = scale / sqrt(variance + eps) of the running values. Layers
 * with an activation of their own, or without running values, are left as they are. The model takes and gives what it did in test mode, but for
 * rounding; behind a `Dense` that is [batch, outputs]. Throws TypeError for what is no layer.
 *
 * @example
 * const model = Chain(Dense(4, 3), BatchNorm(3, relu), Dense(3, 1))
 * fold(model).length // 2
 */
export const fold = /* @__PURE__ */ composed('fold', 1, function fold<M extends (...inputs: never[]) => unknown>(model: M): M {
  if (!isLayer(model)) throw typeError('fold', 'takes a model', `${kindOf(model)} came`)
  return unrecorded(() =>
    rebuilt(model, layer => ('layers' in layer && (layer as { name?: unknown }).name === 'Chain' ? foldedChain(layer) : layer)),
  )
})

function foldedChain(chain: object): object {
  const { layers } = chain as { readonly layers: Readonly<Record<string, unknown>> | readonly unknown[] }
  const links: [string, unknown][] = []
  for (const [key, link] of Object.entries(layers)) {
    const before = links.at(-1)
    const both = before && foldedInto(before[1], link)
    if (both) before[1] = both
    else links.push([key, link])
  }
  if (links.length === Object.keys(layers).length) return chain
  return withFields(chain, { layers: Array.isArray(layers) ? links.map(([, link]) => link) : Object.fromEntries(links) })
}

/** The first with the norm behind it, or undefined. */
function foldedInto(first: unknown, second: unknown): object | undefined {
  if (!isLayer(first) || !isLayer(second) || second.name !== 'BatchNorm' || !(first.name in AXIS)) return undefined
  const { weight, bias, activation } = first as unknown as Folded
  const norm = second as unknown as Norm
  const { mean, variance, scale } = norm
  if (!(weight instanceof Tensor) || !mean || !variance || traitsOf(activation).epilogue?.number !== 0) return undefined
  const axis = AXIS[first.name]
  const outputs = weight.dims[axis]
  const groups = mean.count / outputs
  if (axis === 0 ? groups !== 1 : weight.dims[0] % groups !== 0) return undefined
  const factor = div(scale ?? 1, sqrt(add(variance, norm.eps)))
  // [groups, inputs of one, outputs of one, the kernel]
  const view =
    axis === 0
      ? [1, 1, outputs, weight.count / outputs]
      : [groups, weight.dims[0] / groups, outputs, weight.count / weight.dims[0] / outputs]
  const moved = mul(bias ? sub(bias, mean) : neg(mean), factor)
  const copy = withFields(first, {
    weight: reshape(mul(reshape(weight, view), reshape(factor, [groups, 1, outputs, 1])), weight.dims),
    bias: norm.bias ? add(moved, norm.bias) : moved,
    activation: norm.activation,
  })
  return Object.defineProperty(copy, LABEL, { value: labelOf(first[LABEL], norm.activation), configurable: true })
}

/** How a layer prints that has a bias now, and an activation. */
function labelOf(label: string, activation: object): string {
  const [, args = label, options = ''] = /^(.*?)(?:, \{ (.*) \})?\)$/.exec(label) ?? []
  const rest = options.replace(/^bias: false(, )?|, bias: false/, '')
  const own = traitsOf(activation).epilogue?.number === 0 ? '' : `, ${(activation as { readonly name: string }).name || 'a function'}`
  return `${args}${own}${rest && `, { ${rest} }`})`
}
