import {
  Chain,
  clone,
  Dense,
  freeze,
  gradient,
  layer,
  loadState,
  ones,
  params,
  ReleasedError,
  relu,
  ShapeError,
  state,
  type Tensor,
  tensor,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

const make = () => Chain(Dense(3, 4, relu), Dense(4, 2))
const numbers = (model: unknown) => [...state(model)].map(([path, t]) => [path, t.toArray()])

describe('state', () => {
  it('has all tensors by path, the tensors themselves', () => {
    const model = make()
    const found = state(model)
    expect([...found.keys()]).toEqual(['layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias'])
    expect(found.get('layers.1.weight')).toBe((model[1] as ReturnType<typeof Dense>).weight)
    expect([...state(Dense(2, 2)).keys()]).toEqual(['weight', 'bias'])
    expect([...state(tensor([1])).keys()]).toEqual([''])
  })

  it('has buffers, integers and frozen ones, too', () => {
    const norm = layer('Norm', { scale: ones([2]), mean: zeros([2]), count: zeros([], { dtype: 'int32' }) }, (_, x: Tensor) => x, {
      trainable: ['scale'],
    })
    freeze(norm.scale)
    expect([...state({ norm }).keys()]).toEqual(['norm.scale', 'norm.mean', 'norm.count'])
    expect(params(norm).paths()).toEqual(['scale'])
  })

  it('has a tied tensor under each of its paths', () => {
    const tied = ones([2, 2])
    const found = state({ a: tied, b: { c: tied } })
    expect([...found]).toEqual([
      ['a', tied],
      ['b.c', tied],
    ])
    expect(found.get('b.c')).toBe(tied)
  })

  it('shows later training', () => {
    const dense = Dense(2, 1)
    const found = state(dense)
    dense.weight.assign(ones([1, 2]))
    expect(found.get('weight')?.toArray()).toEqual([[1, 1]])
  })

  it('of what holds no tensor is empty', () => {
    expect([state(relu), state({}), state(null)].map(each => each.size)).toEqual([0, 0, 0])
  })
})

describe('loadState', () => {
  it('writes in place what state gave, of another model of the same layers', () => {
    const [from, to] = [make(), make()]
    const targets = [...state(to).values()]
    expect(numbers(to)).not.toEqual(numbers(from))
    loadState(to, state(from))
    expect(numbers(to)).toEqual(numbers(from))
    expect([...state(to).values()].every((t, i) => t === targets[i])).toBe(true)
    const x = ones([1, 3])
    expect(to(x).data()).toEqual(from(x).data())
    loadState(from, state(from))
    expect(numbers(to)).toEqual(numbers(from))
  })

  it('takes a record as well as a Map', () => {
    const dense = Dense(2, 1)
    loadState(dense, { weight: tensor([[3, 4]]), bias: tensor([5]) })
    expect(dense(ones([1, 2])).toArray()).toEqual([[12]])
  })

  it('converts to the type of the target', () => {
    const model = { w: zeros([2]), n: zeros([2], { dtype: 'int32' }) }
    loadState(model, { w: tensor([1, 2], undefined, { dtype: 'int32' }), n: tensor([3, 4]) })
    expect([model.w.dtype, model.w.toArray(), model.n.dtype, model.n.toArray()]).toEqual(['float32', [1, 2], 'int32', [3, 4]])
  })

  it('writes frozen parameters and buffers', () => {
    const norm = layer('Norm', { scale: ones([1]), mean: zeros([1]) }, (_, x: Tensor) => x, { trainable: ['scale'] })
    freeze(norm)
    loadState(norm, { scale: tensor([2]), mean: tensor([3]) })
    expect([norm.scale.item(), norm.mean.item()]).toEqual([2, 3])
  })

  it('is seen by views of a parameter', () => {
    const w = zeros([2, 2])
    const flat = w.reshape([4])
    loadState(
      { w },
      {
        w: tensor([
          [1, 2],
          [3, 4],
        ]),
      },
    )
    expect(flat.toArray()).toEqual([1, 2, 3, 4])
  })

  it('may exchange two parameters', () => {
    const model = { a: tensor([1]), b: tensor([2]) }
    loadState(model, { a: model.b, b: model.a })
    expect([model.a.item(), model.b.item()]).toEqual([2, 1])
  })

  describe('a bias', () => {
    it('that is missing in the state is written as zeros', () => {
      const dense = Dense(2, 1, relu, { bias: tensor([7]) })
      loadState(dense, { weight: ones([1, 2]) })
      expect([dense.weight.toArray(), dense.bias?.toArray()]).toEqual([[[1, 1]], [0]])
    })

    it('of zeros goes into a layer without one, of anything else does not', () => {
      const dense = Dense(2, 1, relu, { bias: false })
      loadState(dense, { weight: ones([1, 2]), bias: zeros([1]) })
      expect(dense.weight.toArray()).toEqual([[1, 1]])
      expect(() => loadState(dense, { weight: zeros([1, 2]), bias: tensor([3]) })).toThrow(
        new TypeError('loadState: the paths do not fit: not in the model: bias. Load it into a model of the same layers.'),
      )
      expect(dense.weight.toArray()).toEqual([[1, 1]])
    })

    it('is known by its name at the end of the path alone', () => {
      expect(() => loadState({ biased: ones([1]) }, {})).toThrow(TypeError)
      const model = Chain(Dense(2, 2, relu, { bias: tensor([1, 2]) }))
      loadState(model, { 'layers.0.weight': ones([2, 2]) })
      expect((model[0] as ReturnType<typeof Dense>).bias?.toArray()).toEqual([0, 0])
    })
  })

  describe('tied parameters', () => {
    it('take the same values from both paths', () => {
      const tied = zeros([1])
      loadState({ a: tied, b: tied }, { a: tensor([3]), b: tensor([3]) })
      expect(tied.item()).toBe(3)
      const source = tensor([Number.NaN])
      loadState({ a: tied, b: tied }, { a: source, b: clone(source) })
      expect(tied.item()).toBeNaN()
    })

    it('refuse different ones', () => {
      const tied = zeros([1])
      expect(() => loadState({ a: tied, b: tied }, { a: tensor([3]), b: tensor([4]) })).toThrow(
        new TypeError("loadState: 'b' is tied to another parameter of the model, and the state has different values for them."),
      )
      expect(tied.item()).toBe(0)
    })
  })

  describe('refuses, and writes nothing:', () => {
    const two = () => ({ first: ones([2]), second: ones([3]) })
    it.each<[string, unknown, Error]>([
      [
        'a path that is missing',
        { first: zeros([2]) },
        new TypeError('loadState: the paths do not fit: not in the state: second. Load it into a model of the same layers.'),
      ],
      [
        'a path that is unknown',
        { first: zeros([2]), second: zeros([3]), third: zeros([1]) },
        new TypeError('loadState: the paths do not fit: not in the model: third. Load it into a model of the same layers.'),
      ],
      [
        'both',
        { first: zeros([2]), other: zeros([3]) },
        new TypeError(
          'loadState: the paths do not fit: not in the state: second; not in the model: other. Load it into a model of the same layers.',
        ),
      ],
      ['what is no tensor', { first: zeros([2]), second: [1, 2, 3] }, new TypeError("loadState: 'second' is no tensor: object.")],
    ])('%s', (_, source, error) => {
      const model = two()
      expect(() => loadState(model, source as Record<string, Tensor>)).toThrow(error)
      expect(() => loadState(model, new Map(Object.entries(source as Record<string, Tensor>)))).toThrow(error)
      expect([model.first.toArray(), model.second.toArray()]).toEqual([
        [1, 1],
        [1, 1, 1],
      ])
    })

    it('another shape, even of the same size', () => {
      const model = two()
      const source = { first: zeros([2]), second: zeros([3, 1]) }
      expect(() => loadState(model, source)).toThrow(ShapeError)
      expect(() => loadState(model, source)).toThrow("loadState: 'second' has another shape: [3, 1] into [3].")
      expect(model.first.toArray()).toEqual([1, 1])
    })

    it('a released tensor', () => {
      const model = two()
      const gone = zeros([3])
      gone.dispose()
      expect(() => loadState(model, { first: zeros([2]), second: gone })).toThrow(ReleasedError)
      expect(model.first.toArray()).toEqual([1, 1])
    })

    it('a load while a gradient is being taken', () => {
      const model = two()
      const careless = () => {
        loadState(model, { first: zeros([2]), second: zeros([3]) })
        return model.first.sum()
      }
      expect(() => gradient(careless, params(model))).toThrow(TypeError)
      expect(model.first.toArray()).toEqual([1, 1])
      loadState(model, { first: zeros([2]), second: zeros([3]) })
      expect(model.second.toArray()).toEqual([0, 0, 0])
    })

    it('names five paths of many', () => {
      const model = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`w${i}`, ones([1])]))
      expect(() => loadState(model, {})).toThrow(
        new TypeError(
          'loadState: the paths do not fit: not in the state: w0, w1, w2, w3, w4, and 3 more. Load it into a model of the same layers.',
        ),
      )
    })
  })
})
