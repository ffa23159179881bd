import {
  Adam,
  arange,
  DataLoader,
  Dense,
  Descent,
  gradient,
  memory,
  Params,
  params,
  setup,
  type Tensor,
  tensor,
  train,
  update,
  zeros,
} from 'fluxtape'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { batches, bits, noted, problem, x, y } from './problem.ts'

afterEach(() => vi.restoreAllMocks())

describe('train', () => {
  it('takes the steps that a loop of gradient and update takes, to the bit', async () => {
    const [ours, theirs] = [problem(), problem()]
    await train(ours.loss, ours.ps, batches(5), Adam(0.05))
    const opt = Adam(0.05)
    for (const [a, b] of batches(5))
      update(
        opt,
        theirs.ps,
        gradient(() => theirs.loss(a, b), theirs.ps),
      )
    expect(bits(ours.model)).toEqual(bits(theirs.model))
    expect(bits(ours.model)).not.toEqual(bits(problem().model))
  })

  it('has an implicit and an explicit form that do the same', async () => {
    const [implicit, explicit] = [problem(), problem()]
    const first = await train(implicit.loss, implicit.ps, batches(4), Adam(0.05))
    const second = await train(explicit.explicit, explicit.model, batches(4), setup(Adam(0.05), explicit.model))
    expect(bits(explicit.model)).toEqual(bits(implicit.model))
    expect(second.steps).toEqual(first.steps)
  })

  it('learns', async () => {
    const { loss, ps } = problem()
    const { epochs } = await train(loss, ps, batches(1), Adam(0.05), { epochs: 300 })
    expect(epochs[0].loss).toBeGreaterThan(1)
    expect(epochs.at(-1)?.loss).toBeLessThan(0.01)
  })

  it('gives a history of steps and epochs', async () => {
    const { loss, ps } = problem()
    const { steps, epochs } = await train(loss, ps, batches(3), Descent(0.01), { epochs: 2, validation: () => 7 })
    expect(steps.map(({ step, epoch }) => [step, epoch])).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
      [3, 1],
      [4, 1],
      [5, 1],
    ])
    expect(epochs.map(({ epoch, validation }) => [epoch, validation])).toEqual([
      [0, 7],
      [1, 7],
    ])
    for (const { epoch, loss: mean, seconds } of epochs) {
      const own = steps.filter(each => each.epoch === epoch)
      expect(mean).toBeCloseTo(own.reduce((sum, each) => sum + each.loss, 0) / 3, 10)
      expect(seconds).toBeGreaterThan(0)
    }
    expect(steps[0].loss).toBe(problem().loss(x, y).item())
    expect(Object.keys(steps[0])).toEqual(['step', 'epoch', 'loss'])
  })

  it('takes a loss that returns a list, and differentiates its first', async () => {
    const [plain, listed] = [problem(), problem()]
    await train(plain.loss, plain.ps, batches(2), Descent(0.01))
    await train((a: Tensor, b: Tensor) => [listed.loss(a, b), { extra: a }] as const, listed.ps, batches(2), Descent(0.01))
    expect(bits(listed.model)).toEqual(bits(plain.model))
  })

  it('leaves memory flat', async () => {
    const { loss, ps } = problem()
    const opt = Adam(0.001)
    await train(loss, ps, batches(2), opt)
    const { tensors, bytes } = memory()
    await train(loss, ps, batches(100), opt)
    expect([memory().tensors, memory().bytes]).toEqual([tensors, bytes])
  })

  it('shows the loss training mode, a gradient being taken', async () => {
    const w = zeros([1])
    let refused = 0
    const loss = () => {
      expect(() => w.assign(zeros([1]))).toThrow(TypeError)
      refused++
      return w.square().sum()
    }
    await train(loss, params(w), [[], []], Descent())
    expect(refused).toBe(2)
    expect(w.assign(tensor([1])).item()).toBe(1)
  })
})

describe('a batch', () => {
  const seen = async (data: Iterable<unknown> | AsyncIterable<unknown>, epochs = 1) => {
    const w = tensor([0])
    const calls: unknown[][] = []
    await train(
      (...batch: unknown[]) => {
        calls.push(batch)
        return w.sum()
      },
      params(w),
      data,
      Descent(),
      { epochs },
    )
    return calls
  }

  it('that is an array is spread, anything else is the one argument', async () => {
    const record = { x, y }
    const calls = await seen([[x, y, 3], x, record, 'text', null, [], [[x, y]]])
    expect(calls).toEqual([[x, y, 3], [x], [record], ['text'], [null], [], [[x, y]]])
    expect(calls[2][0]).toBe(record)
  })

  it('may come from a DataLoader, of a tensor, a list or a record', async () => {
    const shapes = (batch: unknown) => {
      const value = batch as Tensor | Record<string, Tensor>
      return 'shape' in value && Array.isArray(value.shape)
        ? value.shape
        : Object.values(value as Record<string, Tensor>).map(each => each.shape)
    }
    const w = tensor([0])
    const collect = async (data: Iterable<unknown>) => {
      const found: unknown[] = []
      await train((...batch: unknown[]) => noted(found, batch.map(shapes), w.sum()), params(w), data, Descent())
      return found
    }
    expect(await collect(new DataLoader(arange(3), { batchSize: 2 }))).toEqual([[[2]], [[1]]])
    expect(await collect(new DataLoader([x, y], { batchSize: 3 }))).toEqual([
      [
        [3, 2],
        [3, 1],
      ],
      [
        [1, 2],
        [1, 1],
      ],
    ])
    expect(await collect(new DataLoader({ x, y }, { batchSize: 4 }))).toEqual([
      [
        [
          [4, 2],
          [4, 1],
        ],
      ],
    ])
  })

  it('may come from any iterable, sync or async, anew in each epoch', async () => {
    const sync = {
      *[Symbol.iterator]() {
        yield* [[1], [2]]
      },
    }
    const async = {
      async *[Symbol.asyncIterator]() {
        yield [1]
        await Promise.resolve()
        yield [2]
      },
    }
    const byHand = {
      [Symbol.iterator]() {
        let i = 0
        return { next: () => (i < 2 ? { done: false as const, value: [++i] } : { done: true as const, value: undefined }) }
      },
    }
    for (const data of [sync, async, byHand, new Set([[1], [2]]), [[1], [2]]]) expect(await seen(data, 2)).toEqual([[1], [2], [1], [2]])
  })

  it('may come from a generator, once', async () => {
    function* generate() {
      yield [1]
      yield [2]
    }
    async function* generateAsync() {
      yield [1]
      yield [2]
    }
    expect(await seen(generate())).toEqual([[1], [2]])
    expect(await seen(generateAsync())).toEqual([[1], [2]])
    const w = zeros([1])
    for (const data of [generate(), generateAsync(), [[1]].values()]) {
      expect(() => train(() => w.sum(), params(w), data, Descent(), { epochs: 2 })).toThrow(
        new TypeError(
          'train: the data can be gone through once, and epochs is 2. Pass an iterable that starts anew, such as a DataLoader or a list, not an iterator.',
        ),
      )
    }
  })

  it("of the user is the user's, of a loader the loop's", async () => {
    const { loss, ps } = problem()
    const [a, b] = [x.mul(1), y.mul(1)]
    await train(
      loss,
      ps,
      [
        [a, b],
        [a, b],
      ],
      Descent(0.01),
    )
    expect([a.released, b.released]).toEqual([false, false])
    const before = memory().tensors
    const held: Tensor[] = []
    await train((c: Tensor, d: Tensor) => noted(held, c, loss(c, d)), ps, new DataLoader([a, b], { batchSize: 2 }), Descent(0.01))
    expect(held.map(each => each.released)).toEqual([true, true])
    expect(memory().tensors).toBe(before)
  })

  it('is asked for only when the step before is over', async () => {
    const { loss, ps } = problem()
    const log: string[] = []
    function* data() {
      for (let i = 0; i < 2; i++) {
        log.push(`batch ${i}`)
        yield [x, y]
      }
      log.push('end')
    }
    await train((a: Tensor, b: Tensor) => noted(log, 'loss', loss(a, b)), ps, data(), Descent(0.01), {
      callbacks: () => void log.push('step'),
    })
    expect(log).toEqual(['batch 0', 'loss', 'step', 'batch 1', 'loss', 'step', 'end'])
  })
})

describe('what takes no part', () => {
  it('is named in one warning after the first epoch', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const model = { used: Dense(2, 1), idle: Dense(2, 1), late: zeros([1]) }
    let step = 0
    const loss = (a: Tensor, b: Tensor) => {
      const base = model.used(a).sub(b).square().mean()
      return step++ % 2 === 1 ? base.add(model.late.sum()) : base
    }
    await train(loss, params(model), batches(2), Descent(0.01), { epochs: 3 })
    expect(warn.mock.calls).toEqual([['train: parameters that took no part in the loss of the first epoch: idle.weight, idle.bias.']])
  })

  it('is not named where it is frozen, or where all took part', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { loss, ps, model } = problem()
    await train(loss, ps, batches(1), Descent(0.01))
    const idle = zeros([1])
    idle.frozen = true
    await train(loss, new Params().add(model).add(idle), batches(1), Descent(0.01))
    expect(warn).not.toHaveBeenCalled()
  })

  it('of all is an error', async () => {
    const [w, other] = [zeros([1]), zeros([1])]
    await expect(train(() => other.sum(), params(w), [[]], Descent())).rejects.toThrow(
      new TypeError('update: no parameter has a gradient. None of them took part in the loss; are they those that the model uses?'),
    )
  })
})

describe('train refuses', () => {
  const { loss, ps, model, explicit } = problem()
  const state = () => setup(Adam(), model)
  it.each<[string, () => unknown, Error]>([
    [
      'a model with a rule',
      () => train(explicit as never, model as never, batches(1), Adam()),
      new TypeError(
        'train: a model goes with the state of an optimizer: a rule came. Write train(loss, model, data, setup(opt, model)), or pass params(model) and a loss that closes over the model.',
      ),
    ],
    [
      'a Params with a state',
      () => train(loss, ps, batches(1), state() as never),
      new TypeError('train: a Params goes with an optimizer: the result of setup came. Write train(loss, ps, data, Adam()).'),
    ],
    [
      'the state of another model',
      () => train(explicit, problem().model, batches(1), state()),
      new TypeError('train: the state was set up for another model. Write setup(opt, model) with the model that is trained.'),
    ],
    [
      'no optimizer',
      () => train(loss, ps, batches(1), undefined as never),
      new TypeError('train: the fourth argument is an optimizer: undefined came. Write train(loss, ps, data, Adam()).'),
    ],
    [
      'a number for an optimizer',
      () => train(loss, ps, batches(1), 0.1 as never),
      new TypeError('train: the fourth argument is an optimizer: number came. Write train(loss, ps, data, Adam()).'),
    ],
    [
      'a model first',
      () => train({} as never, ps, batches(1), Adam()),
      new TypeError('train: the loss comes first, and is a function: object came.'),
    ],
    [
      'a tensor as data',
      () => train(loss, ps, x as never, Adam()),
      new TypeError('train: the data is an iterable of batches: a DataLoader, or a list such as [[x, y]]: a tensor came.'),
    ],
    [
      'a record as data',
      () => train(loss, ps, { x, y } as never, Adam()),
      new TypeError('train: the data is an iterable of batches: a DataLoader, or a list such as [[x, y]]: object came.'),
    ],
    [
      'an unknown option',
      () => train(loss, ps, batches(1), Adam(), { epoch: 3 } as never),
      new TypeError(
        "train: there is no option 'epoch'. Is epochs meant? There are epochs, steps, callbacks, signal, progress, breathe, validation, metrics, onDiverged, trace, checkpoint and resume.",
      ),
    ],
    ['no epochs', () => train(loss, ps, batches(1), Adam(), { epochs: 0 }), new RangeError('train: epochs is a whole number from 1: 0.')],
    [
      'half an epoch',
      () => train(loss, ps, batches(1), Adam(), { epochs: 1.5 }),
      new RangeError('train: epochs is a whole number from 1: 1.5.'),
    ],
  ])('%s, at the call', (_, f, error) => {
    expect(f).toThrow(error)
  })

  it('data without a batch', async () => {
    await expect(train(loss, ps, [], Adam())).rejects.toThrow(
      new TypeError('train: the data gave no batch. Pass a list of batches, or a DataLoader with observations.'),
    )
  })
})
