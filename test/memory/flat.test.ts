import {
  Adam,
  Chain,
  DataLoader,
  Dense,
  gradient,
  memory,
  mse,
  params,
  scope,
  type Tensor,
  tanh,
  tensor,
  train,
  trainStep,
  update,
} from 'fluxtape'
import { expect, test } from 'vitest'
import { collected } from './collected.ts'

const FEW = 200
const MANY = process.env.FLUXTAPE_NIGHTLY ? 20_000 : 1_500

const x = tensor([[0.5, -1]])
const y = tensor([[0.25]])

/** A model small enough for many steps, its loss and its parameters. */
function task() {
  const model = Chain(Dense(2, 1, tanh))
  const loss = (input: Tensor, target: Tensor) => mse(model(input), target)
  return { model, loss, ps: params(model), optimizer: Adam(1e-3) }
}

type Loop = (steps: number) => unknown

/** The ways to train and to compute; each makes the loop over a model of its own. */
const loops: Record<string, () => Loop> = {
  'train over a DataLoader': () => {
    const { loss, ps, optimizer } = task()
    const data = new DataLoader(
      [
        tensor([
          [0.5, -1],
          [1, 2],
        ]),
        tensor([[0.25], [1]]),
      ],
      { batchSize: 1, shuffle: true },
    )
    return steps => train(loss, ps, data, optimizer, { epochs: steps / 2 })
  },
  'train over an asynchronous generator that disposes its batches': () => {
    const { loss, ps, optimizer } = task()
    async function* batches(count: number) {
      for (let i = 0; i < count; i++) {
        const batch = [tensor([[0.5, i / count]]), tensor([[0.25]])]
        yield batch
        for (const each of batch) each.dispose()
      }
    }
    return steps => train(loss, ps, batches(steps), optimizer)
  },
  trainStep: () => {
    const { loss, ps, optimizer } = task()
    return steps => {
      for (let i = 0; i < steps; i++) trainStep(loss, ps, [x, y], optimizer)
    }
  },
  'the hand-written loop of gradient and update': () => {
    const { loss, ps, optimizer } = task()
    return steps => {
      for (let i = 0; i < steps; i++)
        update(
          optimizer,
          ps,
          gradient(() => loss(x, y), ps),
        )
    }
  },
  'calls of a model in a scope': () => {
    const { model } = task()
    let last = 0
    return steps => {
      for (let i = 0; i < steps; i++) last = scope(() => model(x).item())
      expect(last).not.toBeNaN()
    }
  },
}

/** What a loop has made lives as long as the others run: it must not be collected while they count. */
const prepared: Loop[] = []

test.each(Object.entries(loops))(`${MANY} steps end with the bytes and the peak of ${FEW}: %s`, async (_, prepare) => {
  // What the test before left behind goes first, so that it cannot hide anything.
  await collected()
  const run = prepare()
  prepared.push(run)
  await run(FEW)
  const after = memory()
  await run(MANY)
  const { bytes, tensors, peak } = memory()
  expect({ bytes, tensors, peak }).toEqual({ bytes: after.bytes, tensors: after.tensors, peak: after.peak })
})

test('a loop that keeps what it makes is not flat, so that the tests above could fail', () => {
  const { model } = task()
  const before = memory()
  const kept = Array.from({ length: FEW }, () => model(x))
  expect(memory().tensors - before.tensors).toBe(FEW)
  for (const each of kept) each.dispose()
  expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
})
