import {
  Adam,
  AdamW,
  adjust,
  apply,
  ClipNorm,
  configure,
  Dense,
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
  threads,
  train,
  trainStep,
  update,
  zeros,
} from 'fluxtape'
import { describe } from 'vitest'
import { refuses, rejects } from './table.ts'

const w = ones([3])
const model = Dense(tensor([[1, -1]]), tensor([0]))
const ps = params(model)
const x = ones([4, 2])
const y = zeros([4, 1])
const loss = (input: Tensor, target: Tensor) => mse(model(input), target)
const data = [[x, y]]
const grads = () => gradient(() => loss(x, y), ps)

describe('rules refuse', () => {
  refuses([
    ['a negative rate', () => Descent(-1), 'RangeError: Descent: eta must lie from 0 up: -1.'],
    ['a rate that is NaN', () => Descent(Number.NaN), 'RangeError: Descent: eta must lie from 0 up: NaN.'],
    ['a rate that is text', () => Adam('0.1' as never), 'TypeError: Adam: eta must be a number or a schedule: 0.1.'],
    ['betas outside of their range', () => Adam(0.1, [0.9, 1]), 'RangeError: Adam: beta must lie in [0, 1): 1.'],
    ['one beta where there are two', () => Adam(0.1, 0.9 as never), 'TypeError: Adam: beta must be a list of 2 numbers: 0.9.'],
    ['an unknown name', () => Adam({ lr: 0.1 } as never), `TypeError: Adam: there is no hyperparameter 'lr'. It has eta, beta, epsilon.`],
    ['too many numbers', () => Momentum(0.1, 0.9, 0.5), 'TypeError: Momentum: takes 2 hyperparameters (eta, rho): 3 came.'],
    ['a number where yes or no is needed', () => AdamW({ couple: 1 } as never), 'TypeError: AdamW: couple must be a boolean: 1.'],
    [
      'an unknown name of an own rule',
      () => rule('Mine', { hyper: { eta: 1 }, step: (_, __, ___, g) => g })({ rate: 1 } as never),
      `TypeError: Mine: there is no hyperparameter 'rate'. It has eta.`,
    ],
    [
      'what is no optimizer in a chain',
      () => OptimizerChain(ClipNorm(1), 0.1 as never),
      'TypeError: OptimizerChain: takes optimizers: number. Write OptimizerChain(ClipNorm(1), Adam()).',
    ],
    [
      'a gradient whose norm is not finite',
      () => update(ClipNorm(1), w, tensor([1, Number.NaN, 1])),
      `RangeError: ClipNorm: the gradient's norm is not finite: NaN. Lower the learning rate, or pass { throw: false }.`,
    ],
    [
      'a hyperparameter that no rule has',
      () => adjust(OptimizerChain(ClipNorm(1), Descent(0.1)), { beta: 0.5 }),
      `TypeError: adjust: no rule has a hyperparameter 'beta': OptimizerChain(ClipNorm(omega: 1, p: 2, throw: true), Descent(eta: 0.1)).`,
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
      () => update(Descent(0.1), ps, tree),
      `TypeError: update: a Params goes with the Grads of gradient(() => loss, ps): object came. A model's tree goes with setup(opt, model).`,
    ],
    [
      'Grads with a model',
      () => update(setup(Descent(0.1), model), model, grads()),
      'TypeError: update: Grads go with the Params they were taken by: a model came. Write update(opt, ps, grads).',
    ],
    [
      'a rule with a model',
      () => update(Descent(0.1), model, tree),
      'TypeError: update: a model is updated with a state: an optimizer came. Write const state = setup(opt, model) once, then update(state, model, gradient).',
    ],
    [
      'the whole list of gradients',
      () => update(setup(Descent(0.1), model), model, [tree]),
      'TypeError: update: the whole list of gradients came where one is wanted. gradient(f, model) gives one for each argument: take the first.',
    ],
    [
      'a tensor without a tensor',
      () => update(Descent(0.1), w, 0.5),
      'TypeError: update: the gradient of a tensor is a tensor: number came.',
    ],
    [
      'a gradient of another shape',
      () => update(Descent(0.1), w, ones([4])),
      'ShapeError: update: a gradient has another shape than its parameter: [4] for [3].',
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
      `TypeError: loadOptimizerState: 'w.v' must be a tensor [3].`,
    ],
  ])
})

describe('a step of training refuses', () => {
  refuses([
    [
      'a loss that is not scalar',
      () => trainStep((z: Tensor) => model(z), ps, x, Adam()),
      'ShapeError: trainStep: only a float32 scalar has a gradient: float32 [4, 1]. Reduce it with mean() or sum(), or use pullback for a cotangent of your own.',
    ],
    [
      'a loss that is NaN',
      () => trainStep((z: Tensor) => model(z).mul(Number.NaN).sum(), ps, x, Adam()),
      'DivergedError: trainStep: the loss is not finite: NaN. Nothing was updated. Lower the learning rate, or clip the gradients.',
    ],
    [
      'NaN in the data, at the loss',
      () => trainStep(loss, ps, [tensor([[1, Number.NaN]]), zeros([1, 1])], Adam()),
      'DivergedError: trainStep: the loss is not finite: NaN. Nothing was updated. Lower the learning rate, or clip the gradients.',
    ],
    [
      'a loss that is infinite',
      () => trainStep(() => model.weight.sum().mul(0).add(1).div(0), ps, [], Adam()),
      'DivergedError: trainStep: the loss is not finite: Infinity. Nothing was updated. Lower the learning rate, or clip the gradients.',
    ],
    [
      'shapes that do not meet in the loss',
      () => trainStep(loss, ps, [x, zeros([4])], Adam()),
      'ShapeError: mse: prediction and target differ in shape: [4, 1] and [4]. Losses do not broadcast: reshape one of them. The prediction comes first.',
    ],
    [
      'a promise from the loss',
      () => trainStep((async (z: Tensor) => model(z).sum()) as never, ps, x, Adam()),
      'TypeError: trainStep: the function returned a promise. Await the data before, and pass a function that is not async.',
    ],
    [
      'a loss that does not use the parameters',
      () => trainStep(() => w.sum(), ps, [], Adam()),
      'TypeError: update: no parameter has a gradient. None of them took part in the loss; are they those that the model uses?',
    ],
    [
      'a model with a rule',
      () => trainStep(loss, model, [x, y], Adam()),
      'TypeError: trainStep: a model goes with the state of an optimizer: a rule came. Write trainStep(loss, model, data, setup(opt, model)), or pass params(model) and a loss that closes over the model.',
    ],
    [
      'a Params with what setup gave',
      () => trainStep(loss, ps, [x, y], setup(Adam(), model)),
      'TypeError: trainStep: a Params goes with an optimizer: the result of setup came. Write trainStep(loss, ps, data, Adam()).',
    ],
    [
      'the state of another model',
      () => trainStep(loss, Dense(2, 1), [x, y], setup(Adam(), model)),
      'TypeError: trainStep: the state was set up for another model. Write setup(opt, model) with the model that is trained.',
    ],
    [
      'no optimizer',
      () => trainStep(loss, ps, [x, y], undefined as never),
      'TypeError: trainStep: the fourth argument is an optimizer: undefined came. Write trainStep(loss, ps, data, Adam()).',
    ],
    [
      'a loss that is no function',
      () => trainStep(w.sum() as never, ps, [x, y], Adam()),
      'TypeError: trainStep: the loss comes first, and is a function: object came.',
    ],
  ])
})

describe('train refuses at the call', () => {
  refuses([
    [
      'a loss that is no function',
      () => train(w.sum() as never, ps, data, Adam()),
      'TypeError: train: the loss comes first, and is a function: object came.',
    ],
    [
      'a loss and parameters in the wrong order',
      () => train(ps as never, loss, data, Adam()),
      'TypeError: train: the loss comes first, and is a function: object came.',
    ],
    [
      'a model with a rule',
      () => train(loss, model, data, Adam()),
      'TypeError: train: a model goes with the state of an optimizer: a rule came. Write train(loss, model, data, setup(opt, model)), or pass params(model) and a loss that closes over the model.',
    ],
    [
      'no optimizer',
      () => train(loss, ps, data, undefined as never),
      'TypeError: train: the fourth argument is an optimizer: undefined came. Write train(loss, ps, data, Adam()).',
    ],
    [
      'a tensor as data',
      () => train(loss, ps, x as never, Adam()),
      'TypeError: train: the data is an iterable of batches: a DataLoader, or a list such as [[x, y]].',
    ],
    [
      'a number as data',
      () => train(loss, ps, 3 as never, Adam()),
      'TypeError: train: the data is an iterable of batches: a DataLoader, or a list such as [[x, y]].',
    ],
    [
      'an unknown option',
      () => train(loss, ps, data, Adam(), { epoch: 3 } as never),
      `TypeError: train: there is no option 'epoch'. There are epochs, callbacks, signal, progress, validation, onDiverged and trace.`,
    ],
    ['no epochs', () => train(loss, ps, data, Adam(), { epochs: 0 }), 'RangeError: train: epochs is a whole number from 1: 0.'],
    [
      'several epochs of what can be gone through once',
      () => train(loss, ps, data.values(), Adam(), { epochs: 2 }),
      'TypeError: train: the data can be gone through once, and epochs is 2. Pass an iterable that starts anew, such as a DataLoader or a list, not an iterator.',
    ],
  ])
})

describe('train rejects', () => {
  rejects([
    [
      'with no batch',
      () => train(loss, ps, [], Adam()),
      'TypeError: train: the data gave no batch. Pass a list of batches, or a DataLoader with observations.',
    ],
    [
      'with a loss that is not scalar',
      () => train((z: Tensor) => model(z), ps, [x], Adam()),
      'ShapeError: train: only a float32 scalar has a gradient: float32 [4, 1]. Reduce it with mean() or sum(), or use pullback for a cotangent of your own.',
    ],
    [
      'with a promise from the loss',
      () => train((async (z: Tensor) => model(z).sum()) as never, ps, [x], Adam()),
      'TypeError: train: the function returned a promise. Await the data before, and pass a function that is not async.',
    ],
    [
      'with shapes that do not meet in the loss',
      () => train(loss, ps, [[x, zeros([4])]], Adam()),
      'ShapeError: mse: prediction and target differ in shape: [4, 1] and [4]. Losses do not broadcast: reshape one of them. The prediction comes first.',
    ],
    [
      'with NaN in the data',
      () =>
        train(
          loss,
          ps,
          [
            [x, y],
            [tensor([[Number.NaN, 1]]), zeros([1, 1])],
          ],
          Adam(),
        ),
      'DivergedError: train: the loss of step 1 is not finite: NaN. Nothing was updated. Lower the learning rate, clip the gradients, or pass trace: true to see where it comes from.',
    ],
    [
      'with NaN in the data, and say which operation made it',
      () => train(loss, ps, [[x.mul(2e38).mul(10), y]], Adam(), { trace: true }),
      'DivergedError: train: the loss of step 0 is not finite: NaN, first in linear [4, 1]. Nothing was updated. Lower the learning rate, or clip the gradients.',
    ],
    [
      'with what the data throws',
      () =>
        train(
          loss,
          ps,
          (function* () {
            yield [x, y]
            throw new Error('the file is gone')
          })(),
          Adam(),
        ),
      'Error: the file is gone',
    ],
    [
      'with what the loss throws',
      () =>
        train(
          () => {
            throw new RangeError('mine')
          },
          ps,
          data,
          Adam(),
        ),
      'RangeError: mine',
    ],
    [
      'with what a callback throws',
      () =>
        train(loss, ps, data, Adam(), {
          callbacks: () => {
            throw new Error('full')
          },
        }),
      'Error: full',
    ],
    [
      'with the reason of an abort',
      () => train(loss, ps, data, Adam(), { signal: AbortSignal.abort(new Error('enough')) }),
      'Error: enough',
    ],
    ['configure with no number of threads', () => threads(0), 'RangeError: threads: a number of threads is a whole number from 1: 0.'],
    [
      'threads of a number that is not whole',
      () => threads(1.5),
      'RangeError: threads: a number of threads is a whole number from 1: 1.5.',
    ],
    [
      'an unknown option of configure',
      () => configure({ threads: 2 } as never),
      `TypeError: configure: there is no option 'threads'. There is deterministic.`,
    ],
  ])
})
