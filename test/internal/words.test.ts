// The words among a kernel's arguments are known by their kind: to TypeScript by types, to a captured step by the letters that stand for them.
import { readFileSync } from 'node:fs'
import {
  adaptiveMaxPool,
  adaptiveMeanPool,
  batchNorm,
  bernoulli,
  binaryCrossEntropy,
  conv,
  convTranspose,
  crossEntropy,
  ctc,
  Descent,
  depthwiseConv,
  dropout,
  Embedding,
  EmbeddingBag,
  focal,
  groupNorm,
  huber,
  instanceNorm,
  jit,
  layerNorm,
  linear,
  logitCrossEntropy,
  manualSeed,
  maxPool,
  meanPool,
  oneHot,
  ones,
  params,
  poisson,
  RNN,
  rand,
  randint,
  randn,
  rmsNorm,
  rotary,
  type Tensor,
  tanh,
  tensor,
  trainStep,
  upsample,
} from 'fluxtape'
import { afterAll, describe, expect, test } from 'vitest'
import { attention } from '../../src/ops/attention.ts'
import * as kernels from '../../src/wasm/kernels.generated.ts'
import type { Address, Key, Layout, Real, Status } from '../../src/wasm/kinds.ts'
import { SCRATCH } from '../../src/wasm/memory.ts'
import { heard } from '../../src/wasm/pool.ts'
import { parametersOf } from '../../src/wasm/traits.generated.ts'

test('words that are exchanged do not compile', () => {
  const calls = (x: Address, layout: Layout, status: Status, key: Key, a: Real, n: number, record: kernels.Gemm) => {
    kernels.sum(x, x, n, n, n)
    // @ts-expect-error: an address and a count
    kernels.sum(x, n, x, n, n)
    // @ts-expect-error: a plain number is no address
    kernels.exp(x, x + 4, n)
    // @ts-expect-error: a layout and an address
    kernels.add(x, x, layout, x, n)
    // @ts-expect-error: a layout and a status word
    kernels.addI(x, x, x, status, layout, n)
    // @ts-expect-error: a status word and a count
    kernels.toIntFromFloat(x, x, n, status)
    // @ts-expect-error: half of a key and a count
    kernels.randomUniform(x, key, n, key, n, a, a, n)
    // @ts-expect-error: a number among floats and a count
    kernels.elu(x, x, n, a)
    kernels.gemm({ ...record, a: x, K: n }, n)
    // @ts-expect-error: an address and a count of a record
    kernels.gemm({ ...record, a: n, K: x }, n)
    // @ts-expect-error: a record that lacks one
    kernels.gemmPackA({ a: x, columnA: n, batchA: n, M: n, K: n, out: x }, n)
  }
  expect(calls).toBeTypeOf('function')
})

/** The kernels by their numbers. */
const names = readFileSync(new URL('../../src/wasm/kernels.generated.ts', import.meta.url), 'utf8')
  .split('export function ')
  .filter(text => /^ {2}fork(Of)?\(\d/m.test(text))
  .map(text => /^\w+/.exec(text)?.[0])
const replayed = new Set<number>()

/** What a loss computes from a parameter and a batch, all of [3, 4], besides constants of [4]. */
type Row = (w: Tensor, x: Tensor, i: Tensor) => readonly Tensor[]
const [f, n] = [tensor([0.5, 1, 1.5, 2]), tensor([1, 2, 3, 4], undefined, { dtype: 'int32' })]
const probabilities = (x: Tensor) => x.softmax(1)

const rows: Readonly<Record<string, Row>> = {
  comparisons: (_, x, i) => [x, i].flatMap(y => [f, n, 1].flatMap(z => [y.equal(z), y.notEqual(z), y.less(z), y.lessEqual(z)])),
  'arithmetic, broadcast': w => [w.add(f), w.sub(f), w.mul(f), w.div(f), w.pow(f), w.maximum(f), w.minimum(f)],
  'arithmetic with numbers': w => [w.add(2), w.sub(0.5), w.mul(3), w.div(0.3), w.pow(1.5), w.maximum(1), w.minimum(1.25)],
  'numbers on the left': w => [w.neg().add(1).relu(), tensor(2).sub(w), tensor(3).div(w)],
  integers: (_, __, i) => [
    i.neg(),
    i.abs(),
    i.square(),
    i.sum(0),
    i.prod(1),
    i.add(n),
    i.sub(n),
    i.mul(n),
    i.maximum(n),
    i.minimum(n),
    i.cumsum(0),
  ],
  'integers with numbers': (_, __, i) => [i.add(5), i.sub(5), i.mul(-3), i.maximum(1), i.minimum(1)],
  casts: (_, x, i) => [x.cast('int32'), x.cast('uint8'), i.cast('uint8')],
  indices: (w, x, i) => [w.gather(i), w.gather(x.floor()), w.takeAlong(i, 0), oneHot(i, 3), i.scatterAdd([2, 0, 2], i)],
  'rows of a table': (w, _, i) => [
    Embedding(w)(i),
    Embedding(w)(oneHot(i, 3)),
    EmbeddingBag(w, 'max')(i),
    EmbeddingBag(w)(i.reshape([12]), i.slice('0, :2').mul(0)),
  ],
  positions: (w, _, i) => [rotary(w), rotary(w, { positions: i.slice(':, 0'), interleaved: true })],
  losses: (w, x) => [logitCrossEntropy(w, tensor([1, 3, 0])), crossEntropy(probabilities(w), probabilities(x))],
  'elementwise losses': (w, x) => [
    huber(w, x),
    poisson(w.square(), 2),
    binaryCrossEntropy(probabilities(w), probabilities(x)),
    focal(probabilities(w), x.gather([0], 1).mul(0).squeeze(1)),
  ],
  'the loss of sequences': w => [ctc(w, tensor([1, 0])), ctc(w.reshape([1, 3, 4]), tensor([[2, 1]]), { blank: 0, targetLengths: [1] })],
  'parts and permutations': (w, x) => [...w.split(2, 1), w.permute([1, 0]).add(0), x.less(1).permute([1, 0])],
  'weights dropped': w => [attention(w.reshape([1, 3, 4]), w.reshape([1, 3, 4]), w.reshape([1, 3, 4]), { heads: 1, dropout: 0.5 })],
  norms: (w, x) => [
    layerNorm(w, { scale: f, bias: f }),
    rmsNorm(w, { scale: f, eps: 0.25 }),
    groupNorm(w, 2, { scale: f }),
    instanceNorm(w.reshape([3, 2, 2]), { bias: f.slice('1:3') }),
    batchNorm(w, { scale: f, bias: f }),
    batchNorm(w, { mean: x.mean(0), variance: x.variance(0), scale: f }),
  ],
  products: (w, x) => [w.matmul(x, { transposeRight: true }), linear(w, x, f.slice(':3'))],
  recurrent: w => [RNN(4, 2, tanh, { initKernel: ones, initRecurrentKernel: ones })(w.reshape([1, 3, 4]))],
  images: (w, x) => [
    conv(x.reshape([1, 3, 2, 2]), w.reshape([2, 3, 2, 1]), { bias: f.slice(':2'), pad: 'same' }),
    convTranspose(w.reshape([1, 3, 4]), x.reshape([3, 2, 2]), { stride: 2 }),
    depthwiseConv(w.reshape([1, 1, 3, 4]), x.slice(':, :3').reshape([1, 1, 3, 3]), { pad: 1 }),
    depthwiseConv(w.reshape([1, 2, 2, 3]), x.slice(':2').reshape([2, 1, 2, 2])),
    maxPool(w.reshape([1, 3, 4]), 2),
    meanPool(w.reshape([1, 3, 4]), 2, { pad: 1 }),
    adaptiveMaxPool(w.reshape([1, 3, 4]), 3),
    adaptiveMeanPool(w.reshape([1, 3, 4]), 3),
    upsample(w.reshape([1, 1, 3, 4]), 'bilinear', { scale: 2 }),
  ],
  draws: w => [w.mul(rand([4])), w.mul(randn([3, 4])), w.mul(bernoulli(0.5, [3, 1])), randint(0, 9, [4]), dropout(w, 0.5)],
}

describe('kernels with layouts, status words, keys and records are replayed', () => {
  test.each(Object.keys(rows))('%s', name => {
    const run = (wrap: (loss: (x: Tensor, i: Tensor) => Tensor) => (x: Tensor, i: Tensor) => Tensor) => {
      manualSeed(3)
      const w = rand([3, 4], { low: 0.5, high: 2 })
      const loss = wrap((x, i) => {
        const parts = rows[name](w, x, i).map((each, k) =>
          each
            .cast('float32')
            .mul(k + 1)
            .sum(),
        )
        return parts.reduce((sum, each) => sum.add(each), w.sum())
      })
      const step = () => trainStep(loss, params(w), [rand([3, 4], { high: 2.9 }), randint(0, 3, [3, 4])], Descent(1e-3))
      const losses = [1, 2, 3, 4].map(step)
      const hear = (kernel: number, _: number, __: number, at: number) => {
        if (at !== SCRATCH.descriptor) replayed.add(kernel)
      }
      losses.push(heard(hear, step))
      return [...losses, w.toArray()]
    }
    expect(run(jit)).toEqual(run(loss => loss))
  })

  afterAll(() => {
    // And those of so many words that a record has them.
    const special = [...parametersOf.keys()].filter(id => /[lsk]|.{9}/.test(parametersOf[id]))
    expect(special.length).toBeGreaterThan(50)
    expect(names).toHaveLength(parametersOf.length)
    // Gradients are looked at behind the loss, and are no part of it.
    expect(special.filter(id => !replayed.has(id)).map(id => names[id])).toEqual(['notFinite'])
  })
})
