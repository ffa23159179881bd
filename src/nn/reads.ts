import { type Observer, observed, observer } from '../tensor/storage.ts'
import type { Tensor } from '../tensor/tensor.ts'

let hear: ((tensor: Tensor, place: string) => void) | undefined

/** Runs `f`, and tells `by` of each tensor that operations are given while a plain function in a Chain runs, and its place there. */
export function hearingReads<T>(by: (tensor: Tensor, place: string) => void, f: () => T): T {
  const before = hear
  hear = by
  try {
    return f()
  } finally {
    hear = before
  }
}

/** Does somebody want to know? */
export function isHeard(): boolean {
  return hear !== undefined
}

/** A plain function in a Chain, as it is called while somebody wants to know; a capture that listens goes on to hear all. */
export function heard<Inputs extends unknown[], Output>(f: (...inputs: Inputs) => Output, place: string): (...inputs: Inputs) => Output {
  return (...inputs) => {
    const around = observer
    const listener: Observer = {
      met(tensor) {
        around?.met(tensor)
        hear?.(tensor, place)
      },
      allocated: storage => around?.allocated(storage),
      dropped: storage => around?.dropped(storage),
      touched: storage => around?.touched(storage),
    }
    return observed(listener, () => f(...inputs))
  }
}
