import { kindOf, refuseSurplus, typeError } from '../errors.ts'
import { Params } from '../params/params.ts'
import { Optimizer } from './rule.ts'
import type { OptimizerState } from './update.ts'

/**
 * Sets an optimizer up for a model: what the explicit forms of `train` and `update` take. Throws TypeError for a model without parameters.
 *
 * @example
 * const model = Dense(2, 1)
 * const [grads] = gradient(m => m(ones([3, 2])).sum(), model)
 * update(setup(Adam(1e-3), model), model, grads)
 */
export function setup<Model>(optimizer: Optimizer, model: Model): OptimizerState<Model> {
  if (arguments.length > 2) refuseSurplus('setup', 2, arguments)
  if (!(optimizer instanceof Optimizer))
    throw typeError('setup', 'the first argument is an optimizer', `${kindOf(optimizer)} came`, 'Write setup(Adam(), model).')
  const ps = new Params().add(model)
  if (ps.size === 0)
    throw typeError(
      'setup',
      'the model has no trainable tensor',
      '',
      'A closure hides its own: make the model with layer(...) or Chain(...).',
    )
  return { optimizer, model }
}

/** The optimizer in what is one, or what `setup` gave. Throws TypeError for anything else. */
export function optimizerIn(operation: string, opt: Optimizer | OptimizerState | undefined): Optimizer {
  if (opt instanceof Optimizer) return opt
  if (opt?.optimizer instanceof Optimizer) return opt.optimizer
  throw typeError(operation, 'the first argument is an optimizer or what setup gives', `${kindOf(opt)} came`)
}
