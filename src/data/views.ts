import { checkOptions, rangeError, refuseSurplus, typeError, written } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { isThenable } from '../tensor/realm.ts'
import { scoped } from '../tensor/scope.ts'
import {
  type BatchOf,
  type DataInput,
  type DatasetView,
  datasetOf,
  type GetOptions,
  type IsLater,
  type ObservationOf,
  type Observations,
  observationsOf,
  present,
  type SubsetOf,
} from './observations.ts'
import { withoutRest } from './wait.ts'

/** How `slidingWindow` cuts. */
export interface WindowOptions {
  /** Observations in a window. */
  readonly size: number
  /** How many observations further the next window begins; 1 by default. */
  readonly stride?: number | undefined
}

/**
 * The observations as a list, each without axis 0: what `batch` joined. Differentiable. Throws ShapeError for a scalar and for columns of different
 * lengths, TypeError for what is no data.
 * @example unbatch(tensor([[1, 2], [3, 4]])).map(x => x.toArray()) // [[1, 2], [3, 4]]
 */
export const unbatch = /* @__PURE__ */ composed('unbatch', 1, function unbatch<D extends DataInput>(data: D): ObservationOf<D>[] {
  const { count, one } = observationsOf('unbatch', data)
  return Array.from({ length: count }, (_, i) => present('unbatch', one(i)) as ObservationOf<D>)
})

/**
 * A dataset of what the function makes of each observation, when that is asked for: for augmentation and for data that does not fit into memory
 * when it is transformed. What else the function makes is freed. Of a dataset whose `get` is async, or with an async function, `get` gives promises. It can be iterated: `for (const observation of dataset)`. Throws TypeError for what is no function or no data.
 * @example mapObs(x => x.mul(10), tensor([1, 2])).get(1).item() // 20
 */
export function mapObs<D extends DataInput, const T>(
  f: (observation: ObservationOf<D>) => T,
  data: D,
): DatasetView<IsLater<D> extends true ? Promise<Awaited<T>> : T> {
  if (arguments.length > 2) refuseSurplus('mapObs', 2, arguments)
  const { count, one } = taken('mapObs', f, data)
  const get = (i: number, options?: GetOptions): unknown => {
    const observation = one(i, options)
    const map = (observation: unknown) => f(observation as ObservationOf<D>)
    return isThenable(observation) ? observation.then(each => withoutRest(() => map(each))) : map(observation)
  }
  return datasetOf('mapObs', count, get as (i: number) => IsLater<D> extends true ? Promise<Awaited<T>> : T)
}

/**
 * The observations for which the function gives true, in the form of the data. It is called once for each, and what it makes is freed. Throws
 * TypeError for what is no function or no data, and where it gives anything but true or false.
 * @example filterObs(x => x.item() > 1, tensor([1, 2, 3])).toArray() // [2, 3]
 */
export function filterObs<D extends DataInput>(f: (observation: ObservationOf<D>) => boolean, data: D): SubsetOf<D> {
  if (arguments.length > 2) refuseSurplus('filterObs', 2, arguments)
  const { groups, part } = grouped('filterObs', f, data, 'true or false', ['boolean'])
  return part(Int32Array.from(groups.get(true) ?? []))
}

/**
 * A Map from each key that the function gives to the observations of that key, in the form of the data; keys stand in the order in which they come.
 * It is called once for each, and what it makes is freed. Throws TypeError for what is no function or no data, and for a key that is no number,
 * text or boolean.
 * @example groupObs(({ kind }) => kind, [{ kind: 'a' }, { kind: 'b' }, { kind: 'a' }]).get('a').length // 2
 */
export function groupObs<D extends DataInput, K extends number | string | boolean>(
  f: (observation: ObservationOf<D>) => K,
  data: D,
): Map<K, SubsetOf<D>> {
  if (arguments.length > 2) refuseSurplus('groupObs', 2, arguments)
  const { groups, part } = grouped('groupObs', f, data, 'a number, a text or a boolean', ['number', 'string', 'boolean'])
  return new Map([...groups].map(([key, group]) => [key, part(Int32Array.from(group))]))
}

/** Which observations have which key; `types` are those that a key may have, `what` says it. */
function grouped<D extends DataInput, K>(
  operation: string,
  f: (observation: ObservationOf<D>) => K,
  data: D,
  what: string,
  types: readonly string[],
): { groups: Map<K, number[]>; part: Observations<D>['part'] } {
  const { count, one, part } = taken(operation, f, data)
  const groups = new Map<K, number[]>()
  for (let i = 0; i < count; i++) {
    const key = scoped(() => f(present(operation, one(i)) as ObservationOf<D>))
    if (!types.includes(typeof key)) throw typeError(operation, `the function gives ${what}`, `${written(key)} came`)
    const group = groups.get(key)
    if (group) group.push(i)
    else groups.set(key, [i])
  }
  return { groups, part }
}

function taken<D extends DataInput>(operation: string, f: unknown, data: D): Observations<D> {
  if (typeof f !== 'function') throw typeError(operation, 'the function comes first', `${written(f)} came`, `Write ${operation}(f, data).`)
  return observationsOf(operation, data)
}

/**
 * A dataset of the windows of `size` consecutive observations, each in the form of the data; they begin at every observation, or at every `stride`-th.
 * Only whole windows count, and each is made when it is asked for, by `get(i)` or by iterating. Throws RangeError for a size or stride that is no whole number from 1, and for a
 * size larger than the data, TypeError for what is no data.
 * @example [...slidingWindow(arange(5), { size: 3, stride: 2 })].map(x => x.toArray()) // [[0, 1, 2], [2, 3, 4]]
 */
export function slidingWindow<D extends DataInput>(
  data: D,
  options: WindowOptions,
): DatasetView<IsLater<D> extends true ? Promise<BatchOf<D>> : BatchOf<D>> {
  checkOptions('slidingWindow', options, ['size', 'stride'])
  if (arguments.length > 2) refuseSurplus('slidingWindow', 2, arguments)
  const { size, stride = 1 } = options
  const { count, take } = observationsOf('slidingWindow', data)
  for (const each of [size, stride]) {
    if (!Number.isInteger(each) || each < 1) throw rangeError('slidingWindow', 'size and stride are whole numbers from 1', written(each))
  }
  if (size > count) throw rangeError('slidingWindow', 'a window is larger than the data', `${size} of ${count}`)
  type Window = IsLater<D> extends true ? Promise<BatchOf<D>> : BatchOf<D>
  const get = (i: number) => take(Int32Array.from({ length: size }, (_, at) => i * stride + at)) as Window
  return datasetOf('slidingWindow', Math.floor((count - size) / stride) + 1, get)
}
