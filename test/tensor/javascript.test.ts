// A tensor in JavaScript's own hands: operators, assignment, iteration, JSON, cloning.
import {
  Adam,
  arange,
  Chain,
  clone,
  DataLoader,
  Dense,
  Descent,
  gradient,
  layer,
  loadState,
  memory,
  OptimizerChain,
  ones,
  params,
  relu,
  rule,
  state,
  type Tensor,
  tensor,
  train,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

const x = tensor([
  [1, 2],
  [3, 4],
])
const one = tensor([[3]])

describe('where JavaScript wants a number, a tensor of one element', () => {
  const any = one as unknown as number
  it.each<[text: string, value: unknown, wanted: unknown]>([
    ['Number', Number(one), 3],
    ['+', +any, 3],
    ['Math.sqrt', Math.sqrt(tensor(4) as never), 2],
    ['<', any < 4, true],
    ['*', any * 2, 6],
    ['+ 1', any + 1, 4],
    ['int32', Number(tensor([7], { dtype: 'int32' })), 7],
    ['bool', Number(tensor(true)), 1],
    ["'x: ' +", `x: ${String(+any)}`, 'x: 3'],
    ['if', one ? 1 : 0, 1],
  ])('converts: %s', (_, value, wanted) => expect(value).toBe(wanted))

  it('prints in templates and by String, of any size', () => {
    expect(`${one}`).toBe('Tensor float32 [1, 1]\n[[3]]')
    expect(String(x)).toBe('Tensor float32 [2, 2]\n[[1, 2],\n [3, 4]]')
    expect([x].join()).toBe(String(x))
  })

  const operators = 'operators take a tensor of one element alone'
  const wayOut = 'Write x.add(y), x.mul(y) or x.less(y), and a template for a text.'
  it.each<[text: string, call: (t: never) => unknown]>([
    ['*', t => t * 2],
    ['+ 1', t => t + 1],
    ["+ ''", (t, empty = '') => t + empty],
    ['<', t => t < 1],
    ['Number', t => Number(t)],
    ['Math.max', t => Math.max(t)],
  ])('refuses more elements: %s', (_, call) => {
    expect(() => call(x as never)).toThrow(new TypeError(`Tensor: ${operators}: [2, 2] came. ${wayOut}`))
    expect(() => call(zeros([0]) as never)).toThrow(new TypeError(`Tensor: ${operators}: [0] came. ${wayOut}`))
  })

  it('refuses while it is tracked, and does not otherwise', () => {
    const text =
      'Tensor: as a number it would leave the gradient that is being taken. Write x.add(y), x.mul(y) or x.less(y); item() is the number.'
    expect(() => gradient((t: Tensor) => tensor((t as never) * 2), 3)).toThrow(new TypeError(text))
    expect(() => gradient((t: Tensor) => ((t.mul(2) as never) < 1 ? t : t.neg()), 3)).toThrow(new TypeError(text))
    expect(gradient((t: Tensor) => t.mul((one as never) * 2), 3)[0].item()).toBe(6)
    expect(gradient((t: Tensor) => (t.item() > 1 ? t.mul(2) : t), 3)[0].item()).toBe(2)
  })

  it('refuses a released one', () => {
    const gone = tensor(1)
    gone.dispose()
    expect(() => Number(gone)).toThrow('the tensor has been released')
    expect(`${gone}`).toBe('Tensor float32 [] (released)')
  })
})

it('prints int32 whole', () => {
  expect(String(tensor([123456789, -2147483648], { dtype: 'int32' }))).toBe('Tensor int32 [2]\n[  123456789, -2147483648]')
})

describe('assigning what is not there throws', () => {
  const opt = Adam()
  const ps = params(x)
  const loader = new DataLoader(x, { batchSize: 2 })
  const grads = gradient(() => x.sum(), ps)
  const elements = 'Elements do not change: compute a new tensor with where or scatterAdd, or write all with x.assign(y).'
  const adjust = 'Write adjust(opt, 0.01) for the learning rate, or adjust(opt, { name: value }).'
  it.each<[name: string, target: object, text: string]>([
    ['0', x, `Tensor: '0' cannot be assigned. ${elements}`],
    ['shape', x, "Tensor: 'shape' cannot be assigned. x.reshape(shape) gives another tensor."],
    ['dtype', x, "Tensor: 'dtype' cannot be assigned. x.cast(dtype) gives another tensor."],
    ['size', x, "Tensor: 'size' cannot be assigned. What belongs to a tensor can stand in a WeakMap."],
    ['rank', x, "Tensor: 'rank' cannot be assigned. What belongs to a tensor can stand in a WeakMap."],
    ['grad', x, "Tensor: 'grad' cannot be assigned. What belongs to a tensor can stand in a WeakMap."],
    [
      'requires_grad',
      x,
      "Tensor: 'requires_grad' cannot be assigned. gradient and params take every float32 tensor; freeze(x) takes it out.",
    ],
    ['lr', opt, `Adam: 'lr' cannot be assigned. ${adjust}`],
    ['hyper', opt, `Adam: 'hyper' cannot be assigned. ${adjust}`],
    ['eta', OptimizerChain(opt), `OptimizerChain: 'eta' cannot be assigned. ${adjust}`],
    ['eta', rule('Own', { hyper: { eta: 1 }, step: (_, __, ___, g) => g })(), `Own: 'eta' cannot be assigned. ${adjust}`],
    ['shuffle', loader, "DataLoader: 'shuffle' cannot be assigned. Make another loader with other options."],
    ['size', ps, "Params: 'size' cannot be assigned. add and delete change what is in it."],
    ['W', ps, "Params: 'W' cannot be assigned. add and delete change what is in it."],
    ['W', grads, "Grads: 'W' cannot be assigned. get(parameter) reads a gradient; write one with assign."],
  ])('%s', (name, target, text) => {
    expect(() => Object.assign(target, { [name]: 1 })).toThrow(new TypeError(text))
    expect(() => {
      new Function('target', 'name', 'target[name] = 1')(target, name)
    }).toThrow(new TypeError(text))
    expect(Object.keys(target)).not.toContain(name)
  })

  it('but not to what has fields of its own', () => {
    class Mine extends DataLoader<Tensor> {
      mine = 0
    }
    const mine = Object.assign(new Mine(x), { other: 1 })
    expect([mine.mine, mine.other, mine.length]).toEqual([0, 1, 2])
    const model = Dense(1, 1)
    Object.assign(model, { extra: ones([1]) })
    expect(params(model).paths()).toEqual(['weight', 'bias', 'extra'])
  })

  it('and a tensor is still an object like others', () => {
    expect(x instanceof Object).toBe(true)
    expect(Object.hasOwn(x, 'shape')).toBe(false)
    expect((x as { then?: unknown }).then).toBe(undefined)
  })
})

describe('rows of a tensor', () => {
  const lists = (rows: Iterable<Tensor>) => Array.from(rows, row => row.toArray())
  it('are what it is iterated by', () => {
    expect(lists(x)).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect([...arange(3)].map(each => [each.rank, each.item()])).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
    ])
    const [first, second] = x
    expect([first.toArray(), second.toArray()]).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect([...zeros([0, 2])]).toEqual([])
  })

  it('a scalar has none', () => {
    expect(() => [...tensor(1)]).toThrow(TypeError)
    expect(() => Array.from(tensor(1))).toThrow('Tensor: there is no length here.')
  })

  it('are on the tape', () => {
    const [g] = gradient((t: Tensor) => [...t].reduce((sum, row, i) => sum.add(row.sum().mul(i)), tensor(0)), x)
    expect(g.toArray()).toEqual([
      [0, 0],
      [1, 1],
    ])
  })

  it('are no batches', () => {
    const model = Dense(2, 1)
    const loss = (batch: Tensor) => model(batch).mean()
    // @ts-expect-error a tensor is no iterable of batches
    expect(() => train(loss, params(model), x, Descent())).toThrow('train: the data is an iterable of batches')
    // @ts-expect-error nor of those of a validation
    expect(() => train(loss, params(model), [x], Descent(), { validation: x })).toThrow(TypeError)
  })
})

describe('JSON', () => {
  const round = (value: unknown) => JSON.parse(JSON.stringify(value))
  it.each<[name: string, value: Tensor]>([
    ['float32', tensor([[0.1, -2.5e-30]])],
    ['what JSON has no numbers for', tensor([Number.NaN, 1 / 0, -1 / 0, -0, 0])],
    ['int32', tensor([1, -(2 ** 31)], { dtype: 'int32' })],
    ['uint8', tensor(new Uint8Array([0, 255]))],
    ['bool', tensor([true, false])],
    ['a scalar', tensor(4)],
    ['nothing', zeros([2, 0])],
    ['a transposition', x.transpose()],
  ])('gives a tensor back: %s', (_, value) => {
    const again = tensor(round(value))
    expect([again.shape, again.dtype, again.data()]).toEqual([value.shape, value.dtype, value.data()])
  })

  it('says what a tensor is', () => {
    expect(JSON.stringify(tensor([1, Number.NaN]))).toBe('{"shape":[2],"dtype":"float32","data":[1,"NaN"]}')
    expect(tensor(round(x), { dtype: 'int32' }).dtype).toBe('int32')
    expect(() => tensor({ shape: [2], dtype: 'float32', data: ['1', '2'] })).toThrow(TypeError)
    expect(() => tensor({ shape: [3], dtype: 'float32', data: [1, 2] })).toThrow('the shape does not hold the data')
  })

  it('of a model or a state is a table by path, which loadState takes', () => {
    const model = Chain(Dense(2, 3, relu), Dense(3, 1))
    const paths = ['layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias']
    for (const written of [model, state(model)]) {
      expect(Object.keys(round(written))).toEqual(paths)
      const other = Chain(Dense(2, 3, relu), Dense(3, 1))
      loadState(other, round(written))
      expect(other(ones([1, 2])).toArray()).toEqual(model(ones([1, 2])).toArray())
    }
    const record = { a: Dense(1, 1), b: x }
    const other = clone(record)
    other.a.weight.assign(zeros([1, 1]))
    loadState(other, round(record))
    expect(other.a.weight.toArray()).toEqual(record.a.weight.toArray())
  })

  it('of gradients and of a Params is a table by path', () => {
    const model = { a: Dense(2, 1), b: ones([1]) }
    const ps = params(model)
    const grads = gradient(() => model.a(x).sum(), ps)
    expect(Object.keys(round(grads))).toEqual(['a.weight', 'a.bias'])
    expect(tensor(round(grads)['a.weight']).toArray()).toEqual([[4, 6]])
    expect(round(ps)).toEqual(round(state(model)))
    expect(round(gradient(m => m.a(x).sum(), model))[0].a.bias).toEqual({ shape: [1], dtype: 'float32', data: [2] })
  })

  it('leaves nothing behind, and says what does not fit', () => {
    const model = Dense(2, 1)
    const text = JSON.stringify(model)
    const before = memory()
    loadState(model, JSON.parse(text))
    expect(() => loadState(model, { ...JSON.parse(text), odd: round(x) })).toThrow('not in the model: odd')
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
  })
})

describe('a clone by the runtime is refused', () => {
  const gone = ones([1])
  gone.dispose()
  it.each<[name: string, value: () => unknown]>([
    ['a tensor', () => x],
    ['a view', () => x.reshape([4])],
    ['a transposition that waits', () => x.transpose()],
    ['an empty one', () => zeros([0])],
    ['a list of tensors', () => [x]],
    ['a released one', () => gone],
    ['Params', () => params(x)],
    ['a state', () => state(Dense(1, 1))],
    ['a loader', () => new DataLoader(x)],
    ['a model', () => Dense(1, 1)],
    ['an optimizer', () => Adam()],
  ])('%s', (_, value) => {
    const { port1, port2 } = new MessageChannel()
    for (const copy of [structuredClone, (each: unknown) => port1.postMessage(each)]) {
      expect(() => copy(value())).toThrow(expect.objectContaining({ name: 'DataCloneError' }))
    }
    port1.close()
    port2.close()
  })

  it('says what to send', () => {
    expect(() => structuredClone(x)).toThrow('send its data() and shape')
    for (const model of [Dense(1, 1), Chain(relu), layer('Own', {}, (_, input: Tensor) => input)])
      expect(() => structuredClone({ model })).toThrow('a model, which lies in the memory of its own thread (send saveSafetensors(model))')
  })
})
