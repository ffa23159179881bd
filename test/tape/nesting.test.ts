import { gradient, memory, mse, ones, params, pullback, scope, stopGradient, type Tensor, tensor, withGradient } from 'fluxtape'
import { describe, expect, test } from 'vitest'

/** The derivative of a function of one number. */
const derivative = (f: (x: Tensor) => Tensor) => (x: Tensor) => gradient(f, x)[0]

const at = (f: (x: Tensor) => Tensor, x: number) => f(tensor(x)).item()

describe('gradients in gradients', () => {
  test('do not mix up their variables: d/dx [x d/dy (x + y)] is 1', () => {
    const [g] = gradient(x => x.mul(gradient(y => x.add(y), 1)[0]), 1)
    expect(g.item()).toBe(1)
  })

  test('differentiate by the outer variable through the inner gradient', () => {
    // d/dx d/dy (x² y³) = 6 x y²
    const [g] = gradient(x => gradient(y => x.square().mul(y.pow(3)), 5)[0], 2)
    expect(g.item()).toBe(2 * 2 * 3 * 25)
  })

  test('go to third order and beyond', () => {
    const f = (x: Tensor) => x.pow(5)
    const orders = [f]
    for (let i = 0; i < 4; i++) orders.push(derivative(orders[i]))
    expect(orders.map(each => at(each, 2))).toEqual([32, 80, 160, 240, 240])
  })

  test('to third order of a transcendental function', () => {
    const third = derivative(derivative(derivative(x => x.sin())))
    expect(at(third, 0.5)).toBeCloseTo(-Math.cos(0.5), 5)
    const tanh2 = derivative(derivative(x => x.tanh()))
    const t = Math.tanh(0.3)
    expect(at(tanh2, 0.3)).toBeCloseTo(-2 * t * (1 - t * t), 5)
  })

  test('use the same variable on both levels', () => {
    // f(x) = x (x²)' = 2x²; f' = 4x
    expect(
      at(
        derivative(x => x.mul(derivative(y => y.square())(x))),
        3,
      ),
    ).toBe(12)
  })

  test('of a matrix product', () => {
    const [w, x] = [tensor([[1, 2]]), tensor([[3], [4]])]
    // |∇ₓ (w x)²|² = |2 (w x) w|² = 4 (w x)² |w|²; by x: 8 (w x) |w|² w
    const [g] = gradient(
      z =>
        gradient(y => w.matmul(y).square().sum(), z)[0]
          .square()
          .sum(),
      x,
    )
    expect(g.toArray()).toEqual([[8 * 11 * 5], [16 * 11 * 5]])
  })

  test('of parameters, in a loss by other parameters', () => {
    const [w, v] = [tensor([2]), tensor([3])]
    // The gradient penalty |d/dw (w² v)|² = 4 w² v², by v: 8 w² v
    const grads = gradient(
      () => {
        const inner = gradient(() => w.square().mul(v).sum(), params(w))
        return (inner.get(w) as Tensor).square().sum()
      },
      params(w, v),
    )
    expect(grads.get(v)?.toArray()).toEqual([96])
    expect(grads.get(w)?.toArray()).toEqual([8 * 2 * 9])
  })

  test('of a step of learning, through the step', () => {
    // A loss after a step of descent: (1 - 0.1 · 2w)² w² for f = w²
    const w = tensor([3])
    const [g] = gradient(x => {
      const [step] = gradient(y => y.square().sum(), x)
      return x.sub(step.mul(0.1)).square().sum()
    }, w)
    expect(g.item()).toBeCloseTo(2 * 0.64 * 3, 5)
  })

  test('withGradient in gradient gives a value that is differentiated, too', () => {
    const [g] = gradient(x => {
      const { value, gradient: inner } = withGradient(y => y.pow(3), x)
      return value.add(inner[0])
    }, 2)
    expect(g.item()).toBe(12 + 12)
  })

  test('of an inner gradient that does not depend on the outer variable is zero', () => {
    expect(gradient(x => gradient(y => y.square(), 3)[0].add(x.mul(0)), 1)[0].item()).toBe(0)
  })

  test('do not see through stopGradient', () => {
    const [g] = gradient(x => gradient(y => y.mul(stopGradient(y)).mul(x.mul(1)), x.mul(1))[0], 3)
    // d/dy (y c x) = c x with c = 3 a constant of both levels: by x it is 3.
    expect(g.item()).toBe(3)
  })

  test('leave nothing behind', () => {
    const x = ones([3])
    const before = memory()
    scope(() => void derivative(y => derivative(z => z.exp().mul(z).sum())(y).sum())(x))
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
  })

  test('of a mean squared error give its Hessian times a vector', () => {
    const x = tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ])
    const y = tensor([[1], [0], [1]])
    const v = tensor([[1], [-1]])
    const w = tensor([[0.5], [0.25]])
    const [hv] = gradient(
      z =>
        gradient(u => mse(x.matmul(u), y), z)[0]
          .mul(v)
          .sum(),
      w,
    )
    // (2/3) Xᵀ X v
    const wanted = x
      .transpose()
      .matmul(x)
      .matmul(v)
      .mul(2 / 3)
    expect(hv.sub(wanted).abs().max().item()).toBeLessThan(1e-5)
  })
})

describe('back in a gradient', () => {
  test('is differentiated, by its cotangent and by what is saved', () => {
    // back(c) of x³ is 3 c x²: by x 6 c x, by c 3 x²
    const [gx, gc] = gradient(
      (x, c) => {
        const [, back] = pullback((y: Tensor) => y.pow(3), x)
        return back(c)[0]
      },
      2,
      5,
    )
    expect(gx.item()).toBe(60)
    expect(gc.item()).toBe(12)
  })

  test('of a pullback from outside is linear in its cotangent', () => {
    const [, back] = pullback((y: Tensor) => y.pow(3), tensor(2))
    const [g] = gradient(c => back(c)[0].mul(2), 5)
    expect(g.item()).toBe(24)
    back.dispose()
  })

  test('a gradient in the function of a pullback', () => {
    const [y, back] = pullback((x: Tensor) => gradient(z => z.pow(3), x)[0], tensor(2))
    expect(y.item()).toBe(12)
    expect(back()[0].item()).toBe(12)
    back.dispose()
  })
})
