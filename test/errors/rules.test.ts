import {
  AccumGrad,
  Adam,
  AdamW,
  adjust,
  ClipNorm,
  clone,
  Descent,
  Momentum,
  OptimizerChain,
  ones,
  RMSProp,
  rule,
  type Tensor,
  update,
  WeightDecay,
} from 'fluxtape'
import { describe } from 'vitest'
import { ps, w } from './subject.ts'
import { refuses } from './table.ts'

const same = (g: Tensor) => g
/** A rule whose step is made by `step`, and that writes what `value` makes into the slot `name`. */
const Own = (step: (g: Tensor) => unknown, name = 'm', value: (g: Tensor) => unknown = same) =>
  rule('Own', {
    hyper: { eta: 1 },
    slots: ['m'],
    step(_, __, ___, g, ____, write) {
      write(name, value(g) as Tensor)
      return step(g) as Tensor
    },
  })
const Wild = rule('Wild', { hyper: { eta: 1 }, step: (_, __, ___, g) => g.mul(Number.POSITIVE_INFINITY) })
describe('rules refuse', () => {
  refuses([
    ['a negative rate', () => Descent(-1), 'RangeError: Descent: eta must lie from 0 up: -1.'],
    ['a rate that is NaN', () => Descent(Number.NaN), 'RangeError: Descent: eta must lie from 0 up: NaN.'],
    ['AccumGrad of nothing', () => AccumGrad(), 'TypeError: AccumGrad: takes the number of gradients to gather. Write AccumGrad(4).'],
    [
      'an optimizer within AccumGrad',
      () => AccumGrad(4, Adam() as never),
      'TypeError: AccumGrad: takes numbers, no optimizer: Adam came. Write OptimizerChain(AccumGrad(4), Adam()).',
    ],
    [
      'an optimizer within WeightDecay',
      () => WeightDecay(0.1, Adam() as never),
      'TypeError: WeightDecay: takes numbers, no optimizer: Adam came. Write OptimizerChain(WeightDecay(0.1), Adam()).',
    ],
    [
      'an optimizer within one that has a learning rate',
      () => RMSProp(ClipNorm(1) as never),
      'TypeError: RMSProp: takes numbers, no optimizer: ClipNorm came. Write OptimizerChain(ClipNorm(), RMSProp()).',
    ],
    [
      'a learning rate by another name',
      () => adjust(Descent(1), { lr: 1 }),
      "TypeError: adjust: no rule has a hyperparameter 'lr': Descent(eta: 1). Is eta meant?",
    ],
    ['a rate that is text', () => Adam('0.1' as never), "TypeError: Adam: eta must be a number or a schedule: '0.1'."],
    ['betas outside of their range', () => Adam(0.1, [0.9, 1]), 'RangeError: Adam: beta must lie in [0, 1): 1.'],
    ['one beta where there are two', () => Adam(0.1, 0.9 as never), 'TypeError: Adam: beta must be a list of 2 numbers: 0.9.'],
    [
      'an unknown name',
      () => Adam({ lr: 0.1 } as never),
      `TypeError: Adam: there is no hyperparameter 'lr'. Is eta meant? It has eta, beta, epsilon.`,
    ],
    [
      'parameters where numbers are wanted, as in PyTorch',
      () => Adam(ps as never, 1e-3),
      'TypeError: Adam: takes numbers, the parameters go to what uses it: a Params came. Write train(loss, ps, data, Adam(...)), or update(opt, ps, grads).',
    ],
    [
      'a list of parameters, and a name from there',
      () => Momentum([w] as never, { lr: 0.1 } as never),
      'TypeError: Momentum: takes numbers, the parameters go to what uses it: an array came. Write train(loss, ps, data, Momentum(...)), or update(opt, ps, grads).',
    ],
    [
      'a name from PyTorch',
      () => AdamW({ weight_decay: 0.1 } as never),
      `TypeError: AdamW: there is no hyperparameter 'weight_decay'. Is lambda meant? It has eta, beta, lambda, epsilon, couple, decay.`,
    ],
    [
      'a number that is an object',
      () => Adam({ eta: new Date(0) } as never),
      'TypeError: Adam: eta must be a number or a schedule: a Date.',
    ],
    ['a definition without a name', () => rule({} as never, {} as never), 'TypeError: rule: the name is a string: object came.'],
    [
      'no definition',
      () => rule('Mine', undefined as never),
      'TypeError: rule: an object is wanted, undefined came, in the definition of Mine. Write { hyper: { eta: 0.1 }, step: ({ eta }, slots, x, g) => g.mul(eta) }.',
    ],
    [
      'a definition without hyperparameters',
      () => rule('Mine', { step: (_: unknown, __: unknown, ___: unknown, g: Tensor) => g } as never),
      'TypeError: rule: hyper is an object of defaults: undefined came in the definition of Mine. Write { hyper: { eta: 0.1 }, step: ({ eta }, slots, x, g) => g.mul(eta) }.',
    ],
    [
      'a definition without a formula',
      () => rule('Mine', { hyper: { eta: 1 } }),
      'TypeError: rule: there must be one formula, step or factor, in the definition of Mine. Write { hyper: { eta: 0.1 }, step: ({ eta }, slots, x, g) => g.mul(eta) }.',
    ],
    [
      'a formula that is none',
      () => rule('Mine', { hyper: { eta: 1 }, step: 'g' } as never),
      'TypeError: rule: step is a function: string came in the definition of Mine. Write { hyper: { eta: 0.1 }, step: ({ eta }, slots, x, g) => g.mul(eta) }.',
    ],
    [
      'a slot that has the name of the count',
      () => rule('Mine', { hyper: { eta: 1 }, slots: ['m', 't'], step: (_, __, ___, g) => g }),
      `TypeError: rule: a slot needs a name of its own, and 't' counts steps: t came in the definition of Mine. Write { hyper: { eta: 0.1 }, step: ({ eta }, slots, x, g) => g.mul(eta) }.`,
    ],
    [
      'slots that are no names',
      () => rule('Mine', { hyper: { eta: 1 }, slots: 'm', step: (_: unknown, __: unknown, ___: unknown, g: Tensor) => g } as never),
      'TypeError: rule: slots are a list of names, or an object from name to start: string came in the definition of Mine. Write { hyper: { eta: 0.1 }, step: ({ eta }, slots, x, g) => g.mul(eta) }.',
    ],
    [
      'to adjust what is no optimizer',
      () => adjust({} as never, 1),
      'TypeError: adjust: the first argument is an optimizer or what setup gives: object came.',
    ],
    [
      'to adjust nothing',
      () => adjust(undefined as never, 1),
      'TypeError: adjust: the first argument is an optimizer or what setup gives: undefined came.',
    ],
    [
      'to be adjusted to text',
      () => adjust(Adam(), '0.1' as never),
      'TypeError: adjust: the second argument is a learning rate, or hyperparameters by name: string came. Write adjust(opt, 0.01), or adjust(opt, { eta: 0.01 }).',
    ],
    [
      'to be adjusted to nothing',
      () => adjust(Adam(), undefined as never),
      'TypeError: adjust: the second argument is a learning rate, or hyperparameters by name: undefined came. Write adjust(opt, 0.01), or adjust(opt, { eta: 0.01 }).',
    ],
    ['too many numbers', () => Momentum(0.1, 0.9, 0.5), 'TypeError: Momentum: takes 2 hyperparameters (eta, rho): 3 came.'],
    ['a number where yes or no is needed', () => AdamW({ couple: 1 } as never), 'TypeError: AdamW: couple must be a boolean: 1.'],
    [
      'an unknown name of an own rule',
      () => rule('Mine', { hyper: { eta: 1 }, step: (_, __, ___, g) => g })({ rate: 1 } as never),
      `TypeError: Mine: there is no hyperparameter 'rate'. Is eta meant? It has eta.`,
    ],
    [
      'what is no optimizer in a chain',
      () => OptimizerChain(ClipNorm(1), 0.1 as never),
      'TypeError: OptimizerChain: takes optimizers: number. Write OptimizerChain(ClipNorm(1), Adam()).',
    ],
    [
      'a gradient whose norm is not finite behind another rule',
      () => update(OptimizerChain(Wild(), ClipNorm(1)), w, ones([3])),
      `RangeError: ClipNorm: the gradient's norm is not finite: Infinity. Lower the learning rate, or pass { throw: false }.`,
    ],
    ['a step that is no tensor', () => update(Own(() => 0.5)(), w, ones([3])), 'TypeError: Own: the step must be a tensor: number came.'],
    [
      'a step of integers',
      () => update(Own(g => g.greater(0))(), w, ones([3])),
      `DTypeError: Own: the step must be float32: bool. Write cast('float32').`,
    ],
    [
      'a step of another shape in a chain',
      () => update(OptimizerChain(Own(g => g.sum())(), Adam()), w, ones([3])),
      'ShapeError: Own: the step has another shape than the parameter: [] for [3].',
    ],
    [
      'a slot that is written with another shape',
      () => update(Own(same, 'm', g => g.sum())(), w, ones([3])),
      `ShapeError: Own: the slot 'm' has another shape than the parameter: [] for [3].`,
    ],
    [
      'a slot that is written with integers',
      () => update(Own(same, 'm', g => g.cast('int32'))(), w, ones([3])),
      `DTypeError: Own: the slot 'm' must be float32: int32. Write cast('float32').`,
    ],
    [
      'a slot that is written with a number',
      () => update(Own(same, 'm', () => 3)(), w, ones([3])),
      `TypeError: Own: the slot 'm' must be a tensor: number came.`,
    ],
    [
      'a slot that there is not',
      () => update(Own(same, 'n', g => g)(), w, ones([3])),
      `TypeError: Own: there is no slot 'n'. Name it in the rule's slots: [m].`,
    ],
    [
      'to be copied as models are',
      () => clone({ opt: Adam() }),
      'TypeError: clone: an optimizer is no model, its memory belongs to parameters: Adam. Make another one, and hand the memory on with loadOptimizerState(other, params(copy), optimizerState(opt, params(model))).',
    ],
    [
      'a hyperparameter that no rule has',
      () => adjust(OptimizerChain(ClipNorm(1), Descent(0.1)), { beta: 0.5 }),
      `TypeError: adjust: no rule has a hyperparameter 'beta': OptimizerChain(ClipNorm(omega: 1, p: 2, throw: true), Descent(eta: 0.1)).`,
    ],
    [
      'a hyperparameter called like something of every object',
      () => adjust(Descent(0.1), { constructor: 1 }),
      `TypeError: adjust: no rule has a hyperparameter 'constructor': Descent(eta: 0.1).`,
    ],
    ['an adjustment out of range', () => adjust(Momentum(0.1), { rho: 1.5 }), 'RangeError: Momentum: rho must lie in [0, 1): 1.5.'],
    [
      'a rate where no rule has one',
      () => adjust(ClipNorm(1), 0.1),
      `TypeError: adjust: no rule has a hyperparameter 'eta': ClipNorm(omega: 1, p: 2, throw: true).`,
    ],
  ])
})
