import type { Owned } from '../tensor/scope.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { Entry } from './operation.ts'

/** What the tape knows of one result: the operation that made it, the nodes of its inputs, and what its pullback will need. */
export interface Node {
  /** Undefined for a leaf: an argument of `gradient`, or a parameter. */
  readonly entry: Entry | undefined
  readonly inputs: readonly (Node | undefined)[]
  readonly options: unknown
  saved: Saved | undefined
  /** The gradient of the result by this value, summed up as the walk goes back. */
  cotangent: Tensor | undefined
  /** Where the operation gave more results than this one: their nodes, undefined where one has no derivative. */
  readonly rest: readonly (Node | undefined)[] | undefined
}

/**
 * One gradient call's record: its own map from tensor to node. Gradients nest because an operation is recorded on every level on which an
 * input is tracked, and a pullback runs as operations of the levels around. It belongs to a scope, as what it saves does to it.
 */
export class Level implements Owned {
  /** In the order in which they were made. */
  readonly nodes: Node[] = []
  readonly leaves: Node[] = []
  /** The nodes of tensors that another living level had first. */
  private others: Map<Tensor, Node> | undefined = undefined
  /** What a pullback puts off until its first walk, and goes with it. */
  effects: { dispose(): void } | undefined = undefined
  /** Has a walk begun that has not come to its end? */
  isWalked = false
  released = false
  kept: Owned['kept'] = undefined
  stamp = 0

  /** The node of a tensor, if it is tracked. */
  nodeOf(tensor: Tensor): Node | undefined {
    if (tensor.tape !== this) return this.others?.get(tensor)
    const { place } = tensor
    return place < 0 ? this.leaves[~place] : this.nodes[place]
  }

  /** Adds a leaf, the node of a tensor. */
  addLeaf(tensor: Tensor, node: Node): void {
    this.assign(tensor, node, ~this.leaves.length)
    this.leaves.push(node)
  }

  /** Adds the node of a result. */
  add(tensor: Tensor, node: Node): void {
    this.assign(tensor, node, this.nodes.length)
    this.nodes.push(node)
  }

  /** Gives a handle the node that another handle of the same value has, if it has one. */
  share(handle: Tensor, tensor: Tensor): void {
    const node = this.nodeOf(tensor)
    if (node) this.assign(handle, node, tensor.tape === this ? tensor.place : undefined)
  }

  /** A lookup by identity takes its time: the first level to track a tensor leaves its place there. */
  private assign(tensor: Tensor, node: Node, place: number | undefined): void {
    if (place !== undefined && (!tensor.tape || tensor.tape.released)) {
      tensor.tape = this
      tensor.place = place
    } else {
      this.others ??= new Map()
      this.others.set(tensor, node)
    }
  }

  /** Frees everything that it still saves. */
  dispose(): void {
    if (this.released) return
    for (const node of this.nodes) drop(node)
    this.forget()
    this.effects?.dispose()
    this.released = true
    // Tensors live longer, and lead here.
    this.others = undefined
    while (this.nodes.length > 0) this.nodes.pop()
    while (this.leaves.length > 0) this.leaves.pop()
  }

  /** Frees the cotangents that a walk left. */
  forget(): void {
    for (const nodes of [this.nodes, this.leaves]) {
      for (const node of nodes) {
        node.cotangent?.dispose()
        node.cotangent = undefined
      }
    }
    this.isWalked = false
  }

  /** Nothing to do: the function that carries the tape of a pullback is registered with the collector. */
  escape(): void {}
}

/** Frees what a node saves. */
export function drop(node: Node): void {
  node.saved?.drop()
  node.saved = undefined
}

/** A tensor that the tape keeps, and how often its memory had been written by then. */
interface Kept {
  readonly handle: Tensor
  readonly version: number
  readonly next: Kept | undefined
}

/** What a node keeps for its pullback, by name. The tensors among it are handles of the tape's own. */
export class Saved {
  values: Record<string, unknown> = {}
  // A list of links, since most hold one or two and an array that grows takes room for seventeen.
  private kept: Kept | undefined = undefined
  /** How many nodes it is for. */
  references = 0

  /** Takes `values` over, and changes the tensors in it for handles of its own. */
  fill(values: Record<string, unknown>): void {
    for (const name in values) {
      const value = values[name]
      if (!(value instanceof Tensor)) continue
      const { version } = value.storage
      const handle = savedAlias(value)
      handle.storage.saves++
      this.kept = { handle, version, next: this.kept }
      values[name] = handle
    }
    this.values = values
  }

  /** Takes tensors over that nobody else has seen. */
  adopt(extras: Readonly<Record<string, Tensor>>): void {
    for (const name in extras) {
      const handle = extras[name]
      handle.kept = 'tape'
      this.kept = { handle, version: handle.storage.version, next: this.kept }
      this.values[name] = handle
    }
  }

  drop(): void {
    if (this.references === 1) {
      for (let each = this.kept; each; each = each.next) {
        each.handle.storage.saves--
        each.handle.dispose()
      }
    }
    this.references--
  }

  /** Has one of the tensors been written since it was saved? */
  isStale(): boolean {
    for (let each = this.kept; each; each = each.next) if (each.handle.storage.version !== each.version) return true
    return false
  }
}

/** The open levels, the innermost last. */
let levels: readonly Level[] = []

export function isRecording(): boolean {
  return levels.length > 0
}

/** Runs `f` with these levels open. They are put back without a call, for which the stack may be too full. */
function withLevels<T>(open: readonly Level[], f: () => T): T {
  const before = levels
  levels = open
  try {
    return f()
  } finally {
    levels = before
  }
}

/** Runs `f` with another level open. */
export function recorded<T>(level: Level, f: () => T): T {
  return withLevels([...levels, level], f)
}

/** The open levels: what `recordedAmong` takes. */
export function openLevels(): readonly Level[] {
  return levels
}

/** Runs `f` with another level open, and with those of the open ones that were open when `then` was asked for. */
export function recordedAmong<T>(then: readonly Level[], level: Level, f: () => T): T {
  return withLevels([...levels.filter(each => then.includes(each)), level], f)
}

/** Runs `f` with no level open: nothing in it is recorded. */
export function unrecorded<T>(f: () => T): T {
  return withLevels([], f)
}

/** Runs `f` with only the levels around `level` open, as the pullbacks of `level` run. */
export function outside<T>(level: Level, f: () => T): T {
  const at = levels.indexOf(level)
  return at < 0 ? f() : withLevels(levels.slice(0, at), f)
}

/** Makes a tensor a leaf of the level. */
export function track(level: Level, tensor: Tensor): Node {
  const known = level.nodeOf(tensor)
  if (known) return known
  const leaf: Node = { entry: undefined, inputs: [], options: undefined, saved: undefined, cotangent: undefined, rest: undefined }
  level.addLeaf(tensor, leaf)
  return leaf
}

/** Another handle of a tensor that every open level takes for the same value. */
export function trackedAlias(tensor: Tensor): Tensor {
  return aliasOn(levels.length, tensor)
}

/** Another handle of a tensor for a pullback: the levels around those that record see it, and the innermost level is none of them. */
function savedAlias(tensor: Tensor): Tensor {
  return aliasOn(levels.length - 1, tensor)
}

/** A handle for the tape that the outermost `count` levels take for the same value. */
function aliasOn(count: number, tensor: Tensor): Tensor {
  const alias = tensor.alias()
  alias.kept = 'tape'
  for (let i = 0; i < count; i++) levels[i].share(alias, tensor)
  return alias
}

/** Is the tensor tracked on any open level? */
export function isTracked(tensor: Tensor): boolean {
  for (const level of levels) if (level.nodeOf(tensor)) return true
  return false
}

/** On how many open levels is one of the tensors tracked? */
export function timesTracked(inputs: readonly (Tensor | undefined)[]): number {
  let times = 0
  for (const level of levels) {
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i]
      if (!input || !level.nodeOf(input)) continue
      times++
      break
    }
  }
  return times
}

/** May what is made of these tensors be differentiated twice: is it recorded on more than one level? */
export function isTrackedTwice(inputs: readonly (Tensor | undefined)[]): boolean {
  return levels.length > 1 && timesTracked(inputs) > 1
}

/**
 * Records an operation on every level on which one of its inputs is tracked. `extras` become the tape's; `rest` are its results behind the
 * first.
 */
export function record(
  entry: Entry,
  inputs: readonly Tensor[],
  output: Tensor,
  options: unknown,
  extras?: Readonly<Record<string, Tensor>>,
  rest?: readonly Tensor[],
): void {
  let saved: Saved | undefined
  for (const level of levels) {
    let tracked = false
    const nodes = new Array<Node | undefined>(inputs.length)
    for (let i = 0; i < inputs.length; i++) {
      const node = entry.differentiable(i) ? level.nodeOf(inputs[i]) : undefined
      nodes[i] = node
      if (node) tracked = true
    }
    if (!tracked) continue
    const others = rest && resultNodes(level, rest)
    if (entry.save || extras) {
      saved ??= new Saved()
      saved.references++
    }
    level.add(output, { entry, inputs: nodes, options, saved, cotangent: undefined, rest: others })
  }
  if (!saved) return
  if (entry.save) saved.fill(entry.save(output, inputs, options, extras, rest))
  if (extras) saved.adopt(extras)
}

/** Nodes for further results, before that of the operation: the walk comes to it first, when their cotangents are complete. */
function resultNodes(level: Level, results: readonly Tensor[]): (Node | undefined)[] {
  return results.map(result => {
    if (result.type !== 'float32') return undefined
    const node: Node = { entry: undefined, inputs: [], options: undefined, saved: undefined, cotangent: undefined, rest: undefined }
    level.add(result, node)
    return node
  })
}
