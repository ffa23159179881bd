import { ReleasedError } from '../errors.ts'
import { fusion } from '../ops/fusion.ts'
import { add } from '../ops/pointwise.ts'
import { drop, isRecording, isTracked, Level, type Node, outside, recorded, track, trackedAlias } from '../tape/level.ts'
import { type Again, nowPulls } from '../tape/operation.ts'
import { free, madeSince, mark, ownTape, scoped } from '../tensor/scope.ts'
import type { Tensor } from '../tensor/tensor.ts'

/**
 * Walks a level back from `output`, whose cotangent is `seed`, and leaves on each leaf of the level its gradient (the tape's own handle).
 * Unless `keep`, what a node saved is freed as soon as the walk has passed it. `others` are further results, with their cotangents.
 */
export function backward(level: Level, output: Tensor, seed: Tensor, keep: boolean, others?: Iterable<readonly [Tensor, Tensor]>): void {
  const root = level.nodeOf(output)
  if (!root) return
  // What a walk left that was cut off.
  if (level.isWalked) level.forget()
  outside(level, () =>
    scoped(() => {
      level.isWalked = true
      root.cotangent = handleOf(seed, mark())
      try {
        if (others) {
          for (const [each, cotangent] of others) {
            const node = level.nodeOf(each)
            if (node) give(node, cotangent, mark())
          }
        }
        for (let i = level.nodes.length - 1; i >= 0; i--) {
          const node = level.nodes[i]
          const { cotangent } = node
          if (cotangent || node.rest) pull(node, cotangent)
          cotangent?.dispose()
          node.cotangent = undefined
          if (!keep) drop(node)
        }
        level.isWalked = false
      } catch (error) {
        level.forget()
        throw error
      } finally {
        nowPulls(undefined)
      }
    }),
  )
}

/** Adds the cotangents of a node's inputs, and frees what its pullbacks made on the way. */
function pull(node: Node, cotangent: Tensor | undefined): void {
  const { entry, inputs, saved, options } = node
  if (!entry || !(cotangent || node.rest?.some(each => each?.cotangent))) return
  if (saved?.isStale()) {
    throw new ReleasedError({
      operation: entry.name,
      problem: 'a value that the pullback needs was written in place since the forward pass',
      wayOut: 'Call back() before update, assign or loadState, or run the forward pass again.',
    })
  }
  nowPulls(entry.name)
  const values = saved?.values ?? {}
  const outer = mark()
  if (cotangent && entry.pull) {
    const g = entry.through?.(cotangent, values, options) ?? cotangent
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i]
      if (!input) continue
      const before = input.cotangent
      if (before && entry.accumulate && isAlone(before)) {
        entry.accumulate(before, g, values, options)
        continue
      }
      const start = mark()
      give(input, entry.pull(i, g, values, options), start)
      free(start)
    }
  } else if (entry.joint) {
    const gs = [cotangent]
    if (node.rest) for (const each of node.rest) gs.push(each?.cotangent)
    const wanted = inputs.map(input => input !== undefined)
    const hand = (parts: readonly (Tensor | undefined)[]) =>
      inputs.forEach((input, i) => {
        const part = parts[i]
        if (input && part) give(input, part, outer)
      })
    const again = entry.composed && gs.some(g => g && isTracked(g)) && entry.composed(values, options)
    if (again) walkAgain(again, gs, wanted, hand)
    else hand(entry.joint(gs, values, options, wanted))
  }
  free(outer)
}

/** Hands on the cotangents of what is computed again on a level of its own, recorded on those levels around that track the cotangents of its results. */
function walkAgain(
  [inputs, run]: Again,
  gs: readonly (Tensor | undefined)[],
  wanted: readonly boolean[],
  hand: (parts: readonly (Tensor | undefined)[]) => void,
): void {
  scoped(() => {
    const level = new Level()
    ownTape(level)
    const start = mark()
    const leaves: (Node | undefined)[] = []
    const ys = recorded(level, () => {
      for (const [i, input] of inputs.entries()) leaves.push(wanted[i] ? track(level, input) : undefined)
      return run()
    })
    const [first, ...others] = ys.flatMap((y, i) => {
      const g = gs[i]
      return g && level.nodeOf(y) ? [[y, g] as const] : []
    })
    free(start)
    if (first) backward(level, first[0], first[1], false, others)
    hand(leaves.map(leaf => leaf?.cotangent))
  })
}

/** Adds a part to the cotangent of an input. `start` is the mark before it was made. */
function give(input: Node, part: Tensor, start: number): void {
  const before = input.cotangent
  const sum = before ? add(before, part) : part
  before?.dispose()
  input.cotangent = handleOf(sum, start)
}

/** May the cotangent be written? Nobody else sees its memory, and no level around differentiates this walk. */
function isAlone(cotangent: Tensor): boolean {
  return fusion.parts && cotangent.storage.references === 1 && !isRecording()
}

/** A handle for the tape: the tensor itself if it was just made, else another handle of the same value. */
function handleOf(tensor: Tensor, start: number): Tensor {
  if (madeSince(start, tensor)) {
    tensor.kept = 'tape'
    return tensor
  }
  return trackedAlias(tensor)
}
