// Dropout: how much it drops, along which axes, in which mode, and the same again in the pullback and in checkpoints.
import {
  AlphaDropout,
  alphaDropout,
  Chain,
  checkpoint,
  Dense,
  Descent,
  Dropout,
  dropout,
  gradient,
  jit,
  manualSeed,
  ones,
  outputSize,
  params,
  pullback,
  rand,
  randn,
  type Tensor,
  tensor,
  testMode,
  trainMode,
  trainStep,
} from 'fluxtape'
import { describe, expect, test } from 'vitest'

const share = (x: Tensor) => x.equal(0).cast('float32').mean().item()

test('the share that is dropped is p, and the mean stays', () => {
  manualSeed(1)
  for (const p of [0.1, 0.5, 0.9]) {
    const y = dropout(ones([100, 1000]), p)
    expect(share(y)).toBeCloseTo(p, 2)
    expect(y.mean().item()).toBeCloseTo(1, 1)
    expect(y.max().item()).toBe(Math.fround(1 / (1 - p)))
  }
})

test('each call draws anew, and the same seed the same', () => {
  const x = ones([64])
  manualSeed(3)
  const [a, b] = [dropout(x, 0.5).toArray(), dropout(x, 0.5).toArray()]
  manualSeed(3)
  expect(dropout(x, 0.5).toArray()).toEqual(a)
  expect(b).not.toEqual(a)
})

test('along axes it drops all or none, of each sample by itself', () => {
  manualSeed(2)
  const channels = dropout(ones([8, 16, 3, 3]), 0.5, { axis: 1 })
  const means = channels.mean([2, 3])
  expect(new Set(means.data())).toEqual(new Set([0, 2]))
  // Not the same channels of all samples.
  expect(new Set((means.toArray() as number[][]).map(String)).size).toBe(8)
  expect(
    new Set(
      dropout(ones([8, 16, 9]), 0.5, { axis: 2 })
        .mean(1)
        .data(),
    ),
  ).toEqual(new Set([0, 2]))
  expect(
    new Set(
      dropout(ones([64, 5]), 0.5, { axis: 0 })
        .mean(1)
        .data(),
    ),
  ).toEqual(new Set([0, 2]))
  const own = dropout(ones([64, 5]), 0.5, { axis: [-1, 0] })
  expect(new Set(own.mean(1).data()).size).toBeGreaterThan(3)
})

test('the pullback drops what was dropped', () => {
  const x = randn([3, 33])
  const [y, back] = pullback(z => dropout(z, 0.4), x)
  expect(back(x)[0].toArray()).toEqual(y.toArray())
  back.dispose()
})

test('alphaDropout keeps mean and variance', () => {
  manualSeed(4)
  const y = alphaDropout(randn([200, 500]), 0.3)
  expect(y.mean().item()).toBeCloseTo(0, 1)
  expect(y.std().item()).toBeCloseTo(1, 1)
  expect([0, 1].map(p => alphaDropout(tensor([2, 3]), p).toArray())).toEqual([
    [2, 3],
    [0, 0],
  ])
})

describe.each([
  ['Dropout', () => Dropout(0.5)],
  ['AlphaDropout', () => AlphaDropout(0.5)],
] as const)('%s', (_, make) => {
  const x = ones([64])
  const same = (y: Tensor) => y.equal(x).all().item() === 1

  test('acts in training and not otherwise, unless told', () => {
    const layer = make()
    expect(same(layer(x))).toBe(true)
    const trained: boolean[] = []
    const loss = (z: Tensor) => {
      const y = layer(z)
      trained.push(!same(y))
      return y.sum()
    }
    gradient(loss, x)
    gradient(loss, testMode(layer) && x)
    expect([...trained, same(trainMode(layer)(x))]).toEqual([true, false, false])
  })

  test('knows its size and its print', () => {
    expect(outputSize(trainMode(make()), [3, 4])).toEqual([3, 4])
    expect(String(make())).toMatch(/^\w+\(0\.5\)$/)
  })
})

test('options of Dropout print', () => {
  expect([Dropout(0.5, { axis: 1 }), Dropout(0.1, { axis: [0, 1] }), Dropout(0.2, { axis: undefined })].map(String)).toEqual([
    'Dropout(0.5, { axis: 1 })',
    'Dropout(0.1, { axis: [0, 1] })',
    'Dropout(0.2)',
  ])
})

test.each(['jit', 'checkpoint'])('%s draws what the eager step draws, anew at each step', how => {
  const run = (isPlain: boolean) => {
    manualSeed(6)
    const model = Chain(Dense(8, 16), Dropout(0.5), Dense(16, 4), Dropout(0.3, { axis: 0 }), AlphaDropout(0.2))
    const losses: number[] = []
    const inner = isPlain || how === 'jit' ? model : (x: Tensor) => checkpoint(model, x)
    const plain = (x: Tensor) => inner(x).square().mean()
    const loss = !isPlain && how === 'jit' ? jit(plain) : plain
    const x = rand([16, 8])
    for (let step = 0; step < 6; step++) losses.push(trainStep(loss, params(model), [x], Descent(0)) as number)
    return losses
  }
  const eager = run(true)
  expect(run(false)).toEqual(eager)
  expect(new Set(eager).size).toBe(6)
})
