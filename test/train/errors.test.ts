import { Adam, DataLoader, Descent, memory, type Run, ShapeError, type Tensor, tensor, train, zeros } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { batches, bits, problem, unhandled, x, y } from './problem.ts'

const boom = new Error('boom')
const fail = () => {
  throw boom
}

/** Runs in which the third step fails, each in another place; two whole steps come before. */
const failing: [string, () => { run: Run; model: unknown; whole: number }][] = [
  [
    'the loss',
    () => {
      const { loss, ps, model } = problem()
      let calls = 0
      return { run: train((a: Tensor, b: Tensor) => (calls++ === 2 ? fail() : loss(a, b)), ps, batches(5), Adam(0.05)), model, whole: 2 }
    },
  ],
  [
    'the loss, halfway through its arithmetic',
    () => {
      const { loss, ps, model } = problem()
      let calls = 0
      const broken = (a: Tensor, b: Tensor) => (calls++ === 2 ? loss(a.mul(2), b).add(fail()) : loss(a, b))
      return { run: train(broken, ps, batches(5), Adam(0.05)), model, whole: 2 }
    },
  ],
  [
    'a generator of data',
    () => {
      const { loss, ps, model } = problem()
      function* data() {
        yield* batches(2)
        fail()
      }
      return { run: train(loss, ps, data(), Adam(0.05)), model, whole: 2 }
    },
  ],
  [
    'async data',
    () => {
      const { loss, ps, model } = problem()
      async function* data() {
        yield* batches(2)
        await Promise.resolve()
        fail()
      }
      return { run: train(loss, ps, data(), Adam(0.05)), model, whole: 2 }
    },
  ],
  [
    'onGradient',
    () => {
      const { loss, ps, model } = problem()
      return {
        run: train(loss, ps, batches(5), Adam(0.05), { callbacks: { onGradient: ({ step }) => (step === 2 ? fail() : undefined) } }),
        model,
        whole: 2,
      }
    },
  ],
  [
    'a callback after the step',
    () => {
      const { loss, ps, model } = problem()
      return {
        run: train(loss, ps, batches(5), Adam(0.05), { callbacks: ({ step }) => (step === 1 ? fail() : undefined) }),
        model,
        whole: 2,
      }
    },
  ],
  [
    'an async callback',
    () => {
      const { loss, ps, model } = problem()
      return {
        run: train(loss, ps, batches(5), Adam(0.05), { callbacks: { onStep: async ({ step }) => (step === 1 ? fail() : undefined) } }),
        model,
        whole: 2,
      }
    },
  ],
  [
    'onEpoch',
    () => {
      const { loss, ps, model } = problem()
      return { run: train(loss, ps, batches(2), Adam(0.05), { epochs: 2, callbacks: { onEpoch: fail } }), model, whole: 2 }
    },
  ],
  [
    'an async onEnd',
    () => {
      const { loss, ps, model } = problem()
      return { run: train(loss, ps, batches(2), Adam(0.05), { callbacks: { onEnd: async () => fail() } }), model, whole: 2 }
    },
  ],
  [
    'validation',
    () => {
      const { loss, ps, model } = problem()
      return { run: train(loss, ps, batches(2), Adam(0.05), { epochs: 2, validation: fail }), model, whole: 2 }
    },
  ],
  [
    'a schedule',
    () => {
      const { loss, ps, model } = problem()
      return {
        run: train(
          loss,
          ps,
          batches(5),
          Adam(step => (step === 2 ? fail() : 0.05)),
        ),
        model,
        whole: 2,
      }
    },
  ],
]

describe.each(failing)('an error in %s', (_, start) => {
  it('rejects the run that is awaited, and reaches nobody else', async () => {
    expect(await unhandled(() => expect(start().run).rejects.toBe(boom))).toEqual([])
  })

  it('reaches the loop that iterates, and nobody else', async () => {
    const iterate = async () => {
      for await (const each of start().run) expect(each.loss).toBeGreaterThan(0)
    }
    expect(await unhandled(() => expect(iterate()).rejects.toBe(boom))).toEqual([])
  })

  it('leaves the parameters as after the last whole step, memory as it was, and the library training', async () => {
    const { run, model, whole } = start()
    await expect(run).rejects.toBe(boom)
    const twin = problem()
    await train(twin.loss, twin.ps, batches(whole), Adam(0.05))
    expect(bits(model)).toEqual(bits(twin.model))
    const before = memory().tensors
    await expect(start().run).rejects.toBe(boom)
    // A new problem: 4 parameters and 8 momenta, and what its callers hold.
    expect(memory().tensors - before).toBe(4 + 8)
    const again = problem()
    const { epochs } = await train(again.loss, again.ps, batches(1), Adam(0.05), { epochs: 20 })
    expect(epochs[19].loss).toBeLessThan(epochs[0].loss)
  })
})

describe('an error', () => {
  it('is unhandled, once, where nobody looks at the run', async () => {
    const { ps } = problem()
    const reasons = await unhandled(async () => {
      train(fail, ps, batches(1), Adam())
    })
    expect(reasons).toEqual([boom])
  })

  it('of shapes in the loss says which, and nothing is updated', async () => {
    const { model, ps, loss } = problem()
    const before = bits(model)
    await expect(
      train(
        loss,
        ps,
        [
          [x, y],
          [x, zeros([4])],
        ],
        Descent(0),
      ),
    ).rejects.toThrow(ShapeError)
    await expect(train(loss, ps, [[x, zeros([4])]], Descent(1))).rejects.toThrow(
      'mse: prediction and target differ in shape: [4, 1] and [4]. Losses do not broadcast: write prediction.squeeze(-1). The prediction comes first.',
    )
    expect(bits(model)).toEqual(before)
  })

  it.each<[string, () => unknown, ErrorConstructor | typeof ShapeError]>([
    ['not a scalar', () => tensor([1, 2]), ShapeError],
    ['a number', () => 3, TypeError],
    ['nothing', () => undefined, TypeError],
    ['a promise', async () => tensor(1), TypeError],
  ])('comes of a loss that is %s', async (_, loss, kind) => {
    const { ps, model } = problem()
    const before = bits(model)
    expect(await unhandled(() => expect(train(loss as never, ps, batches(1), Descent())).rejects.toThrow(kind))).toEqual([])
    expect(bits(model)).toEqual(before)
  })

  it('closes data that is still open, and does not close data that failed', async () => {
    const log: string[] = []
    const data = (failsAt: number) => ({
      [Symbol.iterator]() {
        let i = 0
        return {
          next() {
            if (i === failsAt) fail()
            return i++ < 3 ? { done: false as const, value: [x, y] } : { done: true as const, value: undefined }
          },
          return() {
            log.push(`closed at ${i}`)
            return { done: true as const, value: undefined }
          },
        }
      },
    })
    const { loss, ps } = problem()
    await expect(train(fail, ps, data(9), Descent())).rejects.toBe(boom)
    expect(log.splice(0)).toEqual(['closed at 1'])
    await expect(train(loss, ps, data(2), Descent(0.01))).rejects.toBe(boom)
    expect(log).toEqual([])
    await train(loss, ps, data(9), Descent(0.01))
    expect(log).toEqual([])
  })

  it('calls onEnd with what there is', async () => {
    const { loss, ps } = problem()
    const seen: number[] = []
    const callbacks = [{ onEnd: ({ steps }: { steps: readonly unknown[] }) => void seen.push(steps.length) }]
    await expect(
      train(loss, ps, batches(3), Descent(0.01), { callbacks: [({ step }) => (step === 1 ? fail() : undefined), ...callbacks] }),
    ).rejects.toBe(boom)
    expect(seen).toEqual([2])
  })

  it('frees the batch of a DataLoader', async () => {
    const { ps } = problem()
    const loader = new DataLoader([x, y], { batchSize: 2 })
    const before = memory().tensors
    await expect(train(fail, ps, loader, Descent())).rejects.toBe(boom)
    expect(memory().tensors).toBe(before)
  })
})

describe('an abort', () => {
  const reason = new Error('enough')

  it('before the start rejects with the reason, and no step is taken', async () => {
    const { loss, ps, model } = problem()
    const before = bits(model)
    let asked = 0
    const data = {
      *[Symbol.iterator]() {
        asked++
        yield* batches(2)
      },
    }
    const ran = async () => {
      await expect(train(loss, ps, data, Descent(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    }
    expect(await unhandled(ran)).toEqual([])
    expect([asked, bits(model)]).toEqual([0, before])
  })

  it('during the run rejects after the step that is being taken', async () => {
    const [ours, theirs] = [problem(), problem()]
    const controller = new AbortController()
    const log: string[] = []
    const run = train(ours.loss, ours.ps, batches(10), Adam(0.05), {
      signal: controller.signal,
      callbacks: {
        onStep: ({ step }) => (step === 2 ? controller.abort(reason) : undefined),
        onEnd: ({ steps }) => void log.push(`end ${steps.length}`),
      },
    })
    expect(await unhandled(() => expect(run).rejects.toBe(reason))).toEqual([])
    await train(theirs.loss, theirs.ps, batches(3), Adam(0.05))
    expect(bits(ours.model)).toEqual(bits(theirs.model))
    expect(log).toEqual(['end 3'])
  })

  it('from outside, while the run breathes, ends it and closes the data', async () => {
    const { loss, ps } = problem()
    let closed = false
    function* data() {
      try {
        for (;;) yield [x, y]
      } finally {
        closed = true
      }
    }
    const controller = new AbortController()
    setTimeout(() => controller.abort(reason), 5)
    await expect(train(loss, ps, data(), Descent(0.001), { signal: controller.signal })).rejects.toBe(reason)
    expect(closed).toBe(true)
  })

  it('reaches the loop that iterates', async () => {
    const { loss, ps } = problem()
    const controller = new AbortController()
    let steps = 0
    const iterate = async () => {
      for await (const _ of train(loss, ps, batches(9), Descent(0.01), { signal: controller.signal }))
        if (++steps === 2) controller.abort(reason)
    }
    expect(await unhandled(() => expect(iterate()).rejects.toBe(reason))).toEqual([])
    expect(steps).toBe(2)
  })

  it('during validation ends the run', async () => {
    const { loss, ps } = problem()
    const controller = new AbortController()
    let batch = 0
    const validation = {
      *[Symbol.iterator]() {
        while (batch < 9) {
          if (++batch === 2) controller.abort(reason)
          yield [x, y]
        }
      },
    }
    await expect(train(loss, ps, batches(1), Descent(0.01), { validation, signal: controller.signal })).rejects.toBe(reason)
    expect(batch).toBe(2)
  })

  it('without a reason of its own is an AbortError', async () => {
    const { loss, ps } = problem()
    await expect(train(loss, ps, batches(1), Descent(), { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
  })
})
