import type { Storage } from './storage.ts'
import type { Tensor } from './tensor.ts'

/** What the finalizer needs of a tensor: never the tensor itself. */
export interface Cell {
  /** Its memory; of a transposition that is still to be computed that of its source. */
  storage: Storage
  /** How it stands among what waits for its source. */
  waiting: WeakRef<Tensor> | undefined
  released: boolean
}

/** What a scope can own: a tensor, or a tape. */
export interface Owned {
  released: boolean
  kept: 'user' | 'tape' | 'loop' | undefined
  stamp: number
  dispose(): void
  /** Lives on without a scope: the garbage collector is told. */
  escape(): void
}

const PRESSURE = 8 * 2 ** 20

/** The tensors made in open scopes, the innermost scope's last. */
const made: Owned[] = []
let depth = 0
let stamp = 0
let escapedBytes = 0

const finalizer = new FinalizationRegistry<Cell>(cell => {
  if (cell.released) return
  cell.released = true
  if (cell.waiting) cell.storage.waiting?.delete(cell.waiting)
  cell.storage.drop()
})

/** Is a scope open? */
export function inScope(): boolean {
  return depth > 0
}

/** Hands something new to the innermost scope, or to the garbage collector where none is open. */
export function own(owned: Owned): void {
  if (depth > 0) made.push(owned)
  else owned.escape()
}

/** Opens a scope; the mark closes it. */
export function enter(): number {
  depth++
  return made.length
}

/** Closes a scope: frees what was made since the mark, but for the tensors in `survivors`, which go to the scope around. */
export function leave(mark: number, survivors?: Iterable<Owned>): void {
  depth--
  free(mark, survivors)
}

/** Frees what was made since the mark, but for the survivors; the scope stays open. */
export function free(mark: number, survivors?: Iterable<Owned>): void {
  stamp++
  if (survivors) for (const tensor of survivors) tensor.stamp = stamp
  let kept = mark
  for (let i = mark; i < made.length; i++) {
    const tensor = made[i]
    if (tensor.released || tensor.kept === 'tape') continue
    if (tensor.kept === 'user') tensor.escape()
    else if (tensor.stamp !== stamp) tensor.dispose()
    else if (depth > 0) made[kept++] = tensor
    else tensor.escape()
  }
  // Setting the length calls into the runtime; this does not.
  while (made.length > kept) made.pop()
}

/** Where the list of made tensors stands. */
export function mark(): number {
  return made.length
}

/** Was the tensor made since the mark, and is it still the scope's? */
export function madeSince(start: number, tensor: Owned): boolean {
  for (let i = made.length - 1; i >= start; i--) if (made[i] === tensor) return tensor.kept === undefined
  return false
}

/** Hands a tensor that a tape kept to the innermost scope. */
export function giveBack(tensor: Tensor): void {
  tensor.kept = undefined
  own(tensor)
}

/**
 * Leaves a tensor to the garbage collector. Handles are too small to make it run, so throwaway buffers as big as what escaped press it:
 * without them an asynchronous loop over big tensors holds gigabytes.
 */
export function leaveToCollector(tensor: Tensor, storage: Storage): Cell {
  const cell: Cell = { storage, waiting: undefined, released: false }
  finalizer.register(tensor, cell)
  escapedBytes += storage.bytes
  if (escapedBytes >= PRESSURE) {
    new ArrayBuffer(escapedBytes)
    escapedBytes = 0
  }
  return cell
}
