// What holds for every rule, besides its formula (test/oracle/rules.json).
import {
  AccumGrad,
  AdaBelief,
  AdaDelta,
  AdaGrad,
  AdaMax,
  Adam,
  AdamW,
  AMSGrad,
  adjust,
  apply,
  ClipGlobalNorm,
  ClipGrad,
  ClipNorm,
  clone,
  Descent,
  DivergedError,
  DTypeError,
  freeze,
  jit,
  Lion,
  loadOptimizerState,
  loadSafetensors,
  Momentum,
  Muon,
  manualSeed,
  mse,
  NAdam,
  Nesterov,
  OAdam,
  type Optimizer,
  OptimizerChain,
  ones,
  optimizerState,
  params,
  RAdam,
  RMSProp,
  Rprop,
  randn,
  SignDecay,
  saveSafetensors,
  setup,
  type Tensor,
  tensor,
  thaw,
  trainStep,
  update,
  WeightDecay,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

const rules: Readonly<Record<string, () => Optimizer>> = {
  Descent: () => Descent(0.05),
  Momentum: () => Momentum(0.05),
  Nesterov: () => Nesterov(0.05),
  RMSProp: () => RMSProp(0.05),
  'RMSProp, centred': () => RMSProp({ eta: 0.05, centred: true }),
  Adam: () => Adam(0.05),
  AdamW: () => AdamW(0.05, { lambda: 0.1 }),
  RAdam: () => RAdam(0.05),
  AdaMax: () => AdaMax(0.05),
  OAdam: () => OAdam(0.05),
  AMSGrad: () => AMSGrad(0.05),
  NAdam: () => NAdam(0.05),
  AdaBelief: () => AdaBelief(0.05),
  AdaGrad: () => AdaGrad(0.05),
  AdaDelta: () => AdaDelta(),
  Rprop: () => Rprop(0.05),
  Lion: () => Lion(0.05, { lambda: 0.1 }),
  Muon: () => Muon(0.05, { lambda: 0.1 }),
  ClipGrad: () => ClipGrad(0.1),
  SignDecay: () => SignDecay(0.1),
  AccumGrad: () => AccumGrad(3),
  'a chain': () =>
    OptimizerChain(
      ClipGlobalNorm(1),
      SignDecay(0.01),
      AccumGrad(2),
      AMSGrad(step => 0.1 / (1 + step)),
      WeightDecay(0.01),
    ),
  'a chain with operations': () => OptimizerChain(AccumGrad(2), ClipNorm(0.5), Lion(0.01), Muon()),
}
const each = Object.entries(rules)

interface Model {
  readonly w: Tensor
  readonly b: Tensor
}
const start = (): Model => {
  manualSeed(3)
  return { w: randn([3, 4]), b: randn([3]) }
}
const gradients = Array.from({ length: 7 }, (_, i) => {
  manualSeed(20 + i)
  return { w: randn([3, 4]), b: randn([3]) }
})
const data = (values: ReadonlyMap<string, Tensor | number>) =>
  [...values].map(([path, value]) => [path, typeof value === 'number' ? value : value.data()])
const bits = ({ w, b }: Model) => [w.data(), b.data()]
const take = (opt: Optimizer, model: Model, from: number, to: number) => {
  const state = setup(opt, model)
  for (const g of gradients.slice(from, to)) update(state, model, g, { keep: true })
}

describe.each(each)('%s', (_, make) => {
  it('saved in the middle and loaded by a clone goes on with the same bits, from safetensors and from JSON', () => {
    const [model, opt] = [start(), make()]
    take(opt, model, 0, 3)
    const state = optimizerState(opt, params(model))
    const text = JSON.stringify([...state].map(([path, value]) => [path, typeof value === 'number' ? value : value.toArray()]))
    const fromText = (JSON.parse(text) as [string, number | number[]][]).map(
      ([path, value]) => [path, typeof value === 'number' ? value : tensor(value)] as const,
    )
    const states = [loadSafetensors(saveSafetensors(state)).tensors, new Map<string, Tensor | number>(fromText)]
    const copies = states.map(saved => {
      const [copy, other] = [clone(model), make()]
      loadOptimizerState(other, params(copy), saved)
      return [copy, other] as const
    })
    take(opt, model, 3, 7)
    for (const [copy, other] of copies) {
      take(other, copy, 3, 7)
      expect(bits(copy)).toEqual(bits(model))
      expect(data(optimizerState(other, params(copy)))).toEqual(data(optimizerState(opt, params(model))))
    }
  })

  it('leaves a parameter without gradient, or a frozen one, and its state', () => {
    const [model, opt] = [start(), make()]
    const ps = params(model)
    take(opt, model, 0, 3)
    const seen = () => [model.b.data(), data(optimizerState(opt, ps)).filter(([path]) => String(path).startsWith('b.'))]
    const before = seen()
    update(opt, model.w, gradients[3].w, { keep: true })
    freeze(model.b)
    update(setup(opt, model), model, gradients[4], { keep: true })
    thaw(model.b)
    expect(seen()).toEqual(before)
  })

  it('refuses NaN and integers, and nothing has changed', () => {
    const [model, opt] = [start(), make()]
    take(opt, model, 0, 3)
    const seen = () => [bits(model), opt.steps, data(optimizerState(opt, params(model)))]
    const before = seen()
    expect(() => update(setup(opt, model), model, { w: gradients[0].w, b: tensor([1, Number.NaN, 1]) })).toThrow(DivergedError)
    const whole = zeros([2], { dtype: 'int32' })
    expect(() => update(opt, whole, whole)).toThrow(DTypeError)
    expect(seen()).toEqual(before)
  })

  it('takes a number, an empty parameter, and what is tiny and huge, without NaN', () => {
    const sizes = [[], [0], [0, 3], [3, 0], [1, 1], [5]]
    const opt = make()
    const xs = sizes.map(shape => ones(shape))
    const state = setup(opt, xs)
    for (const scale of [0, 1e-30, 1e20, 1, 1e-45, 1e37, 0, -1]) {
      update(
        state,
        xs,
        sizes.map(shape => ones(shape).mul(scale)),
      )
    }
    expect(xs.flatMap(x => [...x.data()]).filter(Number.isNaN)).toEqual([])
    expect(xs.map(x => x.shape)).toEqual(sizes)
  })

  it('takes the same steps by apply, under jit, and alone or beside others', () => {
    const [model, opt, twin, other] = [start(), make(), start(), make()]
    const x = gradients[0].w
    const loss = ({ w, b }: Model) => mse(x.mul(w).sum([1]).add(b), ones([3]))
    const replayed = jit(loss)
    const [state, twinState] = [setup(opt, model), setup(other, twin)]
    for (let i = 0; i < 5; i++) {
      trainStep(loss, model, [], state)
      trainStep(replayed, twin, [], twinState)
    }
    expect(bits(twin)).toEqual(bits(model))
    const [alone, lonely] = [start(), make()]
    const [applied, applier] = [start(), make()]
    take(lonely, alone, 0, 4)
    for (const g of gradients.slice(0, 4)) {
      const step = apply(applier, applied.w, g.w)
      applied.w.assign(applied.w.sub(step))
    }
    // The norm of all is another one alone.
    if (!String(lonely).includes('ClipGlobalNorm')) expect(applied.w.data()).toEqual(alone.w.data())
  })
})

describe('numbers out of range', () => {
  it.each<[string, () => unknown]>([
    ['Nesterov: rho must lie in [0, 1): 1.', () => Nesterov(0.1, 1)],
    ['RMSProp: epsilon must lie from 0 up: -1.', () => RMSProp(0.1, 0.9, -1)],
    ['AdaDelta: rho must lie in [0, 1): 2.', () => AdaDelta(2)],
    ['Rprop: ell must lie from 0 up: -1.', () => Rprop(0.1, [-1, 1])],
    ['Rprop: ell must be a factor within 0 and 1, and one above: [2, 1].', () => Rprop(0.1, [2, 1])],
    ['Rprop: ell must be a factor within 0 and 1, and one above: [0.5, 1].', () => adjust(Rprop(), { ell: [0.5, 1] })],
    ['Rprop: ell must be a factor within 0 and 1, and one above: [0, 1.2].', () => Rprop(0.1, [0, 1.2])],
    ['Rprop: gamma must be the least size and the largest: [50, 0.1].', () => Rprop({ gamma: [50, 0.1] })],
    ['Lion: lambda must lie from 0 up: NaN.', () => Lion({ lambda: Number.NaN })],
    ['Muon: restEta must lie from 0 up: -1.', () => Muon({ restEta: -1 })],
    ['ClipGrad: delta must lie from 0 up: -1.', () => ClipGrad(-1)],
    ['SignDecay: lambda must lie from 0 up: Infinity.', () => SignDecay(Number.POSITIVE_INFINITY)],
    ['AccumGrad: n must be a whole number from 1: 1.5.', () => AccumGrad(1.5)],
    ['AccumGrad: n must be a whole number from 1: 0.', () => AccumGrad(0)],
  ])('%s', (text, make) => {
    expect(make).toThrow(new RangeError(text))
  })
})

describe('RMSProp', () => {
  it('remembers means only where it is centred, which stays', () => {
    const state = (opt: ReturnType<typeof RMSProp>) => {
      update(opt, w, ones([1]))
      return [...optimizerState(opt, params({ w })).keys()]
    }
    const w = ones([1])
    expect(state(RMSProp())).toEqual(['steps', 'w.t', 'w.q'])
    expect(state(RMSProp(0.1, 0.9, 1e-8, true))).toEqual(['steps', 'w.t', 'w.q', 'w.l'])
    expect(() => adjust(RMSProp(), { centred: true })).toThrow(
      new TypeError('RMSProp: centred cannot be changed on the way. Make another RMSProp(...).'),
    )
  })
})

describe('AccumGrad', () => {
  it('holds steps back, for those behind it, their schedules and counts too', () => {
    const seen: number[] = []
    const schedule = (step: number) => {
      seen.push(step)
      return 1 + step
    }
    const [x, y] = [tensor([0]), tensor([0])]
    const opt = OptimizerChain(AccumGrad(2), Descent(schedule))
    const ps = params({ x, y })
    const at = [1, 3, 5, 7, 9].map(g => {
      update(setup(opt, { x, y }), { x, y }, { x: tensor([g]), y: tensor([2 * g]) })
      return [x.item(), y.item()]
    })
    expect(at).toEqual([
      [0, 0],
      [-2, -4],
      [-2, -4],
      [-14, -28],
      [-14, -28],
    ])
    expect(new Set(seen)).toEqual(new Set([0, 1]))
    const state = optimizerState(opt, ps)
    expect([state.get('steps'), state.get('steps.1.Descent'), state.get('x.0.AccumGrad.t'), state.get('x.1.Descent.t')]).toEqual([
      5, 2, 1, 2,
    ])
    const other = OptimizerChain(AccumGrad(2), Descent(schedule))
    loadOptimizerState(other, ps, state)
    update(other, x, tensor([1]))
    // The mean of 9 and 1, at the third step that reaches the rule.
    expect(x.item()).toBe(-14 - 3 * 5)
  })

  it('counts for each parameter, and gives the mean of what it has when n is adjusted', () => {
    const [x, y] = [tensor([0]), tensor([0])]
    const opt = AccumGrad(4)
    for (const g of [1, 2, 6]) update(opt, x, tensor([g]))
    adjust(opt, { n: 2 })
    update(opt, y, tensor([8]))
    update(opt, x, tensor([3]))
    expect([x.item(), y.item()]).toEqual([-3, 0])
    update(opt, y, tensor([4]))
    expect(y.item()).toBe(-6)
  })

  it('refuses a count of steps that is none', () => {
    const opt = OptimizerChain(AccumGrad(2), Descent(1))
    const state = new Map([
      ['steps', 2],
      ['steps.1.Descent', -1],
    ])
    expect(() => loadOptimizerState(opt, params({ x: ones([1]) }), state)).toThrow(
      new RangeError("loadOptimizerState: 'steps.1.Descent' must be a whole number from 0: -1."),
    )
  })

  it('leaves the rules behind it their own count: alone, in two chains, twice in one', () => {
    const x = tensor([0])
    const rule = Descent(step => 2 ** step)
    const chains = [OptimizerChain(AccumGrad(2), rule), OptimizerChain(rule), rule, OptimizerChain(AccumGrad(2), rule, rule), rule]
    const at = chains.map(opt => {
      const before = x.item()
      update(opt, x, ones([1]))
      update(opt, x, ones([1]))
      return [before - x.item(), rule.steps]
    })
    expect(at).toEqual([
      [1, 1],
      [6, 3],
      [24, 5],
      [1024, 6],
      [192, 8],
    ])
    expect(chains.map(({ steps }) => steps)).toEqual([2, 2, 8, 2, 8])
    const state = optimizerState(chains[0], params({ x }))
    expect([...state.entries()].filter(([path]) => path.startsWith('steps'))).toEqual([
      ['steps', 2],
      ['steps.1.Descent', 8],
    ])
  })
})

describe('Muon', () => {
  it('has a second moment for the rest only, and what is chosen', () => {
    const model = { w: ones([2, 2]), head: ones([2, 2]), b: ones([2]) }
    const opt = Muon({ orthogonal: (_, path) => path !== 'head' })
    update(setup(opt, model), model, model, { keep: true })
    const paths = [...optimizerState(opt, params(model)).keys()]
    expect(paths).toEqual(['steps', 'w.t', 'w.m', 'head.t', 'head.m', 'head.v', 'b.t', 'b.m', 'b.v'])
    const copy = clone(model)
    const other = Muon({ orthogonal: (_, path) => path !== 'head' })
    loadOptimizerState(other, params(copy), optimizerState(opt, params(model)))
    adjust(opt, { orthogonal: false })
    for (const [each, rule] of [[model, opt] as const, [copy, other] as const]) update(setup(rule, each), each, each, { keep: true })
    expect(bits({ w: copy.w, b: copy.head })).toEqual(bits({ w: model.w, b: model.head }))
  })
})

describe('parameters of their own', () => {
  const model = () => ({ body: { weight: ones([2, 2]), bias: ones([2]) }, head: { weight: ones([1, 2]), bias: ones([1]) } })
  const still = ({ body, head }: ReturnType<typeof model>) => ({
    body: { weight: body.weight.mul(0), bias: body.bias.mul(0) },
    head: { weight: head.weight.mul(0), bias: head.bias.mul(0) },
  })
  const first = (m: ReturnType<typeof model>) => [m.body.weight, m.body.bias, m.head.weight, m.head.bias].map(x => x.data()[0])

  it.each<[string, (decay: (p: Tensor, path: string) => boolean) => Optimizer]>([
    ['AdamW', decay => AdamW(0.5, { lambda: 0.5, decay })],
    ['Lion', decay => Lion(0.5, { lambda: 0.5, decay })],
    ['Muon', decay => Muon(0.5, { lambda: 0.5, restEta: 0.5, decay })],
    ['WeightDecay', decay => WeightDecay(0.25, { decay })],
    ['SignDecay', decay => SignDecay(0.25, { decay })],
  ])('decay by choice: %s', (_, make) => {
    const m = model()
    update(
      setup(
        make(p => p.rank > 1),
        m,
      ),
      m,
      still(m),
    )
    expect(first(m)).toEqual([0.75, 1, 0.75, 1])
    const n = model()
    update(
      setup(
        make((_p, path) => path.startsWith('head')),
        n,
      ),
      n,
      still(n),
    )
    expect(first(n)).toEqual([1, 1, 0.75, 0.75])
  })

  it('have a rate by path, also through a Params, in a chain and in rules in operations', () => {
    const rate = (step: number, path: string) => (path.startsWith('head') ? 1 + step : 0)
    for (const opt of [
      Descent(rate),
      OptimizerChain(
        ClipNorm((_, path) => (path.startsWith('head') ? 10 : 0)),
        Descent(1),
      ),
    ]) {
      const m = model()
      update(setup(opt, m), m, m, { keep: true })
      expect(first(m)).toEqual([1, 1, 0, 0])
    }
    const opt = Adam(rate)
    expect([String(opt), opt.hyper.eta]).toEqual(['Adam(eta: 0, beta: [0.9, 0.999], epsilon: 1e-8)', 0])
    expect(String(AdamW({ decay: p => p.rank > 1 }))).toContain('decay: by parameter')
    adjust(opt, 0.5)
    expect(opt.hyper.eta).toBe(0.5)
    adjust(opt, rate)
    const m = model()
    for (let i = 0; i < 2; i++) update(setup(opt, m), m, m, { keep: true })
    expect(first(m)[0]).toBe(1)
    expect(first(m)[2]).toBeLessThan(0)
  })

  it('choose and rate with what they should give, or nothing is written', () => {
    const m = model()
    const refuse = (opt: Optimizer, error: Error) => {
      expect(() => update(setup(opt, m), m, m, { keep: true })).toThrow(error)
      expect(first(m)).toEqual([1, 1, 1, 1])
      expect([...optimizerState(opt, params(m))]).toEqual([['steps', 0]])
    }
    refuse(
      AdamW({ decay: () => 1 as never }),
      new TypeError("AdamW: the choice of decay must give a boolean: number came for 'body.weight'."),
    )
    const wrong = (_: number, path: string) => (path === 'head.bias' ? -1 : 1)
    refuse(Momentum(wrong), new RangeError('Momentum: eta must lie from 0 up: -1.'))
  })
})
