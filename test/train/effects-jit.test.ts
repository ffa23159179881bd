// What a loss writes of its batch, and values that it writes elsewhere: with jit as without.
import {
  Adam,
  customGradient,
  Descent,
  gradient,
  jit,
  later,
  optimizerState,
  params,
  type Tensor,
  tensor,
  train,
  trainStep,
  update,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

describe('later', () => {
  const both = <T>(run: (wrap: typeof jit) => T): [T, T] => [run((f => f) as typeof jit), run(jit)]

  it('writes a tensor of the batch', () => {
    const [plain, replayed] = both(wrap => {
      const [W, h, other] = [tensor([1, 1]), zeros([2]), zeros([2])]
      const loss = wrap((x: Tensor, hidden: Tensor) => {
        later(hidden, old => old.add(x))
        return W.mul(x).mul(hidden.add(1)).sum()
      })
      const seen: unknown[] = []
      for (let i = 0; i < 8; i++) {
        const hidden = i % 3 === 2 ? other : h
        seen.push(trainStep(loss, params(W), [tensor([1, 2]), hidden], Descent(0.01)), hidden.toArray())
      }
      return seen
    })
    expect(replayed).toEqual(plain)
    expect(plain[1]).toEqual([1, 2])
  })

  it('writes it from the second step on, too', () => {
    const [plain, replayed] = both(wrap => {
      const [W, h] = [tensor([1, 1]), zeros([2])]
      let calls = 0
      const loss = wrap((x: Tensor, hidden: Tensor) => {
        if (calls++ > 0) later(hidden, old => old.add(x))
        return W.mul(x).sum()
      })
      return Array.from({ length: 6 }, () => {
        trainStep(loss, params(W), [tensor([1, 2]), h], Descent(0.01))
        return h.toArray()
      })
    })
    expect(replayed).toEqual(plain)
  })

  it('writes it in a run', async () => {
    const [plain, replayed] = both(async wrap => {
      const [W, h, x] = [tensor([1, 1]), zeros([2]), tensor([1, 2])]
      const loss = wrap((a: Tensor, hidden: Tensor) => {
        later(hidden, old => old.add(a))
        return W.mul(a).sum()
      })
      await train(loss, params(W), [[x, h]], Descent(0.01), { epochs: 6 })
      return h.toArray()
    })
    expect(await replayed).toEqual(await plain)
    expect(await plain).toEqual([6, 12])
  })

  it.each<[string, (W: Tensor) => Tensor]>([
    ['itself', W => W],
    ['a view', W => W.reshape([2, 1]).reshape([2])],
    ['a result', W => W.mul(1)],
  ])('puts off the value, not the tensor: %s', (_, of) => {
    for (const values of both(wrap => {
      const [W, kept] = [tensor([1, 1]), zeros([2])]
      const loss = wrap(() => {
        later(kept, () => of(W))
        return W.sum()
      })
      return Array.from({ length: 5 }, () => {
        trainStep(loss, params(W), [], Descent(0.5))
        return kept.toArray()
      })
    }))
      expect(values).toEqual([1, 0.5, 0, -0.5, -1].map(each => [each, each]))
  })

  it('of another buffer takes its old value', () => {
    const [x, current, previous] = [tensor([1]), tensor([1]), tensor([0])]
    gradient(a => {
      later(current, () => a.mul(9))
      later(previous, () => current)
      return a.sum()
    }, x)
    expect([current.item(), previous.item()]).toEqual([9, 1])
  })
})

describe('what would read or write memory of others', () => {
  it('a cotangent of another type counts as numbers', () => {
    const above = customGradient(
      (a: Tensor) => a.mul(1),
      g => g.greater(0),
    )
    const others = Array.from({ length: 50 }, () => tensor(Array(1000).fill(123)))
    const [g] = gradient(
      x =>
        above(x.slice([[0, 2]]))
          .sum()
          .add(
            x
              .slice([[1, 3]])
              .sum()
              .mul(5),
          ),
      tensor([1, 2, 3, 4]),
    )
    expect([g.dtype, g.toArray()]).toEqual(['float32', [1, 6, 5, 0]])
    for (const each of others) expect(each.data().every(value => value === 123)).toBe(true)
  })

  it('more cotangents than inputs are refused', () => {
    const twice = customGradient(
      (a: Tensor) => a.mul(1),
      g => [g, g],
    )
    expect(() => gradient(x => twice(x).sum(), tensor([1]))).toThrow(
      'customGradient: the pullback gives a cotangent for each of the 1 inputs: 2 came',
    )
  })

  it('momenta that were disposed are told of', () => {
    const [W, g, opt] = [zeros([1000]), tensor(Array(1000).fill(1)), Adam(0.1)]
    update(opt, W, g, { keep: true })
    for (const value of optimizerState(opt, params({ W })).values()) if (typeof value !== 'number') value.dispose()
    const before = W.data()
    expect(() => update(opt, W, g, { keep: true })).toThrow('Adam: the tensor has been released')
    expect(W.data()).toEqual(before)
  })
})
