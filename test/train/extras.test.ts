// A loss may return [loss, ...extras]: they reach the callbacks and the iterator, live as long as these need them, and are in no history.
import { Descent, jit, keep, memory, mse, ReleasedError, type Tensor, tensor, train, trainStep } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { rejected } from '../errors/thrown.ts'
import { batches, bits, problem, x, y } from './problem.ts'

type Loss = (a: Tensor, b: Tensor) => readonly [Tensor, ...unknown[]]

const withExtras = () => {
  const { model, ps } = problem()
  const loss: Loss = (a, b) => {
    const prediction = model(a)
    return [mse(prediction, b), prediction, prediction.argMax(0)]
  }
  return { model, ps, loss }
}

describe.each<[string, (loss: Loss) => Loss]>([
  ['a loss', loss => loss],
  ['a loss that is replayed', loss => jit(loss) as Loss],
])('the extras of %s', (_, marked) => {
  it('reach the callbacks, and end when these have returned', async () => {
    const { ps, loss, model } = withExtras()
    const held: Tensor[] = []
    const seen: unknown[] = []
    const before = memory()
    const { steps } = await train(marked(loss), ps, batches(5), Descent(0.01), {
      callbacks: [
        { onGradient: ({ extras }) => void seen.push((extras[0] as Tensor).toArray()) },
        async ({ extras }) => {
          await Promise.resolve()
          held.push(extras[0] as Tensor)
          seen.push(...(extras as Tensor[]).map(each => each.toArray()))
        },
      ],
    })
    expect(steps[0]).toEqual({ step: 0, epoch: 0, loss: steps[0].loss })
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
    for (const each of held) expect(() => each.item()).toThrow(ReleasedError)
    const { ps: qs, loss: twin, model: other } = withExtras()
    const expected: unknown[] = []
    for (const [a, b] of batches(5)) {
      const [, ...extras] = twin(a, b) as readonly Tensor[]
      expected.push(extras[0].toArray(), ...extras.map(each => each.toArray()))
      trainStep(twin, qs, [a, b], Descent(0.01))
    }
    expect(seen).toEqual(expected)
    expect(bits(model)).toEqual(bits(other))
  })

  it('reach the iterator, until the next step is asked for', async () => {
    const { ps, loss } = withExtras()
    let last: Tensor | undefined
    let count = 0
    const run = train(marked(loss), ps, batches(4), Descent(0.01))
    for await (const { extras = [], step } of run) {
      if (last) expect(() => last?.item()).toThrow(ReleasedError)
      last = extras[0] as Tensor
      expect(last.shape).toEqual([4, 1])
      expect(step).toBe(count++)
    }
    expect(count).toBe(4)
    expect(() => last?.item()).toThrow(ReleasedError)
    expect((await run).steps.every(each => !('extras' in each))).toBe(true)
  })

  it('may be kept, and those that are not of the step stay', async () => {
    const { ps, model } = problem()
    const outside = tensor([1])
    const held: Tensor[] = []
    const loss: Loss = (a, b) => [mse(model(a), b), outside, a, b.mul(1)]
    await train(marked(loss), ps, batches(4), Descent(0.01), { callbacks: ({ extras }) => void held.push(keep(extras[2] as Tensor)) })
    expect([outside.item(), x.released, y.released]).toEqual([1, false, false])
    expect(held.map(each => each.toArray())).toEqual(batches(4).map(([, b]) => b.toArray()))
  })

  it('are freed by trainStep and by validation, and by what fails', async () => {
    const { ps, loss } = withExtras()
    const f = marked(loss)
    const before = memory()
    for (let i = 0; i < 4; i++) trainStep(f, ps, [x, y], Descent(0.01))
    const failing = train(f, ps, batches(2), Descent(0.01), {
      validation: [[x, y]],
      callbacks: () => {
        throw new Error('mine')
      },
    })
    expect(await rejected(() => failing)).toBe('Error: mine')
    await train(f, ps, batches(2), Descent(0.01), { validation: [[x, y]] })
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
  })
})

it('what is no tensor reaches the callbacks as it is, but a replay refuses it', async () => {
  const { ps, model } = problem()
  const loss: Loss = (a, b) => [mse(model(a), b), { half: a.mul(0.5) }, 'text', 3]
  const seen: unknown[] = []
  await train(loss, ps, batches(1), Descent(0), {
    callbacks: ({ extras: [tree, ...rest] }) => void seen.push((tree as { half: Tensor }).half.shape, rest),
  })
  expect(seen).toEqual([
    [4, 2],
    ['text', 3],
  ])
  expect(await rejected(() => train(jit(loss), ps, batches(1), Descent(0)))).toBe(
    'TypeError: train: what the loss of a jit returns beside itself are tensors: object came, at place 1. Leave it out, or pass the loss without jit.',
  )
})
