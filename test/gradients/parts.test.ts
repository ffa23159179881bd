// Parts of one tensor: their cotangents are added where they belong in one sum, or, where a gradient around differentiates the walk, as wholes.
import { gradient, pullback, scope, split, stack, sum, type Tensor, tensor } from 'fluxtape'
import { describe, expect, it } from 'vitest'

const cuts: Readonly<Record<string, (x: Tensor) => Tensor[]>> = {
  'that do not overlap': x => split(x, 3, 1),
  'that overlap': x => [x.slice('0:2'), x.slice('1:3'), x.slice('0:3, 1:4')],
  'with gaps and backwards': x => [x.slice('::2, ::-1'), x.slice('::-1, ::3'), x.slice('1, 1:5:2')],
  'of all of it': x => [x.slice(':'), x.slice('::-1, ::-1'), x.mul(2)],
  'of parts': x => split(x, 2, 0).flatMap(half => split(half, 2, 2)),
  'of a transposition': x => split(x.transpose(), 2, 2),
  'that are nothing': x => [x.slice('0:0'), x.slice(':, 2:1'), x.slice('0')],
}

const numbers = Float32Array.from({ length: 4 * 6 * 2 }, (_, i) => Math.sin(1 + i))
/** Every part counts with a power of its own. */
const loss = (cut: (x: Tensor) => Tensor[]) => (x: Tensor) =>
  sum(
    stack(
      cut(x).map((part, i) =>
        sum(
          part
            .mul(part)
            .mul(part.pow(i + 1))
            .mul(i + 1),
        ),
      ),
    ),
  )

describe('the gradient by parts', () => {
  it.each(Object.entries(cuts))('%s is the one that a gradient around sees', (_, cut) => {
    scope(() => {
      const x = tensor(numbers, [4, 6, 2])
      const f = loss(cut)
      const [alone] = gradient(f, x) as [Tensor]
      let inside: number[] = []
      gradient(z => {
        const [own] = gradient(f, z) as [Tensor]
        inside = Array.from(own.data())
        return sum(own)
      }, x)
      const got = Array.from(alone.data())
      expect(got.some(value => value !== 0)).toBe(true)
      got.forEach((value, i) => expect(value).toBeCloseTo(inside[i], 5))
    })
  })

  it('leaves the cotangent alone that the user passes, and what others hold of it', () => {
    scope(() => {
      const x = tensor([1, 2, 3, 4])
      const cotangent = tensor([10, 20, 30, 40])
      const [, back] = pullback(z => z.add(0).slice('0:4').add(z.slice('::-1')), x)
      expect(back(cotangent)[0].toArray()).toEqual([50, 50, 50, 50])
      expect(back(cotangent)[0].toArray()).toEqual([50, 50, 50, 50])
      expect(cotangent.toArray()).toEqual([10, 20, 30, 40])
      // z + z hands one cotangent to both.
      const [twice] = gradient(
        z =>
          sum(
            z
              .add(z)
              .mul(tensor([1, 2, 3, 4]))
              .add(z.slice('::-1').mul(tensor([1, 0, 0, 0]))),
          ),
        x,
      )
      expect(twice?.toArray()).toEqual([2, 4, 6, 9])
      back.dispose()
    })
  })
})
