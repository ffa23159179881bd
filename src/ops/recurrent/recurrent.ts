import { composedRecurrent } from './composed.ts'
import type { RecurrentForm } from './types.ts'

/** @internal A cell through a whole sequence, in the form that can do what is asked. */
export const recurrent: RecurrentForm = (kind, x, states, weights, options) => composedRecurrent(kind, x, states, weights, options)
