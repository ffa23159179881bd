import { rangeError, ShapeError } from '../../errors.ts'
import { operation } from '../../tape/operation.ts'
import { arange } from '../../tensor/create.ts'
import { type Shape, sameShape, show } from '../../tensor/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import * as kernels from '../../wasm/kernels.generated.ts'
import { i32 } from '../../wasm/memory.ts'
import { reported } from '../../wasm/status.ts'
import { asIndices, type IndicesInput } from '../indices.ts'
import { expandDims, reshape } from '../movement.ts'
import { less } from '../pointwise.ts'

/** Lengths as they are, found among all that there may be: [0, 1, ..., most]. */
const runLengths = /* @__PURE__ */ operation<{ name: string }>({
  name: 'lengths',
  types: () => ({ output: 'int32' }),
  shape: ([, lengths]) => lengths,
  forward(y, [all, { pointer, count }], { name }) {
    const by = { whole: all.pointer, indices: pointer, parts: y.pointer, size: all.count, count, inner: 4 }
    const place = reported(status => kernels.gather({ ...by, status }, count, 4))
    if (place < 0) return
    const came = `${i32[(pointer >>> 2) + place]} at place ${place}`
    throw rangeError(name, 'a length is out of range', came, `They go from 0 to ${all.count - 1}, the steps of x.`)
  },
})

/**
 * @internal How many steps each row of x [batch, steps, ...] has, int32 [batch]. Throws RangeError for a length that is not from 0 to the steps, ShapeError for
 * another number of them, DTypeError for what are no whole numbers; `name` is the layer's.
 */
export function lengthsOf(name: string, lengths: IndicesInput, x: Tensor): Tensor {
  const [batch, steps] = x.dims
  const given = asIndices(name, lengths, 'length')
  if (!sameShape(given.dims, [batch]))
    throw new ShapeError({ operation: name, problem: `the lengths are [${batch}], one a row of x`, came: show(given.dims) }, [given.dims])
  return runLengths([arange(0, steps + 1, 1, { dtype: 'int32' }), given], { name })
}

/** @internal Which steps of x [batch, steps, ...] there are, bool [batch, steps, 1], by lengths [batch]. */
export function stepsThere(lengths: Tensor, [batch, steps]: Shape): Tensor {
  return reshape(less(arange(0, steps, 1, { dtype: 'int32' }), expandDims(lengths, 1)), [batch, steps, 1])
}
