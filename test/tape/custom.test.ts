import { customGradient, gradient, memory, scope, stopGradient, type Tensor, tensor, zeros } from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { thrown } from '../errors/thrown.ts'

describe('stopGradient', () => {
  test('is a constant with the same values', () => {
    const x = tensor([1, 2])
    const [g] = gradient(y => y.mul(stopGradient(y)).sum(), x)
    expect(g.toArray()).toEqual([1, 2])
    expect(stopGradient(x).toArray()).toEqual([1, 2])
  })

  test('of all there is leaves zeros', () => {
    expect(gradient(y => stopGradient(y.exp()).sum(), tensor([1, 2]))[0].toArray()).toEqual([0, 0])
  })

  test('keeps the type', () => {
    expect(stopGradient(tensor(new Int32Array([1]))).dtype).toBe('int32')
  })
})

describe('customGradient', () => {
  test('computes by the function and differentiates by the pullback', () => {
    const straightThrough = customGradient(
      (x: Tensor) => x.round(),
      g => g.mul(7),
    )
    expect(straightThrough(tensor([0.4, 1.6])).toArray()).toEqual([0, 2])
    const [g] = gradient(
      x =>
        straightThrough(x)
          .mul(tensor([1, 2]))
          .sum(),
      tensor([0.4, 1.6]),
    )
    expect(g.toArray()).toEqual([7, 14])
  })

  test('gives the pullback the cotangent, the inputs and the result', () => {
    const seen: unknown[] = []
    const f = customGradient(
      (x: Tensor, y: Tensor) => x.mul(y),
      (g, [x, y], result) => {
        seen.push(g.toArray(), x.toArray(), y.toArray(), result.toArray())
        return [g.mul(y), g.mul(x)]
      },
    )
    const [gx, gy] = gradient((x, y) => f(x, y).mul(5).sum(), tensor([2]), tensor([3]))
    expect([gx.item(), gy.item()]).toEqual([15, 10])
    expect(seen.slice(0, 4)).toEqual([[5], [2], [3], [6]])
  })

  test('leaves an input for which it gives undefined without gradient', () => {
    const f = customGradient(
      (x: Tensor, y: Tensor) => x.mul(y),
      (g, [, y]) => [g.mul(y), undefined],
    )
    const [gx, gy] = gradient((x, y) => f(x, y).sum(), tensor([2]), tensor([3]))
    expect([gx.item(), gy.item()]).toEqual([3, 0])
  })

  test('clips a cotangent where the function is the identity', () => {
    const clipped = customGradient(
      (x: Tensor) => x,
      g => g.clamp(-1, 1),
    )
    const x = tensor([2, 3])
    const [g] = gradient(
      y =>
        clipped(y)
          .mul(tensor([0.5, 10]))
          .sum(),
      x,
    )
    expect(g.toArray()).toEqual([0.5, 1])
    expect(x.toArray()).toEqual([2, 3])
  })

  test('has the second order of its pullback', () => {
    // "square" with a derivative of x³ instead of 2x: its second derivative is 3x².
    const odd = customGradient(
      (x: Tensor) => x.square(),
      (g, [x]) => g.mul(x.pow(3)),
    )
    const [second] = gradient(x => gradient(y => odd(y).sum(), x)[0].sum(), tensor([2]))
    expect(second.item()).toBe(12)
  })

  test('has the second order of a pullback that uses the result', () => {
    const exp = customGradient(
      (x: Tensor) => x.exp(),
      (g, _, y) => g.mul(y),
    )
    const third = gradient(x => gradient(y => gradient(z => exp(z), y)[0], x)[0], 1)[0]
    expect(third.item()).toBeCloseTo(Math.E, 5)
  })

  test('does not record what happens inside the function', () => {
    const f = customGradient(
      (x: Tensor) => x.mul(x).mul(x),
      g => g,
    )
    expect(gradient(x => f(x).sum(), tensor([5]))[0].item()).toBe(1)
    expect(gradient(x => f(x.mul(2)).sum(), tensor([5]))[0].item()).toBe(2)
  })

  test('may take a gradient in its function', () => {
    const slope = customGradient(
      (x: Tensor) => gradient(y => y.pow(3), x)[0],
      (g, [x]) => g.mul(x.mul(6)),
    )
    const [g] = gradient(x => slope(x), 2)
    expect(g.item()).toBe(12)
    expect(slope(tensor(2)).item()).toBe(12)
  })

  test('leaves nothing behind', () => {
    const f = customGradient(
      (x: Tensor) => x.exp().mul(x),
      (g, [x], y) => g.mul(y).add(x.mul(0)),
    )
    const x = tensor([1, 2])
    const { bytes, tensors } = memory()
    scope(() => void gradient(y => f(y).sum(), x))
    expect(memory()).toMatchObject({ bytes, tensors })
  })

  test.each<[string, () => unknown, string]>([
    [
      'a number',
      () =>
        customGradient(
          (x: Tensor) => x,
          g => g,
        )(3 as never),
      'TypeError: customGradient: a tensor is needed: number. Make one with tensor(...).',
    ],
    [
      'a result that is no tensor',
      () =>
        customGradient(
          () => 3 as never,
          g => g,
        )(),
      'TypeError: customGradient: a tensor is needed: number. Make one with tensor(...).',
    ],
    [
      'a promise as result',
      () => customGradient((async (x: Tensor) => x) as never, g => g)(zeros([1])),
      'TypeError: customGradient: a tensor is needed: a promise. Await it first.',
    ],
    [
      'a cotangent of another shape',
      () =>
        gradient(
          x =>
            customGradient(
              (y: Tensor) => y,
              () => zeros([3]),
            )(x).sum(),
          zeros([2]),
        ),
      'ShapeError: customGradient: the cotangent must have the shape of its input: [3] for [2].',
    ],
    [
      'a cotangent that is no tensor',
      () =>
        gradient(
          x =>
            customGradient(
              (y: Tensor) => y,
              () => 3 as never,
            )(x).sum(),
          zeros([2]),
        ),
      'TypeError: customGradient: a tensor is needed: number. Make one with tensor(...).',
    ],
  ])('refuses %s', (_, f, text) => {
    expect(thrown(f)).toBe(text)
  })
})
