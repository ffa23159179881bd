import { rangeError } from '../errors.ts'
/** Throws RangeError unless each named value lies in its range. */
export function ranges(name: string, hyper: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(hyper)) {
    const values = (Array.isArray(value) ? value : [value]) as unknown[]
    const isRate = key === 'beta' || key === 'rho'
    const isOrder = key === 'p'
    for (const each of values) {
      if (typeof each !== 'number') continue
      if (isOrder ? each > 0 : each >= 0 && (isRate ? each < 1 : each < Number.POSITIVE_INFINITY)) continue
      throw rangeError(name, `${key} must lie ${isOrder ? 'above 0' : isRate ? 'in [0, 1)' : 'from 0 up'}`, `${each}`)
    }
  }
}
