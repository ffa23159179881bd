import {
  type AttentionPositions,
  Chain,
  cachePart,
  Dense,
  gelu,
  generate,
  isTraining,
  type LanguageModel,
  LayerNorm,
  layer,
  MultiHeadAttention,
  manualSeed,
  memory,
  oneHot,
  RotaryPositions,
  randn,
  rotary,
  type Tensor,
  tensor,
  trainMode,
  withGradient,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

const VOCABULARY = 11

/** A block of attention and a small network, both behind a norm and beside a shortcut (pre-norm: Xiong et al. 2020). */
const TransformerBlock = (size: number, heads: number, causal = true, positions?: AttentionPositions) =>
  layer(
    'TransformerBlock',
    {
      norm1: LayerNorm(size),
      attention: MultiHeadAttention(size, { heads, causal, positions }),
      norm2: LayerNorm(size),
      mlp: Chain(Dense(size, 4 * size, gelu), Dense(4 * size, size)),
    },
    (self, x: Tensor) => {
      const y = x.add(self.attention(self.norm1(x)))
      return y.add(self.mlp(self.norm2(y)))
    },
  )

/** A small GPT that notes how many tokens each call is given. */
function GPT({ causal = true, knowsPositions = true, rotary = undefined as AttentionPositions | undefined } = {}) {
  manualSeed(1)
  const given: number[] = []
  const fields = {
    tokens: randn([VOCABULARY, 8]),
    positions: randn([64, 8]),
    blocks: Chain(TransformerBlock(8, 2, causal, rotary), TransformerBlock(8, 2, causal, rotary)),
    head: Dense(8, VOCABULARY),
  }
  const model = layer('GPT', fields, (self, x: Tensor) => {
    const n = x.shape[1]
    given.push(n)
    const from = knowsPositions ? (cachePart(self)?.advance(n) ?? 0) : 0
    return self.head(self.blocks(self.tokens.gather(x).add(self.positions.slice([[from, from + n, 1]]))))
  })
  return { model, given }
}

async function all(tokens: AsyncIterable<number>): Promise<number[]> {
  const found: number[] = []
  for await (const token of tokens) found.push(token)
  return found
}

/** The likeliest tokens, with all of them before in each call. */
function greedy(model: LanguageModel, tokens: readonly number[], length: number, context = Infinity): number[] {
  const seen = [...tokens]
  for (let i = 0; i < length; i++) {
    const logits = model(tensor([seen.slice(-context)], { dtype: 'int32' }))
    seen.push(logits.slice([0, -1]).argMax().item())
  }
  return seen.slice(tokens.length)
}

/** Counts up, whatever was before: a model that keeps nothing. */
const counting = (x: Tensor) => oneHot(x, VOCABULARY).roll(1, -1).cast('float32').mul(20)

describe('generate', () => {
  it.each([
    ['with a cache, one token a call', GPT(), true],
    ['of rotary positions, by one layer in all blocks', GPT({ rotary: RotaryPositions({ heads: 2 }) }), true],
    ['of rotary positions, by a function', GPT({ rotary: (x, told) => rotary(x, { ...told, heads: 2 }) }), true],
    ['of attention that is not causal', GPT({ causal: false }), false],
    ['of positions that know no cache', GPT({ knowsPositions: false }), false],
  ])('gives what all tokens give: %s', async (_, { model, given }, isCached) => {
    const right = greedy(model, [1, 2, 3], 20)
    given.length = 0
    expect(await all(generate(model, [1, 2, 3], { length: 20, temperature: 0 }))).toEqual(right)
    given.length = 0
    // By now it is known how the model is called.
    expect(await all(generate(model, [1, 2, 3], { length: 20, temperature: 0 }))).toEqual(right)
    expect(given).toEqual(Array.from({ length: 20 }, (__, i) => (isCached && i > 0 ? 1 : i + 3)))
  })

  it('gives all tokens to a model that keeps nothing', async () => {
    const given: number[] = []
    const model = (x: Tensor) => {
      given.push(x.shape[1])
      return counting(x)
    }
    expect(await all(generate(model, [8], { length: 5, temperature: 0 }))).toEqual([9, 10, 0, 1, 2])
    expect(given).toEqual([1, 2, 3, 4, 5])
  })

  it('finds out late that a layer needs what came long before', async () => {
    // Looks back by 8 without a cache, beside a layer that has one.
    const { model: gpt } = GPT()
    const model = (x: Tensor) => {
      const n = x.shape[1]
      const old =
        n > 8
          ? oneHot(x.slice(`:, ${n - 9}`), VOCABULARY)
              .cast('float32')
              .mul(50)
              .reshape([1, 1, VOCABULARY])
          : 0
      return gpt(x).add(old)
    }
    await expect(all(generate(model, [1, 2], { length: 40 }))).rejects.toThrow('new tokens alone give other logits than all of them')
    expect(await all(generate(model, [1, 2], { length: 20, temperature: 0 }))).toEqual(greedy(model, [1, 2], 20))
  })

  it('shows no more than the context', async () => {
    const { model, given } = GPT()
    const right = greedy(model, [1, 2], 12, 6)
    given.length = 0
    expect(await all(generate(model, [1, 2], { length: 12, temperature: 0, context: 6 }))).toEqual(right)
    expect(Math.max(...given)).toBe(6)
  })

  it.each([
    ['a list', [3, 4]],
    ['a typed array', new Uint8Array([3, 4])],
    ['a vector', tensor([3, 4], { dtype: 'int32' })],
    ['one row', tensor([[3, 4]], { dtype: 'uint8' })],
  ])('begins with %s', async (_, tokens) => {
    expect(await all(generate(counting, tokens, { length: 2, temperature: 0 }))).toEqual([5, 6])
  })

  it('draws by the seed, else by the random numbers in use, whatever else draws', async () => {
    const { model } = GPT()
    const draw = (seed?: number) => all(generate(model, [1], { length: 30, seed }))
    const first = await draw(7)
    expect(await draw(7)).toEqual(first)
    expect(await draw(8)).not.toEqual(first)
    manualSeed(3)
    const second = await draw()
    expect(await draw()).not.toEqual(second)
    manualSeed(3)
    expect(await draw()).toEqual(second)
    const tokens = generate(model, [1], { length: 30, seed: 7 })
    const found: number[] = []
    for await (const token of tokens) {
      randn([2])
      found.push(token)
    }
    expect(found).toEqual(first)
  })

  describe('draws', () => {
    const shares = [0.5, 0.25, 0.125, 0.125]
    const model = (x: Tensor) => tensor(shares).log().broadcastTo([1, x.shape[1], 4])
    const drawn = async (options: object) => {
      const tokens = await all(generate(model, [0], { length: 400, seed: 1, ...options }))
      return shares.map((_, i) => tokens.filter(token => token === i).length / tokens.length)
    }
    it.each([
      ['by the probabilities', {}, [0.5, 0.25, 0.125, 0.125]],
      ['from the topK', { topK: 2 }, [2 / 3, 1 / 3, 0, 0]],
      ['from more than there are', { topK: 9 }, [0.5, 0.25, 0.125, 0.125]],
      ['from the topP', { topP: 0.75 }, [2 / 3, 1 / 3, 0, 0]],
      ['from one more', { topP: 0.76 }, [4 / 7, 2 / 7, 1 / 7, 0]],
      ['from one at least', { topP: 0 }, [1, 0, 0, 0]],
      ['from both', { topP: 0.9, topK: 3 }, [4 / 7, 2 / 7, 1 / 7, 0]],
      ['sharper', { temperature: 0.5 }, [0.25 / 0.34375, 0.0625 / 0.34375, 1 / 22, 1 / 22]],
      ['evenly', { temperature: 1e9 }, [0.25, 0.25, 0.25, 0.25]],
      ['the likeliest', { temperature: 0 }, [1, 0, 0, 0]],
    ])('%s', async (_, options, wanted) => {
      const found = await drawn(options)
      wanted.forEach((share, i) => {
        if (share === 0) expect(found[i]).toBe(0)
        else expect(Math.abs(found[i] - share)).toBeLessThan(0.08)
      })
    })

    it('never what is impossible', async () => {
      const sure = (x: Tensor) => tensor([-Infinity, 3, -Infinity]).broadcastTo([1, x.shape[1], 3])
      expect(new Set(await all(generate(sure, [0], { length: 20, temperature: 1e300 })))).toEqual(new Set([1]))
    })
  })

  it.each([
    ['comes to its end', 3, undefined],
    ['is left', 50, 'break'],
    ['throws', 50, 'throw'],
    ['is never begun', 50, 'none'],
  ])('holds nothing when it %s', async (_, length, how) => {
    const { model } = GPT()
    const before = memory().tensors
    const tokens = generate(model, [1, 2], { length })
    const leave = async () => {
      let n = 0
      for await (const __ of tokens) {
        if (++n < 3) continue
        if (how === 'break') break
        if (how === 'throw') throw new Error('mine')
      }
    }
    if (how === 'throw') await expect(leave()).rejects.toThrow('mine')
    else if (how === 'none') await tokens.return()
    else await leave()
    expect(memory().tensors).toBe(before)
    expect(await tokens.next()).toEqual({ value: undefined, done: true })
  })

  it('holds nothing when the model fails, and the model works on', async () => {
    let left = 2
    const { model } = GPT()
    const failing = (x: Tensor) => {
      const y = model(x)
      if (left-- === 0) throw new Error('mine')
      return y
    }
    const before = memory().tensors
    await expect(all(generate(failing, [1]))).rejects.toThrow('mine')
    expect(memory().tensors).toBe(before)
    expect(await all(generate(model, [1], { length: 3, temperature: 0 }))).toEqual(greedy(model, [1], 3))
  })

  it('ends by its signal', async () => {
    const { model } = GPT()
    const before = memory().tensors
    const controller = new AbortController()
    const found: number[] = []
    const run = async () => {
      for await (const token of generate(model, [1], { length: Infinity, signal: controller.signal })) {
        found.push(token)
        if (found.length === 3) controller.abort(new Error('enough'))
      }
    }
    await expect(run()).rejects.toThrow('enough')
    expect(found.length).toBe(3)
    expect(memory().tensors).toBe(before)
    await expect(generate(model, [1], { signal: AbortSignal.abort(new Error('before')) }).next()).rejects.toThrow('before')
  })

  it('runs in test mode, and records nothing', async () => {
    const modes: boolean[] = []
    const Mode = layer('Mode', {}, (self, x: Tensor) => {
      modes.push(isTraining(self), isTraining())
      return counting(x)
    })
    await all(generate(trainMode(Mode), [1], { length: 2 }))
    expect(modes).toEqual([false, false, false, false])
    expect(isTraining(Mode)).toBe(true)
    const { model } = GPT()
    let first: Promise<unknown> = Promise.resolve()
    withGradient(m => {
      first = generate(m, [1], { length: 1, temperature: 0 }).next()
      return m.head.weight.sum()
    }, model)
    expect(await first).toEqual({ value: greedy(model, [1], 1)[0], done: false })
  })

  it('goes on beside another of the same model', async () => {
    const { model } = GPT()
    const options = { length: 9, temperature: 0 }
    const [a, b] = [generate(model, [1], options), generate(model, [5, 4, 3], options)]
    const found: number[][] = [[], []]
    for (let i = 0; i < 9; i++) for (const [j, each] of [a, b].entries()) found[j].push((await each.next()).value as number)
    expect(found).toEqual([greedy(model, [1], 9), greedy(model, [5, 4, 3], 9)])
    await Promise.all([a.return(), b.return()])
  })

  it('lets the event loop run', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const end = performance.now() + 250
    for await (const _ of generate(counting, [1], { length: Infinity, context: 4 })) if (performance.now() > end) break
    clearInterval(timer)
    expect(turns).toBeGreaterThan(0)
  })
})
