// Identities that hold for every operation of a kind, whatever its values: <A x, y> = <x, Aᵀ y>, and that gradients are linear.
import fc from 'fast-check'
import type { Tensor } from 'fluxtape'
import * as flux from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { axesOf, expectClose, filled, holds, shapes, sizeFrom1, toFloat64, toTensor } from './holds.ts'

const seed = fc.nat(1000)
/** <x, y>, exact for the numbers of `filled`. */
const inner = (x: Tensor, y: Tensor): number => {
  const [a, b] = [Array.from(x.data()), y.data()]
  return a.reduce((sum, value, i) => sum + value * b[i], 0)
}
const indices = (values: readonly number[], shape: readonly number[] = [values.length]) => flux.tensor(Int32Array.from(values), shape)

/** A shape, an axis of it, and how many indices along it. */
const indexed = fc
  .tuple(shapes(4, 1, sizeFrom1), fc.nat(3), fc.nat(6), fc.infiniteStream(fc.nat(999)), seed)
  .map(([shape, which, count, stream, n]) => {
    const axis = which % shape.length
    const places = (length: number) => Array.from({ length }, () => (stream.next().value as number) % shape[axis])
    return { shape, axis, count, places, n }
  })

/** <A x, y> = <x, Aᵀ y>, Aᵀ as given and as the pullback has it. */
function expectAdjoint(
  forward: (x: Tensor) => Tensor,
  adjoint: ((y: Tensor) => Tensor) | undefined,
  shape: readonly number[],
  n: number,
): void {
  const x = toTensor(filled(shape, n))
  const [ax, back] = flux.pullback(forward, x)
  const y = toTensor(filled(ax.shape, n + 1))
  const [pulled] = back(y)
  back.dispose()
  expect(pulled).toBeDefined()
  const wanted = inner(ax, y)
  expect(inner(x, pulled as Tensor)).toBe(wanted)
  if (!adjoint) return
  const own = adjoint(y)
  expect(inner(x, own)).toBe(wanted)
  expectClose(own, toFloat64(pulled as Tensor))
}

describe('adjoints', () => {
  it('of gather: scatterAdd to zeros', () => {
    holds(indexed, ({ shape, axis, count, places, n }) => {
      const at = indices(places(count))
      expectAdjoint(
        x => flux.gather(x, at, axis),
        y => flux.scatterAdd(flux.zeros(shape), at, y, axis),
        shape,
        n,
      )
    })
  })

  it('of gather with indices of two axes', () => {
    holds(indexed, ({ shape, axis, count, places, n }) => {
      const at = indices(places(2 * count), [count, 2])
      expectAdjoint(
        x => flux.gather(x, at, axis),
        y => flux.scatterAdd(flux.zeros(shape), at, y, axis),
        shape,
        n,
      )
    })
  })

  it('of scatterAdd by its updates: gather', () => {
    holds(indexed, ({ shape, axis, count, places, n }) => {
      const at = indices(places(count))
      expectAdjoint(
        updates => flux.scatterAdd(flux.zeros(shape), at, updates, axis),
        y => flux.gather(y, at, axis),
        shape.with(axis, count),
        n,
      )
    })
  })

  it('of takeAlong', () => {
    holds(indexed, ({ shape, axis, count, places, n }) => {
      const result = shape.with(axis, count)
      const at = indices(places(result.reduce((size, each) => size * each, 1)), result)
      expectAdjoint(x => flux.takeAlong(x, at, axis), undefined, shape, n)
    })
  })

  it('of sum: broadcastTo', () => {
    holds(
      shapes(4).chain(shape => fc.tuple(fc.constant(shape), axesOf(shape), seed)),
      ([shape, axes, n]) => {
        expectAdjoint(
          x => flux.sum(x, axes, { keepDims: true }),
          y => flux.broadcastTo(y, shape),
          shape,
          n,
        )
        expectAdjoint(x => flux.sum(x, axes), undefined, shape, n)
      },
    )
  })

  it('of concat: split, and of split: concat', () => {
    const cases = fc.tuple(shapes(3, 1), fc.nat(2), fc.nat(4), seed)
    holds(cases, ([shape, which, more, n]) => {
      const axis = which % shape.length
      const other = toTensor(filled(shape.with(axis, more), n + 7))
      expectAdjoint(
        x => flux.sub(flux.concat([x, other], axis), flux.concat([flux.zerosLike(x), other], axis)),
        y => flux.split(y, [shape[axis], more], axis)[0],
        shape,
        n,
      )
    })
  })

  it('of slice, permute, transpose and reshape', () => {
    holds(fc.tuple(shapes(4, 2), fc.constantFrom('1:', '::-1', '::2', ':-1'), seed), ([shape, where, n]) => {
      expectAdjoint(x => flux.slice(x, where), undefined, shape, n)
      expectAdjoint(
        x => flux.permute(x, [...shape.keys()].reverse()),
        y => flux.permute(y, [...shape.keys()].reverse()),
        shape,
        n,
      )
      expectAdjoint(x => flux.transpose(x), flux.transpose, shape, n)
      expectAdjoint(
        x => flux.flatten(x),
        y => flux.reshape(y, shape),
        shape,
        n,
      )
    })
  })
})

/** Sizes of a convolution and what it is told, all of which fit. */
const convolutions = fc
  .record({
    batch: fc.nat(2),
    groups: fc.integer({ min: 1, max: 3 }),
    inside: fc.integer({ min: 1, max: 2 }),
    outside: fc.integer({ min: 1, max: 2 }),
    axes: fc.array(
      fc.record({
        kernel: fc.integer({ min: 1, max: 3 }),
        stride: fc.integer({ min: 1, max: 3 }),
        dilation: fc.integer({ min: 1, max: 2 }),
        low: fc.nat(2),
        high: fc.nat(2),
        out: fc.integer({ min: 1, max: 3 }),
        left: fc.nat(2),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    n: seed,
  })
  .map(({ batch, groups, inside, outside, axes, n }) => {
    const least = axes.map(({ kernel, stride, dilation, low, high, out }) => (out - 1) * stride + dilation * (kernel - 1) + 1 - low - high)
    const outPad = axes.map(({ stride, left }, i) => Math.max(left % stride, 1 - least[i]))
    return {
      x: [batch, groups * inside, ...least.map((size, i) => size + outPad[i])],
      weight: [groups * outside, inside, ...axes.map(({ kernel }) => kernel)],
      told: {
        groups,
        stride: axes.map(({ stride }) => stride),
        dilation: axes.map(({ dilation }) => dilation),
        pad: axes.flatMap(({ low, high }) => [low, high]),
      },
      outPad,
      isWhole: outPad.every((each, i) => each < axes[i].stride),
      n,
    }
  })

describe('convolutions', () => {
  it('by the input: convTranspose, and by the weight', () => {
    holds(convolutions, ({ x, weight, told, outPad, isWhole, n }) => {
      const w = toTensor(filled(weight, n + 2))
      const adjoint = isWhole ? (y: Tensor) => flux.convTranspose(y, w, { ...told, outPad }) : undefined
      expectAdjoint(z => flux.conv(z, w, told), adjoint, x, n)
      const input = toTensor(filled(x, n + 3))
      expectAdjoint(z => flux.conv(input, z, told), undefined, weight, n)
    })
  })

  it('transposed, by the input: conv, and by the weight', () => {
    holds(convolutions, ({ x, weight, told, outPad, isWhole, n }) => {
      if (!isWhole) return
      const w = toTensor(filled(weight, n + 2))
      const { shape } = flux.conv(flux.zeros(x), w, told)
      expectAdjoint(
        z => flux.convTranspose(z, w, { ...told, outPad }),
        y => flux.conv(y, w, told),
        shape,
        n,
      )
      const input = toTensor(filled(shape, n + 3))
      expectAdjoint(z => flux.convTranspose(input, z, { ...told, outPad }), undefined, weight, n)
    })
  })
})

/** Functions that are not linear, of one argument. */
const functions: readonly ((x: Tensor) => Tensor)[] = [
  x => flux.sum(flux.square(x)),
  x => flux.mean(flux.tanh(x)),
  x => flux.logSumExp(x),
  x => flux.norm(x),
  x => flux.sum(flux.mul(flux.sigmoid(x), x)),
  x => flux.sum(flux.relu(flux.sub(x, 0.3))),
]
const someFunction = fc.constantFrom(...functions)
const gradientOf = (f: (x: Tensor) => Tensor, x: Tensor): Tensor => flux.gradient(f, x)[0] ?? flux.zerosLike(x)

describe('gradients are linear', () => {
  const cases = fc.tuple(shapes(3, 0, sizeFrom1), someFunction, someFunction, fc.integer({ min: -4, max: 4 }), seed)

  it('in the function: of a f + g it is a times that of f, plus that of g', () => {
    holds(cases, ([shape, f, g, a, n]) => {
      const x = toTensor(filled(shape, n))
      const both = gradientOf(z => flux.add(flux.mul(f(z), a), g(z)), x)
      const apart = flux.add(flux.mul(gradientOf(f, x), a), gradientOf(g, x))
      expectClose(both, toFloat64(apart), 1e-6, 8)
    })
  })

  it('in the cotangent: back(a u + v) is a back(u) + back(v), as often as it is called', () => {
    holds(cases, ([shape, , , a, n]) => {
      const x = toTensor(filled(shape, n))
      const [y, back] = flux.pullback(z => flux.mul(flux.tanh(z), flux.exp(flux.mul(z, 0.5))), x)
      const [u, v] = [1, 2].map(i => toTensor(filled(y.shape, n + i)))
      const pulled = (cotangent: Tensor) => back(cotangent)[0] ?? flux.zerosLike(x)
      const apart = flux.add(flux.mul(pulled(u), a), pulled(v))
      expectClose(pulled(flux.add(flux.mul(u, a), v)), toFloat64(apart), 1e-5, 16)
      back.dispose()
    })
  })

  it('in the arguments: a tensor used twice gets the sum of what two would get', () => {
    holds(cases, ([shape, f, g, , n]) => {
      const x = toTensor(filled(shape, n))
      const twice = gradientOf(z => flux.mul(f(z), g(z)), x)
      const [byFirst, bySecond] = flux.gradient((p: Tensor, q: Tensor) => flux.mul(f(p), g(q)), x, toTensor(filled(shape, n)))
      expectClose(twice, toFloat64(flux.add(byFirst ?? flux.zerosLike(x), bySecond ?? flux.zerosLike(x))), 1e-6, 16)
    })
  })
})
