import { DataLoader } from '../data/loader.ts'
import type { EpochRecord } from './callbacks.ts'
import type { Feature } from './loop.ts'
import type { RunRecord } from './record.ts'

/** Where a run stands. */
export interface ProgressInfo {
  readonly epoch: number
  /** How many there will be; infinite where only the run's steps are known. */
  readonly epochs: number
  /** Steps taken in this epoch, and how many there will be, if the data says so. */
  readonly step: number
  readonly steps: number | undefined
  readonly loss: number
  /** Steps a second. */
  readonly rate: number
  /** Seconds left; undefined while the number of steps is unknown. */
  readonly left: number | undefined
}

/** Tells the user where the run stands: a function, or who sits at the terminal. */
export function reporting(
  progress: true | ((info: ProgressInfo) => void),
  through: number,
  most: number,
  data: unknown,
  record: RunRecord,
): Feature {
  const steps = data instanceof DataLoader || Array.isArray(data) ? data.length : undefined
  const end = Math.min(most, steps === undefined ? Number.POSITIVE_INFINITY : through * steps)
  const epochs = steps === undefined ? through : Math.ceil(end / steps)
  const start = performance.now()
  const line = typeof progress === 'function' ? undefined : new ProgressLine()
  const report = typeof progress === 'function' ? progress : (info: ProgressInfo) => line?.step(info)
  let done = 0
  return {
    onStep({ epoch, loss }) {
      const rate = ++done / Math.max(1e-9, (performance.now() - start) / 1000)
      const left = Number.isFinite(end) ? (end - record.step) / rate : undefined
      report({ epoch, epochs, step: record.batches, steps, loss, rate, left })
    },
    onEpoch: record => line?.epoch(record),
    onEnd: () => line?.end(),
  }
}

interface Terminal {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** Draws progress on a terminal as one reused line; elsewhere one line an epoch. */
export class ProgressLine {
  private readonly terminal: Terminal | undefined
  private lastPrinted = 0

  constructor() {
    const { process } = globalThis as { process?: { stdout?: Terminal } }
    this.terminal = process?.stdout?.isTTY ? process.stdout : undefined
  }

  step(info: ProgressInfo): void {
    const now = performance.now()
    if (!this.terminal || now - this.lastPrinted < 100) return
    this.lastPrinted = now
    const of = info.steps === undefined ? '' : `/${info.steps}`
    const all = Number.isFinite(info.epochs) ? `/${info.epochs}` : ''
    const left = info.left === undefined ? '' : `, ${Math.ceil(info.left)} s left`
    this.terminal.write(
      `\r\x1b[Kepoch ${info.epoch + 1}${all}  step ${info.step}${of}  loss ${four(info.loss)}  ${info.rate.toFixed(0)} steps/s${left}`,
    )
  }

  epoch({ epoch, loss, validation, metrics, seconds }: EpochRecord): void {
    const numbers = Object.entries({ loss, ...(validation !== undefined && { validation }), ...metrics })
    const text = `epoch ${epoch + 1}  ${numbers.map(([name, value]) => `${name} ${four(value)}`).join('  ')}  ${seconds.toFixed(2)} s`
    if (this.terminal) this.terminal.write(`\r\x1b[K${text}`)
    else console.log(text)
  }

  end(): void {
    this.terminal?.write('\n')
  }
}

function four(value: number): string {
  return Number.isFinite(value) ? value.toPrecision(4) : String(value)
}
