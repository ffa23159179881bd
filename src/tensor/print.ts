import type { DType, TypedArray } from './dtype.ts'
import { type Shape, show, stepsOf } from './shape.ts'
import type { Tensor } from './tensor.ts'

/** Numbers (or booleans) nested as deep as a tensor has axes. */
export type Nested = number | boolean | Nested[]

const MANY = 1000
const EDGE = 3

/** The elements as nested arrays. */
export function nested(data: TypedArray, shape: Shape, dtype: DType): Nested {
  const steps = stepsOf(shape)
  const level = (axis: number, at: number): Nested => {
    if (axis === shape.length) return dtype === 'bool' ? data[at] !== 0 : data[at]
    return Array.from({ length: shape[axis] }, (_, i) => level(axis + 1, at + i * steps[axis]))
  }
  return level(0, 0)
}

/** As `console.log` shows it in Node, Deno and Bun. */
export function inspect(this: Tensor): string {
  return print(this)
}

/** `Tensor float32 [2, 2]` and the elements, four digits each; of more than 1,000 elements only the edges. */
export function print(tensor: Tensor): string {
  const { dims: shape, dtype, size } = tensor
  const title = `Tensor ${dtype} ${show(shape)}`
  if (tensor.released) return `${title} (released)`
  if (size === 0) return `${title} (empty)`
  const data = tensor.view()
  const steps = stepsOf(shape)
  const cells = new Map<number, string>()
  let width = 0
  const level = (axis: number, at: number): string[] => {
    if (axis === shape.length) {
      const text = dtype === 'bool' ? String(data[at] !== 0) : number(data[at])
      cells.set(at, text)
      width = Math.max(width, text.length)
      return [text]
    }
    return visible(shape[axis], size).flatMap(i => (i < 0 ? [] : level(axis + 1, at + i * steps[axis])))
  }
  level(0, 0)
  const draw = (axis: number, at: number, indent: string): string => {
    if (axis === shape.length) return (cells.get(at) ?? '').padStart(shape.length ? width : 0)
    const parts = visible(shape[axis], size).map(i => (i < 0 ? '...' : draw(axis + 1, at + i * steps[axis], `${indent} `)))
    const last = axis === shape.length - 1
    return `[${parts.join(last ? ', ' : `,${'\n'.repeat(shape.length - axis - 1)}${indent}`)}]`
  }
  const body = draw(0, 0, ' ')
  return shape.length === 0 ? `${title} ${body}` : `${title}\n${body}`
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
