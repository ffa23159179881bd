// What becomes of the gradients that an update was given.
import { Adam, Descent, gradient, keep, params, setup, type Tensor, tensor, update } from 'fluxtape'
import { describe, expect, it } from 'vitest'

describe('gradients', () => {
  it('that were kept, before or after the update, stay', () => {
    const [a, b, c] = [tensor([1]), tensor([2]), tensor([3])]
    const ps = params(a, b, c)
    const grads = gradient(() => a.mul(2).add(b.mul(3)).add(c).sum(), ps)
    const first = keep(grads.get(a) as Tensor)
    update(Descent(0.1), ps, grads)
    const second = keep(grads.get(b) as Tensor)
    const third = grads.get(c) as Tensor
    for (let i = 0; i < 2; i++) gradient(() => a.sum(), ps)
    expect([first.item(), second.item(), third.released]).toEqual([2, 3, true])
  })

  it('that are the parameters themselves are not used up', () => {
    const [w, a, b] = [tensor([1, 2]), tensor([1, 2]), tensor([10, 20])]
    update(Descent(0.5), w, w)
    const model = { a, b }
    update(setup(Descent(1), model), model, { a: b, b: a })
    gradient(() => w.sum(), params(w))
    // Both steps are taken from what the parameters were.
    expect([w, a, b].map(each => each.toArray())).toEqual([
      [0.5, 1],
      [-9, -18],
      [9, 18],
    ])
  })

  it('are looked at in order, however many and large they are', () => {
    const ps = params(Array.from({ length: 40 }, (_, i) => tensor(new Float32Array(i === 7 ? 0 : 1000 * i))))
    const bad = [39, 20, 8]
    const all = [...ps]
    const grads = gradient(() => all.map(p => p.sum()).reduce((sum, each) => sum.add(each)), ps)
    for (const i of bad) {
      const g = grads.get(all[i]) as Tensor
      const numbers = g.data()
      numbers[numbers.length - 1] = i % 2 ? Number.NaN : Number.NEGATIVE_INFINITY
      g.assign(tensor(numbers))
      expect(() => update(Adam(), ps, grads)).toThrow(`update: the gradient of '${i}' is not finite`)
    }
    expect(all.every(p => p.data().every(each => each === 0))).toBe(true)
  })
})
