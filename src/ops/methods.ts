// Every operation that takes a tensor first is also a method of Tensor, from the one definition.
import './javascript.ts'
import type { WrittenTensor } from '../tensor/create.ts'
import { Tensor } from '../tensor/tensor.ts'
import * as activations from './activations.ts'
import * as assign from './assign.ts'
import * as indexing from './indexing.ts'
import * as joining from './joining.ts'
import * as matmul from './matmul.ts'
import * as movement from './movement.ts'
import * as pointwise from './pointwise.ts'
import * as reduce from './reduce.ts'
import * as softmax from './softmax.ts'
import * as sorting from './sorting.ts'

type Indexing = Omit<typeof indexing, 'asIndices' | 'checked' | 'putAlong' | 'takeClasses'>
type Joining = Omit<typeof joining, 'concat' | 'stack'>
type Movement = Omit<typeof movement, 'copyElements' | 'spread' | 'sumTo'>

/** The functions of a module as methods: without their first parameter. */
type AsMethods<Module> = {
  [Name in keyof Module]: Module[Name] extends (first: never, ...rest: infer Rest) => infer Result ? (...rest: Rest) => Result : never
}

export interface Methods
  extends AsMethods<typeof pointwise>,
    AsMethods<typeof activations>,
    AsMethods<Movement>,
    AsMethods<Joining>,
    AsMethods<typeof reduce>,
    AsMethods<Indexing>,
    AsMethods<typeof matmul>,
    AsMethods<Omit<typeof softmax, 'softmaxCrossEntropy'>>,
    AsMethods<typeof sorting>,
    AsMethods<typeof assign>,
    Iterable<Tensor> {
  /** A tensor of one element as a number, any as a text: what `Number(x)`, `x < 1` and templates see. */
  [Symbol.toPrimitive](hint: string): number | string
  /** What `JSON.stringify` writes, and `tensor` takes back; numbers that JSON does not have are texts. */
  toJSON(): WrittenTensor
}

/** What is no method: it does not take a tensor first, or is the library's own. */
const noMethods = new Set([
  'asIndices',
  'checked',
  'takeClasses',
  'putAlong',
  'softmaxCrossEntropy',
  'concat',
  'stack',
  'copyElements',
  'spread',
  'sumTo',
])

for (const module of [assign, pointwise, activations, movement, joining, reduce, indexing, matmul, softmax, sorting]) {
  for (const [name, run] of Object.entries<unknown>(module)) {
    if (noMethods.has(name) || typeof run !== 'function') continue
    Object.defineProperty(Tensor.prototype, name, {
      value(this: Tensor, ...rest: unknown[]) {
        return run(this, ...rest)
      },
      writable: true,
      configurable: true,
    })
  }
}
