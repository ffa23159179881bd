// How cells go through sequences: one or more above each other, one way or both.
import { checkOptions, noTensor, refuseSurplus, ShapeError, typeError, written } from '../../../errors.ts'
import { dropout } from '../../../ops/dropping.ts'
import type { Activation } from '../../../ops/epilogue.ts'
import type { IndicesInput } from '../../../ops/indices.ts'
import { concat, stack } from '../../../ops/joining.ts'
import { broadcastTo, expandDims, reshape } from '../../../ops/movement.ts'
import { cast } from '../../../ops/pointwise.ts'
import { section } from '../../../ops/ranges.ts'
import { lengthsOf } from '../../../ops/recurrent/lengths.ts'
import { recurrent } from '../../../ops/recurrent/recurrent.ts'
import type { RecurrentKind } from '../../../ops/recurrent/types.ts'
import { checkTensor } from '../../../tape/operation.ts'
import { zeros } from '../../../tensor/create.ts'
import { isPlain } from '../../../tensor/realm.ts'
import { sameShape, show } from '../../../tensor/shape.ts'
import { Tensor } from '../../../tensor/tensor.ts'
import { isForeign } from '../../../tensor/walk.ts'
import { type Cache, cached, carried, checkCache, declineCache } from '../../cache.ts'
import { checkFeatures } from '../checks.ts'
import type { AnyFields } from './weights.ts'

/** What a call of a recurrent layer can be told. */
export interface SequenceOptions {
  /** How many steps each row has, whole numbers [batch]: behind them the output is zeros and the state stays. All of them by default. */
  readonly lengths?: IndicesInput | undefined
  /** Goes on from the state that the layer left in it, and leaves the next one; see `withCache`. */
  readonly cache?: Cache | undefined
}

/** A direction, and perhaps the other one. */
export interface Level extends AnyFields {
  readonly backward?: AnyFields | undefined
}

/** The cells of a layer: its own, and those above, by number from 1. */
export interface Levels extends Level {
  readonly layers?: Readonly<Record<number, Level>> | undefined
  readonly activation?: Activation | undefined
}

function levelsOf(self: Levels): readonly Level[] {
  return [self, ...Object.values(self.layers ?? {})]
}

/** All cells of a layer, in the order of PyTorch: layer by layer, forwards then backwards. */
export function cellsOf(self: Levels): readonly AnyFields[] {
  return levelsOf(self).flatMap((level): AnyFields[] => (level.backward ? [level, level.backward] : [level]))
}

/** h, and c of an LSTM. */
export function stateNames(kind: RecurrentKind): readonly ('h' | 'c')[] {
  return kind === 'lstm' ? ['h', 'c'] : ['h']
}

/** What a layer was called with: x, the state, options, of which the last two may be left out. */
function calledWith(
  name: string,
  kind: RecurrentKind,
  args: readonly unknown[],
): { readonly x: Tensor; readonly states: readonly Tensor[] | undefined; readonly options: SequenceOptions } {
  if (args.length > 3) refuseSurplus(name, 3, args)
  const [x, second, third] = args
  const isLeftOut = args.length < 3 && isPlain(second) && !('h' in second)
  const states = statesOf(name, kind, isLeftOut ? undefined : second)
  const options = (isLeftOut ? second : third) ?? {}
  checkOptions(name, options, ['lengths', 'cache'])
  checkFeatures(name, x as Tensor)
  return { x: x as Tensor, states, options }
}

/** A state as it is given, as a list. Throws TypeError for what is none of this kind. */
export function statesOf(name: string, kind: RecurrentKind, given: unknown): readonly Tensor[] | undefined {
  if (given === undefined) return undefined
  const isList = kind === 'lstm'
  const states: readonly unknown[] = isList && Array.isArray(given) ? given : [given]
  if (Array.isArray(given) === isList && states.length === (isList ? 2 : 1) && states.every(each => each instanceof Tensor)) {
    for (const each of states) checkTensor(name, each as Tensor)
    return states as readonly Tensor[]
  }
  const foreign = states.find(isForeign)
  if (foreign) throw noTensor(name, foreign)
  const came = Array.isArray(given) ? `[${given.map(written).join(', ')}]` : written(given)
  const [what, way] = isList ? ['two tensors, [h, c]', '(x, [h, c])'] : ['a tensor, h', '(x, h)']
  const isCell = name.endsWith('Cell')
  const areLengths = !isCell && Array.isArray(given) && typeof given[0] === 'number'
  const wayOut = areLengths ? `{ lengths: ${came} }` : `${isCell ? 'cell' : name.toLowerCase()}${way}`
  throw typeError(name, `the state is ${what}`, `${came} came`, `Write ${wayOut}.`)
}

/** Throws ShapeError for an x of another batch than that whose state is in the cache. */
function checkKept(name: string, { dims }: Tensor, cells: number, x: Tensor): void {
  const [batch] = cells > 1 ? dims.slice(1, -1) : dims.slice(0, -1)
  if (batch === (x.rank === 2 ? undefined : x.dims[0])) return
  const problem = `the cache holds the state of ${batch === undefined ? 'one sequence' : `a batch of ${batch}`}`
  throw new ShapeError({ operation: name, problem, came: show(x.dims), wayOut: 'Begin with a new Cache().' }, [x.dims])
}

/** What a call of a layer gives: y, and the last states; the layer `self` may hold the cells as `of`. */
export function calledSequence(
  name: string,
  kind: RecurrentKind,
  self: object,
  of: Levels,
  args: readonly unknown[],
  dropped = 0,
): readonly Tensor[] {
  const { x, states, options } = calledWith(name, kind, args)
  const run = () => {
    if (of.backward) declineCache(name, 'the layer goes backwards, too')
    return carried(self, states, given => {
      if (given && given !== states) checkKept(name, given[0], cellsOf(of).length, x)
      return runSequence(name, kind, of, x, given, options, dropped)
    })
  }
  const { cache } = options
  if (cache === undefined) return run()
  checkCache(name, cache)
  return cached(name, cache, run)
}

/**
 * A whole sequence x, [batch, time, inputs] or [time, inputs], through all cells: y, and the last states as they are given. Of one cell a state is
 * [units] or [batch, units]; of several there is an axis in front for them.
 */
export function runSequence(
  name: string,
  kind: RecurrentKind,
  self: Levels,
  x: Tensor,
  given: readonly Tensor[] | undefined,
  { lengths }: SequenceOptions,
  droppedBetween = 0,
): Tensor[] {
  const features = self.Wi.dims[1]
  const units = self.Wh.dims[1]
  if (x.rank < 2 || x.rank > 3 || x.dims[x.rank - 1] !== features) {
    const problem = `x is [batch, time, ${features}] or [time, ${features}]`
    throw new ShapeError({ operation: name, problem, came: show(x.dims) }, [x.dims])
  }
  const isOne = x.rank === 2
  if (isOne && lengths !== undefined)
    throw new ShapeError({ operation: name, problem: 'lengths are those of a batch, x [batch, time, inputs]', came: show(x.dims) }, [
      x.dims,
    ])
  let flow = isOne ? expandDims(x, 0) : x
  const counts = lengths === undefined ? null : lengthsOf(name, lengths, flow)
  const levels = levelsOf(self)
  const cells = cellsOf(self)
  const first = firstStates(name, kind, cells, given, [flow.dims[0], units], isOne)
  const last: Tensor[][] = []
  for (const { backward } of levels) {
    if (last.length > 0 && droppedBetween > 0) flow = dropout(flow, droppedBetween)
    const ways = (backward ? [false, true] : [false]).map(reverse => {
      const { Wi, Wh, bias, hiddenBias, Wn } = cells[last.length]
      const options = { lengths: counts, reverse, activation: self.activation as Activation }
      const [y, ...states] = recurrent(kind, flow, first[last.length], { Wi, Wh, bias: bias ?? null, hiddenBias, Wn }, options)
      last.push(states)
      return y
    })
    flow = ways.length > 1 ? concat(ways, 2) : ways[0]
  }
  const states = stateNames(kind).map((_, i) => {
    const each = last.map(states => (isOne ? reshape(states[i], [units]) : states[i]))
    return each.length > 1 ? stack(each) : each[0]
  })
  return [isOne ? reshape(flow, flow.dims.slice(1)) : flow, ...states]
}

/** The states of each cell before the first step, [batch, units] each. Throws ShapeError for what was given in another shape. */
function firstStates(
  name: string,
  kind: RecurrentKind,
  cells: readonly AnyFields[],
  given: readonly Tensor[] | undefined,
  rows: readonly [batch: number, units: number],
  isOne: boolean,
): readonly (readonly Tensor[])[] {
  const [batch, units] = rows
  const inFront = cells.length > 1 ? [cells.length] : []
  const forms = [...(isOne ? [] : [[...inFront, batch, units]]), [...inFront, units]]
  const ofAll = (state: Tensor) => broadcastTo(reshape(state, [state.count / units, units]), rows)
  given?.forEach((state, i) => {
    if (forms.some(form => sameShape(form, state.dims))) return
    const which = stateNames(kind)[i]
    const problem = `the state ${which} is ${forms.map(show).join(' or ')}`
    const wayOut = cells.length === 1 && state.rank === 3 && state.dims[0] === 1 ? `Write ${which}.squeeze(0).` : ''
    throw new ShapeError({ operation: name, problem, came: show(state.dims), wayOut }, [state.dims])
  })
  return cells.map((cell, at) =>
    stateNames(kind).map((which, i) => {
      const trained = which === 'h' ? cell.h0 : cell.c0
      if (given) {
        const state = cast(given[i], 'float32')
        return ofAll(cells.length > 1 ? reshape(section(state, 0, at, 1), state.dims.slice(1)) : state)
      }
      return trained ? ofAll(trained) : zeros(rows)
    }),
  )
}
