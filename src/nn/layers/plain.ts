// Layers of one tensor, with settings: what an operation makes of it.
import { refuseSurplus } from '../../errors.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { written } from '../../words.ts'
import { type Layer, layer } from '../layer.ts'

/** The layer of this name whose settings are `fields`; `args` are its arguments as it prints them, without those that are undefined. */
export function plain<Fields extends object>(
  name: string,
  fields: Fields,
  args: readonly unknown[],
  forward: (self: Fields, x: Tensor) => Tensor,
  trainable?: readonly (keyof Fields & string)[],
): Layer<Fields, [x: Tensor], Tensor> {
  const call = (self: Fields, x: Tensor, ...surplus: never[]) => {
    if (surplus.length > 0) refuseSurplus(name, 1, [x, ...surplus])
    return forward(self, x)
  }
  const label = `${name}(${args.map(shown).filter(Boolean).join(', ')})`
  return layer(name, fields, call, { label, trainable }) as Layer<Fields, [x: Tensor], Tensor>
}

/** An argument as it is written; options without those that are undefined. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.join(', ')}]`
  if (typeof value === 'string') return `'${value}'`
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? written(value) : String(value)
  const options = Object.entries(value).flatMap(([key, each]) => (each === undefined ? [] : [`${key}: ${shown(each)}`]))
  return options.length > 0 ? `{ ${options.join(', ')} }` : ''
}
