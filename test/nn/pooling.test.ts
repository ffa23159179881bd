// Pooling against plain loops, bit by bit, and its layers in models.
import {
  AdaptiveMeanPool,
  arange,
  Chain,
  Dense,
  Flatten,
  full,
  GlobalMeanPool,
  globalMaxPool,
  gradient,
  MaxPool,
  type MaxPoolOptions,
  MeanPool,
  maxPool,
  meanPool,
  outputSize,
  PixelShuffle,
  pullback,
  randn,
  relu,
  summary,
  type Tensor,
  tensor,
  Upsample,
  upsample,
} from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { randomness } from '../internal/kernel-trials.ts'

/** The largest of each window of planes [h, w], and to which element its cotangent goes. */
function plain(x: Tensor, [kh, kw]: number[], [sh, sw]: number[], [ph, pw]: number[]) {
  const [n, c, h, w] = x.shape
  const values = x.data()
  const [rows, columns] = [Math.floor((h + 2 * ph - kh) / sh) + 1, Math.floor((w + 2 * pw - kw) / sw) + 1]
  const [largest, means]: number[][] = [[], []]
  const places: number[] = []
  for (let plane = 0; plane < n * c; plane++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let [best, at, sum] = [Number.NEGATIVE_INFINITY, -1, 0]
        for (let a = Math.max(0, i * sh - ph); a < Math.min(h, i * sh - ph + kh); a++) {
          for (let b = Math.max(0, j * sw - pw); b < Math.min(w, j * sw - pw + kw); b++) {
            const value = values[(plane * h + a) * w + b]
            sum += value
            if (at >= 0 && value <= best) continue
            best = value
            at = (plane * h + a) * w + b
          }
        }
        largest.push(best)
        places.push(at)
        means.push(Math.fround(sum / (kh * kw)))
      }
    }
  }
  return { largest, places, means }
}

test('windows of every kind give what plain loops give', () => {
  const random = randomness(7)
  const below = (n: number) => Math.floor(n * random())
  for (let trial = 0; trial < 60; trial++) {
    const [kh, kw] = trial % 3 === 0 ? [2, 2] : [1 + below(3), 1 + below(4)]
    const [sh, sw] = trial % 3 === 0 ? [2, 2] : [1 + below(3), 1 + below(3)]
    const [ph, pw] = trial % 3 === 0 ? [0, 0] : [below(kh), below(kw)]
    // Whole numbers have equals among them.
    const x = randn([1 + below(2), 1 + below(3), kh + below(7), kw + below(18)])
      .mul(trial % 2 === 0 ? 1 : 2)
      .round()
    const options = { stride: [sh, sw], pad: [ph, pw] }
    const { largest, places, means } = plain(x, [kh, kw], [sh, sw], [ph, pw])
    const [y, back] = pullback(z => maxPool(z, [kh, kw], options), x)
    const g = arange(y.size).add(1).reshape(y.shape)
    const wanted = new Array<number>(x.size).fill(0)
    places.forEach((place, i) => {
      wanted[place] += i + 1
    })
    const said = `${x.shape} by ${[kh, kw, sh, sw, ph, pw]}`
    expect([said, ...y.data()]).toEqual([said, ...largest])
    expect([said, ...maxPool(x, [kh, kw], options).data()]).toEqual([said, ...largest])
    expect([said, ...back(g)[0].data()]).toEqual([said, ...wanted])
    expect([said, ...meanPool(x, [kh, kw], options).data()]).toEqual([said, ...means])
    back.dispose()
  }
})

describe('maxPool', () => {
  const first = [[[[Number.NaN, 1, 5, 5, -9, -9]]]]

  test.each<[string, MaxPoolOptions | undefined]>([
    ['side by side', undefined],
    ['two on, one column padded', { stride: [1, 2], pad: [0, 0, 0, 1] }],
  ])('lets a NaN through, and gives the first of equals the gradient: %s', (_, options) => {
    const x = tensor(first)
    expect(maxPool(x, [1, 2], options).toArray()).toEqual([[[[Number.NaN, 5, -9]]]])
    expect(gradient(z => maxPool(z, [1, 2], options).sum(), x)[0].toArray()).toEqual([[[[1, 0, 1, 0, 1, 0]]]])
  })

  test('keeps -Infinity where nothing else is, and the gradient has a place', () => {
    const x = full([1, 1, 2, 8], Number.NEGATIVE_INFINITY)
    expect(maxPool(x, 2).data()).toEqual(new Float32Array(4).fill(Number.NEGATIVE_INFINITY))
    expect(
      gradient(z => maxPool(z, 2).maximum(0).sum(), x)[0]
        .sum()
        .item(),
    ).toBe(0)
    expect(gradient(z => maxPool(z, 2).sum(), x)[0].toArray()).toEqual([[[[1, 0, 1, 0, 1, 0, 1, 0], new Array(8).fill(0)]]])
  })

  test('of whole numbers and of bools is float32', () => {
    expect([maxPool(arange(4).reshape([1, 1, 4]).cast('int32'), 2).dtype, globalMaxPool(tensor([[[true]]])).dtype]).toEqual([
      'float32',
      'float32',
    ])
  })
})

test('layers print as they are written, without defaults', () => {
  const text = [
    MaxPool(2),
    MaxPool([2, 2], { stride: [2, 2], pad: 0 }),
    MeanPool([3, 3], { stride: 1, pad: 'same', countPadding: false }),
    MeanPool(2, { countPadding: true }),
    AdaptiveMeanPool([7, 7]),
    GlobalMeanPool(),
    Upsample('bilinear', { scale: 2, alignCorners: false }),
    Upsample('nearest', { size: [8, 9] }),
    PixelShuffle(3),
    Flatten(),
  ].map(String)
  expect(text).toEqual([
    'MaxPool(2)',
    'MaxPool([2, 2], { stride: [2, 2] })',
    "MeanPool([3, 3], { stride: 1, pad: 'same', countPadding: false })",
    'MeanPool(2)',
    'AdaptiveMeanPool([7, 7])',
    'GlobalMeanPool()',
    "Upsample('bilinear', { scale: 2, alignCorners: false })",
    "Upsample('nearest', { size: [8, 9] })",
    'PixelShuffle(3)',
    'Flatten()',
  ])
})

test('sizes of models are known without computing', () => {
  const model = Chain(
    MaxPool([2, 2]),
    relu,
    MeanPool(3, { stride: 1, pad: 1 }),
    Upsample('bilinear', { scale: 2 }),
    AdaptiveMeanPool([3, 5]),
    Flatten(),
    Dense(15, 2),
  )
  expect(outputSize(model, [4, 1, 12, 14])).toEqual([4, 2])
  expect(outputSize(Chain(PixelShuffle(2), Upsample('nearest', { size: [3, 5] }), GlobalMeanPool()), [4, 8, 12, 14])).toEqual([4, 2, 1, 1])
  expect(summary(model, [4, 1, 12, 14])).toContain('MaxPool([2, 2])')
})

test('upsample keeps the type where elements are repeated', () => {
  const x = tensor(Int32Array.of(1, 2, 3), [1, 1, 3])
  expect([upsample(x, 'nearest', { size: 6 }), upsample(x, 'nearest', { size: 4 })].map(y => [y.dtype, y.toArray()])).toEqual([
    ['int32', [[[1, 1, 2, 2, 3, 3]]]],
    ['int32', [[[1, 1, 2, 3]]]],
  ])
})

test('an element that lies where one of x does is that one, whatever its neighbours are', () => {
  const x = tensor([[[1, Number.NEGATIVE_INFINITY, 2]]])
  expect(upsample(x, 'linear', { size: 5 }).toArray()).toEqual([[[1, -Infinity, -Infinity, -Infinity, 2]]])
  expect(upsample(x, 'linear', { size: 6, alignCorners: false }).toArray()).toEqual([[[1, -Infinity, -Infinity, -Infinity, -Infinity, 2]]])
})
