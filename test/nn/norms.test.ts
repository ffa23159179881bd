// Norms: running statistics and when they move, what is folded and what is not, WeightNorm, how they print.
import {
  BatchNorm,
  Chain,
  checkpoint,
  clone,
  Dense,
  Descent,
  destructure,
  fold,
  GroupNorm,
  gelu,
  gradient,
  InstanceNorm,
  jit,
  LayerNorm,
  loadState,
  memory,
  outputSize,
  params,
  pullback,
  RMSNorm,
  randn,
  relu,
  removeWeightNorm,
  scope,
  state,
  summary,
  type Tensor,
  tensor,
  testMode,
  trainMode,
  trainStep,
  WeightNorm,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { thrown } from '../errors/thrown.ts'

const x = tensor([
  [1, 2],
  [3, 6],
])
const lossOf = (m: (x: Tensor) => Tensor) => (z: Tensor) =>
  m(z)
    .square()
    .mul(tensor([1, 2]))
    .sum()
const step = (m: ReturnType<typeof BatchNorm>, z = x) => gradient(() => lossOf(m)(z), params(m))
const close = (a: Tensor, b: Tensor) => {
  expect(a.shape).toEqual(b.shape)
  const [got, wanted] = [a.data(), Array.from(b.data())]
  const allowed = 1e-5 * Math.max(1, ...wanted.map(Math.abs))
  wanted.forEach((value, i) => expect(Math.abs(got[i] - value)).toBeLessThan(allowed))
}

describe('running statistics', () => {
  const [once, twice] = [0.2, 0.38]
  it.each<[string, (m: ReturnType<typeof BatchNorm>) => unknown, number]>([
    ['move once a gradient', m => step(m), once],
    ['move by each of two', m => [step(m), step(m)], twice],
    ['move twice where the layer is used twice', m => gradient(() => m(x).sum().add(m(x).sum()), params(m)), twice],
    ['move once where a checkpoint runs it twice', m => gradient(() => lossOf(z => z)(checkpoint(m, x)), params(m)), once],
    ['stay where the step throws', m => thrown(() => gradient(() => m(x) as never, params(m))), 0],
    ['stay where the step diverges', m => thrown(() => trainStep(z => m(z).mul(Number.NaN).sum(), params(m), x, Descent(0))), 0],
    ['move once a step of training', m => trainStep(lossOf(m), params(m), x, Descent(0)), once],
    ['stay in use', m => m(x), 0],
    ['stay in test mode', m => step(testMode(m)), 0],
    ['move at once in training mode', m => trainMode(m)(x), once],
    ['move by a pullback at its first back', m => pullback(m, x)[1](x), once],
    ['stay where shapes alone are asked for', m => outputSize(trainMode(m), [4, 2]), 0],
  ])('%s', (_, run, mean) => {
    const m = BatchNorm(2)
    run(m)
    expect(m.mean?.data()[0]).toBeCloseTo(mean, 6)
  })

  it('have the unbiased variance, by the momentum, and are what test mode takes', () => {
    const m = BatchNorm(2, relu, { momentum: 0.5, eps: 0 })
    step(m)
    expect([m.mean?.toArray(), m.variance?.toArray()]).toEqual([
      [1, 2],
      [1.5, 4.5],
    ])
    close(m(x), tensor([[0, 0], [2 / Math.sqrt(1.5), 4 / Math.sqrt(4.5)]])) // biome-ignore format: rows
  })

  it('are in the state, not among the parameters', () => {
    const m = BatchNorm(2)
    expect([...params(m).paths()]).toEqual(['bias', 'scale'])
    expect([...state(m).keys()].sort()).toEqual(['bias', 'mean', 'scale', 'variance'])
    step(m)
    const other = BatchNorm(2)
    loadState(other, state(m))
    expect(other.mean?.toArray()).toEqual(m.mean?.toArray())
    expect(destructure(m)[0].shape).toEqual([4])
    expect(clone(m).variance?.toArray()).toEqual(m.variance?.toArray())
  })

  it('move under jit as they do without, and leave nothing behind', () => {
    const run = (compile: boolean) => {
      const m = Chain(Dense(tensor([[1, 2], [3, -1]])), BatchNorm(2, relu), Dense(tensor([[1, -2]]))) // biome-ignore format: rows
      const ps = params(m)
      const loss = (z: Tensor) => m(z).square().mean()
      const call = compile ? jit(loss) : loss
      const opt = Descent(0.1)
      for (let i = 0; i < 5; i++) trainStep(call, ps, x.add(i), opt)
      return [...state(m).values()].map(each => each.toArray())
    }
    scope(() => expect(run(true)).toEqual(run(false)))
    const m = BatchNorm(2)
    step(m)
    const before = memory()
    for (let i = 0; i < 3; i++) scope(() => void step(m))
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
  })

  it('of samples are their mean', () => {
    const m = InstanceNorm(1, undefined, { trackStats: true, momentum: 1 })
    gradient(z => m(z).square().sum(), tensor([[[1, 3]], [[2, 8]]]))
    expect([m.mean?.toArray(), m.variance?.toArray()]).toEqual([[3.5], [10]])
    expect(m(tensor([[[3.5, 3.5]]])).toArray()).toEqual([[[0, 0]]])
  })
})

describe('fold', () => {
  const trained = (norm: ReturnType<typeof BatchNorm>) => {
    norm.mean?.assign(tensor([0.5, -1, 2]))
    norm.variance?.assign(tensor([2, 0.25, 1]))
    norm.scale?.assign(tensor([1.5, -2, 0.5]))
    norm.bias?.assign(tensor([0.1, 0.2, 0.3]))
    return norm
  }
  const z = randn([5, 4])
  it.each<[string, () => (x: Tensor) => Tensor, string]>([
    ['a norm with an activation', () => Chain(Dense(4, 3), trained(BatchNorm(3, relu))), 'Dense(4, 3, relu)'],
    ['into a layer without bias', () => Chain(Dense(4, 3, undefined, { bias: false }), trained(BatchNorm(3))), 'Dense(4, 3)'],
    ['a norm without scale', () => Chain(Dense(4, 3), BatchNorm(3, undefined, { affine: false })), 'Dense(4, 3)'],
    ['in names', () => Chain({ one: Dense(4, 3), norm: trained(BatchNorm(3)), two: Dense(3, 2) }), 'one = Dense(4, 3)'],
    ['in what is nested', () => Chain(Chain(Dense(4, 3), trained(BatchNorm(3))), Dense(3, 1)), 'Dense(4, 3)'],
  ])('takes %s', (_, make, text) => {
    const model = make()
    const before = model(z)
    const folded = fold(model)
    expect(String(folded)).not.toContain('BatchNorm')
    expect(String(folded)).toContain(text)
    close(folded(z), before)
    expect(String(model)).toContain('BatchNorm')
  })

  it.each<[string, () => (x: Tensor) => Tensor]>([
    ['behind an activation', () => Chain(Dense(4, 3, relu), trained(BatchNorm(3)))],
    ['that keeps no running values', () => Chain(Dense(4, 3), BatchNorm(3, undefined, { trackStats: false }))],
    ['that comes first', () => Chain(BatchNorm(4), Dense(4, 3))],
    ['behind a function', () => Chain(Dense(4, 3), gelu, trained(BatchNorm(3)))],
    ['of another kind', () => Chain(Dense(4, 3), LayerNorm(3))],
  ])('leaves a norm %s', (_, make) => {
    const model = make()
    const folded = fold(model)
    expect(String(folded)).toBe(String(model))
    expect([...params(folded)][0]).not.toBe([...params(model)][0])
    close(folded(z), model(z))
  })
})

describe('WeightNorm', () => {
  it('changes nothing at first, and trains directions and lengths', () => {
    const dense = Dense(3, 2)
    const [before, plain] = [dense(tensor([1, 2, 3])), clone(dense)]
    const m = WeightNorm(dense)
    close(m(tensor([1, 2, 3])), before)
    expect([...params(m).paths()]).toEqual(['layer.weight', 'layer.bias', 'g'])
    const loss = (f: (x: Tensor) => Tensor) =>
      f(tensor([[1, 2, 3]]))
        .square()
        .sum()
    const gs = gradient(() => loss(m), params(m))
    const ofWeight = gradient(() => loss(plain), params(plain)).get(plain.weight) as Tensor
    const lengths = plain.weight.square().sum(1, { keepDims: true }).sqrt()
    // Salimans & Kingma 2016, equation 3, with g the length.
    const along = ofWeight.mul(plain.weight).sum(1, { keepDims: true }).div(lengths)
    close(gs.get(m.g) as Tensor, along)
    close(gs.get(m.layer.weight) as Tensor, ofWeight.sub(along.mul(plain.weight.div(lengths))))
  })

  it('is undone, in a model and alone', () => {
    const model = Chain(WeightNorm(Dense(3, 2, relu)), Dense(2, 1))
    model[0].g.assign(tensor([[2], [3]]))
    const plain = removeWeightNorm(model)
    const z = randn([4, 3])
    close(plain(z), model(z))
    expect(String(plain)).toContain('  Dense(3, 2, relu),')
    expect(removeWeightNorm(WeightNorm(Dense(3, 2))).weight.shape).toEqual([2, 3])
    expect(WeightNorm(Dense(3, 2), 'weight').layer.weight.shape).toEqual([2, 3])
  })

  it('puts the weight back when the layer throws', () => {
    const m = WeightNorm(Dense(3, 2))
    const { weight } = m.layer
    expect(thrown(() => m(x))).toContain('Dense')
    expect(m.layer.weight).toBe(weight)
  })
})

describe('a norm', () => {
  it.each<[() => (x: Tensor) => Tensor, string]>([
    [() => BatchNorm(3), 'BatchNorm(3)        # 6 parameters, plus 6'],
    [() => BatchNorm(3, relu, { affine: false }), 'BatchNorm(3, relu, { affine: false })  # 0 parameters, plus 6'],
    [() => BatchNorm(3, relu, { momentum: 0.1, eps: 0.1 }), 'BatchNorm(3, relu, { eps: 0.1 })  # 6 parameters, plus 6'],
    [() => InstanceNorm(3), 'InstanceNorm(3)'],
    [() => InstanceNorm(3, undefined, { affine: true }), 'InstanceNorm(3, { affine: true })  # 6 parameters'],
    [() => GroupNorm(4, 2), 'GroupNorm(4, 2)     # 8 parameters'],
    [() => LayerNorm(3, 4, relu), 'LayerNorm(3, 4, relu)  # 24 parameters'],
    [() => LayerNorm(3, { affine: false }), 'LayerNorm(3, { affine: false })'],
    [() => RMSNorm(5), 'RMSNorm(5)          # 5 parameters'],
    [() => WeightNorm(Dense(2, 3)), 'WeightNorm('],
  ])('prints %s', (make, text) => {
    expect(String(make()).split('\n')[0].trimEnd()).toContain(text)
  })

  it.each<[string, (x: Tensor) => Tensor, number[]]>([
    ['BatchNorm', BatchNorm(3), [2, 3, 4, 4]],
    ['InstanceNorm', InstanceNorm(3, relu), [2, 3, 4]],
    ['GroupNorm', GroupNorm(6, 3), [2, 6, 4]],
    ['LayerNorm', LayerNorm(4, 5, gelu), [2, 4, 5]],
    ['RMSNorm', RMSNorm(4), [2, 4]],
    ['WeightNorm', WeightNorm(Dense(4, 4)), [2, 4]],
  ])('%s knows the size of what it gives', (_, m, shape) => {
    expect(outputSize(m, shape)).toEqual(shape)
    expect(String(summary(Chain(m), shape))).toContain(shape.join(', '))
  })

  it('of an offset of 10,000 is exact', () => {
    const noise = randn([8, 3, 50])
    for (const offset of [1e4, -1e6]) {
      const moved = noise.add(offset)
      const seen = Float64Array.from(moved.data())
      const columns = (c: number) => seen.filter((_, i) => Math.floor(i / 50) % 3 === c)
      const wanted = [0, 1, 2].map(c => {
        const values = columns(c)
        const mean = values.reduce((a, b) => a + b) / values.length
        const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length
        return { mean, variance }
      })
      const y = moved.batchNorm().data()
      const errors = Array.from(seen, (value, i) => {
        const { mean, variance } = wanted[Math.floor(i / 50) % 3]
        return Math.abs(y[i] - (value - mean) / Math.sqrt(variance + 1e-5))
      })
      expect(Math.max(...errors)).toBeLessThan(2e-6)
    }
  })
})
