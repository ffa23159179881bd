// What somebody who is new to the library writes first, and what is said of it.
import {
  Adam,
  Chain,
  DataLoader,
  Dense,
  freeze,
  isTraining,
  jit,
  later,
  layer,
  mse,
  OptimizerChain,
  ones,
  params,
  type Tensor,
  thaw,
  train,
  trainStep,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { thrown } from './thrown.ts'

const model = Chain(Dense(2, 1))
const [x, y] = [ones([4, 2]), ones([4, 1])]
const any = (f: unknown) => f as (...args: unknown[]) => unknown
const pairLoss = (a: Tensor, b: Tensor) => mse(model(a), b)

describe('a beginner is told', () => {
  it.each<[name: string, call: () => unknown, text: string]>([
    ['of a typo in freeze', () => any(freeze)(undefined), 'freeze: holds no tensor: undefined.'],
    ['of a path in freeze', () => any(freeze)(model, 'layers.0'), 'freeze: holds no tensor: string.'],
    ['of nothing in thaw', () => thaw(), 'thaw: nothing was passed.'],
    ['of a function in thaw', () => any(thaw)(() => model), 'thaw: holds no tensor: function.'],
    [
      'that columns stand in a list',
      () => any((a: never, b: never) => new DataLoader(a, b))(x, y),
      'Several things that belong together stand in a list: [x, y].',
    ],
    [
      'that shuffle is a boolean',
      () => any((a: never, b: never) => new DataLoader(a, b))(x, { shuffle: 'no' }),
      "DataLoader: shuffle is true or false: 'no' came.",
    ],
    [
      'of a record',
      () => trainStep(pairLoss as never, params(model), { x, y }, Adam()),
      'The batch is a record: write ({ x, y }) => loss.',
    ],
    [
      'of a batch that is one tensor',
      () => trainStep(pairLoss as never, params(model), x, Adam()),
      'The batch is one thing: for two pass [x, y], of tensors or typed arrays.',
    ],
    [
      'of a forgotten await',
      () => (train(pairLoss, params(model), [[x, y]], Adam()) as unknown as { epochs: unknown }).epochs,
      'train: a run has its epochs when it has ended. Write const history = await train(...).',
    ],
    ['of names of Keras', () => (model as unknown as { getWeights: unknown }).getWeights, 'Write state(model)'],
    ['of names of tfjs', () => (x as unknown as { toFloat: unknown }).toFloat, "Write x.cast('int32'), or 'float32'"],
  ])('%s', (_, call, text) => expect(thrown(call)).toContain(text))

  it('freezes nothing where a part of it is wrong', () => {
    expect(() => any(freeze)(model, 3)).toThrow(TypeError)
    expect(model[0].weight.frozen).toBe(false)
  })
})

const Centered = (options: object) =>
  layer(
    'Centered',
    { mean: zeros([2]), weight: ones([2]) },
    (self, input: Tensor) => {
      if (isTraining(self)) later(self.mean, old => old.mul(0.9).add(input.mean(0)))
      return input.sub(self.mean).mul(self.weight)
    },
    options,
  )

describe('later on what the optimizer writes', () => {
  it.each([false, true])('is refused, and nothing is written (jit: %s)', isReplayed => {
    const centered = Centered({})
    const plain = (input: Tensor) => centered(input).square().mean()
    const loss = isReplayed ? jit(plain) : plain
    for (let i = 0; i < 4; i++) expect(() => trainStep(loss, params(centered), [x], Adam())).toThrow("later: 'mean' is a parameter")
    expect(centered.mean.toArray()).toEqual([0, 0])
    expect(centered.weight.toArray()).toEqual([1, 1])
  })

  it('is fine where it is no parameter, or frozen', () => {
    const [buffer, frozen] = [Centered({ trainable: ['weight'] }), Centered({})]
    freeze(frozen.mean)
    for (const each of [buffer, frozen]) {
      trainStep((input: Tensor) => each(input).square().mean(), params(each), [x], Adam())
      expect(each.mean.toArray()).toEqual([1, 1])
    }
  })
})

describe('callbacks of a class', () => {
  class Patience {
    best = Number.POSITIVE_INFINITY
    epochs = 0
    count(): void {
      this.epochs++
    }
    onEpoch({ loss }: { loss: number }): void {
      this.best = Math.min(this.best, loss)
      this.count()
    }
  }

  it('may have fields and methods of their own', async () => {
    const patience = new Patience()
    const other = { best: 1, onEpoch: () => {} }
    await train(pairLoss, params(model), [[x, y]], Adam(), { epochs: 3, callbacks: [patience, other] as never })
    expect(patience.epochs).toBe(3)
    expect(patience.best).toBeLessThan(Number.POSITIVE_INFINITY)
  })

  it.each<[object, string]>([
    [{ onEpcoh: () => {} }, "there is no option 'onEpcoh'"],
    [{ onEpoch: () => {}, onBatch: () => {} }, "there is no option 'onBatch'"],
    [{ best: 1 }, "there is no option 'best'"],
    [new Map(), 'options are an object'],
  ])('but no moments that there are not: %o', async (callbacks, text) => {
    expect(() => train(pairLoss, params(model), [[x, y]], Adam(), { callbacks: callbacks as never })).toThrow(text)
  })
})

it('an optimizer is its own text in JSON', () => {
  expect(JSON.stringify({ opt: Adam(1e-3) })).toContain('"opt":"Adam(')
  expect(JSON.stringify(OptimizerChain(Adam()))).toContain('OptimizerChain')
})
