// States of PyTorch's embeddings and norms, and of whole models that hold them, under its own names, give its numbers. Made by pytorch-modules.py.
import { readFileSync } from 'node:fs'
import * as f from 'fluxtape'
import { describe, expect, it } from 'vitest'

interface Case {
  readonly name: string
  readonly state: Readonly<Record<string, f.WrittenTensor>>
  readonly inputs: readonly f.WrittenTensor[]
  readonly y: f.WrittenTensor
}

const cases = JSON.parse(readFileSync(new URL('pytorch-modules.json', import.meta.url), 'utf8')) as readonly Case[]

/** As `nn.TransformerEncoderLayer` with `norm_first`, and its names. */
const Block = () =>
  f.layer(
    'Block',
    {
      norm1: f.LayerNorm(4),
      self_attn: f.MultiHeadAttention(4, { heads: 2, bias: true }),
      norm2: f.LayerNorm(4),
      linear1: f.Dense(4, 6, f.relu),
      linear2: f.Dense(6, 4),
    },
    (self, x: f.Tensor) => {
      const seen = x.add(self.self_attn(self.norm1(x)))
      return seen.add(self.linear2(self.linear1(self.norm2(seen))))
    },
  )
type Model = (...inputs: readonly f.Tensor[]) => f.Tensor
const models: Readonly<Record<string, () => unknown>> = {
  Embedding: () => f.Embedding(5, 4),
  'Embedding, padding': () => f.Embedding(5, 4, { paddingIdx: 1 }),
  'EmbeddingBag, mean': () => f.EmbeddingBag(5, 4),
  'EmbeddingBag, sum': () => f.EmbeddingBag(5, 4, 'sum'),
  'EmbeddingBag, max': () => f.EmbeddingBag(5, 4, 'max'),
  'EmbeddingBag, padding': () => f.EmbeddingBag(5, 4, { paddingIdx: 1 }),
  LayerNorm: () => f.LayerNorm(4),
  'LayerNorm of two sizes': () => f.LayerNorm(3, 4),
  BatchNorm: () => f.BatchNorm(3),
  'BatchNorm without scale': () => f.BatchNorm(3, { affine: false }),
  GroupNorm: () => f.GroupNorm(4, 2),
  InstanceNorm: () => f.InstanceNorm(3, { affine: true, trackStats: true }),
  Reader: () => f.Chain({ embedding: f.Embedding(5, 4), block: Block(), norm: f.LayerNorm(4), head: f.Dense(4, 3) }),
  images: () => f.Chain(f.Conv([3, 3], 2, 4, { bias: false }), f.BatchNorm(4), f.GroupNorm(4, 2), f.flatten, f.Dense(16, 3)),
}

describe("the states of PyTorch's modules", () => {
  it.each(cases)('$name', ({ name, state, inputs, y }) => {
    const model = models[name]() as Model
    expect(f.loadState(model, state, { rename: f.fromPyTorch })).toEqual({ missing: [], unexpected: [], reshaped: [] })
    const wanted = f.tensor(y)
    const found = model(...inputs.map(each => f.tensor(each)))
    expect(found.shape).toEqual(wanted.shape)
    expect(found.sub(wanted).abs().max().item()).toBeLessThan(2e-6)
  })

  it('keeps the weights of what is no norm, whose bias has another shape', () => {
    const model = { fc: f.Dense(3, 3), bilinear: f.Bilinear(2, 3, 4), words: f.Embedding(2, 2) }
    f.loadState(model, f.clone(f.state(model)), { rename: f.fromPyTorch })
  })

  it.each<[string, object, Readonly<Record<string, f.Tensor>>, f.Rename | undefined, string]>([
    ['a norm', f.LayerNorm(2), { weight: f.ones([2]), bias: f.zeros([2]) }, undefined, "PyTorch's names: pass { rename: fromPyTorch }."],
    ['running statistics', f.BatchNorm(2, { affine: false }), { running_mean: f.ones([2]) }, undefined, "PyTorch's names: pass {"],
    [
      'a projection',
      f.LSTM(3, 4),
      projected(),
      undefined,
      "An LSTM with PyTorch's proj_size has a projection of h, which no layer here has.",
    ],
    ['a projection, renamed', f.LSTM(3, 4), projected(), f.fromPyTorch, "An LSTM with PyTorch's proj_size has a projection of h, which no"],
    [
      'names that were given to fromPyTorch',
      f.MultiHeadAttention(4, { heads: 2 }),
      { in_proj_weight: f.ones([11, 4]) },
      f.fromPyTorch,
      'Load it into a model of the same layers, pass { rename } for other names',
    ],
  ])('says what to do about %s', (_, model, state, rename, wayOut) => {
    expect(() => f.loadState(model, state, { rename })).toThrow(wayOut)
  })
})

/** Of `nn.LSTM(3, 4, proj_size=2)`. */
function projected() {
  return {
    ...{ weight_ih_l0: f.ones([16, 3]), weight_hh_l0: f.ones([16, 2]), weight_hr_l0: f.ones([2, 4]) },
    ...{ bias_ih_l0: f.ones([16]), bias_hh_l0: f.ones([16]) },
  }
}
