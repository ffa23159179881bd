// What is kept, stored and taken up again, and how outputs are counted.
import type { AccuracyOptions, LoadedState, LoadStateOptions, Rename, State, StateInput, WrittenTensor } from 'fluxtape'
import {
  accuracy,
  Chain,
  clone,
  DataLoader,
  Dense,
  keep,
  loadState,
  params,
  scope,
  state,
  type Tensor,
  tensor,
  train,
  zeros,
} from 'fluxtape'

const model = Chain(Dense(2, 1))
const x = zeros([4, 2])
const y = zeros([4, 1])

// Lists, records and models are kept as they are.
export const one: Tensor = keep(x)
export const list: Tensor[] = keep([x, y])
export const pair: readonly [Tensor, Tensor] = keep([x, y] as const)
export const record: { readonly a: Tensor } = scope(() => keep({ a: x.mul(2) }))
export const kept: Tensor = keep(model)[0].weight
export const size: number = keep(params(model)).size

// A state is a Map; JSON has of it a table.
const stored: State = state(model)
const text = JSON.stringify(stored)
export const all: LoadedState = loadState(model, stored)
loadState(model, JSON.parse(text))
const written: WrittenTensor = x.toJSON()
export const back: Tensor = tensor(written)
export const cast: Tensor = tensor(written, { dtype: 'int32' })
const inputs: StateInput[] = [stored, { weight: x, bias: written }, new Map([['weight', written]]), clone(stored)]
const rename: Rename = (name, value) =>
  name === 'both'
    ? [
        ['a', value],
        ['b', value],
      ]
    : name
const options: LoadStateOptions = { strict: undefined, prefix: undefined, rename }
for (const input of inputs) loadState(model, input, options)
export const missing: readonly string[] = loadState(model, { 'fc.w': x }, { strict: false, prefix: 'fc', rename: { w: 'weight' } }).missing

// Outputs that count for themselves.
const threshold: AccuracyOptions = { threshold: undefined }
export const shares = [
  accuracy(model, [x, y], threshold),
  accuracy(model, [x, y], { threshold: 0 }),
  accuracy(model, new DataLoader([x, y]), { threshold: 0.5 }),
  accuracy(model, [[x, y]]),
]
export const run = train(() => x.sum(), params(model), [0], (await import('fluxtape')).Adam(), { breathe: 5 })

loadState(model, x) // error 2345 at x)
loadState(model, stored, { strickt: false }) // error 2561 at strickt
loadState(model, stored, { rename: () => 3 }) // error 2322 at rename
loadState(model, { weight: [1, 2] }) // error 2322 at weight
accuracy(model, [x, y], 0.5) // error 2559 at 0.5
accuracy(model, [x, y], { treshold: 0 }) // error 2561 at treshold
accuracy(model, x) // error 2345 at x)
accuracy([x, y], model) // error 2345 at [x
export const wrong: number = keep(x) // error 2322 at wrong
