// Layers that hold others, and what they give; values against the formulas of Flux.
import {
  activations,
  add,
  Bilinear,
  Chain,
  clone,
  concat,
  Dense,
  destructure,
  gradient,
  jit,
  type Link,
  loadState,
  Maxout,
  manualSeed,
  mul,
  ones,
  outputSize,
  PairwiseFusion,
  Parallel,
  params,
  rand,
  relu,
  Scale,
  SkipConnection,
  state,
  sub,
  summary,
  type Tensor,
  tensor,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { thrown } from '../errors/thrown.ts'

const times = (n: number) => (x: Tensor) => x.mul(n)
const two = tensor([2])
const three = tensor([3])

describe('what they give', () => {
  const both = (a: Tensor, b: Tensor) => a.sub(b)
  it.each<[name: string, run: () => unknown, values: unknown]>([
    ['SkipConnection: the output first', () => SkipConnection(times(5), both)(two), [8]],
    ['Parallel of one input', () => Parallel(both, times(5), times(3))(two), [4]],
    ['Parallel of one each', () => Parallel(both, times(5), times(3))(two, three), [1]],
    ['Parallel of a list', () => Parallel(both, times(5), times(3))([two, three]), [1]],
    ['Parallel of a list of one', () => Parallel(both, times(5), times(3))([two]), [4]],
    ['one layer on each', () => Parallel(both, times(5))(two, three), [-5]],
    ['one layer on one', () => Parallel((a: Tensor) => a.add(1), times(5))(two), [11]],
    ['an input that is a list', () => Parallel(both, ([a, b]: Tensor[]) => a.add(b), times(3))([two, two], three), [-5]],
    ['PairwiseFusion of one', () => PairwiseFusion(both, times(5), times(3), times(2))(two), [[10], [24], [44]]],
    ['PairwiseFusion of one each', () => PairwiseFusion(both, times(5), times(3))(two, three), [[10], [21]]],
    ['PairwiseFusion of a list', () => PairwiseFusion(both, { a: times(5), b: times(3) })([two, three]), [[10], [21]]],
    ['Maxout', () => Maxout(times(5), times(-1), times(3))(tensor([2, -2, Number.NaN])), [10, 2, Number.NaN]],
    ['Maxout with NaN in one', () => Maxout(...[1, 2].map(i => (x: Tensor) => x.pow(i / 2)))(tensor([-4])), [Number.NaN]],
    ['Maxout of one', () => Maxout(times(5))(two), [10]],
    ['Scale', () => Scale(tensor([2, 3]), tensor([0, 1]), relu)(tensor([[1, 1], [-1, -1]])), [[2, 4], [0, 0]]], // biome-ignore format: one line
    ['Scale of two axes', () => Scale(tensor([[1], [2]]), false)(ones([2, 2, 1])), [[[1], [2]], [[1], [2]]]], // biome-ignore format: one line
    ['Scale to begin with', () => Scale(2)(tensor([3, 4])), [3, 4]],
    ['Bilinear of vectors', () => Bilinear(tensor([[[1, 2], [3, 4]]]), tensor([1]))(tensor([1, 2]), tensor([1, 1])), [18]], // biome-ignore format: one line
    ['Bilinear of x twice', () => Bilinear(tensor([[[1, 2], [3, 4]]]), false)(tensor([1, 2])), [27]], // biome-ignore format: one line
  ])('%s', (_, run, values) => {
    const y = run()
    expect(Array.isArray(y) ? y.map(each => each.toArray()) : (y as Tensor).toArray()).toEqual(values)
  })

  it('Bilinear: by pairs and by W y, with any axes before, as the sum over all', () => {
    manualSeed(1)
    for (const [in1, in2, out] of [
      [3, 4, 5],
      [4, 5, 2],
      [1, 1, 1],
      [5, 1, 3],
    ]) {
      // biome-ignore format: one line
      const layer = Bilinear(in1, in2, out)
      const [x, y] = [rand([2, 3, in1]), rand([2, 3, in2])]
      const [w, a, b, z] = [layer.weight.toArray(), x.toArray(), y.toArray(), layer(x, y).toArray()] as unknown as [
        number[][][],
        number[][][],
        number[][][],
        number[][][],
      ]
      const wanted = w[0].flatMap((row, i) => row.map((value, j) => value * a[1][2][i] * b[1][2][j])).reduce((sum, each) => sum + each)
      expect(z[1][2][0]).toBeCloseTo(wanted, 5)
      expect(layer(x, y).shape).toEqual([2, 3, out])
      expect(layer([x, y]).toArray()).toEqual(layer(x, y).toArray())
      expect(layer(zeros([0, in1]), zeros([0, in2])).shape).toEqual([0, out])
      const bound = Math.sqrt(6 / (out * (in1 + in2)))
      expect(Math.max(...layer.weight.data().map(Math.abs))).toBeLessThanOrEqual(bound)
      expect(layer.weight.shape).toEqual([out, in1, in2])
    }
  })

  it('Maxout: where two are equal the later one has the gradient', () => {
    const [a, b] = [Scale(1), Scale(1)]
    const g = gradient(() => Maxout(a, b)(two).sum(), params([a, b]))
    expect([a.scale, a.bias, b.scale, b.bias].map(p => p && g.get(p)?.toArray())).toEqual([[0], [0], [2], [1]])
  })

  it('a list flows through a Chain', () => {
    const model = Chain(
      (x: Tensor) => [x, x.mul(10)],
      Parallel(add, times(1), times(2)),
      PairwiseFusion(add, times(1), times(1)),
      Parallel(sub, times(1)),
    )
    expect(model(two).toArray()).toEqual([-42])
    expect(outputSize(model, [7, 1])).toEqual([7, 1])
  })
})

describe('as parts of a model', () => {
  const make = () =>
    Chain(
      SkipConnection(Dense(2, 2), add),
      Parallel(SkipConnection(Scale(2), mul), { a: Dense(2, 3), b: Scale(2) }),
      Maxout(() => Dense(2, 1, relu), 2),
      PairwiseFusion(
        Chain((x: Tensor) => x),
        Bilinear(1, 1, 1),
        (x: Tensor) => x,
      ),
    )

  it('paths of parameters are those of their fields, in the order of Flux', () => {
    const connection = (a: Tensor, b: Tensor) => concat([a, b], 1)
    const model = Chain(
      SkipConnection(Dense(2, 2), Bilinear(2, 2, 2)),
      Parallel(connection, { a: Dense(2, 3), b: Scale(2) }),
      Maxout(Scale(5)),
    )
    expect(params(model).paths()).toEqual([
      ...['layers.0.layer.weight', 'layers.0.layer.bias', 'layers.0.connection.weight', 'layers.0.connection.bias'],
      ...['layers.1.layers.a.weight', 'layers.1.layers.a.bias', 'layers.1.layers.b.scale', 'layers.1.layers.b.bias'],
      ...['layers.2.layers.0.scale', 'layers.2.layers.0.bias'],
    ])
    expect(model(ones([4, 2])).shape).toEqual([4, 5])
    const other = clone(model)
    for (const p of params(other)) p.assign(rand(p.shape))
    loadState(model, state(other))
    expect(model(ones([4, 2])).toArray()).toEqual(other(ones([4, 2])).toArray())
    const [flat, rebuild] = destructure(model)
    expect(flat.shape).toEqual([6 + 10 + 9 + 4 + 10])
    expect(rebuild(flat)[1].a.weight.shape).toEqual([3, 2])
    expect(rebuild(flat)(ones([4, 2])).toArray()).toEqual(model(ones([4, 2])).toArray())
  })

  it('links are reached by index and name, counted and iterated, in copies too', () => {
    for (const model of [make(), clone(make())]) {
      const parallel = model[1]
      expect([parallel[0] === parallel.a, parallel[1] === parallel.b, parallel.length, [...parallel].length]).toEqual([true, true, 2, 2])
      expect(model[2].layers).toHaveLength(2)
      expect(model[2][1].weight.shape).toEqual([1, 2])
      expect(model[3][0].weight.shape).toEqual([1, 1, 1])
      expect(model[0].layer.weight.shape).toEqual([2, 2])
      expect(model[0].connection).toBe(add)
    }
  })

  it('a link that is replaced is the one that is called', () => {
    const model = Parallel(add, times(1), times(2))
    ;(model.layers as unknown as Link[])[1] = times(10)
    expect(model(two).toArray()).toEqual([22])
  })

  it('activations and summary see their links', () => {
    const model = Chain(
      Dense(3, 2),
      SkipConnection(Dense(2, 2), (y, x) => concat([y, x], 1)),
      Parallel(add, { a: Dense(4, 1), b: times(1) }),
    )
    expect(activations(model, ones([5, 3])).map(y => y.shape)).toEqual([[5, 2], [5, 4], [5, 4]]) // biome-ignore format: one line
    expect(summary(model, [5, 3])).toContain('    a = Dense(4, 1) ')
  })

  it('are replayed', () => {
    const model = Chain(
      SkipConnection(Dense(2, 2), add),
      Maxout(() => Dense(2, 2), 3),
      Bilinear(2, 2, 2),
      Scale(2),
    )
    const x = rand([3, 2])
    const run = jit(() => model(x))
    const y = model(x).toArray()
    for (let i = 0; i < 3; i++) expect(run().toArray()).toEqual(y)
  })
})

describe('an error inside', () => {
  it.each<[name: string, run: () => unknown, path: string]>([
    ['a SkipConnection', () => Chain(SkipConnection(Dense(3, 3), add))(ones([1, 2])), 'Chain[0]: SkipConnection.layer: Dense(3, 3)'],
    ['its connection', () => SkipConnection(Dense(2, 3), (y, x) => y.matmul(x))(ones([1, 2])), 'SkipConnection.connection'],
    [
      'a Parallel',
      () => Chain(relu, Chain(Parallel(add, relu, Dense(3, 3))))(ones([1, 2])),
      'Chain[1]: Chain[0]: Parallel[1]: Dense(3, 3)',
    ],
    ['one with names', () => Parallel(add, { a: Dense(3, 3), b: relu })(ones([1, 2])), 'Parallel.a: Dense(3, 3)'],
    ['its connection', () => Parallel(Dense(3, 3), relu)(ones([1, 2])), 'Parallel.connection: Dense(3, 3)'],
    ['a PairwiseFusion', () => PairwiseFusion(add, relu, Dense(3, 3))(ones([1, 2])), 'PairwiseFusion[1]: Dense(3, 3)'],
    ['a Maxout', () => Maxout(relu, Dense(3, 3))(ones([1, 2])), 'Maxout[1]: Dense(3, 3)'],
    ['a Scale', () => Chain(Scale(3))(ones([1, 2])), 'Chain[0]: Scale(3)'],
    ['a Bilinear', () => Chain(Bilinear(3, 2, 1))(ones([1, 2])), 'Chain[0]: Bilinear(3, 2, 1)'],
  ])('%s says where', (_, run, path) => {
    expect(thrown(run).split('\nin ')[1]).toBe(path)
  })
})
