import type { Storage } from './storage.ts'
import type { Tensor } from './tensor.ts'

/** What the finalizer needs of a tensor: never the tensor itself. */
export interface Cell {
  readonly storage: Storage
  released: boolean
}

const PRESSURE = 8 * 2 ** 20

/** The tensors made in open scopes, the innermost scope's last. */
const made: Tensor[] = []
let depth = 0
let stamp = 0
let escapedBytes = 0

const finalizer = new FinalizationRegistry<Cell>(cell => {
  if (cell.released) return
  cell.released = true
  cell.storage.drop()
})

/** Is a scope open? */
export function inScope(): boolean {
  return depth > 0
}

/** Hands a new tensor to the innermost scope, or to the garbage collector where none is open. */
export function own(tensor: Tensor): void {
  if (depth > 0) made.push(tensor)
  else escape(tensor)
}

/** Opens a scope; the mark closes it. */
export function enter(): number {
  depth++
  return made.length
}

/** Closes a scope: frees what was made since the mark, but for the tensors in `survivors`, which go to the scope around. */
export function leave(mark: number, survivors?: Iterable<Tensor>): void {
  depth--
  free(mark, survivors)
}

/** Frees what was made since the mark, but for the survivors; the scope stays open. */
export function free(mark: number, survivors?: Iterable<Tensor>): void {
  stamp++
  if (survivors) for (const tensor of survivors) tensor.stamp = stamp
  let kept = mark
  for (let i = mark; i < made.length; i++) {
    const tensor = made[i]
    if (tensor.released || tensor.kept === 'tape') continue
    if (tensor.kept === 'user') escape(tensor)
    else if (tensor.stamp !== stamp) tensor.dispose()
    else if (depth > 0) made[kept++] = tensor
    else escape(tensor)
  }
  made.length = kept
}

/** Where the list of made tensors stands. */
export function mark(): number {
  return made.length
}

/** Was the tensor made since the mark, and is it still the scope's? */
export function madeSince(start: number, tensor: Tensor): boolean {
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
function escape(tensor: Tensor): void {
  const { storage } = tensor
  tensor.cell = { storage, released: false }
  finalizer.register(tensor, tensor.cell)
  escapedBytes += storage.bytes
  if (escapedBytes < PRESSURE) return
  new ArrayBuffer(escapedBytes)
  escapedBytes = 0
}
