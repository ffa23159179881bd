// What callbacks may answer, and what is said of answers that are none.
import { refusePromise } from '../autodiff/gradient.ts'
import { Grads } from '../autodiff/grads.ts'
import { type DivergedError, kindOf, typeError } from '../errors.ts'
import type { Params } from '../params/params.ts'
import { isMap } from '../tensor/realm.ts'
import { Tensor } from '../tensor/tensor.ts'
import { skip, stop } from './step.ts'

/**
 * Is the run to end? Throws TypeError for what was meant to say something and does not; other values are what a function happens to return.
 */
export function ends(callback: string, answer: unknown): boolean {
  if (answer === stop) return true
  if (!isMeant(answer)) return false
  const wayOut =
    answer === skip
      ? 'The update is made by then: onGradient and the loss may return skip.'
      : "Write loss < 0.1 && stop, with stop of 'fluxtape', or braces around what is to return nothing."
  throw typeError('train', `${callback} returns stop or nothing`, `${written(answer)} came`, wayOut)
}

/** The gradients that an `onGradient` callback answers with; undefined where it leaves them as they are. */
export function mended(params: Params, answer: unknown): Grads | undefined {
  if (answer === undefined) return undefined
  if (answer instanceof Grads) return answer
  refusePromise('train: onGradient', answer)
  const isTable = isMap(answer)
  if (!isTable && !isMeant(answer) && (typeof answer !== 'object' || answer === null)) return undefined
  if (!isTable) {
    const came = isMeant(answer) ? written(answer) : kindOf(answer)
    throw typeError('train', 'onGradient returns Grads, a Map from parameter to gradient, skip or nothing', `${came} came`)
  }
  for (const [parameter, gradient] of answer) {
    const isKnown = parameter instanceof Tensor && params.has(parameter)
    if (isKnown && gradient instanceof Tensor) continue
    const came = isKnown ? `${kindOf(gradient)} came for '${params.path(parameter)}'` : 'a key is none of the parameters'
    throw typeError('train', 'onGradient returns a Map from parameter to gradient', came)
  }
  return new Grads(params, answer as Map<Tensor, Tensor>)
}

/** What `onDiverged` wants: to go on, to end, or the error. */
export function remedy(answer: unknown, cause: DivergedError): typeof skip | typeof stop | undefined {
  if (answer === skip || answer === stop) return answer
  if (!isMeant(answer)) return undefined
  throw typeError('train', 'onDiverged returns skip, stop or nothing', `${written(answer)} came`, '', { cause })
}

/** Booleans are not: `loss < 0.1 && stop`, and what a stream's `write` returns, are as usual. */
function isMeant(answer: unknown): answer is string | symbol {
  return typeof answer === 'symbol' || answer === 'stop' || answer === 'skip'
}

function written(answer: string | symbol): string {
  return typeof answer === 'string' ? `'${answer}'` : (answer.description ?? 'a symbol')
}
