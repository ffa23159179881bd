import { checkFunction, kindOf, refuseSurplus, typeError, written } from '../../../errors.ts'
import { stack } from '../../../ops/joining.ts'
import type { RecurrentKind } from '../../../ops/recurrent/types.ts'
import { zeros } from '../../../tensor/create.ts'
import type { Tensor } from '../../../tensor/tensor.ts'
import { isLayer, LABEL } from '../../label.ts'
import { cellsOf, type Levels, stateNames } from './sequence.ts'
import type { RecurrentFields } from './weights.ts'

const KINDS: Readonly<Record<string, RecurrentKind>> = { RNN: 'rnn', LSTM: 'lstm', GRU: 'gru', GRUv3: 'gruv3' }

/** Which cell of the library it is; undefined for what is none. */
export function kindOfCell(cell: unknown): RecurrentKind | undefined {
  const name = isLayer(cell) && 'Wi' in cell ? cell.name : ''
  return name.endsWith('Cell') ? KINDS[name.slice(0, -4)] : undefined
}

/**
 * Throws TypeError for what goes through a whole sequence, where a cell goes one step, and for a function of the library that makes one and was not called: these
 * take what comes, so that one of a user's that bears the name is none of them.
 */
export function checkCell(operation: string, cell: unknown): void {
  checkFunction(operation, 'a cell', cell)
  const isMade = isLayer(cell)
  const name = isMade || (cell as (...inputs: never) => unknown).length === 0 ? written(cell) : ''
  const kind = name.replace(/Cell$/, '')
  if (isMade ? name !== operation && !(Object.hasOwn(KINDS, name) && 'Wi' in cell) : !Object.hasOwn(KINDS, kind)) return
  const came = isMade ? `${cell[LABEL]} goes through a whole sequence` : `${name} itself came`
  throw typeError(operation, 'a cell goes one step', came, `Write ${operation}(${name === operation ? 'LSTM' : kind}Cell(3, 5)).`)
}

/** `[h, c]` of an LSTM, h of the others. */
export type StateOf<C> = C extends { readonly c0: unknown } ? readonly [h: Tensor, c: Tensor] : Tensor

/**
 * The state with which a cell or a recurrent layer begins where none is given: zeros [units], for all of the batch, or what it has learned (`trainState`). Of
 * an LSTM `[h, c]`, of the others h; of several cells [layers * directions, units]. Takes one of the library's; throws TypeError for anything else.
 *
 * @example initialStates(LSTMCell(3, 2)).map(each => each.toArray()) // [[0, 0], [0, 0]]
 */
export function initialStates<C extends RecurrentFields>(cell: C): StateOf<C> {
  if (arguments.length > 1) refuseSurplus('initialStates', 1, arguments)
  const kind = isLayer(cell) && 'Wi' in cell ? KINDS[cell.name.replace(/Cell$/, '')] : undefined
  if (!kind)
    throw typeError('initialStates', 'takes a recurrent cell or layer', `${kindOf(cell)} came`, 'Write initialStates(LSTMCell(3, 5)).')
  const cells = cellsOf(cell as unknown as Levels)
  const states = stateNames(kind).map(which => {
    const each = cells.map(own => (which === 'h' ? own.h0 : own.c0) ?? zeros([own.Wh.dims[1]]))
    return each.length > 1 ? stack(each) : each[0]
  })
  return (kind === 'lstm' ? states : states[0]) as StateOf<C>
}
