import { Adam, type Callback, Descent, keep, params, ReleasedError, setup, skip, stop, type Tensor, tensor, train } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { batches, bits, noted, problem, x, y } from './problem.ts'

type Context = Parameters<Extract<Callback, (...args: never[]) => unknown>>[0]

describe('a callback', () => {
  it('that is a function is called after each step, with what there is to know', async () => {
    const { loss, ps, model } = problem()
    const seen: Context[] = []
    const before = bits(model)
    const { steps } = await train(loss, ps, batches(2), Descent(0.01), {
      epochs: 2,
      callbacks: context => {
        if (seen.length === 0) expect(bits(model)).not.toEqual(before)
        seen.push(context)
      },
    })
    expect(seen.map(({ step, epoch, loss: value }) => ({ step, epoch, loss: value }))).toEqual(steps)
    expect(seen[0].batch).toEqual([x, y])
    expect(seen[0].model).toBeUndefined()
    expect(seen[0].gradients).toBeUndefined()
  })

  it('sees the model of the explicit form', async () => {
    const { explicit, model } = problem()
    const seen: unknown[] = []
    await train(explicit, model, batches(1), setup(Descent(0.01), model), {
      callbacks: [context => seen.push(context.model), { onGradient: context => seen.push(context.model) }],
    })
    expect(seen).toEqual([model, model])
  })

  it('hooks come in order: gradient, update, step, epoch, end', async () => {
    const { loss, ps, model } = problem()
    const log: string[] = []
    let last = bits(model)
    const moved = () => {
      const now = bits(model)
      const is = JSON.stringify(now) !== JSON.stringify(last)
      last = now
      return is ? ' moved' : ''
    }
    const hooks = (name: string): Callback => ({
      onGradient: ({ step }) => void log.push(`${name} gradient ${step}${moved()}`),
      onStep: ({ step }) => void log.push(`${name} step ${step}${moved()}`),
      onEpoch: ({ epoch }) => void log.push(`${name} epoch ${epoch}`),
      onEnd: ({ steps }) => void log.push(`${name} end ${steps.length}`),
    })
    await train(loss, ps, batches(1), Descent(0.01), {
      epochs: 2,
      callbacks: [hooks('a'), ({ step }) => void log.push(`f step ${step}`), hooks('b')],
    })
    expect(log).toEqual([
      'a gradient 0',
      'b gradient 0',
      'a step 0 moved',
      'f step 0',
      'b step 0',
      'a epoch 0',
      'b epoch 0',
      'a gradient 1',
      'b gradient 1',
      'a step 1 moved',
      'f step 1',
      'b step 1',
      'a epoch 1',
      'b epoch 1',
      'a end 2',
      'b end 2',
    ])
  })

  it('is awaited where it returns a promise', async () => {
    const { loss, ps } = problem()
    const log: string[] = []
    const slow = (name: string) => async () => {
      await new Promise(resolve => setTimeout(resolve, 2))
      log.push(name)
    }
    await train((a: Tensor, b: Tensor) => noted(log, 'loss', loss(a, b)), ps, batches(2), Descent(0.01), {
      callbacks: { onStep: slow('step'), onEpoch: slow('epoch'), onEnd: slow('end') },
    })
    expect(log).toEqual(['loss', 'step', 'loss', 'step', 'epoch', 'end'])
  })

  it('sees the gradients before the update, while it runs', async () => {
    const w = tensor([3])
    let held: Tensor | undefined
    let value: unknown
    await train(() => w.square().sum(), params(w), [[]], Descent(0.5), {
      callbacks: {
        onGradient: ({ gradients, loss }) => {
          held = gradients?.get(w)
          value = [held?.item(), w.item(), loss]
        },
      },
    })
    expect([value, w.item()]).toEqual([[6, 3, 9], 0])
    expect(() => held?.item()).toThrow(ReleasedError)
  })

  it('may keep a gradient', async () => {
    const w = tensor([3])
    const held: Tensor[] = []
    await train(() => w.square().sum(), params(w), [[]], Descent(0.5), {
      callbacks: { onGradient: ({ gradients }) => held.push(keep(gradients?.get(w)?.mul(1) as Tensor)) },
    })
    expect(held[0].item()).toBe(6)
    held[0].dispose()
  })

  it('may change the gradients in place, and the learning rate', async () => {
    const w = tensor([3])
    await train(() => w.square().sum(), params(w), [[]], Descent(1), {
      callbacks: { onGradient: ({ gradients }) => void gradients?.get(w)?.assign(tensor([1])) },
    })
    expect(w.item()).toBe(2)
  })
})

describe('stop', () => {
  it.each<[string, (at: number) => Callback]>([
    [
      'a function',
      at =>
        ({ step }) =>
          step === at ? stop : undefined,
    ],
    ['onStep', at => ({ onStep: ({ step }) => (step === at ? stop : undefined) })],
    [
      'an async callback',
      at =>
        async ({ step }) =>
          step === at ? stop : undefined,
    ],
  ])('from %s ends the run after this step, not only the epoch', async (_, callback) => {
    const [ours, theirs] = [problem(), problem()]
    const log: string[] = []
    const rest: Callback = {
      onStep: ({ step }) => void log.push(`step ${step}`),
      onEpoch: () => void log.push('epoch'),
      onEnd: () => void log.push('end'),
    }
    const { steps, epochs } = await train(ours.loss, ours.ps, batches(3), Descent(0.01), { epochs: 5, callbacks: [callback(4), rest] })
    await train(theirs.loss, theirs.ps, batches(5), Descent(0.01))
    expect([steps.length, epochs.length]).toEqual([5, 2])
    expect(bits(ours.model)).toEqual(bits(theirs.model))
    expect(log.slice(-3)).toEqual(['step 4', 'epoch', 'end'])
  })

  it('from onEpoch ends it after this epoch', async () => {
    const { loss, ps } = problem()
    const { steps, epochs } = await train(loss, ps, batches(2), Descent(0.01), {
      epochs: 5,
      callbacks: { onEpoch: ({ epoch }) => (epoch === 1 ? stop : undefined) },
    })
    expect([steps.length, epochs.length]).toEqual([4, 2])
  })

  it('closes the data', async () => {
    const { loss, ps } = problem()
    let closed = false
    function* data() {
      try {
        for (;;) yield [x, y]
      } finally {
        closed = true
      }
    }
    await train(loss, ps, data(), Descent(0.01), { callbacks: ({ step }) => (step === 2 ? stop : undefined) })
    expect(closed).toBe(true)
  })
})

describe('skip', () => {
  it('from the loss makes no update and leaves the momenta', async () => {
    const [ours, theirs] = [problem(), problem()]
    const [opt, other] = [Adam(0.05), Adam(0.05)]
    let call = 0
    const { steps, epochs } = await train((a: Tensor, b: Tensor) => (call++ % 2 === 1 ? skip : ours.loss(a, b)), ours.ps, batches(4), opt)
    await train(theirs.loss, theirs.ps, batches(2), other)
    expect(bits(ours.model)).toEqual(bits(theirs.model))
    expect([opt.steps, steps.length]).toEqual([2, 4])
    expect(steps.map(each => Number.isNaN(each.loss))).toEqual([false, true, false, true])
    expect(epochs[0].loss).toBe((steps[0].loss + steps[2].loss) / 2)
  })

  it('from onGradient makes no update, and no later onGradient is asked', async () => {
    const { loss, ps, model } = problem()
    const before = bits(model)
    const opt = Adam()
    const log: string[] = []
    const { steps } = await train(loss, ps, batches(2), opt, {
      callbacks: [
        { onGradient: () => noted(log, 'first', skip), onStep: () => void log.push('step') },
        { onGradient: () => void log.push('second') },
      ],
    })
    expect([bits(model), opt.steps]).toEqual([before, 0])
    expect(log).toEqual(['first', 'step', 'first', 'step'])
    expect(steps.every(each => Number.isFinite(each.loss))).toBe(true)
  })

  it('of every step is no error', async () => {
    const { ps } = problem()
    const { epochs } = await train(() => skip, ps, batches(2), Adam())
    expect(epochs[0].loss).toBeNaN()
  })
})

describe('a callback of a run', () => {
  it('hears when it starts, what is trained, and how it ended', async () => {
    const { ps, model, explicit } = problem()
    const controller = new AbortController()
    const diverging = () => ([...params(model)][0] as Tensor).sum().div(0)
    const log: unknown[] = []
    const telling: Callback = {
      onStart: async run => {
        await Promise.resolve()
        log.push(['start', run.model === model, run.params.size, String(run.optimizer)])
      },
      onEpoch: ({ epoch }, run) => void log.push(['epoch', epoch, run.model === model]),
      onEnd: (history, { how, error, ...run }) =>
        void log.push([how, history.steps.length, (error as Error | undefined)?.message, run.model === model]),
    }
    const opt = Descent(0.01)
    const run = (options: object, loss: unknown = explicit) =>
      train(loss as never, model as never, batches(2), setup(opt, model) as never, { callbacks: telling, ...options }).catch(() => {})
    await run({})
    await run({ callbacks: [telling, () => stop] })
    await run({ callbacks: [telling, () => controller.abort(new Error('enough'))], signal: controller.signal })
    await run({}, diverging)
    await run({}, () => {
      throw new Error('mine')
    })
    for await (const _ of train(explicit, model, batches(2), setup(opt, model), { callbacks: telling })) break
    const start = ['start', true, ps.size, String(opt)]
    expect(log).toEqual([
      ...[start, ['epoch', 0, true], ['done', 2, undefined, true]],
      ...[start, ['epoch', 0, true], ['stopped', 1, undefined, true]],
      ...[start, ['aborted', 1, 'enough', true]],
      ...[start, ['diverged', 0, expect.stringContaining('not finite'), true]],
      ...[start, ['failed', 0, 'mine', true]],
      ...[start, ['epoch', 0, true], ['stopped', 1, undefined, true]],
    ])
  })

  it('is told of the end though another one fails there, and the first error is what the run rejects with', async () => {
    const { loss, ps } = problem()
    const log: string[] = []
    const failing = (name: string): Callback => ({
      onEnd() {
        log.push(name)
        throw new Error(name)
      },
    })
    await expect(train(loss, ps, batches(1), Descent(0), { callbacks: [failing('a'), failing('b')] })).rejects.toThrow('a')
    const thrown = () => {
      throw new Error('mine')
    }
    await expect(train(loss, ps, batches(1), Descent(0), { callbacks: [failing('c'), thrown, failing('d')] })).rejects.toThrow('mine')
    expect(log).toEqual(['a', 'b', 'c', 'd'])
  })

  const step =
    (answer: unknown): Callback =>
    () =>
      answer
  const wayOut = "Write loss < 0.1 && stop, with stop of 'fluxtape', or braces around what is to return nothing."
  it.each<[string, Callback, string]>([
    ["'stop'", step('stop'), `a callback returns stop or nothing: 'stop' came. ${wayOut}`],
    ["'skip', of an async one", async () => 'skip', `a callback returns stop or nothing: 'skip' came. ${wayOut}`],
    ['another symbol', step(Symbol('stop it')), `a callback returns stop or nothing: stop it came. ${wayOut}`],
    [
      'skip after the update',
      { onStep: () => skip },
      'a callback returns stop or nothing: skip came. The update is made by then: onGradient and the loss may return skip.',
    ],
    ["'stop' from onEpoch", { onEpoch: () => 'stop' }, `onEpoch returns stop or nothing: 'stop' came. ${wayOut}`],
    [
      "'skip' from onGradient",
      { onGradient: () => 'skip' },
      "onGradient returns Grads, a Map from parameter to gradient, skip or nothing: 'skip' came.",
    ],
  ])('that returns %s is told what to return', async (_, callbacks, text) => {
    const { loss, ps } = problem()
    await expect(train(loss, ps, batches(2), Descent(0), { callbacks })).rejects.toThrow(new TypeError(`train: ${text}`))
  })

  it.each<[string, unknown]>([
    ['a number', 3],
    ['true', true],
    ['false', false],
    ['a text', 'loss'],
    ['null', null],
    ['an object', {}],
  ])('may happen to return %s', async (_, answer) => {
    const { loss, ps } = problem()
    expect(
      (await train(loss, ps, batches(2), Descent(0), { callbacks: [step(answer), { onEpoch: step(answer) as never }] })).steps,
    ).toHaveLength(2)
  })

  it("is asked what to do about a step that diverged, and 'skip' is no answer", async () => {
    const { ps } = problem()
    const run = train(() => [...ps][0].sum().div(0), ps, [1], Descent(0), { onDiverged: () => 'skip' })
    await expect(run).rejects.toThrow(new TypeError("train: onDiverged returns skip, stop or nothing: 'skip' came."))
  })
})
