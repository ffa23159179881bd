import { kindOf, refuseSurplus, typeError } from '../errors.ts'
import { setMode } from '../tape/mode.ts'
import { containersIn } from '../tensor/walk.ts'
import { isLayer } from './label.ts'

/**
 * Has all layers in a model act as in training, also where no gradient is being taken, until `testMode` or `autoMode`. Returns the model; of what
 * shapes it takes nothing changes. Throws TypeError for what holds no layer.
 *
 * @example
 * const model = trainMode(Chain(Dense(2, 1)))
 * isTraining(model[0]) // true
 */
export function trainMode<M>(model: M): M {
  if (arguments.length > 1) refuseSurplus('trainMode', 1, arguments)
  return told('trainMode', model, true)
}

/**
 * Has all layers in a model act as in use, also while a gradient is being taken: a part that is not to learn leaves its statistics as they are. Until
 * `trainMode` or `autoMode`. Returns the model; of what shapes it takes nothing changes. Throws TypeError for what holds no layer.
 *
 * @example
 * const model = testMode(Chain(Dense(2, 1)))
 * withGradient(m => [m(ones([1, 2])).sum(), isTraining(m[0])], model).value[1] // false
 */
export function testMode<M>(model: M): M {
  if (arguments.length > 1) refuseSurplus('testMode', 1, arguments)
  return told('testMode', model, false)
}

/**
 * Ends what `trainMode` or `testMode` said of the layers in a model. Returns the model; of what shapes it takes nothing changes. Throws TypeError for
 * what holds no layer.
 *
 * @example
 * const model = autoMode(trainMode(Chain(Dense(2, 1))))
 * isTraining(model[0]) // false
 */
export function autoMode<M>(model: M): M {
  if (arguments.length > 1) refuseSurplus('autoMode', 1, arguments)
  return told('autoMode', model, undefined)
}

function told<M>(operation: string, model: M, isTraining: boolean | undefined): M {
  const layers = containersIn(model).filter(isLayer)
  if (layers.length === 0) throw typeError(operation, 'there is no layer in it', `${kindOf(model)} came`, 'Pass a model or a layer.')
  for (const each of layers) setMode(each, isTraining)
  return model
}
