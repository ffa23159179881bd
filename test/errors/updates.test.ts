import {
  Adam,
  apply,
  ClipNorm,
  Descent,
  gradient,
  loadOptimizerState,
  Momentum,
  mse,
  OptimizerChain,
  ones,
  optimizerState,
  params,
  setup,
  type Tensor,
  tensor,
  update,
  zeros,
} from 'fluxtape'
import { describe } from 'vitest'
import { loss, model, ps, w, x, y } from './subject.ts'
import { refuses } from './table.ts'

const [bytes, ints] = [zeros([3], { dtype: 'uint8' }), tensor(new Int32Array([1, 2, 3]))]

/** What a tensor of another copy looks like. */
const foreign = { [Symbol.for('fluxtape.tensor')]: {} }

const stateOf = (t: number, v: Tensor) =>
  new Map<string, Tensor | number>([
    ['w.t', t],
    ['w.v', v],
  ])

const grads = () => gradient(() => loss(x, y), ps)

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
      'TypeError: loadOptimizerState: the state is a Map, what optimizerState gives: undefined came.',
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
      'a gradient of another copy of the library',
      () => update(Adam(), w, foreign as never),
      'TypeError: update: the gradient of a tensor is a tensor: a tensor of another copy of fluxtape came.',
    ],
    [
      'a tensor of another copy of the library',
      () => update(Adam(), foreign as never, w as never),
      'TypeError: update: the second argument is a tensor, a Params or a model: a tensor of another copy of fluxtape came.',
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
      `TypeError: loadOptimizerState: 'w.t' is a number: '2' came.`,
    ],
    [
      'a state that is a list',
      () => loadOptimizerState(Momentum(), params({ w }), [w] as never),
      'TypeError: loadOptimizerState: the state is a Map, what optimizerState gives: an array came.',
    ],
  ])
})
