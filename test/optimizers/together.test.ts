// Rules that see the steps of all parameters at once, and what a chain of them costs and promises.
import {
  Adam,
  AdamW,
  adjust,
  apply,
  ClipGlobalNorm,
  ClipNorm,
  Descent,
  freeze,
  loadOptimizerState,
  Momentum,
  manualSeed,
  memory,
  type Optimizer,
  OptimizerChain,
  ones,
  optimizerState,
  params,
  pullback,
  randn,
  rule,
  setup,
  type Tensor,
  tensor,
  threads,
  update,
  WeightDecay,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

/** Updates zeros by these gradients at a rate of 1: the steps that come out. */
function stepsOf(opt: Optimizer, gradients: readonly (readonly number[])[]): number[][] {
  const xs = gradients.map(g => zeros([g.length]))
  const gs = gradients.map(g => tensor(g))
  update(setup(opt, xs), xs, gs, { keep: true })
  return xs.map(x => Array.from(x.data(), each => 0 - each))
}

describe('ClipGlobalNorm', () => {
  it.each<[string, number, number[][], number, number[][]]>([
    ['all by one factor', 1, [[3], [0, 4]], 5, [[0.6], [0, 0.8]]],
    ['nothing that is short enough', 5, [[3], [4]], 5, [[3], [4]]],
    ['zeros to zeros', 1, [[0, 0], [0]], 0, [[0, 0], [0]]],
    ['everything to zeros at 0', 0, [[3], [4]], 5, [[0], [0]]],
    ['parameters without elements', 1, [[], [3, 4], []], 5, [[], [0.6, 0.8], []]],
    ['what is beyond float32 when squared', 1, [[3e38], [3e38]], 3e38 * Math.SQRT2, [[Math.SQRT1_2], [Math.SQRT1_2]]],
    ['to what float32 has no factor for', 1e-6, [[3e38], [3e38]], 3e38 * Math.SQRT2, [[1e-6 * Math.SQRT1_2], [1e-6 * Math.SQRT1_2]]],
    ['what vanishes when squared', 1e-38, [[3e-37, 0], [4e-37]], 5e-37, [[6e-39, 0], [8e-39]]],
  ])('multiplies %s', (_, omega, gradients, norm, wanted) => {
    const clip = ClipGlobalNorm(omega)
    expect(clip.norm).toBe(0)
    for (const opt of [clip, OptimizerChain(clip, Descent(1)), OptimizerChain(Descent(1), clip)]) {
      const found = stepsOf(opt, gradients)
      expect(Math.abs(clip.norm - norm)).toBeLessThanOrEqual(1e-6 * norm)
      found.flat().forEach((each, i) => {
        const [want] = wanted.flat().slice(i)
        expect(Math.abs(each - want)).toBeLessThanOrEqual(2e-7 * Math.abs(want) + 2 ** -148)
      })
    }
  })

  it('counts neither frozen parameters nor those without gradient', () => {
    const model = { a: zeros([1]), b: zeros([1]), c: zeros([1]) }
    freeze(model.b)
    const clip = ClipGlobalNorm(1)
    const gradient = { a: tensor([2]), b: tensor([100]) }
    update(setup(OptimizerChain(clip, Descent(1)), model), model, gradient as never)
    expect([clip.norm, model.a.item(), model.b.item(), model.c.item()]).toEqual([2, -1, 0, 0])
  })

  it('is right to the last digit of a double, whatever the sizes', () => {
    manualSeed(3)
    const gs = [randn([1]), randn([4095]), randn([4097]), randn([3, 2731]), randn([33])]
    const sum = gs.reduce((total, g) => Array.from(g.data()).reduce((part, x) => part + x * x, total), 0)
    const clip = ClipGlobalNorm(1)
    const xs = gs.map(g => zeros(g.shape))
    update(setup(clip, xs), xs, gs)
    expect(clip.norm).toBeCloseTo(Math.sqrt(sum), 10)
  })

  it('does not hide steps that are not finite, and changes nothing then', () => {
    const Wild = rule('Wild', {
      hyper: { rho: 0.5 },
      slots: ['v'],
      step: (_, { v }, __, g, t, write) => {
        write('v', v.add(g))
        return t > 1 ? g.mul(Number.POSITIVE_INFINITY) : g.mul(1)
      },
    })
    const w = tensor([1])
    const opt = OptimizerChain(Momentum(1), Wild(), ClipGlobalNorm(1), Adam(0.1))
    update(opt, w, ones([1]))
    const state = () =>
      [...optimizerState(opt, params(w))].map(([path, value]) => [path, typeof value === 'number' ? value : value.toArray()])
    const before = [w.item(), state()]
    expect(() => update(opt, w, ones([1]))).toThrow(
      new RangeError('ClipGlobalNorm: the norm of all steps is not finite: Infinity. Lower the learning rate of the rules before it.'),
    )
    expect([w.item(), state()]).toEqual(before)
  })

  it('has no state, a name for adjust, and refuses what makes no sense', () => {
    const clip = ClipGlobalNorm({ omega: 2 })
    const w = tensor([1])
    update(clip, w, ones([1]))
    expect([...optimizerState(clip, params(w)).keys()]).toEqual(['steps'])
    adjust(clip, { omega: 0.5 })
    expect(String(clip)).toBe('ClipGlobalNorm(omega: 0.5)')
    expect(() => ClipGlobalNorm(-1)).toThrow(new RangeError('ClipGlobalNorm: omega must lie from 0 up: -1.'))
    expect(apply(clip, w, tensor([3])).item()).toBe(0.5)
    expect(clip.norm).toBe(3)
  })

  it('may be told by a schedule', () => {
    const opt = ClipGlobalNorm(step => 1 / (1 + step))
    expect([stepsOf(opt, [[4]]), stepsOf(opt, [[4]])]).toEqual([[[1]], [[0.5]]])
  })
})

describe('WeightDecay', () => {
  it('adds its part of the parameter where it stands in the chain', () => {
    const moved = (opt: Optimizer) => {
      const w = tensor([2, -4])
      update(opt, w, tensor([1, 1]))
      return w.toArray()
    }
    expect(moved(WeightDecay(0.5))).toEqual([0, -3])
    expect(moved(OptimizerChain(WeightDecay(0.5), Descent(0.5)))).toEqual([1, -3.5])
    expect(moved(OptimizerChain(Descent(0.5), WeightDecay(0.5)))).toEqual([0.5, -2.5])
    expect(moved(OptimizerChain(ClipGlobalNorm(Math.SQRT1_2), WeightDecay(0.5)))).toEqual([0.5, -2.5])
  })
})

/** Every kind of rule at every place. */
const chains: Record<string, () => Optimizer> = {
  'kernels alone': () => OptimizerChain(WeightDecay(0.1), Momentum(1, 0.5), Adam(0.01)),
  'a factor first': () => OptimizerChain(ClipGlobalNorm(0.1), AdamW(0.01, { lambda: 0.1 })),
  'a factor between and last': () => OptimizerChain(Momentum(1), ClipGlobalNorm(0.1), Adam(1), ClipGlobalNorm(0.02)),
  'operations between': () => OptimizerChain(ClipGlobalNorm(1), Momentum(1), ClipNorm(0.1), WeightDecay(0.1), Descent(0.1)),
  'chains within': () => OptimizerChain(OptimizerChain(), OptimizerChain(ClipGlobalNorm(0.1), OptimizerChain(Adam(0.01)))),
}

describe.each(Object.entries(chains))('a chain: %s', (_, make) => {
  const shapes = [[3, 5], [], [1], [0], [70_001], [4], [7]]
  const run = () => {
    manualSeed(11)
    const xs = shapes.map(shape => randn(shape))
    const opt = make()
    for (let i = 0; i < 4; i++) {
      const gs = xs.map(x => randn(x.shape))
      update(setup(opt, xs), xs, gs)
    }
    return xs.map(x => x.data())
  }

  it('has the same bits on every number of threads', async () => {
    const runs = []
    for (const n of [1, 2, 4]) {
      await threads(n)
      runs.push(run())
    }
    await threads(1)
    expect(runs[1]).toEqual(runs[0])
    expect(runs[2]).toEqual(runs[0])
  })

  it('keeps nothing but its slots', () => {
    const xs = shapes.map(shape => randn(shape))
    const opt = make()
    const step = () => {
      const gs = xs.map(x => randn(x.shape))
      update(setup(opt, xs), xs, gs, { keep: true })
      for (const g of gs) g.dispose()
    }
    step()
    const { bytes, tensors } = memory()
    for (let i = 0; i < 3; i++) step()
    expect(memory()).toMatchObject({ bytes, tensors })
  })

  it('takes the steps that apply gives, where it sees one parameter alone', () => {
    manualSeed(12)
    const [x, twin] = [randn([37]), zeros([37])]
    twin.assign(x)
    const [opt, other] = [make(), make()]
    for (let i = 0; i < 3; i++) {
      const g = randn([37])
      const step = apply(other, twin, g)
      twin.assign(twin.sub(step))
      update(opt, x, g, { keep: true })
      expect(g.released).toBe(false)
    }
    expect(x.data()).toEqual(twin.data())
    expect([...optimizerState(opt, params(x))].map(([path]) => path)).toEqual(
      [...optimizerState(other, params(twin))].map(([path]) => path),
    )
  })
})

describe('a slot', () => {
  const AdaGrad = rule('AdaGrad', {
    hyper: { eta: 0.1, epsilon: 1e-8, start: 4 },
    slots: { a: ({ start }) => start, b: 2, c: 0 },
    step({ eta, epsilon }, { a, b }, _x, g, _t, write) {
      write('a', a.add(g.square()))
      return g.mul(eta).div(a.sqrt().add(epsilon)).mul(b)
    },
  })

  it('starts where its rule says', () => {
    const w = tensor([1, 2])
    const opt = AdaGrad(0.5, { start: 1 })
    update(opt, w, tensor([0, Math.sqrt(3)]))
    const values = ['a', 'b', 'c'].map(name => (optimizerState(opt, params({ w })).get(`w.${name}`) as Tensor).toArray())
    expect(values).toEqual([
      [1, expect.closeTo(4, 5)],
      [2, 2],
      [0, 0],
    ])
    expect(w.toArray()).toEqual([1, expect.closeTo(2 - Math.sqrt(3) / 2, 6)])
  })

  it('starts there again when it was forgotten', () => {
    const w = tensor([1])
    const opt = AdaGrad()
    update(opt, w, tensor([2]))
    loadOptimizerState(opt, params({ w }), new Map([['steps', 0]]))
    update(opt, w, tensor([2]))
    expect((optimizerState(opt, params({ w })).get('w.a') as Tensor).item()).toBe(8)
  })
})

describe('a rule with a factor of your own', () => {
  const Normalize = rule('Normalize', {
    hyper: { scale: 1 },
    factor: ({ scale }, steps) => scale / steps.reduce((sum, each) => sum + each.abs().sum().item(), 0),
  })

  it('sees the steps of all parameters, in their order', () => {
    expect(stepsOf(Normalize(), [[1], [2, -5]])).toEqual([[0.125], [0.25, -0.625]])
    expect(stepsOf(OptimizerChain(Descent(2), Normalize(), Descent(8)), [[1], [2, -5]])).toEqual([[1], [2, -5]])
  })

  it('must give a number that is finite', () => {
    expect(() => stepsOf(Normalize(), [[0]])).toThrow(new RangeError('Normalize: the factor must be finite: Infinity came.'))
    const Odd = rule('Odd', { hyper: { eta: 1 }, factor: () => '1' as never })
    expect(() => stepsOf(Odd(), [[1]])).toThrow(new TypeError('Odd: the factor must be a number: string came.'))
  })
})

describe('a schedule', () => {
  it('must give a number in range at every step, and nothing is written where it does not', () => {
    const w = tensor([1])
    const opt = OptimizerChain(
      Momentum(1),
      Adam(step => (step === 1 ? -1 : 0.1)),
    )
    update(opt, w, ones([1]))
    const before = [w.item(), optimizerState(opt, params(w)).get('0.0.Momentum.t')]
    expect(() => update(opt, w, ones([1]))).toThrow(new RangeError('Adam: eta must lie from 0 up: -1.'))
    expect([w.item(), optimizerState(opt, params(w)).get('0.0.Momentum.t')]).toEqual(before)
    expect(() => Descent((() => undefined) as never)).toThrow(
      new TypeError('Descent: the schedule of eta must give a number: undefined came at step 0.'),
    )
  })
})

describe('a step', () => {
  it('that lies in the memory of something else is copied first', () => {
    const [a, b] = [tensor([1, 2]), tensor([10, 20])]
    const Swap = rule('Swap', { hyper: { eta: 1 }, step: (_, __, x) => (x === a ? b.reshape([2]) : a) })
    update(setup(Swap(), [a, b]), [a, b], [zeros([2]), zeros([2])])
    expect([a.toArray(), b.toArray()]).toEqual([
      [-9, -18],
      [9, 18],
    ])
  })

  it('makes a pullback that saved the parameter say so', () => {
    const w = tensor([2])
    const [, back] = pullback(() => w.square().sum(), params(w))
    update(OptimizerChain(ClipGlobalNorm(1), Adam()), w, ones([1]))
    expect(() => back()).toThrow('written')
  })

  it('beyond float32 is taken: the next loss tells', () => {
    const w = tensor([1])
    update(Descent(1e38), w, tensor([100]))
    expect(w.item()).toBe(Number.NEGATIVE_INFINITY)
  })

  it('takes a thousand small parameters at once', () => {
    const xs = Array.from({ length: 1000 }, (_, i) => ones([i % 7]))
    const gs = xs.map((x, i) => x.mul(i % 3))
    const clip = ClipGlobalNorm(1e9)
    update(setup(OptimizerChain(clip, Descent(1)), xs), xs, gs)
    expect(clip.norm).toBeCloseTo(Math.sqrt(xs.reduce((sum, x, i) => sum + x.size * (i % 3) ** 2, 0)), 10)
    expect(xs.every((x, i) => x.data().every(each => each === 1 - (i % 3)))).toBe(true)
  })
})
