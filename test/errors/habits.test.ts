// What comes from other libraries says what it is called here.
import {
  Adam,
  BatchNorm,
  Chain,
  Conv,
  DataLoader,
  Dense,
  Descent,
  gradient,
  layer,
  MaxPool,
  OptimizerChain,
  ones,
  params,
  relu,
  Tensor,
  tensor,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { thrown } from './thrown.ts'

const model = Chain(Dense(2, 1))
const x = ones([2, 2])
const read = (target: unknown, name: string) => (target as Record<string, unknown>)[name]

describe('a name of another library', () => {
  it.each<[text: string, target: object, name: string]>([
    ['A model: there is no fit here. Write train(loss, params(model), data, Adam()).', model, 'fit'],
    ['A model: there is no predict here. Write model(x).', model, 'predict'],
    ['A model: there is no forward here. Write model(x).', Dense(1, 1), 'forward'],
    ['A model: there is no parameters here. Write params(model).', model, 'parameters'],
    ['A model: there is no eval here. A model trains while a gradient is being taken, and is in test mode otherwise.', model, 'eval'],
    ['Tensor: there is no backward here. Write gradient(() => loss, params(model)), or train.', x, 'backward'],
    ['Tensor: there is no T here. Write x.transpose(), which swaps the last two axes, or x.permute(axes).', x, 'T'],
    ['Tensor: there is no numpy here. Write x.data(), or x.toArray().', x, 'numpy'],
    ['Tensor: there is no detach here. Write stopGradient(x).', x, 'detach'],
    ['Tensor: there is no equals here. Write x.equal(y).all().item().', x, 'equals'],
    ['Tensor: there is no length here. x.shape[0] counts rows, x.size elements.', x, 'length'],
    ['Tensor: there is no [10] here. x.slice([i]) is a row, x.data()[i] an element.', x, '10'],
    ['Optimizer: there is no step here. Write update(opt, ps, grads), or train.', Adam(), 'step'],
    ['Tensor: there is no gt here. Write x.greater(y).', x, 'gt'],
    ['Tensor: there is no unsqueeze here. Write x.expandDims(axis).', x, 'unsqueeze'],
    ['Tensor: there is no expand here. Write x.broadcastTo(shape).', x, 'expand'],
    ['Tensor: there is no clip here. Write x.clamp(low, high).', x, 'clip'],
    ['Tensor: there is no cumprod here. Write x.log().cumsum(axis).exp(), of what is above 0.', x, 'cumprod'],
    ['Tensor: there is no masked_fill here. Write where(mask, value, x).', x, 'masked_fill'],
    ['Tensor: there is no cat here. Write concat([x, y]).', x, 'cat'],
    ['Params: there is no length here. ps.size counts parameters.', params(model), 'length'],
    ['Optimizer: there is no lr here. opt.hyper.eta is read, adjust(opt, 0.01) changes it.', Adam(), 'lr'],
    ['Optimizer: there is no zeroGrad here. Gradients are returned, and do not add up.', Adam(), 'zeroGrad'],
    ['Optimizer: there is no zero_grad here. Gradients are returned, and do not add up.', OptimizerChain(Adam()), 'zero_grad'],
  ])('%s', (text, target, name) => {
    expect(thrown(() => read(target, name))).toBe(`TypeError: ${text}`)
    expect(Object.keys(target)).not.toContain(name)
  })

  it('is free for fields of a layer, and for links of a chain', () => {
    const own = layer('Own', { forward: ones([1]), backward: Dense(1, 1) }, (self, input: Tensor) => self.backward(input.mul(self.forward)))
    expect(params(own).paths()).toEqual(['forward', 'backward.weight', 'backward.bias'])
    const both = Chain({ forward: Dense(2, 2), predict: Dense(2, 1) })
    expect(both.forward.weight.shape).toEqual([2, 2])
    expect(both(x).shape).toEqual([2, 1])
    const open = Object.assign(Dense(1, 1), { fit: ones([1]) })
    expect(params(open).paths()).toEqual(['weight', 'bias', 'fit'])
    expect(() => Chain({ apply: relu })).toThrow("a layer cannot be named 'apply'")
  })

  it('an option that was read when a layer was made is not assigned without a word', () => {
    const wayOut =
      'It was read when the layer was made: make another one, of the same weight if need be, as in Conv(conv.weight, conv.bias, relu, { stride: 2 })'
    for (const [target, name] of [
      [Conv([3], 1, 1), 'stride'],
      [Conv([3], 1, 1), 'flipKernel'],
      [BatchNorm(2), 'trackStats'],
      [model, 'groups'],
    ] as const) {
      // biome-ignore format: one row a case
      expect(thrown(() => Object.assign(target, { [name]: 2 }))).toBe(`TypeError: A model: '${name}' cannot be assigned. ${wayOut}.`)
    }
    const pool = Object.assign(MaxPool(2), { stride: 1 })
    expect(pool(ones([1, 1, 4])).shape).toEqual([1, 1, 3])
  })

  it.each(['trainable', 'requires_grad'])('is not assigned to a layer without a word: %s', name => {
    const wayOut = 'Write freeze(model), or freeze(model.weight); thaw undoes it'
    for (const target of [model, model[0]])
      expect(thrown(() => Object.assign(target, { [name]: false }))).toBe(`TypeError: A model: '${name}' cannot be assigned. ${wayOut}.`)
    expect(read(model, name)).toBe(undefined)
    const own = Object.assign(
      layer('Own', { [name]: ones([1]) }, (_, input: Tensor) => input),
      { [name]: ones([2]) },
    )
    expect(params(own).paths()).toEqual([name])
  })

  it('is no promise and no obstacle to comparing', async () => {
    expect(await model).toBe(model)
    expect(await x).toBe(x)
    expect({ model, x }).toEqual({ model, x })
    expect(gradient(m => m(x).sum(), model)).toHaveLength(1)
  })
})

/** What Jest reads of both sides of a comparison that fails, and serializers read: every property of every prototype. */
function readAll(value: object): unknown[] {
  const read: unknown[] = []
  for (let at: object | null = value; at && at !== Object.prototype && at !== Function.prototype; at = Object.getPrototypeOf(at)) {
    for (const name in at) read.push(name)
    for (const name of Reflect.ownKeys(at)) read.push(Reflect.get(value, name))
  }
  return read
}
const asked = [
  'asymmetricMatch',
  '$$typeof',
  'nodeType',
  'tagName',
  '@@__IMMUTABLE_ITERABLE__@@',
  'then',
  'inspect',
  'schema',
  'get',
  'has',
]

describe('what compares and prints meets no hint', () => {
  const ps = params(model)
  it.each<[name: string, value: object]>([
    ['a tensor', x],
    ['a scalar', x.sum()],
    ['a transposition that waits', x.transpose()],
    ['a model', model],
    ['an optimizer', Adam()],
    ['Params', ps],
    ['gradients', gradient(() => model(x).sum(), ps)],
  ])('%s', (_, value) => {
    expect(() => readAll(value)).not.toThrow()
    for (const name of asked) expect(() => read(value, name)).not.toThrow()
    expect(Object.prototype.toString.call(value)).toBe(typeof value === 'function' ? '[object Function]' : '[object Object]')
  })

  it('and a comparison that fails shows both sides', () => {
    expect(thrown(() => expect(tensor([1, 2])).toEqual(tensor([1, 3])))).toMatch(/\[1, 2\] to deeply equal .*\n\[1, 3\]$/)
    expect(thrown(() => expect({ loss: tensor(1) }).toStrictEqual({ loss: tensor(2) }))).toContain('to strictly equal')
    expect(thrown(() => expect(Dense(1, 1)).toEqual(Dense(1, 1)))).toContain('[Function Dense]')
    expect(thrown(() => expect(ones([3])).toHaveLength(2))).toContain('x.shape[0] counts rows')
  })
})

const any = { Tensor, Adam, Dense, Chain, tensor } as unknown as Record<string, new (...args: unknown[]) => unknown>
class Net {
  w = Dense(1, 1)
  forward(input: Tensor): Tensor {
    return input
  }
}
const module = " Write a class with forward as layer('Own', { w }, (self, x) => y)."

describe('a call as another library has it', () => {
  it.each<[text: string, call: () => unknown]>([
    ['Tensor: new is for the library alone. Write tensor(data, shape), or zeros(shape).', () => new any.Tensor([1, 2])],
    ['Tensor: new is for the library alone. Write tensor(data, shape), or zeros(shape).', () => new any.Tensor([1, 2], 'float32')],
    [`Chain: every link is a layer or a function: number 0 is object.${module}`, () => Chain(new Net() as never)],
    [`Chain: every link is a layer or a function: number 1 is a class.${module}`, () => Chain(relu, Net as never)],
    [`Chain: every link is a layer or a function: 'net' is object.${module}`, () => Chain({ net: new Net() as never })],
    ['Chain: every link is a layer or a function: number 0 is an array. Write Chain(...layers) for a list.', () => Chain([relu] as never)],
    [
      'view: there are 2 arguments too many: 2 and -1 came. Another shape is x.reshape(shape).',
      () => (x.view as (...shape: number[]) => unknown)(2, -1),
    ],
    [
      'DataLoader: data is a tensor, a typed array, a list, or a record of these: a GeneratorFunction came. Call it: f(), or for each epoch anew write { [Symbol.iterator]: f }.',
      () => new DataLoader(function* () {} as never),
    ],
    [
      'DataLoader: data is a tensor, a typed array, a list, or a record of these: an AsyncGeneratorFunction came. Call it: rows(), or for each epoch anew write { [Symbol.asyncIterator]: rows }.',
      () => new DataLoader(async function* rows() {} as never),
    ],
    ['linear: a tensor is needed: an array. Make one with tensor(...).\nin Chain[0]: Dense(2, 1)', () => model([1, 2] as never)],
    [
      'tensor: an element is no number: a Date. Elements are numbers or booleans; convert the others first, a date to days or hours since another: float32 rounds its milliseconds.',
      () => tensor([new Date(0)] as never),
    ],
    [
      'tensor: an element is no number: a Map. Elements are numbers or booleans; convert the others first.',
      () => tensor(new Map() as never),
    ],
  ])('%s', (text, call) => expect(thrown(call)).toBe(`TypeError: ${text}`))

  it('new before an optimizer or a layer changes nothing', () => {
    expect(String(new any.Adam(0.1))).toBe(String(Adam(0.1)))
    expect(String(new any.Dense(2, 1))).toBe(String(Dense(2, 1)))
    expect(params(new any.Chain(Dense(2, 1))).size).toBe(2)
    expect(String(OptimizerChain(Descent(1)))).toBe('OptimizerChain(Descent(eta: 1))')
  })
})
