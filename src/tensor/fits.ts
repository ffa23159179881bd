import { rangeError } from '../errors.ts'
// What does not fit into an integer type is refused, never wrapped. Fractions are cut.
import { DTYPES, type DType } from './dtype.ts'

/** Throws RangeError for a number that does not fit into the type. */
export function checkFit(operation: string, value: number, dtype: DType): void {
  if (!fits(value, DTYPES[dtype].between)) throw misfit(operation, value, dtype)
}

function fits(value: number, between: readonly [number, number] | undefined): boolean {
  return between === undefined || (value > between[0] && value < between[1])
}

/** The error for a number that does not fit into the type. */
export function misfit(operation: string, value: number, dtype: DType, wayOut = 'Clamp it first, or use float32.'): RangeError {
  return rangeError(operation, `${value} does not fit into ${dtype}`, '', wayOut)
}

/** Throws RangeError for the first number that does not fit into the type. */
export function checkAllFit(operation: string, values: ArrayLike<number>, dtype: DType): void {
  const { between } = DTYPES[dtype]
  if (between) for (let i = 0; i < values.length; i++) if (!fits(values[i], between)) throw misfit(operation, values[i], dtype)
}

/** The error for an integer operation whose result would have to be wrapped; the result is as float32 has it. */
export function overflow(operation: string, result?: number): RangeError {
  const came = result === undefined ? '' : `about ${result}`
  return rangeError(operation, 'a result does not fit into int32', came, "Write x.cast('float32') first.")
}
