import fc from 'fast-check'
import type { Tensor } from 'fluxtape'
import * as flux from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { build, concat, permute, read, reshape, sizeOf, transpose } from '../gradients/float64.ts'
import { expectClose, filled, holds, shapes, size, sizeFrom1, toFloat64, toTensor } from './holds.ts'

const seed = fc.nat(1000)
const permutationOf = (rank: number) => fc.shuffledSubarray([...new Array<number>(rank).keys()], { minLength: rank, maxLength: rank })
const permuted = shapes(5).chain(shape => fc.tuple(fc.constant(shape), permutationOf(shape.length), seed))

/** A slice entry and the indices that it means on an axis of the given size, by Python's rules. */
const entry = (length: number): fc.Arbitrary<{ entry: number | (number | null)[]; indices: number[]; goes: boolean }> => {
  const bound = fc.option(fc.integer({ min: -length - 2, max: length + 2 }))
  const range = fc.tuple(bound, bound, fc.constantFrom(null, 1, 2, 3, -1, -2)).map(([from, to, by]) => {
    const step = by ?? 1
    const clip = (value: number, low: number, high: number) => Math.min(Math.max(value < 0 ? value + length : value, low), high)
    const indices: number[] = []
    if (step > 0) for (let i = clip(from ?? 0, 0, length); i < (to === null ? length : clip(to, 0, length)); i += step) indices.push(i)
    else
      for (let i = from === null ? length - 1 : clip(from, -1, length - 1); i > (to === null ? -1 : clip(to, -1, length - 1)); i += step)
        indices.push(i)
    return { entry: [from, to, by], indices, goes: false }
  })
  if (length === 0) return range
  const index = fc.integer({ min: -length, max: length - 1 }).map(i => ({ entry: i, indices: [i < 0 ? i + length : i], goes: true }))
  return fc.oneof({ arbitrary: range, weight: 3 }, { arbitrary: index, weight: 1 })
}

/** Moving changes no bit. */
const same = (x: Tensor, wanted: ReturnType<typeof filled>) => expectClose(x, wanted)

describe('moving values about', () => {
  it('reshape to any shape of the same size and back changes nothing', () => {
    holds(fc.tuple(shapes(4), fc.nat(3), seed), ([shape, at, n]) => {
      const x = filled(shape, n)
      const split = [...shape.slice(0, at), 1, ...shape.slice(at)].reverse()
      const y = flux.reshape(toTensor(x), split)
      same(y, reshape(x, split))
      same(flux.reshape(y, shape), x)
      same(y.flatten(0), reshape(x, [sizeOf(shape)]))
      same(y.expandDims(-1).squeeze(-1), reshape(x, split))
    })
  })

  it('permute is that of the reference, and its inverse undoes it', () => {
    holds(permuted, ([shape, axes, n]) => {
      const x = filled(shape, n)
      const y = flux.permute(toTensor(x), axes)
      same(y, permute(x, axes))
      same(
        flux.permute(
          y,
          axes.map((_, i) => axes.indexOf(i)),
        ),
        x,
      )
    })
  })

  it('permute moves ints and bools alike', () => {
    holds(permuted, ([shape, axes, n]) => {
      const x = { shape, data: filled(shape, n).data.map(Math.round) }
      const flags = { shape, data: x.data.map(value => Number(value !== 0)) }
      same(flux.permute(toTensor(x).cast('int32'), axes), permute(x, axes))
      same(flux.permute(toTensor(x).cast('bool'), axes), permute(flags, axes))
    })
  })

  it('transpose is that of the reference, and twice is nothing', () => {
    holds(fc.tuple(shapes(4, 2), seed), ([shape, n]) => {
      const x = filled(shape, n)
      same(flux.transpose(toTensor(x)), transpose(x))
      same(flux.transpose(flux.transpose(toTensor(x))), x)
    })
  })

  it('a transposition that waits keeps its values when the source is written, read before or not', () => {
    holds(fc.tuple(shapes(3, 2), fc.boolean(), fc.boolean(), seed), ([shape, first, viewed, n]) => {
      const [before, after] = [filled(shape, n), filled(shape, n + 1)]
      const source = toTensor(before)
      const turned = flux.transpose(viewed ? source.reshape(shape) : source)
      if (first) turned.data()
      flux.assign(source, toTensor(after))
      same(turned, transpose(before))
      same(source, after)
      same(flux.transpose(source), transpose(after))
    })
  })

  it('a transposition that waits outlives its source', () => {
    holds(fc.tuple(shapes(3, 2), seed), ([shape, n]) => {
      const source = toTensor(filled(shape, n))
      const turned = flux.transpose(source)
      source.dispose()
      toTensor(filled(shape, n + 1))
      same(turned, transpose(filled(shape, n)))
    })
  })

  it('slice reads what Python would, for any entries', () => {
    const cases = shapes(4).chain(shape => fc.tuple(fc.constant(shape), fc.tuple(...shape.map(entry)), seed))
    holds(
      cases,
      ([shape, entries, n]) => {
        const x = filled(shape, n)
        const whole = build(
          entries.map(each => each.indices.length),
          index =>
            read(
              x,
              index.map((i, axis) => entries[axis].indices[i]),
            ),
        )
        const wanted = reshape(
          whole,
          entries.flatMap(({ goes, indices }) => (goes ? [] : [indices.length])),
        )
        same(
          flux.slice(
            toTensor(x),
            entries.map(each => each.entry),
          ),
          wanted,
        )
      },
      100,
    )
  })

  it('concat joins as the reference does, and split takes it apart again', () => {
    const cases = fc.tuple(shapes(4, 1), fc.nat(3), fc.array(size, { minLength: 1, maxLength: 4 }), seed)
    holds(cases, ([shape, which, sizes, n]) => {
      const axis = which % shape.length
      const parts = sizes.map((length, i) => filled(shape.with(axis, length), n + i))
      const filledParts = parts.filter((_, i) => sizes[i] > 0)
      const joined = flux.concat(parts.map(toTensor), axis - shape.length)
      if (filledParts.length > 0) same(joined, concat(filledParts, axis))
      flux.split(joined, sizes, axis).forEach((part, i) => same(part, parts[i]))
    })
  })

  it('stack is undone by slices, and chunks put together are the whole', () => {
    const cases = fc.tuple(shapes(3, 1, sizeFrom1), fc.nat(2), fc.integer({ min: 1, max: 4 }), seed)
    holds(cases, ([shape, which, count, n]) => {
      const axis = which % shape.length
      const parts = Array.from({ length: count }, (_, i) => filled(shape, n + i))
      const stacked = flux.stack(parts.map(toTensor), axis)
      expect(stacked.shape).toEqual([...shape.slice(0, axis), count, ...shape.slice(axis)])
      parts.forEach((part, i) => same(stacked.slice([...shape.slice(0, axis).map(() => null), i]), part))
      same(flux.concat(flux.chunk(toTensor(parts[0]), count, axis), axis), parts[0])
    })
  })

  it('assign writes all elements and nothing else', () => {
    holds(fc.tuple(shapes(3), seed), ([shape, n]) => {
      const [a, b, c] = [0, 1, 2].map(i => toTensor(filled(shape, n + i)))
      flux.assign(b, a)
      same(b, toFloat64(a))
      same(c, filled(shape, n + 2))
    })
  })
})
