// Layers of one tensor, with settings: what an operation makes of it.
import { refuseSurplus } from '../../errors.ts'
import { type Activation, traitsOf } from '../../ops/epilogue.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { written } from '../../words.ts'
import { isLayer, LABEL } from '../label.ts'
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
  return layer(name, fields, call, { label: labelOf(name, args), trainable }) as Layer<Fields, [x: Tensor], Tensor>
}

/** How a layer prints: its arguments as they are written, without those that are undefined. */
export function labelOf(name: string, args: readonly unknown[]): string {
  return `${name}(${args.map(shown).filter(Boolean).join(', ')})`
}

/** An activation as an argument, and undefined where it is the identity, which needs not be written. */
export function unlessIdentity(activation: Activation): Activation | undefined {
  return traitsOf(activation).epilogue?.number === 0 ? undefined : activation
}

/** An argument as it is written; options without those that are undefined. */
function shown(value: unknown): string {
  if (value === undefined) return ''
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`
  if (typeof value === 'string') return `'${value}'`
  if (isLayer(value)) return value[LABEL]
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? written(value) : String(value)
  const options = Object.entries(value).flatMap(([key, each]) => (each === undefined ? [] : [`${key}: ${shown(each)}`]))
  return options.length > 0 ? `{ ${options.join(', ')} }` : ''
}
