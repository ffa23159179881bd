import {
  Adam,
  AdamW,
  adjust,
  apply,
  ClipNorm,
  clone,
  Descent,
  gradient,
  loadOptimizerState,
  Momentum,
  mse,
  OptimizerChain,
  ones,
  optimizerState,
  params,
  rule,
  setup,
  type Tensor,
  tensor,
  update,
  zeros,
} from 'fluxtape'
import { describe } from 'vitest'
import { loss, model, ps, w, x, y } from './subject.ts'
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
const [bytes, ints] = [zeros([3], { dtype: 'uint8' }), tensor(new Int32Array([1, 2, 3]))]

const stateOf = (t: number, v: Tensor) =>
  new Map<string, Tensor | number>([
    ['w.t', t],
    ['w.v', v],
  ])

const grads = () => gradient(() => loss(x, y), ps)

describe('rules refuse', () => {
  refuses([
    ['a negative rate', () => Descent(-1), 'RangeError: Descent: eta must lie from 0 up: -1.'],
    ['a rate that is NaN', () => Descent(Number.NaN), 'RangeError: Descent: eta must lie from 0 up: NaN.'],
    ['a rate that is text', () => Adam('0.1' as never), 'TypeError: Adam: eta must be a number or a schedule: 0.1.'],
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
      `TypeError: AdamW: there is no hyperparameter 'weight_decay'. Is lambda meant? It has eta, beta, lambda, epsilon, couple.`,
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

describe('update refuses', () => {
  const [tree] = gradient(m => mse(m(x), y), model)
  refuses([
    [
      'a tree with a Params',
      () => update(Descent(0.1), ps, tree as never),
      `TypeError: update: a Params goes with the Grads of gradient(() => loss, ps): object came. A model's tree goes with setup(opt, model).`,
    ],
    [
      'Grads with a model',
      () => update(setup(Descent(0.1), model), model, grads() as never),
      'TypeError: update: Grads go with the Params they were taken by: a model came. Write update(opt, ps, grads).',
    ],
    [
      'a rule with a model',
      () => update(Descent(0.1), model as never, tree as never),
      'TypeError: update: a model is updated with a state: an optimizer came. Write const state = setup(opt, model) once, then update(state, model, gradient).',
    ],
    [
      'the whole list of gradients',
      () => update(setup(Descent(0.1), model), model, [tree]),
      'TypeError: update: the whole list of gradients came where one is wanted. gradient(f, model) gives one for each argument: take the first.',
    ],
    [
      'a tensor without a tensor',
      () => update(Descent(0.1), w, 0.5 as never),
      'TypeError: update: the gradient of a tensor is a tensor: number came.',
    ],
    [
      'a gradient of another shape',
      () => update(Descent(0.1), w, ones([4])),
      'ShapeError: update: a gradient has another shape than its parameter: [4] for [3].',
    ],
    [
      'a parameter of bytes',
      () => update(Descent(0.1), bytes, w),
      `DTypeError: update: a parameter must be float32: uint8 [3]. Write x.cast('float32').`,
    ],
    [
      'a parameter of integers',
      () => update(Adam(), ints, w),
      `DTypeError: update: a parameter must be float32: int32 [3]. Write x.cast('float32').`,
    ],
    [
      'a gradient of integers',
      () => update(Adam(), w, ints),
      `DTypeError: update: a gradient must be float32: int32 [3]. Write g.cast('float32').`,
    ],
    [
      'a gradient of bytes in a tree',
      () => update(setup(Momentum(), { w }), { w }, { w: w.greater(0) }),
      `DTypeError: update: a gradient must be float32: bool [3]. Write g.cast('float32').`,
    ],
    [
      'integers that a model holds beside its parameters',
      () => update(setup(Adam(), { w, ints }), { w, ints }, { ints: w }),
      `DTypeError: update: a parameter must be float32: int32 [3]. Write x.cast('float32').`,
    ],
    [
      'apply of a gradient of integers',
      () => apply(OptimizerChain(ClipNorm(1), Adam()), w, ints),
      `DTypeError: apply: a gradient must be float32: int32 [3]. Write g.cast('float32').`,
    ],
    [
      'apply to integers',
      () => apply(Adam(), ints, w),
      `DTypeError: apply: a parameter must be float32: int32 [3]. Write x.cast('float32').`,
    ],
    [
      'a gradient that is NaN',
      () => update(Adam(), w, tensor([1, Number.NaN, 1])),
      'DivergedError: update: the gradient is not finite: NaN. Nothing was updated. Look for log, sqrt or div at 0 in the loss, even behind where.',
    ],
    [
      'a gradient that is infinite, in a model',
      () => update(setup(Adam(), { w }), { w }, { w: tensor([1, 2, Number.NEGATIVE_INFINITY]) }),
      `DivergedError: update: the gradient of 'w' is not finite: -Infinity. Nothing was updated. Look for log, sqrt or div at 0 in the loss, even behind where.`,
    ],
    [
      'apply of a gradient that is NaN',
      () => apply(ClipNorm({ throw: false }), w, tensor([1, Number.NaN, 1])),
      'DivergedError: apply: the gradient is not finite: NaN. Nothing was updated. Look for log, sqrt or div at 0 in the loss, even behind where.',
    ],
    [
      'a tree of another form',
      () => update(setup(Descent(0.1), model), model, { weight: { inner: ones([1, 2]) } }),
      'TypeError: update: the gradients have another form than the model: at weight.',
    ],
    [
      'gradients of which there are none',
      () =>
        update(
          Descent(0.1),
          params(w),
          gradient(() => x.sum(), params(w)),
        ),
      'TypeError: update: no parameter has a gradient. None of them took part in the loss; are they those that the model uses?',
    ],
    [
      'what is no optimizer',
      () => update(0.1 as never, w, w),
      'TypeError: update: the first argument is an optimizer or what setup gives: number came.',
    ],
    [
      'nothing as optimizer',
      () => update(undefined as never, w, w),
      'TypeError: update: the first argument is an optimizer or what setup gives: undefined came.',
    ],
    [
      'to run while a gradient is taken',
      () => gradient(() => (update(Descent(0.1), w, w) as undefined) ?? w.sum(), params(w)),
      'TypeError: update: a gradient is being taken, and parameters must not change meanwhile. Call update after gradient has returned.',
    ],
    [
      'Grads of another Params',
      () => update(Descent(0.1), params(w), grads()),
      'RangeError: Grads: the tensor is not among the parameters that were differentiated. Pass it to params(...) before the gradient is taken.',
    ],
    [
      'apply of a gradient of another shape',
      () => apply(Adam(), w, ones([4])),
      'ShapeError: apply: a gradient has another shape than its parameter: [4] for [3].',
    ],
    [
      'setup without an optimizer',
      () => setup(model as never, model),
      'TypeError: setup: the first argument is an optimizer: function came. Write setup(Adam(), model).',
    ],
    [
      'setup of a model that holds no tensor',
      () => setup(Adam(), (z: Tensor) => z),
      'TypeError: setup: the model has no trainable tensor. A closure hides its own: make the model with layer(...) or Chain(...).',
    ],
    [
      'an optimizer without paths',
      () => optimizerState(Adam()),
      `TypeError: optimizerState: an optimizer's memory has its paths from a Params. Write optimizerState(opt, ps).`,
    ],
    [
      'the state of what is no optimizer',
      () => optimizerState({} as never, ps),
      'TypeError: optimizerState: the first argument is an optimizer or what setup gives: object came.',
    ],
    [
      'the state by the paths of what is no Params',
      () => optimizerState(Adam(), model as never),
      `TypeError: optimizerState: an optimizer's memory has its paths from a Params: function came. Write optimizerState(opt, ps).`,
    ],
    [
      'to load into what is no optimizer',
      () => loadOptimizerState({} as never, ps, new Map()),
      'TypeError: loadOptimizerState: the first argument is an optimizer or what setup gives: object came.',
    ],
    [
      'to load nothing',
      () => loadOptimizerState(Adam(), ps, undefined as never),
      'TypeError: loadOptimizerState: the state is a Map, as optimizerState gives it: undefined came.',
    ],
    [
      'nothing as target',
      () => update(Adam(), undefined as never, w as never),
      'TypeError: update: the second argument is a tensor, a Params or a model: undefined came.',
    ],
    [
      'a number as target',
      () => update(setup(Adam(), { w }), 3 as never, w as never),
      'TypeError: update: the second argument is a tensor, a Params or a model: number came.',
    ],
    [
      'to be given nothing for a tensor',
      () => apply(Adam(), w, null as never),
      'TypeError: apply: the gradient of a tensor is a tensor: null came.',
    ],
    [
      'a state of unknown paths',
      () => loadOptimizerState(Adam(), ps, new Map([['nowhere.m', w]])),
      `TypeError: loadOptimizerState: no parameter and rule belong to 'nowhere.m'.`,
    ],
    [
      'a state of another shape',
      () =>
        loadOptimizerState(
          Momentum(),
          params({ w }),
          new Map<string, Tensor | number>([
            ['w.t', 1],
            ['w.v', ones([4])],
          ]),
        ),
      `TypeError: loadOptimizerState: 'w.v' must be a tensor [3]: [4] came.`,
    ],
    [
      'a state of integers',
      () => loadOptimizerState(Momentum(), params({ w }), stateOf(1, ints)),
      `DTypeError: loadOptimizerState: 'w.v' must be float32: int32.`,
    ],
    [
      'a count of steps that is none',
      () => loadOptimizerState(Momentum(), params({ w }), stateOf(-1, w)),
      `RangeError: loadOptimizerState: 'w.t' must be a whole number from 0: -1.`,
    ],
    [
      'a count of steps that is no number',
      () => loadOptimizerState(Momentum(), params({ w }), stateOf('2' as never, w)),
      `RangeError: loadOptimizerState: 'w.t' must be a whole number from 0: 2.`,
    ],
    [
      'a state that is a list',
      () => loadOptimizerState(Momentum(), params({ w }), [w] as never),
      'TypeError: loadOptimizerState: the state is a Map, as optimizerState gives it: an array came.',
    ],
  ])
})
