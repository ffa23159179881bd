import { CLONE, clone } from '../params/clone.ts'
import { isPlain } from '../tensor/realm.ts'
import { isLayer } from './label.ts'

type Again = { readonly [CLONE]: (fields: object) => object }

/** A copy of a layer with other fields. */
export function withFields<L extends object>(layer: L, fields: object): L {
  return (layer as L & Again)[CLONE]({ ...layer, ...fields }) as L
}

/** A copy of a model, in which `change` gives what is to be in the place of each of its layers, those inside of it first. */
export function rebuilt<M>(model: M, change: (layer: object) => object): M {
  return rebuiltOf(clone(model), change) as M
}

function rebuiltOf(value: unknown, change: (layer: object) => object): unknown {
  if (Array.isArray(value)) return value.map(each => rebuiltOf(each, change))
  const isOne = isLayer(value)
  if (!isOne && !isPlain(value)) return value
  const entries = Object.entries(value as object).map(([key, each]) => [key, rebuiltOf(each, change)] as const)
  const isSame = entries.every(
    ([key, each]) =>
      each === (value as Readonly<Record<string, unknown>>)[key] || sameList(each, (value as Readonly<Record<string, unknown>>)[key]),
  )
  if (!isOne) return isSame ? value : Object.fromEntries(entries)
  return change(isSame ? value : withFields(value, Object.fromEntries(entries)))
}

function sameList(a: unknown, b: unknown): boolean {
  return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, i) => each === b[i])
}
