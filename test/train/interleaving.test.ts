import { Adam, arange, DataLoader, Dense, manualSeed, mse, params, rand, randn, type Tensor, train } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { bits } from './problem.ts'

const n = 24

/** A run with an unseeded, shuffling loader, noise in its loss and another unseeded loader for validation. */
function start(model: ReturnType<typeof Dense>, epochs: number, order: number[] = []) {
  const [xs, ys] = [
    arange(n * 2)
      .reshape([n, 2])
      .mul(0.01),
    arange(n).reshape([n, 1]).mul(0.02),
  ]
  const loader = new DataLoader({ xs, ys }, { batchSize: 5, shuffle: true })
  const loss = ({ xs: x, ys: y }: { xs: Tensor; ys: Tensor }) => {
    order.push(Math.round(y.data()[0] * 50))
    return mse(model(x.add(randn(x.shape, { std: 0.01 }))), y)
  }
  return train(loss, params(model), loader, Adam(0.01), { epochs, validation: new DataLoader({ xs, ys }, { batchSize: 7, shuffle: true }) })
}

/** Everything that a run shows: its losses, without the times. */
const shown = ({ steps, epochs }: Awaited<ReturnType<typeof start>>) => [
  steps,
  epochs.map(({ epoch, loss, validation }) => [epoch, loss, validation]),
]

describe('two runs', () => {
  const models = () => {
    manualSeed(2)
    return [Dense(2, 1), Dense(2, 1)]
  }

  it('that interleave on the event loop end as each would alone, to the bit', async () => {
    const [a, b] = models()
    manualSeed(7)
    const first = await start(a, 3)
    const second = await start(b, 4)

    const [c, d] = models()
    manualSeed(7)
    const both = await Promise.all([start(c, 3), start(d, 4)])
    expect(both.map(shown)).toEqual([first, second].map(shown))
    expect([bits(c), bits(d)]).toEqual([bits(a), bits(b)])
    expect(bits(a)).not.toEqual(bits(b))
  })

  it('that are pulled in turns end the same', async () => {
    const [a, b] = models()
    manualSeed(7)
    const alone = [await start(a, 2), await start(b, 2)]

    const [c, d] = models()
    manualSeed(7)
    const runs = [start(c, 2), start(d, 2)]
    const [late, early] = runs.map(run => run[Symbol.asyncIterator]())
    for (;;) {
      const ends = [await early.next(), await early.next(), await late.next()].map(each => each.done)
      if (ends.every(Boolean)) break
    }
    expect((await Promise.all(runs)).map(shown)).toEqual(alone.map(shown))
    expect([bits(c), bits(d)]).toEqual([bits(a), bits(b)])
  })

  it('are not disturbed by what others draw meanwhile, nor do they disturb', async () => {
    const [a] = models()
    manualSeed(7)
    await start(a, 2)
    const after = rand([3]).data()

    const [c] = models()
    manualSeed(7)
    const run = start(c, 2)
    const drawn: Tensor[] = []
    for await (const _ of run) drawn.push(rand([5]))
    expect(bits(c)).toEqual(bits(a))

    const [e] = models()
    manualSeed(7)
    const last = start(e, 2)
    manualSeed(99)
    await last
    expect(bits(e)).toEqual(bits(a))
    const [f] = models()
    manualSeed(7)
    await start(f, 1)
    expect(rand([3]).data()).toEqual(after)
  })

  it('take each a key of its own at the call: their orders differ, and manualSeed fixes them', async () => {
    const orders = async () => {
      const [a, b] = models()
      const [first, second]: number[][] = [[], []]
      manualSeed(5)
      await Promise.all([start(a, 2, first), start(b, 2, second)])
      return [first, second]
    }
    const [first, second] = await orders()
    expect(await orders()).toEqual([first, second])
    expect(first).not.toEqual(second)
  })

  it('may be started inside each other', async () => {
    const [a, b] = models()
    manualSeed(7)
    const alone = [await start(a, 2), await start(b, 2)]
    const [c, d] = models()
    manualSeed(7)
    const outer = start(c, 2)
    const inner = start(d, 2)
    for await (const { step } of outer) if (step === 3) await inner
    expect([shown(await outer), shown(await inner)]).toEqual(alone.map(shown))
  })
})
