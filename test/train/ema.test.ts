// A running average of the weights, bit by bit, and its place in the model and back.
import {
  Adam,
  Descent,
  ema,
  freeze,
  gradient,
  jit,
  memory,
  params,
  ReleasedError,
  stop,
  type Tensor,
  tensor,
  thaw,
  threads,
  train,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { batches, bits, problem } from './problem.ts'

const { fround } = Math

/** Trains, and returns the weights after each step. */
async function trained(average: object, { model, ps, loss } = problem(), { epochs = 2, isJit = false } = {}) {
  const after: number[][][] = []
  const opt = Descent(0.05)
  const note = { onStep: () => void after.push(bits(model)) }
  await train(isJit ? jit(loss) : loss, ps, batches(3), opt, { epochs, callbacks: [average, note] })
  return after
}

/** The average in float32, in the order of its formula, a ← a - (share a - share x), and with the product fused where the kernels have that. */
function averagesOf(after: readonly number[][][], decay: number): number[][][] {
  const share = fround(1 - fround(decay))
  return [fround, (product: number) => product].map(rounded =>
    after
      .slice(1)
      .reduce(
        (averages, weights) =>
          averages.map((each, i) => each.map((a, k) => fround(a - fround(rounded(share * a) - fround(share * weights[i][k]))))),
        after[0],
      ),
  )
}

const swapped = (average: ReturnType<typeof ema>, model: unknown) => {
  average.swap()
  const there = bits(model)
  average.swap()
  return there
}

describe('ema', () => {
  it.each([0.999, 0.9, 0.5, 0.1, 0])('of decay %s is its formula', async decay => {
    const own = problem()
    const average = ema({ decay })
    const after = await trained(average, own)
    const there = swapped(average, own.model)
    const exact = after
      .slice(1)
      .reduce((averages, weights) => averages.map((l, i) => l.map((a, k) => decay * a + (1 - decay) * weights[i][k])), after[0])
    there.forEach((each, i) => each.forEach((a, k) => expect(Math.abs(a - exact[i][k])).toBeLessThan(1e-6 * (1 + Math.abs(a)))))
    expect(averagesOf(after, decay)).toContainEqual(there)
    if (decay === 0) expect(there).toEqual(after.at(-1))
    else expect(there).not.toEqual(after.at(-1))
  })

  it('is the same under jit and with any number of threads', async () => {
    const results: number[][][] = []
    const { count: now } = threads()
    for (const [isJit, count] of [
      [false, 1],
      [true, 1],
      [false, 2],
    ] as const) {
      await threads(count)
      const own = problem()
      const average = ema({ decay: 0.9 })
      await trained(average, own, { isJit })
      results.push(swapped(average, own.model))
    }
    await threads(now)
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
  })

  it('does not change the training', async () => {
    expect(await trained(ema())).toEqual(await trained({ onStep: () => {} }))
  })

  it('swaps in place and bit by bit, and back', async () => {
    const own = problem()
    const average = ema({ decay: 0.9 })
    await trained(average, own)
    const [weights, tensors] = [bits(own.model), [...own.ps]]
    average.swap()
    expect([average.isSwapped, [...own.ps].every((each, i) => each === tensors[i])]).toEqual([true, true])
    expect(bits(own.model)).not.toEqual(weights)
    average.swap()
    expect([average.isSwapped, bits(own.model)]).toEqual([false, weights])
  })

  it('keeps what waits for the old weights right', async () => {
    const own = problem()
    const average = ema({ decay: 0.9 })
    await trained(average, own)
    const [first] = own.ps
    const expected = [...first.mul(2).add(1).data()]
    const waiting = first.mul(2).add(1)
    const view = first.transpose()
    const turned = [...first.transpose().data()]
    average.swap()
    expect([...waiting.data()]).toEqual(expected)
    expect([...view.data()]).toEqual(turned)
    average.swap()
  })

  it('trains nothing while the averages stand in the model, and loses nothing', async () => {
    const own = problem()
    const average = ema({ decay: 0.9 })
    const go = (callbacks: unknown) => train(own.loss, own.ps, batches(2), Descent(0.1), { callbacks: callbacks as never })
    await go(average)
    average.swap()
    const there = bits(own.model)
    const message = 'ema: the averages stand in the model, and would be trained. Call average.swap() again before training goes on.'
    await expect(go(average)).rejects.toThrow(message)
    expect(bits(own.model)).toEqual(there)
    average.swap()
    let weights: number[][] = []
    const swapping = {
      onStep: () => {
        weights = bits(own.model)
        average.swap()
      },
    }
    await expect(go([average, swapping])).rejects.toThrow(message)
    average.swap()
    expect(bits(own.model)).toEqual(weights)
    await go(average)
  })

  it('may stand in the model for a metric', async () => {
    const own = problem()
    const average = ema({ decay: 0.9 })
    const averaged = () => {
      average.swap()
      const value = own.loss(...batches(1)[0]).item()
      average.swap()
      return value
    }
    const { epochs } = await train(own.loss, own.ps, batches(3), Descent(0.05), { epochs: 2, metrics: { averaged }, callbacks: average })
    expect(epochs[1].metrics?.averaged).toBe(averaged())
    expect(epochs[1].metrics?.averaged).not.toBe(own.loss(...batches(1)[0]).item())
    average.dispose()
  })

  it('is begun anew by a second run, with another model too, and goes to nothing with dispose', async () => {
    const average = ema({ decay: 0.9 })
    const own = problem()
    await trained(average, own)
    const after = await trained(average, own)
    expect(averagesOf(after, 0.9)).toContainEqual(swapped(average, own.model))
    const other = problem()
    const others = await trained(average, other)
    expect(averagesOf(others, 0.9)).toContainEqual(swapped(average, other.model))
    average.dispose()
    average.dispose()
    expect(() => average.swap()).toThrow('swap: there are no averages yet. Pass it to train as a callback first.')
  })

  it('leaves frozen parameters as they are, and takes thawed and late ones in', async () => {
    const own = problem()
    const [first] = own.ps
    freeze(own.model.layers[0])
    const average = ema({ decay: 0.5 })
    const before = [...first.data()]
    await trained(average, own, { epochs: 1 })
    expect(swapped(average, own.model)[0]).toEqual(before)
    thaw(own.model.layers[0])
    const after = await trained(average, own, { epochs: 1 })
    expect(averagesOf(after, 0.5)).toContainEqual(swapped(average, own.model))
    const [w, late] = [tensor([1]), tensor([4])]
    const ps = params([w])
    const seen: number[] = []
    const joining = ({ step }: { step: number }) => {
      seen.push(late.item())
      if (step === 1) ps.add(late)
    }
    await train((_: number) => w.square().sum().add(late.square().sum()), ps, [1, 2], Descent(0.25), {
      epochs: 2,
      callbacks: [average, joining],
    })
    // It joined after the second step: its average begins with what the third has made of it.
    expect(seen).toEqual([4, 4, 2, 1])
    expect(swapped(average, ps)[1]).toEqual([1.5])
    average.dispose()
  })

  it('is refused while a gradient is taken, and of parameters that are no more', async () => {
    const own = problem()
    const average = ema()
    await trained(average, own)
    const before = bits(own.model)
    const refused = 'swap: a gradient is being taken, and it could not see the change. Swap before, or after.'
    expect(() =>
      gradient(() => {
        average.swap()
        return own.loss(...batches(1)[0])
      }, own.ps),
    ).toThrow(refused)
    expect([average.isSwapped, bits(own.model)]).toEqual([false, before])
    const last = [...own.ps].at(-1) as Tensor
    last.dispose()
    expect(() => average.swap()).toThrow(ReleasedError)
    expect(average.isSwapped).toBe(false)
    average.dispose()
  })

  it('stays with a run that is stopped or fails: as after its last step', async () => {
    for (const end of [() => stop, () => Promise.reject(new Error('boom'))]) {
      const own = problem()
      const average = ema({ decay: 0.9 })
      const after: number[][][] = []
      const ending = ({ step }: { step: number }) => {
        after.push(bits(own.model))
        return step === 3 ? end() : undefined
      }
      await Promise.resolve(train(own.loss, own.ps, batches(9), Adam(0.05), { callbacks: [average, ending] })).catch(() => {})
      expect(averagesOf(after, 0.9)).toContainEqual(swapped(average, own.model))
      average.dispose()
    }
  })

  it('takes one tensor a parameter, and leaves none behind', async () => {
    const own = problem()
    const before = memory().tensors
    const average = ema()
    await trained({ onStep: () => {} }, own)
    const plain = memory().tensors
    await trained(average, own)
    expect(memory().tensors - plain).toBe([...own.ps].length)
    for (let i = 0; i < 10; i++) await trained(average, own)
    expect(memory().tensors - plain).toBe([...own.ps].length)
    average.dispose()
    expect(memory().tensors).toBe(plain)
    expect(plain).toBeGreaterThanOrEqual(before)
  })

  it.each([
    [{ decay: 1 }, 'ema: decay is from 0 to below 1: 1.'],
    [{ decay: 1 - 1e-9 }, 'ema: decay is from 0 to below 1: 0.999999999.'],
    [{ decay: -0.1 }, 'ema: decay is from 0 to below 1: -0.1.'],
    [{ decay: Number.NaN }, 'ema: decay is from 0 to below 1: NaN.'],
    [{ decay: '0.9' }, "ema: decay is a number: '0.9' came."],
    [{ momentum: 0.9 }, "ema: there is no option 'momentum'."],
  ] as [object, string][])('refuses %j', (options, message) => {
    expect(() => ema(options)).toThrow(message)
  })
})
