import {
  Adam,
  ClipNorm,
  Descent,
  DivergedError,
  freeze,
  type Grads,
  gradient,
  jit,
  Momentum,
  memory,
  type Optimizer,
  OptimizerChain,
  ones,
  optimizerState,
  type Params,
  params,
  rule,
  setup,
  skip,
  stop,
  type Tensor,
  tensor,
  train,
  trainStep,
  update,
  where,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { rejected, thrown } from '../errors/thrown.ts'
import { batches, bits, noted, problem, x, y } from './problem.ts'

/** A loss that is `value` in the given step, and right in the others. */
function broken(at: number, value = Number.NaN) {
  const own = problem()
  let step = 0
  return { ...own, loss: (a: Tensor, b: Tensor) => (step++ === at ? own.loss(a, b).mul(value) : own.loss(a, b)) }
}

async function error(run: PromiseLike<unknown>): Promise<DivergedError> {
  try {
    await run
  } catch (reason) {
    expect(reason).toBeInstanceOf(DivergedError)
    return reason as DivergedError
  }
  throw new Error('nothing was thrown')
}

describe('a loss that is not finite', () => {
  it.each([
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [Number.NEGATIVE_INFINITY, '-Infinity'],
  ])('(%d) throws DivergedError that names the step', async (value, text) => {
    const { loss, ps } = broken(3, value)
    const reason = await error(train(loss, ps, batches(2), Descent(0.01), { epochs: 3 }))
    expect([reason.name, reason.step, reason.loss]).toEqual(['DivergedError', 3, value])
    expect(reason.message).toBe(
      `train: the loss of step 3 is not finite: ${text}. Nothing was updated. Lower the learning rate, clip the gradients, or pass trace: true to see where it comes from.`,
    )
  })

  it('leaves the parameters and the momenta of the step before', async () => {
    const [ours, theirs] = [broken(3), problem()]
    const [opt, other] = [Adam(0.05), Adam(0.05)]
    await error(train(ours.loss, ours.ps, batches(6), opt))
    await train(theirs.loss, theirs.ps, batches(3), other)
    expect(bits(ours.model)).toEqual(bits(theirs.model))
    const numbers = (state: Map<string, Tensor | number>) =>
      [...state.values()].map(value => (typeof value === 'number' ? value : [...value.data()]))
    expect(numbers(optimizerState(opt, ours.ps))).toEqual(numbers(optimizerState(other, theirs.ps)))
  })

  it('calls no onGradient, and leaks nothing', async () => {
    const { loss, ps } = broken(0)
    let asked = 0
    const before = memory().tensors
    await error(train(loss, ps, batches(1), Descent(), { callbacks: { onGradient: () => void asked++ } }))
    expect([asked, memory().tensors]).toEqual([0, before])
  })

  it('comes of NaN in the data, too', async () => {
    const { loss, ps, model } = problem()
    const before = bits(model)
    const dirty = tensor([[1, Number.NaN]])
    await error(train(loss, ps, [[dirty, tensor([[1]])]], Descent()))
    expect(bits(model)).toEqual(before)
  })

  it('throws from trainStep as well', () => {
    const { loss, ps, model } = broken(0)
    const before = bits(model)
    expect(() => trainStep(loss, ps, [x, y], Descent())).toThrow(DivergedError)
    expect(bits(model)).toEqual(before)
    expect(thrown(() => trainStep(loss, ps, [x.div(0), y], Descent()))).toMatch(/Nothing was updated\. batch\[0\] holds/)
    expect(trainStep(loss, ps, [x, y], Descent(0.01))).toBeGreaterThan(0)
  })
})

describe('a gradient that is not finite, of a loss that is', () => {
  /** log at 0 behind where: the loss is 0, the gradient of W NaN, from the step `at` on. */
  function masked(at = 0) {
    const model = { b: tensor([1]), inner: { W: tensor([0, 1]) } }
    const { b, inner } = model
    let step = 0
    const finite = () => b.square().sum().add(inner.W.mul(0.5).sum())
    const loss = () => (step++ < at ? finite() : finite().add(where(inner.W.greater(0), inner.W.log(), 0).sum()))
    return { model, ps: params(model), loss }
  }
  const state = (opt: Optimizer, ps: Params) => [
    bits(ps),
    [...optimizerState(opt, ps).values()].map(value => (typeof value === 'number' ? value : [...value.data()])),
  ]
  const lookFor = 'Nothing was updated. Look for log, sqrt or div at 0 in the loss, even behind where'

  it('throws DivergedError that names the step and the parameter, and leaves parameters and optimizer', async () => {
    const { ps, loss } = masked()
    const opt = Adam()
    const before = state(opt, ps)
    const reason = await error(train(loss, ps, [0], opt))
    expect([reason.step, reason.loss, reason.parameter]).toEqual([0, 1.5, 'inner.W'])
    expect(reason.message).toBe(
      `train: the gradient of 'inner.W' in step 0 is not finite: NaN. ${lookFor}, or pass trace: true to see where it comes from.`,
    )
    expect(state(opt, ps)).toEqual(before)
  })

  it.each([
    ['train', (loss: () => Tensor, ps: Params, opt: Optimizer) => train(loss, ps, [0, 0, 0], opt)],
    ['train, replayed', (loss: () => Tensor, ps: Params, opt: Optimizer) => train(jit(loss), ps, [0, 0, 0], opt)],
    [
      'train with onDiverged: skip',
      (loss: () => Tensor, ps: Params, opt: Optimizer) => train(loss, ps, [0, 0, 0], opt, { onDiverged: () => skip }),
    ],
    ['trainStep', async (loss: () => Tensor, ps: Params, opt: Optimizer) => trainStep(loss, ps, [0], opt)],
    ['update', async (loss: () => Tensor, ps: Params, opt: Optimizer) => update(opt, ps, gradient(loss, ps))],
  ])('is not written by %s, with any rule', async (_, run) => {
    const Own = rule('Own', {
      hyper: { eta: 0.1 },
      slots: ['v'],
      step: ({ eta }, _, _x, g, _t, write) => (write('v', g) as undefined) ?? g.mul(eta),
    })
    for (const opt of [Adam(0.1), Own(), OptimizerChain(ClipNorm({ throw: false }), Momentum())]) {
      const { ps, loss } = masked()
      update(
        opt,
        ps,
        gradient(() => [...ps].map(p => p.square().sum()).reduce((a, b) => a.add(b)), ps),
      )
      ;[...ps][1].assign(tensor([0, 1]))
      const before = state(opt, ps)
      await Promise.resolve(run(loss, ps, opt)).then(
        () => {},
        reason => expect(reason).toBeInstanceOf(DivergedError),
      )
      expect(state(opt, ps)).toEqual(before)
    }
  })

  it('in a replayed step is found as in any other', async () => {
    const w = tensor([4])
    const loss = (x: Tensor) => w.mul(x).sqrt().sum()
    const [four, zero] = [tensor([4]), tensor([0])]
    const reason = await error(train(jit(loss), params({ w }), [four, four, four, zero], Descent(0)))
    expect([reason.step, reason.parameter, reason.loss]).toEqual([3, 'w', 0])
  })

  it('the loss of trainStep and update', () => {
    const { ps, loss } = masked()
    const opt = Adam()
    expect(thrown(() => trainStep(loss, ps, [0], opt))).toBe(
      `DivergedError: trainStep: the gradient of 'inner.W' is not finite: NaN. ${lookFor}.`,
    )
    expect(thrown(() => update(opt, ps, gradient(loss, ps)))).toBe(
      `DivergedError: update: the gradient of 'inner.W' is not finite: NaN. ${lookFor}.`,
    )
  })

  it('of a frozen parameter does not matter, and the first of several is named', () => {
    const [a, b, c] = [tensor([0]), tensor([0, 1]), tensor([0])]
    const ps = params({ a, b, c })
    const loss = () =>
      where(ones([1]).equal(0), a.log().add(b.log()).add(c.log()), 1)
        .sum()
        .add(a.sum())
    freeze(a)
    expect(thrown(() => trainStep(loss, ps, [0], Adam()))).toMatch(/the gradient of 'b' is not finite/)
    const [model, d] = [{ a, d: tensor([1]) }, tensor([1])]
    update(setup(Descent(1), model), model, { a: tensor([Number.NaN]), d })
    expect([model.a.item(), model.d.item()]).toEqual([0, 0])
  })

  it('may be mended by onGradient: in place, as Grads or as a Map', async () => {
    const finite = (g: Tensor) => where(g.isFinite(), g, 0)
    const ways: ((gradients: Grads) => unknown)[] = [
      gradients => {
        for (const [, g] of gradients) g.assign(finite(g))
      },
      gradients => new Map([...gradients].map(([p, g]) => [p, finite(g)])),
      gradients => gradient(() => [...gradients].map(([p, g]) => p.mul(finite(g)).sum()).reduce((a, b) => a.add(b)), gradients.params),
    ]
    for (const mend of ways) {
      const { ps, loss, model } = masked()
      const before = memory().tensors
      await train(loss, ps, [0], Descent(0.5), { callbacks: { onGradient: ({ gradients }) => mend(gradients as Grads) } })
      expect([model.b.toArray(), model.inner.W.toArray()]).toEqual([[0], [0, 0.25]])
      expect(memory().tensors).toBeLessThanOrEqual(before)
    }
  })

  it('onDiverged is asked, with the parameter', async () => {
    const { ps, loss } = masked(1)
    const asked: unknown[] = []
    const { steps } = await train(loss, ps, [0, 0, 0], Descent(0), {
      onDiverged: ({ step, parameter }) => noted(asked, [step, parameter], step === 1 ? skip : stop),
    })
    expect([asked, steps.length]).toEqual([
      [
        [1, 'inner.W'],
        [2, 'inner.W'],
      ],
      2,
    ])
  })
})

describe('what onGradient returns', () => {
  const run = (onGradient: (context: { readonly gradients?: Grads }) => unknown) => {
    const model = { a: tensor([1]), b: tensor([1]) }
    const loss = () => model.a.mul(2).add(model.b.mul(3)).sum()
    return train(loss, params(model), [0, 0], Descent(1), { callbacks: [{ onGradient }, { onGradient: ({ step }) => void step }] }).then(
      () => [model.a.item(), model.b.item()],
    )
  }

  it('a Map leaves alone what it lacks, and one that goes on sees the gradients of the one before', async () => {
    expect(await run(({ gradients }) => new Map([...(gradients as Grads)].slice(0, 1)))).toEqual([-3, 1])
    const w = tensor([1])
    const twice = {
      onGradient: ({ gradients }: { gradients?: Grads }) => new Map([...(gradients as Grads)].map(([p, g]) => [p, g.mul(2)])),
    }
    await train(() => w.sum(), params(w), [0], Descent(1), { callbacks: [twice, twice] })
    expect(w.item()).toBe(-3)
  })

  it('tensors of the user stay', async () => {
    const w = tensor([1])
    const mine = tensor([0.5])
    await train(() => w.sum(), params(w), [0, 0, 0], Descent(1), { callbacks: { onGradient: () => new Map([[w, mine]]) } })
    expect([w.item(), mine.item()]).toEqual([-0.5, 0.5])
  })

  it('stop ends the run after the step', async () => {
    expect(await run(() => stop)).toEqual([-1, -2])
  })

  it.each([
    [
      'a list',
      () => [ones([1])],
      'TypeError: train: onGradient returns Grads, a Map from parameter to gradient, skip or nothing: an array came.',
    ],
    [
      'an object',
      () => ({ a: ones([1]) }),
      'TypeError: train: onGradient returns Grads, a Map from parameter to gradient, skip or nothing: object came.',
    ],
    [
      'a Map by path',
      () => new Map([['a', ones([1])]]),
      'TypeError: train: onGradient returns a Map from parameter to gradient: a key is none of the parameters.',
    ],
    [
      'a Map to numbers',
      ({ gradients }: { readonly gradients?: Grads }) => new Map([...(gradients as Grads)].map(([p]) => [p, 1])),
      "TypeError: train: onGradient returns a Map from parameter to gradient: number came for 'a'.",
    ],
    [
      'gradients of another shape',
      ({ gradients }: { readonly gradients?: Grads }) => new Map([...(gradients as Grads)].map(([p]) => [p, ones([2])])),
      'ShapeError: update: a gradient has another shape than its parameter: [2] for [1].',
    ],
  ])('%s is refused', async (_, onGradient, text) => {
    expect(await rejected(() => run(onGradient))).toBe(text)
  })
})

describe('trace', () => {
  const w = tensor([0, 1])

  it('names the first operation whose result is not finite', async () => {
    const w = tensor([
      [1, 2],
      [3, 0],
    ])
    const reason = await error(train(() => w.mul(2).log().exp().add(w.sub(w).div(0)).sum(), params(w), [[]], Descent(), { trace: true }))
    expect(reason.message).toBe(
      'train: the loss of step 0 is not finite: NaN, first in log [2, 2]. Nothing was updated. Lower the learning rate, or clip the gradients.',
    )
  })

  it.each([
    ['log behind where', (w: Tensor) => where(w.greater(0), w.log(), 0), 'NaN, first in log [2]'],
    ['the way back', (w: Tensor) => w.sqrt(), 'Infinity, first in the gradient of sqrt [2]'],
  ])('names what made a gradient that is not finite: %s', async (_, f, came) => {
    const reason = await error(train(() => f(w).sum(), params({ w }), [0], Descent(), { trace: true }))
    expect(reason.message).toBe(
      `train: the gradient of 'w' in step 0 is not finite: ${came}. Nothing was updated. Look for log, sqrt or div at 0 in the loss, even behind where.`,
    )
  })

  it('looks at each step anew', async () => {
    const w = tensor([1])
    let step = 0
    const loss = () => (step++ === 2 ? w.mul(0).reciprocal().sum() : w.square().sum())
    const reason = await error(train(loss, params(w), [[], [], [], []], Descent(0.01), { trace: true }))
    expect(reason.message).toMatch(/^train: the loss of step 2 is not finite: Infinity, first in reciprocal \[1\]\./)
  })

  it('changes no bit of a run that goes well', async () => {
    const [ours, theirs] = [problem(), problem()]
    await train(ours.loss, ours.ps, batches(3), Adam(0.05), { trace: true })
    await train(theirs.loss, theirs.ps, batches(3), Adam(0.05))
    expect(bits(ours.model)).toEqual(bits(theirs.model))
  })
})

describe('onDiverged', () => {
  it('is asked with the error; skip goes on with the next batch', async () => {
    const [ours, theirs] = [broken(1), problem()]
    const asked: DivergedError[] = []
    const { steps, epochs } = await train(ours.loss, ours.ps, batches(4), Adam(0.05), { onDiverged: reason => noted(asked, reason, skip) })
    await train(theirs.loss, theirs.ps, batches(3), Adam(0.05))
    expect(asked.map(reason => [reason.step, reason.loss])).toEqual([[1, Number.NaN]])
    expect(steps.map(each => Number.isFinite(each.loss))).toEqual([true, false, true, true])
    expect(epochs[0].loss).toBe((steps[0].loss + steps[2].loss + steps[3].loss) / 3)
    expect(bits(ours.model)).toEqual(bits(theirs.model))
  })

  it('stop ends the run without an error', async () => {
    const { loss, ps } = broken(3)
    const log: string[] = []
    const { steps, epochs } = await train(loss, ps, batches(2), Adam(0.05), {
      epochs: 5,
      onDiverged: () => stop,
      callbacks: { onEnd: () => void log.push('end') },
    })
    expect([steps.length, epochs.length, log]).toEqual([3, 2, ['end']])
  })

  it('anything else lets the error through', async () => {
    const { loss, ps } = broken(0)
    expect((await error(train(loss, ps, batches(2), Adam(), { onDiverged: () => undefined }))).step).toBe(0)
  })

  it('is not asked about other errors', async () => {
    const { ps } = problem()
    const asked: unknown[] = []
    const loss = () => {
      throw new RangeError('mine')
    }
    await expect(train(loss, ps, batches(1), Adam(), { onDiverged: () => noted(asked, 'asked', skip) })).rejects.toThrow(
      new RangeError('mine'),
    )
    expect(asked).toEqual([])
  })
})
