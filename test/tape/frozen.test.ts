import {
  Adam,
  Chain,
  customGradient,
  Dense,
  Descent,
  freeze,
  gradient,
  memory,
  params,
  type Tensor,
  tanh,
  tensor,
  thaw,
  trainStep,
  update,
} from 'fluxtape'
import { describe, expect, test } from 'vitest'

/** x y, and a note of the inputs for which a cotangent was computed. */
function watchedProduct() {
  const asked: Tensor[] = []
  const multiply = customGradient(
    (x: Tensor, y: Tensor) => x.mul(y),
    (g, [x, y]) => {
      asked.push(g)
      return [g.mul(y), g.mul(x)]
    },
  )
  return { multiply, asked }
}

describe('frozen parameters', () => {
  test('have no gradient, passed, closed over or in a tree', () => {
    const [w, v] = [tensor([2]), tensor([3])]
    freeze(v)
    const grads = gradient(() => w.mul(v).sum(), params(w, v))
    expect(grads.get(w)?.toArray()).toEqual([3])
    expect(grads.get(v)).toBe(undefined)
    const [tree] = gradient(m => m.w.mul(m.v).sum(), { w, v })
    expect(Object.keys(tree as object)).toEqual(['w'])
    thaw(v)
    expect(
      gradient(() => w.mul(v).sum(), params(w, v))
        .get(v)
        ?.toArray(),
    ).toEqual([2])
  })

  test('have no cotangent computed for them', () => {
    const [x, w] = [tensor([2]), tensor([3])]
    const { multiply, asked } = watchedProduct()
    gradient(() => multiply(x, w).sum(), params(x, w))
    // One call for all inputs that are wanted.
    expect(asked).toHaveLength(1)
    freeze(w)
    gradient(() => multiply(x, w).sum(), params(x, w))
    expect(asked).toHaveLength(2)
    freeze(x)
    gradient(() => multiply(x, w).sum(), params(x, w))
    expect(asked).toHaveLength(2)
  })

  test('before the first thawed layer nothing is recorded', () => {
    const model = Chain(Dense(20, 20, tanh), Dense(20, 20, tanh), Dense(20, 1))
    const x = tensor(new Float32Array(20), [1, 20])
    const recorded = () => {
      let bytes = 0
      const before = memory().bytes
      gradient(() => {
        let y = x
        for (const layer of model) {
          const next = layer(y)
          if (y !== x) y.dispose()
          y = next
        }
        bytes = memory().bytes - before
        return y.sum()
      }, params(model))
      return bytes
    }
    const all = recorded()
    freeze(model[0], model[1])
    expect(recorded()).toBeLessThan(all)
  })

  test('are not changed by update or training', () => {
    const model = Chain(Dense(2, 3, tanh), Dense(3, 1))
    const ps = params(model)
    freeze(model[0])
    const before = [...ps].map(p => p.toArray())
    trainStep((x: Tensor) => model(x).sum(), ps, tensor([[1, 2]]), Adam(0.1))
    const after = [...ps].map(p => p.toArray())
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2))
    expect(after[2]).not.toEqual(before[2])
    expect(after[3]).not.toEqual(before[3])
    const [w] = ps
    update(
      Descent(1),
      w,
      tensor([
        [1, 1],
        [1, 1],
        [1, 1],
      ]),
    )
    expect(w.toArray()).toEqual(before[0])
  })

  test('are constants of an inner gradient, too', () => {
    const w = tensor([2])
    freeze(w)
    const [g] = gradient(
      x => {
        const inner = gradient(() => x.square().mul(w).sum(), params(x, w))
        expect(inner.get(w)).toBe(undefined)
        return (inner.get(x) as Tensor).sum()
      },
      tensor([3]),
    )
    expect(g.toArray()).toEqual([4])
  })
})

describe('inputs that nobody wants', () => {
  test('have no cotangent computed for them', () => {
    const [x, w] = [tensor([2]), tensor([3])]
    const { multiply, asked } = watchedProduct()
    const [g] = gradient(y => multiply(x, y).sum(), w)
    expect(g.toArray()).toEqual([2])
    expect(asked).toHaveLength(1)
  })

  test('branches that do not reach the loss are not walked', () => {
    const { multiply, asked } = watchedProduct()
    gradient(
      x => {
        multiply(x, x)
        return x.sum()
      },
      tensor([2]),
    )
    expect(asked).toHaveLength(0)
  })
})
