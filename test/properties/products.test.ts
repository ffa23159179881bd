import fc from 'fast-check'
import * as flux from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { map, matmul, reshape, sizeOf, transpose, zip } from '../gradients/float64.ts'
import { expectClose, filled, holds, shapes, size, toTensor } from './holds.ts'

const length = fc.oneof(size, fc.integer({ min: 1, max: 40 }))
const seed = fc.nat(1000)

/** Two batches that broadcast against each other. */
const batches = fc
  .tuple(shapes(2, 0, fc.integer({ min: 0, max: 3 })), fc.infiniteStream(fc.boolean()), fc.boolean())
  .map(([batch, ones, whole]) => {
    const some = () => (whole ? batch : batch.map(n => (ones.next().value ? 1 : n)))
    return [some(), ones.next().value ? some() : []] as const
  })

describe('matrix products', () => {
  it('are those of three loops, for any sizes, batches and transpositions', () => {
    const cases = fc.tuple(batches, length, length, length, fc.boolean(), fc.boolean(), fc.boolean(), seed)
    holds(
      cases,
      ([[left, right], M, K, N, transposeLeft, transposeRight, lazily, n]) => {
        const a = filled([...left, ...(transposeLeft ? [K, M] : [M, K])], n)
        const b = filled([...right, ...(transposeRight ? [N, K] : [K, N])], n + 1)
        const wanted = matmul(transposeLeft ? transpose(a) : a, transposeRight ? transpose(b) : b)
        const [x, y] = [toTensor(a), toTensor(b)]
        const turned = (z: flux.Tensor, turn: boolean) => (turn ? z.transpose() : z)
        const product = lazily
          ? flux.matmul(turned(x, transposeLeft), turned(y, transposeRight))
          : flux.matmul(x, y, { transposeLeft, transposeRight })
        expectClose(product, wanted)
      },
      100,
    )
  })

  it('of vectors leave their axis out', () => {
    holds(fc.tuple(length, length, shapes(2), seed), ([K, N, batch, n]) => {
      const [row, column, matrix] = [filled([K], n), filled([K], n + 1), filled([...batch, K, N], n + 2)]
      expectClose(flux.matmul(toTensor(row), toTensor(column)), reshape(matmul(reshape(row, [1, K]), reshape(column, [K, 1])), []))
      expectClose(flux.matmul(toTensor(row), toTensor(matrix)), reshape(matmul(reshape(row, [1, K]), matrix), [...batch, N]))
      const turned = transpose(matrix)
      expectClose(flux.matmul(toTensor(turned), toTensor(column)), reshape(matmul(turned, reshape(column, [K, 1])), [...batch, N]))
    })
  })

  // Some so large that they are taken in pieces: of the batch, of rows, of columns.
  it('of integers are exact', () => {
    const count = fc.integer({ min: 0, max: 90 })
    const whole: Readonly<Record<'int32' | 'uint8' | 'bool', (x: number) => number>> = {
      int32: x => 400 * x,
      uint8: x => Math.abs(16 * x),
      bool: x => Number(x > 0),
    }
    const dtypes = fc.constantFrom('int32' as const, 'uint8' as const, 'bool' as const)
    holds(
      fc.tuple(fc.integer({ min: 1, max: 4 }), count, count, count, dtypes, seed),
      ([B, M, K, N, dtype, n]) => {
        const [a, b] = [filled([B, M, K], n), filled([B, K, N], n + 1)].map(x => map(x, whole[dtype]))
        const wanted = matmul(a, b)
        const [x, y] = [a, b].map(each => toTensor(each).cast(dtype))
        const [z, turned] = [flux.einsum('bij,bjk->bik', x, y), flux.einsum('kjb,ijb->ikb', y.permute([2, 1, 0]), x.permute([1, 2, 0]))]
        expect([z.dtype, turned.dtype]).toEqual(['int32', 'int32'])
        expectClose(z, wanted)
        expectClose(turned.permute([2, 0, 1]), wanted)
        expect(x.slice('0').dot(y.slice('0')).data()).toEqual(z.slice('0').data())
      },
      25,
    )
  })

  it('linear is a product and a sum', () => {
    holds(fc.tuple(shapes(3), length, length, fc.boolean(), seed), ([batch, inputs, outputs, biased, n]) => {
      const [x, w, b] = [filled([...batch, inputs], n), filled([outputs, inputs], n + 1), filled([outputs], n + 2)]
      const rows = matmul(reshape(x, [sizeOf(batch), inputs]), transpose(w))
      const y = reshape(rows, [...batch, outputs])
      const wanted = biased ? zip(y, b, (p, q) => p + q) : y
      expectClose(flux.linear(toTensor(x), toTensor(w), biased ? toTensor(b) : undefined), wanted)
    })
  })
})
