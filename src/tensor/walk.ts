import { kindOf, ONE_COPY, TENSOR, typeError } from '../errors.ts'
import { isMap, isSet, isThenable } from './realm.ts'
import type { Owned } from './scope.ts'
import { Tensor } from './tensor.ts'

/** Names the fields of a model that are trained; the others are buffers. A layer carries it under this symbol. */
export const TRAINABLE: unique symbol = Symbol.for('fluxtape.trainable')

/** Under this symbol a function carries what it owns besides tensors, such as the tape of a pullback. */
export const OWNED: unique symbol = Symbol.for('fluxtape.owned')

/** Under this symbol what holds tensors in a way of its own, such as a Params, gives them by path. */
export const PARTS: unique symbol = Symbol.for('fluxtape.parts')

/** Called for each tensor: its path, and whether it lies in a trainable place. */
export type Visit = (tensor: Tensor, path: string, trainable: boolean) => void

/** May there be tensors in it? Layers, arrays, plain objects and instances, Maps and Sets; not tensors and typed arrays themselves. */
export function isContainer(value: unknown): value is object {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
  return !((typeof value === 'object' && TENSOR in value) || ArrayBuffer.isView(value))
}

/** Is it a tensor of another copy of the library? */
export function isForeign(value: unknown): boolean {
  return typeof value === 'object' && value !== null && TENSOR in value && !(value instanceof Tensor)
}

/** What lies in a container, with its key: the values of a Map, the elements of a Set by their number, the fields of anything else. */
export function partsOf(value: object): [key: unknown, part: unknown][] {
  const entries = (value as { [PARTS]?: () => [string, Tensor][] })[PARTS]
  if (entries) return entries.call(value)
  if (isMap(value)) return [...value]
  return isSet(value) ? Array.from(value, (part, i) => [String(i), part]) : Object.entries(value)
}

/** What else is met on a walk. */
interface Others {
  readonly owned?: (owned: Owned) => void
  /** A tensor of another copy of the library, or a promise in the place of all. */
  readonly foreign?: (tensor: object, path: string) => void
  /** An object that was entered at `first`, at another place. */
  readonly again?: (path: string, first: string) => void
}

/**
 * The one walk over models: layers, arrays, plain objects and instances, Maps and Sets, in the order of their fields, each object once but
 * each tensor at every place where it stands. Tensors of another copy of the library are no tensors. It does not call itself, so that a model may
 * be as deep as it likes.
 */
export function walk(root: unknown, visit: Visit, { owned: visitOwned, foreign, again }: Others = {}): void {
  const seen = new Map<unknown, string>()
  // What is still to be entered, the next one last: each with its path and whether it is trainable.
  const values: unknown[] = [root]
  const paths: string[] = ['']
  const trainables: boolean[] = [true]
  while (values.length > 0) {
    const value = values.pop()
    const path = paths.pop() ?? ''
    const trainable = trainables.pop() ?? true
    if (value instanceof Tensor) visit(value, path, trainable)
    else if (foreign && (isForeign(value) || (value === root && isThenable(value)))) foreign(value as object, path)
    if (!isContainer(value)) continue
    const first = seen.get(value)
    if (first !== undefined) {
      again?.(path, first)
      continue
    }
    seen.set(value, path)
    const owned = (value as { [OWNED]?: Owned })[OWNED]
    if (owned) visitOwned?.(owned)
    const names = (value as { [TRAINABLE]?: readonly string[] })[TRAINABLE]
    const parts = partsOf(value)
    for (let i = parts.length - 1; i >= 0; i--) {
      const [key, part] = parts[i]
      if (part === null || (typeof part !== 'object' && typeof part !== 'function')) continue
      const name = typeof key === 'string' ? key : String(i)
      values.push(part)
      paths.push(path === '' ? name : `${path}.${name}`)
      trainables.push(trainable && (!names || names.includes(name)))
    }
  }
}

/** What throws TypeError for a tensor of another copy of the library that a walk meets, and for a promise. */
export function refusesForeign(operation: string): (tensor: object, path: string) => never {
  return (tensor, path) => {
    const kind = kindOf(tensor)
    throw typeError(operation, `${path || 'the model'} is ${kind}`, '', kind === 'a promise' ? 'Await it first.' : ONE_COPY)
  }
}

/** All containers in a value, itself first: layers among them. */
export function containersIn(value: unknown): object[] {
  const found = new Set<object>(isContainer(value) ? [value] : [])
  // A set can grow while it is gone through.
  for (const each of found) for (const [, part] of partsOf(each)) if (isContainer(part)) found.add(part)
  return [...found]
}

/** All tensors in a value, in the order of the walk. */
export function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value]
  const found: Tensor[] = []
  walk(value, tensor => found.push(tensor))
  return found
}

/** All that a value holds of what a scope would free: tensors and tapes. */
export function ownedIn(value: unknown): Owned[] {
  if (value instanceof Tensor) return [value]
  const found: Owned[] = []
  walk(value, tensor => found.push(tensor), { owned: owned => found.push(owned) })
  return found
}

/** All tensors by path, for JSON; of two with one path the last. */
export function table(model: unknown): Readonly<Record<string, Tensor>> {
  const found: [string, Tensor][] = []
  walk(model, (tensor, path) => found.push([path, tensor]))
  return Object.fromEntries(found)
}
