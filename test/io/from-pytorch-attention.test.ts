import { readFileSync } from 'node:fs'
import { Chain, fromPyTorch, loadState, MultiHeadAttention, ones, type Tensor, tensor, type WrittenTensor } from 'fluxtape'
import { describe, expect, it } from 'vitest'

interface Case {
  readonly name: string
  readonly dims: 4
  readonly bias: boolean
  readonly state: Readonly<Record<string, Tensor>>
  readonly inputs: readonly [WrittenTensor, WrittenTensor, WrittenTensor]
  readonly y: WrittenTensor
  readonly weights: WrittenTensor
}

/** Made by pytorch-attention.py. */
const cases = JSON.parse(readFileSync(new URL('pytorch-attention.json', import.meta.url), 'utf8')) as readonly Case[]
const most = (a: Tensor, b: Tensor) => a.sub(b).abs().max().item()

describe("the names of PyTorch's attention", () => {
  it.each(cases)('$name', ({ dims, bias, state, inputs, y, weights }) => {
    const attention = MultiHeadAttention(dims, { heads: 2, bias })
    loadState(attention, state, { rename: fromPyTorch })
    const [q, k, v] = inputs.map(each => tensor(each))
    const [found, shares] = attention(q, k, v, { returnWeights: true })
    expect(most(found, tensor(y))).toBeLessThan(1e-6)
    expect(most(shares, tensor(weights))).toBeLessThan(1e-6)
  })

  it('within a model, whose other names stay', () => {
    const model = Chain({ attention: MultiHeadAttention(4, { heads: 2, bias: true }) })
    const [{ state }] = cases
    const inner = Object.fromEntries(Object.entries(state).map(([name, value]) => [`attention.${name}`, value]))
    loadState(model, inner, { rename: fromPyTorch })
    expect(model.attention.v.weight.slice([0]).toArray()).toEqual(
      tensor(state.in_proj_weight as never)
        .slice([8])
        .toArray(),
    )
    const more = { ...inner, 'attention.bias_k': ones([1, 1, 4]) }
    expect(() => loadState(model, more, { rename: fromPyTorch })).toThrow('not in the model: attention.bias_k')
    expect(() => loadState(model, { ...inner, 'attention.in_proj_bias': ones([11]) }, { rename: fromPyTorch })).toThrow(
      'not in the model: attention.in_proj_bias',
    )
  })
})
