import { typeError, written } from '../errors.ts'

/** How scores of classes, labels or outputs become one. */
export type Average = 'macro' | 'micro' | 'weighted' | 'none'

/** One number, or with 'none' one for each. */
export type Score<A> = A extends 'none' ? number[] : number

/** Throws TypeError for another average. */
export function checkAverage(operation: string, average: unknown): void {
  if (['macro', 'micro', 'weighted', 'none'].includes(average as string)) return
  throw typeError(operation, "the average is 'macro', 'micro', 'weighted' or 'none'", `${written(average)} came`)
}

/** The mean, weighted by `weights`, of the scores that are counted; NaN if there is none. */
export function meanOf(scores: readonly number[], weights: readonly number[] | undefined, counts: (i: number) => boolean): number {
  let [sum, total] = [0, 0]
  scores.forEach((score, i) => {
    if (!counts(i)) return
    const weight = weights ? weights[i] : 1
    sum += weight * score
    total += weight
  })
  return sum / total
}
