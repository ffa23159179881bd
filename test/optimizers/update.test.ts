import {
  Adam,
  AdamW,
  apply,
  Chain,
  Dense,
  Descent,
  freeze,
  gradient,
  Momentum,
  memory,
  mse,
  ones,
  optimizerState,
  params,
  ReleasedError,
  relu,
  ShapeError,
  setup,
  type Tensor,
  tensor,
  thaw,
  update,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

const x = tensor([
  [1, 2],
  [3, 4],
])
const y = tensor([[1], [0]])
const make = () =>
  Chain(
    Dense(
      tensor([
        [0.5, -0.25],
        [0.75, 1],
      ]),
      tensor([0.1, 0.2]),
      relu,
    ),
    Dense(tensor([[1, -1]]), tensor([0.5])),
  )
const bits = (model: unknown) => [...params(model)].map(p => p.data())

describe('the three forms of update', () => {
  it('take the same step to the same bits', () => {
    const [one, set, tree] = [make(), make(), make()]
    const opts = [Adam(0.1), Adam(0.1), Adam(0.1)]
    const state = setup(opts[2], tree)
    for (let step = 0; step < 3; step++) {
      const grads = gradient(() => mse(one(x), y), params(one))
      for (const [p, g] of grads) update(opts[0], p, g, { keep: true })
      opts[0].steps = step + 1
      update(
        opts[1],
        params(set),
        gradient(() => mse(set(x), y), params(set)),
      )
      const [gradients] = gradient(model => mse(model(x), y), tree)
      update(state, tree, gradients)
    }
    expect(bits(set)).toEqual(bits(one))
    expect(bits(tree)).toEqual(bits(one))
    expect(bits(one)).not.toEqual(bits(make()))
  })

  it('write in place', () => {
    const w = tensor([1, 2])
    const view = w.reshape([2, 1])
    update(Descent(1), w, tensor([1, 1]))
    expect([w.toArray(), view.toArray()]).toEqual([
      [0, 1],
      [[0], [1]],
    ])
  })

  it('take models that are arrays, Maps and objects', () => {
    const model = { list: [tensor([1]), tensor([2])], map: new Map([['k', tensor([3])]]) }
    const [gradients] = gradient(
      m =>
        m.list[0]
          .mul(2)
          .add(m.list[1])
          .add(m.map.get('k')?.mul(3) ?? 0)
          .sum(),
      model,
    )
    update(setup(Descent(1), model), model, gradients)
    expect([...params(model)].map(p => p.item())).toEqual([-1, 1, 0])
  })

  it('update a tied tensor once, by the sum over its places', () => {
    const w = tensor([1])
    const model = { a: w, b: w }
    const [gradients] = gradient(m => m.a.mul(2).add(m.b.mul(3)).sum(), model)
    update(setup(Descent(1), model), model, gradients)
    expect(w.item()).toBe(-4)
  })
})

describe('an absent gradient', () => {
  it('leaves the parameter, its momenta and its count untouched', () => {
    const [a, b] = [tensor([1]), tensor([1])]
    const ps = params(a, b)
    const opt = Adam(0.1)
    update(
      opt,
      ps,
      gradient(() => a.add(b).sum(), ps),
    )
    const [bits, slot] = [b.item(), optimizerState(opt, ps)]
    const before = ['1.t', '1.m', '1.v'].map(path => valueOf(slot.get(path)))
    update(
      opt,
      ps,
      gradient(() => a.square().sum(), ps),
    )
    expect(b.item()).toBe(bits)
    const after = optimizerState(opt, ps)
    expect(['1.t', '1.m', '1.v'].map(path => valueOf(after.get(path)))).toEqual(before)
    expect([after.get('0.t'), after.get('steps')]).toEqual([2, 2])
  })

  it('makes no slot for a parameter that was never reached', () => {
    const [a, b] = [tensor([1]), tensor([1])]
    const ps = params(a, b)
    const opt = Momentum()
    update(
      opt,
      ps,
      gradient(() => a.sum(), ps),
    )
    expect([...optimizerState(opt, ps).keys()]).toEqual(['steps', '0.t', '0.v'])
  })

  it('is not a gradient of zeros, which steps', () => {
    const w = tensor([1])
    const opt = Momentum(1, 0.5)
    update(opt, w, tensor([1]))
    expect(w.item()).toBe(0)
    update(opt, w, zeros([1]))
    expect(w.item()).toBe(-0.5)
    const decayed = tensor([1])
    update(AdamW({ eta: 0.5, lambda: 0.5 }), decayed, zeros([1]))
    expect(decayed.item()).toBe(0.75)
  })

  it('of a part of a model skips that part', () => {
    const model = { a: tensor([1]), b: { c: tensor([1]), d: tensor([1]) } }
    const [gradients] = gradient(m => m.b.c.sum(), model)
    update(setup(Descent(1), model), model, gradients)
    expect([...params(model)].map(p => p.item())).toEqual([1, 0, 1])
  })

  it('everywhere is an error', () => {
    const [w, other] = [ones([1]), ones([1])]
    const ps = params(w)
    const opt = Adam()
    const message = 'update: no parameter has a gradient. None of them took part in the loss; are they those that the model uses?'
    expect(() =>
      update(
        opt,
        ps,
        gradient(() => other.sum(), ps),
      ),
    ).toThrow(new TypeError(message))
    const [none] = gradient(() => other.sum(), { w })
    expect(() => update(setup(opt, { w }), { w }, none)).toThrow(new TypeError(message))
    expect([opt.steps, w.item()]).toEqual([0, 1])
  })
})

describe('a frozen parameter', () => {
  it('is not changed by a gradient that is given for it, nor are its momenta', () => {
    const [a, b] = [tensor([1]), tensor([1])]
    const model = { a, b }
    const opt = Momentum(1, 0.5)
    const state = setup(opt, model)
    update(state, model, { a: ones([1]), b: ones([1]) })
    freeze(b)
    update(state, model, { a: ones([1]), b: ones([1]) })
    expect([a.item(), b.item()]).toEqual([-1.5, 0])
    thaw(b)
    update(state, model, { a: zeros([1]), b: zeros([1]) })
    expect([a.item(), b.item()]).toEqual([-2.25, -0.5])
  })
})

describe('the gradients', () => {
  it('are spent: readable until the next outermost gradient, then freed', () => {
    const w = tensor([1])
    const ps = params(w)
    const grads = gradient(() => w.square().sum(), ps)
    update(Descent(0.1), ps, grads)
    const g = grads.get(w) as Tensor
    expect(g.item()).toBe(2)
    gradient(() => w.sum(), ps)
    expect(() => g.item()).toThrow(ReleasedError)
  })

  it('stay where `keep` says so', () => {
    const w = tensor([1])
    const ps = params(w)
    const grads = gradient(() => w.square().sum(), ps)
    update(Descent(0.1), ps, grads, { keep: true })
    gradient(() => w.sum(), ps)
    expect(grads.get(w)?.item()).toBe(2)
  })

  it('of a hand-written loop leave memory flat', () => {
    const model = make()
    const opt = Adam(0.01)
    const step = () =>
      update(
        opt,
        params(model),
        gradient(() => mse(model(x), y), params(model)),
      )
    step()
    step()
    const { tensors, bytes } = memory()
    for (let i = 0; i < 50; i++) step()
    expect([memory().tensors, memory().bytes]).toEqual([tensors, bytes])
  })

  it('of another shape are an error, and nothing is updated', () => {
    const model = { a: tensor([1, 2]), b: tensor([1, 2]) }
    const state = setup(Descent(1), model)
    expect(() => update(state, model, { a: ones([2]), b: ones([1, 2]) })).toThrow(ShapeError)
    expect(() => update(Descent(1), model.a, ones([2, 1]))).toThrow(
      'update: a gradient has another shape than its parameter: [2, 1] for [2].',
    )
    expect(model.a.toArray()).toEqual([1, 2])
  })

  it('that were released are named', () => {
    const [w, g] = [ones([1]), ones([1])]
    g.dispose()
    expect(() => update(Descent(1), w, g)).toThrow(ReleasedError)
    expect(w.item()).toBe(1)
  })
})

describe('apply', () => {
  it('returns the step without taking it, and moves the momenta on', () => {
    const [w, twin] = [tensor([1, 2]), tensor([1, 2])]
    const [opt, other] = [Adam(0.1), Adam(0.1)]
    for (const g of [
      [1, -2],
      [0.5, 3],
    ]) {
      const before = w.data()
      const step = apply(opt, w, tensor(g))
      expect(w.data()).toEqual(before)
      update(other, twin, tensor(g))
      w.assign(w.sub(step))
    }
    expect(w.data()).toEqual(twin.data())
    expect([opt.steps, optimizerState(opt, params(w)).get('0.t')]).toEqual([2, 2])
  })

  it('does not consume the gradient', () => {
    const [w, g] = [tensor([1]), tensor([2])]
    apply(Descent(0.5), w, g)
    gradient(() => w.sum(), params(w))
    expect(g.item()).toBe(2)
  })
})

describe('setup', () => {
  it('refuses a model without parameters, and what is no optimizer', () => {
    expect(() => setup(Adam(), (input: Tensor) => input)).toThrow(
      new TypeError('setup: the model has no trainable tensor. A closure hides its own: make the model with layer(...) or Chain(...).'),
    )
    expect(() => setup({ eta: 1 } as never, make())).toThrow(
      new TypeError('setup: the first argument is an optimizer: object came. Write setup(Adam(), model).'),
    )
  })
})

describe('styles do not mix', () => {
  const model = make()
  const ps = params(model)
  const grads = () => gradient(() => mse(model(x), y), ps)
  const trees = () => gradient(m => mse(m(x), y), model)
  it.each([
    [
      'a rule with a model',
      () => update(Adam(), model as never, trees()[0] as never),
      'update: a model is updated with a state: an optimizer came. Write const state = setup(opt, model) once, then update(state, model, gradient).',
    ],
    [
      'Grads with a model',
      () => update(setup(Adam(), model), model, grads() as never),
      'update: Grads go with the Params they were taken by: a model came. Write update(opt, ps, grads).',
    ],
    [
      'Grads with a model and a rule',
      () => update(Adam(), model as never, grads() as never),
      'update: Grads go with the Params they were taken by: a model came. Write update(opt, ps, grads).',
    ],
    [
      'a tree with a Params',
      () => update(Adam(), ps, trees()[0] as never),
      "update: a Params goes with the Grads of gradient(() => loss, ps): object came. A model's tree goes with setup(opt, model).",
    ],
    [
      'the list of gradients with a model',
      () => update(setup(Adam(), model), model, trees()),
      'update: the whole list of gradients came where one is wanted. gradient(f, model) gives one for each argument: take the first.',
    ],
    [
      'the list of gradients with a Params',
      () => update(Adam(), ps, trees() as never),
      'update: the whole list of gradients came where one is wanted. gradient(f, model) gives one for each argument: take the first.',
    ],
    [
      'Grads with a tensor',
      () => update(Adam(), [...ps][0], grads() as never),
      'update: the gradient of a tensor is a tensor: object came.',
    ],
    [
      'what is no optimizer',
      () => update(0.1 as never, ps, grads()),
      'update: the first argument is an optimizer or what setup gives: number came.',
    ],
    [
      'nothing',
      () => update(undefined as never, ps, grads()),
      'update: the first argument is an optimizer or what setup gives: undefined came.',
    ],
    [
      'the tree of another model',
      () => update(setup(Adam(), { a: ones([1]) }), { a: ones([1]) }, { b: ones([1]) }),
      'update: the gradients have another form than the model: at b.',
    ],
    [
      'a deeper tree',
      () => update(setup(Adam(), { a: ones([1]) }), { a: ones([1]) }, { a: { c: ones([1]) } }),
      'update: the gradients have another form than the model: at a.',
    ],
  ])('%s is an error that says what to write', (_, f, message) => {
    const before = bits(model)
    expect(f).toThrow(new TypeError(message))
    expect(bits(model)).toEqual(before)
  })

  it('an update inside a gradient is refused', () => {
    const w = ones([1])
    const careless = () => {
      update(Descent(1), w, ones([1]))
      return w.sum()
    }
    expect(() => gradient(careless, params(w))).toThrow(
      new TypeError(
        'update: a gradient is being taken, and parameters must not change meanwhile. Call update after gradient has returned.',
      ),
    )
    update(Descent(1), w, ones([1]))
    expect(w.item()).toBe(0)
  })
})

function valueOf(value: Tensor | number | undefined): unknown {
  return typeof value === 'object' ? value.toArray() : value
}
