// Values of another realm, and a second copy of the library.
import { runInNewContext } from 'node:vm'
import {
  accuracy,
  Chain,
  clone,
  DataLoader,
  Dense,
  Descent,
  freeze,
  gradient,
  jit,
  loadSafetensors,
  loadState,
  logitCrossEntropy,
  mse,
  ones,
  params,
  relu,
  saveSafetensors,
  setup,
  splitObs,
  state,
  stop,
  type Tensor,
  tensor,
  thaw,
  train,
  trainStep,
  update,
  zeros,
  zerosLike,
} from 'fluxtape'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { thrown } from '../errors/thrown.ts'

/** Code that another realm runs, with values of this one. */
const foreign = <T>(code: string, values: object = {}): T => runInNewContext(`(${code})`, { ...values })

describe('a value of another realm is what it is', () => {
  it.each([
    ['new Int32Array([1, 2])', 'int32'],
    ['new Uint8Array([1, 2])', 'uint8'],
    ['new Uint8ClampedArray([1, 2])', 'uint8'],
    ['new Float64Array([1, 2])', 'float32'],
    ['new BigInt64Array([1n, 2n])', 'int32'],
    ['[1, 2]', 'float32'],
    ['[true, false]', 'bool'],
  ])('%s', (code, dtype) => expect(tensor(foreign<number[]>(code)).dtype).toBe(dtype))

  it('a wide integer and a DataView are refused all the same', () => {
    expect(() => tensor(foreign<BigInt64Array>('new BigInt64Array([1n << 40n])'))).toThrow('1099511627776 does not fit into int32')
    expect(() => tensor(foreign<Uint8Array>('new DataView(new ArrayBuffer(4))'))).toThrow('a DataView has no elements')
  })

  it('options, a shape, an axis, indices', () => {
    expect(zeros(foreign('[2, 1]'), foreign("{ dtype: 'int32' }")).dtype).toBe('int32')
    expect(ones([2, 2]).sum(foreign('[0]'), foreign('{ keepDims: true }')).shape).toEqual([1, 2])
    expect(() => zeros([1], foreign('{ type: 1 }'))).toThrow("there is no option 'type'. Is dtype meant?")
    expect(() => zeros([1], foreign('new Map()'))).toThrow('options are an object: a Map came')
  })

  const model = Dense(2, 1)
  const x = ones([1, 2])
  it('a Map, a Set, an object of tensors', () => {
    const map = foreign<Map<string, Tensor>>("new Map([['w', w]])", { w: model.weight })
    expect(params(map).paths()).toEqual(['w'])
    expect(params(foreign('new Set([w])', { w: model.weight })).size).toBe(1)
    expect(clone(map).get('w')?.toArray()).toEqual(model.weight.toArray())
    expect(loadSafetensors(saveSafetensors(map)).tensors.size).toBe(1)
    loadState(model, foreign('new Map(list)', { list: [...state(model)] }))
    const [grads] = gradient((m: Map<string, Tensor>) => (m.get('w') as Tensor).sum(), map)
    const opt = Descent(0)
    update(setup(opt, map), map, grads)
    expect(Chain(foreign('{ first: layer }', { layer: model }) as { first: typeof model })(x).shape).toEqual([1, 1])
  })

  it('a promise, a stream and an asynchronous callback', async () => {
    const loss = (input: Tensor) => model(input).square().mean()
    const data = foreign<AsyncIterable<Tensor>>('(async function* () { yield x; yield x; yield x })()', { x })
    expect((await train(loss, params(model), data, Descent(0))).steps).toHaveLength(3)
    const source = { x, next: 0 }
    const stream = foreign<AsyncIterable<Tensor>>(
      '({ [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: source.next++ > 1, value: source.x }) }) })',
      { source },
    )
    expect((await train(loss, params(model), stream, Descent(0))).steps).toHaveLength(2)
    const callbacks = foreign<() => Promise<typeof stop>>('async () => stop', { stop })
    expect((await train(loss, params(model), [[x], [x]], Descent(0), { callbacks })).steps).toHaveLength(1)
    expect(() => gradient(foreign<() => Tensor>('async () => x', { x }), params(x))).toThrow('the function returned a promise')
  })

  it('a record as a batch of a jit', () => {
    const loss = jit(({ input }: { input: Tensor }) => mse(model(input), 0))
    const losses = [1, 2, 3, 4].map(() =>
      trainStep(loss, params(model), foreign<{ input: Tensor }>('{ input: x }', { x: ones([1, 2]) }), Descent(0)),
    )
    expect(new Set(losses).size).toBe(1)
  })
})

describe('a second copy of the library', () => {
  afterEach(() => {
    vi.restoreAllMocks()
    vi.resetModules()
  })

  it('warns once when it is loaded, and its tensors are called what they are', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const registry = globalThis as unknown as Record<symbol, string[]>
    const before = registry[Symbol.for('fluxtape.copies')].length
    vi.resetModules()
    const other = await import('fluxtape')
    vi.resetModules()
    await import('fluxtape')
    if (before === 1)
      expect(warn.mock.calls).toEqual([[expect.stringMatching(/^fluxtape: two copies are loaded, .* and .*; neither can use/)]])
    const theirs = other.ones([2]) as unknown as Tensor
    const text = 'a tensor of another copy of fluxtape'
    expect(() => ones([2]).add(theirs)).toThrow(`add: a tensor is needed: ${text}. Import it from one place: npm ls fluxtape.`)
    expect(() => Dense(2, 1)(theirs)).toThrow(`linear: a tensor is needed: ${text}.`)
    expect(() => tensor(theirs as never)).toThrow(`tensor: an element is no number: ${text}.`)
    expect(() => zeros([1], theirs as never)).toThrow(`zeros: options are an object: ${text} came.`)
    expect(() => gradient(() => theirs, params(ones([1])))).toThrow(`gradient: the loss must be a tensor: ${text}.`)
    expect(() => params(other.Dense(2, 1))).toThrow(`params: weight is ${text}. Import it from one place: npm ls fluxtape.`)
    expect(() => params(theirs)).toThrow(`params: the model is ${text}.`)
    const oneCopy = 'Import it from one place: npm ls fluxtape.'
    const theirModel = other.Dense(2, 1)
    const own = Dense(2, 1)
    for (const [message, call] of [
      ['clone: a tensor in it is', () => clone(theirs)],
      ['clone: a tensor in it is', () => clone({ list: [theirs] })],
      ['clone: a tensor in it is', () => clone(theirModel)],
      ['state: w is', () => state({ w: theirs })],
      ['state: weight is', () => state(theirModel)],
      ['freeze: the model is', () => freeze(theirs)],
      ['thaw: weight is', () => thaw(theirModel)],
      ['saveSafetensors: w is', () => saveSafetensors({ w: theirs })],
      ['loadState: weight is', () => loadState(theirModel, state(own))],
      ["loadState: a tensor is needed for 'weight':", () => loadState(own, { weight: theirs, bias: ones([1]) })],
      ["loadState: a tensor is needed for 'weight':", () => loadState(own, other.state(theirModel) as never)],
      ...[theirs, [theirs, theirs], [ones([2]), theirs], { x: theirs }].flatMap((data, i) => [
        [`DataLoader: a tensor is needed:`, () => new DataLoader(data as Tensor), i] as const,
        [`splitObs: a tensor is needed:`, () => splitObs(data as Tensor, { at: 0.5 }), i] as const,
      ]),
      ['Dense: a tensor is needed:', () => Dense(theirs)],
      ['Dense: a tensor is needed:', () => Dense(ones([2, 1]), theirs)],
      ['Dense: a tensor is needed:', () => Dense(2, 1, relu, { bias: theirs })],
      ['Dense: a tensor is needed:', () => Dense(2, 1, relu, { init: () => theirs })],
      ['zerosLike: a tensor is needed:', () => zerosLike(theirs)],
      ['logitCrossEntropy: a tensor is needed:', () => logitCrossEntropy(ones([1, 2]), tensor([0]), { weight: theirs })],
      ['accuracy: a batch is [x, y], inputs and targets:', () => accuracy(own, [theirs, theirs])],
    ] as const)
      expect(thrown(call)).toMatch(new RegExp(`^TypeError: ${message.replace(/[[\]]/g, '\\$&')} ${text}`))
    for (const call of [() => clone(theirs), () => new DataLoader([theirs, theirs]), () => Dense(theirs)])
      expect(thrown(call)).toContain(oneCopy)
    expect(() => tensor([ones([2]), theirs])).toThrow(`tensor: an element is no number: ${text}.`)
  })
})
