import { refuseSurplus, ShapeError } from '../errors.ts'
import { assign } from '../ops/assign.ts'
import { copyTensor } from '../params/clone.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { walk } from '../tensor/walk.ts'

/** Tensors by path. */
export type State = Map<string, Tensor>

/**
 * All tensors of a model by path, parameters and buffers: the tensors themselves, so later training shows in it. `clone(state(model))` is a
 * snapshot. A tied tensor stands under each of its paths. Throws TypeError
 * where two tensors have one path.
 *
 * @example [...state(Dense(3, 2)).keys()] // ['weight', 'bias']
 */
export function state(model: unknown): State {
  if (arguments.length > 1) refuseSurplus('state', 1, arguments)
  const found: State = new Map()
  walk(model, (tensor, path) => {
    const other = found.get(path)
    if (other && other !== tensor) {
      throw new TypeError(`state: two tensors have the path '${path}', so one would be lost. Rename a field that has a dot in its name.`)
    }
    found.set(path, tensor)
  })
  return found
}

/**
 * Writes a state into the tensors of a model, in place: what `state` gave, or the `tensors` of a file. A missing bias counts as zero on either
 * side. Nothing is written unless all fits: throws TypeError for paths that are missing or unknown, or tied tensors that would differ;
 * ShapeError for other shapes.
 *
 * @example
 * const model = Dense(3, 2)
 * loadState(Dense(3, 2), state(model))
 */
export function loadState(model: unknown, source: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>): void {
  if (arguments.length > 2) refuseSurplus('loadState', 2, arguments)
  const values = source instanceof Map ? (source as ReadonlyMap<string, Tensor>) : new Map(Object.entries(source))
  const targets = state(model)
  const missing = [...targets.keys()].filter(path => !values.has(path))
  const unknown = [...values.keys()].filter(path => !targets.has(path))
  const list = (paths: string[]) => paths.slice(0, 5).join(', ') + (paths.length > 5 ? `, and ${paths.length - 5} more` : '')
  const lost = missing.filter(path => !isBias(path))
  const odd = unknown.filter(path => !isBias(path) || !isZero(values.get(path)))
  if (lost.length > 0 || odd.length > 0) {
    const parts = [...(lost.length ? [`not in the state: ${list(lost)}`] : []), ...(odd.length ? [`not in the model: ${list(odd)}`] : [])]
    throw new TypeError(`loadState: the paths do not fit: ${parts.join('; ')}. Load it into a model of the same layers.`)
  }
  const writes = new Map<Tensor, Tensor>()
  for (const [path, target] of targets) {
    const value = values.get(path)
    if (!value) continue
    if (!(value instanceof Tensor)) throw new TypeError(`loadState: '${path}' is no tensor: ${typeof value}.`)
    value.check('loadState')
    if (!sameShape(value.dims, target.dims)) {
      throw new ShapeError(
        { operation: 'loadState', problem: `'${path}' has another shape`, came: `${show(value.dims)} into ${show(target.dims)}` },
        [value.dims, target.dims],
      )
    }
    const other = writes.get(target)
    if (other && other !== value && !sameValues(other, value)) {
      throw new TypeError(`loadState: '${path}' is tied to another parameter of the model, and the state has different values for them.`)
    }
    writes.set(target, value)
  }
  // Tensors of the model itself may come in another order: they are copied before they are written over.
  const written = new Set([...writes.keys()].map(target => target.storage))
  const copies = new Map<Tensor, Tensor>()
  for (const [target, value] of writes) {
    if (value.storage !== target.storage && written.has(value.storage)) copies.set(target, copyTensor(value))
  }
  for (const [target, value] of writes) assign(target, copies.get(target) ?? value)
  for (const copy of copies.values()) copy.dispose()
  for (const path of missing) targets.get(path)?.startWrite()
  for (const path of missing) targets.get(path)?.view().fill(0)
}

function isBias(path: string): boolean {
  return path === 'bias' || path.endsWith('.bias')
}

function isZero(value: unknown): boolean {
  return value instanceof Tensor && value.view().every(each => each === 0)
}

function sameValues(a: Tensor, b: Tensor): boolean {
  const other = b.view()
  return a.view().every((value, i) => Object.is(value, other[i]))
}
