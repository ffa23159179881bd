import type { Tensor } from '../tensor/tensor.ts'
import { type Hyper, Optimizer, type Rule, takeSteps } from './rule.ts'

/** Several optimizers, each of which turns the step of the one before into its own; all see the old parameter. */
class Composition extends Optimizer {
  readonly name = 'OptimizerChain'
  private readonly links: readonly Optimizer[]

  constructor(links: readonly Optimizer[]) {
    super()
    this.links = links
  }

  delta(x: Tensor, g: Tensor): Tensor | undefined {
    let step: Tensor | undefined = g
    for (const link of this.links) {
      if (!step) break
      link.steps = this.steps
      const next: Tensor | undefined = link.delta(x, step)
      if (step !== g && step !== next) step.dispose()
      step = next
    }
    return step === g ? g.mul(1) : step
  }

  take(pairs: readonly (readonly [x: Tensor, g: Tensor])[]): void {
    takeSteps(this, pairs)
  }

  rules(): readonly [string, Rule<Hyper>][] {
    return this.links.flatMap((link, i) => link.rules().map(([path, rule]) => [`${i}.${path}`, rule] as [string, Rule<Hyper>]))
  }

  toString(): string {
    return `OptimizerChain(${this.links.join(', ')})`
  }
}

/**
 * Optimizers in a row, left to right: `OptimizerChain(ClipNorm(1), Adam(1e-3))`. Each turns the step of the one before into its own. An
 * empty one is plain descent with a rate of 1. Throws TypeError for what is no optimizer.
 * @example apply(OptimizerChain(ClipNorm(1), Descent(0.5)), tensor([0, 0]), tensor([3, 4])).toArray() // [0.3, 0.4]
 */
export function OptimizerChain(...optimizers: Optimizer[]): Optimizer {
  const odd = optimizers.find(each => !(each instanceof Optimizer))
  if (odd !== undefined) throw new TypeError(`OptimizerChain: takes optimizers: ${typeof odd}. Write OptimizerChain(ClipNorm(1), Adam()).`)
  return new Composition(optimizers)
}
