import {
  assign,
  BatchNorm,
  Cache,
  Chain,
  Dense,
  Descent,
  Dropout,
  Embedding,
  freeze,
  GRU,
  gradient,
  jit,
  layer,
  manualSeed,
  memory,
  mse,
  ones,
  params,
  pullback,
  type Replayable,
  randint,
  randn,
  relu,
  ShapeError,
  scope,
  softmax,
  type Tensor,
  tensor,
  testMode,
  trainMode,
  trainStep,
  withCache,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

/** A function, and how often it was called. */
function counted<F extends Replayable>(f: F): { f: F; calls: () => number } {
  let calls = 0
  const wrapped: Replayable = (...args) => {
    calls++
    return f(...args)
  }
  return { f: wrapped as F, calls: () => calls }
}

const model = () => Chain(Dense(4, 6, relu), Dense(6, 3))

describe('jit of a function that is called by itself', () => {
  const mlp = model()
  const gru = GRU(3, 5)
  const table = Embedding(7, 4)
  const dropping = trainMode(Chain(Dense(4, 6), Dropout(0.5)))
  const norm = BatchNorm(3)
  const moving = trainMode(Chain(Dense(4, 3), norm))
  const mean = norm.mean as Tensor
  const batch = () => [randn([5, 4])]
  it.each<[string, Replayable, () => unknown[]]>([
    ['a model', x => softmax(mlp(x)), batch],
    ['a recurrent layer', x => gru(x), () => [randn([2, 6, 3])]],
    ['integers', i => table(i), () => [randint(0, 7, [4])]],
    ['a gradient', x => gradient((z: Tensor) => mlp(z).square().sum(), x)[0] as Tensor, batch],
    ['random numbers', x => dropping(x), batch],
    ['effects', x => moving(x), batch],
    ['a list and a record', (x, y) => ({ sum: x.add(y), parts: [x.mul(y), x.transpose()] }), () => [randn([3, 2]), randn([3, 2])]],
    [
      'lists of tensors, and plain values',
      ([x, y], k, { z }) => x.mul(k).add(y).sub(z),
      () => [[randn([3]), randn([3])], 2, { z: randn([3]) }],
    ],
    ['the same tensor twice', (x, y) => x.mul(2).add(y), () => Array(2).fill(randn([3]))],
    ['views', x => x.slice(':, 1:').reshape([-1]), batch],
    ['a transposition', x => x.transpose(), batch],
    ['no elements', x => mlp(x), () => [zeros([0, 4])]],
    ['no arguments', () => randn([3]), () => []],
    ['NaN and infinity', x => x.exp().div(x), () => [tensor([Number.NaN, Number.POSITIVE_INFINITY, 0, -1e30])]],
  ])('gives what the function gives: %s', (_, f, argsOf) => {
    const run = (wrapped: Replayable) => {
      manualSeed(3)
      const before = mean.toArray()
      const results = Array.from({ length: 6 }, () => JSON.stringify(wrapped(...argsOf())))
      const after = mean.toArray()
      mean.assign(tensor(before))
      return [results, after]
    }
    const { f: inner, calls } = counted(f)
    expect(run(jit(inner))).toEqual(run(f))
    expect(calls()).toBe(2)
  })

  it('follows a model that trains on, is frozen and thawed, or changes its mode', () => {
    const net = Chain(Dense(4, 5, relu), Dropout(0.5), Dense(5, 1))
    const predict = jit((x: Tensor) => net(x))
    const x = randn([3, 4])
    const isSame = () => expect(predict(x).toArray()).toEqual(net(x).toArray())
    for (let i = 0; i < 4; i++) isSame()
    for (let i = 0; i < 3; i++) {
      trainStep((x: Tensor) => mse(net(x), ones([3, 1])), params(net), [x], Descent(0.1))
      isSame()
    }
    freeze(net[0])
    for (let i = 0; i < 4; i++) isSame()
    const drawn = () => {
      manualSeed(1)
      return Array.from({ length: 4 }, () => predict(x).toArray())
    }
    trainMode(net)
    expect(new Set(drawn().map(String)).size).toBe(4)
    testMode(net)
    isSame()
  })

  it('is the function where somebody records, listens or keeps', () => {
    const net = model()
    const { f, calls } = counted((x: Tensor) => net(x).sum())
    const marked = jit(f)
    const x = randn([2, 4])
    for (let i = 0; i < 3; i++) marked(x)
    expect(calls()).toBe(2)
    const wanted = gradient((z: Tensor) => net(z).sum(), x)[0] as Tensor
    expect((gradient(marked, x)[0] as Tensor).toArray()).toEqual(wanted.toArray())
    expect(calls()).toBe(3)
    layer('Through', {}, (_, z: Tensor) => marked(z) as Tensor)(x)
    expect(calls()).toBe(4)
    for (let i = 0; i < 5; i++) jit((z: Tensor) => marked(z).mul(2))(x)
    expect(calls()).toBe(9)
    const gru = GRU(3, 5)
    const step = jit((z: Tensor) => gru(z))
    const pieces = Array.from({ length: 4 }, () => randn([1, 1, 3]))
    const [a, b] = [Cache(), Cache()]
    for (const piece of pieces) {
      expect(withCache(a, () => step(piece)).toArray()).toEqual(withCache(b, () => gru(piece)).toArray())
    }
  })

  it('runs as ever what writes in place, returns its argument or something else', () => {
    const total = zeros([2])
    const add = jit((x: Tensor) => assign(total, total.add(x)).mul(1))
    const [y, back] = pullback((w: Tensor) => w.square().sum(), total)
    for (let i = 1; i < 5; i++) expect(add(ones([2])).toArray()).toEqual([i, i])
    expect(() => back(ones([]))).toThrow('written')
    y.dispose()
    const x = ones([2])
    const same = jit((x: Tensor) => x)
    for (let i = 0; i < 4; i++) expect(same(x)).toBe(x)
    const text = jit(() => ({ text: 'a' }))
    for (let i = 0; i < 4; i++) expect(text()).toEqual({ text: 'a' })
  })

  it('refuses what it could not replay, and is usable afterwards', () => {
    let n = 0
    const counting = jit((x: Tensor) => x.add(n++))
    expect(() => Array.from({ length: 3 }, () => counting(ones([2])))).toThrow(
      /^jit: the function of a jit does not do the same each time: add differs\. Pass what changes as part of the arguments, or pass/,
    )
    const reading = jit((x: Tensor) => x.mul(x.sum().item()))
    expect(() => reading(ones([2]))).toThrow('jit: the function of a jit reads the numbers of a tensor, and could not when it is replayed.')
    expect(() => jit((async () => ones([1])) as never as Replayable)()).toThrow('jit: the function returned a promise.')
    const table = Embedding(3, 2)
    const look = jit((i: Tensor) => table(i))
    for (let i = 0; i < 3; i++) look(tensor([0, 2], { dtype: 'int32' }))
    expect(() => look(tensor([0, 3], { dtype: 'int32' }))).toThrow('3')
    expect(look(tensor([1, 1], { dtype: 'int32' })).shape).toEqual([2, 2])
  })

  it('holds a block of its own and nothing else', () => {
    const net = model()
    const predict = jit((x: Tensor) => net(x))
    const x = randn([4, 4])
    scope(() => void Array.from({ length: 4 }, () => predict(x)))
    const before = memory()
    for (let i = 0; i < 100; i++) scope(() => void predict(x))
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
    const y = predict(x)
    const numbers = y.toArray()
    predict(randn([4, 4]))
    expect(y.toArray()).toEqual(numbers)
  })
})

describe('dispose', () => {
  it('frees what the function keeps, and the next call makes it anew', () => {
    const net = Dense(4, 3)
    const [x, y] = [ones([1, 4]), new Float32Array(3)]
    const expected = [...net(x).data()]
    const predict = jit((each: Tensor) => net(each), { shapes: [[1, 4]] })
    const { bytes, tensors } = memory()
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 4; i++) {
        expect([...predict.into(y, x.data())]).toEqual(expected)
        expect(scope(() => [...predict(x).data()])).toEqual(expected)
      }
      expect(memory().tensors).toBeGreaterThan(tensors)
      predict.dispose()
      predict.dispose()
      expect(memory()).toMatchObject({ bytes, tensors })
    }
  })
})

describe('into', () => {
  it('writes into an array, without a tensor', () => {
    const net = model()
    const { f, calls } = counted((x: Tensor) => net(x))
    const predict = jit(f, { shapes: [[2, 4]] })
    const output = new Float32Array(6)
    for (let i = 0; i < 5; i++) {
      const x = randn([2, 4])
      expect(predict.into(output, x.data())).toBe(output)
      expect([...output]).toEqual([...net(x).data()])
    }
    expect(calls()).toBe(2)
    const input = new Float64Array(8)
    const before = memory()
    for (let i = 0; i < 100; i++) predict.into(output, input)
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
    // The model trains on, and another shape comes.
    trainStep((x: Tensor) => net(x).sum(), params(net), [randn([2, 4])], Descent(0.1))
    predict.into(output, input)
    expect([...output]).toEqual([...net(zeros([2, 4])).data()])
    predict(zeros([1, 4]))
    expect([...predict.into(new Float32Array(3), new Float32Array(4))]).toEqual([...net(zeros([1, 4])).data()])
  })

  it('takes integers, several arrays, and large results', () => {
    const look = jit((i: Tensor, x: Tensor) => Embedding(tensor([[1, 2], [3, 4]]))(i).mul(x)) // biome-ignore format: one line
    look(tensor([0, 1, 1], { dtype: 'int32' }), ones([3, 2]))
    const twos = new Float32Array(6).fill(2)
    for (let i = 0; i < 4; i++) expect([...look.into(new Float64Array(6), new Int32Array([1, 0, 1]), twos)]).toEqual([6, 8, 2, 4, 6, 8])
    const large = jit((x: Tensor) => x.add(1), { shapes: [[1000]] })
    for (let i = 0; i < 4; i++) expect([...large.into(new Float32Array(1000), new Float32Array(1000))]).toEqual(Array(1000).fill(1))
  })

  it('says what does not fit', () => {
    const net = model()
    const predict = jit((x: Tensor) => net(x))
    const [out, input] = [new Float32Array(3), new Float32Array(4)]
    expect(() => predict.into(out, input)).toThrow(
      'into: the shapes of the arguments are not known. Call the function with tensors before, or',
    )
    predict(ones([1, 4]))
    for (let i = 0; i < 4; i++) {
      expect(() => predict.into(out, new Float32Array(5))).toThrow(ShapeError)
      expect(() => predict.into(new Float32Array(2), input)).toThrow('into: the result is float32 [1, 3]: an array of 2.')
      expect(() => predict.into(out)).toThrow('into: the last call had 1 tensors: 0 arrays came.')
      expect(() => predict.into([0, 0, 0] as never, input)).toThrow(TypeError)
      expect(() => predict.into(out, ones([4]) as never)).toThrow(TypeError)
      predict.into(out, input)
    }
    const pair = jit((x: Tensor) => [x.add(1), x.mul(2)], { shapes: [[2]] })
    expect(() => pair.into(out, new Float32Array(2))).toThrow('into: takes a function that returns a tensor: an array came.')
    expect(() => jit((x: Tensor) => x, { shapes: [2] as never })).toThrow(/^jit: /)
    expect(() => jit((x: Tensor) => x, { shapes: 2 as never })).toThrow('jit: the shapes are a list of shapes: 2 came.')
  })
})
