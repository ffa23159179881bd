// Rows of a table by index, alone or added up in bags: what Embedding and EmbeddingBag compute.
import { rangeError, ShapeError } from '../errors.ts'
import { checkTensor, operation, type Run } from '../tape/operation.ts'
import { fill } from '../tensor/create.ts'
import { type Shape, show, sizeOf } from '../tensor/shape.ts'
import { make, Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { NONE } from '../wasm/kinds.ts'
import { i32 } from '../wasm/memory.ts'
import { reported } from '../wasm/status.ts'
import { asIndices, BLOCK, blocksOf, type IndicesInput, runTakeAlong } from './indices.ts'
import { reshape } from './movement.ts'
import { cast, less, maximum, where } from './pointwise.ts'

/** What becomes of the rows of a bag. An empty bag is 0. */
export type Reduction = 'mean' | 'sum' | 'max'

interface Bagged {
  /** Who asks, for errors. */
  readonly layer: string
  /** Is the last axis of the indices a bag, where there are no offsets? Else each index is one. */
  readonly isBag: boolean
  readonly reduction: Reduction
  /** An index that is left out; -1 for none. */
  readonly padding: number
  readonly size: number
}

type Rest = readonly [indices: Tensor, offsets?: Tensor]

/** The shape of the bags. */
function leadOf([indices, offsets]: readonly (Shape | undefined)[], isBag: boolean): Shape {
  return offsets ?? (isBag ? (indices ?? []).slice(0, -1) : (indices ?? []))
}

/** Calls a kernel with the table and its bags, and throws RangeError for an index or an offset that cannot be. */
function run(
  table: Tensor,
  [indices, offsets]: Rest,
  bags: Tensor,
  { layer, isBag, reduction, padding, size }: Bagged,
  kernel: (record: kernels.Bags, many: number, work: number) => void,
): void {
  const { count } = indices
  const lead = leadOf([indices.dims, offsets?.dims], isBag)
  const many = sizeOf(lead)
  const inner = bags.dims[bags.rank - 1]
  const per = isBag && !offsets ? indices.dims[indices.rank - 1] : 1
  const mean = Math.ceil(count / Math.max(1, many))
  const place = reported(status =>
    kernel(
      {
        table: table.pointer,
        indices: indices.pointer,
        offsets: offsets ? offsets.pointer : NONE,
        bags: bags.pointer,
        size,
        count,
        many,
        per,
        inner,
        padding,
        isMean: reduction === 'mean' ? 1 : 0,
        status,
      },
      many,
      inner * mean,
    ),
  )
  if (place < 0) return
  if (place < count) {
    const index = i32[(indices.pointer >>> 2) + place]
    throw rangeError(layer, `index ${index} at place ${place} is not in the vocabulary`, `indices go from 0 to ${size - 1}`)
  }
  const bag = place - count
  const offset = offsets ? i32[(offsets.pointer >>> 2) + bag] : 0
  throw rangeError(layer, `offset ${offset} at place ${bag} cannot be`, '', `Offsets begin at 0, do not go back, and go up to ${count}.`)
}

const runBags: Run<Bagged> = /* @__PURE__ */ operation<Bagged, { indices: Tensor; offsets: Tensor | undefined }>({
  name: 'bags',
  types: () => ({ output: 'float32' }),
  shape: ([table, ...rest], { isBag }) => [...leadOf(rest, isBag), table[1]],
  forward(y, [table, indices, offsets], options) {
    run(table, [indices, offsets], y, options, kernels.sumBags)
  },
  save: (_, [, indices, offsets]) => ({ indices, offsets }),
  pullback: [(g, { indices, offsets }, options) => runUnbag([g, indices, ...(offsets ? [offsets] : [])], options)],
  accumulate: (sum, g, { indices, offsets }, options) => addTo(sum, g, [indices, offsets], options),
})

/** Adds to the rows of a table what the cotangent of their bags says. */
function addTo(table: Tensor, g: Tensor, rest: Rest, options: Bagged): void {
  run(table, rest, g, options, record => kernels.addBags(record, blocksOf(record.inner), record.count * Math.min(record.inner, BLOCK)))
}

/** Zeros, with the rows of bags added at the indices: the adjoint of `bags`. */
const runUnbag: Run<Bagged> = /* @__PURE__ */ operation<Bagged, { indices: Tensor; offsets: Tensor | undefined }>({
  name: 'unbag',
  types: () => ({ output: 'float32' }),
  shape: ([g], { size }) => [size, g[g.length - 1]],
  forward(y, [g, indices, offsets], options) {
    fill(y, 0)
    addTo(y, g, [indices, offsets], options)
  },
  save: (_, [, indices, offsets]) => ({ indices, offsets }),
  pullback: [(g, { indices, offsets }, options) => runBags([g, indices, ...(offsets ? [offsets] : [])], options)],
})

/** For each entry of a bag the index of the row that has the largest one; -1 where a bag is empty. */
const runLargest: Run<Bagged> = /* @__PURE__ */ operation<Bagged>({
  name: 'largestOfBags',
  types: () => ({ output: 'int32' }),
  shape: ([table, ...rest], { isBag }) => [...leadOf(rest, isBag), table[1]],
  forward(y, [table, indices, offsets], options) {
    run(table, [indices, offsets], y, options, kernels.maxBags)
  },
})

/** The rows of a table at indices, or bags of them: the last axis of the indices, or by offsets where there are some. An empty bag is 0. */
export function bagged(weight: Tensor, indices: Tensor, offsets: Tensor | undefined, told: Omit<Bagged, 'size'>): Tensor {
  const table = weight.type === 'float32' ? weight : cast(weight, 'float32')
  const options = { ...told, size: table.dims[0] }
  const inputs = [table, indices, ...(offsets ? [offsets] : [])]
  if (told.reduction !== 'max') return runBags(inputs, options)
  const largest = runLargest(inputs, options)
  const rows = reshape(largest, [sizeOf(largest.dims.slice(0, -1)), table.dims[1]])
  const y = runTakeAlong([table, maximum(rows, 0)], { axis: 0 })
  return reshape(where(less(rows, 0), 0, y), largest.dims)
}

/** Indices of any kind as int32, those of one-hot rows [..., size] too. Throws ShapeError and RangeError for bool that is not one-hot. */
export function indicesIn(layer: string, x: IndicesInput | number, size: number): Tensor {
  if (!(x instanceof Tensor) || x.type !== 'bool') return asIndices(layer, x)
  checkTensor(layer, x)
  const lead = x.dims.slice(0, -1)
  if (x.dims[x.rank - 1] !== size) {
    const wayOut = 'Whole numbers are indices: cast them to int32.'
    throw new ShapeError({ operation: layer, problem: `bool is one-hot, [..., ${size}]`, came: show(x.dims), wayOut }, [x.dims])
  }
  const places = make(lead, 'int32', layer)
  const odd = reported(status => kernels.fromOneHot(x.pointer, places.pointer, size, status, places.count, size))
  if (odd >= 0) throw rangeError(layer, `row ${odd} is not one-hot: not one of it is true, or more than one`)
  return places
}
