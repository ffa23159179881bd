import { type Observer, observed, observer } from '../tensor/storage.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { isLayer } from './label.ts'

// biome-ignore lint/suspicious/noExplicitAny: what flows between two links is known to them alone
type Link = (...inputs: any[]) => any

/** Makes what a Chain calls instead of a link, of which it tells the place, the key and among which links it stands. */
export type Wrap = (link: Link, place: string, key: string, links: object) => Link

/** Set where somebody wants to know of the links of Chains. */
export let wrap: Wrap | undefined

/** Runs `f`; Chains call what `by` makes of their links meanwhile. */
export function wrapping<T>(by: Wrap, f: () => T): T {
  const before = wrap
  wrap = by
  try {
    return f()
  } finally {
    wrap = before
  }
}

/** Runs `f`, and tells `by` of each tensor that operations are given while a plain function in a Chain runs, and its place there. */
export function hearingReads<T>(by: (tensor: Tensor, place: string) => void, f: () => T): T {
  return wrapping((link, place) => (isLayer(link) ? link : heard(link, tensor => by(tensor, place))), f)
}

/** A plain function as it is called while its reads are heard; a capture that listens goes on to hear all. */
function heard(f: Link, by: (tensor: Tensor) => void): Link {
  return (...inputs) => {
    const around = observer
    const listener: Observer = {
      met(tensor) {
        around?.met(tensor)
        by(tensor)
      },
      allocated: storage => around?.allocated(storage),
      dropped: storage => around?.dropped(storage),
      touched: storage => around?.touched(storage),
    }
    return observed(listener, () => f(...inputs))
  }
}
