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
  type Tensor,
  trainStep,
} from 'fluxtape'
import { expect, test } from 'vitest'

const WIDTH = 8
const BATCH = 4096
const Dropped = () => layer('Dropped', {}, (self, x: Tensor) => (isTraining(self) ? x.mul(bernoulli(0.9, x.shape)).div(0.9) : x))
const layers = Array.from({ length: 32 }, () => Chain(Dense(WIDTH, WIDTH, gelu), Dropped()))
const ps = params(layers)
const x = rand([BATCH, WIDTH])

/** Each piece with a checkpoint of its own. */
const pieces = (size: number) => (z: Tensor) => {
  let y = z
  for (let i = 0; i < layers.length; i += size) y = checkpoint(Chain(...layers.slice(i, i + size)), y)
  return y
}
/** Halves of halves. */
const halved =
  (from: number, to: number) =>
  (z: Tensor): Tensor => {
    if (to - from === 1) return layers[from](z)
    const middle = (from + to) / 2
    return checkpoint(halved(middle, to), checkpoint(halved(from, middle), z))
  }

test('a chain of 32 layers takes at most a quarter of the bytes, and gives the same gradients', () => {
  const run = (model: (z: Tensor) => Tensor) => {
    manualSeed(1)
    const before = memory().bytes
    const grads = gradient(() => model(x).square().mean(), ps)
    const bytes = memory().peak - before
    const seen = [...grads].map(([, g]) => g.data())
    for (const [, g] of grads) g.dispose()
    return { bytes, seen }
  }
  const [nested, cut, plain] = [halved(0, 32), pieces(4), Chain(...layers)].map(run)
  expect(cut.seen).toEqual(plain.seen)
  expect(nested.seen).toEqual(plain.seen)
  expect(cut.bytes).toBeLessThanOrEqual(plain.bytes / 4)
  expect(nested.bytes).toBeLessThanOrEqual(plain.bytes / 6)
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
