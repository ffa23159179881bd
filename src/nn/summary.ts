import { refuseSurplus } from '../errors.ts'
import { calledBy } from '../tape/mode.ts'
import type { Shape } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { walk } from '../tensor/walk.ts'
import { isLayer, LABEL } from './label.ts'
import { type InputOptions, sizesIn, sizesOfRun } from './output-size.ts'
import { bytesText, digits } from './print.ts'
import { wrapping } from './reads.ts'

type Model = (...inputs: never[]) => unknown

interface Row {
  readonly name: string
  output: string
  parameters: number
  products: number
}

/**
 * A model as a table of text, for an input of a shape, the batch included: what is called, in its order, with the shape of its output, its parameters and
 * how many multiplications its products of matrices take, both without those of the layers in it; and the totals. Nothing is computed. Tied parameters
 * count where they are used first. Takes the same shapes as `outputSize`; errors as `outputSize`.
 *
 * @example
 * const model = Chain(Dense(4, 8, relu), Dense(8, 3))
 * console.log(summary(model, [16, 4]))
 * // layer              output   parameters  multiplications
 * // Chain              [16, 3]
 * //   Dense(4, 8, relu) [16, 8]          40              512
 */
export function summary(model: Model, shape: Shape | readonly Shape[], options: InputOptions = {}): string {
  if (arguments.length > 3) refuseSurplus('summary', 3, arguments)
  const trained = new Set<Tensor>()
  const buffers = new Set<Tensor>()
  walk(model, (tensor, _, trainable) => (trainable && tensor.type === 'float32' ? trained : buffers).add(tensor))
  const rows: Row[] = []
  const left = new Set(trained)
  let products = 0
  let [depth, inner] = [0, 0]
  let name = ''
  /** Calls a part of the model, which is a row. */
  const part = (self: unknown, label: string, call: () => unknown): unknown => {
    const row = { name: '  '.repeat(depth) + name + label, output: '', parameters: 0, products: 0 }
    rows.push(row)
    const [start, before] = [products, inner]
    name = ''
    inner = 0
    depth++
    const y = call()
    depth--
    row.output = text(sizesIn(y))
    walk(self, tensor => {
      if (left.delete(tensor)) row.parameters += tensor.count
    })
    row.products = products - start - inner
    inner = before + products - start
    return y
  }
  const root = (...inputs: never[]) => (isLayer(model) ? model(...inputs) : part(model, model.name || 'function', () => model(...inputs)))
  const run = () => sizesOfRun('summary', typeof model === 'function' ? root : model, shape, options, count => void (products += count))
  const watched = () =>
    wrapping((link, _, key, links) => {
      const begin = Array.isArray(links) ? '' : `${key} = `
      if (!isLayer(link)) return (...inputs) => part(link, begin + (link.name || 'function'), () => link(...inputs))
      return (...inputs) => {
        name = begin
        return link(...inputs)
      }
    }, run)
  calledBy((self, forward, inputs) => part(self, isLayer(self) ? self[LABEL] : '', () => forward(self, ...inputs)), watched)
  return table(rows, trained, buffers, products)
}

function table(rows: readonly Row[], trained: ReadonlySet<Tensor>, buffers: ReadonlySet<Tensor>, products: number): string {
  const sum = (tensors: ReadonlySet<Tensor>) => [...tensors].reduce((count, each) => count + each.count, 0)
  const number = (n: number) => (n === 0 ? '' : digits(n))
  const lines = [
    ['layer', 'output', 'parameters', 'multiplications'],
    ...rows.map(row => [row.name, row.output, number(row.parameters), number(row.products)]),
    ['total', '', digits(sum(trained)), digits(products)],
  ]
  const widths = [0, 1, 2, 3].map(i => Math.max(...lines.map(line => line[i].length)))
  const body = lines.map(line =>
    line
      .map((each, i) => (i < 2 ? each.padEnd(widths[i]) : each.padStart(widths[i])))
      .join('  ')
      .trimEnd(),
  )
  const rest = buffers.size > 0 ? `, plus ${digits(sum(buffers))} that are not trained` : ''
  return [...body, `${bytesText(4 * sum(trained))} of parameters${rest}`].join('\n')
}

function text(sizes: unknown): string {
  return sizes === undefined
    ? ''
    : JSON.stringify(sizes)
        .replaceAll('"', '')
        .replace(/([,:])/g, '$1 ')
}
