// What upsampling and dropout are told, which their layers check when they are made.
import { checkBoolean, checkNumber, checkOptions, rangeError, typeError, written } from '../errors.ts'
import { perAxis } from './per-axis.ts'
import { checkWhole } from './whole.ts'

/** How `upsample` finds what lies between the elements of x. */
export type UpsampleMode = 'nearest' | 'linear' | 'bilinear' | 'trilinear'

/** What `upsample` can be told: a scale or a size, and not both. */
export interface UpsampleOptions {
  /** So many times the size of x, rounded down: a number, or one a spatial axis. */
  readonly scale?: number | readonly number[] | undefined
  /** The size of the result: a number, or one a spatial axis. */
  readonly size?: number | readonly number[] | undefined
  /** Do the first and the last element of an axis stay at its ends (true)? Else each element is a square, whose centre stays. Not of 'nearest'. */
  readonly alignCorners?: boolean | undefined
}

export const MODES = ['nearest', 'linear', 'bilinear', 'trilinear']

/** Throws for a mode and options that fit no x. */
export function checkUpsample(operation: string, mode: UpsampleMode, options: UpsampleOptions): void {
  if (!MODES.includes(mode)) throw typeError(operation, `the mode is one of ${MODES.join(', ')}`, `${written(mode)} came`)
  checkOptions(operation, options, ['scale', 'size', 'alignCorners'])
  const { scale, size, alignCorners = true } = options
  checkBoolean(operation, 'alignCorners', alignCorners)
  if ((scale === undefined) === (size === undefined)) {
    throw typeError(operation, 'either scale or size is given', `${scale === undefined ? 'neither' : 'both'} came`)
  }
  const given = scale ?? size
  told(operation, options, Array.isArray(given) ? given.length : 1)
}

/** The scales or the sizes of each axis. */
export function told(operation: string, { scale, size }: UpsampleOptions, axes: number): readonly number[] {
  return scale === undefined ? perAxis(operation, 'size', size, axes) : perAxis(operation, 'scale', scale, axes, 0, false)
}

/** Throws RangeError for what is no whole number from 1. */
export function checkFactor(operation: string, r: number): void {
  checkWhole(operation, 'r', [r])
  if (r < 1) throw rangeError(operation, 'r is a whole number from 1', r)
}

/** Throws TypeError for a probability that is no number, RangeError for one outside [0, 1]; `what` is what it is called. */
export function checkShare(operation: string, p: unknown, what = 'p'): asserts p is number {
  checkNumber(operation, what, p)
  if (!(p >= 0 && p <= 1)) throw rangeError(operation, `${what} lies in [0, 1]`, p)
}
