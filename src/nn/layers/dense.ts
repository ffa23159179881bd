import { checkOptions, noTensor, refuseSurplus, ShapeError } from '../../errors.ts'
import type { Activation } from '../../ops/epilogue.ts'
import { activated } from '../../ops/linear.ts'
import { checkTensor } from '../../tape/operation.ts'
import { show } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { isForeign } from '../../tensor/walk.ts'
import { glorotUniform, type Initializer } from '../initializers.ts'
import type { Layer } from '../layer.ts'
import { checkSizes, ending, initial } from './checks.ts'
import { weighted } from './weighted.ts'

/** What `Dense` can be told besides its sizes and its activation. */
export interface DenseOptions {
  /** true: a trainable vector of zeros; false: none; a tensor [out]: that one. */
  readonly bias?: boolean | Tensor | undefined
  /** Makes the weight; `glorotUniform` by default. */
  readonly init?: Initializer | undefined
}

/** What `Dense` makes: from [..., inputs] to [..., outputs], with weight [outputs, inputs] and bias [outputs]. */
export type DenseLayer = Layer<{ weight: Tensor; bias: Tensor | undefined; activation: Activation }, [x: Tensor], Tensor>

/** What follows the first argument of `Dense`: sizes, or ready tensors. One signature, so that an error names the argument that is wrong. */
export type DenseArguments<First> = First extends number
  ? [outputs: number, activation?: Activation | DenseOptions, options?: DenseOptions]
  : [bias?: Tensor | boolean, activation?: Activation]

/**
 * A fully connected layer: σ(x Wᵀ + b), from [..., inputs] to [..., outputs].
 *
 * `Dense(inputs, outputs, activation = identity, { bias = true, init = glorotUniform })`, or with ready tensors
 * `Dense(weight, bias, activation)`, weight [outputs, inputs], as PyTorch's `nn.Linear` has it. Throws ShapeError for an input of another
 * size, TypeError for an activation that gives no tensor.
 *
 * @example Dense(tensor([[1, 2]]), tensor([3]))(tensor([[1, 1]])).toArray() // [[6]]
 */
export function Dense<First extends number | Tensor>(first: First, ...rest: DenseArguments<First>): DenseLayer
export function Dense(
  first: number | Tensor,
  second?: number | Tensor | boolean,
  third?: Activation | DenseOptions,
  fourth?: DenseOptions,
): DenseLayer {
  const [activation, options] = ending('Dense', third, fourth)
  if (arguments.length > 4) refuseSurplus('Dense', 4, arguments)
  if (first instanceof Tensor) {
    if (arguments.length > 3) refuseSurplus('Dense', 3, arguments, 'Ready tensors leave no options.')
    return fromTensors(first, (second ?? true) as Tensor | boolean, activation)
  }
  if (isForeign(first)) throw noTensor('Dense', first)
  const sizes = [first, second]
  checkSizes('Dense', sizes, 'Write Dense(inputs, outputs).')
  checkOptions('Dense', options, ['bias', 'init'])
  const { bias = true, init = glorotUniform } = options
  return fromTensors(initial('Dense', init, [...sizes].reverse()), bias, activation)
}

function fromTensors(weight: Tensor, bias: Tensor | boolean, activation: Activation): DenseLayer {
  checkTensor('Dense', weight)
  if (weight.rank !== 2) {
    throw new ShapeError({ operation: 'Dense', problem: 'the weight is [outputs, inputs]', came: show(weight.dims) }, [weight.dims])
  }
  const [outputs, inputs] = weight.dims
  return weighted('Dense', weight, bias, activation, outputs, [inputs, outputs], {}, (self, x) =>
    activated(x, self.weight, self.bias, self.activation),
  )
}
