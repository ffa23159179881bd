// What functions say of themselves, so that nobody has to know them by name: how a product computes an activation while it is written.
import type { Tensor } from '../tensor/tensor.ts'

/** A function of each element, such as `relu`. */
export type Activation = (x: Tensor) => Tensor

/** An activation as the kernels of products know it. */
export interface Epilogue {
  /** Its number in `gemm`; 0: nothing. */
  readonly number: number
  /** The cotangent of what comes into the activation, from that of its result y; left out where it is the same. */
  readonly through?: (g: Tensor, y: Tensor) => Tensor
}

interface Traits {
  readonly epilogue?: Epilogue
  /** Its number in norms, where products do not know it. */
  readonly ofNorm?: number
  /** Is it a function of whole rows, as softmax, and not of each element? */
  readonly isOfRows?: boolean
}

const TRAITS = Symbol('traits')
const NONE: Traits = {}

/** Gives a function its traits. */
export function withTraits<F extends object>(f: F, traits: Traits): F {
  return Object.defineProperty(f, TRAITS, { value: traits })
}

export function traitsOf(f: object): Traits {
  return (f as { readonly [TRAITS]?: Traits })[TRAITS] ?? NONE
}
