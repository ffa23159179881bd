import { rangeError } from '../errors.ts'
import type { DType, TypedArray } from './dtype.ts'
import { type Shape, show, sizeOf, stepsOf } from './shape.ts'
import type { Tensor } from './tensor.ts'

/** Numbers (or booleans) nested as deep as a tensor has axes. */
export type Nested = number | boolean | Nested[]

/** The same for who only reads it: what `toArray` may be said to give. */
export type ReadonlyNested = number | boolean | readonly ReadonlyNested[]

const MANY = 1000
const EDGE = 3
/** Above so many elements that it would show it shows none. */
const TOO_MANY = 2 ** 16
/** How many elements nested arrays may have, each array counted as so many: a gigabyte of them. */
const MOST = 2 ** 27
const ARRAY = 8

/** The elements as nested arrays. Throws RangeError where JavaScript would have no memory for them. */
export function nested(data: TypedArray, shape: Shape, dtype: DType): Nested {
  let size = data.length
  for (let axis = 0, rows = 1; axis < shape.length; rows *= shape[axis++]) size += ARRAY * rows
  if (size > MOST) throw rangeError('toArray', 'too many elements for nested arrays', show(shape), 'Use data().')
  let level = new Array<Nested>(data.length)
  for (let i = 0; i < level.length; i++) level[i] = dtype === 'bool' ? data[i] !== 0 : data[i]
  // From the innermost axis out: the lists of an axis are the elements of the one around.
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const length = shape[axis]
    const lists = new Array<Nested>(length > 0 ? level.length / length : sizeOf(shape, 0, axis))
    for (let i = 0; i < lists.length; i++) lists[i] = lists.length === 1 ? level : level.slice(i * length, (i + 1) * length)
    level = lists
  }
  return level[0]
}

/** `Tensor float32 [2, 2]` and the elements, four digits each; of more than 1,000 elements only the edges. */
export function print(tensor: Tensor): string {
  const { dims: shape, type: dtype, count: size } = tensor
  const title = `Tensor ${dtype} ${show(shape)}`
  if (tensor.released) return `${title} (released)`
  if (size === 0) return `${title} (empty)`
  const data = tensor.view()
  const shown = shape.map(length => visible(length, size))
  if (shown.reduce((product, indices) => product * indices.length, 1) > TOO_MANY) return `${title} (too many to show: print a slice)`
  const steps = stepsOf(shape)
  let positions = [0]
  shown.forEach((indices, axis) => {
    const within = indices.filter(i => i >= 0)
    positions = positions.flatMap(at => within.map(i => at + i * steps[axis]))
  })
  let texts = positions.map(at => (dtype === 'bool' ? String(data[at] !== 0) : dtype === 'float32' ? number(data[at]) : String(data[at])))
  if (shape.length > 0) {
    const width = texts.reduce((most, text) => Math.max(most, text.length), 0)
    texts = texts.map(text => text.padStart(width))
  }
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const indices = shown[axis]
    const gap = indices.indexOf(-1)
    const count = indices.length - (gap < 0 ? 0 : 1)
    const between = axis === shape.length - 1 ? ', ' : `,${'\n'.repeat(shape.length - axis - 1)}${' '.repeat(axis + 1)}`
    texts = Array.from({ length: texts.length / count }, (_, i) => {
      const parts = texts.slice(i * count, (i + 1) * count)
      if (gap >= 0) parts.splice(gap, 0, '...')
      return `[${parts.join(between)}]`
    })
  }
  return `${title}${shape.length === 0 ? ' ' : '\n'}${texts[0]}`
}

/** Which indices of an axis are shown; -1 stands for those left out. */
function visible(length: number, size: number): number[] {
  if (size <= MANY || length <= 2 * EDGE) return Array.from({ length }, (_, i) => i)
  return [0, 1, 2, -1, length - 3, length - 2, length - 1]
}

function number(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value)
  if (!Number.isFinite(value)) return String(value)
  const magnitude = Math.abs(value)
  return magnitude >= 1e-3 && magnitude < 1e5 ? String(Number(value.toPrecision(5))) : value.toExponential(4)
}
