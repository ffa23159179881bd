import { bytesOf } from '../tensor/dtype.ts'
import { isSet } from '../tensor/realm.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { isContainer, partsOf, tensorsIn, walk } from '../tensor/walk.ts'
import { isLayer, LABEL, LINES } from './label.ts'

const COLUMN = 40
const ALONE = 20
/** After so many lines a layer that was printed before is not printed again. */
const MANY = 1000

/**
 * A model as a tree: one line a layer with its count of parameters, and a total, as Flux prints it. Tied tensors count once; what is all
 * zero, or holds NaN or Infinity, says so.
 */
export function printModel(model: unknown): string {
  const lines = linesOf(model)
  if (lines.length === 1) return comment(lines[0].text, lines[0].note, ALONE)
  const body = lines.map(({ text, note }) => comment(text, note, COLUMN))
  const { tensors, trained, parameters, bytes, buffers } = count(model)
  if (tensors > 2) {
    const rest = tensors - trained
    const size = ` parameters, ${bytesText(bytes)}.`
    const total = `Total: ${trained}${rest ? ' trainable' : ''} arrays, ${digits(parameters)}${rest ? ' parameters,' : size}`
    body.push(comment(body.pop() ?? '', total, COLUMN))
    if (rest) body.push(comment('', `plus ${rest} non-trainable, ${digits(buffers)}${size}`, COLUMN))
  }
  return body.join('\n')
}

interface Line {
  readonly text: string
  readonly note: string
}

/** What is still to be printed: a part of the model, or the line that ends one. */
type Task = { readonly indent: string; readonly end: string } & (
  | { readonly value: unknown; readonly name: string }
  | { readonly closes: object }
)

function linesOf(model: unknown): Line[] {
  const lines: Line[] = []
  const shown = new Set<unknown>()
  const around = new Set<unknown>()
  const tasks: Task[] = [{ value: model, name: '', indent: '', end: '' }]
  for (let task = tasks.pop(); task; task = tasks.pop()) {
    const { indent, end } = task
    if ('closes' in task) {
      around.delete(task.closes)
      lines.push({ text: `${indent})${end}`, note: '' })
      continue
    }
    const { value, name } = task
    const text = indent + named(name, labelOf(value))
    const { inner, rest } = isLayer(value) ? children(value) : { inner: [], rest: [] }
    const isShort = isLayer(value) && (value as { readonly [LINES]?: unknown[] })[LINES]?.length && !inner.some(([, each]) => isLayer(each))
    if (isShort) lines.push({ text: `${text}(${inner.map(([key, each]) => named(key, labelOf(each))).join(', ')})${end}`, note: '' })
    else if (inner.length === 0) lines.push({ text: text + end, note: isLayer(value) ? noteOf(value) : '' })
    // A layer inside of itself has no end, and one that stands everywhere may have too many lines.
    else if (around.has(value) || (shown.has(value) && lines.length > MANY)) lines.push({ text: `${text}(...)${end}`, note: '' })
    else {
      around.add(value)
      shown.add(value)
      lines.push({ text: `${text}(`, note: ownNote(value as object, inner, rest) })
      tasks.push({ closes: value as object, indent, end })
      for (const [key, each] of inner.reverse()) tasks.push({ value: each, name: key, indent: `${indent}  `, end: ',' })
    }
  }
  return lines
}

function labelOf(value: unknown): string {
  return isLayer(value) ? value[LABEL] : typeof value === 'function' ? value.name || 'function' : String(value)
}

function named(name: string, label: string): string {
  return name ? `${name} = ${label}` : label
}

/** The layers inside a layer, with names where they have one, and its other fields. */
function children(value: object): { inner: [string, unknown][]; rest: unknown[] } {
  const inner: [string, unknown][] = []
  const rest: unknown[] = []
  const lines = (value as { readonly [LINES]?: readonly string[] })[LINES]
  if (lines?.length === 0) return { inner, rest }
  for (const [key, each] of Object.entries(value)) {
    const isLine = lines?.includes(key)
    const parts = typeof each === 'object' && isContainer(each) ? partsOf(each) : []
    if (isLayer(each) || (isLine && typeof each === 'function')) inner.push([isLine ? '' : key, each])
    else if (!isLine && !parts.some(([, part]) => isLayer(part))) rest.push(each)
    else for (const [name, part] of parts) inner.push([Array.isArray(each) || isSet(each) ? '' : String(name), part])
  }
  return { inner, rest }
}

/** What a container holds besides its layers. */
function ownNote(container: object, inner: readonly [string, unknown][], rest: readonly unknown[]): string {
  if (tensorsIn(rest).length === 0) return ''
  const all = count(container)
  const inside = count(inner.map(([, each]) => each))
  if (all.tensors === inside.tensors) return ''
  return `${parametersOf(all.parameters - inside.parameters, all.buffers - inside.buffers)} of its own`
}

function parametersOf(parameters: number, buffers: number): string {
  return `${digits(parameters)} parameter${parameters === 1 ? '' : 's'}${buffers ? `, plus ${digits(buffers)}` : ''}`
}

interface Count {
  readonly tensors: number
  readonly trained: number
  readonly parameters: number
  readonly buffers: number
  readonly bytes: number
}

function count(model: unknown): Count {
  const seen = new Set<Tensor>()
  let [tensors, trained, parameters, buffers, bytes] = [0, 0, 0, 0, 0]
  walk(model, (tensor, _, trainable) => {
    if (seen.has(tensor)) return
    seen.add(tensor)
    tensors++
    bytes += tensor.count * bytesOf(tensor.type)
    if (trainable && tensor.type === 'float32' && !tensor.frozen) {
      trained++
      parameters += tensor.count
    } else buffers += tensor.count
  })
  return { tensors, trained, parameters, buffers, bytes }
}

function noteOf(layer: object): string {
  const { tensors, parameters, buffers } = count(layer)
  if (tensors === 0) return ''
  return `${parametersOf(parameters, buffers)}${warnings(layer)}`
}

function warnings(layer: object): string {
  const found = { NaN: false, Inf: false, nonzero: false }
  walk(layer, tensor => {
    if (tensor.released) return
    for (const value of tensor.view()) {
      if (value !== 0) found.nonzero = true
      if (Number.isNaN(value)) found.NaN = true
      else if (!Number.isFinite(value)) found.Inf = true
    }
  })
  return `${found.nonzero ? '' : '  (all zero)'}${found.NaN ? '  (some NaN)' : ''}${found.Inf ? '  (some Inf)' : ''}`
}

function comment(text: string, note: string, column: number): string {
  return note === '' ? text : `${text.padEnd(Math.max(column, text.length + 2))}# ${note}`
}

/** 1_234 */
export function digits(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, '_')
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(3)} KiB` : `${(bytes / 1024 ** 2).toFixed(3)} MiB`
}
