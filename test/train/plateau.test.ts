// Learning rates that are lowered when there is nothing better. What is watched is tested with earlyStopping.
import {
  AccumGrad,
  Adam,
  AdamW,
  adjust,
  ClipNorm,
  Descent,
  Exp,
  earlyStopping,
  jit,
  Momentum,
  Muon,
  type Optimizer,
  OptimizerChain,
  type PlateauOptions,
  plateau,
  Rprop,
  train,
  WeightDecay,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { batches, bits, problem } from './problem.ts'

/** The learning rates by epoch of a run whose metric is told in advance. */
async function rates(scores: readonly number[], options: PlateauOptions, opt: Optimizer = Descent(1), more: object[] = []) {
  const { loss, ps } = problem()
  const seen: number[][] = []
  let at = 0
  await train((...args: Parameters<typeof loss>) => loss(...args).mul(0), ps, batches(1), opt, {
    epochs: scores.length,
    metrics: { score: () => scores[at++] },
    callbacks: [plateau({ metric: 'score', ...options }), ...more, { onEpoch: () => void seen.push(etas(opt)) }],
  })
  return seen
}

function etas(opt: Optimizer): number[] {
  return opt.links.flatMap(([, rule]) =>
    ['eta', 'restEta'].flatMap(name => (name in rule.hyper ? [(rule.hyper as Readonly<Record<string, number>>)[name]] : [])),
  )
}

describe('plateau', () => {
  const rows: [string, PlateauOptions, readonly number[], readonly number[]][] = [
    ['lowers after patience epochs, and counts anew', { patience: 2, factor: 0.5 }, [1, 2, 2, 2, 2, 2], [1, 1, 0.5, 0.5, 0.25, 0.25]],
    ['has patience 3 and factor 0.1 by itself', {}, [1, 1, 1, 1, 1], [1, 1, 1, 0.1, 0.1]],
    ['begins to count where it gets better', { patience: 2, factor: 0.5 }, [3, 4, 2, 3, 3], [1, 1, 1, 1, 0.5]],
    ['does not go below minEta', { patience: 1, factor: 0.5, minEta: 0.3 }, [1, 1, 1, 1], [1, 0.5, 0.3, 0.3]],
    ['leaves what is below minEta', { patience: 1, factor: 0.5, minEta: 3 }, [1, 1, 1], [1, 1, 1]],
    ['watches a maximum by minDelta', { patience: 1, factor: 0.5, mode: 'max', minDelta: 1 }, [1, 1.5, 3, 3.5], [1, 0.5, 0.5, 0.25]],
  ]
  it.each(rows)('%s', async (_, options, scores, expected) => {
    expect((await rates(scores, options)).flat()).toEqual(expected)
  })

  const rules: [string, () => Optimizer, readonly number[]][] = [
    ['Adam', () => Adam(1), [0.5]],
    ['each rule of a chain', () => OptimizerChain(ClipNorm(1), WeightDecay(), Momentum(1, 0.9), Descent(0.5)), [0.5, 0.25]],
    ['what stands behind AccumGrad', () => OptimizerChain(AccumGrad(2), AdamW(1, { lambda: 0.1 })), [0.5]],
    ['both rates of Muon', () => Muon({ eta: 0.2, restEta: 0.02 }), [0.1, 0.01]],
  ]
  it.each(rules)('lowers %s', async (_, make, expected) => {
    expect((await rates([1, 1], { patience: 1, factor: 0.5 }, make())).at(-1)).toEqual(expected)
  })

  it('lowers from where the rate is: adjusted meanwhile, and in a second run', async () => {
    const opt = Descent(1)
    const up = { onEpoch: ({ epoch }: { epoch: number }) => void (epoch === 1 && adjust(opt, 8)) }
    expect((await rates([1, 1, 1], { patience: 1, factor: 0.5 }, opt, [up])).flat()).toEqual([1, 8, 4])
    expect((await rates([1, 1], { patience: 1, factor: 0.5 }, opt)).flat()).toEqual([4, 2])
  })

  it('lets steps be as with that rate, under jit, too', async () => {
    const trained = async (isJit: boolean, callbacks: object) => {
      const { model, ps, loss } = problem()
      const opt = Momentum(0.05, 0.9)
      await train(isJit ? jit(loss) : loss, ps, batches(2), opt, { epochs: 4, metrics: { score: () => 1 }, callbacks } as object)
      return bits(model)
    }
    const byHand = (opt: { current?: Optimizer }) => ({
      onStart: ({ optimizer }: { optimizer: Optimizer }) => void (opt.current = optimizer),
      onEpoch: ({ epoch }: { epoch: number }) => void (epoch === 1 && opt.current && adjust(opt.current, 0.005)),
    })
    const expected = await trained(false, byHand({}))
    for (const isJit of [false, true]) {
      const lowered = plateau({ metric: 'score', patience: 1, minEta: 0.005 })
      expect(await trained(isJit, lowered)).toEqual(expected)
    }
    expect(await trained(false, [])).not.toEqual(expected)
  })

  it('goes with earlyStopping', async () => {
    const stopping = earlyStopping({ metric: 'score', patience: 4 })
    expect((await rates([1, 2, 2, 2, 2, 2], {}, Descent(1), [stopping])).flat()).toEqual([1, 1, 1, 0.1, 0.1])
  })

  const refused: [string, () => Optimizer, string][] = [
    [
      'a schedule',
      () => Adam(Exp(1, 0.9)),
      'plateau: eta of Adam is a schedule, which would go on as if nothing had been lowered. Write a number, Adam(1e-3), or leave plateau out.',
    ],
    [
      'a schedule within a chain',
      () =>
        OptimizerChain(
          Momentum(1, 0.9),
          Descent(step => 1 / (step + 1)),
        ),
      'plateau: eta of Descent is a schedule',
    ],
    [
      'rules without a rate',
      () => OptimizerChain(ClipNorm(1), WeightDecay(0.1)),
      'plateau: there is no learning rate to lower: OptimizerChain. Train with Adam(1e-3), or leave plateau out.',
    ],
    ['Rprop, which finds its steps', () => Rprop(), 'plateau: there is no learning rate to lower: Rprop.'],
  ]
  it.each(refused)('refuses %s before the first step', async (_, make, message) => {
    const { loss, ps, model } = problem()
    const before = bits(model)
    const run = train(loss, ps, batches(1), make(), { callbacks: plateau({ metric: 'loss' }) })
    await expect(run).rejects.toThrow(message)
    expect(bits(model)).toEqual(before)
  })

  it.each([
    [{ factor: 1 }, 'plateau: factor is a number between 0 and 1: 1.'],
    [{ factor: 0 }, 'plateau: factor is a number between 0 and 1: 0.'],
    [{ factor: '0.1' }, "plateau: factor is a number between 0 and 1: '0.1'."],
    [{ minEta: -1 }, 'plateau: minEta is a finite number from 0: -1.'],
    [{ minEta: Number.POSITIVE_INFINITY }, 'plateau: minEta is a finite number from 0: Infinity.'],
    [{ patience: 0 }, 'plateau: patience is a whole number from 1: 0.'],
    [{ restoreBest: true }, "plateau: there is no option 'restoreBest'."],
  ] as [object, string][])('refuses %j', (options, message) => {
    expect(() => plateau(options)).toThrow(message)
  })
})
