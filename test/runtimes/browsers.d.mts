/** A page's outcome, as suite.mjs has it. */
export interface Result {
  readonly passed: number
  readonly failed: number
  readonly failures: readonly string[]
}

export interface Browser {
  readonly version: string
  open(url: string, onEnd: (error: Error) => void): Promise<unknown>
  answers?(): Promise<boolean>
  close(): Promise<unknown>
}

export class Reports {
  constructor(silence?: number)
  hear(id: string, message: object): void
}

export interface Site {
  readonly root: string
  readonly home: string
  readonly other: string
  readonly reports: Reports
}

export function runInPage(browser: Browser, site: Site, place: object, options: object): Promise<Result>
export function onceMore<T>(run: () => Promise<T>, onFault: (error: Error) => void): Promise<T>
