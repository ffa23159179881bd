import { rangeError } from '../errors.ts'
/** Throws RangeError unless each named value lies in its range. */
export function ranges(name: string, hyper: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(hyper)) {
    const values = (Array.isArray(value) ? value : [value]) as unknown[]
    const isRate = key === 'beta' || key === 'rho'
    const isOrder = key === 'p'
    const isCount = key === 'n'
    for (const each of values) {
      if (typeof each !== 'number') continue
      if (
        isCount
          ? Number.isInteger(each) && each > 0
          : isOrder
            ? each > 0
            : each >= 0 && (isRate ? each < 1 : each < Number.POSITIVE_INFINITY)
      )
        continue
      const range = isCount ? 'be a whole number from 1' : isOrder ? 'lie above 0' : isRate ? 'lie in [0, 1)' : 'lie from 0 up'
      throw rangeError(name, `${key} must ${range}`, `${each}`)
    }
  }
}
