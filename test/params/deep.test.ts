import {
  Chain,
  clone,
  Dense,
  Descent,
  freeze,
  gradient,
  type Layer,
  layer,
  loadState,
  ones,
  params,
  scope,
  setup,
  state,
  Tensor,
  tensor,
  thaw,
  train,
  trainStep,
  update,
  withGradient,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

const base = () => Chain(Dense(2, 1))
type Model = Layer<{ readonly layers: unknown }, [x: Tensor], Tensor>

/** A chain in a chain, and so on. */
function nested(depth: number): Model {
  let model: Model = base()
  for (let i = 0; i < depth; i++) model = Chain(model)
  return model
}

/** An object in which the one below stands twice, and so on: 2 ** depth places for one tensor. */
function doubled(depth: number, leaf: unknown): { a: unknown; b: unknown } {
  let model = { a: leaf, b: leaf }
  for (let i = 0; i < depth; i++) model = { a: model, b: model }
  return model
}

const x = ones([3, 2])

describe('a thousand chains in each other', () => {
  const model = nested(1000)

  it.each<readonly [string, () => unknown, unknown]>([
    ['params', () => params(model).size, 2],
    ['state', () => [...state(model).keys()][1].length, 'layers.0.'.length * 1001 + 4],
    ['loadState', () => loadState(model, state(model)).missing, []],
    ['freeze and thaw', () => [freeze(model) === model, thaw(model) === model], [true, true]],
    ['clone', () => (clone(model)(x) as Tensor).equal(model(x)).all().item(), 1],
    ['clone, its tensors', () => params(clone(model)).has([...params(model)][0]), false],
    ['String', () => String(model).split('\n').length, 2003],
    ['the forward pass', () => (model(x) as Tensor).shape, [3, 1]],
    ['gradient', () => gradient(() => (model(x) as Tensor).sum(), params(model)).size, 2],
    ['withGradient by the model', () => withGradient((m: Model) => (m(x) as Tensor).sum(), model).value.shape, []],
    ['trainStep', () => Number.isFinite(trainStep((m: Model) => (m(x) as Tensor).sum(), model, [], setup(Descent(0.1), model))), true],
  ])('%s', (_, run, expected) => {
    expect(scope(run)).toEqual(expected)
  })

  it('and thirty thousand objects in each other are walked, cloned, differentiated and updated', () => {
    const w = tensor([1, 2])
    let deep: unknown = w
    for (let i = 0; i < 3e4; i++) deep = i % 3 === 0 ? { deep } : i % 3 === 1 ? [deep] : new Map([['deep', deep]])
    expect([params(deep).size, params(clone(deep)).size]).toEqual([1, 1])
    const [gradients] = gradient(() => w.square().sum(), deep)
    update(setup(Descent(0.5), deep), deep, gradients)
    expect(w.toArray()).toEqual([0, 0])
  })
})

describe('parts that stand in a million places', () => {
  it('are mapped, updated and cloned once', () => {
    const w = tensor([3])
    const model = doubled(20, w)
    const [gradients] = gradient(() => w.square().sum(), model)
    update(setup(Descent(0.5), model), model, gradients)
    expect(w.toArray()).toEqual([0])
    const copy = clone(model)
    expect(copy.a).toBe(copy.b)
    expect(params(copy).size).toBe(1)
  })

  it('do not print a million lines', () => {
    let model: Model = Chain(Dense(1, 1), Dense(1, 1))
    for (let i = 0; i < 20; i++) model = Chain(model, model)
    expect(String(model).split('\n').length).toBeLessThan(2000)
    expect(String(model)).toContain('Chain(...)')
  })

  it('print a layer inside of itself once', () => {
    const own = layer('Own', { inner: [Dense(1, 1)] as unknown[] }, (_, input: Tensor) => input)
    own.inner.push(own)
    expect(String(own).split('\n').slice(2)).toEqual(['  Own(...),', ')'])
    expect(params(clone(own)).size).toBe(2)
    expect(clone(own).inner[1]).not.toBe(own)
  })
})

describe('a Set', () => {
  it('is walked by the explicit form as by params; its gradients are a list', async () => {
    const [a, b] = [tensor([1]), tensor([2])]
    const model = { parts: new Set([a, b]), none: new Set(['text']) }
    expect(params(model).paths()).toEqual(['parts.0', 'parts.1'])
    const [gradients] = gradient(m => [...m.parts][0].mul([...m.parts][1]).sum(), model)
    const { parts } = gradients as { parts: Tensor[] }
    expect(parts.map(part => part.toArray())).toEqual([[2], [1]])
    update(setup(Descent(1), model), model, gradients)
    expect([a.toArray(), b.toArray()]).toEqual([[-1], [1]])
    await train(
      (m: typeof model) => [...m.parts].map(p => p.square().sum()).reduce((p, q) => p.add(q)),
      model,
      [[]],
      setup(Descent(0.5), model),
    )
    expect([a.toArray(), b.toArray()]).toEqual([[0], [0]])
  })

  it('may be the model itself', () => {
    const w = tensor([2])
    const model = new Set([w])
    const [gradients] = gradient(() => w.square().sum(), model)
    update(setup(Descent(0.5), model), model, gradients)
    expect(w.toArray()).toEqual([0])
  })

  it('of layers prints its layers', () => {
    const own = layer('Own', { parts: new Set([Dense(1, 1)]), table: new Map([['k', Dense(1, 1)]]) }, (_, input: Tensor) => input)
    expect(String(own)).toMatch(/^Own\(\n {2}Dense\(1, 1\),.*\n {2}k = Dense\(1, 1\),/)
  })
})

describe('a field called like something of every object', () => {
  const fields = () => JSON.parse('{"__proto__": 0, "constructor": 0, "hasOwnProperty": 0, "toString": 0}') as Record<string, unknown>
  const made = () => {
    const model = fields()
    for (const key of Object.keys(model)) Object.defineProperty(model, key, { value: tensor([1, 2]) })
    return model as Record<string, Tensor>
  }
  const keys = Object.keys(fields())

  it('is cloned, and the prototype stays', () => {
    const copy = clone(made())
    expect(Object.keys(copy)).toEqual(keys)
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
    expect(params(copy).paths()).toEqual(keys)
    expect(Object.getPrototypeOf(clone({ deep: made() }).deep)).toBe(Object.prototype)
  })

  it('has a gradient and is updated', () => {
    const model = made()
    const [gradients] = gradient(m => [...params(m)].map(p => p.square().sum()).reduce((a, b) => a.add(b)), model)
    expect(Object.keys(gradients as object)).toEqual(keys)
    update(setup(Descent(0.5), model), model, gradients)
    for (const p of params(model)) expect(p.toArray()).toEqual([0, 0])
  })

  it('is no field of a model that has none: the tree has another form', () => {
    const w = tensor([1])
    const tree = JSON.parse('{"w": 0, "constructor": {"name": 0}}')
    tree.w = tensor([1])
    tree.constructor.name = tensor([1])
    const model = { w }
    expect(() => update(setup(Descent(1), model), model, tree)).toThrow(
      new TypeError('update: the gradients have another form than the model: at constructor.'),
    )
    expect(w.toArray()).toEqual([1])
  })
})

describe('clone', () => {
  it('copies views of bytes with bytes of their own', () => {
    const buffer = Uint8Array.of(1, 2, 3, 4)
    const source = { bytes: Buffer.from(buffer.buffer, 1, 2), view: new DataView(buffer.buffer, 2, 2), numbers: new Float64Array([0.1]) }
    const copy = clone(source)
    buffer.fill(9)
    expect([[...copy.bytes], copy.view.getUint8(0), copy.view.byteLength, copy.numbers[0]]).toEqual([[2, 3], 3, 2, 0.1])
    expect([Buffer.isBuffer(copy.bytes), copy.numbers.constructor]).toEqual([true, Float64Array])
  })

  it('keeps what was set on a chain later', () => {
    const model = Object.assign(Chain(Dense(1, 1)), { scale: tensor([1]) })
    const copy = clone(model)
    expect(copy.scale).toBeInstanceOf(Tensor)
    expect(copy.scale).not.toBe(model.scale)
    expect(copy[0]).toBe((copy.layers as readonly unknown[])[0])
  })
})
