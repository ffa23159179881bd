// What a callback is given back of what its `state` gave.
import { typeError, written } from '../errors.ts'
import { sameShape } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'

/** What `state` gave of a callback. Throws TypeError for anything else: it belongs to another callback. */
export function stateOf<T extends object>(operation: string, state: unknown, like: { readonly [Name in keyof T]-?: string }): T {
  const fields = Object(state) as Readonly<Record<string, unknown>>
  for (const [name, kind] of Object.entries<string>(like)) {
    if (typeof fields[name] === kind) continue
    const wayOut = 'The callbacks of a run that is taken up stand in the same order as before.'
    throw typeError(operation, `load takes what state() of ${operation} gave`, `its ${name} is ${written(fields[name])}`, wayOut)
  }
  return fields as T
}

/** The tensors of a state, each of which fits one of the run. Throws TypeError for others. */
export function fitting(
  operation: string,
  targets: ReadonlyMap<string, Tensor>,
  values: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, Tensor> {
  for (const [path, value] of Object.entries(values)) {
    const target = targets.get(path)
    const fits = target && value instanceof Tensor && sameShape(value.dims, target.dims) && value.type === target.type
    if (!fits) throw typeError(operation, `the state has '${path}', and the run has no such tensor`, '', 'Take it up with the same model.')
  }
  return new Map(Object.entries(values) as [string, Tensor][])
}
