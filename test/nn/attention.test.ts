import {
  arange,
  Cache,
  Chain,
  clone,
  concat,
  Dense,
  gradient,
  hvp,
  layer,
  MultiHeadAttention,
  manualSeed,
  memory,
  ones,
  outputSize,
  params,
  RotaryPositions,
  rotary,
  scope,
  type Tensor,
  tensor,
  testMode,
  trainMode,
  where,
  withCache,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

const filled = (shape: readonly number[], phase = 0) => {
  const size = shape.reduce((n, each) => n * each, 1)
  return arange(size).cast('float32').add(phase).mul(0.7).sin().reshape(shape)
}
const most = (a: Tensor, b: Tensor) => a.sub(b).abs().max().item()
const close = (a: Tensor, b: Tensor) => {
  expect(a.shape).toEqual(b.shape)
  expect(most(a, b)).toBeLessThan(2e-6)
}

describe('MultiHeadAttention', () => {
  it.each([
    ['MultiHeadAttention(64)  # 16_384 parameters', () => MultiHeadAttention(64)],
    ['MultiHeadAttention([6, 8, 3], { heads: 2 })  # 168 parameters', () => MultiHeadAttention([6, 8, 3], { heads: 2 })],
    [
      'MultiHeadAttention([[6, 5, 4], [8, 2], 3], { heads: 2, bias: true, dropout: 0.1, causal: true })  # 123 parameters',
      () => MultiHeadAttention([[6, 5, 4], [8, 2], 3], { heads: 2, bias: true, dropout: 0.1, causal: true }),
    ],
    [
      'MultiHeadAttention(4, { heads: 1, positions: RotaryPositions({ interleaved: true }) })  # 64 parameters',
      () => MultiHeadAttention(4, { heads: 1, positions: RotaryPositions({ interleaved: true }) }),
    ],
  ])('prints in one line: %s', (text, make) => {
    const attention = make()
    expect(String(attention)).toBe(text)
    expect(String(clone(attention))).toBe(text)
  })

  it('has four Dense, whose parameters come in their order', () => {
    const attention = MultiHeadAttention([[6, 5, 4], [8, 2], 3], { heads: 2, bias: true })
    expect([...params(attention)].map(({ shape }) => shape)).toEqual([[8, 6], [8], [8, 5], [8], [2, 4], [2], [3, 2], [3]])
    expect(params(attention).paths()).toEqual(['q', 'k', 'v', 'out'].flatMap(name => [`${name}.weight`, `${name}.bias`]))
    const made = MultiHeadAttention(4, { heads: 2, init: ones })
    expect(made.out.weight.toArray()).toEqual(ones([4, 4]).toArray())
  })

  it('stands in a Chain, whose shapes are inferred', () => {
    const model = Chain(Dense(3, 8), MultiHeadAttention(8, { heads: 2, causal: true }))
    expect(outputSize(model, [2, 5, 3])).toEqual([2, 5, 8])
    const attention = MultiHeadAttention([6, [8, 2], 3], { heads: 2 })
    expect(outputSize((q, kv) => attention(q, kv, { returnWeights: true }), [[2, 3, 6], [2, 5, 6]])).toEqual([[2, 3, 3], [2, 2, 3, 5]]) // biome-ignore format: one line
    expect(() => model(zeros([2, 5, 4]))).toThrow('in Chain[0]: Dense(3, 8)')
    expect(() => Chain(model[1])(zeros([2, 5, 4]))).toThrow('in Chain[0]: MultiHeadAttention(8, { heads: 2, causal: true })')
  })

  it('takes its causal for the default of a call', () => {
    const attention = MultiHeadAttention(4, { heads: 2, causal: true })
    const x = filled([1, 3, 4])
    const weights = (causal?: boolean) => attention(x, { causal, returnWeights: true })[1]
    expect(weights().slice([0, 0, 0]).toArray()).toEqual([1, 0, 0])
    expect(weights(false).min().item()).toBeGreaterThan(0)
    close(attention(x, { causal: false }), attention(x, x, { causal: false }))
    close(attention(x, x, x), attention(x, {}))
  })

  it.each([
    ['no batch', [0, 3, 4], [0, 2, 4]],
    ['no query', [2, 0, 4], [2, 3, 4]],
    ['no key', [2, 3, 4], [2, 0, 4]],
  ])('takes %s', (_, q, kv) => {
    const attention = MultiHeadAttention(4, { heads: 2 })
    const [y, weights] = attention(zeros(q), ones(kv), { returnWeights: true })
    expect([y.shape, weights.shape]).toEqual([q, [q[0], 2, q[1], kv[1]]])
    expect(y.toArray()).toEqual(zeros(q).toArray())
    const gs = gradient(() => attention(zeros(q), ones(kv)).sum(), params(attention))
    expect(gs.get(attention.q.weight)?.toArray()).toEqual(zeros([4, 4]).toArray())
  })

  it('drops weights in training alone', () => {
    manualSeed(1)
    const attention = MultiHeadAttention(4, { heads: 1, dropout: 0.5 })
    const x = filled([1, 8, 4])
    const dropped = (m = attention) => m(x, { returnWeights: true })[1].equal(0).any().item()
    expect(dropped()).toBe(0)
    expect(dropped(trainMode(attention))).toBe(1)
    expect(dropped(testMode(attention))).toBe(0)
  })

  it('has a second derivative, with frozen parts too', () => {
    const attention = MultiHeadAttention(4, { heads: 2, causal: true })
    const x = filled([1, 3, 4])
    const loss = (z: Tensor) => attention(z).square().sum()
    const step = 1e-2
    const along = filled([1, 3, 4], 3)
    const slope = (at: number) => gradient(loss, x.add(along.mul(at)))[0]
    const difference = slope(step)
      .sub(slope(-step))
      .div(2 * step)
    expect(most(hvp(loss, x, along), difference)).toBeLessThan(1e-2)
  })
})

describe('MultiHeadAttention with positions', () => {
  const layered = MultiHeadAttention(8, { heads: 2, positions: RotaryPositions({ heads: 2, base: 30 }) })
  const plain = MultiHeadAttention(8, { heads: 2, positions: RotaryPositions({ base: 30 }) })
  const passed = MultiHeadAttention(8, { heads: 2, positions: (x, options) => rotary(x, { ...options, base: 30 }) })
  const told = MultiHeadAttention(8, { heads: 2, positions: (x, { positions }) => rotary(x, { positions, heads: 2, base: 30 }) })
  for (const name of ['q', 'k', 'v', 'out'] as const)
    for (const each of [plain, passed, told]) each[name].weight.assign(layered[name].weight)

  it.each([
    [5, 5, false],
    [5, 5, true],
    [3, 7, false],
    [3, 7, true],
    [7, 3, true],
  ])('is what one computes by hand: %i queries, %i keys, causal %j', (tq, tk, causal) => {
    const [x, kv] = [filled([2, tq, 8], 3), filled([2, tk, 8])]
    const heads = (y: Tensor) => y.reshape([2, -1, 2, 4]).permute([0, 2, 1, 3])
    const turned = (y: Tensor, positions: number) => heads(rotary(y, { positions, heads: 2, base: 30 }))
    const scores = turned(layered.q(x), causal ? tk - tq : 0)
      .matmul(turned(layered.k(kv), 0), { transposeRight: true })
      .div(2)
    const seen = arange(tk).lessEqual(
      arange(tq)
        .add(tk - tq)
        .reshape([tq, 1]),
    )
    const weights = (causal ? where(seen, scores, -1e9).softmax(-1).mul(seen.cast('float32')) : scores.softmax(-1)).matmul(
      heads(layered.v(kv)),
    )
    const expected = layered.out(weights.permute([0, 2, 1, 3]).reshape([2, tq, 8]))
    for (const made of [layered, plain, passed, told]) close(made(x, kv, { causal }), expected)
  })

  it.each([layered, told])('goes on from the cache', made => {
    const [x, memories] = [filled([2, 9, 8]), filled([2, 4, 8], 5)]
    const pieces = ['0:4', '4:5', '5:9'].map(cut => x.slice(`:, ${cut}`))
    const cache = Cache()
    close(concat(pieces.map(piece => made(piece, { cache, causal: true })), 1), made(x, { causal: true })) // biome-ignore format: one line
    const other = Cache()
    close(concat(pieces.map(piece => withCache(other, () => made(piece, memories))), 1), made(x, memories)) // biome-ignore format: one line
  })
})

describe('MultiHeadAttention with a cache', () => {
  const attention = MultiHeadAttention([6, [8, 4], 3], { heads: 2, bias: true, causal: true })
  const cuts = [0, 3, 4, 5, 9, 40, 41]
  const pieces = (x: Tensor) => cuts.slice(1).map((to, i) => x.slice(`:, ${cuts[i]}:${to}`))

  it.each([1, 3])('gives by pieces what the whole gives, a batch of %i', batch => {
    const x = filled([batch, 41, 6])
    const cache = Cache()
    close(concat(pieces(x).map(piece => attention(piece, { cache })), 1), attention(x)) // biome-ignore format: one line
    cache.dispose()
    close(concat(pieces(x).map(piece => withCache(cache, () => attention(piece))), 1), attention(x)) // biome-ignore format: one line
    const before = memory().tensors
    cache.dispose()
    expect(memory().tensors).toBeLessThan(before)
  })

  it('gives weights over all keys, takes a mask over all, and other keys than queries', () => {
    const x = filled([1, 5, 6])
    const mask = tensor([true, false, true, true, true])
    const cache = Cache()
    attention(x.slice(':, :3'), { cache, mask: mask.slice(':3') })
    const [y, weights] = attention(x.slice(':, 3:'), x.slice(':, 3:'), { cache, mask, returnWeights: true })
    const [whole, all] = attention(x, { mask, returnWeights: true })
    close(y, whole.slice(':, 3:'))
    close(weights, all.slice('..., 3:, :'))
  })

  it('grows in place: what is copied stays in proportion to what came', () => {
    const one = MultiHeadAttention(4, { heads: 1, causal: true })
    const cache = Cache()
    const x = zeros([1, 1, 4])
    const told = () => scope(() => void one(x, { cache }))
    told()
    const { bytes } = memory()
    for (let i = 1; i < 32; i++) told()
    expect(memory().bytes).toBe(bytes)
    told()
    expect(memory().bytes).toBeGreaterThan(bytes)
    cache.dispose()
  })

  it('goes on as before where a call fails', () => {
    const x = filled([1, 4, 6])
    const cache = Cache()
    attention(x.slice(':, :2'), { cache })
    const failing = layer('Failing', {}, (_, z: Tensor) => {
      attention(z)
      throw new Error('mine')
    })
    expect(() => withCache(cache, () => failing(filled([1, 40, 6])))).toThrow('mine')
    expect(() => attention(x, { cache, mask: ones([7]).cast('bool') })).toThrow('the mask does not fit')
    close(attention(x.slice(':, 2:'), { cache }), attention(x).slice(':, 2:'))
  })

  it('looks at keys that were there before as they are', () => {
    const across = MultiHeadAttention(4, { heads: 2 })
    const memories = filled([1, 7, 4])
    const x = filled([1, 3, 4], 5)
    const cache = Cache()
    const found = [x.slice(':, :2'), x.slice(':, 2:')].map(piece => withCache(cache, () => across(piece, memories)))
    close(concat(found, 1), across(x, memories))
  })
})
