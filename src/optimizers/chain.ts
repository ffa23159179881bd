import { kindOf, typeError } from '../errors.ts'
import { Optimizer } from './rule.ts'

/** Several optimizers, each of which turns the step of the one before into its own; all see the old parameter. */
class Composition extends Optimizer {
  readonly name = 'OptimizerChain'
  readonly links: Optimizer['links']
  private readonly parts: readonly Optimizer[]

  constructor(parts: readonly Optimizer[]) {
    super()
    this.parts = parts
    this.links = parts.flatMap(({ links }, i) => links.map(([path, rule]) => [`${i}.${path}`, rule] as const))
  }

  toString(): string {
    return `OptimizerChain(${this.parts.join(', ')})`
  }
}

/**
 * Optimizers in a row, left to right: `OptimizerChain(ClipGlobalNorm(1), AdamW(1e-3, { lambda: 0.01 }))`. Each turns the step of the one before into
 * its own, the last one's is taken; all see the old parameters, of any shape. An empty one is plain descent with a rate of 1. Throws TypeError
 * for what is no optimizer.
 * @example apply(OptimizerChain(ClipNorm(1), Descent(0.5)), tensor([0, 0]), tensor([3, 4])).toArray() // [0.3, 0.4]
 */
export function OptimizerChain(...optimizers: Optimizer[]): Optimizer {
  const odd = optimizers.findIndex(each => !(each instanceof Optimizer))
  if (odd >= 0) throw typeError('OptimizerChain', 'takes optimizers', kindOf(optimizers[odd]), 'Write OptimizerChain(ClipNorm(1), Adam()).')
  return new Composition(optimizers)
}
