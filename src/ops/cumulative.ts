import { composed } from '../tape/composed.ts'
import { checkTensor, operation, type Run } from '../tape/operation.ts'
import { fitting } from '../tensor/convert.ts'
import { resolveAxis, sizeOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { reshape } from './movement.ts'

interface Along {
  readonly axis: number
  /** From the end: the adjoint of the other way. */
  readonly isReverse: boolean
}

const runCumsum: Run<Along> = /* @__PURE__ */ operation<Along>({
  name: 'cumsum',
  types: ([dtype]) => (dtype === 'float32' ? { output: dtype } : { inputs: 'int32', output: 'int32' }),
  shape: ([x]) => x,
  forward(y, [x], options) {
    if (x.count === 0) return
    const [n, inner] = [x.dims[options.axis], sizeOf(x.dims, options.axis + 1)]
    const rows = x.count / n
    if (x.type === 'float32') return kernels.cumsum(x.pointer, y.pointer, n, inner, Number(options.isReverse), rows, n)
    const inFloats = ([floats]: readonly Tensor[]) => runCumsum([floats], options)
    fitting('cumsum', status => kernels.cumsumI(x.pointer, y.pointer, n, inner, status, rows, n), [x], inFloats)
  },
  pullback: [(g, _, { axis, isReverse }) => runCumsum([g], { axis, isReverse: !isReverse })],
})

/**
 * The sums of all elements up to each along an axis, or of the flattened tensor, as NumPy. Sums of float32 are kept in double precision;
 * of integers they are int32. Throws RangeError for integers whose sum does not fit, ShapeError for an axis that is not there.
 * @example tensor([[1, 2], [3, 4]]).cumsum(0).toArray() // [[1, 2], [4, 6]]
 */
export const cumsum = /* @__PURE__ */ composed('cumsum', 2, function cumsum(x: Tensor, axis?: number): Tensor {
  checkTensor('cumsum', x)
  const source = axis === undefined ? reshape(x, [x.count]) : x
  return runCumsum([source], { axis: resolveAxis('cumsum', axis ?? 0, source.dims), isReverse: false })
})
