import { Descent, Grads, gradient, loadState, memory, ones, onesLike, params, pullback, type Tensor, tensor, update, zeros } from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { thrown } from '../errors/thrown.ts'

const stale = (operation: string) =>
  `ReleasedError: ${operation}: a value that the pullback needs was written in place since the forward pass. Call back() before update, assign or loadState, or run the forward pass again.`

describe('pullback', () => {
  test('gives the result and takes a cotangent back', () => {
    const [y, back] = pullback((x: Tensor) => x.square(), tensor([1, 2, 3]))
    expect(y.toArray()).toEqual([1, 4, 9])
    expect(back(tensor([1, 0, 10]))[0].toArray()).toEqual([2, 0, 60])
    back.dispose()
  })

  test('takes ones back if it is given none', () => {
    const [y, back] = pullback((x: Tensor) => x.square(), tensor([1, 2, 3]))
    expect(back()[0].toArray()).toEqual(back(onesLike(y))[0].toArray())
    back.dispose()
  })

  test('a result that was there before comes as a tensor of its own', () => {
    const [w, c] = [tensor([1, 2]), tensor([3, 4])]
    const ways: readonly (readonly [(a: Tensor) => Tensor, number[]])[] = [
      [a => a, [1, 1]],
      [() => c, [0, 0]],
    ]
    for (const [f, slopes] of ways) {
      const [y, back] = pullback(f, w)
      const values = y.toArray()
      y.dispose()
      expect(back()[0].toArray()).toEqual(slopes)
      w.assign(w.mul(-1))
      w.assign(w.mul(-1))
      expect([w.toArray(), c.toArray()]).toContainEqual(values)
      back.dispose()
    }
    const [outer] = gradient(
      a =>
        pullback((b: Tensor) => b, a)[0]
          .square()
          .sum(),
      w,
    )
    expect(outer.toArray()).toEqual([2, 4])
  })

  test('refuses a result that has no derivative, and more than a cotangent', () => {
    const { tensors } = memory()
    expect(thrown(() => pullback((x: Tensor) => x.argMax(-1), ones([2, 3])))).toBe(
      "DTypeError: pullback: only a float32 result has a gradient: int32 [2]. Make it of float32 tensors: x.cast('float32'). Counts and comparisons have no derivative.",
    )
    expect(memory().tensors).toBeLessThanOrEqual(tensors + 1)
    const [, back] = pullback((x: Tensor) => x.mul(2), ones([2]))
    expect(thrown(() => (back as (...args: unknown[]) => unknown)(ones([2]), 1))).toMatch(/^TypeError: back: /)
    back.dispose()
  })

  test('can be called as often as wanted', () => {
    const [, back] = pullback((x: Tensor, y: Tensor) => x.mul(y).exp(), tensor([0, 1]), tensor([1, 0]))
    const first = back().map(each => each.toArray())
    expect(first).toEqual([
      [1, 0],
      [0, 1],
    ])
    for (let i = 0; i < 3; i++) expect(back().map(each => each.toArray())).toEqual(first)
    back.dispose()
  })

  test('takes a cotangent of integers, as floats', () => {
    const [, back] = pullback((x: Tensor) => x.square(), tensor([1, 2]))
    expect(back(tensor(new Int32Array([1, 2])))[0].toArray()).toEqual([2, 8])
    back.dispose()
  })

  test('of parameters gives Grads', () => {
    const [w, b] = [tensor([1, 2]), tensor([3])]
    const [y, back] = pullback(() => w.mul(2), params(w, b))
    const grads = back(tensor([5, 6]))
    expect(y.toArray()).toEqual([2, 4])
    expect(grads).toBeInstanceOf(Grads)
    expect(grads.get(w)?.toArray()).toEqual([10, 12])
    expect(grads.get(b)).toBe(undefined)
    back.dispose()
  })

  test('works when its result is disposed', () => {
    const [y, back] = pullback((x: Tensor) => x.exp(), zeros([2]))
    y.dispose()
    zeros([2]).add(7)
    expect(back()[0].toArray()).toEqual([1, 1])
    back.dispose()
  })

  test('works when its argument is disposed', () => {
    const x = tensor([3])
    const [, back] = pullback((y: Tensor) => y.square(), x)
    x.dispose()
    zeros([1]).add(7)
    expect(back()[0].toArray()).toEqual([6])
    back.dispose()
  })

  test('of the identity is the cotangent', () => {
    const x = tensor([1, 2])
    const [y, back] = pullback((z: Tensor) => z, x)
    expect(y.toArray()).toEqual([1, 2])
    const g = tensor([5, 6])
    const [gx] = back(g)
    expect(gx.toArray()).toEqual([5, 6])
    gx.dispose()
    expect(g.toArray()).toEqual([5, 6])
    back.dispose()
    expect(x.toArray()).toEqual([1, 2])
  })

  test('of a constant is zeros', () => {
    const [, back] = pullback((_: Tensor) => ones([3]), tensor([1, 2]))
    expect(back()[0].toArray()).toEqual([0, 0])
    back.dispose()
  })
})

describe('a pullback that is disposed', () => {
  test('is a ReleasedError when it is called, and nothing when it is disposed again', () => {
    const before = memory().tensors
    const [y, back] = pullback((x: Tensor) => x.exp().mul(x), tensor([1]))
    back.dispose()
    back.dispose()
    expect(thrown(() => back())).toBe(
      'ReleasedError: back: its tape has been released. Call pullback again, or return back from the scope.',
    )
    y.dispose()
    expect(memory().tensors - before).toBe(1)
  })
})

describe('a cotangent of another shape', () => {
  test('is a ShapeError, and back goes on working', () => {
    const [, back] = pullback((x: Tensor) => x.square(), tensor([1, 2]))
    expect(thrown(() => back(ones([3])))).toBe('ShapeError: back: the cotangent must have the shape of the result: [3] for [2].')
    expect(thrown(() => back(ones([])))).toBe('ShapeError: back: the cotangent must have the shape of the result: [] for [2].')
    expect(thrown(() => back(5 as never))).toBe('TypeError: back: a tensor is needed: number. Make one with tensor(...).')
    expect(back()[0].toArray()).toEqual([2, 4])
    back.dispose()
  })
})

describe('what was saved and is written since', () => {
  test('is an error after update, not a gradient of the new weights', () => {
    const w = tensor([3])
    const [, back] = pullback((x: Tensor) => x.mul(w).square(), tensor([2]))
    update(Descent(0.1), w, tensor([1]))
    const before = memory()
    expect(thrown(() => back())).toBe(stale('mul'))
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
    back.dispose()
  })

  test('is an error after assign and loadState', () => {
    const w = tensor([3])
    const writes: (() => unknown)[] = [() => w.assign(tensor([4])), () => loadState({ w }, { w: tensor([5]) })]
    for (const write of writes) {
      const [, back] = pullback((x: Tensor) => x.mul(w), tensor([2]))
      expect(back()[0].toArray()).toEqual(w.toArray())
      write()
      expect(thrown(() => back())).toBe(stale('mul'))
      back.dispose()
    }
  })

  test('is noticed through a view of it', () => {
    const w = tensor([3, 4])
    const [, back] = pullback((x: Tensor) => x.mul(w.reshape([1, 2])), tensor([[1, 1]]))
    w.assign(tensor([5, 6]))
    expect(thrown(() => back())).toBe(stale('mul'))
    back.dispose()
  })

  test('does not matter where the pullback does not read it', () => {
    const w = tensor([3])
    const [, back] = pullback((x: Tensor) => x.add(w), tensor([2]))
    w.assign(tensor([4]))
    expect(back()[0].toArray()).toEqual([1])
    back.dispose()
  })

  test('does not matter for the gradients of a loss, which were taken before', () => {
    const w = tensor([3])
    for (let i = 0; i < 3; i++) {
      const [g] = gradient(x => x.square().sum(), w)
      expect(g.item()).toBeCloseTo(2 * w.item(), 6)
      update(Descent(0.1), w, g)
    }
    expect(w.item()).toBeCloseTo(3 * 0.8 ** 3, 5)
  })
})
