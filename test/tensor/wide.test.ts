import {
  Chain,
  Conv,
  configure,
  Dense,
  Flatten,
  gelu,
  gradient,
  LSTM,
  MultiHeadAttention,
  manualSeed,
  matmul,
  params,
  randn,
  relu,
  scope,
  type Tensor,
} from 'fluxtape'
import { wide } from 'fluxtape/wide'
import { afterEach, describe, expect, it } from 'vitest'

const deterministic = process.env.FLUXTAPE_VARIANT === 'baseline'
const before = process.env.FLUXTAPE_WIDE !== undefined

afterEach(async () => {
  await configure({ deterministic, wide: before })
})

/** What `f` gives with tiles of 16 columns, and without. */
async function bothWays(f: () => readonly Tensor[]): Promise<[joined: Float32Array[], narrow: Float32Array[]]> {
  const run = async (isWide: boolean) => {
    await configure({ deterministic, wide: isWide })
    manualSeed(7)
    return scope(() => f().map(each => each.data() as Float32Array))
  }
  return [await run(true), await run(false)]
}

/** Sizes around the heights of tiles (6 or 4 rows), two panels, and blocks of k. */
const rows = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 24, 97]
const columns = [8, 15, 16, 17, 20, 24, 31, 32, 33, 40, 64]
const depths = [1, 2, 7, 64, 513]

describe('tiles for wide vectors have the bits of narrow ones', () => {
  it.each(rows)('in products of %i rows', async M => {
    const [joined, narrow] = await bothWays(() =>
      columns.flatMap(N =>
        depths.flatMap(K => {
          const [a, b] = [randn([M, K]), randn([K, N])]
          return [matmul(a, b), matmul(randn([K, M]).transpose(), b), matmul(a, randn([N, K]).transpose())]
        }),
      ),
    )
    expect(joined).toEqual(narrow)
  })

  const models: Record<string, () => readonly Tensor[]> = {
    dense: () => gradientsOf(Chain(Dense(40, 48, relu), Dense(48, 17)), randn([21, 40])),
    convolution: () => gradientsOf(Chain(Conv([3, 3], 3, 16, relu), Conv([3, 3], 16, 32), Flatten()), randn([2, 3, 12, 12])),
    'a convolution with a stride': () =>
      gradientsOf(
        Chain(Conv([3, 3], 3, 9, relu, { stride: 2, pad: 1 }), Conv([2, 3], 9, 5, { stride: [1, 2] }), Flatten()),
        randn([2, 3, 19, 23]),
      ),
    recurrent: () => gradientsOf(LSTM(20, 24), randn([3, 9, 20])),
    attention: () => gradientsOf(MultiHeadAttention(32, { heads: 2, causal: true }), randn([2, 40, 32])),
    'attention, all of it': () => gradientsOf(MultiHeadAttention(32, { heads: 1 }), randn([2, 40, 32])),
  }
  it.each(Object.entries(models))('in %s', async (_, f) => {
    const [joined, narrow] = await bothWays(f)
    expect(joined).toEqual(narrow)
  })
})

// biome-ignore lint/suspicious/noExplicitAny: any model of one tensor
function gradientsOf(model: any, x: Tensor): readonly Tensor[] {
  const grads = gradient(() => gelu(model(x)).sum(), params(model))
  return [model(x), ...[...params(model)].map(p => grads.get(p) as Tensor)]
}

describe('fluxtape/wide', () => {
  it('says whether vectors are wide, and why', () => {
    const { on, reason } = wide()
    expect(reason).toMatch(on ? /^--experimental-wasm-revectorize is set/ : /./)
    if (Number.parseInt(process.versions.v8, 10) < 13)
      expect([on, reason]).toEqual([false, `Node 24 or newer is needed: V8 is ${process.versions.v8}`])
  })
})
