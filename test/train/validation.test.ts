import { Adam, DataLoader, Descent, memory, params, setup, skip, type Tensor, tensor, train, zeros } from 'fluxtape'
import { describe, expect, it, vi } from 'vitest'
import { batches, bits, problem, x, y } from './problem.ts'

const one = x.slice('0:1')
const oneY = y.slice('0:1')

describe('validation', () => {
  it('by data is the mean loss after each epoch, weighted by the size of the batches', async () => {
    const { loss, ps } = problem()
    const { epochs } = await train(loss, ps, batches(1), Descent(0), {
      epochs: 2,
      validation: [
        [x, y],
        [one, oneY],
      ],
    })
    const expected = (loss(x, y).item() * 4 + loss(one, oneY).item()) / 5
    expect(epochs.map(each => each.validation)).toEqual([expect.closeTo(expected, 6), expect.closeTo(expected, 6)])
    expect(Math.abs(loss(x, y).item() - expected)).toBeGreaterThan(1e-3)
  })

  it('by a DataLoader and by async data is the same', async () => {
    const { loss, ps } = problem()
    const async = {
      async *[Symbol.asyncIterator]() {
        yield [x, y]
      },
    }
    for (const validation of [
      [[x, y]],
      async,
      new DataLoader([x, y], { batchSize: 3, shuffle: true }),
      new DataLoader([x, y], { batchSize: 1 }),
    ]) {
      const { epochs } = await train(loss, ps, batches(1), Descent(0), { validation })
      expect(epochs[0].validation).toBeCloseTo(loss(x, y).item(), 5)
    }
  })

  it('by data sees the model of the explicit form, as it is after the epoch', async () => {
    const { explicit, model, loss } = problem()
    const { epochs } = await train(explicit, model, batches(3), setup(Adam(0.05), model), { epochs: 2, validation: [[x, y]] })
    expect(epochs[1].validation).toBeCloseTo(loss(x, y).item(), 6)
    expect(epochs[1].validation).not.toBe(epochs[0].validation)
  })

  it('takes no gradient, and is not in training mode', async () => {
    const [w, scratch] = [tensor([1]), zeros([1])]
    const refused: boolean[] = []
    const loss = () => {
      try {
        // Refused while a gradient is being taken.
        scratch.assign(w)
        refused.push(false)
      } catch {
        refused.push(true)
      }
      return w.square().sum()
    }
    await train(loss, params(w), [[], []], Descent(0.1), { epochs: 2, validation: [[]] })
    expect(refused).toEqual([true, true, false, true, true, false])
  })

  it('by a function is what it gives: a number, a promise, a tensor', async () => {
    const { loss, ps } = problem()
    const seen: number[] = []
    for (const validation of [() => 3, async () => 4, () => tensor(5), () => seen.push(1) * 0]) {
      seen.push((await train(loss, ps, batches(1), Descent(0), { validation })).epochs[0].validation as number)
    }
    expect(seen.filter(value => value !== 1)).toEqual([3, 4, 5, 0])
  })

  it('comes to the callback of the epoch', async () => {
    const { loss, ps } = problem()
    const seen: unknown[] = []
    await train(loss, ps, batches(1), Descent(0.01), {
      epochs: 2,
      validation: () => 0.5,
      callbacks: { onEpoch: record => void seen.push(record.validation) },
    })
    expect(seen).toEqual([0.5, 0.5])
    const { epochs } = await train(loss, ps, batches(1), Descent(0.01))
    expect(epochs[0].validation).toBeUndefined()
  })

  it('leaves out a batch that the loss skips', async () => {
    const { loss, ps } = problem()
    const picky = (a: Tensor, b: Tensor) => (a.shape[0] === 1 ? skip : loss(a, b))
    const { epochs } = await train(picky, ps, batches(1), Descent(0), {
      validation: [
        [x, y],
        [one, oneY],
      ],
    })
    expect(epochs[0].validation).toBeCloseTo(loss(x, y).item(), 6)
  })

  it('changes no parameter and leaks nothing', async () => {
    const [ours, theirs] = [problem(), problem()]
    const validation = new DataLoader([x, y], { batchSize: 3, shuffle: true })
    const opt = Descent(0.01)
    await train(theirs.loss, theirs.ps, batches(2), Descent(0.01), { epochs: 2 })
    const before = memory().tensors
    await train(ours.loss, ours.ps, batches(2), opt, { epochs: 2, validation })
    expect(memory().tensors).toBe(before)
    expect(bits(ours.model)).toEqual(bits(theirs.model))
  })

  it('of an infinite loss is no error: it says so', async () => {
    const { loss, ps } = problem()
    const { epochs } = await train(loss, ps, batches(1), Descent(0), { validation: [[x, tensor([[1e30], [0], [0], [0]])]] })
    expect(epochs[0].validation).toBe(Number.POSITIVE_INFINITY)
  })

  it('of a loss that is NaN is NaN, whatever comes before and after', async () => {
    const { loss, ps } = problem()
    const broken = tensor([[Number.NaN], [0], [0], [0]])
    const { epochs } = await train(loss, ps, batches(1), Descent(0), {
      validation: [
        [x, y],
        [x, broken],
        [x, y],
      ],
    })
    expect(epochs[0].validation).toBeNaN()
  })
})

it('that is not finite is said, once a run', async () => {
  const { loss, ps } = problem()
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  try {
    const { epochs } = await train(loss, ps, batches(1), Descent(0), { epochs: 3, validation: () => Number.NaN })
    expect(epochs.map(each => each.validation)).toEqual([Number.NaN, Number.NaN, Number.NaN])
    expect(warn.mock.calls).toEqual([[expect.stringContaining('train: the validation of epoch 0 is not finite: NaN.')]])
  } finally {
    warn.mockRestore()
  }
})

describe('the loss of an epoch', () => {
  // A bias of 0 that stays 0: the loss of a batch is the mean of its squares.
  const w = tensor([0])
  const rows = [10, 0, 0, 0, 0].map(value => tensor([value]))
  const [small, large] = [tensor([10]), tensor([0, 0, 0, 0])]
  const loss = (z: Tensor) => z.sub(w).square().mean()
  const run = async (data: Iterable<unknown>, f: (...batch: never[]) => unknown = loss) =>
    (await train(f as never, params(w), data, Descent(0), { validation: data as never })).epochs[0]

  it.each<[string, Iterable<unknown>, ((...batch: never[]) => unknown)?]>([
    ['tensors', [small, large]],
    ['lists', [[small], [large]]],
    ['single samples', rows],
    ['records', [{ z: small }, { z: large }], (({ z }: { z: Tensor }) => loss(z)) as never],
    ['a loader', new DataLoader(tensor([10, 0, 0, 0, 0]), { batchSize: 2 })],
    [
      'a number before the tensor',
      [
        [1, small],
        [2, large],
      ],
      ((_: number, z: Tensor) => loss(z)) as never,
    ],
    [
      'a scalar before the tensor',
      [
        [tensor(1), small],
        [tensor(2), large],
      ],
      ((_: Tensor, z: Tensor) => loss(z)) as never,
    ],
  ])('is the mean over its samples, as validation is: %s', async (_, data, f) => {
    const { loss: mean, validation } = await run(data, f)
    expect([mean, validation]).toEqual([expect.closeTo(20, 5), expect.closeTo(20, 5)])
  })

  it('leaves skipped batches out of both', async () => {
    const picky = (z: Tensor) => (z.size === 1 ? skip : loss(z).add(3))
    expect(await run([small, large], picky)).toMatchObject({ loss: 3, validation: 3 })
  })
})
