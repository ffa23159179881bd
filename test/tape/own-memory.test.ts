import { customGradient, Descent, gradient, jit, ones, params, pullback, type Tensor, tensor, train, withGradient, zeros } from 'fluxtape'
import { describe, expect, test } from 'vitest'

const [W, D] = [tensor([1, 2]), tensor([3, 4])]
const numbers = (tensors: readonly Tensor[]) => tensors.map(each => [...each.data()])
const passed = customGradient(
  (x: Tensor) => x,
  (_, [x]) => x,
)

/** Ways to gradients of which several could lie in one memory, or in that of something else. */
const ways: Record<string, () => { readonly gradients: readonly Tensor[]; readonly others?: readonly Tensor[] }> = {
  'of a sum': () => ({ gradients: [...gradient(() => W.add(D).sum(), params(W, D)).tensors()] }),
  'of a sum, as arguments': () => ({ gradients: gradient((w, d) => w.add(d).reshape([2, 1]).sum(), W, D) }),
  'of one tensor twice': () => ({ gradients: gradient((a, b) => a.sum().add(b.mul(2).sum()), W, W) }),
  'of one tensor twice, and in a model': () => {
    const [a, { b }, c] = gradient((x, m, y) => x.add(m.b).mul(y).sum(), W, { b: W }, D) as [Tensor, { b: Tensor }, Tensor]
    return { gradients: [a, b, c] }
  },
  'of one tensor twice, by a pullback': () => ({ gradients: pullback((a: Tensor, b: Tensor) => a.add(b), W, W)[1]() }),
  'of a sum of three, two of them views': () => ({
    gradients: gradient(
      (a, b, c) =>
        a
          .add(b.reshape([2]))
          .add(c)
          .mul(2)
          .sum(),
      W,
      tensor([[1], [2]]),
      D,
    ),
  }),
  'of a model': () => {
    const [{ a, b }] = gradient((m: { a: Tensor; b: Tensor }) => m.a.add(m.b).sum(), { a: W, b: D }) as [{ a: Tensor; b: Tensor }]
    return { gradients: [a, b] }
  },
  'from a seed': () => {
    const seed = tensor([[1, 2]])
    const [, back] = pullback((w: Tensor) => w.reshape([1, 2]), W)
    return { gradients: [...back(seed), ...back(seed)], others: [seed] }
  },
  'of the identity, from a seed': () => {
    const seed = tensor([1, 2])
    const [, back] = pullback((w: Tensor, d: Tensor) => w.add(d), W, D)
    return { gradients: back(seed), others: [seed] }
  },
  'that are an argument': () => ({ gradients: gradient(w => passed(w).sum(), W), others: [W] }),
  'that are an extra value': () => {
    const c = tensor([1, 2])
    const { value, gradient: gs } = withGradient((w, d) => [passed(w).add(d).sum(), c.reshape([2, 1])] as const, W, D)
    return { gradients: gs, others: [value[1] as Tensor, c, W] }
  },
  'of a gradient in a gradient': () => {
    let inner: Tensor[] = []
    const { value, gradient: gs } = withGradient(
      (w, d) => {
        inner = gradient((a, b) => a.add(b).mul(w).sum(), w, d)
        return [inner[0].mul(inner[1]).sum(), ...inner] as const
      },
      W,
      D,
    )
    return { gradients: [...gs, value[1] as Tensor, value[2] as Tensor] }
  },
}

describe('each gradient has memory of its own', () => {
  test.each(Object.entries(ways))('%s', (_, way) => {
    const { gradients, others = [] } = way()
    const all = [...gradients, ...others]
    const before = numbers(all)
    gradients.forEach((g, i) => {
      const kept = g.mul(1)
      g.assign(g.mul(0).sub(7))
      const now = numbers(all)
      for (let k = 0; k < all.length; k++) if (k !== i) expect(now[k]).toEqual(before[k])
      g.assign(kept)
    })
  })

  test.each([
    ['train', (f: () => Tensor) => f],
    ['train, replayed', (f: () => Tensor) => jit(f)],
  ])('so that onGradient may scale each in place: %s', async (_, made) => {
    const [w, d] = [zeros([2]), zeros([2])]
    const halve = {
      onGradient: ({ gradients }: { readonly gradients?: Iterable<[Tensor, Tensor]> }) => {
        for (const [, g] of gradients ?? []) g.assign(g.mul(0.5))
      },
    }
    await train(
      made(() => w.add(d).sum()),
      params(w, d),
      [0, 0, 0, 0],
      Descent(1),
      { callbacks: halve },
    )
    expect(numbers([w, d])).toEqual([
      [-2, -2],
      [-2, -2],
    ])
  })

  test('and one tensor as two arguments is one variable', () => {
    expect(numbers(gradient((a, b) => a.sum().add(b.mul(2).sum()), W, W))).toEqual([
      [3, 3],
      [3, 3],
    ])
    const second = gradient(w => gradient((a, b) => a.mul(b).mul(b).sum(), w, w)[1].sum(), W)
    expect(numbers(second)).toEqual([[6, 12]])
    const tied = gradient((m: { a: Tensor; b: Tensor }) => m.a.add(m.b).sum(), { a: W, b: W })[0] as { a: Tensor; b: Tensor }
    expect(tied.a).toBe(tied.b)
  })

  test('and is differentiated on, copied or not', () => {
    const second = (f: (a: Tensor, b: Tensor) => Tensor) =>
      gradient(
        (w, d) => {
          const [a, b] = gradient(f, w, d)
          return a.mul(b).sum()
        },
        tensor([2]),
        ones([1]),
      ).map(each => each.item())
    // f = (w + d)^3 / 3: both gradients are (w + d)^2, their product (w + d)^4.
    expect(second((a, b) => a.add(b).pow(3).div(3).sum())).toEqual([expect.closeTo(108, 3), expect.closeTo(108, 3)])
  })
})
