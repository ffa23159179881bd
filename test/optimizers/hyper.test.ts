import {
  AccumGrad,
  Adam,
  AdamW,
  adjust,
  apply,
  ClipNorm,
  Descent,
  loadOptimizerState,
  Momentum,
  OptimizerChain,
  ones,
  optimizerState,
  params,
  setup,
  tensor,
  update,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

/** The step that an optimizer takes for a gradient of ones. */
const stepOf = (opt: ReturnType<typeof Descent> | ReturnType<typeof OptimizerChain>) => apply(opt, tensor([0]), ones([1])).item()

describe('hyperparameters', () => {
  it('come by position, by name, or mixed, the rest by default', () => {
    const same = ['Adam(eta: 0.01, beta: [0.8, 0.9], epsilon: 1e-8)']
    expect([Adam(0.01, [0.8, 0.9]), Adam({ eta: 0.01, beta: [0.8, 0.9] }), Adam(0.01, { beta: [0.8, 0.9] })].map(String)).toEqual([
      ...same,
      ...same,
      ...same,
    ])
    expect(String(Adam(undefined, undefined, 1e-6))).toBe('Adam(eta: 0.001, beta: [0.9, 0.999], epsilon: 0.000001)')
    expect(String(Adam({ eta: undefined, epsilon: 1e-6 }))).toBe('Adam(eta: 0.001, beta: [0.9, 0.999], epsilon: 0.000001)')
  })

  it('have the documented defaults', () => {
    expect([Descent(), Momentum(), Adam(), AdamW(), ClipNorm()].map(String)).toEqual([
      'Descent(eta: 0.1)',
      'Momentum(eta: 0.01, rho: 0.9)',
      'Adam(eta: 0.001, beta: [0.9, 0.999], epsilon: 1e-8)',
      'AdamW(eta: 0.001, beta: [0.9, 0.999], lambda: 0, epsilon: 1e-8, couple: true, decay: true)',
      'ClipNorm(omega: 10, p: 2, throw: true)',
    ])
    expect(Momentum(0.5, 0.25).hyper).toEqual({ eta: 0.5, rho: 0.25 })
  })

  it('act: the learning rate scales the step', () => {
    expect(stepOf(Descent(0.25))).toBe(0.25)
    expect(stepOf(Descent({ eta: 0.5 }))).toBe(0.5)
    expect(stepOf(Momentum(0.25, { rho: 0 }))).toBe(0.25)
  })

  it.each([
    [
      'an unknown name',
      () => Adam({ lr: 0.1 } as never),
      "Adam: there is no hyperparameter 'lr'. Is eta meant? It has eta, beta, epsilon.",
    ],
    [
      'an unknown name behind a number',
      () => Adam(0.1, { betas: [0, 0] } as never),
      "Adam: there is no hyperparameter 'betas'. Is beta meant? It has eta, beta, epsilon.",
    ],
    ['too many', () => Descent(0.1, 0.2 as never), 'Descent: takes 1 hyperparameters (eta): 2 came.'],
    ['a string', () => Descent('0.1' as never), "Descent: eta must be a number or a schedule: '0.1'."],
    ['null', () => Descent(null as never), 'Descent: eta must be a number or a schedule: null.'],
    ['a number where a pair is wanted', () => Adam(0.1, 0.9 as never), 'Adam: beta must be a list of 2 numbers: 0.9.'],
    ['a list of another length', () => Adam(0.1, [0.9] as never), 'Adam: beta must be a list of 2 numbers: [0.9].'],
    ['a list of other things', () => Adam(0.1, [0.9, '1'] as never), "Adam: beta must be a list of 2 numbers: [0.9, '1']."],
    ['a number where a boolean is wanted', () => AdamW({ couple: 1 } as never), 'AdamW: couple must be a boolean: 1.'],
    ['a pair where a number is wanted', () => Momentum([0.1, 0.2] as never), 'Momentum: eta must be a number or a schedule: [0.1, 0.2].'],
  ])('refuse %s', (_, make, message) => {
    expect(make).toThrow(new TypeError(message))
  })

  it.each([
    ['a negative rate', () => Descent(-0.1), 'Descent: eta must lie from 0 up: -0.1.'],
    ['an infinite rate', () => Descent(Number.POSITIVE_INFINITY), 'Descent: eta must lie from 0 up: Infinity.'],
    ['NaN', () => Adam(Number.NaN), 'Adam: eta must lie from 0 up: NaN.'],
    ['a momentum of 1', () => Momentum(0.1, 1), 'Momentum: rho must lie in [0, 1): 1.'],
    ['a negative momentum', () => Momentum(0.1, -0.5), 'Momentum: rho must lie in [0, 1): -0.5.'],
    ['a beta above 1', () => Adam(0.1, [0.9, 1.5]), 'Adam: beta must lie in [0, 1): 1.5.'],
    ['a negative decay', () => AdamW({ lambda: -1 }), 'AdamW: lambda must lie from 0 up: -1.'],
    ['a schedule that starts out of range', () => Descent(() => -1), 'Descent: eta must lie from 0 up: -1.'],
    ['a negative norm to clip at', () => ClipNorm(-1), 'ClipNorm: omega must lie from 0 up: -1.'],
    ['a norm of order 0', () => ClipNorm(1, 0), 'ClipNorm: p must lie above 0: 0.'],
  ])('refuse %s', (_, make, message) => {
    expect(make).toThrow(new RangeError(message))
  })
})

describe('a schedule', () => {
  it('as the learning rate sees the steps 0, 1, 2, ...', () => {
    const seen: number[] = []
    const opt = Descent(step => {
      seen.push(step)
      return 2 ** -step
    })
    const x = tensor([0])
    const at: number[] = []
    for (let i = 0; i < 4; i++) {
      update(opt, x, ones([1]))
      at.push(x.item())
    }
    expect(at).toEqual([-1, -1.5, -1.75, -1.875])
    expect([...new Set(seen)]).toEqual([0, 1, 2, 3])
    expect(opt.steps).toBe(4)
  })

  it('sees one step for all parameters of an update', () => {
    const [a, b] = [tensor([0]), tensor([0])]
    const opt = Descent(step => 1 + step)
    const ps = params(a, b)
    const model = { a, b }
    const state = setup(opt, model)
    update(state, model, { a: ones([1]), b: ones([1]) })
    update(state, model, { a: ones([1]), b: ones([1]) })
    expect([...ps].map(p => p.item())).toEqual([-3, -3])
  })

  it('inside a chain sees the steps of the chain, however deep', () => {
    const x = tensor([0])
    const opt = OptimizerChain(ClipNorm(100), OptimizerChain(Descent(step => 10 ** step)))
    for (let i = 0; i < 3; i++) update(opt, x, ones([1]))
    expect(x.item()).toBe(-111)
  })

  it('may stand for any number, by name too', () => {
    const x = tensor([0])
    const opt = Momentum({ eta: 1, rho: step => (step === 0 ? 0 : 0.5) })
    for (let i = 0; i < 3; i++) update(opt, x, ones([1]))
    expect(x.item()).toBe(-(1 + 1.5 + 1.75))
  })

  it('is printed as its value at this step', () => {
    const opt = Descent(step => 0.5 / (1 + step))
    expect(String(opt)).toBe('Descent(eta: 0.5)')
    update(opt, tensor([0]), ones([1]))
    expect(String(opt)).toBe('Descent(eta: 0.25)')
  })

  it('is read as what the next update will use, alone and in a chain, of which some steps are held back', () => {
    for (const chained of [false, true]) {
      const rule = Descent(step => 0.5 ** step)
      const opt = chained ? OptimizerChain(ClipNorm(100), rule) : rule
      const x = tensor([0])
      for (const eta of [1, 0.5, 0.25]) {
        expect(rule.hyper.eta).toBe(eta)
        expect(String(opt)).toContain(`Descent(eta: ${eta})`)
        const before = x.item()
        update(opt, x, ones([1]))
        expect(before - x.item()).toBe(eta)
      }
      const other = Descent(step => 0.5 ** step)
      loadOptimizerState(chained ? OptimizerChain(ClipNorm(100), other) : other, params(x), new Map([['steps', 2]]))
      expect(other.hyper.eta).toBe(0.25)
    }
    const held = Descent(step => 0.5 ** step)
    const opt = OptimizerChain(AccumGrad(2), held)
    const x = tensor([0])
    const seen = [1, 2, 3, 4].map(() => {
      update(opt, x, ones([1]))
      return held.hyper.eta
    })
    expect(seen).toEqual([1, 0.5, 0.5, 0.25])
  })
})

describe('adjust', () => {
  it('sets the learning rate by a number, others by name', () => {
    const opt = Adam()
    adjust(opt, 0.5)
    expect(opt.hyper.eta).toBe(0.5)
    adjust(opt, { beta: [0.1, 0.2], epsilon: 1e-3 })
    expect(opt.hyper).toEqual({ eta: 0.5, beta: [0.1, 0.2], epsilon: 1e-3 })
  })

  it('takes a schedule, and a number again', () => {
    const opt = Descent(1)
    adjust(opt, step => 0.5 + step)
    expect(stepOf(opt)).toBe(0.5)
    expect(stepOf(opt)).toBe(1.5)
    adjust(opt, 0.25)
    expect(stepOf(opt)).toBe(0.25)
  })

  it('reaches every rule of a chain that has the name, and the optimizer of a state', () => {
    const [first, second] = [Momentum(1, 0.5), Descent(1)]
    const chain = OptimizerChain(ClipNorm(5), first, OptimizerChain(second))
    adjust(chain, 0.5)
    expect([first.hyper.eta, second.hyper.eta]).toEqual([0.5, 0.5])
    const w = ones([1])
    adjust(setup(chain, { w }), { rho: 0.25, omega: 7 })
    expect(String(chain)).toBe(
      'OptimizerChain(ClipNorm(omega: 7, p: 2, throw: true), Momentum(eta: 0.5, rho: 0.25), OptimizerChain(Descent(eta: 0.5)))',
    )
  })

  it('leaves momenta and counts of steps as they are', () => {
    const x = tensor([0])
    const opt = Adam(0.1)
    for (let i = 0; i < 3; i++) update(opt, x, tensor([2]))
    const remembered = () =>
      [...optimizerState(opt, params(x))].map(([path, value]) => [path, typeof value === 'number' ? value : value.toArray()])
    const before = remembered()
    adjust(opt, { eta: 0.01, beta: [0.5, 0.5] })
    expect(remembered()).toEqual(before)
    expect(before.map(([path]) => path)).toEqual(['steps', '0.t', '0.m', '0.v'])
  })

  it.each([
    [
      'a name that no rule has',
      (opt: ReturnType<typeof Adam>) => adjust(opt, { rho: 0.5 }),
      new TypeError("adjust: no rule has a hyperparameter 'rho': Adam(eta: 0.001, beta: [0.9, 0.999], epsilon: 1e-8)."),
    ],
    [
      'a wrong kind',
      (opt: ReturnType<typeof Adam>) => adjust(opt, { beta: 0.5 }),
      new TypeError('Adam: beta must be a list of 2 numbers: 0.5.'),
    ],
    ['what is out of range', (opt: ReturnType<typeof Adam>) => adjust(opt, -1), new RangeError('Adam: eta must lie from 0 up: -1.')],
    [
      'one of several that is unknown',
      (opt: ReturnType<typeof Adam>) => adjust(opt, { eta: 0.5, rho: 0.5 }),
      new TypeError("adjust: no rule has a hyperparameter 'rho': Adam(eta: 0.001, beta: [0.9, 0.999], epsilon: 1e-8)."),
    ],
    [
      'one of several that is out of range',
      (opt: ReturnType<typeof Adam>) => adjust(opt, { eta: 0.5, beta: [2, 2] }),
      new RangeError('Adam: beta must lie in [0, 1): 2.'),
    ],
  ])('refuses %s and changes nothing', (_, change, error) => {
    const opt = Adam()
    const before = String(opt)
    expect(() => change(opt)).toThrow(error)
    expect(String(opt)).toBe(before)
  })

  it('refuses a learning rate where there is none', () => {
    expect(() => adjust(ClipNorm(1), 0.1)).toThrow(
      new TypeError("adjust: no rule has a hyperparameter 'eta': ClipNorm(omega: 1, p: 2, throw: true)."),
    )
  })
})
