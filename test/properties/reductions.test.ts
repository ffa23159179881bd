import fc from 'fast-check'
import * as flux from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { along, average, logSoftmax, logTotal, map, product, reduce, softmax, spread, total } from '../gradients/float64.ts'
import { axesOf, expectClose, filled, holds, shapes, sizeFrom1, toTensor } from './holds.ts'

/** The library by name. */
const library = { ...flux }

/** A shape, some of its axes in any order and from either end, and keepDims. */
const cases = (each?: fc.Arbitrary<number>) =>
  shapes(5, 0, each).chain(shape =>
    fc
      .tuple(fc.constant(shape), axesOf(shape), fc.infiniteStream(fc.boolean()), fc.boolean(), fc.nat(1000))
      .map(([, axes, flips, keepDims, seed]) => {
        const named = axes.map(axis => (flips.next().value ? axis - shape.length : axis))
        return { shape, axes, named: flips.next().value ? named.reverse() : named, keepDims, seed }
      }),
  )

type Reduction = 'sum' | 'mean' | 'prod' | 'logSumExp' | 'variance' | 'norm' | 'max' | 'min'

type Value = (x: number) => number

const asItIs: Value = x => x
const nearOne: Value = x => 1 + x / 64

/** The operation, the same of a list, the tolerance, and how numbers are brought to where they do not overflow. */
const reductions: readonly (readonly [Reduction, (values: readonly number[]) => number, number, Value])[] = [
  ['sum', total, 0, asItIs],
  ['mean', average, 1e-7, asItIs],
  ['prod', product, 1e-5, nearOne],
  ['variance', values => spread(values), 2e-6, asItIs],
  ['norm', values => Math.hypot(...values), 4e-7, asItIs],
]
const ofSome: typeof reductions = [
  ['max', values => Math.max(...values), 0, asItIs],
  ['min', values => Math.min(...values), 0, asItIs],
  ['logSumExp', logTotal, 4e-7, asItIs],
]

describe('reductions over any axes', () => {
  it.each(reductions)('%s is that of the reference, of nothing, too', (name, f, tolerance, value) => {
    holds(cases(), ({ shape, axes, named, keepDims, seed }) => {
      const x = map(map(filled(shape, seed), value), Math.fround)
      const largest = name === 'prod' ? 0 : 16
      expectClose(library[name](toTensor(x), named, { keepDims }), reduce(x, axes, f, keepDims), tolerance, largest)
    })
  })

  it.each(ofSome)('%s is that of the reference', (name, f, tolerance) => {
    holds(cases(sizeFrom1), ({ shape, axes, named, keepDims, seed }) => {
      const x = filled(shape, seed)
      expectClose(library[name](toTensor(x), named, { keepDims }), reduce(x, axes, f, keepDims), tolerance, 4)
    })
  })

  it.each(['argMax', 'argMin'] as const)('%s names the first of the extremes', name => {
    holds(fc.tuple(shapes(4, 1, sizeFrom1), fc.nat(3), fc.boolean(), fc.nat(1000)), ([shape, which, keepDims, seed]) => {
      const axis = which % shape.length
      const { data } = filled(shape, seed)
      const x = { shape, data: data.map(Math.round) }
      const extreme = name === 'argMax' ? Math.max : Math.min
      const result = library[name](toTensor(x), axis, { keepDims })
      expect(result.dtype).toBe('int32')
      expectClose(
        result,
        reduce(x, [axis], values => values.indexOf(extreme(...values)), keepDims),
      )
    })
  })

  it.each(['argMax', 'argMin'] as const)('%s names the first of the extremes and the first NaN in rows of any length', name => {
    const row = fc
      .integer({ min: 1, max: 600 })
      .chain(n => fc.tuple(fc.constant(n), fc.array(fc.nat(n - 1), { maxLength: 4 }), fc.nat(1000)))
    holds(fc.tuple(row, fc.constantFrom('extremes', 'NaN', 'int32')), ([[n, places, seed], kind]) => {
      const { data } = filled([n], seed)
      const sign = name === 'argMax' ? 1 : -1
      const values = data.map(value => Math.round(value))
      for (const place of places) values[place] = kind === 'NaN' ? Number.NaN : sign * 1e6
      const extreme = name === 'argMax' ? Math.max : Math.min
      const nan = values.findIndex(Number.isNaN)
      const wanted = nan >= 0 ? nan : values.indexOf(values.reduce((a, b) => extreme(a, b)))
      const x = flux.tensor(values, undefined, { dtype: kind === 'int32' ? 'int32' : 'float32' })
      expect(library[name](x).item()).toBe(wanted)
    })
  })

  it('softmax and logSoftmax go along any axis', () => {
    holds(fc.tuple(shapes(4, 1, sizeFrom1), fc.nat(3), fc.nat(1000)), ([shape, which, seed]) => {
      const axis = which % shape.length
      const x = filled(shape, seed)
      expectClose(flux.softmax(toTensor(x), axis), along(x, axis, softmax), 4e-7)
      expectClose(flux.logSoftmax(toTensor(x), axis - shape.length), along(x, axis, logSoftmax), 4e-7, 8)
    })
  })

  it('the parts of a sum add up: sum over some axes, then the others, is the sum of all', () => {
    holds(cases(), ({ shape, axes, seed }) => {
      const x = filled(shape, seed)
      expect(flux.sum(flux.sum(toTensor(x), axes)).item()).toBe(total([...x.data]))
    })
  })

  it('a long sum is right wherever it is cut', () => {
    holds(
      fc.tuple(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 1, max: 6 }), fc.nat(1000)),
      ([n, inner, seed]) => {
        const x = filled([n, inner], seed)
        expectClose(flux.sum(toTensor(x), 0), reduce(x, [0], total))
        expectClose(flux.sum(toTensor(x).reshape([n * inner])), reduce(x, [0, 1], total))
      },
      20,
    )
  })
})
