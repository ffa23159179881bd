// How exact results are, which docs/reference/names.md tells.

/** A unit in the last place of a float32 of this size. */
export function ulpOf(reference: number): number {
  const size = Math.abs(reference)
  return size < 2 ** -126 ? 2 ** -149 : 2 ** (Math.floor(Math.log2(size)) - 23)
}

/** What a result was off at most, of all that were compared since: of each operation the value, and the gradient if it has one. */
export const largestErrors = new Map<string, { value: number; gradient?: number }>()

/** The error of an element in units of its last place, or of the rounding that its summands bring where these cancel (`floor`). */
export function errorOf(got: number, reference: number, floor: number): number {
  const size = Math.abs(reference)
  if (got === Math.fround(reference) || !Number.isFinite(got) || size >= 2 ** 128 || size < 2 ** -126) return 0
  return Math.abs(got - reference) / Math.max(ulpOf(reference), floor)
}

let running = ''

/** From here on errors are those of an operation. */
export function noteErrorsOf(operation: string): void {
  running = operation
}

/** Notes the largest error of a result; `what` begins with 'gradient' where it is one. */
export function noteError(what: string, error: number): void {
  const noted = largestErrors.get(running) ?? { value: 0 }
  if (what.startsWith('gradient')) noted.gradient = Math.max(noted.gradient ?? 0, error)
  else noted.value = Math.max(noted.value, error)
  largestErrors.set(running, noted)
}
