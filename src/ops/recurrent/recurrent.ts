import { fusion, isFused } from '../fusion.ts'
import { composedRecurrent } from './composed.ts'
import { fusedRecurrent, fuses } from './fused.ts'
import type { RecurrentForm } from './types.ts'

/** @internal A cell through a whole sequence, in the form that can do what is asked. */
export const recurrent: RecurrentForm = (kind, x, states, weights, options) => {
  const inputs = [x, ...states, ...Object.values(weights).filter(each => each !== null)]
  const isOn = fusion.recurrent && fuses(kind, options.activation)
  return (isFused(isOn, inputs) ? fusedRecurrent : composedRecurrent)(kind, x, states, weights, options)
}
