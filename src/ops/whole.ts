import { checkNumber, rangeError } from '../errors.ts'

/** Throws TypeError for what is no number, RangeError for one that is not whole or below `least`; `what` is what each stands for. */
export function checkWhole(operation: string, what: string, values: readonly unknown[], least = Number.NEGATIVE_INFINITY): void {
  for (const value of values) {
    checkNumber(operation, what, value)
    if (Number.isInteger(value) && value >= least) continue
    throw rangeError(operation, `${what} is a whole number${least === 0 ? ' from 0' : ''}`, value)
  }
}
