import { typeError } from '../errors.ts'
import { isMap, isSet } from '../tensor/realm.ts'
import { Tensor } from '../tensor/tensor.ts'
import { isContainer, partsOf } from '../tensor/walk.ts'

/**
 * A tree shaped like a model, with something in the place of each tensor; what holds no tensor is left out. A Set becomes a list in its order.
 */
export type Tree<T> = T | undefined | Tree<T>[] | { readonly [key: string]: Tree<T> } | Map<unknown, Tree<T>>

/** A container whose parts are being mapped, as far as that has come. */
interface Open<T> {
  readonly value: object
  readonly parts: readonly (readonly [key: unknown, part: unknown])[]
  readonly trees: Tree<T>[]
}

/**
 * The model's tree with `f` of each tensor; layers and instances become plain objects. A part that stands in several places is mapped once, and
 * its tree stands in all of them; inside of itself it is left out.
 */
export function mapTree<T>(model: unknown, f: (tensor: Tensor) => T | undefined): Tree<T> {
  const treeOf = new Map<unknown, Tree<T>>()
  const open: Open<T>[] = [{ value: [], parts: [['', model]], trees: [] }]
  for (;;) {
    const { value, parts, trees } = open[open.length - 1]
    if (trees.length < parts.length) {
      const [, part] = parts[trees.length]
      if (part instanceof Tensor) trees.push(f(part))
      else if (!isContainer(part) || treeOf.has(part)) trees.push(treeOf.get(part))
      else {
        treeOf.set(part, undefined)
        open.push({ value: part, parts: partsOf(part), trees: [] })
      }
      continue
    }
    open.pop()
    if (open.length === 0) return trees[0]
    const tree = joined(value, parts, trees)
    treeOf.set(value, tree)
    open[open.length - 1].trees.push(tree)
  }
}

function joined<T>(value: object, parts: Open<T>['parts'], trees: Tree<T>[]): Tree<T> {
  if (isSet(value)) return trees
  const pairs = parts.map(([key], i) => [key, trees[i]] as const)
  if (isMap(value)) return new Map(pairs)
  if (Array.isArray(value)) return Object.assign(new Array<Tree<T>>(value.length), Object.fromEntries(pairs))
  const filled = pairs.filter(([, tree]) => tree !== undefined)
  return filled.length === 0 ? undefined : Object.fromEntries(filled)
}

/** Calls `f` with each tensor of the model and what stands in its place in the tree. Throws TypeError where the tree has another form. */
export function zipTree<T>(
  operation: string,
  model: unknown,
  tree: Tree<T>,
  isLeaf: (value: unknown) => value is T,
  f: (tensor: Tensor, leaf: T) => void,
): void {
  const seen = new Map<object, Set<unknown>>()
  const pending: [value: unknown, part: unknown, path: string][] = [[model, tree, '']]
  for (let next = pending.pop(); next; next = pending.pop()) {
    const [value, part, path] = next
    if (part === undefined || part === null) continue
    if (value instanceof Tensor && isLeaf(part)) {
      f(value, part)
      continue
    }
    if (isLeaf(part) || typeof part !== 'object' || !isContainer(value)) {
      throw typeError(operation, 'the gradients have another form than the model', `at ${path || 'the top'}`)
    }
    const others = seen.get(value)
    if (others?.has(part)) continue
    if (others) others.add(part)
    else seen.set(value, new Set([part]))
    const elements = isSet(value) ? [...value] : value
    const parts = partsOf(part)
    for (let i = parts.length - 1; i >= 0; i--) {
      const [key, each] = parts[i]
      pending.push([partAt(elements, key), each, path ? `${path}.${String(key)}` : String(key)])
    }
  }
}

function partAt(container: object, key: unknown): unknown {
  if (isMap(container)) return container.get(key)
  return Object.hasOwn(container, key as string) ? (container as Record<string, unknown>)[key as string] : undefined
}
