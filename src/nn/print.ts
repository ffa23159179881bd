import { bytesOf } from '../tensor/dtype.ts'
import { Tensor } from '../tensor/tensor.ts'
import { walk } from '../tensor/walk.ts'
import { isLayer, LABEL } from './label.ts'

const COLUMN = 40
const ALONE = 20

/**
 * A model as a tree: one line a layer with its count of parameters, and a total, as Flux prints it. Tied tensors count once; what is all
 * zero, or holds NaN or Infinity, says so.
 */
export function draw(model: unknown): string {
  const lines = linesOf(model, '', '')
  const { tensors, parameters, bytes, buffers } = count(model)
  if (lines.length === 1) return comment(lines[0].text, lines[0].note, ALONE)
  const body = lines.map(({ text, note }) => comment(text, note, COLUMN))
  const total = `Total: ${tensors} array${tensors === 1 ? '' : 's'}, ${digits(parameters)} parameters${buffers ? `, plus ${digits(buffers)}` : ''}, ${size(bytes)}.`
  if (tensors > 2) body[body.length - 1] = comment(body[body.length - 1], total, COLUMN)
  return body.join('\n')
}

interface Line {
  readonly text: string
  readonly note: string
}

function linesOf(value: unknown, indent: string, name: string): Line[] {
  const label = isLayer(value) ? value[LABEL] : typeof value === 'function' ? value.name || 'function' : String(value)
  const prefix = indent + (name ? `${name} = ` : '')
  const inner = isLayer(value) ? children(value) : []
  if (inner.length === 0) return [{ text: prefix + label, note: isLayer(value) ? noteOf(value) : '' }]
  const lines = inner.flatMap(([key, each]) => {
    const own = linesOf(each, `${indent}  `, key)
    const last = own.length - 1
    return own.map((line, i) => (i === last ? { text: `${line.text},`, note: line.note } : line))
  })
  return [{ text: `${prefix}${label}(`, note: ownNote(value as object, inner) }, ...lines, { text: `${indent})`, note: '' }]
}

/** The layers inside a layer, with names where they have one. */
function children(value: object): [string, unknown][] {
  const found: [string, unknown][] = []
  for (const [key, each] of Object.entries(value)) {
    if (isLayer(each)) found.push([key, each])
    else if (Array.isArray(each) && each.some(isLayer)) found.push(...each.map((one): [string, unknown] => ['', one]))
    else if (isRecord(each) && Object.values(each).some(isLayer)) found.push(...Object.entries(each))
  }
  return found
}

/** What a container holds besides its layers. */
function ownNote(container: object, inner: readonly [string, unknown][]): string {
  const all = count(container)
  const inside = count(inner.map(([, each]) => each))
  if (all.tensors === inside.tensors) return ''
  return `${parametersOf(all.parameters - inside.parameters, all.buffers - inside.buffers)} of its own`
}

function parametersOf(parameters: number, buffers: number): string {
  return `${digits(parameters)} parameter${parameters === 1 ? '' : 's'}${buffers ? `, plus ${digits(buffers)}` : ''}`
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(value instanceof Tensor)
}

function count(model: unknown): { tensors: number; parameters: number; buffers: number; bytes: number } {
  const seen = new Set<Tensor>()
  let [tensors, parameters, buffers, bytes] = [0, 0, 0, 0]
  walk(model, (tensor, _, trainable) => {
    if (seen.has(tensor)) return
    seen.add(tensor)
    tensors++
    bytes += tensor.size * bytesOf(tensor.dtype)
    if (trainable && tensor.dtype === 'float32') parameters += tensor.size
    else buffers += tensor.size
  })
  return { tensors, parameters, buffers, bytes }
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
function digits(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, '_')
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(3)} KiB` : `${(bytes / 1024 ** 2).toFixed(3)} MiB`
}
