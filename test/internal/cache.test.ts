import { describe, expect, it } from 'vitest'
import { add, Chain, concat, layer, memory, ones, type Tensor, tensor, zeros } from '../../src/index.ts'
import { Cache, cachePart, carried, declineCache, withCache } from '../../src/nn/cache.ts'

/** The running sum along time of [batch, time], carried on by the seam that recurrent layers use. */
const Sum = () =>
  layer('Sum', {}, (self, x: Tensor, ...given: Tensor[]) => {
    const run = ([before = zeros([x.shape[0], 1])]: readonly Tensor[] = []) => {
      const y = add(x.cumsum(1), before)
      return [y, y.slice(':, -1:')]
    }
    return carried(self, given.length > 0 ? given : undefined, run)[0]
  })

/** Adds to each entry of [batch, time] its position. */
const Count = () =>
  layer('Count', {}, (self, x: Tensor) => {
    const from = cachePart(self)?.advance(x.shape[1]) ?? 0
    return x.add(tensor([Array.from({ length: x.shape[1] }, (_, i) => from + i)]))
  })

const x = tensor([
  [1, 2, 3, 4],
  [5, 6, 7, 8],
])
const piece = (from: number, to: number) => x.slice(`:, ${from}:${to}`)
const inPieces = (f: (x: Tensor) => Tensor, cache = Cache()) =>
  concat(
    [piece(0, 2), piece(2, 3), piece(3, 4)].map(each => withCache(cache, () => f(each))),
    1,
  ).toArray()

describe('a cache', () => {
  it.each([
    ['a carried state', Sum()],
    ['positions', Count()],
    ['both', Chain(Count(), Sum(), Count())],
  ])('gives by pieces what the whole gives: %s', (_, model: (x: Tensor) => Tensor) => {
    expect(inPieces(model)).toEqual(model(x).toArray())
  })

  it('keeps a part for each place of a layer that stands in several', () => {
    const [sum, count] = [Sum(), Count()]
    const model = Chain(sum, count, sum, count)
    expect(inPieces(model)).toEqual(model(x).toArray())
  })

  it('goes on as before where a call fails', () => {
    const sum = Sum()
    const cache = Cache()
    withCache(cache, () => sum(piece(0, 2)))
    const fails = () =>
      withCache(cache, () => {
        sum(piece(2, 4))
        throw new Error('mine')
      })
    expect(fails).toThrow('mine')
    expect(withCache(cache, () => sum(piece(2, 3))).toArray()).toEqual([[6], [18]])
  })

  it('is closed outside of the call, where a layer keeps nothing', () => {
    const sum = Sum()
    withCache(Cache(), () => sum(x))
    expect(sum(piece(0, 1)).toArray()).toEqual([[1], [5]])
    expect(cachePart(sum)).toBeUndefined()
  })

  it('takes a state that was given before the one that it keeps', () => {
    const sum = Sum()
    const cache = Cache()
    withCache(cache, () => sum(piece(0, 2)))
    expect(withCache(cache, () => sum(piece(0, 1), ones([2, 1]))).toArray()).toEqual([[2], [6]])
    expect(withCache(cache, () => sum(piece(2, 3))).toArray()).toEqual([[6], [18]])
  })

  it('frees what it keeps, and begins anew', () => {
    const sum = Sum()
    const cache = Cache()
    const before = memory().tensors
    withCache(cache, () => void sum(x))
    expect(memory().tensors).toBe(before + 1)
    cache.dispose()
    expect(memory().tensors).toBe(before)
    expect(withCache(cache, () => sum(piece(0, 1))).toArray()).toEqual([[1], [5]])
    cache.dispose()
  })

  it('keeps its tensors beyond a scope, and one cache within another', () => {
    const sum = Sum()
    const [outer, inner] = [Cache(), Cache()]
    const two = (from: number) =>
      withCache(outer, () => [sum(piece(from, from + 1)), withCache(inner, () => sum(piece(from, from + 1).mul(2)))].map(y => y.toArray()))
    two(0)
    expect(two(1)).toEqual([
      [[3], [11]],
      [[6], [22]],
    ])
  })

  it('refuses a layer whose values depend on later ones', () => {
    const both = layer('Both', {}, (_, y: Tensor) => {
      declineCache('Both', 'it looks ahead', 'Leave it out.')
      return y
    })
    expect(both(x)).toBe(x)
    expect(() => withCache(Cache(), () => both(x))).toThrow('Both: there is a cache, and it looks ahead. Leave it out.\nin Both')
  })
})
