// Blocks of linear memory. A block has one of some 200 sizes (steps of 64 bytes, later of an eighth of a power of two); a freed block
// waits in the list of its size, so a loop in its steady state takes what its last round gave back. Before the memory would grow, free
// neighbours are merged and cut anew. docs/memory.md has the design.
import { guardFreed, guardTaken, mustFail, ZONE } from './guard.ts'
import type { Address } from './kinds.ts'
import { BLOCKS, cannotGrow, capacity, growTo } from './memory.ts'

interface Span {
  start: number
  bytes: number
}

const zones = __GUARD__ ? 2 * ZONE : 0
const freeLists: number[][] = []
let spans: Span[] = []
/** Everything from here on was never allocated. */
let top = BLOCKS
let limbo: [pointer: number, bytes: number][] = []
/** How often a quarantine was begun and not ended, and where the memory ended that was in use then. */
let quarantines = 0
let quarantineEnd = 0
let freeBytes = 0
let usedBytes = 0
let peakBytes = 0

/** How many bytes are in use, and the most that ever were. */
export function usage(): { bytes: number; peak: number } {
  return { bytes: usedBytes, peak: peakBytes }
}

/** No block is larger, as no memory is; up to here sizes and their classes are exact. */
const MOST = 2 ** 32 - 2 ** 16

/** The size of the block that holds `bytes`. */
export function roomFor(bytes: number): number {
  if (bytes <= 1024) return bytes === 0 ? 64 : (bytes + 63) & ~63
  const log = 28 - Math.clz32(bytes - 1) // of an eighth of the power of two below
  if (bytes < 2 ** 30) return (bytes + (1 << log) - 1) & -(1 << log)
  return Math.ceil(bytes / 2 ** log) * 2 ** log
}

/** A block of at least `bytes`, aligned to 64 bytes, its contents arbitrary. Throws MemoryError. */
export function allocate(bytes: number): Address {
  const room = roomFor(bytes)
  if (!(room <= MOST) || (__GUARD__ && mustFail())) throw cannotGrow(top + room + zones)
  let pointer = freeLists[sizeClass(room)]?.pop()
  if (pointer === undefined) pointer = carve(room + zones)
  else freeBytes -= room + zones
  if (__GUARD__) {
    pointer += ZONE
    guardTaken(pointer, bytes, room)
  }
  usedBytes += room
  if (usedBytes > peakBytes) peakBytes = usedBytes
  return pointer as Address
}

/** Gives a block back; `bytes` as it was asked for. All calls come before the first change, as the stack may overflow at each. */
export function release(pointer: number, bytes: number): void {
  const room = roomFor(bytes)
  const index = sizeClass(room)
  if (quarantines > 0 && pointer < quarantineEnd) {
    limbo.push([pointer, bytes])
    return
  }
  if (__GUARD__) guardFreed(pointer, room)
  const list = (freeLists[index] ??= [])
  list.push(__GUARD__ ? pointer - ZONE : pointer)
  freeBytes += room + zones
  usedBytes -= room
}

/**
 * While a lost thread may still write, what was in use when it was lost must not be used again once it is released: it waits until as many
 * `endQuarantine` as `beginQuarantine` have come. Memory that was never taken before is used as always, so a loop goes on in that.
 */
export function beginQuarantine(): void {
  quarantines++
  quarantineEnd = Math.max(quarantineEnd, top)
}

export function endQuarantine(): void {
  if (--quarantines > 0) return
  const waiting = limbo
  limbo = []
  quarantineEnd = 0
  for (const [pointer, bytes] of waiting) release(pointer, bytes)
}

/** One index for each size of block. */
function sizeClass(room: number): number {
  if (room <= 1024) return room >>> 6
  const log = 31 - Math.clz32(room - 1)
  return 8 * (log - 9) + (room >>> (log - 3))
}

/** The inverse of `sizeClass`. */
function sizeOf(index: number): number {
  if (index <= 16) return index << 6
  const log = 10 + ((index - 17) >>> 3)
  return (index - 8 * (log - 9)) * 2 ** (log - 3)
}

function carve(size: number): number {
  const cut = fromSpan(size)
  if (cut !== undefined) return cut
  const isMuch = freeBytes >= Math.max(size, (top - BLOCKS) / 8)
  if (top + size > capacity() && (isMuch || !growTo(top + size)) && freeBytes > 0) {
    merge()
    const merged = fromSpan(size)
    if (merged !== undefined) return merged
  }
  // What touched the top has gone back to it.
  if (!growTo(top + size)) throw cannotGrow(top + size)
  const pointer = top
  top += size
  return pointer
}

function fromSpan(size: number): number | undefined {
  for (let i = 0; i < spans.length; i++) {
    const span = spans[i]
    if (span.bytes < size) continue
    const pointer = span.start
    span.start += size
    span.bytes -= size
    freeBytes -= size
    if (span.bytes === 0) spans.splice(i, 1)
    return pointer
  }
  return undefined
}

/** Makes spans of all that is free, neighbours in one; what touches the top goes back to it. */
function merge(): void {
  for (let index = 0; index < freeLists.length; index++) {
    const list = freeLists[index]
    if (!list?.length) continue
    const bytes = sizeOf(index) + zones
    for (const start of list) spans.push({ start, bytes })
    list.length = 0
  }
  spans.sort((a, b) => a.start - b.start)
  const merged: Span[] = []
  for (const span of spans) {
    const last = merged.at(-1)
    if (last && last.start + last.bytes === span.start) last.bytes += span.bytes
    else merged.push(span)
  }
  const last = merged.at(-1)
  if (last && last.start + last.bytes === top) {
    top = last.start
    freeBytes -= last.bytes
    merged.pop()
  }
  spans = merged
}
