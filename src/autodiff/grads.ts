import { rangeError, refuseSurplus } from '../errors.ts'
import type { Params } from '../params/params.ts'
import { seal, unassignable } from '../tensor/seal.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { PARTS, table } from '../tensor/walk.ts'

let isClosed = false

/**
 * The gradients of parameters, read by identity; in order, those that took no part left out.
 *
 * @example
 * const W = tensor([1, 2])
 * const grads = gradient(() => W.mul(W).sum(), params(W))
 * grads.get(W).toArray() // [2, 4]
 */
export class Grads implements Iterable<[Tensor, Tensor]> {
  private readonly gradientOf: Map<Tensor, Tensor>
  /** The parameters that were asked for. */
  readonly params: Params

  /** @internal */
  constructor(params: Params, gradientOf: Map<Tensor, Tensor>) {
    this.params = params
    this.gradientOf = gradientOf
    if (isClosed) return
    isClosed = true
    const parts = function (this: Grads): [string | undefined, Tensor][] {
      return [...this].map(([parameter, gradient]) => [this.params.path(parameter), gradient])
    }
    Object.defineProperty(Grads.prototype, PARTS, { value: parts })
    seal(Grads.prototype, name => unassignable('Grads', name, 'get(parameter) reads a gradient; write one with assign.'))
  }

  /** The gradient of a parameter; undefined where it took no part in the loss. Throws RangeError for a tensor that was not asked for. */
  get(parameter: Tensor): Tensor | undefined {
    if (arguments.length > 1) refuseSurplus('Grads', 1, arguments)
    const gradient = this.gradientOf.get(parameter)
    if (gradient || this.params.has(parameter)) return gradient
    throw rangeError(
      'Grads',
      'the tensor is not among the parameters that were differentiated',
      '',
      'Pass it to params(...) before the gradient is taken.',
    )
  }

  /** Did the parameter take part in the loss? */
  has(parameter: Tensor): boolean {
    if (arguments.length > 1) refuseSurplus('Grads', 1, arguments)
    return this.gradientOf.has(parameter)
  }

  /** How many parameters took part. */
  get size(): number {
    return this.gradientOf.size
  }

  /** @internal The gradients, in order. */
  tensors(): Iterable<Tensor> {
    return this.gradientOf.values()
  }

  /** @internal The parameters that took part, in order. */
  parameters(): Iterable<Tensor> {
    return this.gradientOf.keys()
  }

  /** What `JSON.stringify` writes: the gradients by the paths of their parameters. */
  toJSON(): Readonly<Record<string, Tensor>> {
    return table(this)
  }

  toString(): string {
    return `Grads (${this.size} of ${this.params.size}): ${Array.from(this.parameters(), p => `${this.params.path(p)} [${p.dims.join(', ')}]`).join(', ')}`
  }

  /** Pairs of parameter and gradient. */
  [Symbol.iterator](): Iterator<[Tensor, Tensor]> {
    return this.gradientOf.entries()
  }
}
