import {
  checkNumber,
  checkOptions,
  kindOf,
  noTensor,
  rangeError,
  refuseLoose,
  refuseSurplus,
  ShapeError,
  typeError,
  written,
} from '../errors.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { bytesOf, checkDType, DTYPES, type DType, promote, type TypedArray } from './dtype.ts'
import { checkAllFit, checkFit } from './fits.ts'
import { tagOf } from './realm.ts'
import { scoped } from './scope.ts'
import { checkShape, type Shape, sameShape, show, sizeOf } from './shape.ts'
import { make, STACK, Tensor, unwritten } from './tensor.ts'

/** Numbers or booleans, nested to any depth. */
export type NestedInput = number | boolean | readonly NestedInput[]

/** Typed arrays that a tensor can be made of; 64-bit integers must fit into 32 bits, or become float32. */
export type ArrayInput =
  | TypedArray
  | Float64Array
  | Uint8ClampedArray
  | Int8Array
  | Int16Array
  | Uint16Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** Rows of one shape, each a tensor, a typed array or nested numbers; nested to any depth. */
export type RowsInput = readonly (NestedInput | ArrayInput | Tensor | RowsInput)[]

/** A tensor as JSON has it; 'NaN', 'Infinity', '-Infinity' and '-0' are texts, since JSON has no such numbers. */
export interface WrittenTensor {
  readonly shape: Shape
  readonly dtype: DType
  /** The elements in row-major order. */
  readonly data: readonly (number | string)[]
}

/** What a function that makes tensors can be told. */
export interface CreateOptions {
  /** The type of the elements; by default that of the data: float32 for numbers, bool for booleans. */
  readonly dtype?: DType | undefined
}

/**
 * A tensor of the given numbers: a number, nested arrays, a typed array with a shape, or rows that are typed arrays or tensors; or what
 * `JSON.stringify` wrote of one. The options may come second.
 *
 * Typed arrays keep their type where the library has it (Int32Array: int32, Uint8Array: uint8); other numbers become float32, booleans
 * bool. Rows have the type that they have in common; those that are tensors are stacked, on the tape as by `stack`. Fractions are cut for an
 * integer type. Throws ShapeError for ragged arrays, rows of several shapes and a shape that does not hold the data, TypeError for what is no
 * number, RangeError for what does not fit an integer type (NaN, 300 in uint8, a 64-bit integer of more than 32 bits).
 *
 * @example
 * tensor([[1, 2], [3, 4]]).shape // [2, 2]
 * tensor(new Float32Array(6), [2, 3]).shape // [2, 3]
 * tensor([new Float32Array(3), [4, 5, 6]]).shape // [2, 3]
 * tensor([zeros([3]), ones([3])]).shape // [2, 3]
 * tensor([0, 2, 1], { dtype: 'int32' }).dtype // 'int32'
 * tensor([[1, 2], [3]]) // throws ShapeError
 */
export function tensor(data: NestedInput | ArrayInput | RowsInput | WrittenTensor, options: CreateOptions): Tensor
export function tensor(data: NestedInput | ArrayInput | RowsInput | WrittenTensor, shape?: Shape, options?: CreateOptions): Tensor
export function tensor(
  data: NestedInput | ArrayInput | RowsInput | WrittenTensor | Tensor,
  second?: Shape | CreateOptions,
  third?: CreateOptions,
): Tensor {
  if (typeof second === 'number') refuseLoose('tensor', 'the shape is', arguments, 1)
  if (arguments.length > 3) refuseSurplus('tensor', 3, arguments)
  if (data instanceof Tensor)
    throw typeError('tensor', 'the data is a tensor already', '', 'Use x.cast(dtype), x.reshape(shape) or clone(x).')
  const isShape = typeof second !== 'object' || Array.isArray(second)
  const shape = isShape ? (second as Shape | undefined) : undefined
  const options = isShape ? third : (second as CreateOptions)
  if (isWritten(data)) return tensor(data.data.map(fromText), shape ?? data.shape, options ?? { dtype: data.dtype })
  if (shape !== undefined) checkShape('tensor', shape)
  const dtype = dtypeOf('tensor', options)
  if (ArrayBuffer.isView(data)) return fromArray(data, shape ?? [(data as TypedArray).length], dtype)
  return fromNested(data, shape, dtype, [])
}

/** Nested arrays of numbers, or rows among which are tensors: those are stacked, as an operation does it. `around` are the lists around it. */
function fromNested(data: unknown, shape: Shape | undefined, dtype: DType | undefined, around: readonly unknown[]): Tensor {
  if (around.includes(data)) throw insideOfItself()
  const found = shapeOf(data)
  checkShape('tensor', found)
  const numbers = flattened(data, found)
  if (numbers) return write(numbers.values, settled(shape ?? found, numbers.values.length), dtype ?? numbers.dtype)
  return scoped(
    () => {
      const rows = data as RowsInput
      const tensors = rows.map(row => (row instanceof Tensor ? row : fromNested(row, undefined, undefined, [...around, data])))
      const odd = tensors.find(each => !sameShape(each.dims, tensors[0].dims))
      if (odd) throw ragged(tensors[0].dims, `a row ${show(odd.dims)}`)
      const whole = tensors[0][STACK](tensors)
      const y = shape ? whole.reshape(settled(shape, whole.count)) : whole
      return dtype ? y.cast(dtype) : y
    },
    y => [y],
  )
}

function insideOfItself(): TypeError {
  return typeError('tensor', 'an array lies inside of itself', '', 'Nest arrays of numbers.')
}

/** Is it what `JSON.stringify` writes of a tensor? */
export function isWritten(value: unknown): value is WrittenTensor {
  const { shape, data } = Object(value) as Partial<WrittenTensor>
  return Array.isArray(shape) && Array.isArray(data)
}

function fromText(value: number | string): number {
  return typeof value === 'string' && ['NaN', 'Infinity', '-Infinity', '-0'].includes(value) ? Number(value) : (value as number)
}

/** The type that is asked for, if any. Throws TypeError for another option, DTypeError for an unknown type. */
function dtypeOf(operation: string, options: CreateOptions | undefined): DType | undefined {
  if (options === undefined) return undefined
  checkOptions(operation, options, ['dtype'])
  if (options.dtype !== undefined) checkDType(operation, options.dtype)
  return options.dtype
}

/** All elements 0.
 * @example zeros([2, 3]).shape // [2, 3] */
export function zeros(shape: Shape, options?: CreateOptions): Tensor {
  if (typeof shape === 'number') refuseLoose('zeros', 'the shape is', arguments)
  if (arguments.length > 2) refuseSurplus('zeros', 2, arguments)
  return filled('zeros', shape, 0, dtypeOf('zeros', options) ?? 'float32')
}

/** All elements 1.
 * @example ones([2]).toArray() // [1, 1] */
export function ones(shape: Shape, options?: CreateOptions): Tensor {
  if (typeof shape === 'number') refuseLoose('ones', 'the shape is', arguments)
  if (arguments.length > 2) refuseSurplus('ones', 2, arguments)
  return filled('ones', shape, 1, dtypeOf('ones', options) ?? 'float32')
}

/** Zeros of x's shape and dtype. Throws TypeError for what is no tensor.
 * @example zerosLike(tensor([5, 6])).toArray() // [0, 0] */
export function zerosLike(x: Tensor): Tensor {
  if (arguments.length > 1) refuseSurplus('zerosLike', 1, arguments)
  needed('zerosLike', x)
  return filled('zerosLike', x.dims, 0, x.type)
}

/** Ones of x's shape and dtype. Throws TypeError for what is no tensor.
 * @example onesLike(tensor([5, 6])).toArray() // [1, 1] */
export function onesLike(x: Tensor): Tensor {
  if (arguments.length > 1) refuseSurplus('onesLike', 1, arguments)
  needed('onesLike', x)
  return filled('onesLike', x.dims, 1, x.type)
}

function needed(operation: string, x: unknown): void {
  if (!(x instanceof Tensor)) throw noTensor(operation, x)
  x.check(operation)
}

/** All elements `value`; bool where it is a boolean, float32 otherwise. Throws RangeError where it does not fit an integer type.
 * @example full([2], 7).toArray() // [7, 7] */
export function full(shape: Shape, value: number | boolean, options?: CreateOptions): Tensor {
  if (typeof shape === 'number') refuseLoose('full', 'the shape is', arguments, 0, -1)
  if (arguments.length > 3) refuseSurplus('full', 3, arguments)
  if (typeof value !== 'boolean') checkNumber('full', 'the value', value)
  return filled('full', shape, value, dtypeOf('full', options) ?? (typeof value === 'boolean' ? 'bool' : 'float32'))
}

function filled(operation: string, shape: Shape, value: number | boolean, dtype: DType): Tensor {
  checkShape(operation, shape)
  checkDType(operation, dtype)
  checkFit(operation, Number(value), dtype)
  const y = make([...shape], dtype, operation)
  fill(y, value)
  return y
}

/** Makes all elements `value`. */
export function fill(y: Tensor, value: number | boolean): void {
  pattern[DTYPES[y.type].kind].fill(y.type === 'bool' ? Number(Boolean(value)) : Number(value))
  kernels.fill(y.pointer, pattern.int32[0], Math.ceil((y.count * bytesOf(y.type)) / 4))
}

/** Four bytes, as elements of every type. */
const four = new ArrayBuffer(4)
const pattern = { float32: new Float32Array(four), int32: new Int32Array(four), byte: new Uint8Array(four) }

/** The numbers from `start` up to, without, `stop`: `arange(3)` is [0, 1, 2]. Throws RangeError for a step of 0, and for
 * what does not fit an integer type.
 * @example arange(1, 7, 2).toArray() // [1, 3, 5] */
export function arange(start: number, stop?: number, step = 1, options?: CreateOptions): Tensor {
  if (arguments.length > 4) refuseSurplus('arange', 4, arguments)
  const dtype = dtypeOf('arange', options) ?? 'float32'
  checkNumber('arange', 'the start', start)
  if (stop !== undefined) checkNumber('arange', 'the stop', stop)
  checkNumber('arange', 'the step', step)
  const [from, to] = stop === undefined ? [0, start] : [start, stop]
  if (step === 0 || ![from, to, step].every(Number.isFinite)) {
    throw rangeError('arange', 'start, stop and step must be finite, the step not 0', `${from}, ${to}, ${step}`)
  }
  return series('arange', Math.max(0, Math.ceil((to - from) / step)), i => from + i * step, dtype)
}

/** `n` numbers from `start` to `stop`, both included, evenly spaced. Throws RangeError for an `n` that is no whole number from 0.
 * @example linspace(0, 1, 3).toArray() // [0, 0.5, 1] */
export function linspace(start: number, stop: number, n: number): Tensor {
  if (arguments.length > 3) refuseSurplus('linspace', 3, arguments)
  checkNumber('linspace', 'n', n)
  if (!Number.isInteger(n) || n < 0) throw rangeError('linspace', 'n must be a whole number from 0', n)
  checkNumber('linspace', 'the start', start)
  checkNumber('linspace', 'the stop', stop)
  return series('linspace', n, i => (n === 1 ? start : start + ((stop - start) * i) / (n - 1)), 'float32')
}

function series(operation: string, length: number, at: (i: number) => number, dtype: DType): Tensor {
  checkShape(operation, [length])
  checkDType(operation, dtype)
  // Before there is anything to lose.
  if (dtype !== 'float32') for (let i = 0; i < length; i++) checkFit(operation, at(i), dtype)
  const y = make([length], dtype, operation)
  const view = unwritten(y)
  for (let i = 0; i < length; i++) {
    const value = at(i)
    view[i] = dtype === 'bool' ? Number(value !== 0) : value
  }
  return y
}

/** The n x m matrix with ones on the diagonal. Throws TypeError for a list of sizes.
 * @example eye(2).toArray() // [[1, 0], [0, 1]] */
export function eye(n: number, m = n): Tensor {
  if (arguments.length > 2) refuseSurplus('eye', 2, arguments)
  if (Array.isArray(n)) throw typeError('eye', 'sizes are numbers', 'an array came', `Write eye(${n.map(written).join(', ')}).`)
  checkShape('eye', [n, m])
  const y = make([n, m], 'float32', 'eye')
  const view = unwritten(y).fill(0)
  for (let i = 0; i < Math.min(n, m); i++) view[i * m + i] = 1
  return y
}

/** The sizes of nested arrays, by the first of each level. */
function shapeOf(data: unknown): number[] {
  const shape: number[] = []
  const levels = new Set<unknown>()
  for (let level = data; isList(level); level = level[0]) {
    if (levels.has(level)) throw insideOfItself()
    levels.add(level)
    shape.push(level.length)
    if (level.length === 0) break
  }
  return shape
}

/** Is it an array, or a typed one? */
function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !isDataView(value))
}

/**
 * The numbers of nested arrays that have to have a shape, and the type that they have in common; undefined where a tensor is among them. Throws
 * ShapeError, or TypeError for what is no number.
 */
function flattened(data: unknown, shape: Shape): { values: Float64Array; dtype: DType } | undefined {
  const values = new Float64Array(sizeOf(shape))
  let count = 0
  let booleans = 0
  let ofArrays = 0
  let dtype: DType | undefined
  // The arrays that lie around, and how far each has been read.
  const open: (readonly unknown[])[] = [[data]]
  const positions = [0]
  while (open.length > 0) {
    const depth = open.length - 1
    const list = open[depth]
    const i = positions[depth]++
    if (i === list.length) {
      open.pop()
      positions.pop()
      continue
    }
    const value = list[i]
    if (typeof value === 'number' || typeof value === 'boolean') {
      if (depth !== shape.length) throw ragged(shape, 'a number')
      if (typeof value === 'boolean') booleans++
      values[count++] = Number(value)
    } else if (isList(value)) {
      if (depth >= shape.length || value.length !== shape[depth]) throw ragged(shape, `an array of ${value.length}`)
      if (Array.isArray(value)) {
        open.push(value)
        positions.push(0)
        continue
      }
      if (depth !== shape.length - 1) throw ragged(shape, 'a number')
      const { type, numbers } = read(value as unknown as ArrayInput)
      dtype = common(dtype, type)
      values.set(numbers, count)
      count += numbers.length
      ofArrays += numbers.length
    } else if (value instanceof Tensor) {
      return undefined
    } else {
      throw typeError(
        'tensor',
        'an element is no number',
        kindOf(value),
        `Elements are numbers or booleans; convert the others first${kindOf(value) === 'a Date' ? ', a date to days or hours since another: float32 rounds its milliseconds' : ''}.`,
      )
    }
  }
  if (booleans > 0) dtype = common(dtype, 'bool')
  if (booleans + ofArrays < count) dtype = common(dtype, 'float32')
  return { values, dtype: dtype ?? 'float32' }
}

function common(a: DType | undefined, b: DType): DType {
  return a === undefined || a === b ? b : promote(a, b)
}

function ragged(shape: Shape, odd: string): ShapeError {
  return new ShapeError(
    {
      operation: 'tensor',
      problem: 'the nested arrays are ragged',
      came: `${show(shape)} by the first of each level, but then ${odd}`,
      wayOut: 'All arrays of a level must have one length: padSequences pads the shorter ones.',
    },
    [shape],
  )
}

function settled(shape: Shape, size: number): Shape {
  if (sizeOf(shape) === size) return [...shape]
  throw new ShapeError(
    {
      operation: 'tensor',
      problem: 'the shape does not hold the data',
      came: `${size} numbers, ${show(shape)}`,
      wayOut: `The sizes of the shape must multiply to ${size}.`,
    },
    [shape],
  )
}

function fromArray(data: ArrayInput | ArrayBufferView, shape: Shape, dtype: DType | undefined): Tensor {
  if (isDataView(data)) throw typeError('tensor', 'a DataView has no elements', '', 'Pass a typed array.')
  const { type, numbers } = read(data as ArrayInput)
  return write(numbers, settled(shape, numbers.length), dtype ?? type)
}

function isDataView(value: ArrayBufferView): boolean {
  return 'getInt8' in value
}

/** The type of a typed array, and its elements as numbers. */
function read(array: ArrayInput): { type: DType; numbers: ArrayLike<number> } {
  const tag = tagOf(array)
  const type = (Object.keys(DTYPES) as DType[]).find(each => DTYPES[each].arrays?.test(tag)) ?? 'float32'
  if (tag.startsWith('Big')) return { type, numbers: Float64Array.from(array as BigInt64Array, Number) }
  return { type, numbers: array as TypedArray }
}

function write(values: ArrayLike<number>, shape: Shape, dtype: DType): Tensor {
  checkAllFit('tensor', values, dtype)
  const y = make(shape, dtype, 'tensor')
  const view = unwritten(y)
  if (dtype === 'bool') for (let i = 0; i < view.length; i++) view[i] = values[i] === 0 ? 0 : 1
  else view.set(values)
  return y
}
