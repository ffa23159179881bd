import type { Owned } from './scope.ts'
import { Tensor } from './tensor.ts'

/** Names the fields of a model that are trained; the others are buffers. A layer carries it under this symbol. */
export const TRAINABLE: unique symbol = Symbol.for('fluxtape.trainable')

/** Under this symbol a function carries what it owns besides tensors, such as the tape of a pullback. */
export const OWNED: unique symbol = Symbol.for('fluxtape.owned')

/** Called for each tensor: its path, and whether it lies in a trainable place. */
export type Visit = (tensor: Tensor, path: string, trainable: boolean) => void

/**
 * The one walk over models: layers, arrays, plain objects and instances, Maps and Sets, in the order of their fields, each object once but
 * each tensor at every place where it stands.
 */
export function walk(root: unknown, visit: Visit, visitOwned?: (owned: Owned) => void): void {
  if (root instanceof Tensor) return visit(root, '', true)
  const seen = new Set<unknown>()
  const enter = (value: unknown, path: string, trainable: boolean): void => {
    if (value instanceof Tensor) return visit(value, path, trainable)
    if (value === null || (typeof value !== 'object' && typeof value !== 'function') || seen.has(value)) return
    if (ArrayBuffer.isView(value)) return
    seen.add(value)
    if (value instanceof Map) {
      let i = 0
      for (const [key, each] of value) {
        enter(each, join(path, typeof key === 'string' ? key : String(i)), trainable)
        i++
      }
      return
    }
    if (value instanceof Set) {
      let i = 0
      for (const each of value) enter(each, join(path, String(i++)), trainable)
      return
    }
    const owned = (value as { [OWNED]?: Owned })[OWNED]
    if (owned) visitOwned?.(owned)
    const names = (value as { [TRAINABLE]?: readonly string[] })[TRAINABLE]
    for (const [key, each] of Object.entries(value)) enter(each, join(path, key), trainable && (!names || names.includes(key)))
  }
  enter(root, '', true)
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
  walk(
    value,
    tensor => found.push(tensor),
    owned => found.push(owned),
  )
  return found
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}
