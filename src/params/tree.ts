import { Tensor } from '../tensor/tensor.ts'

/** A tree shaped like a model, with something in the place of each tensor; what holds no tensor is left out. */
export type Tree<T> = T | undefined | Tree<T>[] | { readonly [key: string]: Tree<T> } | Map<unknown, Tree<T>>

/** The model's tree with `f` of each tensor; layers and instances become plain objects. */
export function mapTree<T>(model: unknown, f: (tensor: Tensor) => T | undefined): Tree<T> {
  const open = new Set<unknown>()
  const visit = (value: unknown): Tree<T> => {
    if (value instanceof Tensor) return f(value)
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return undefined
    if (open.has(value) || ArrayBuffer.isView(value)) return undefined
    open.add(value)
    const tree = inside(value)
    open.delete(value)
    return tree
  }
  const inside = (value: object): Tree<T> => {
    if (Array.isArray(value)) return value.map(visit)
    if (value instanceof Map) return new Map([...value].map(([key, each]) => [key, visit(each)]))
    const fields = Object.entries(value).map(([key, each]) => [key, visit(each)] as const)
    const filled = fields.filter(([, each]) => each !== undefined)
    return filled.length === 0 ? undefined : Object.fromEntries(filled)
  }
  return visit(model)
}

/** Calls `f` with each tensor of the model and what stands in its place in the tree. Throws TypeError where the tree has another form. */
export function zipTree<T>(
  operation: string,
  model: unknown,
  tree: Tree<T>,
  isLeaf: (value: unknown) => value is T,
  f: (tensor: Tensor, leaf: T) => void,
): void {
  const open = new Set<unknown>()
  const visit = (value: unknown, part: unknown, path: string): void => {
    if (part === undefined || part === null) return
    if (value instanceof Tensor) {
      if (isLeaf(part)) return f(value, part)
      throw new TypeError(`${operation}: the gradients have another form than the model: at ${path || 'the top'}.`)
    }
    if (isLeaf(part) || value === null || (typeof value !== 'object' && typeof value !== 'function')) {
      throw new TypeError(`${operation}: the gradients have another form than the model: at ${path || 'the top'}.`)
    }
    if (open.has(value)) return
    open.add(value)
    const get = (container: object, key: unknown) =>
      container instanceof Map ? container.get(key) : (container as Record<string, unknown>)[key as string]
    const keys = part instanceof Map ? [...part.keys()] : Object.keys(part)
    for (const key of keys) visit(get(value, key), get(part, key), path ? `${path}.${key}` : String(key))
    open.delete(value)
  }
  visit(model, tree, '')
}
