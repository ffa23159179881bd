// What fits together in training: loss, model or parameters, data, optimizer.

import type { LossFunction, Optimizer, OptimizerState, TrainingData, TrainOptions } from 'fluxtape'
import {
  Adam,
  accuracy,
  apply,
  Chain,
  DataLoader,
  Dense,
  Descent,
  gradient,
  jit,
  logitCrossEntropy,
  mse,
  ones,
  params,
  relu,
  setup,
  skip,
  splitObs,
  type Tensor,
  train,
  trainStep,
  update,
  zeros,
} from 'fluxtape'
import { digits } from 'fluxtape/datasets'

const { train: trainSet, test: testSet } = digits()
const model = Chain(Dense(64, 32, relu), Dense(32, 10))
const ps = params(model)
const [x, y] = trainSet
const opt = Adam(1e-3)
const state = setup(opt, model)
const loss = (a: Tensor, b: Tensor) => logitCrossEntropy(model(a), b)
const alone = (a: Tensor) => mse(model(a), 0)
const explicit = (m: typeof model, a: Tensor, b: Tensor) => logitCrossEntropy(m(a), b)
const loader = new DataLoader(trainSet, { batchSize: 64, shuffle: true })

// Both forms, and whatever gives batches.
await train(loss, ps, loader, opt, { epochs: 2, validation: [testSet] })
await train(explicit, model, loader, state)
await train(loss, ps, [[x, y]], Adam())
await train(jit(loss), ps, [trainSet], Adam())
await train((a, b) => logitCrossEntropy(model(a), b), ps, loader, opt)
await train((m, a, b) => logitCrossEntropy(m(a), b), model, loader, state)
await train((a, b) => [logitCrossEntropy(model(a), b), a], ps, [[x, y]], opt)
await train((a, b) => (a.size > 0 ? mse(model(a), b) : skip), ps, [trainSet], opt)
await train(alone, ps, new DataLoader(x, { batchSize: 4 }), opt)
await train(alone, ps, [x], opt, { validation: [x] })
await train(alone, ps, [x, x, x], opt)
await train(alone, ps, [[x], [x]], opt)
await train(() => x.sum(), ps, [0], opt)
await train((n: number) => x.mul(n).sum(), ps, [0, 1, 2], opt)
await train(({ input }: { input: Tensor }) => input.sum(), ps, [{ input: x }], opt)
await train(({ input, target }) => mse(model(input), target), ps, new DataLoader({ input: x, target: y }), opt)
await train((a: Tensor, words: string[]) => a.mul(words.length).sum(), ps, [[x, ['a', 'b']]], opt)
await train((a: Tensor, n: number) => a.mul(n).sum(), ps, [[x, 2]], opt)
await train((m: (a: Tensor) => Tensor, a: Tensor, b: Tensor) => mse(m(a), b), model, loader, state)
const pairs = [1, 2].map(n => [x, n])
await train((a: Tensor, n: number) => a.mul(n).sum(), ps, pairs, opt)
const lists: Tensor[][] = [[x, y]]
await train(loss, ps, lists, opt)
await train((a, b) => mse(model(a), b), ps, lists, opt)
async function* stream() {
  yield [x, y] as const
}
await train(loss, ps, { [Symbol.asyncIterator]: stream }, opt)
await train((a, b) => mse(model(a), b), ps, stream(), opt)
const byHand = {
  [Symbol.iterator]: () => {
    let i = 0
    return { next: () => (i++ < 3 ? { done: false as const, value: [x, y] } : { done: true as const, value: undefined }) }
  },
}
await train(loss, ps, byHand, opt)
const words = new DataLoader(['a', 'b'], { collate: list => [x, list.map(word => word.length)] as const })
await train((a, lengths) => a.mul(lengths[0] ?? 1).sum(), ps, words, opt)
export async function wrapped(f: LossFunction, data: TrainingData, by: Optimizer, prepared: OptimizerState, options: TrainOptions) {
  await train(f, ps, data, by, options)
  return train(f, model, data, prepared)
}
const twice = (batch: Tensor): Tensor => batch.mul(2)
export const step: number = trainStep(loss, ps, [x, y], opt)
export const steps = [trainStep(explicit, model, [x, y], state), trainStep(alone, ps, x, opt), trainStep(m => m(x).sum(), model, [], state)]

const [grads] = gradient(m => m(x).sum(), model)
update(state, model, grads)
const gradientsOfPs = gradient(() => model(x).sum(), ps)
update(opt, ps, gradientsOfPs)
update(Descent(0.1), x, ones([2]), { keep: undefined })
export const applied: Tensor = apply(opt, x, twice(x))
export const share = accuracy(model, testSet)
export const [part] = splitObs([x, y], { at: 0.5 })
export const ofPart: Tensor | undefined = part?.[0]
for (const [a, b] of new DataLoader([x, y])) a.add(b)

// A model is no Params.
await train(loss, model, loader, Adam()) // error 2345 at model
trainStep(loss, model, [x, y], Adam()) // error 2345 at model
update(Adam(), model, grads) // error 2345 at model
await train(explicit, ps, loader, state) // error 2345 at ps
update(Adam(), ps, grads) // error 2345 at grads
update(state, model, gradientsOfPs) // error 2345 at gradientsOfPs
await train(loss, ps, loader, state) // error 2345 at loss

// Data that is not batched.
await train(loss, ps, x, Adam()) // error 2345 at x, Adam
await train(alone, ps, x, Adam()) // error 2345 at x, Adam
await train(loss, ps, [x, y], Adam()) // error 2322 at y]
await train(loss, ps, trainSet, Adam()) // error 2345 at trainSet
await train(loss, ps, 3, Adam()) // error 2345 at 3
await train(loss, ps, loader, Adam(), { validation: x }) // error 2322 at validation
await train(loss, ps, loader, Adam(), { validation: testSet }) // error 2322 at validation
await train(loss, ps, loader, Adam(), { validation: [x, y] }) // error 2322 at y]
await train(loss, ps, loader, Adam(), { validation: () => {} }) // error 2322 at validation

// More arguments than the batch has, or others.
await train(loss, ps, [[x]], opt) // error 2345 at loss
await train(loss, ps, new DataLoader(x), opt) // error 2345 at loss
await train(explicit, model, [[x]], state) // error 2345 at explicit
await train((_a: Tensor, _b: Tensor, _c: Tensor) => x.sum(), ps, loader, opt) // error 2345 at (_a
await train((_n: number) => x.sum(), ps, [[x]], opt) // error 2345 at (_n
trainStep(loss, ps, [x], opt) // error 2345 at loss
trainStep(loss, ps, x, opt) // error 2345 at loss
trainStep(explicit, model, [x], state) // error 2345 at explicit
await train(() => 3, ps, loader, opt) // error 2322 at 3
await train(loss, ps, loader, 0.1) // error 2345 at 0.1
await train(loss, ps, loader, Adam) // error 2345 at Adam
await train(loss, ps, loader, opt, 20) // error 2559 at 20
await train(loss, ps, loader, opt, { epoch: 20 }) // error 2561 at epoch
export const surplus = accuracy(model, x, y) // error 2345 at x, y)
new DataLoader(trainSet, 64) // error 2559 at 64
new DataLoader(zeros([2]), { batchsize: 64 }) // error 2561 at batchsize
