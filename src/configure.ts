import { checkNumber, checkOptions, rangeError, refuseSurplus, typeError } from './errors.ts'
import { isRecording } from './tape/level.ts'
import { isWide, useBest, useVariant, useWide, type Variant, variant } from './wasm/module.ts'
import { setThreads, shareThreads, type ThreadInfo, threadInfo, withoutThreads } from './wasm/pool.ts'
import { LENT } from './words.ts'

/** What `configure` chooses. */
export interface Configuration {
  /** Use the kernels whose bits are the same in every runtime; false: the fastest that this runtime has. */
  readonly deterministic?: boolean | undefined
  /** Tell kernels that the engine makes one of two neighbouring vectors; left out: as before. The bits are the same. */
  readonly wide?: boolean | undefined
}

/**
 * Chooses the kernels. `deterministic: true` takes the baseline variant, whose results have the same bits in every runtime and at every thread
 * count; false the best one. `wide: true` is for a V8 that was started with `--experimental-wasm-revectorize`, such as a Chrome with
 * `--js-flags=--experimental-wasm-revectorize` (in Node `fluxtape/wide` does both): products take three fifths of the time there, and longer than without it elsewhere. Returns the variant in
 * use. Throws TypeError while a gradient is being taken.
 * @example await configure({ deterministic: true }) // 'baseline'
 */
export async function configure(options: Configuration = {}): Promise<Variant> {
  checkOptions('configure', options, ['deterministic', 'wide'])
  if (arguments.length > 1) refuseSurplus('configure', 1, arguments)
  refuseRecording('configure')
  const { deterministic, wide = isWide } = options
  await withoutThreads(() => {
    if (deterministic) useVariant('baseline')
    else useBest()
    useWide(wide)
  })
  return variant()
}

/**
 * `threads()` says how many threads compute, the calling one included, and why: `{ count, reason }`. `await threads(n)` sets how many and
 * waits until they are up; with 1 the calling one computes alone. Without it the first big job starts as many as the machine has cores. Results have the same bits
 * for every n. Throws RangeError for what is no whole number from 1, TypeError while a gradient is being taken.
 *
 * @example
 * const { count } = await threads(1)
 * count // 1
 */
export function threads(): ThreadInfo
export function threads(count: number): Promise<ThreadInfo>
export function threads(count?: number, how?: unknown): ThreadInfo | Promise<ThreadInfo> {
  if (how === LENT) return shareThreads(count as number)
  if (arguments.length > 1) refuseSurplus('threads', 1, arguments)
  if (count === undefined) return threadInfo()
  checkNumber('threads', 'the count', count)
  if (!Number.isInteger(count) || count < 1) throw rangeError('threads', 'a number of threads is a whole number from 1', count)
  refuseRecording('threads')
  return setThreads(count)
}

/** Throws TypeError while a gradient is being taken. */
export function refuseRecording(operation: string): void {
  if (isRecording()) throw typeError(operation, 'a gradient is being taken', '', 'Call it before or after.')
}
