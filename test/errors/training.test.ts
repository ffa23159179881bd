import {
  Adam,
  configure,
  Dense,
  freeze,
  full,
  mse,
  ones,
  params,
  setup,
  type Tensor,
  tensor,
  threads,
  train,
  trainStep,
  zeros,
} from 'fluxtape'
import { describe } from 'vitest'
import { loss, model, ps, w, x, y } from './subject.ts'
import { type Row, refuses, rejects } from './table.ts'

const data = [[x, y]]
/** Gives its batch once, though it is no iterator. */
const once = () => {
  const left = [[x, y]].values()
  return { [Symbol.iterator]: () => left }
}

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
      'DivergedError: trainStep: the loss is not finite: NaN. Nothing was updated. batch[0] holds NaN, at place 1 of [1, 2]. Mend the data, or leave such samples out.',
    ],
    [
      'a loss that is infinite',
      () => trainStep(() => model.weight.sum().mul(0).add(1).div(0), ps, [], Adam()),
      'DivergedError: trainStep: the loss is not finite: Infinity. Nothing was updated. Lower the learning rate, or clip the gradients.',
    ],
    [
      'shapes that do not meet in the loss',
      () => trainStep(loss, ps, [x, zeros([4])], Adam()),
      'ShapeError: mse: prediction and target differ in shape: [4, 1] and [4]. Losses do not broadcast: write prediction.squeeze(-1). The prediction comes first.',
    ],
    [
      'a promise from the loss',
      () => trainStep((async (z: Tensor) => model(z).sum()) as never, ps, x, Adam()),
      'TypeError: trainStep: the function returned a promise. Await the data before, and pass a function that is not async.',
    ],
    [
      'parameters that are all frozen',
      () => {
        const held = Dense(1, 1)
        freeze(held)
        return trainStep(() => held(ones([1, 1])).sum(), params(held), [], Adam())
      },
      'TypeError: update: no parameter has a gradient. All of them are frozen: thaw(model) takes them in again.',
    ],
    [
      'a loss that does not use the parameters',
      () => trainStep(() => w.sum(), ps, [], Adam()),
      'TypeError: update: no parameter has a gradient. None of them took part in the loss; are they those that the model uses?',
    ],
    [
      'a model with a rule',
      () => trainStep(loss, model as never, [x, y], Adam()),
      'TypeError: trainStep: a model goes with the state of an optimizer: a rule came. Write trainStep(loss, model, data, setup(opt, model)), or pass params(model) and a loss that closes over the model.',
    ],
    [
      'a loss that takes the model, with its parameters',
      () => trainStep(((m: typeof model, a: Tensor, b: Tensor) => mse(m(a), b)) as never, ps, [x, y], Adam()),
      'TypeError: trainStep: the loss takes 3 arguments, and failed with 2. Let it close over the model, or pass the model and setup(opt, model).',
    ],
    [
      'a loss without the model, with a model',
      () => trainStep(loss as never, model, [x, y], setup(Adam(), model)),
      'TypeError: trainStep: the loss takes 2 arguments, and failed with 3, the model first. Write (model, ...batch) => loss, or pass params(model) and an optimizer.',
    ],
    [
      'a Params with what setup gave',
      () => trainStep(loss, ps, [x, y], setup(Adam(), model) as never),
      'TypeError: trainStep: a Params goes with an optimizer: the result of setup came. Write trainStep(loss, ps, data, Adam()).',
    ],
    [
      'the state of another model',
      () => trainStep(loss as never, Dense(2, 1), [x, y], setup(Adam(), model)),
      'TypeError: trainStep: the state was set up for another model. Write setup(opt, model) with the model that is trained.',
    ],
    [
      'no optimizer',
      () => trainStep(loss, ps, [x, y], undefined as never),
      'TypeError: trainStep: the fourth argument is an optimizer: undefined came. Write trainStep(loss, ps, data, Adam()).',
    ],
    [
      'inputs and targets as two arguments',
      () => (trainStep as (...args: unknown[]) => unknown)(loss, ps, x, y, Adam()),
      'TypeError: trainStep: there is an argument too many: object came. A batch is one argument: trainStep(loss, ps, [x, y], opt).',
    ],
    [
      'inputs and targets as two arguments, without an optimizer',
      () => trainStep(loss as never, ps, x, y as never),
      'TypeError: trainStep: the fourth argument is an optimizer: a tensor came. A batch is one argument: trainStep(loss, ps, [x, y], Adam()).',
    ],
    [
      'a batch of many values',
      () => trainStep(() => model.weight.sum(), ps, new Array(200_000).fill(1), Adam()),
      'TypeError: trainStep: a batch that is a list is spread into the loss, which takes 0: 200000 values came. Write [list] for a list that is one argument, or make a tensor of it.',
    ],
    [
      'a loss that is no function',
      () => trainStep(w.sum() as never, ps, [x, y], Adam()),
      'TypeError: trainStep: the loss comes first, and is a function: a tensor came.',
    ],
  ])
})

describe('train refuses at the call', () => {
  refuses([
    [
      'a loss that is no function',
      () => train(w.sum() as never, ps, data, Adam()),
      'TypeError: train: the loss comes first, and is a function: a tensor came.',
    ],
    [
      'a loss and parameters in the wrong order',
      () => train(ps as never, loss as never, data, Adam()),
      'TypeError: train: the loss comes first, and is a function: object came.',
    ],
    [
      'a model with a rule',
      () => train(loss, model as never, data, Adam()),
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
      'TypeError: train: the data is an iterable of batches: a DataLoader, or a list such as [[x, y]]: a tensor came.',
    ],
    [
      'a number as data',
      () => train(loss, ps, 3 as never, Adam()),
      'TypeError: train: the data is an iterable of batches: a DataLoader, or a list such as [[x, y]]: 3 came.',
    ],
    [
      'what only looks like an optimizer, as one of another copy of the library',
      () => train(loss, ps, data, { take() {}, rules: () => [], steps: 0 } as never),
      'TypeError: train: the fourth argument is an optimizer: object came. Write train(loss, ps, data, Adam()).',
    ],
    [
      'an unknown option',
      () => train(loss, ps, data, Adam(), { epoch: 3 } as never),
      `TypeError: train: there is no option 'epoch'. Is epochs meant? There are epochs, steps, callbacks, signal, progress, breathe, validation, metrics, onDiverged, trace, checkpoint and resume.`,
    ],
    [
      'a generator function as data',
      () => train(loss, ps, function* rows() {} as never, Adam()),
      'TypeError: train: the data is a function where what it gives belongs. Call it: rows(), or for each epoch anew write { [Symbol.iterator]: rows }.',
    ],
    [
      'an async generator function as validation',
      () => train(loss, ps, data, Adam(), { validation: async function* () {} as never }),
      'TypeError: train: the validation is a function where what it gives belongs. Call it: validation(), or for each epoch anew write { [Symbol.asyncIterator]: validation }.',
    ],
    [
      'inputs and targets as two arguments',
      () => (train as (...args: unknown[]) => unknown)(loss, ps, [x], [y], Adam()),
      'TypeError: train: the fourth argument is an optimizer: an array came. Write train(loss, ps, data, Adam()).',
    ],
    [
      'a hook that is no function',
      () => train(loss, ps, data, Adam(), { callbacks: { onStep: 3 as never } }),
      'TypeError: train: onStep of a callback is a function: number came.',
    ],
    ['no epochs', () => train(loss, ps, data, Adam(), { epochs: 0 }), 'RangeError: train: epochs is a whole number from 1: 0.'],
    [
      'several epochs of what can be gone through once',
      () => train(loss, ps, data.values(), Adam(), { epochs: 2 }),
      'TypeError: train: the data can be gone through once, and epochs is 2. Pass an iterable that starts anew, such as a DataLoader or a list, not an iterator.',
    ],
    [
      'several epochs of validation that can be gone through once',
      () => train(loss, ps, data, Adam(), { epochs: 2, validation: data.values() }),
      'TypeError: train: the validation can be gone through once, and epochs is 2. Pass an iterable that starts anew, such as a DataLoader or a list, not an iterator.',
    ],
    [
      'a batch as data',
      () => train(loss, ps, [x, y] as never, Adam()),
      'TypeError: train: the data is one batch where a list of them belongs: the loss would get the tensors one by one. Write [[x, y]], or new DataLoader([x, y], { batchSize: 32 }).',
    ],
    [
      'a batch as data of the explicit form',
      () => train((m: typeof model, a: Tensor, b: Tensor) => mse(m(a), b), model, [x, y] as never, setup(Adam(), model)),
      'TypeError: train: the data is one batch where a list of them belongs: the loss would get the tensors one by one. Write [[x, y]], or new DataLoader([x, y], { batchSize: 32 }).',
    ],
    [
      'a batch as validation',
      () => train(loss, ps, data, Adam(), { validation: [x, y] as never }),
      'TypeError: train: the validation is one batch where a list of them belongs: the loss would get the tensors one by one. Write [[x, y]], or new DataLoader([x, y], { batchSize: 32 }).',
    ],
    ...(
      [
        [x, 'a tensor came.'],
        [3, '3 came.'],
        [{ x, y }, 'object came.'],
        [Promise.resolve([[x, y]]), 'a promise came. Await it first.'],
      ] as const
    ).map(
      ([validation, came]): Row => [
        `what is no iterable as validation: ${came}`,
        () => train(loss, ps, data, Adam(), { validation: validation as never }),
        `TypeError: train: the validation is an iterable of batches: a DataLoader, or a list such as [[x, y]], or a function that gives a number: ${came}`,
      ],
    ),
    [
      'a number of epochs as options',
      () => train(loss, ps, data, Adam(), 20 as never),
      'TypeError: train: options are an object: 20 came. Write { epochs: 20 }. There are epochs, steps, callbacks, signal, progress, breathe, validation, metrics, onDiverged, trace, checkpoint and resume.',
    ],
    [
      'no options',
      () => train(loss, ps, data, Adam(), null as never),
      'TypeError: train: options are an object: null came. Write { epochs: ... }. There are epochs, steps, callbacks, signal, progress, breathe, validation, metrics, onDiverged, trace, checkpoint and resume.',
    ],
    [
      'a breath before now',
      () => train(loss, ps, data, Adam(), { breathe: -1 }),
      'RangeError: train: breathe is a number of milliseconds from 0: -1.',
    ],
    [
      'a controller as signal',
      () => train(loss, ps, data, Adam(), { signal: new AbortController() as never }),
      'TypeError: train: signal is an AbortSignal: an AbortController came. Write { signal: controller.signal }.',
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
      'with no batch in the second epoch',
      () => train(loss, ps, once(), Adam(), { epochs: 2 }),
      'TypeError: train: the data gave no batch after the first epoch: it can be gone through once. Pass an iterable that starts anew, such as a DataLoader or a list.',
    ],
    [
      'with no batch of validation',
      () => train(loss, ps, data, Adam(), { validation: [] }),
      'TypeError: train: the validation gave no batch. Pass a list of batches, or a DataLoader with observations.',
    ],
    [
      'with no batch of validation in the second epoch',
      () => train(loss, ps, data, Adam(), { epochs: 2, validation: once() }),
      'TypeError: train: the validation gave no batch after the first epoch: it can be gone through once. Pass an iterable that starts anew, such as a DataLoader or a list.',
    ],
    [
      'with a function for validation that returns nothing',
      () => train(loss, ps, data, Adam(), { validation: (() => {}) as never }),
      'TypeError: train: the function for validation gives a number: undefined came. Return it: () => accuracy(model, data).',
    ],
    [
      'with a batch of many values',
      () => train((z: unknown) => loss(x, y).mul(Number(z)), ps, [new Array(1001).fill(1)], Adam()),
      'TypeError: train: a batch that is a list is spread into the loss, which takes 1: 1001 values came. Write [list] for a list that is one argument, or make a tensor of it.',
    ],
    [
      'with data that is not an iterator by the book',
      () => train(loss, ps, { [Symbol.iterator]: () => ({ next: () => undefined }) } as never, Adam()),
      'TypeError: train: next() of the data gives { done, value }: undefined came. Write it as a generator.',
    ],
    [
      'with a batch without samples',
      () => train(loss, ps, [[zeros([0, 2]), zeros([0, 1])]], Adam()),
      'DivergedError: train: the loss of step 0 is not finite: NaN. Nothing was updated. batch[0] is empty: [0, 2]. Leave batches without samples out.',
    ],
    [
      'with NaN in a record',
      () => train(({ a, b }: { a: Tensor; b: Tensor }) => loss(a, b), ps, [{ a: x, b: full([4, 1], Number.NaN) }], Adam()),
      'DivergedError: train: the loss of step 0 is not finite: NaN. Nothing was updated. batch.b holds NaN, at place 0 of [4, 1]. Mend the data, or leave such samples out.',
    ],
    [
      'with NaN in a batch of one tensor',
      () => train((a: Tensor) => loss(a, y), ps, [x.mul(Number.NaN)], Adam()),
      'DivergedError: train: the loss of step 0 is not finite: NaN. Nothing was updated. batch holds NaN, at place 0 of [4, 2]. Mend the data, or leave such samples out.',
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
      'ShapeError: mse: prediction and target differ in shape: [4, 1] and [4]. Losses do not broadcast: write prediction.squeeze(-1). The prediction comes first.',
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
      'DivergedError: train: the loss of step 1 is not finite: NaN. Nothing was updated. batch[0] holds NaN, at place 0 of [1, 2]. Mend the data, or leave such samples out.',
    ],
    [
      'with NaN in the data, and say which operation made it',
      () => train(loss, ps, [[x.mul(2e38).mul(10), y]], Adam(), { trace: true }),
      'DivergedError: train: the loss of step 0 is not finite: NaN, first in linear [4, 1]. Nothing was updated. batch[0] holds Infinity, at place 0 of [4, 2]. Mend the data, or leave such samples out.',
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
    ['threads of text', () => threads('2' as never), "TypeError: threads: the count is a number: '2' came."],
    ['configure with no number of threads', () => threads(0), 'RangeError: threads: a number of threads is a whole number from 1: 0.'],
    [
      'threads of a number that is not whole',
      () => threads(1.5),
      'RangeError: threads: a number of threads is a whole number from 1: 1.5.',
    ],
    [
      'an unknown option of configure',
      () => configure({ threads: 2 } as never),
      `TypeError: configure: there is no option 'threads'. There are deterministic and wide.`,
    ],
  ])
})
