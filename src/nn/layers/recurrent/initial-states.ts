import { kindOf, refuseSurplus, typeError } from '../../../errors.ts'
import { stack } from '../../../ops/joining.ts'
import type { RecurrentKind } from '../../../ops/recurrent/types.ts'
import { zeros } from '../../../tensor/create.ts'
import type { Tensor } from '../../../tensor/tensor.ts'
import { isLayer } from '../../label.ts'
import { cellsOf, type Levels, stateNames } from './sequence.ts'
import type { RecurrentFields } from './weights.ts'

const KINDS: Readonly<Record<string, RecurrentKind>> = { RNN: 'rnn', LSTM: 'lstm', GRU: 'gru', GRUv3: 'gruv3' }

/** Which cell of the library it is; undefined for what is none. */
export function kindOfCell(cell: unknown): RecurrentKind | undefined {
  const name = isLayer(cell) && 'Wi' in cell ? cell.name : ''
  return name.endsWith('Cell') ? KINDS[name.slice(0, -4)] : undefined
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
