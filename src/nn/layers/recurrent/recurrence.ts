import { checkBoolean, checkOptions, noTensor, refuseSurplus, ShapeError, typeError, written } from '../../../errors.ts'
import { stack } from '../../../ops/joining.ts'
import { reshape } from '../../../ops/movement.ts'
import { less, where } from '../../../ops/pointwise.ts'
import { section } from '../../../ops/ranges.ts'
import { lengthsOf } from '../../../ops/recurrent/lengths.ts'
import type { RecurrentKind } from '../../../ops/recurrent/types.ts'
import { checkTensor } from '../../../tape/operation.ts'
import { isPlain } from '../../../tensor/realm.ts'
import { scoped } from '../../../tensor/scope.ts'
import { show } from '../../../tensor/shape.ts'
import { Tensor } from '../../../tensor/tensor.ts'
import { tensorsIn } from '../../../tensor/walk.ts'
import { declineCache } from '../../cache.ts'
import type { Layer } from '../../layer.ts'
import { callField, holder } from '../links.ts'
import { checkCell, kindOfCell } from './initial-states.ts'
import { calledSequence, type Levels, type SequenceOptions } from './sequence.ts'

/** One step of a recurrence: from x [batch, inputs] and a state, at first undefined, to the output and the next state, tensors or lists of them. */
// biome-ignore lint/suspicious/noExplicitAny: what its state is is known to the cell alone
export type RecurrentCell = (x: Tensor, state?: any) => readonly [output: Tensor, state: any]

/** What `Recurrence` can be told. */
export interface RecurrenceOptions<Returns extends boolean = boolean> {
  /** Does it give `[y, state]`, with the state behind the last step? Else y alone: false. */
  readonly returnState?: Returns | undefined
}

/** What `Recurrence` makes. */
export type RecurrenceLayer<C extends RecurrentCell, Returns extends boolean = false> = Layer<
  { readonly cell: C; readonly returnState: boolean },
  [x: Tensor, state?: ReturnType<C>[1] | SequenceOptions | undefined, options?: SequenceOptions | undefined],
  Returns extends true ? [y: Tensor, state: ReturnType<C>[1]] : Tensor
>

interface Fields {
  readonly cell: RecurrentCell
  readonly returnState: boolean
}

/**
 * A cell at each step of a sequence, from x [batch, time, inputs] or [time, inputs] to its outputs, [batch, time, ...] or [time, ...].
 *
 * `Recurrence(cell, { returnState = false })`; the cell is one of the library, or any layer or function `(x, state) => [output, next state]` of the steps' x
 * [batch, inputs] or [inputs]; its states are tensors [batch, ...], or lists or records of them. Called `r(x)`, where the first state is that of `initialStates(cell)`, or
 * of a cell of your own undefined; `r(x, state)`; and with `{ lengths }` at the end: behind so many steps of a row y is zeros and the state stays. Cells of the
 * library go through the whole sequence in one operation, as `LSTM` does. Throws TypeError for what is no function, and for a cell that does not give two things;
 * ShapeError and RangeError as `LSTM`, and for a cell of one's own ShapeError where there is no step.
 *
 * @example
 * const sums = Recurrence((x, sum) => (sum ? [x.add(sum), x.add(sum)] : [x, x]))
 * sums(tensor([[1], [2], [3]])).toArray() // [[1], [3], [6]]
 * Recurrence(GRUCell(3, 5))(ones([2, 7, 3])).shape // [2, 7, 5]
 */
export function Recurrence<C extends RecurrentCell, Returns extends boolean = false>(
  cell: C,
  options: RecurrenceOptions<Returns> = {},
): RecurrenceLayer<C, Returns> {
  if (arguments.length > 2) refuseSurplus('Recurrence', 2, arguments)
  checkCell('Recurrence', cell)
  checkOptions('Recurrence', options, ['returnState'])
  const { returnState = false } = options
  checkBoolean('Recurrence', 'returnState', returnState)
  return recurrenceOf({ cell, returnState }) as RecurrenceLayer<C, Returns>
}

function recurrenceOf(fields: Fields): object {
  return holder({ name: 'Recurrence', fields, lines: ['cell'], forward, again: recurrenceOf })
}

function forward(self: Fields, ...given: readonly unknown[]): unknown {
  const { cell } = self
  const kind = kindOfCell(cell)
  const [y, state] = kind ? whole(kind, self, given) : stepwise(self, given)
  return self.returnState ? [y, state] : y
}

/** A cell of the library: all steps at once. */
function whole(kind: RecurrentKind, self: Fields, given: readonly unknown[]): readonly [Tensor, unknown] {
  const [y, ...last] = calledSequence('Recurrence', kind, self, self.cell as unknown as Levels, given)
  return [y, kind === 'lstm' ? last : last[0]]
}

/** A cell of one's own: step by step. */
function stepwise(self: Fields, given: readonly unknown[]): readonly [Tensor, unknown] {
  if (given.length > 3) refuseSurplus('Recurrence', 3, given)
  const [x, second, third] = given as readonly [Tensor, unknown, unknown]
  const isLeftOut = given.length < 3 && isPlain(second) && tensorsIn({ ...second, lengths: undefined }).length === 0
  const options = ((isLeftOut ? second : third) ?? {}) as SequenceOptions
  checkOptions('Recurrence', options, ['lengths'])
  checkTensor('Recurrence', x)
  declineCache('Recurrence', 'a cell of your own keeps no state in it')
  const { lengths } = options
  const axis = x.rank === 2 ? 0 : 1
  if (x.rank < 2 || x.dims[axis] === 0 || (lengths !== undefined && axis === 0)) {
    const problem =
      lengths === undefined ? 'x is [batch, time, ...] or [time, inputs], of one step or more' : 'lengths are those of a batch'
    throw new ShapeError({ operation: 'Recurrence', problem, came: show(x.dims) }, [x.dims])
  }
  const counts = lengths === undefined ? undefined : lengthsOf('Recurrence', lengths, x)
  const shape = x.dims.filter((_, i) => i !== axis)
  let state = isLeftOut ? undefined : second
  const ys: Tensor[] = []
  for (let t = 0; t < x.dims[axis]; t++) {
    const [y, next] = scoped(() => {
      const step = reshape(section(x, axis, t, 1), shape)
      // Where there is no state, what takes none says that it gives none.
      const inputs = state === undefined ? [step] : [step, state]
      const made = checkStep(callField('Recurrence', self, 'cell', inputs))
      if (!counts) return made
      const goesOn = less(t, counts)
      return [chosen(goesOn, made[0], undefined), chosen(goesOn, made[1], state)] as const
    }, tensorsIn)
    ys.push(y as Tensor)
    state = next
  }
  return [stack(ys, axis), state]
}

function checkStep(made: unknown): readonly [Tensor, unknown] {
  if (!Array.isArray(made) || made.length !== 2)
    throw typeError('Recurrence', 'a cell gives [output, state]', `${written(made)} came`, 'Return both in a list.')
  const [y] = made as readonly unknown[]
  if (!(y instanceof Tensor)) throw noTensor('Recurrence', y, 'as the output of a cell')
  return made as unknown as readonly [Tensor, unknown]
}

/** A state in which the rows that have ended are the old ones; where there is none, zeros. */
function chosen(goesOn: Tensor, next: unknown, old: unknown): unknown {
  if (next instanceof Tensor) {
    const rows = reshape(goesOn, [goesOn.count, ...next.dims.slice(1).map(() => 1)])
    return where(rows, next, old instanceof Tensor ? old : 0)
  }
  const of = (key: string | number) => (Object(old) as Readonly<Record<string | number, unknown>>)[key]
  if (Array.isArray(next)) return next.map((each, i) => chosen(goesOn, each, of(i)))
  return isPlain(next) ? Object.fromEntries(Object.entries(next).map(([key, each]) => [key, chosen(goesOn, each, of(key))])) : next
}
