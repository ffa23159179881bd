// Derivatives along a direction, of second order, and of a gradient by what its cotangent depends on, through layers whose fused forms have a kernel for a
// pullback: by the input and all parameters, held to the jacobian and to the composed forms.
import {
  AdaptiveMaxPool,
  assign,
  BatchNorm,
  Chain,
  Conv,
  ConvTranspose,
  checkpoint,
  ctc,
  Dense,
  DepthwiseConv,
  Descent,
  Embedding,
  EmbeddingBag,
  GlobalMeanPool,
  GRU,
  GRUv3,
  GroupNorm,
  gelu,
  gradient,
  hvp,
  InstanceNorm,
  jacobian,
  jit,
  jvp,
  LayerNorm,
  LSTM,
  layer,
  logitCrossEntropy,
  logSoftmax,
  MaxPool,
  MeanPool,
  MultiHeadAttention,
  type MultiHeadAttentionLayer,
  manualSeed,
  memory,
  params,
  pullback,
  ReleasedError,
  RMSNorm,
  RNN,
  RotaryPositions,
  relu,
  scope,
  sum,
  type Tensor,
  tanh,
  tensor,
  trainMode,
  trainStep,
  WeightNorm,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { recurrent } from '../../src/ops/recurrent/recurrent.ts'
import { randomness } from './kernel-trials.ts'
import { unfused } from './unfused.ts'

const random = randomness(31)
const numbers = (shape: readonly number[]) =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * random() - 1),
    [...shape],
  )

type Run = (x: Tensor) => Tensor
/** What is run, on which shape, and the model that it closes over; a function alone has none. */
type Case = readonly [name: string, shape: readonly number[], make: () => [Run, model: unknown]]

const one = <M extends Run>(model: M): [Run, M] => [model, model]
const attending = (model: MultiHeadAttentionLayer): [Run, unknown] => [x => model(x), model]
const bare = (run: Run): [Run, undefined] => [run, undefined]
const ints = (...values: number[]) => tensor(values, { dtype: 'int32' })

/** Without what is padded, whose slopes would be those of nothing. */
const lengths = { lengths: [3, 1] }
const mask = tensor([
  [true, false, true],
  [false, false, false],
  [true, true, true],
])
const block = () =>
  layer(
    'Block',
    {
      before: LayerNorm(8),
      attention: MultiHeadAttention(8, { heads: 2, bias: true, causal: true, dropout: 0.3 }),
      between: LayerNorm(8),
      up: Dense(8, 16, gelu),
      down: Dense(16, 8),
    },
    (self, x: Tensor) => {
      const looked = x.add(self.attention(self.before(x)))
      return looked.add(self.down(self.up(self.between(looked))))
    },
  )
/** Rows of an embedding, mixed by x. */
const mixing = (rows: Embedded, rest: Run): [Run, unknown] => [x => rest(rows(ints(2, 0, 1).reshape([1, 3])).mul(x)), [rows, rest]]
type Embedded = (x: Tensor) => Tensor

const cases: readonly Case[] = [
  ['LSTM', [2, 3, 2], () => one(LSTM(2, 3))],
  ['LSTM, both ways, two of them, dropout', [2, 3, 2], () => one(LSTM(2, 2, { bidirectional: true, layers: 2, dropout: 0.5 }))],
  ['LSTM, its state alone', [2, 3, 2], () => {
      const model = LSTM(2, 3, { returnState: true })
      return [x => model(x)[1][1], model]
    }], // biome-ignore format: a row
  ['LSTM, lengths, both ways', [2, 3, 2], () => {
      const model = LSTM(2, 2, { bidirectional: true })
      return [x => model(x, lengths), model]
    }], // biome-ignore format: a row
  ['GRU', [2, 3, 2], () => one(GRU(2, 3))],
  ['GRU, lengths', [2, 3, 2], () => {
      const model = GRU(2, 3)
      return [x => model(x, lengths), model]
    }], // biome-ignore format: a row
  ['GRUv3, both ways', [2, 3, 2], () => one(GRUv3(2, 2, { bidirectional: true }))],
  ['RNN', [2, 3, 2], () => one(RNN(2, 3))],
  ['RNN of relu', [2, 3, 2], () => one(RNN(2, 3, relu))],
  ['attention', [1, 3, 4], () => attending(MultiHeadAttention(4, { heads: 1 }))],
  ['attention, causal, dropout, biased', [2, 3, 6], () => attending(MultiHeadAttention(6, { heads: 2, causal: true, dropout: 0.4, bias: true }))],
  ['attention, masked, a bias', [1, 3, 6], () => {
      const model = MultiHeadAttention(6, { heads: 2 })
      const bias = numbers([2, 3, 3])
      return [x => model(x, { mask, bias }), model]
    }], // biome-ignore format: a row
  ['Conv, relu', [1, 2, 5, 5], () => one(Conv([3, 3], 2, 3, relu))],
  ['Conv in groups', [1, 4, 4, 4], () => one(Conv([3, 3], 4, 2, { groups: 2, pad: 1 }))],
  ['DepthwiseConv', [1, 2, 4, 4], () => one(DepthwiseConv([3, 3], 2, 4))],
  ['BatchNorm, relu', [3, 2, 2, 2], () => one(trainMode(BatchNorm(2, relu)))],
  ['GroupNorm', [2, 4, 2, 2], () => one(GroupNorm(4, 2))],
  ['InstanceNorm', [2, 2, 3, 3], () => one(InstanceNorm(2, { affine: true }))],
  ['LayerNorm', [3, 5], () => one(LayerNorm(5))],
  ['RMSNorm', [3, 5], () => one(RMSNorm(5))],
  ['MaxPool', [1, 2, 4, 4], () => bare(MaxPool([2, 2]))],
  ['MeanPool', [1, 2, 4, 4], () => bare(MeanPool([2, 2]))],
  ['GlobalMeanPool', [1, 2, 4, 4], () => bare(GlobalMeanPool())],
  ['attention, a bias that is made of x', [1, 3, 4], () => {
    const model = MultiHeadAttention(4, { heads: 2 })
    return [x => model(x, { bias: x.matmul(x.transpose()) }), model]
  }],
  ['attention, rotated', [1, 3, 8], () => attending(MultiHeadAttention(8, { heads: 2, causal: true, positions: RotaryPositions({ heads: 2 }) }))],
  ['ConvTranspose', [1, 2, 3, 3], () => one(ConvTranspose([2, 2], 2, 3))],
  ['AdaptiveMaxPool', [1, 2, 5, 5], () => bare(AdaptiveMaxPool([2, 2]))],
  ['WeightNorm', [3, 4], () => one(WeightNorm(Dense(4, 3, relu)) as unknown as Run)],
  ['EmbeddingBag, max', [2, 4], () => {
    const bag = EmbeddingBag(5, 4, 'max')
    return [x => bag(ints(0, 1, 3, 4).reshape([2, 2])).mul(x), bag]
  }],
  ['RNN of a function, in operations', [2, 3, 2], () => one(RNN(2, 3, gelu))],
  ['Dense, gelu', [3, 4], () => one(Dense(4, 3, gelu))],
  ['ctc', [2, 4, 3], () => bare(x => ctc(x, ints(0, 1, 1, 1).reshape([2, 2]), { agg: losses => losses }))],
  ['logitCrossEntropy of classes', [3, 4], () => bare(x => logitCrossEntropy(x, ints(0, 3, 1), { agg: losses => losses }))],
  ['logSoftmax', [3, 4], () => bare(x => logSoftmax(x))],
  ['Embedding, LSTM, Dense', [1, 3, 4], () => mixing(Embedding(5, 4), Chain(LSTM(4, 3), Dense(3, 2)))],
  ['Embedding, a block of a GPT, Dense', [1, 3, 8], () => mixing(Embedding(5, 8), Chain(block(), LayerNorm(8), Dense(8, 2)))],
] // biome-ignore format: rows

/** Element by element, as far off as some roundings of the largest. */
function expectClose(got: Tensor, wanted: Tensor, allowed = 3e-5) {
  expect(got.shape).toEqual(wanted.shape)
  const right = Array.from(wanted.data())
  const largest = right.reduce((most, each) => Math.max(most, Math.abs(each)), 1e-3)
  const apart = Array.from(got.data()).reduce((most, each, i) => Math.max(most, Math.abs(each - right[i])), 0)
  expect(apart / largest).toBeLessThan(allowed)
}

describe.each(cases)('%s', (_, shape, make) => {
  manualSeed(3)
  const [run, model] = make()
  // The same is dropped each time; parameters are closed over.
  const f = (x: Tensor, ..._parameters: Tensor[]) => {
    manualSeed(7)
    return run(x)
  }
  const points = [numbers(shape), ...(model ? params(model) : [])]
  const along = points.map(x => numbers(x.shape))

  it('has the jvp of its jacobian', () =>
    scope(() => {
      const [y, dy] = jvp(f, points, along)
      const all = jacobian(f, ...points) as unknown
      const parts = (points.length === 1 ? [all as Tensor] : (all as readonly Tensor[])).map((each, i) =>
        each.reshape([y.size, -1]).matmul(along[i].reshape([-1])),
      )
      expectClose(dy, parts.reduce((a, b) => a.add(b)).reshape(y.shape))
    }))

  it('has the hvp and the jvp of its composed form', () => {
    const loss = (x: Tensor, ...rest: Tensor[]) =>
      f(x, ...rest)
        .square()
        .sum()
    scope(() => {
      const both = () => [...hvp(loss, points, along), ...jvp(f, points, along)]
      const fused = both()
      unfused(() => both().forEach((each, i) => expectClose(fused[i], each)))
    })
  })

  it('has a gradient whose cotangent another one tracks, twice', () =>
    scope(() => {
      const w = numbers([3])
      // The inner gradient tracks x alone, the outer ones w alone, of which the cotangent of f is made.
      const inner = (u: Tensor) => {
        const [g] = gradient((x: Tensor) => sum(f(x).mul(sum(u.square()))), points[0])
        return sum((g as Tensor).square())
      }
      const second = (u: Tensor) => sum((gradient(inner, u)[0] as Tensor).mul(w))
      const both = () => [gradient(inner, w)[0] as Tensor, gradient(second, w)[0] as Tensor]
      const fused = both()
      unfused(() => both().forEach((each, i) => expectClose(fused[i], each)))
    }))

  it('leaves no memory', () => {
    const before = memory()
    scope(() => {
      jvp(f, points, along)
      const [y, back] = pullback(f, ...points)
      gradient((g: Tensor) => sum((back(g)[0] as Tensor).square()), y)
      back.dispose()
    })
    expect(memory().tensors).toBe(before.tensors)
  })
})

describe('a sequence whose cotangent another gradient tracks', () => {
  const sequence = numbers([2, 3, 2])
  const make = () => {
    manualSeed(3)
    const model = Chain(LSTM(2, 3), Dense(3, 1))
    return { model, x: sequence, factor: tensor([0.5, -2]) }
  }
  /** The square of a gradient by x, which depends on the factor and on the weights. */
  const penalty = (model: Run, x: Tensor, factor: Tensor) =>
    sum((gradient(u => sum(model(u).mean([1, 2]).mul(factor)), x)[0] as Tensor).square())

  it('trains under jit as without', () => {
    const losses = [false, true].map(isCompiled => {
      const { model, x, factor } = make()
      const loss = (u: Tensor) => penalty(model, u, factor)
      const ps = params(factor)
      const opt = Descent(0.1)
      const taken = isCompiled ? jit(loss) : loss
      return Array.from({ length: 6 }, () => trainStep(taken, ps, [x], opt))
    })
    expect(losses[1]).toEqual(losses[0])
    expect(losses[0][5]).toBeLessThan(losses[0][0])
  })

  it('goes through a checkpoint', () => {
    const { model, x, factor } = make()
    const run = (u: Tensor) => checkpoint(model, u)
    const [plain, again] = [model, run].map(f => gradient(c => penalty(f, x, c), factor)[0].data())
    expect(again).toEqual(plain)
  })

  it('refuses what was written since, and what has been disposed of', () => {
    const { model, x } = make()
    const [y, back] = pullback(model, x)
    const along = (g: Tensor) => sum((back(g)[0] as Tensor).square())
    gradient(along, y)
    const parameters = params(model)
    const [first] = parameters
    assign(first, first.mul(2))
    expect(() => gradient(along, y)).toThrow(/written in place/)
    back.dispose()
    expect(() => gradient(along, y)).toThrow(ReleasedError)
    expect(gradient(c => penalty(model, x, c), tensor([1, 2]))[0].shape).toEqual([2])
  })

  it('is differentiated three times, and the same tensor may be several of its inputs', () => {
    const W = numbers([2, 2])
    const [x, c] = [numbers([2, 3, 2]), numbers([2])]
    const run = (V: Tensor) =>
      recurrent('rnn', x, [V], { Wi: V, Wh: V, bias: null }, { lengths: null, reverse: false, activation: tanh })[0]
    const inner = (u: Tensor) => sum((gradient((V: Tensor) => sum(run(V).mul(u.pow(3))), W)[0] as Tensor).square())
    const twice = (u: Tensor) => sum((gradient(inner, u)[0] as Tensor).square())
    const thrice = (u: Tensor) => sum((gradient(twice, u)[0] as Tensor).square())
    scope(() => {
      const fused = gradient(thrice, c)[0] as Tensor
      unfused(() => expectClose(fused, gradient(thrice, c)[0] as Tensor, 2e-4))
    })
  })
})
