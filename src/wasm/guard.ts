// The test build's proof of memory: red zones around every block, a NaN in zones and in freed or fresh blocks. Arithmetic passes a NaN's
// bits on, so each block has one of its own: what a kernel computes from beyond one block is no zone of another. Of a block of many
// megabytes only the ends are filled, so that a test can take gigabytes without touching them.
import { i32 } from './memory.ts'

/** Bytes before and after a block in the test build. */
export const ZONE = 64
/** Longer stretches are filled for half of this at either end. */
const MOST = 16 * 2 ** 20

/** Exact sizes by address of the payload. */
const live = new Map<number, number>()
/** The blocks that were taken last, in a ring. */
const LATEST = 16
const latest: number[] = []
let taken = 0
let failAfter = Number.POSITIVE_INFINITY
let failures = 0

/** The NaN of the block at an address. */
function patternOf(pointer: number): number {
  return 0x7fc00000 | ((pointer >>> 6) & 0x3fffff)
}

/** Notes that a block is allocated: its zones and its contents get its pattern. */
export function guardTaken(pointer: number, bytes: number, room: number): void {
  fill(pointer - ZONE, ZONE + room + ZONE, patternOf(pointer))
  live.set(pointer, bytes)
  latest[taken++ % LATEST] = pointer
}

/** Checks a block, then fills it, so that whoever reads it later sees NaN. */
export function guardFreed(pointer: number, room: number): void {
  check(pointer)
  live.delete(pointer)
  fill(pointer, room, patternOf(pointer))
}

/** Throws if the zones of a block were written, of those taken last, among which the results of an operation are. The others come when they are freed. */
export function checkZones(operation: string): void {
  for (const pointer of latest) if (live.has(pointer)) check(pointer, operation)
}

/** Throws if the zones of any block were written. */
export function checkAllZones(operation: string): void {
  for (const pointer of live.keys()) check(pointer, operation)
}

/** Makes `count` allocations fail from the nth on (0: the next one), as if memory could not grow; Infinity ends it. */
export function failAllocation(n: number, count = Number.POSITIVE_INFINITY): void {
  failAfter = n
  failures = count
}

/** Counts down to a failure that was asked for. */
export function mustFail(): boolean {
  return failAfter-- <= 0 && failures-- > 0
}

function fill(start: number, bytes: number, pattern: number): void {
  const end = start + bytes
  if (bytes <= MOST) return void i32.fill(pattern, start >>> 2, end >>> 2)
  i32.fill(pattern, start >>> 2, (start + MOST / 2) >>> 2)
  i32.fill(pattern, (end - MOST / 2) >>> 2, end >>> 2)
}

function check(pointer: number, operation = 'release'): void {
  const bytes = live.get(pointer)
  if (bytes === undefined) throw new Error(`${operation}: a block that is not taken: ${pointer}`)
  const words = i32
  const pattern = patternOf(pointer)
  const start = pointer >>> 2
  for (let at = start - ZONE / 4; at < start; at++) {
    if (words[at] !== pattern) throw new Error(`${operation}: wrote ${4 * (start - at)} bytes before a block of ${bytes} bytes`)
  }
  const end = start + Math.ceil(bytes / 4)
  for (let at = end; at < end + ZONE / 4; at++) {
    if (words[at] !== pattern) throw new Error(`${operation}: wrote ${4 * (at - end)} bytes after a block of ${bytes} bytes`)
  }
}
