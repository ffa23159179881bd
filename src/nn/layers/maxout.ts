import { rangeError, refuseSurplus, typeError, written } from '../../errors.ts'
import { binary } from '../../ops/elementwise.ts'
import { cast, greater, lessEqual, mul } from '../../ops/pointwise.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import * as kernels from '../../wasm/kernels.generated.ts'
import type { Layer } from '../layer.ts'
import { callLink, type Holding, holder, type Link, type Links, linksAmong } from './links.ts'

/** What `Maxout` makes: from what all its layers take to the largest of what they give. */
export type MaxoutLayer<Layers = readonly Link[]> = Layer<{ readonly layers: Layers }, [x: Tensor], Tensor> & Holding<Layers>

/** The larger of both; where they are equal, the second has all of the gradient, where `maximum` has halves. */
const later = /* @__PURE__ */ binary('Maxout', kernels.maximum, {
  left: (g, x, y) => mul(g, cast(greater(x, y), 'float32')),
  right: (g, x, y) => mul(g, cast(lessEqual(x, y), 'float32')),
  saves: 'operands',
})

/**
 * The largest of what several layers give for an input, element by element (Goodfellow et al. 2013): max(l₁(x), l₂(x), ...); NaN wins. Where two are
 * equal, the later one has the gradient, as in Flux.
 *
 * `Maxout(...layers)`, or `Maxout(() => Dense(4, 3), n)` for n layers that a function makes. Takes what the layers take, [batch, ...]; the layers are
 * `model[0]`, `model.layers`. Throws TypeError for no layers and for what is no layer or function, RangeError for an n that is no whole number from 1 to 65,536,
 * ShapeError where the outputs do not broadcast.
 *
 * @example Maxout(() => Dense(4, 3), 2)(ones([5, 4])).shape // [5, 3]
 */
export function Maxout<L extends Link>(make: () => L, n: number): MaxoutLayer<readonly L[]>
export function Maxout<Layers extends readonly Link[]>(...layers: Layers): MaxoutLayer<Layers>
export function Maxout<Layers extends Readonly<Record<string, Link>>>(layers: Layers): MaxoutLayer<Layers>
export function Maxout(...args: readonly unknown[]): unknown {
  const [make, n] = args
  if (typeof n !== 'number' || typeof make !== 'function') {
    const layers = linksAmong('Maxout', args)
    if (Object.keys(layers).length === 0) throw typeError('Maxout', 'there are no layers', '', 'Write Maxout(() => Dense(4, 3), 2).')
    return maxoutOf({ layers })
  }
  if (args.length > 2) refuseSurplus('Maxout', 2, args)
  if (!Number.isInteger(n) || n < 1 || n > 65_536)
    throw rangeError('Maxout', 'the number of layers is a whole number from 1 to 65536', written(n))
  return maxoutOf({
    layers: linksAmong(
      'Maxout',
      Array.from({ length: n }, () => make()),
    ),
  })
}

interface Fields {
  readonly layers: Links
}

function maxoutOf(fields: Fields): object {
  return holder({ name: 'Maxout', fields, lines: ['layers'], forward, again: maxoutOf })
}

function forward(self: Fields, ...inputs: readonly unknown[]): Tensor {
  const ys = Object.keys(self.layers).map(key => callLink('Maxout', self.layers, key, inputs) as Tensor)
  return ys.reduce((largest, y) => later(largest, y))
}
