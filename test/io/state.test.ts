import {
  Chain,
  clone,
  Dense,
  freeze,
  full,
  gradient,
  type LoadStateOptions,
  layer,
  loadState,
  memory,
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

const noted = <T>(log: unknown[], entry: unknown, value: T): T => {
  log.push(entry)
  return value
}
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
    it('that is missing in the state is an error, or left as it is', () => {
      const dense = Dense(2, 1, relu, { bias: tensor([7]) })
      expect(() => loadState(dense, { weight: ones([1, 2]) })).toThrow('not in the state: bias.')
      expect(loadState(dense, { weight: ones([1, 2]) }, { strict: false }).missing).toEqual(['bias'])
      expect([dense.weight.toArray(), dense.bias?.toArray()]).toEqual([[[1, 1]], [7]])
    })

    it('of zeros goes into a layer without one, of anything else does not', () => {
      const dense = Dense(2, 1, relu, { bias: false })
      loadState(dense, { weight: ones([1, 2]), bias: zeros([1]) })
      expect(dense.weight.toArray()).toEqual([[1, 1]])
      expect(() => loadState(dense, { weight: zeros([1, 2]), bias: tensor([3]) })).toThrow(
        new TypeError(
          'loadState: the paths do not fit: not in the model: bias. Load it into a model of the same layers, made with bias: true, pass { rename } for other names, or { strict: false } to leave those.',
        ),
      )
      expect(dense.weight.toArray()).toEqual([[1, 1]])
    })

    it('is known by its name at the end of the path alone', () => {
      const model = Chain(Dense(2, 2, relu, { bias: false }))
      const weight = ones([2, 2])
      loadState(model, { 'layers.0.weight': weight, 'layers.0.bias': zeros([2]) })
      loadState(model, { '0.weight': weight, '0.bias': zeros([2]) })
      expect(() => loadState(model, { 'layers.0.weight': weight, biased: zeros([2]) })).toThrow('not in the model: biased.')
    })
  })

  describe('a layer that stands in several places', () => {
    const weight = () => ({ weight: tensor([[3]]), bias: tensor([4]) })
    const under = (...places: string[]) =>
      Object.fromEntries(places.flatMap(place => Object.entries(weight()).map(([name, value]) => [`${place}.${name}`, value])))
    it.each<[title: string, of: (shared: ReturnType<typeof Dense>) => unknown, first: string, second: string]>([
      ['in a record', shared => ({ a: shared, b: shared }), 'a', 'b'],
      ['deeper first', shared => ({ a: { x: [0, shared] }, b: shared }), 'a.x.1', 'b'],
      ['in a part that is shared', shared => noted([], 0, { a: [shared], b: { c: { inner: shared } } }), 'a.0', 'b.c.inner'],
      [
        'in a Map',
        shared =>
          new Map([
            ['a', [shared]],
            ['b', [shared]],
          ]),
        'a.0',
        'b.0',
      ],
      ['in a Chain', shared => Chain(relu, shared, shared), 'layers.1', 'layers.2'],
      ['in a Chain, by the names of PyTorch', shared => Chain(relu, shared, shared), '1', '2'],
      ['in Chains, by the names of PyTorch', shared => ({ a: Chain(shared), b: Chain(shared) }), 'a.0', 'b.0'],
    ])('%s', (_, of, first, second) => {
      for (const places of [[first], [second], [first, second]]) {
        const shared = Dense(1, 1)
        expect(loadState(of(shared), under(...places))).toEqual({ missing: [], unexpected: [], reshaped: [] })
        expect([shared.weight.item(), shared.bias?.item()]).toEqual([3, 4])
      }
      const shared = Dense(1, 1)
      const both = under(first, second)
      const odd = { ...both, [`${second}.bias`]: tensor([5]) }
      expect(() => loadState(of(shared), odd)).toThrow(`loadState: '${second}.bias' is tied to another parameter of the model`)
      expect(() => loadState(of(shared), { ...both, [`${second}.bias`]: zeros([2]) })).toThrow(ShapeError)
      expect(loadState(of(shared), { ...both, [`${second}.bias`]: zeros([2]) }, { strict: false }).reshaped).toHaveLength(1)
      expect(() => loadState(of(shared), { ...both, [`${second}.odd`]: ones([1]) })).toThrow(`not in the model: ${second}.odd`)
    })

    it('has one path in the state, also where it lies in itself', () => {
      const shared = Dense(1, 1)
      const model: Record<string, unknown> = { a: shared, b: shared }
      model.self = model
      expect([...state(model).keys()]).toEqual(['a.weight', 'a.bias'])
      loadState(model, { 'self.self.b.weight': tensor([[7]]), 'self.a.bias': tensor([8]) })
      expect([shared.weight.item(), shared.bias?.item()]).toEqual([7, 8])
      const dotted = { 'a.b': shared, a: { b: shared } }
      expect(() => loadState(dotted, { 'a.b.none': ones([1]) }, { strict: false })).not.toThrow()
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

    it('may be stored once, under any of their paths', () => {
      const tied = zeros([1])
      const model = { a: tied, b: { c: tied } }
      expect(loadState(model, { 'b.c': tensor([3]) })).toEqual({ missing: [], unexpected: [], reshaped: [] })
      expect(tied.item()).toBe(3)
      loadState(model, { a: tensor([4]) })
      expect(tied.item()).toBe(4)
      expect(() => loadState(model, {})).toThrow('not in the state: a, b.c.')
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
        new TypeError(
          'loadState: the paths do not fit: not in the state: second. Load it into a model of the same layers, pass { rename } for other names, or { strict: false } to leave those.',
        ),
      ],
      [
        'a path that is unknown',
        { first: zeros([2]), second: zeros([3]), third: zeros([1]) },
        new TypeError(
          'loadState: the paths do not fit: not in the model: third. Load it into a model of the same layers, pass { rename } for other names, or { strict: false } to leave those.',
        ),
      ],
      [
        'both',
        { first: zeros([2]), other: zeros([3]) },
        new TypeError(
          'loadState: the paths do not fit: not in the state: second; not in the model: other. Load it into a model of the same layers, pass { rename } for other names, or { strict: false } to leave those.',
        ),
      ],
      [
        'what is no tensor',
        { first: zeros([2]), second: [1, 2, 3] },
        new TypeError("loadState: a tensor is needed for 'second': an array. Make one with tensor(...)."),
      ],
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
          'loadState: the paths do not fit: not in the state: w0, w1, w2, w3, w4, and 3 more. Load it into a model of the same layers, pass { rename } for other names, or { strict: false } to leave those.',
        ),
      )
    })
  })

  describe('that is not strict', () => {
    it('leaves what does not fit, and tells', () => {
      const model = { a: ones([2]), b: ones([2]), c: ones([2]) }
      const source = { a: tensor([5, 6]), b: zeros([3]), d: zeros([1]) }
      expect(loadState(model, source, { strict: false })).toEqual({ missing: ['c'], unexpected: ['d'], reshaped: ['b'] })
      expect(Object.values(model).map(each => each.toArray())).toEqual([
        [5, 6],
        [1, 1],
        [1, 1],
      ])
    })

    it('still refuses what is no tensor, and different values for tied ones', () => {
      const tied = ones([1])
      expect(() => loadState({ tied }, { tied: 3 as never }, { strict: false })).toThrow(TypeError)
      expect(() => loadState({ a: tied, b: tied }, { a: zeros([1]), b: tensor([2]) }, { strict: false })).toThrow(TypeError)
      expect(tied.item()).toBe(1)
    })
  })

  describe('names of PyTorch', () => {
    const fit = { missing: [], unexpected: [], reshaped: [] }
    const values = (paths: readonly string[]) => Object.fromEntries(paths.map((path, i) => [path, full([1, 1], i)]))
    const weights = (model: unknown) => [...state(model).values()].map(each => each.item())
    const one = () => Dense(ones([1, 1]), false)

    it.each<[string, unknown, string[]]>([
      ['of a Chain', Chain(one(), one()), ['0.weight', '1.weight']],
      ['of a Chain in a Chain', Chain(one(), Chain(one(), one())), ['0.weight', '1.0.weight', '1.1.weight']],
      ['of a Chain with names', Chain({ hidden: one(), out: one() }), ['hidden.weight', 'out.weight']],
      ['of Chains in a model', { encoder: Chain(one(), one()), head: one() }, ['encoder.0.weight', 'encoder.1.weight', 'head.weight']],
      ['half of them', Chain(one(), one()), ['layers.0.weight', '1.weight']],
    ])('fit: %s', (_, model, paths) => {
      expect(loadState(model, values(paths))).toEqual(fit)
      expect(weights(model)).toEqual(paths.map((_, i) => i))
    })

    it('are not taken where another field stands beside layers', () => {
      const model = { layers: [one()], scale: ones([1, 1]) }
      expect(() => loadState(model, values(['0.weight', 'scale']))).toThrow(
        'not in the state: layers.0.weight; not in the model: 0.weight.',
      )
    })

    it('do not hide a second value', () => {
      expect(loadState(Chain(one()), values(['layers.0.weight', '0.weight']), { strict: false }).unexpected).toEqual(['0.weight'])
    })
  })

  describe('prefix', () => {
    it.each(['module', 'module.'])('takes what lies under it: %s', prefix => {
      const dense = Dense(2, 1)
      const source = { 'module.weight': ones([1, 2]), 'module.bias': tensor([3]), 'other.weight': zeros([4]), modules: zeros([1]) }
      expect(loadState(dense, source, { prefix })).toEqual({ missing: [], unexpected: [], reshaped: [] })
      expect(dense(ones([1, 2])).item()).toBe(5)
    })

    it('under which nothing lies is an error', () => {
      expect(() => loadState(Dense(2, 1), { 'a.weight': ones([1, 2]) }, { prefix: 'b', strict: false })).toThrow(
        new TypeError("loadState: nothing in the state lies under 'b'. It has a.weight."),
      )
    })
  })

  describe('rename', () => {
    it('is a table; what is not in it keeps its name', () => {
      const dense = Dense(2, 1)
      loadState(dense, { 'fc.kernel': ones([1, 2]), 'fc.bias': tensor([1]) }, { prefix: 'fc', rename: { kernel: 'weight' } })
      expect([dense.weight.toArray(), dense.bias?.toArray()]).toEqual([[[1, 1]], [1]])
    })

    it('is a function of name and tensor; values for one path add up', () => {
      const model = { bias: ones([2]), weight: ones([2]) }
      const source = { bias_ih_l0: tensor([1, 2]), bias_hh_l0: tensor([10, 20]), weight_l0: tensor([5, 6]) }
      const seen: unknown[] = []
      loadState(model, source, { rename: (name, value) => noted(seen, value, name.replace(/(_ih|_hh)?_l0/, '')) })
      expect([model.bias.toArray(), model.weight.toArray()]).toEqual([
        [11, 22],
        [5, 6],
      ])
      expect(seen).toEqual(Object.values(source))
    })

    it('may cut a value into several, turn it, or leave it out', () => {
      const model = { q: zeros([2, 2]), k: zeros([2, 2]) }
      const source = {
        qk: tensor([
          [1, 2],
          [3, 4],
          [5, 6],
          [7, 8],
        ]),
        step: tensor(3),
      }
      const before = memory().tensors
      const rename = (name: string, value: Tensor): [string, Tensor][] =>
        name === 'step' ? [] : value.split(2).map((part, i) => [i === 0 ? 'q' : 'k', part.transpose()])
      loadState(model, source, { rename })
      expect([model.q.toArray(), model.k.toArray()]).toEqual([
        [
          [1, 3],
          [2, 4],
        ],
        [
          [5, 7],
          [6, 8],
        ],
      ])
      expect(memory().tensors).toBe(before)
    })

    it.each<[string, LoadStateOptions['rename'], string]>([
      ['names what the state has not', { y: 'x' }, "loadState: rename has 'y', and the state has not. It has w."],
      [
        'gives nothing',
        (() => undefined) as never,
        "loadState: rename gives a path, or a list of [path, tensor]: undefined came for 'w'. Return the name to keep it, [] to leave it out.",
      ],
      [
        'gives a pair',
        ((name: string, value: Tensor) => [name, value]) as never,
        "loadState: rename gives a path, or a list of [path, tensor]: an array came for 'w'. Return the name to keep it, [] to leave it out.",
      ],
      ['gives no tensor', () => [['w', 3 as never]], "loadState: a tensor is needed for 'w': number. Make one with tensor(...)."],
      [
        'adds what differs in shape',
        (_, value) => [
          ['w', value],
          ['w', ones([3])],
        ],
        "loadState: the values for 'w' differ in shape, and would be added: [2] and [3].",
      ],
    ])('that %s is refused', (_, rename, message) => {
      const w = ones([2])
      const options = rename === undefined ? {} : { rename }
      expect(() => loadState({ w }, { w: zeros([2]) }, options)).toThrow(message)
      expect(w.toArray()).toEqual([1, 1])
    })
  })

  it('takes the table that JSON has of a state', () => {
    const model = { w: zeros([2, 2]), n: zeros([], { dtype: 'int32' }) }
    const table = JSON.parse(
      '{"w":{"shape":[2,2],"dtype":"float32","data":[1,"NaN","-Infinity",4]},"n":{"shape":[],"dtype":"int32","data":[7]}}',
    )
    loadState(model, table)
    expect([...model.w.data(), model.n.item()]).toEqual([1, Number.NaN, Number.NEGATIVE_INFINITY, 4, 7])
  })

  it('takes what JSON has of a model with lists', () => {
    const made = () => ({ blocks: [Dense(1, 2), [Dense(2, 1)]], y: [] })
    const [from, to] = [made(), made()]
    loadState(to, JSON.parse(JSON.stringify(from)))
    expect([...state(to)].map(([path, each]) => [path, each.toArray()])).toEqual(
      [...state(from)].map(([path, each]) => [path, each.toArray()]),
    )
    expect(() => loadState(to, { blocks: [1] } as never)).toThrow(TypeError)
  })
})
