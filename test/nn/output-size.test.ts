import {
  activations,
  Chain,
  Dense,
  flatten,
  gradient,
  isTraining,
  keep,
  later,
  layer,
  manualSeed,
  memory,
  oneHot,
  ones,
  outputSize,
  params,
  rand,
  randn,
  relu,
  scope,
  summary,
  type Tensor,
  tensor,
  trainMode,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { thrown } from '../errors/thrown.ts'

const Residual = (n: number) => layer('Residual', { inner: Dense(n, n, relu) }, (self, x: Tensor) => x.add(self.inner(x)))
const table = tensor([[1, 2], [3, 4], [5, 6]]) // biome-ignore format: one line

describe('outputSize', () => {
  it.each<[name: string, model: (...xs: Tensor[]) => unknown, shape: number[] | number[][], size: unknown, dtype?: 'int32']>([
    ['Dense', Dense(4, 3), [16, 4], [16, 3]],
    ['Dense of more axes', Dense(4, 3), [2, 5, 4], [2, 5, 3]],
    ['no observations', Dense(4, 3), [0, 4], [0, 3]],
    ['a chain in a chain', Chain(Dense(4, 8, relu), Chain({ a: Dense(8, 6), f: flatten })), [2, 3, 4], [2, 18]],
    ['a layer of its own', Chain(Residual(4), Dense(4, 2)), [7, 4], [7, 2]],
    ['a function', (x: Tensor) => x.sum(), [3, 4], []],
    ['several inputs', (x: Tensor, y: Tensor) => x.matmul(y), [[2, 3], [3, 5]], [2, 5]], // biome-ignore format: one line
    ['a scalar', (x: Tensor) => x.add(1), [], []],
    ['a list', (x: Tensor) => [x, x.sum(0)], [3, 4], [[3, 4], [4]]],
    ['a record', (x: Tensor) => ({ y: x.transpose(), state: [x.mean()] }), [3, 4], { y: [4, 3], state: [[]] }],
    ['indices', (x: Tensor) => table.gather(x), [7], [7, 2], 'int32'],
    ['classes', (x: Tensor) => oneHot(x, 5), [7], [7, 5], 'int32'],
    [
      'made tensors',
      (x: Tensor) =>
        x
          .add(tensor([1, 2]))
          .mul(randn([2]))
          .add(ones([3, 1])),
      [3, 2],
      [3, 2],
    ],
    ['results of several', (x: Tensor) => x.topK(2).indices, [3, 5], [3, 2]],
    ['a gradient in it', (x: Tensor) => gradient((z: Tensor) => z.square().sum(), x)[0], [3], [3]],
    ['a transposition that is read', (x: Tensor) => x.transpose().exp(), [3, 5], [5, 3]],
    ['more than there is memory for', Chain(Dense(4, 2 ** 10), (x: Tensor) => x.exp().sum(1)), [2 ** 19, 4], [2 ** 19]],
  ])('%s', (_, model, shape, size, dtype) => {
    const before = memory()
    scope(() => expect(outputSize(model, shape, { dtype })).toEqual(size))
    const { bytes, tensors, peak } = memory()
    expect({ bytes, tensors }).toEqual({ bytes: before.bytes, tensors: before.tensors })
    // Only what JavaScript writes takes memory.
    expect(peak - before.peak).toBeLessThan(2 ** 12)
  })

  it('says what the model itself gives', () => {
    const model = Chain(Dense(4, 8, relu), Residual(8), Dense(8, 3))
    expect(outputSize(model, [5, 4])).toEqual(model(zeros([5, 4])).shape)
  })

  it('leaves random numbers, buffers and parameters as they are', () => {
    const model = layer('Own', { mean: ones([2]), weight: ones([2]) }, (self, x: Tensor) => {
      later(self.mean, old => old.mul(2))
      self.weight.assign(x.sum(0))
      return isTraining(self) ? x.add(rand([2])) : x
    })
    trainMode(model)
    manualSeed(1)
    const drawn = rand([2]).toArray()
    manualSeed(1)
    expect(outputSize(model, [3, 2])).toEqual([3, 2])
    expect(rand([2]).toArray()).toEqual(drawn)
    expect([model.mean.toArray(), model.weight.toArray()]).toEqual([
      [1, 1],
      [1, 1],
    ])
  })

  it('says where the shapes do not fit', () => {
    const model = Chain(Dense(4, 8), Chain({ hidden: Residual(7) }))
    const text = `ShapeError: linear: sizes differ: x [2, 8], weight [7, 7], bias [7]. The last axis of x must be the second of the weight [out, in]; the bias is [out].\nin Chain[1]: Chain.hidden: Residual: Dense(7, 7, relu)`
    expect(thrown(() => outputSize(model, [2, 4]))).toBe(text)
    expect(thrown(() => model(zeros([2, 4])))).toBe(text)
  })

  const read = 'elements are read where shapes alone are computed. Call the model with a tensor.'
  it.each<[name: string, f: (x: Tensor) => unknown]>([
    ['item', x => x.sum().item()],
    ['toArray', x => x.exp().toArray()],
    ['view', x => x.mul(2).view()],
    ['ones', () => ones([2]).data()],
    ['rand', () => rand([2]).data()],
    ['a comparison', x => Number(x.sum()) < 1],
  ])('refuses to read what was not computed: %s', (_, f) => {
    const model = (x: Tensor) => {
      f(x)
      return x
    }
    expect(thrown(() => outputSize(Chain(model), [2]))).toBe(`TypeError: outputSize: ${read}\nin Chain[0]`)
    expect(model(ones([2])).toArray()).toEqual([1, 1])
  })

  it('refuses what a model keeps of it, later', () => {
    const kept: Tensor[] = []
    const seen = (x: Tensor) => {
      kept.push(keep(x.mul(2)), keep(x.transpose()), keep(x.reshape([6])))
      return x
    }
    outputSize(seen, [2, 3])
    for (const each of kept) {
      expect(each.shape.length).toBeGreaterThan(0)
      for (const call of [() => each.data(), () => each.add(1), () => params([each]).size && each.assign(zeros(each.shape))]) {
        expect(thrown(call)).toBe(`TypeError: outputSize: ${read}`)
      }
      each.dispose()
    }
    expect(tensor([1, 2]).add(1).toArray()).toEqual([2, 3])
  })

  it('reads what is there', () => {
    const w = tensor([1, 2])
    expect(outputSize((x: Tensor) => x.reshape([-1, w.toArray<number[]>()[1]]), [6])).toEqual([3, 2])
    expect(outputSize((x: Tensor) => x.add(tensor([1, 2, 3]).data()[1]), [6])).toEqual([6])
    expect(outputSize((x: Tensor) => zeros(outputSize(() => x, [1])), [6])).toEqual([6])
  })

  it.each<[call: () => unknown, text: string]>([
    [() => outputSize(3 as never, [2]), 'TypeError: outputSize: the model comes first, and is a function: number came.'],
    [() => outputSize(Dense(2, 2), 3 as never), 'TypeError: outputSize: a shape is a list of numbers: 3. Write [3].'],
    [() => outputSize(Dense(2, 2), [-1, 2]), 'ShapeError: outputSize: sizes must be whole numbers from 0: [-1, 2].'],
    [
      () => outputSize((() => 3) as never, [2]),
      'TypeError: outputSize: the model gave no tensor: number. Return one from a function that is not async.',
    ],
    [
      () => outputSize((async () => 3) as never, [2]),
      'TypeError: outputSize: the model gave no tensor: a promise. Return one from a function that is not async.',
    ],
    [() => outputSize(Dense(2, 2), [2], { dtype: 'float' as never }), 'DTypeError: outputSize: unknown dtype: float.'],
    [() => summary(3 as never, [2]), 'TypeError: summary: the model comes first, and is a function: number came.'],
    [
      () => activations(Dense(2, 2) as never, ones([2])),
      'TypeError: activations: takes a Chain: function came. Write activations(Chain(...), x).',
    ],
  ])('%s', (call, text) => {
    const came = thrown(call)
    expect(came.startsWith(text) ? text : came).toBe(text)
  })
})

describe('summary', () => {
  it('is a table of what is called', () => {
    const model = Chain({ first: Dense(784, 64, relu), middle: Residual(64), out: Chain(Dense(64, 10), relu) })
    expect(summary(model, [64, 784])).toBe(
      `
layer                           output    parameters  multiplications
Chain                           [64, 10]
  first = Dense(784, 64, relu)  [64, 64]      50_240        3_211_264
  middle = Residual             [64, 64]
    Dense(64, 64, relu)         [64, 64]       4_160          262_144
  out = Chain                   [64, 10]
    Dense(64, 10)               [64, 10]         650           40_960
    relu                        [64, 10]
total                                         55_050        3_514_368
215.039 KiB of parameters`.trim(),
    )
  })

  it('counts products and parameters of layers of its own, tied and frozen ones once, and buffers', () => {
    const tied = Dense(3, 3)
    const own = layer('Own', { w: ones([3, 4]), mean: zeros([4]) }, (self, x: Tensor) => tied(x).matmul(self.w).sub(self.mean), {
      trainable: ['w'],
    })
    expect(summary(Chain(tied, tied, own), [5, 3])).toBe(
      `
layer            output  parameters  multiplications
Chain            [5, 4]
  Dense(3, 3)    [5, 3]          12               45
  Dense(3, 3)    [5, 3]                           45
  Own            [5, 4]          12               60
    Dense(3, 3)  [5, 3]                           45
total                            24              195
96 bytes of parameters, plus 4 that are not trained`.trim(),
    )
  })

  it('of a function, of several inputs and results', () => {
    expect(
      summary(
        function attend(q: Tensor, k: Tensor) {
          return [q.matmul(k.transpose()), k]
        },
        [
          [2, 3, 4],
          [2, 5, 4],
        ],
      ),
    ).toBe(
      // biome-ignore format: one line
      `
layer   output                  parameters  multiplications
attend  [[2, 3, 5], [2, 5, 4]]                          120
total                                    0              120
0 bytes of parameters`.trim(),
    )
  })
})

describe('activations', () => {
  it('gives what each link gives', () => {
    const model = Chain(Dense(3, 4), relu, Chain(Dense(4, 2), relu))
    const x = randn([5, 3])
    const outputs = activations(model, x)
    expect(outputs.map(each => each.shape)).toEqual([[5, 4], [5, 4], [5, 2]]) // biome-ignore format: one line
    expect(outputs[1].toArray()).toEqual(outputs[0].relu().toArray())
    expect(outputs[2].toArray()).toEqual(model(x).toArray())
    expect(activations(Chain(), x)).toEqual([])
  })

  it('has the names of the links, and says where a model fails', () => {
    const model = Chain({ a: Dense(3, 4), b: Dense(4, 2) })
    const { a, b } = activations(model, ones([1, 3]))
    expect([a.shape, b.shape]).toEqual([[1, 4], [1, 2]]) // biome-ignore format: one line
    expect(thrown(() => activations(model, ones([1, 4])))).toMatch(/\nin Chain.a: Dense\(3, 4\)$/)
  })

  it('is differentiable, and frees what is not given', () => {
    const model = Chain(Dense(3, 3), (x: Tensor) => x.mul(2).exp(), Dense(3, 1))
    const ps = params(model)
    const gs = gradient(() => activations(model, ones([2, 3]))[1].sum(), ps)
    expect(gs.get(model[0].weight)?.shape).toEqual([3, 3])
    expect(gs.get(model[2].weight)).toBeUndefined()
    const before = memory()
    scope(() => {
      const x = ones([2, 3])
      const outer = memory().tensors
      const outputs = activations(model, x)
      expect(memory().tensors - outer).toBe(outputs.length)
    })
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
  })
})
