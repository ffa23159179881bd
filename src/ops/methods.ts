// Every operation that takes a tensor first is also a method of Tensor, from the one definition.
import './javascript.ts'
import type { WrittenTensor } from '../tensor/create.ts'
import { STACK, Tensor } from '../tensor/tensor.ts'
import * as activations from './activations.ts'
import * as composed from './activations-composed.ts'
import * as arranging from './arranging.ts'
import * as assign from './assign.ts'
import * as contraction from './contraction.ts'
import * as convolution from './convolution/conv.ts'
import * as cumulative from './cumulative.ts'
import * as diagonals from './diagonals.ts'
import * as dropping from './dropping.ts'
import * as indexing from './indexing.ts'
import { stack } from './joining.ts'
import * as matmul from './matmul.ts'
import * as movement from './movement.ts'
import * as normalization from './normalization.ts'
import * as normalize from './normalize.ts'
import * as padding from './padding.ts'
import * as pointwise from './pointwise.ts'
import * as pooling from './pooling.ts'
import * as reduce from './reduce.ts'
import * as slicing from './slicing.ts'
import * as softmax from './softmax.ts'
import * as sorting from './sorting.ts'
import * as upsampling from './upsampling.ts'

/** The functions of a module as methods: without their first parameter. */
type AsMethods<Module> = {
  [Name in keyof Module]: Module[Name] extends (first: never, ...rest: infer Rest) => infer Result ? (...rest: Rest) => Result : never
}

export interface Methods
  extends AsMethods<typeof pointwise>,
    AsMethods<typeof activations>,
    AsMethods<typeof composed>,
    AsMethods<typeof movement>,
    AsMethods<typeof slicing>,
    AsMethods<typeof reduce>,
    AsMethods<typeof indexing>,
    AsMethods<typeof matmul>,
    AsMethods<typeof softmax>,
    AsMethods<typeof normalization>,
    AsMethods<typeof normalize>,
    AsMethods<typeof sorting>,
    AsMethods<typeof cumulative>,
    AsMethods<typeof arranging>,
    AsMethods<typeof padding>,
    AsMethods<typeof diagonals>,
    AsMethods<typeof contraction>,
    AsMethods<typeof convolution>,
    AsMethods<typeof pooling>,
    AsMethods<typeof upsampling>,
    AsMethods<typeof dropping>,
    AsMethods<typeof assign>,
    Iterable<Tensor> {
  /** A tensor of one element as a number, any as a text: what `Number(x)`, `x < 1` and templates see. */
  [Symbol.toPrimitive](hint: string): number | string
  /** @internal */
  [STACK](rows: readonly Tensor[]): Tensor
  /** What `JSON.stringify` writes, and `tensor` takes back; numbers that JSON does not have are texts. */
  toJSON(): WrittenTensor
}

Object.defineProperty(Tensor.prototype, STACK, { value: (rows: readonly Tensor[]) => stack(rows) })
for (const module of [
  assign,
  pointwise,
  activations,
  composed,
  movement,
  slicing,
  reduce,
  indexing,
  matmul,
  softmax,
  normalization,
  normalize,
  sorting,
  cumulative,
  arranging,
  padding,
  diagonals,
  contraction,
  convolution,
  pooling,
  upsampling,
  dropping,
]) {
  for (const [name, run] of Object.entries<unknown>(module)) {
    if (typeof run !== 'function') continue
    Object.defineProperty(Tensor.prototype, name, {
      value(this: Tensor, ...rest: unknown[]) {
        return run(this, ...rest)
      },
      writable: true,
      configurable: true,
    })
  }
}
