// Data in all its forms, their batches and parts.
import type { BatchOf, Column, Data, DataInput, Dataset, ObservationOf } from 'fluxtape'
import {
  Adam,
  accuracy,
  batch as batched,
  Chain,
  DataLoader,
  Dense,
  filterObs,
  groupObs,
  kFolds,
  mapObs,
  mse,
  padSequences,
  params,
  shuffleObs,
  slidingWindow,
  splitObs,
  type Tensor,
  train,
  trainStep,
  unbatch,
  zeros,
} from 'fluxtape'

const model = Chain(Dense(2, 1))
const ps = params(model)
const opt = Adam()
const x = zeros([4, 2])
const y = zeros([4, 1])
const loss = (a: Tensor, b: Tensor) => mse(model(a), b)

// A typed array and a list of numbers are tensors in a batch, what is no number stays a list.
const pairs = new DataLoader([x, new Int32Array(4)], { batchSize: 2 })
for (const [a, b] of pairs) a.add(b)
await train(loss, ps, pairs, opt)
await train((a, b) => mse(model(a), b.cast('float32')), ps, pairs, opt)
await train(loss, ps, new DataLoader([x, [[1], [2], [3], [4]]]), opt)
await train(a => mse(model(a.reshape([1, 1])), 0), ps, new DataLoader(new Float32Array(4)), opt)
const texts = new DataLoader([x, ['a', 'b', 'c', 'd']])
for (const [a, words] of texts) a.mul(words.map(word => word.length)[0] ?? 1)
await train((a, words) => a.mul(words.join('').length).sum(), ps, texts, opt)
const record = new DataLoader({ input: x, target: [true, false, true, true], bytes: new Uint8Array(4), names: ['a', 'b', 'c', 'd'] })
await train(({ input, target, bytes, names }) => input.sum().add(target.sum()).add(bytes.sum()).mul(names.length), ps, record, opt)
export const images: Tensor[][] = Array.from(new DataLoader([x, [zeros([2]), zeros([2]), zeros([2]), zeros([2])]]))
export const numbers: number[][] = Array.from(new DataLoader([1, 2, 3]))
export const sentences = new DataLoader([x, ['a', 'b', 'c', 'd']], {
  collate: list => list.map(([row, word]) => row.mul(word.length)),
})
export const collated: Tensor[][] = Array.from(sentences)
export const rows = new DataLoader({ input: x, name: ['a', 'b', 'c', 'd'] }, { collate: list => list.map(({ name }) => name.length) })
export const lengths: number[][] = Array.from(rows)
export const read = accuracy(model, pairs)

const [left, right] = splitObs([x, new Uint8Array(4), ['a', 'b', 'c', 'd']], { at: 0.5 })
export const cut: [Tensor, Tensor, string[]] | undefined = left ?? right
export const [[fold]] = kFolds({ x, y: [1, 2, 3, 4] }, 2) as [[{ x: Tensor; y: Tensor }, unknown]]
export const shuffled: Tensor = shuffleObs(new Float64Array(4))
export function loaderOf<D extends DataInput>(data: D, observe: (observation: ObservationOf<D>) => number): DataLoader<D, number[]> {
  return new DataLoader(data, { collate: list => list.map(observe) })
}
export const general: Data[] = [x, [x, y], { x, y }, new Float32Array(2), ['a'], { x, y: [1, 2] }]
export const columns: Column[] = [x, new Float32Array(2), [1, 2], ['a']]
export const batch: BatchOf<{ readonly x: Tensor; readonly y: Int32Array }> = { x, y }

// Data that is made of data.
const mapped: Dataset<{ row: Tensor; name: string }> = mapObs(({ row, name }) => ({ row: row.mul(2), name }), {
  row: x,
  name: ['a', 'b', 'c', 'd'],
})
for (const { row, name } of new DataLoader(mapped, { batchSize: 2 })) row.mul(name.join('').length)
export const [half]: [Dataset<{ row: Tensor; name: string }>, unknown] = splitObs(mapped, { at: 0.5 })
export const small: [Tensor, number[]][] = [batched([[x, 1] as const, [y, 2] as const])].map(([a, b]) => [a, [b.size]])
export const joined: { x: Tensor; name: string[] } = batched([{ x: 1, name: 'a' }])
export const apart: { x: Tensor; name: string }[] = unbatch({ x, name: ['a', 'b', 'c', 'd'] })
export const some: Tensor = filterObs(row => row.sum().item() > 0, x)
export const groups: Map<string, { kind: string }[]> = groupObs(({ kind }) => kind, [{ kind: 'a' }])
export const windows: Dataset<Tensor> = slidingWindow(x, { size: 2 })
export const { data: padded, lengths: counts }: { data: Tensor; lengths: Tensor } = padSequences([[1, 2], Int32Array.of(3), y])
await train(loss, ps, new DataLoader(mapObs(([a, b]) => [a, b] as const, [x, y])), opt)

// The rows of a tensor.
for (const row of x) row.mul(2)
export const [first, ...others] = x
export const firstRow: Tensor | undefined = first ?? others[0]
export const totals: number[] = Array.from(x, row => row.sum().item())
export const step = trainStep(loss, ps, [x, y], opt)

// What comes later: for await, and whatever takes batches.
const files = new DataLoader(
  { length: 4, get: async (i, { signal }) => [Float32Array.of(i, signal.aborted ? 1 : 0), i] as const },
  { prefetch: 2 },
)
for await (const [a, b] of files) a.add(b)
await train(loss, ps, files, opt, { validation: files })
export const promised: Promise<number> = accuracy(model, files)
export const many: number = files.length
async function* lines(): AsyncGenerator<{ x: number[]; name: string }> {
  yield { x: [1, 2], name: 'a' }
}
const stream = new DataLoader({ [Symbol.asyncIterator]: lines }, { batchSize: 2, shuffle: 100, map: ({ x }) => x })
for await (const rows of stream) rows.mul(2)
export const none: undefined = stream.length
for await (const [a, b] of new DataLoader(
  {
    async *[Symbol.asyncIterator]() {
      yield { x: [1, 2], y: 1 }
    },
  },
  { batchSize: 2, shuffle: 10, map: ({ x, y }) => [Float32Array.from(x), y] as const },
))
  a.add(b)
for (const [a] of new DataLoader(
  {
    *[Symbol.iterator]() {
      yield { x: [1, 2], y: 1 }
    },
  },
  { shuffle: 10, map: ({ x, y }) => [Float32Array.from(x), y] as const },
))
  a.mul(2)
for (const set of new DataLoader(new Set([1, 2]), { shuffle: 2 })) set.mul(2)
for (const doubled of new DataLoader([x, y], { map: ([a, b]) => a.mul(b) })) doubled.mul(2)
for (const total of new DataLoader(['a'], { map: text => text.length, collate: list => list.reduce((sum, each) => sum + each, 0) }))
  total.toFixed()
for await (const sizes of new DataLoader(['a'], { map: async text => text.length, prefetch: 1 })) sizes.mul(2)
for await (const [a] of pairs) a.mul(2)
export const awaited: Dataset<Promise<number>> = mapObs(([, i]) => i + 1, { length: 1, get: async (i: number) => ['a', i] as const })

for (const [a] of files) a.mul(2) // error 2488 at files
new DataLoader(new Set([1]), { shuffle: true }) // error 2322 at shuffle
new DataLoader('text') // error 2345 at 'text'
new DataLoader(3) // error 2345 at 3
new DataLoader({ x, y: 'text' }) // error 2345 at { x
new DataLoader({ x, y: 3 }) // error 2345 at { x
new DataLoader([x, y], { shuffle: 3 }) // error 2322 at shuffle
filterObs(row => row.sum(), x) // error 2322 at row.sum
splitObs([x, y], 0.8) // error 2345 at 0.8
await train((a: Tensor, n: number) => a.mul(n).sum(), ps, pairs, opt) // error 2345 at (a
await train((a: Tensor, words: number[]) => a.mul(words.length).sum(), ps, texts, opt) // error 2345 at (a
await train(loss, ps, new DataLoader(new Float32Array(4)), opt) // error 2345 at loss
for (const row of record) row.missing // error 2339 at missing
