import { Adam, Descent, DivergedError, memory, optimizerState, params, skip, stop, type Tensor, tensor, train, trainStep } from 'fluxtape'
import { describe, expect, it } from 'vitest'
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
    expect(trainStep(loss, ps, [x, y], Descent(0.01))).toBeGreaterThan(0)
  })
})

describe('trace', () => {
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
