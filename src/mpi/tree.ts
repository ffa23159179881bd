// Sums over shards in a fixed binary tree, so that their bits depend on how many shards there are, and not on how many ranks have them.
import type { Ranks } from './ranks.ts'

/** A part of the tree: the sum of the shards from `from` up to, not including, `to`. */
export interface Node {
  readonly from: number
  readonly to: number
}

/** Where a node is split: its left half is the largest power of two below its size. */
export function middleOf({ from, to }: Node): number {
  return from + 2 ** (Math.ceil(Math.log2(to - from)) - 1)
}

/** The shards of a rank, which lie side by side. */
export function shardsOf(rank: number, size: number, shards: number): Node {
  return { from: Math.floor((rank * shards) / size), to: Math.floor(((rank + 1) * shards) / size) }
}

/** The largest nodes that lie within the shards of a rank, in order: what it can add up by itself. */
export function nodesOf({ from, to }: Node, node: Node): Node[] {
  if (node.to <= from || node.from >= to) return []
  if (node.from >= from && node.to <= to) return [node]
  const middle = middleOf(node)
  return [...nodesOf({ from, to }, { from: node.from, to: middle }), ...nodesOf({ from, to }, { from: middle, to: node.to })]
}

/** So many numbers are exchanged at a time. */
const PIECE = 2 ** 20

export class Tree {
  private readonly ranks: Ranks
  readonly shards: number
  private readonly root: Node
  /** The nodes of each rank, and the most that one has. */
  private readonly nodes: readonly (readonly Node[])[]
  private readonly most: number

  constructor(ranks: Ranks, shards: number) {
    const { size } = ranks
    this.ranks = ranks
    this.shards = shards
    this.root = { from: 0, to: shards }
    this.nodes = Array.from({ length: size }, (_, rank) => nodesOf(shardsOf(rank, size, shards), this.root))
    this.most = Math.max(...this.nodes.map(each => each.length))
  }

  /** What this rank adds up by itself. */
  get own(): readonly Node[] {
    return this.nodes[this.ranks.rank]
  }

  /** The sum of all, into `result`; `own` has the sums of the rank's own nodes. */
  sum(own: readonly Float32Array[], result: Float32Array): void {
    const { ranks, most } = this
    const { size } = ranks
    if (size === 1) {
      if (own[0] !== result) result.set(own[0])
      return
    }
    // Of two numbers there is one sum, in whatever order.
    if (size === 2 && this.nodes.every(each => each.length === 1)) {
      if (own[0] !== result) result.set(own[0])
      return ranks.reduce(result, 'sum')
    }
    // Each rank adds up a segment for all.
    const segment = Math.ceil(Math.min(PIECE, result.length) / size)
    const sent = new Float32Array(size * most * segment)
    const got = new Float32Array(size * most * segment)
    const row = new Float32Array(size * segment)
    for (let at = 0; at < result.length; at += size * segment) {
      for (let to = 0; to < size; to++) {
        const start = at + to * segment
        own.forEach((each, i) => sent.set(each.subarray(start, start + segment), (to * most + i) * segment))
      }
      ranks.swap(sent, got)
      const values = new Map<number, Float32Array>()
      this.nodes.forEach((nodes, from) =>
        nodes.forEach((node, i) => {
          const place = (from * most + i) * segment
          values.set(node.from * 65536 + node.to, got.subarray(place, place + segment))
        }),
      )
      ranks.gather(this.added(this.root, values), row)
      result.set(row.subarray(0, Math.min(row.length, result.length - at)), at)
    }
  }

  /** Adds up a node in the place of its left half. */
  private added(node: Node, values: ReadonlyMap<number, Float32Array>): Float32Array {
    const value = values.get(node.from * 65536 + node.to)
    if (value) return value
    const middle = middleOf(node)
    const left = this.added({ from: node.from, to: middle }, values)
    const right = this.added({ from: middle, to: node.to }, values)
    for (let i = 0; i < left.length; i++) left[i] += right[i]
    return left
  }
}
