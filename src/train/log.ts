import { checkOptions, rangeError, refuseSurplus, typeError, written } from '../errors.ts'
import { appendFile, readFile, truncateFile } from '../io/disk.ts'
import type { CallbackObject } from './callbacks.ts'
import { stateOf } from './remembered.ts'

/** What is written. */
export interface LogOptions {
  /** A line an epoch, or a line every so many steps. */
  readonly every?: 'epoch' | number | undefined
}

/** How much of the file was on the disk, what was to follow, and the columns of a table. */
interface Memory {
  readonly bytes: number
  readonly pending: string
  readonly columns: string
  readonly steps: number
}

type Row = Readonly<Record<string, number | undefined>>

/** Lines are brought to the disk after so many milliseconds, or characters. */
const [LATEST, MOST] = [1000, 2 ** 16]

/**
 * A callback that writes a run to a file, a line an epoch: `{ epoch, steps, loss, validation, ...metrics, seconds }`, where `steps` are those taken so
 * far, or with `{ every: n }` a line every n steps, from step 0 on: `{ epoch, step, loss }`. JSON lines; a table with a head where the path ends in `.csv`. Numbers
 * that are not finite are texts in JSON ("NaN"). A new run begins the file anew with its first line, one that is taken up goes on where its checkpoint was. What
 * was not written yet when the process ends is at most a second's lines.
 *
 * A path is as for `save`. The run rejects with the error if the file cannot be written at its start; later it goes on, the error is told once on the
 * console, and the lines are tried again. Throws TypeError and RangeError for arguments that are none.
 *
 * @example
 * const log = logTo('/tmp/run.csv', { every: 100 })
 * typeof log.onStep // 'function'
 */
export function logTo(path: string, options: LogOptions = {}): CallbackObject {
  checkOptions('logTo', options, ['every'])
  if (arguments.length > 2) refuseSurplus('logTo', 2, arguments)
  if (typeof path !== 'string' || path === '')
    throw typeError('logTo', 'the path is a text', `${written(path)} came`, "Write logTo('run.jsonl').")
  const { every = 'epoch' } = options
  if (every !== 'epoch' && typeof every !== 'number') throw typeError('logTo', "every is 'epoch' or a number", `${written(every)} came`)
  if (typeof every === 'number' && !(Number.isInteger(every) && every >= 1))
    throw rangeError('logTo', 'every is a whole number of steps from 1', every)

  const isTable = /\.csv$/i.test(path)
  let [bytes, pending, columns] = [0, '', '']
  /** What the file is to be cut to before it is written; undefined once it is. */
  let start: number | undefined
  let latest = 0
  let isFailing = false
  let steps = 0

  const add = (row: Row) => {
    const numbers = Object.entries(row).filter((entry): entry is [string, number] => entry[1] !== undefined)
    if (!isTable) {
      pending += `${JSON.stringify(Object.fromEntries(numbers.map(([name, x]) => [name, Number.isFinite(x) ? x : String(x)])))}\n`
      return
    }
    const head = numbers.map(([name]) => (/[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name)).join(',')
    // A table has one head: where a run is taken up with other metrics, the columns of the file go on under another one.
    if (head !== columns) pending += `${head}\n`
    columns = head
    pending += `${numbers.map(([, value]) => value).join(',')}\n`
  }
  const write = async () => {
    latest = performance.now()
    // With nothing to write, as of a run that could not begin, what is there stays.
    if (pending === '') return
    if (start !== undefined) {
      // Somebody may have taken it away.
      await appendFile('logTo', path, '')
      const length = start === 0 ? 0 : lengthOf(await readFile('logTo', path), start)
      await truncateFile('logTo', path, length)
      if (isTable && length === 0 && start > 0) pending = `${columns}\n${pending}`
      bytes = length
      start = undefined
    }
    const text = pending
    await appendFile('logTo', path, text)
    bytes += new TextEncoder().encode(text).length
    pending = pending.slice(text.length)
    isFailing = false
  }
  const tryTo = async () => {
    try {
      await write()
    } catch (error) {
      if (!isFailing) console.warn(`${(error as Error).message} The run goes on, and what could not be written is tried again.`)
      isFailing = true
      // A part of it may be there.
      start ??= bytes
    }
  }
  const isDue = () => performance.now() - latest >= LATEST || (pending.length >= MOST && !isFailing)

  return {
    async onStart() {
      ;[bytes, pending, columns, start, steps, isFailing, latest] = [0, '', '', 0, 0, false, performance.now()]
      // Says at once if there is no such place; what was there is cut off when there is something to write.
      await appendFile('logTo', path, '')
    },
    onStep(context) {
      const { epoch, step, loss } = context
      steps = step + 1
      if (every === 'epoch' || step % every !== 0) return
      add({ epoch, step, loss })
      return isDue() ? tryTo() : undefined
    },
    onEpoch({ epoch, loss, validation, metrics, seconds }) {
      if (every === 'epoch') add({ epoch, steps, loss, validation, ...metrics, seconds })
      return isDue() ? tryTo() : undefined
    },
    onEnd: () => tryTo(),
    state: (): Memory => ({ bytes, pending, columns, steps }),
    load(state) {
      const memory = stateOf<Memory>('logTo', state, { bytes: 'number', pending: 'string', columns: 'string', steps: 'number' })
      ;({ bytes, pending, columns, steps } = memory)
      start = bytes
    },
  }
}

/** How much of a file is the log's up to there. What a crash of the machine has left may be less, and end within a line. */
function lengthOf(file: Uint8Array | undefined, end: number): number {
  return file === undefined ? 0 : file.length >= end ? end : file.lastIndexOf(10) + 1
}
