import {
  Adam,
  arange,
  bernoulli,
  Chain,
  ClipNorm,
  Dense,
  Descent,
  einsum,
  gelu,
  jit,
  logitCrossEntropy,
  manualSeed,
  mse,
  type Optimizer,
  OptimizerChain,
  params,
  rand,
  randint,
  randn,
  relu,
  stack,
  type Tensor,
  tanh,
  tensor,
  threads,
  trainStep,
} from 'fluxtape'
import { afterAll, describe, expect, test } from 'vitest'

// biome-ignore lint/suspicious/noExplicitAny: what a batch is made of is known to the data alone
type Step = (...batch: any[]) => any

interface Task {
  /** Made twice from the same seed. */
  readonly make: () => { readonly model: object; readonly loss: Step; readonly optimizer?: Optimizer }
  readonly batches: () => unknown[]
}

const classes = (n = 6) => randint(0, 3, [n])
const mlp = () => Chain(Dense(4, 5, relu), Dense(5, 3))
const labelled = () => Array.from({ length: 3 }, () => [randn([6, 4]), classes()])

/** Losses of all kinds that a jit can have. */
const tasks: Record<string, Task> = {
  'an MLP': {
    make: () => {
      const model = mlp()
      return { model, loss: (x: Tensor, y: Tensor) => logitCrossEntropy(model(x), y) }
    },
    batches: labelled,
  },
  'an MLP and rules in a chain': {
    make: () => {
      const model = Chain(Dense(4, 5, gelu), Dense(5, 3, tanh))
      const optimizer = OptimizerChain(
        ClipNorm(0.1),
        Adam(step => 0.01 / (1 + step)),
      )
      return { model, optimizer, loss: (x: Tensor, y: Tensor) => logitCrossEntropy(model(x), y) }
    },
    batches: labelled,
  },
  'a cross-entropy with weights and a class that does not count': {
    make: () => {
      const model = mlp()
      const weight = tensor([1, 2, 3])
      return { model, loss: (x: Tensor, y: Tensor) => logitCrossEntropy(model(x), y, { weight, ignoreIndex: 1 }) }
    },
    batches: labelled,
  },
  'classes as float32': {
    make: () => {
      const model = mlp()
      return { model, loss: (x: Tensor, y: Tensor) => logitCrossEntropy(model(x), y) }
    },
    batches: () => labelled().map(([x, y]) => [x, y?.cast('float32')]),
  },
  'random masks': {
    make: () => {
      const model = mlp()
      const loss = (x: Tensor, y: Tensor) => logitCrossEntropy(model(x.mul(bernoulli(0.7, [6, 4])).add(randn([6, 4], { std: 0.1 }))), y)
      return { model, loss }
    },
    batches: labelled,
  },
  'constants, broadcasts, numbers and a penalty': {
    make: () => {
      const model = mlp()
      const shift = tensor([0.1, 0.2, 0.3, 0.4])
      const loss = (x: Tensor, y: Tensor) => {
        const scaled = x
          .sub(shift)
          .mul(tensor([[2], [1], [1], [1], [1], [3]]))
          .add(arange(4))
          .div(3)
        const penalty = [...params(model)][0].square().sum().mul(1e-2).add(0.5)
        return logitCrossEntropy(model(scaled), y).add(penalty)
      }
      return { model, loss }
    },
    batches: labelled,
  },
  'an embedding and a recurrence': {
    make: () => {
      const model = { table: randn([7, 4]), step: Dense(8, 4, tanh), out: Dense(4, 7) }
      const loss = (x: Tensor, y: Tensor) => {
        const inputs = model.table.gather(x).split(5, 1)
        let h: Tensor = rand([3, 4]).mul(0)
        const states = inputs.map(each => {
          const both = stack([each.squeeze(1), h], 1).reshape([3, 8])
          h = model.step(both)
          return h
        })
        return logitCrossEntropy(model.out(stack(states, 1)), y)
      }
      return { model, loss }
    },
    batches: () => Array.from({ length: 3 }, () => [randint(0, 7, [3, 5]), randint(0, 7, [3, 5])]),
  },
  attention: {
    make: () => {
      const model = { q: Dense(4, 4), k: Dense(4, 4), v: Dense(4, 4) }
      const loss = (x: Tensor) => {
        const scores = model.q(x).matmul(model.k(x).transpose()).div(2).softmax()
        return scores.matmul(model.v(x)).square().mean()
      }
      return { model, loss, optimizer: Descent(0.1) }
    },
    batches: () => [[randn([2, 3, 4])], [randn([2, 3, 4])]],
  },
  'extras, an object as a batch, and a number in it': {
    make: () => {
      const model = Dense(4, 1)
      const loss = ({ x, y, weight }: { x: Tensor; y: Tensor; weight: number }) => {
        const h = model(x).squeeze(-1)
        return [mse(h, y).mul(weight), h]
      }
      return { model, loss }
    },
    batches: () => [1, 2, 1].map(weight => ({ x: randn([6, 4]), y: randn([6]), weight })),
  },
  'order, running sums, arrangement and contraction': {
    make: () => {
      const model = Dense(4, 5)
      const loss = (x: Tensor) => {
        const y = model(x)
        const moved = y.sort(0).roll(1, 1).pad([[1, 0], [0, 2]], { mode: 'edge' }).cumsum(0) // biome-ignore format: one line
        return einsum('ij,kj->', moved.triu(), moved.tile([2, 1]))
          .add(y.slice('..., 0').dot(x.slice('..., 1')).square())
          .mul(0.01)
      }
      return { model, loss }
    },
    batches: () => [[randn([6, 4])], [randn([6, 4])], [randn([6, 4])]],
  },
  'batches of several shapes': {
    make: () => {
      const model = mlp()
      return { model, loss: (x: Tensor, y: Tensor) => logitCrossEntropy(model(x), y) }
    },
    batches: () => [6, 6, 2].map(n => [randn([n, 4]), classes(n)]),
  },
  'a batch that is its own target': {
    make: () => {
      const model = Chain(Dense(4, 2, relu), Dense(2, 4))
      return { model, loss: (x: Tensor, y: Tensor) => mse(model(x), y) }
    },
    batches: () => {
      const x = randn([6, 4])
      return [
        [x, x],
        [x, randn([6, 4])],
        [x, x],
      ]
    },
  },
}

/** The losses and the parameters after some steps. */
function run({ make, batches }: Task, wrap: <F extends Step>(loss: F) => F, steps = 12) {
  manualSeed(11)
  const { model, loss, optimizer = Adam(0.01) } = make()
  const data = batches()
  const ps = params(model)
  const wrapped = wrap(loss)
  const losses = Array.from({ length: steps }, (_, i) => trainStep(wrapped, ps, data[i % data.length], optimizer))
  return { losses, parameters: [...ps].map(each => [...new Uint32Array(each.data().buffer)]) }
}

const plain = <F>(loss: F): F => loss

afterAll(() => threads(1))

describe('steps that are replayed', () => {
  test.each(Object.keys(tasks))('%s: the same bits as without it, on one thread and two', async name => {
    const wanted = run(tasks[name], plain)
    expect(run(tasks[name], jit)).toEqual(wanted)
    await threads(2)
    expect(run(tasks[name], jit)).toEqual(wanted)
    await threads(1)
  })

  test('work that is worth it is shared between threads, with the same bits', async () => {
    const large: Task = {
      make: () => {
        const model = Chain(Dense(256, 128, relu), Dense(128, 10))
        return { model, loss: (x: Tensor, y: Tensor) => logitCrossEntropy(model(x), y) }
      },
      batches: () => [[randn([128, 256]), randint(0, 10, [128])]],
    }
    const wanted = run(large, plain, 6)
    await threads(3)
    expect(run(large, jit, 6)).toEqual(wanted)
    await threads(1)
  })
})
