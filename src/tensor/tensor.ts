/// <reference lib="esnext.disposable" />
import './copies.ts'
import { askedBy, COPY, ReleasedError, refuseSurplus, ShapeError, TENSOR, typeError } from '../errors.ts'
import type { Methods } from '../ops/methods.ts'
import { transposeMatrices } from '../wasm/kernels.generated.ts'
import type { Address } from '../wasm/kinds.ts'
import { bytesOf, DTYPES, type DType, type TypedArray } from './dtype.ts'
import { type Nested, nested, print, type ReadonlyNested } from './print.ts'
import { type Cell, leaveToCollector, type Owned, own, register } from './scope.ts'
import { hint, seal, unassignable } from './seal.ts'
import { type Shape, show, sizeOf } from './shape.ts'
import { observer, Storage } from './storage.ts'

/**
 * An array of numbers in linear memory: contiguous, row-major, of a fixed shape and dtype.
 *
 * Tensors never change under you; only `update`, `train`, `assign` and a normalizing layer's running statistics write in place. Every
 * operation that takes a tensor first is also a method; what belongs to the tape (`onGradient(x, f)`) or makes a copy (`clone(x)`) is none.
 *
 * @example tensor([[1, 2], [3, 4]]).mul(2).sum().item() // 20
 */
export interface Tensor extends Methods, Disposable {}

// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the methods are installed by ops/methods.ts, one loop for all operations
export class Tensor implements Owned {
  /** @internal The sizes of its axes, as the library reads them: a plain list, which never leaves it. */
  readonly dims: Shape
  /** Has `dispose` ended this handle, or the scope in which it was made? */
  released = false
  /** Is it left out of gradients and updates? See `freeze`. */
  frozen = false
  /** @internal Who keeps it beyond the scope it was made in, or has ended it: the loop over a DataLoader. */
  kept: Owned['kept'] = undefined
  /** @internal */
  stamp = 0
  /** @internal The tape that tracked it first, and its place there. */
  tape: Owned | undefined = undefined
  /** @internal */
  place = 0
  /** @internal `dtype` as the library reads it. */
  readonly type: DType
  /** @internal `size` as the library reads it. */
  readonly count: number
  private frozenShape: Shape | undefined = undefined
  private cell: Cell | undefined = undefined
  /** @internal The memory; undefined while this waits to be computed. */
  block: Storage | undefined = undefined
  /** @internal Memory for the kernels that compute it, which goes with it if they fail. */
  scratch: Storage | undefined = undefined
  /** @internal What this is the transposition of, while it is still to be computed: a handle of its own. */
  source: Tensor | undefined = undefined

  /** @internal Use `tensor`, `zeros` and their like. */
  constructor(shape: Shape, dtype: DType, fromWithin: null) {
    if (fromWithin !== null) throw typeError('Tensor', 'new is for the library alone', '', 'Write tensor(data, shape), or zeros(shape).')
    this.dims = shape
    this.type = dtype
    this.count = sizeOf(shape)
  }

  /** The sizes of its axes: a list of its own, which cannot be changed. */
  get shape(): Shape {
    this.frozenShape ??= Object.freeze([...this.dims])
    return this.frozenShape
  }

  /** The type of its elements. */
  get dtype(): DType {
    return this.type
  }

  /** How many elements there are. */
  get size(): number {
    return this.count
  }

  /** How many axes there are. */
  get rank(): number {
    return this.dims.length
  }

  /** @internal The memory behind it. */
  get storage(): Storage {
    return this.block ?? this.settle()
  }

  /** @internal The address of the first element. */
  get pointer(): Address {
    return (this.block ?? this.settle()).pointer
  }

  /** @internal The tensor whose transposition this is, if that has not been computed. */
  get transposed(): Tensor | undefined {
    return this.block ? undefined : this.source
  }

  /** A copy of the elements, in row-major order: a Float32Array, Int32Array or Uint8Array (bool: 0 or 1). */
  data(): TypedArray {
    if (arguments.length > 0) refuseSurplus('data', 0, arguments)
    this.check('data')
    return this.view().slice()
  }

  /** The elements where they lie, without a copy. Unsafe past the next operation: the memory may be used for something else, or move. */
  view(): TypedArray {
    if (arguments.length > 0) refuseSurplus('view', 0, arguments, 'Another shape is x.reshape(shape).')
    this.check('view')
    const { memory, first } = elementsOf(this)
    return memory.subarray(first, first + this.count)
  }

  /** The elements as nested arrays of numbers (bool: of booleans); a scalar as one number. Typed as what it is assigned to: the rank is not checked. */
  toArray<T extends ReadonlyNested = Nested>(): T {
    if (arguments.length > 0) refuseSurplus('toArray', 0, arguments)
    this.check('toArray')
    return nested(this.view(), this.dims, this.type) as T
  }

  /** The number of a tensor of one element (bool: 0 or 1). Throws ShapeError for any other. */
  item(): number {
    if (arguments.length > 0) refuseSurplus('item', 0, arguments)
    this.check('item')
    if (this.count !== 1) {
      throw new ShapeError(
        {
          operation: 'item',
          problem: 'only a tensor of one element is a number',
          came: show(this.dims),
          wayOut: 'Use data() or toArray().',
        },
        [this.dims],
      )
    }
    const { memory, first } = elementsOf(this)
    return memory[first]
  }

  /** Gives this handle's memory back now. Other handles of the same storage, and what a tape saved, stay. Does nothing the second time. */
  dispose(): void
  dispose(surplus?: unknown): void {
    // `arguments` would be made at each call.
    if (surplus !== undefined) refuseSurplus('dispose', 0, [surplus])
    if (this.released) return
    // An object that was frozen throws here, before its memory is given back: it would be twice.
    this.stamp = 0
    if (this.source) this.unlink()
    if (this.scratch) this.endScratch()
    this.block?.drop()
    this.released = true
    if (this.cell) this.cell.released = true
  }

  toString(): string {
    return print(this)
  }

  /** @internal */
  escape(): void {
    if (!this.cell) leaveToCollector(this)
  }

  /** @internal */
  register(): void {
    const owner = (this.source ?? this).block
    // Without memory it is the remains of a call that failed.
    if (this.cell || !owner) return
    this.cell = register(this, owner)
    if (!this.source) return
    // A storage is not to keep alive what would have to be computed before it is written.
    owner.waiting?.delete(this)
    this.cell.waiting = new WeakRef(this)
    owner.waiting?.add(this.cell.waiting)
  }

  /** @internal Throws ReleasedError if the handle has ended. */
  check(operation: string): void {
    if (!this.released) return observer?.met(this)
    const isBatch = this.kept === 'loop'
    throw new ReleasedError({
      operation,
      problem: isBatch ? 'the tensor belonged to a loop over a DataLoader, and has been released' : 'the tensor has been released',
      came: `${this.type} ${show(this.dims)}`,
      wayOut: isBatch
        ? 'A batch is freed when the next one is asked for, and at the end: use it in the loop, or keep(x) or clone(x) what is to live on.'
        : 'What is made inside scope, gradient, train or a layer is freed at its end: return it, or keep(tensor). A running value of a layer is written with later.',
    })
  }

  /** @internal Another handle of the same elements, of any shape of the same size; it belongs to nobody yet. */
  alias(shape: Shape = this.dims): Tensor {
    const alias = new Tensor(shape, this.type, null)
    alias.frozen = this.frozen
    alias.block = this.storage.retain()
    return alias
  }

  /** @internal Makes ready to be written in place: computes what waits for the old elements, and counts the write. */
  startWrite(): void {
    this.settleWaiting()
    this.storage.version++
    writes++
  }

  /** @internal Computes what waits for the elements as they are; `startWrite` then needs no memory. */
  settleWaiting(): void {
    const { waiting } = this.storage
    if (waiting) for (const each of [...waiting]) (each instanceof Tensor ? each : each.deref())?.settle()
  }

  /** @internal Takes the memory of another tensor over, which ends; its own stays with whom else it belongs to. */
  moveTo(room: Tensor): void {
    const { storage } = room
    storage.version = this.storage.version + 1
    this.block?.drop()
    this.block = storage.retain()
    if (this.cell) this.cell.storage = storage
    room.dispose()
  }

  /** @internal */
  endScratch(): void {
    this.scratch?.drop()
    this.scratch = undefined
  }

  private settle(): Storage {
    const { source } = this
    if (!this.block && source) {
      const [rows, columns] = source.dims.slice(-2)
      const copy = make(this.dims, this.type)
      const batch = this.count === 0 ? 0 : this.count / (rows * columns)
      transposeMatrices(source.pointer, copy.pointer, rows, columns, batch * Math.ceil(rows / 16), 16 * columns)
      this.block = copy.block
      copy.block = undefined
      if (this.cell && this.block) this.cell.storage = this.block
    }
    this.unlink()
    if (this.block) return this.block
    throw new Error('a tensor without memory')
  }

  private unlink(): void {
    const { source } = this
    if (!source) return
    source.block?.waiting?.delete(this.cell?.waiting ?? this)
    source.dispose()
    this.source = undefined
    if (this.cell) this.cell.waiting = undefined
  }
}

/** Under this symbol a tensor has the operation that stacks rows, which lies above. */
export const STACK: unique symbol = Symbol.for('fluxtape.stack')

/** The memory as elements of the tensor's type, and where its first one lies. */
function elementsOf({ type: dtype, storage, pointer }: Tensor): { memory: TypedArray; first: number } {
  observer?.touched(storage)
  const memory = DTYPES[dtype].view()
  return { memory, first: pointer / memory.BYTES_PER_ELEMENT }
}

/** What is to be written instead of an assignment. */
function refusal(name: string): TypeError {
  const wayOut = /^\d+$/.test(name)
    ? 'Elements do not change: compute a new tensor with where or scatterAdd, or write all with x.assign(y)'
    : name === 'requires_grad'
      ? 'gradient and params take every float32 tensor; freeze(x) takes it out'
      : name === 'shape'
        ? 'x.reshape(shape) gives another tensor'
        : name === 'dtype'
          ? 'x.cast(dtype) gives another tensor'
          : 'What belongs to a tensor can stand in a WeakMap'
  return unassignable('Tensor', name, `${wayOut}.`)
}

/** How often elements were written in place. */
export let writes = 0

/** A new tensor with arbitrary elements, owned by the scope. Throws MemoryError in the operation's name. */
export function make(shape: Shape, dtype: DType, operation = 'memory'): Tensor {
  const tensor = new Tensor(shape, dtype, null)
  // First of all it has an owner: whatever happens, its memory is not lost.
  own(tensor)
  const { count: size } = tensor
  try {
    // Kernels count elements in 31 bits; as many of four bytes no memory has.
    tensor.block = new Storage(size * (size < 2 ** 31 ? bytesOf(dtype) : 4))
    return tensor
  } catch (error) {
    tensor.released = true
    throw askedBy(error, operation, `${dtype} ${show(shape)}`)
  }
}

/** The elements of a tensor that nobody has seen, for JavaScript to write. */
export function unwritten(tensor: Tensor): TypedArray {
  tensor.storage.settle()
  return tensor.view()
}

/** Another handle of the same elements, owned by the scope. */
export function ownedAlias(tensor: Tensor, shape: Shape): Tensor {
  const alias = new Tensor(shape, tensor.type, null)
  alias.frozen = tensor.frozen
  own(alias)
  alias.block = tensor.storage.retain()
  return alias
}

Object.defineProperty(Tensor.prototype, TENSOR, { value: COPY })
// Asked for at each promise and each loss, and what stands behind the prototype takes its time.
Object.defineProperty(Tensor.prototype, 'then', { value: undefined })
const read = 'Write x.data(), or x.toArray()'
const cast = "Write x.cast('int32'), or 'float32'"
/** Names of other libraries, and what is written instead behind x and a point. */
const METHODS =
  'unsqueeze expandDims(axis)|topk topK(k)|argmax argMax(axis)|argmin argMin(axis)|matMul matmul(y)|gt greater(y)|lt less(y)|eq equal(y)|ne notEqual(y)|ge greaterEqual(y)|le lessEqual(y)|clip clamp(low, high)|view_as reshape(y.shape)|expand broadcastTo(shape)|argsort argSort(axis)|isnan isNaN()|numel size|dim rank|ndim rank|var variance(axis)|at slice([i])|index_select gather(indices, axis)|repeat_interleave repeat(n, axis)|logsumexp logSumExp(axis)|cumprod log().cumsum(axis).exp(), of what is above 0'
hint(Tensor.prototype, 'Tensor', () => ({
  ...Object.fromEntries(
    METHODS.split('|')
      .map(each => each.split(/ (.*)/))
      .map(([name, call]) => [name, `Write x.${call}`]),
  ),
  cat: 'Write concat([x, y])',
  clone: 'Write clone(x)',
  map: 'Write x.data().map(f), and tensor(..., x.shape) of that',
  masked_fill: 'Write where(mask, value, x)',
  register_hook: 'Write onGradient(x, f)',
  backward: 'Write gradient(() => loss, params(model)), or train',
  grad: 'gradient returns the gradients',
  detach: 'Write stopGradient(x)',
  T: 'Write x.transpose(), which swaps the last two axes, or x.permute(axes)',
  numpy: read,
  array: read,
  tolist: read,
  dataSync: read,
  arraySync: read,
  long: cast,
  float: cast,
  asType: cast,
  toFloat: cast,
  toInt: cast,
  print: 'Write console.log(x)',
  equals: 'Write x.equal(y).all().item()',
  length: 'x.shape[0] counts rows, x.size elements',
  0: 'x.slice([i]) is a row, x.data()[i] an element',
}))
seal(Tensor.prototype, refusal)
// Symbol.dispose is missing in some runtimes; `using` does not exist there either.
if (Symbol.dispose) Object.assign(Tensor.prototype, { [Symbol.dispose]: Tensor.prototype.dispose })
