import fc from 'fast-check'
import * as flux from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { at, broadcastShape, build, reduce, reshape, total, zip } from '../gradients/float64.ts'
import { expectClose, filled, holds, shapes, toTensor } from './holds.ts'

/** The library by name. */
const library = { ...flux }

/** Two shapes of one that both broadcast to: sizes become 1, leading axes go. */
const pairs = fc.tuple(shapes(5), fc.infiniteStream(fc.boolean()), fc.nat(5), fc.nat(5)).map(([shape, ones, dropA, dropB]) => {
  const some = (drop: number) => shape.map(size => (ones.next().value ? 1 : size)).slice(Math.min(drop >> 1, shape.length))
  return [some(dropA), some(dropB)] as const
})

const operations = {
  add: (x: number, y: number) => x + y,
  sub: (x: number, y: number) => x - y,
  mul: (x: number, y: number) => x * y,
  maximum: (x: number, y: number) => Math.max(x, y),
  minimum: (x: number, y: number) => Math.min(x, y),
}
const comparisons = {
  equal: (x: number, y: number) => Number(x === y),
  less: (x: number, y: number) => Number(x < y),
  lessEqual: (x: number, y: number) => Number(x <= y),
  greater: (x: number, y: number) => Number(x > y),
}
const names = Object.keys(operations) as (keyof typeof operations)[]
const comparisonNames = Object.keys(comparisons) as (keyof typeof comparisons)[]

describe('broadcasting', () => {
  it('pairs elements as the reference does, for any two shapes that fit', () => {
    holds(
      fc.tuple(pairs, fc.constantFrom(...names), fc.nat(1000)),
      ([[a, b], name, seed]) => {
        const [x, y] = [filled(a, seed), filled(b, seed + 1)]
        expectClose(library[name](toTensor(x), toTensor(y)), zip(x, y, operations[name]))
      },
      100,
    )
  })

  it('compares elements as the reference does', () => {
    holds(fc.tuple(pairs, fc.constantFrom(...comparisonNames), fc.nat(1000)), ([[a, b], name, seed]) => {
      const few = (shape: readonly number[], at: number) => ({ shape, data: filled(shape, at).data.map(Math.round) })
      const [x, y] = [few(a, seed), few(b, seed + 1)]
      const result = library[name](toTensor(x), toTensor(y))
      expect(result.dtype).toBe('bool')
      expectClose(result, zip(x, y, comparisons[name]))
    })
  })

  it('chooses with a condition of any shape that fits', () => {
    holds(fc.tuple(pairs, shapes(1), fc.nat(1000)), ([[a, b], [last = 1], seed]) => {
      const result = broadcastShape(a, b)
      const c = result.slice(-1).map(size => (last % 2 === 0 ? 1 : size))
      const [mask, x, y] = [filled(c, seed), filled(a, seed + 1), filled(b, seed + 2)]
      const wanted = build(broadcastShape(c, a, b), index => at(at(mask, index) > 0 ? x : y, index))
      expectClose(flux.where(flux.greater(toTensor(mask), 0), toTensor(x), toTensor(y)), wanted)
    })
  })

  it('sums a gradient over what was repeated: <broadcastTo(x), y> = <x, its gradient>', () => {
    holds(fc.tuple(pairs, fc.nat(1000)), ([[a, b], seed]) => {
      const to = broadcastShape(a, b)
      const [x, y] = [filled(a, seed), filled(to, seed + 1)]
      const [, back] = flux.pullback(each => flux.broadcastTo(each, to), toTensor(x))
      const [gradient] = back(toTensor(y))
      back.dispose()
      const lead = to.length - a.length
      const axes = [...to.keys()].filter(axis => axis < lead || (a[axis - lead] === 1 && to[axis] !== 1))
      expect(gradient).toBeDefined()
      expectClose(gradient as flux.Tensor, reshape(reduce(y, axes, total), a))
    })
  })

  it('throws a ShapeError for two shapes that do not fit, and loses nothing', () => {
    holds(fc.tuple(shapes(3), fc.integer({ min: 2, max: 5 })), ([shape, size]) => {
      const [x, y] = [build([...shape, size], () => 1), build([size + 1], () => 1)]
      expect(() => flux.add(toTensor(x), toTensor(y))).toThrow(flux.ShapeError)
    })
  })
})
