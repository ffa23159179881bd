import {
  Adam,
  AdamW,
  Chain,
  ClipNorm,
  clone,
  Dense,
  Descent,
  gradient,
  loadOptimizerState,
  Momentum,
  memory,
  mse,
  OptimizerChain,
  ones,
  optimizerState,
  params,
  relu,
  setup,
  type Tensor,
  tensor,
  train,
  trainStep,
  update,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

const x = tensor([
  [1, 2],
  [3, 4],
  [-1, 0.5],
])
const y = tensor([[1], [0], [2]])
const make = () =>
  Chain(
    Dense(
      tensor([
        [0.5, -0.25],
        [0.75, 1],
        [0.1, 0.2],
      ]),
      true,
      relu,
    ),
    Dense(tensor([[1, -1, 0.3]]), true),
  )
const lossOf = (model: ReturnType<typeof make>) => (a: Tensor, b: Tensor) => mse(model(a), b)
const bits = (model: unknown) => [...params(model)].map(p => p.data())

const rules = {
  Descent: () => Descent(step => 0.1 / (1 + step)),
  Momentum: () => Momentum(0.01),
  Adam: () => Adam(0.01),
  AdamW: () => AdamW({ eta: 0.01, lambda: 0.1 }),
  chain: () =>
    OptimizerChain(
      ClipNorm(0.1),
      Adam(step => 0.01 / (1 + step)),
      Momentum(1, 0.5),
    ),
}

describe('optimizerState', () => {
  it('has the momenta by path, with counts of steps', () => {
    const model = make()
    const opt = Adam()
    expect([...optimizerState(opt, params(model))]).toEqual([['steps', 0]])
    trainStep(lossOf(model), params(model), [x, y], opt)
    const state = optimizerState(opt, params(model))
    const paths = params(model).paths()
    expect([...state.keys()]).toEqual(['steps', ...paths.flatMap(path => [`${path}.t`, `${path}.m`, `${path}.v`])])
    expect([state.get('steps'), state.get('layers.0.weight.t')]).toEqual([1, 1])
    expect((state.get('layers.0.weight.m') as Tensor).shape).toEqual([3, 2])
  })

  it('of a chain names the rule by its place', () => {
    const w = ones([1])
    const opt = OptimizerChain(ClipNorm(1), OptimizerChain(Momentum(), Adam()))
    update(opt, w, ones([1]))
    expect([...optimizerState(opt, params({ w })).keys()]).toEqual([
      'steps',
      'w.0.ClipNorm.t',
      'w.1.0.Momentum.t',
      'w.1.0.Momentum.v',
      'w.1.1.Adam.t',
      'w.1.1.Adam.m',
      'w.1.1.Adam.v',
    ])
  })

  it('of a state needs no Params, of an optimizer one', () => {
    const model = make()
    const state = setup(Momentum(), model)
    trainStep((m: ReturnType<typeof make>, a: Tensor, b: Tensor) => mse(m(a), b), model, [x, y], state)
    expect([...optimizerState(state).keys()]).toEqual([...optimizerState(state.optimizer, params(model)).keys()])
    expect(() => optimizerState(Momentum())).toThrow(
      new TypeError("optimizerState: an optimizer's memory has its paths from a Params. Write optimizerState(opt, ps)."),
    )
  })

  it.each(Object.entries(rules))('saved and loaded continues to the same bits: %s', async (_, make_) => {
    const model = make()
    const opt = make_()
    const batches = [
      [x, y],
      [x, y],
      [x, y],
    ]
    await train(lossOf(model), params(model), batches, opt)
    const saved = { model: clone(model), state: clone(optimizerState(opt, params(model))) }
    await train(lossOf(model), params(model), batches, opt)
    const other = make_()
    const copy = saved.model
    loadOptimizerState(other, params(copy), saved.state)
    expect(other.steps).toBe(3)
    await train(lossOf(copy), params(copy), batches, other)
    expect(bits(copy)).toEqual(bits(model))
    const forgetful = clone(model)
    await train(lossOf(model), params(model), [[x, y]], opt)
    await train(lossOf(forgetful), params(forgetful), [[x, y]], make_())
    expect(bits(forgetful)).not.toEqual(bits(model))
  })

  it('is copied when it is loaded, not shared', () => {
    const [w, twin] = [tensor([1]), tensor([1])]
    const [opt, other] = [Momentum(1, 0.5), Momentum(1, 0.5)]
    update(opt, w, ones([1]))
    loadOptimizerState(other, params(twin), optimizerState(opt, params(w)))
    update(opt, w, ones([1]))
    update(other, twin, zeros([1]))
    expect([w.item(), twin.item()]).toEqual([-1.5, 0.5])
  })

  it('loads what a file gives: counts as tensors', () => {
    const w = tensor([1])
    const opt = Adam(0.1)
    const count = (n: number) => tensor(n, undefined, { dtype: 'int32' })
    loadOptimizerState(
      opt,
      params({ w }),
      new Map([
        ['steps', count(5)],
        ['w.t', count(5)],
        ['w.m', tensor([0.5])],
        ['w.v', tensor([0.25])],
      ]),
    )
    expect([opt.steps, optimizerState(opt, params({ w })).get('w.t')]).toEqual([5, 5])
  })

  it('that is empty makes the optimizer forget', () => {
    const w = tensor([0])
    const opt = Momentum(1, 0.5)
    update(opt, w, ones([1]))
    loadOptimizerState(opt, params(w), new Map([['steps', 0]]))
    update(opt, w, ones([1]))
    expect(w.item()).toBe(-2)
    expect(opt.steps).toBe(1)
  })

  it.each<[string, Map<string, Tensor | number>, string]>([
    [
      'an unknown path',
      new Map([
        ['w.t', 1],
        ['w.v', ones([2])],
        ['other.v', ones([2])],
      ] as [string, Tensor | number][]),
      "loadOptimizerState: no parameter and rule belong to 'other.v'.",
    ],
    ['a missing momentum', new Map([['w.t', 1]]), "loadOptimizerState: 'w.v' must be a tensor [2]: nothing came."],
    [
      'another shape',
      new Map([
        ['w.t', 1],
        ['w.v', ones([3])],
      ] as [string, Tensor | number][]),
      "loadOptimizerState: 'w.v' must be a tensor [2]: [3] came.",
    ],
    [
      'a number for a momentum',
      new Map([
        ['w.t', 1],
        ['w.v', 3],
      ]),
      "loadOptimizerState: 'w.v' must be a tensor [2]: number came.",
    ],
  ])('with %s is refused, and nothing is written', (_, state, message) => {
    const w = zeros([2])
    const opt = Momentum(1, 0.5)
    update(opt, w, tensor([1, 2]))
    const before = (optimizerState(opt, params({ w })).get('w.v') as Tensor).toArray()
    expect(() => loadOptimizerState(opt, params({ w }), state)).toThrow(new TypeError(message))
    const after = optimizerState(opt, params({ w }))
    expect([after.get('steps'), after.get('w.t'), (after.get('w.v') as Tensor).toArray()]).toEqual([1, 1, before])
  })
})

describe('the memory of an optimizer', () => {
  it('is not shared by two of the same rule', () => {
    const w = tensor([0])
    const [first, second] = [Momentum(1, 0.5), Momentum(1, 0.5)]
    update(first, w, ones([1]))
    update(second, w, ones([1]))
    expect(w.item()).toBe(-2)
    expect([first.steps, second.steps]).toEqual([1, 1])
  })

  it('is kept by parameter: two models under one optimizer have each their own', () => {
    const [a, b] = [tensor([0]), tensor([0])]
    const opt = Momentum(1, 0.5)
    update(opt, a, ones([1]))
    update(opt, b, ones([1]))
    expect(b.item()).toBe(-1)
  })

  it('survives a Params that is written anew at each call', () => {
    const [model, twin] = [make(), make()]
    const [opt, other] = [Adam(0.01), Adam(0.01)]
    const ps = params(twin)
    for (let i = 0; i < 5; i++) {
      trainStep(lossOf(model), params(model), [x, y], opt)
      trainStep(lossOf(twin), ps, [x, y], other)
    }
    expect(bits(model)).toEqual(bits(twin))
    expect(optimizerState(opt, params(model)).get('layers.0.weight.t')).toBe(5)
  })

  it('survives the scope in which it was made', () => {
    const w = tensor([0])
    const opt = Adam()
    const before = memory().tensors
    for (let i = 0; i < 10; i++) trainStep(() => w.square().sum(), params(w), [], opt)
    expect(memory().tensors).toBe(before + 2)
    expect((optimizerState(opt, params(w)).get('0.m') as Tensor).released).toBe(false)
  })

  it('has no subnormal numbers: what decays that far is zero, what is not a number stays', () => {
    const least = 2 ** -126
    const slot = [4 * 2 ** -149, least / 0.9, least * 2, -least, 0, Number.NaN, Number.POSITIVE_INFINITY]
    const ps = params({ w: zeros([7]) })
    for (const [opt, names] of [[Momentum(0.1, 0.9), ['v']] as const, [Adam(0.1, [0.9, 0.9]), ['m', 'v']] as const]) {
      const slots = names.map(name => [`w.${name}`, tensor(name === 'v' ? slot.map(Math.abs) : slot)] as const)
      loadOptimizerState(opt, ps, new Map<string, Tensor | number>([['steps', 1], ['w.t', 1], ...slots]))
      update(
        opt,
        ps,
        gradient(() => ([...ps][0] as Tensor).mul(0).sum(), ps),
      )
      for (const [name] of slots) {
        const [first, second, third, fourth, ...rest] = (optimizerState(opt, ps).get(name) as Tensor).data()
        expect([first, fourth, ...rest]).toEqual([0, 0, 0, Number.NaN, Number.POSITIVE_INFINITY])
        expect(second === 0 || second >= least).toBe(true)
        expect(third / least).toBeCloseTo(1.8, 5)
      }
    }
  })

  it('is written by JSON.stringify, by path', () => {
    const ps = params({ w: ones([1]) })
    const opt = Momentum(0.5)
    update(
      opt,
      ps,
      gradient(() => ([...ps][0] as Tensor).sum(), ps),
    )
    expect(JSON.parse(JSON.stringify(optimizerState(opt, ps)))).toEqual({
      steps: 1,
      'w.t': 1,
      'w.v': { shape: [1], dtype: 'float32', data: [0.5] },
    })
  })
})
