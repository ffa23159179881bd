import {
  Adam,
  Chain,
  DataLoader,
  Dense,
  full,
  keep,
  memory,
  ones,
  params,
  pullback,
  scope,
  type Tensor,
  train,
  trainStep,
  zeros,
} from 'fluxtape'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { collected } from './collected.ts'

beforeEach(collected)

/** Makes garbage in a function of its own, so that no variable of the test holds it. */
async function leftAfterCollection(makeGarbage: () => void): Promise<number> {
  const before = memory().tensors
  makeGarbage()
  expect(memory().tensors).toBeGreaterThan(before)
  await collected()
  return memory().tensors - before
}

describe('what nobody disposed', () => {
  test('goes with the garbage: tensors made outside of any scope', async () => {
    expect(await leftAfterCollection(() => void Array.from({ length: 10 }, () => ones([100])))).toBe(0)
  })

  test('goes with the garbage: what left a scope', async () => {
    expect(await leftAfterCollection(() => void scope(() => [ones([100]), zeros([3])]))).toBe(0)
  })

  test('goes with the garbage: what was kept', async () => {
    expect(await leftAfterCollection(() => scope(() => void keep(ones([100]))))).toBe(0)
  })

  test('goes with the garbage: a view, and its source', async () => {
    expect(await leftAfterCollection(() => void ones([100]).reshape([10, 10]).transpose())).toBe(0)
  })

  test('goes with the garbage: a transposition that nobody read, while its source lives', async () => {
    const x = ones([10, 20])
    const before = memory()
    const left = await leftAfterCollection(() => void Array.from({ length: 10 }, () => [x.transpose(), ones([1])]))
    expect(left).toBe(0)
    expect(memory().bytes).toBe(before.bytes)
    expect(
      x
        .assign(zeros([10, 20]))
        .sum()
        .item(),
    ).toBe(0)
  })

  test('goes with the garbage: a transposition that was read, and the source after it', async () => {
    expect(await leftAfterCollection(() => void ones([10, 20]).transpose().data())).toBe(0)
    expect(await leftAfterCollection(() => void scope(() => ones([10, 20]).transpose()))).toBe(0)
  })

  test('goes with the garbage: a pullback and its tape', async () => {
    const x = ones([3])
    expect(await leftAfterCollection(() => void pullback((y: Tensor) => y.exp().mul(y), x))).toBe(0)
  })

  test('goes with the garbage: a model, and what an optimizer remembers of it', async () => {
    const x = ones([1, 3])
    const left = await leftAfterCollection(() => {
      const model = Chain(Dense(3, 2), Dense(2, 1))
      trainStep(() => model(x).mean(), params(model), [], Adam())
    })
    expect(left).toBe(0)
  })

  test('stays while it is held', async () => {
    const held = ones([100])
    const left = await leftAfterCollection(() => void ones([100]))
    expect(left).toBe(0)
    expect(held.sum().item()).toBe(100)
  })

  test('is not freed a second time when it was disposed', async () => {
    const makeGarbage = () => {
      for (let i = 0; i < 10; i++) ones([100]).dispose()
    }
    makeGarbage()
    const taken = Array.from({ length: 10 }, (_, i) => full([100], i))
    const before = memory()
    await collected()
    expect(taken.map(x => x.mean().item())).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    await collected()
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
  })

  test('leaves nothing in the heap where it was disposed, within one turn of the event loop', () => {
    const { gc } = globalThis
    if (!gc) throw new Error('these tests need node --expose-gc')
    const used = (rounds: number) => {
      for (let i = 0; i < rounds; i++) ones([1]).dispose()
      gc()
      return process.memoryUsage().heapUsed
    }
    used(5000)
    const before = used(5000)
    expect((used(50_000) - before) / 50_000).toBeLessThan(20)
  })
})

test('a run has hardly any of its batches registered with the collector, which would keep that for long', async () => {
  const model = Dense(2, 1)
  const data = new DataLoader(zeros([1000, 2]), { batchSize: 2, shuffle: true })
  const register = vi.spyOn(FinalizationRegistry.prototype, 'register')
  const { steps } = await train((x: Tensor) => model(x).square().mean(), params(model), data, Adam())
  expect(steps).toHaveLength(500)
  expect(register.mock.calls.length).toBeLessThan(100)
  register.mockRestore()
})
