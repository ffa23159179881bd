// How many bytes a chain of 32 layers takes for its gradient, with checkpoints as without, and attention to many positions. The peak is of the whole process, so the smallest comes first.
import {
  Adam,
  bernoulli,
  Chain,
  checkpoint,
  Dense,
  gelu,
  gradient,
  isTraining,
  layer,
  MultiHeadAttention,
  manualSeed,
  memory,
  params,
  rand,
  randn,
  relu,
  type Tensor,
  trainStep,
} from 'fluxtape'
import { expect, test } from 'vitest'

const WIDTH = 8
const BATCH = 4096
const Dropped = () => layer('Dropped', {}, (self, x: Tensor) => (isTraining(self) ? x.mul(bernoulli(0.9, x.shape)).div(0.9) : x))
type Model = (z: Tensor) => Tensor
/** Layers that keep three arrays each, and such that keep one. */
const many = Array.from({ length: 32 }, () => Chain(Dense(WIDTH, WIDTH, gelu), Dropped()))
const one = Array.from({ length: 32 }, () => Dense(WIDTH, WIDTH, relu))
const x = rand([BATCH, WIDTH])

/** Each piece with a checkpoint of its own. */
const pieces = (layers: readonly Model[], size: number) => (z: Tensor) => {
  let y = z
  for (let i = 0; i < layers.length; i += size) y = checkpoint(Chain(...layers.slice(i, i + size)), y)
  return y
}
/** Halves of halves. */
const halved =
  (layers: readonly Model[]): Model =>
  z => {
    if (layers.length === 1) return layers[0](z)
    const middle = layers.length / 2
    return checkpoint(halved(layers.slice(middle)), checkpoint(halved(layers.slice(0, middle)), z))
  }

test('a chain of 32 layers takes a quarter of the bytes, or as many arrays as the docstring says, and gives the same gradients', () => {
  const run = (layers: readonly Model[], model: Model) => {
    manualSeed(1)
    const before = memory().bytes
    const grads = gradient(() => model(x).square().mean(), params(layers))
    const arrays = (memory().peak - before) / x.data().byteLength
    const seen = [...grads].map(([, g]) => g.data())
    for (const [, g] of grads) g.dispose()
    return { arrays, seen }
  }
  const ways = [halved, (layers: readonly Model[]) => pieces(layers, 4), (layers: readonly Model[]) => Chain(...layers)]
  // Each takes more than all before.
  const [nested, cut, plain] = ways.map(way => ({ one: run(one, way(one)), many: run(many, way(many)) }))
  for (const each of [nested, cut]) {
    expect(each.one.seen).toEqual(plain.one.seen)
    expect(each.many.seen).toEqual(plain.many.seen)
  }
  expect([nested, cut, plain].map(each => Math.floor(each.one.arrays))).toEqual([9, 14, 35])
  expect(cut.many.arrays).toBeLessThanOrEqual(plain.many.arrays / 4)
  expect(nested.many.arrays).toBeLessThanOrEqual(plain.many.arrays / 6)
})

// The scores of one head alone are 64 MiB.
test('a step of attention to 4,096 positions trains in half of what one matrix of scores takes', () => {
  const [width, heads] = process.env.FLUXTAPE_NIGHTLY ? [128, 4] : [16, 1]
  const attention = MultiHeadAttention(width, { heads, causal: true })
  const sequence = randn([1, 4096, width])
  const before = memory().bytes
  const loss = trainStep(z => attention(z).square().mean(), params(attention), [sequence], Adam())
  expect(loss).toBeGreaterThan(0)
  expect(memory().peak - before).toBeLessThan(32 * 2 ** 20)
})
