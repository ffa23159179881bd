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
  /** May be called again, also where it was cut off by an overflow of the stack. */
  dispose(): void
  /** Lives on without a scope: the garbage collector is told. */
  escape(): void
}

const PRESSURE = 8 * 2 ** 20

/** The tensors made in open scopes, the innermost scope's last. */
const made: Owned[] = []
/** And the tapes, apart: `free` runs over objects of one class, several times as fast as over those of two. */
const tapes: Owned[] = []
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

/** Hands a tape to the innermost scope. */
export function ownTape(tape: Owned): void {
  if (depth > 0) tapes.push(tape)
  else tape.escape()
}

/**
 * Runs `f` in a scope: what it made is freed, but for what `survivorsOf` finds in its result, which goes to the scope around. The depth is put
 * back without a call, as no call may be possible any more when the stack has overflowed; then the scope around frees what is left, or the next
 * one.
 */
export function scoped<T>(f: () => T, survivorsOf?: (value: T) => Iterable<Owned>): T {
  const outer = depth
  if (outer === 0 && (made.length > 0 || tapes.length > 0)) freeLeft()
  const start = made.length
  const firstTape = tapes.length
  depth = outer + 1
  let survivors: Iterable<Owned> | undefined
  try {
    const value = f()
    survivors = survivorsOf?.(value)
    return value
  } finally {
    depth = outer
    free(start, survivors)
    if (tapes.length > firstTape) freeTapes(firstTape)
  }
}

/** Frees what a scope left that was cut off; what cannot be freed (who freezes a tensor?) must not keep others from it. */
function freeLeft(): void {
  try {
    free(0)
    freeTapes(0)
  } catch {
    while (made.length > 0) made.pop()
    while (tapes.length > 0) tapes.pop()
  }
}

/** Frees the tapes from the nth on, but for those among the survivors of the call of `free` before. */
function freeTapes(start: number): void {
  let kept = start
  for (let i = start; i < tapes.length; i++) {
    const tape = tapes[i]
    if (tape.released) continue
    if (tape.kept === 'user') tape.escape()
    else if (tape.stamp !== stamp) tape.dispose()
    else if (depth > 0) tapes[kept++] = tape
    else tape.escape()
  }
  while (tapes.length > kept) tapes.pop()
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

/** Detaches from the innermost scope what was made since the mark, but for the survivors and what others keep: the caller ends it. */
export function detachSince(mark: number, survivors: Iterable<Owned>): Owned[] {
  const detached: Owned[] = []
  stamp++
  for (const each of survivors) each.stamp = stamp
  for (let i = mark; i < made.length; i++) {
    const each = made[i]
    if (each.released || each.kept !== undefined || each.stamp === stamp) continue
    each.kept = 'tape'
    detached.push(each)
  }
  return detached
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

/** All that was made since the mark. */
export function allSince(start: number): readonly Owned[] {
  return made.slice(start)
}

/** Hands a tensor that a tape kept to the innermost scope. */
export function giveBack(tensor: Tensor): void {
  tensor.kept = undefined
  own(tensor)
}

/**
 * What is left to the garbage collector, but not registered there yet: that is done before the turn of the event loop ends, until when no
 * finalizer runs. To register takes longer than to make a tensor, and what was disposed in the same turn would pile up in the registry.
 */
const young: Tensor[] = []
let crowd = 1024
let isDue = false
/** After so many promises: a run frees a batch some of them after it was made. */
const WAIT = 128

/** Leaves a tensor to the garbage collector. */
export function leaveToCollector(tensor: Tensor): void {
  if (!isDue) void registerLater()
  young.push(tensor)
  if (young.length < crowd) return
  let alive = 0
  for (const each of young) if (!each.released) young[alive++] = each
  while (young.length > alive) young.pop()
  crowd = Math.max(1024, 2 * alive)
}

async function registerLater(): Promise<void> {
  isDue = true
  for (let i = 0; i < WAIT; i++) await undefined
  isDue = false
  // One after the other leaves the list, so that those before can go when the collector is pressed.
  for (let tensor = young.pop(); tensor; tensor = young.pop()) if (!tensor.released) tensor.register()
  crowd = 1024
}

/**
 * Registers a tensor with the garbage collector. Handles are too small to make it run, so throwaway buffers as big as what escaped press it:
 * without them an asynchronous loop over big tensors holds gigabytes.
 */
export function register(tensor: Tensor, storage: Storage): Cell {
  const cell: Cell = { storage, waiting: undefined, released: false }
  finalizer.register(tensor, cell)
  escapedBytes += storage.bytes
  if (escapedBytes >= PRESSURE) press()
  return cell
}

function press(): void {
  const bytes = escapedBytes
  escapedBytes = 0
  try {
    new ArrayBuffer(bytes)
  } catch {
    // Where there is no room for it the collector has run in vain.
  }
}
