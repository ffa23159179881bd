import {
  Adam,
  AdamW,
  arange,
  autoMode,
  Chain,
  ClipGlobalNorm,
  ClipNorm,
  checkpoint,
  Dense,
  Descent,
  type Grads,
  gradient,
  hessian,
  jacobian,
  jit,
  jvp,
  LSTM,
  later,
  layer,
  logitCrossEntropy,
  Momentum,
  manualSeed,
  memory,
  type Optimizer,
  OptimizerChain,
  ones,
  onGradient,
  optimizerState,
  type Params,
  params,
  pullback,
  rule,
  scope,
  type Tensor,
  tanh,
  tensor,
  testMode,
  trainStep,
  update,
  WeightDecay,
  withGradient,
  zeros,
} from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { failAllocation } from '../../src/wasm/guard.ts'
import { bitsOf, failingEverywhere, trainingState } from './failing.ts'

/** A rule in operations, with a slot. */
const Averaged = rule('Averaged', {
  hyper: { eta: 0.1 },
  slots: ['average'],
  step({ eta }, { average }, _, g, __, write) {
    const next = average.mul(0.9).add(g.mul(0.1))
    write('average', next)
    return next.mul(eta)
  },
})

const optimizers: Record<string, () => Optimizer> = {
  'a kernel without slots': () => Descent(0.1),
  'a kernel with one slot': () => Momentum(0.1),
  Adam: () => Adam(0.01),
  'a rule in operations': () => Averaged(0.1),
  'ClipNorm alone': () => ClipNorm(0.01),
  'ClipNorm, then Adam': () => OptimizerChain(ClipNorm(0.01), Adam(0.01)),
  'Adam, then ClipNorm': () => OptimizerChain(Adam(0.01), ClipNorm(0.001)),
  'ClipGlobalNorm, then AdamW': () => OptimizerChain(ClipGlobalNorm(0.01), AdamW(0.01)),
  'kernels alone': () => OptimizerChain(WeightDecay(0.1), Momentum(1), Adam(0.01)),
  'rules of all kinds': () => OptimizerChain(Averaged(1), Momentum(0.1), ClipGlobalNorm(0.1), ClipNorm(0.01), AdamW(0.01)),
}

interface Task {
  readonly ps: Params
  readonly optimizer: Optimizer
  readonly loss: () => Tensor
}

function task(optimizer: Optimizer): Task {
  manualSeed(7)
  const model = Chain(Dense(3, 5, tanh), Dense(5, 3))
  const x = arange(0, 6).reshape([2, 3])
  const y = tensor(new Int32Array([0, 2]))
  return { ps: params(model), optimizer, loss: () => logitCrossEntropy(model(x), y) }
}

/** Frees what the tasks hold, so that the guard has less to look through. */
function end(...tasks: Task[]): void {
  for (const { ps, optimizer } of tasks) {
    for (const each of optimizerState(optimizer, ps).values()) if (typeof each !== 'number') each.dispose()
    for (const parameter of ps) parameter.dispose()
  }
  freeSpent()
}

const byTrainStep = ({ ps, optimizer, loss }: Task) => trainStep(loss, ps, [], optimizer)

/** The gradients that an update has used are freed by the next gradient; this one is as good as any. */
const freeSpent = () => {
  const [g] = gradient(x => x, 1)
  g?.dispose()
}

const STEPS = 2

/** Takes steps of both tasks, those of `failing` with every allocation failing in turn: nothing changes, nothing is lost, and the bits are the same. */
function stepByStep(smooth: Task, failing: Task, steps: number, least: number): void {
  for (let step = 0; step < steps; step++) {
    const wanted = byTrainStep(smooth)
    const before = trainingState(failing.ps, failing.optimizer)
    const { bytes, tensors } = memory()
    const { failures, value } = failingEverywhere(
      () => byTrainStep(failing),
      n => {
        expect(trainingState(failing.ps, failing.optimizer), `state after failure ${n} of step ${step}`).toEqual(before)
        expect(memory(), `memory after failure ${n} of step ${step}`).toMatchObject({ bytes, tensors })
      },
    )
    expect(failures).toBeGreaterThanOrEqual(least)
    expect(value).toBe(wanted)
    expect(trainingState(failing.ps, failing.optimizer)).toEqual(trainingState(smooth.ps, smooth.optimizer))
  }
  end(smooth, failing)
}

describe.each(Object.entries(optimizers))('memory that fails at every allocation of a step: %s', (_, optimizer) => {
  test('trainStep changes nothing, loses nothing, and the next step gives the bits of a run that never failed', () => {
    stepByStep(task(optimizer()), task(optimizer()), STEPS, 16)
  })

  test('so it is with steps that are captured and replayed', () => {
    const replayed = task(optimizer())
    stepByStep(task(optimizer()), { ...replayed, loss: jit(replayed.loss) }, STEPS + 2, 1)
  })

  test('a replay that finds no room for its arena is the plain step', () => {
    const smooth = task(optimizer())
    const replayed = task(optimizer())
    const failing = { ...replayed, loss: jit(replayed.loss) }
    for (let step = 0; step < STEPS + 2; step++) {
      const wanted = byTrainStep(smooth)
      if (step >= 2) failAllocation(0, 1)
      expect(byTrainStep(failing)).toBe(wanted)
      failAllocation(Number.POSITIVE_INFINITY)
      expect(trainingState(failing.ps, failing.optimizer)).toEqual(trainingState(smooth.ps, smooth.optimizer))
    }
    end(smooth, failing)
  })

  test.each([0, 1, 2, 8])('a capture whose copy of the batch leaves no room for allocation %i is the plain step', n => {
    const smooth = task(optimizer())
    const replayed = task(optimizer())
    const failing = { ...replayed, loss: jit(replayed.loss) }
    for (let step = 0; step < STEPS; step++) {
      const wanted = byTrainStep(smooth)
      if (step === 1) failAllocation(n, 1)
      expect(byTrainStep(failing)).toBe(wanted)
      failAllocation(Number.POSITIVE_INFINITY)
      expect(trainingState(failing.ps, failing.optimizer)).toEqual(trainingState(smooth.ps, smooth.optimizer))
    }
    end(smooth, failing)
  })

  test('gradient and update change nothing, lose nothing, and go on with the bits of a run that never failed', () => {
    const smooth = task(optimizer())
    const failing = task(optimizer())
    for (let step = 0; step < STEPS; step++) {
      byTrainStep(smooth)
      freeSpent()
      const before = trainingState(failing.ps, failing.optimizer)
      const { bytes, tensors } = memory()
      const { value: gradients, failures } = failingEverywhere<Grads>(
        () => gradient(failing.loss, failing.ps),
        n => expect(memory(), `memory after failure ${n} of gradient ${step}`).toMatchObject({ bytes, tensors }),
      )
      expect(failures).toBeGreaterThan(15)
      const between = memory()
      failingEverywhere(
        () => update(failing.optimizer, failing.ps, gradients),
        n => {
          expect(trainingState(failing.ps, failing.optimizer), `state after failure ${n} of update ${step}`).toEqual(before)
          expect(memory(), `memory after failure ${n} of update ${step}`).toMatchObject({ bytes: between.bytes, tensors: between.tensors })
        },
      )
      expect(trainingState(failing.ps, failing.optimizer)).toEqual(trainingState(smooth.ps, smooth.optimizer))
    }
    end(smooth, failing)
  })
})

describe('memory that fails elsewhere', () => {
  /** Ways of differentiating that keep something in the end. */
  const cases: Record<string, () => unknown> = {
    'a transposition that is read in the loss': () => {
      const w = arange(0, 6).reshape([2, 3])
      return gradient(x => x.transpose().mul(x.transpose().exp()).sum(), w)
    },
    'a gradient in a gradient': () => gradient(x => gradient(y => y.mul(y).mul(x).sum(), x)[0]?.sum() ?? x.sum(), tensor([1, 2, 3])),
    'withGradient with extras': () =>
      withGradient(
        x => {
          const y = x.exp()
          return [y.sum(), y, { y }]
        },
        tensor([1, 2, 3]),
      ),
    'pullback, and back twice': () => {
      const [y, back] = pullback((x: Tensor) => x.exp().matmul(x.transpose()), arange(0, 6).reshape([2, 3]))
      const results = [y, back(), back(y)]
      back.dispose()
      return results
    },
    'a checkpoint in a checkpoint, of what the loss made': () =>
      gradient(
        x => {
          const made = x.exp()
          return checkpoint(z => checkpoint(u => u.mul(made), z.mul(made)), x).sum()
        },
        tensor([1, 2, 3]),
      ),
    'a hessian, and a jacobian by columns': () => [
      hessian(x => x.pow(3).sum(), tensor([1, 2])),
      jacobian(x => onGradient(x.mul(ones([9])), g => g.mul(2)), 2),
    ],
    'a sequence that is taken back in operations': () => jvp(LSTM(1, 1), ones([1, 2, 1]), ones([1, 2, 1])),
    'a reduction of axes that are no neighbours': () => arange(0, 96).reshape([2, 3, 2, 4, 2]).sum([0, 2, 4]),
    'a product that packs its operands': () =>
      arange(0, 4000)
        .reshape([40, 100])
        .matmul(arange(0, 4000).reshape([100, 40])),
  }

  test.each(Object.entries(cases))('inside a scope: %s', (_, f) => {
    freeSpent()
    const { bytes, tensors } = memory()
    const { failures } = failingEverywhere(
      () => scope(() => void f()),
      n => expect(memory(), `after failure ${n}`).toMatchObject({ bytes, tensors }),
    )
    expect(failures).toBeGreaterThan(1)
    expect(memory()).toMatchObject({ bytes, tensors })
  })

  const [left, right, many] = [arange(0, 4000).reshape([40, 100]), arange(0, 4000).reshape([100, 40]), zeros([2, 3, 2, 4, 2])]

  test.each<[string, () => Tensor]>([
    ['a product', () => left.matmul(right)],
    ['a sum', () => many.sum([0, 2, 4])],
    ['a sum of pairs', () => many.add(many)],
  ])('outside of any scope an operation that fails keeps nothing: %s', (_, f) => {
    const { bytes, tensors } = memory()
    const { failures, value } = failingEverywhere(f, n => expect(memory(), `after failure ${n}`).toMatchObject({ bytes, tensors }))
    expect(failures).toBeGreaterThan(0)
    value.dispose()
    expect(memory()).toMatchObject({ bytes, tensors })
  })

  test('outside of any scope an operation that refuses an index keeps nothing', () => {
    const indices = tensor(new Int32Array([0, 40]))
    const { bytes, tensors } = memory()
    expect(() => left.gather(indices)).toThrow(RangeError)
    expect(memory()).toMatchObject({ bytes, tensors })
  })
})

test('memory that fails at every allocation of what writes a running mean leaves it as it was, or as it shall be, and loses nothing', () => {
  const x = tensor([[1], [3]])
  const m = layer('Centered', { mean: zeros([1]), w: ones([1]) }, (self, z: Tensor) => {
    later(self.mean, old => old.add(z.mean(0)).mul(0.5))
    return z.sub(self.mean).mul(self.w).mul(self.mean.add(1))
  })
  const ps = params(m.w)
  const loss = (z: Tensor) => m(z).square().mean()
  const saved = pullback(z => testMode(m)(z), x)
  autoMode(m)
  const runs: readonly (() => unknown)[] = [
    () => scope(() => void gradient(() => loss(x), ps)),
    () => trainStep(loss, ps, x, Descent(0.1)),
    () => scope(() => void pullback(z => m(z), x)[1]()),
    () => later(m.mean, old => old.add(1).mul(2)),
  ]
  for (const run of runs) {
    freeSpent()
    const before = bitsOf(m.mean)
    const { bytes, tensors } = memory()
    failingEverywhere(run, n => {
      expect(bitsOf(m.mean), `the mean after failure ${n}`).toEqual(before)
      expect(memory(), `memory after failure ${n}`).toMatchObject({ bytes, tensors })
    })
    expect(bitsOf(m.mean)).not.toEqual(before)
  }
  saved[1].dispose()
})
