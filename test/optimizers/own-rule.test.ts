import {
  Adam,
  apply,
  ClipNorm,
  Descent,
  DivergedError,
  gradient,
  Momentum,
  manualSeed,
  type Optimizer,
  OptimizerChain,
  ones,
  optimizerState,
  params,
  randn,
  rule,
  ShapeError,
  type Tensor,
  tensor,
  update,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

/** Momentum and Adam, written again in operations. */
const OwnMomentum = rule('OwnMomentum', {
  hyper: { eta: 0.01, rho: 0.9 },
  slots: ['v'],
  step({ eta, rho }, { v }, _x, g, _t, write) {
    write('v', v.mul(rho).add(g.mul(eta)))
    return v
  },
})

const OwnAdam = rule('OwnAdam', {
  hyper: { eta: 1e-3, beta: [0.9, 0.999] as readonly [number, number] },
  slots: ['m', 'v'],
  step({ eta, beta: [b1, b2] }, slots, _x, g, t, write) {
    const m = slots.m.mul(b1).add(g.mul(1 - b1))
    const v = slots.v.mul(b2).add(g.square().mul(1 - b2))
    write('m', m)
    write('v', v)
    return m.mul(eta / (1 - b1 ** t)).div(
      v
        .div(1 - b2 ** t)
        .sqrt()
        .add(1e-8),
    )
  },
})

const trajectory = (opt: ReturnType<typeof Descent> | ReturnType<typeof OptimizerChain>) => {
  manualSeed(5)
  const w = randn([7])
  for (let i = 0; i < 10; i++) update(opt, w, randn([7]))
  return w.data()
}

describe('a rule of your own', () => {
  it.each([
    ['Momentum', () => [trajectory(Momentum(0.1, 0.8)), trajectory(OwnMomentum(0.1, 0.8))]],
    ['Adam', () => [trajectory(Adam(0.1, [0.8, 0.9])), trajectory(OwnAdam(0.1, { beta: [0.8, 0.9] }))]],
  ])('does what the built-in %s does', (_, both) => {
    const [built, own] = both()
    for (let i = 0; i < 7; i++) expect(own[i]).toBeCloseTo(built[i], 5)
    expect(built).not.toEqual(trajectory(Descent(0.1)))
  })

  it('has its slots in the optimizer state, and its hyperparameters for adjust', () => {
    const w = tensor([1])
    const opt = OwnMomentum(1, 0.5)
    update(opt, w, tensor([2]))
    update(opt, w, tensor([2]))
    const state = optimizerState(opt, params(w))
    expect([...state.keys()]).toEqual(['steps', '0.t', '0.v'])
    expect([state.get('0.t'), (state.get('0.v') as Tensor).item()]).toEqual([2, 3])
    expect(String(opt)).toBe('OwnMomentum(eta: 1, rho: 0.5)')
  })

  it('counts t from 1 for each parameter', () => {
    const seen: number[] = []
    const Spy = rule('Spy', { hyper: { eta: 1 }, step: (_hyper, _slots, _x, g, t) => g.mul(seen.push(t) * 0) })
    const [a, b] = [ones([1]), ones([1])]
    const opt = Spy()
    update(opt, a, ones([1]))
    update(opt, b, ones([1]))
    update(opt, a, ones([1]))
    expect(seen).toEqual([1, 1, 2])
  })

  it('sees the parameter, and works in a chain', () => {
    const Decay = rule('Decay', { hyper: { lambda: 0.5 }, step: ({ lambda }, _slots, x, g) => g.add(x.mul(lambda)) })
    const w = tensor([4])
    update(OptimizerChain(Decay(), Descent(1)), w, tensor([1]))
    expect(w.item()).toBe(1)
  })

  it('may hand on the gradient as it is, which stays whole', () => {
    const Plain = rule('Plain', { hyper: { eta: 1 }, step: (_hyper, _slots, _x, g) => g })
    const [w, g] = [tensor([3]), tensor([1])]
    const opt = Plain()
    for (let i = 0; i < 2; i++) update(opt, w, g, { keep: true })
    expect([w.item(), g.item()]).toEqual([1, 1])
    update(OptimizerChain(Plain(), Plain()), w, g, { keep: true })
    expect([w.item(), g.item()]).toEqual([0, 1])
    expect(apply(opt, w, g)).not.toBe(g)
  })

  it('may give no step: the parameter stays', () => {
    const Every = rule('Every', { hyper: { n: 2 }, step: ({ n }, _slots, _x, g, t) => (t % n === 0 ? g.mul(1) : (undefined as never)) })
    const w = tensor([0])
    const opt = Every()
    const at: number[] = []
    for (let i = 0; i < 4; i++) {
      update(opt, w, tensor([1]))
      at.push(w.item())
    }
    expect(at).toEqual([0, -1, -1, -2])
  })

  it('that gives no step keeps the rules behind it from stepping', () => {
    const Every = rule('Every', { hyper: { n: 2 }, step: ({ n }, _slots, _x, g, t) => (t % n === 0 ? g.mul(1) : (undefined as never)) })
    const w = tensor([0])
    const opt = OptimizerChain(Every(), Momentum(1, 0.5))
    for (let i = 0; i < 3; i++) update(opt, w, tensor([1]))
    expect(optimizerState(opt, params(w)).get('0.1.Momentum.t')).toBe(1)
    expect(w.item()).toBe(-1)
  })

  it('whose step has another shape is an error, and nothing is updated', () => {
    const Wrong = rule('Wrong', { hyper: { eta: 1 }, step: (_hyper, _slots, _x, g) => g.sum() })
    const w = ones([2])
    expect(() => update(Wrong(), w, ones([2]))).toThrow(ShapeError)
    expect(() => update(Wrong(), w, ones([2]))).toThrow('Wrong: the step has another shape than the parameter: [] for [2].')
    expect(w.toArray()).toEqual([1, 1])
  })

  it('that throws for one parameter updates none', () => {
    const Picky = rule('Picky', {
      hyper: { eta: 1 },
      step(_hyper, _slots, x, g) {
        if (x.size === 2) throw new Error('not this one')
        return g.mul(1)
      },
    })
    const model = { a: ones([1]), b: ones([2]) }
    const ps = params(model)
    const grads = () => gradient(() => model.a.sum().add(model.b.sum()), ps)
    expect(() => update(Picky(), ps, grads())).toThrow('not this one')
    expect([...ps].map(p => p.toArray())).toEqual([[1], [1, 1]])
    update(Descent(1), ps, grads())
    expect([...ps].map(p => p.toArray())).toEqual([[0], [0, 0]])
  })

  it('that throws leaves the momenta as they were', () => {
    let fails = false
    const Moody = rule('Moody', {
      hyper: { rho: 0.5 },
      slots: ['v'],
      step({ rho }, { v }, x, g, _t, write) {
        write('v', v.mul(rho).add(g))
        if (fails && x.size === 2) throw new Error('now')
        return v
      },
    })
    const ps = params({ a: zeros([1]), b: zeros([2]) })
    const grads = () => gradient(() => [...ps].map(p => p.sum()).reduce((sum, each) => sum.add(each)), ps)
    const opt = OptimizerChain(Momentum(1, 0.5), Moody())
    update(opt, ps, grads())
    const numbers = () => [...optimizerState(opt, ps).values()].map(value => (typeof value === 'number' ? value : value.toArray()))
    const before = numbers()
    fails = true
    expect(() => update(opt, ps, grads())).toThrow('now')
    expect(numbers()).toEqual(before)
  })

  it('checks its hyperparameters by a function of its own', () => {
    const Even = rule('Even', {
      hyper: { n: 2 },
      check({ n }) {
        if (n % 2) throw new RangeError(`Even: n must be even: ${n}.`)
      },
      step: (_hyper, _slots, _x, g) => g,
    })
    expect(() => Even(3)).toThrow(new RangeError('Even: n must be even: 3.'))
    expect(Even(4).hyper).toEqual({ n: 4 })
    expect(() => Even({ m: 2 } as never)).toThrow(new TypeError("Even: there is no hyperparameter 'm'. It has n."))
  })
})

describe('OptimizerChain', () => {
  it('passes the step of each rule to the next', () => {
    const w = tensor([0, 0])
    update(OptimizerChain(ClipNorm(1), Descent(0.5), Descent(0.5)), w, tensor([3, 4]))
    expect(w.toArray()).toEqual([Math.fround(-0.15), Math.fround(-0.2)].map(value => expect.closeTo(value, 6)))
  })

  it('of nothing is descent at a rate of 1', () => {
    const [w, g] = [tensor([5]), tensor([2])]
    update(OptimizerChain(), w, g, { keep: true })
    expect([w.item(), g.item()]).toEqual([3, 2])
    expect(String(OptimizerChain())).toBe('OptimizerChain()')
  })

  it('of one rule is that rule, to the bit', () => {
    expect(trajectory(OptimizerChain(Adam(0.1)))).toEqual(trajectory(OptimizerChain(OptimizerChain(), Adam(0.1))))
    const [alone, inside] = [trajectory(Adam(0.1)), trajectory(OptimizerChain(Adam(0.1)))]
    for (let i = 0; i < 7; i++) expect(inside[i]).toBeCloseTo(alone[i], 6)
  })

  it('nests', () => {
    expect(trajectory(OptimizerChain(OptimizerChain(ClipNorm(1), Momentum(0.1)), Descent(0.5)))).toEqual(
      trajectory(OptimizerChain(ClipNorm(1), Momentum(0.1), Descent(0.5))),
    )
  })

  it('refuses what is no optimizer', () => {
    expect(() => OptimizerChain(Adam as never, Descent())).toThrow(
      new TypeError('OptimizerChain: takes optimizers: function. Write OptimizerChain(ClipNorm(1), Adam()).'),
    )
  })

  it('takes all steps or none', () => {
    const model = { a: ones([1]), b: ones([1]) }
    const ps = params(model)
    const grads = gradient(() => model.a.sum().add(model.b.mul(2).sum()), ps)
    const Cube = rule('Cube', { hyper: { eta: 1 }, step: (_hyper, _slots, _x, g) => g.sub(1).mul(3e38).mul(2) })
    expect(() => update(OptimizerChain(Cube(), ClipNorm(1), Descent(1)), ps, grads)).toThrow(RangeError)
    expect([...ps].map(p => p.item())).toEqual([1, 1])
  })
})

describe('ClipNorm', () => {
  const clipped = (opt: Optimizer, g: number[]) => apply(opt, zeros([g.length]), tensor(g)).toArray()

  it('shortens what is longer than omega, and leaves the rest to the bit', () => {
    expect(clipped(ClipNorm(1), [3, 4])).toEqual([expect.closeTo(0.6, 6), expect.closeTo(0.8, 6)])
    expect(clipped(ClipNorm(10), [3, 4])).toEqual([3, 4])
    expect(clipped(ClipNorm(5), [3, 4])).toEqual([3, 4])
    expect(clipped(ClipNorm(1), [0, 0])).toEqual([0, 0])
  })

  it('takes other norms', () => {
    expect(clipped(ClipNorm(1, 1), [1, -3])).toEqual([0.25, -0.75])
    expect(clipped(ClipNorm(1, Number.POSITIVE_INFINITY), [1, -4])).toEqual([0.25, -1])
  })

  it('clips each tensor by itself', () => {
    const model = { a: zeros([1]), b: zeros([1]) }
    const ps = params(model)
    update(
      ClipNorm(1),
      ps,
      gradient(() => model.a.mul(8).add(model.b.mul(0.5)).sum(), ps),
    )
    expect([...ps].map(p => p.item())).toEqual([-1, -0.5])
  })

  it('refuses a norm that is not finite, or gives NaN where told', () => {
    const Wild = rule('Wild', { hyper: { eta: 1 }, step: (_hyper, _slots, _x, g) => g.mul(Number.POSITIVE_INFINITY) })
    expect(() => clipped(OptimizerChain(Wild(), ClipNorm(1)), [1, 2])).toThrow(
      new RangeError("ClipNorm: the gradient's norm is not finite: Infinity. Lower the learning rate, or pass { throw: false }."),
    )
    expect(clipped(OptimizerChain(Wild(), ClipNorm({ throw: false })), [1, 2])).toEqual([Number.NaN, Number.NaN])
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('never sees a gradient of %d', bad => {
    for (const opt of [ClipNorm(1), ClipNorm({ throw: false })]) {
      expect(() => clipped(opt, [bad, 1])).toThrow(DivergedError)
      expect(opt.steps).toBe(0)
    }
  })
})
