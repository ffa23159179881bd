// Recurrent cells and layers: what the values of test/oracle do not say. Paths, initial values and states, modes, pieces of a sequence, other forms of a run.
import * as f from 'fluxtape'
import { describe, expect, it } from 'vitest'

const KINDS = ['RNN', 'LSTM', 'GRU', 'GRUv3'] as const
type State = f.Tensor | readonly f.Tensor[]
type Options = Readonly<Record<string, unknown>>
type AnyLayer = ((x: f.Tensor, state?: State | Options, options?: Options) => f.Tensor & [f.Tensor, State]) & { readonly Wi: f.Tensor }
const any = f as unknown as Readonly<Record<string, (...args: readonly unknown[]) => AnyLayer>>
const made = (kind: string, options: Options = {}) => {
  f.manualSeed(7)
  const layer = any[kind](3, 4, options)
  return layer
}
const x = f.tensor(
  Float32Array.from({ length: 2 * 6 * 3 }, (_, i) => Math.sin(i + 1)),
  [2, 6, 3],
)
const list = (state: State) => [state].flat() as readonly f.Tensor[]
const mapped = (state: State, g: (x: f.Tensor) => f.Tensor): State => (Array.isArray(state) ? state.map(g) : g(state as f.Tensor))
const datas = (ts: readonly f.Tensor[]) => ts.map(each => [...each.data()])
const near = (a: f.Tensor, b: f.Tensor, by = 1e-6) => expect(a.sub(b).abs().max().item()).toBeLessThan(by)

describe('the parameters of recurrent layers', () => {
  const paths = (kind: string, options: Options) => f.params(made(kind, options)).paths().join(' ')
  it.each([
    ['RNN', {}, 'Wi Wh bias'],
    ['RNN', { bias: false }, 'Wi Wh'],
    ['GRU', { recurrentBias: true }, 'Wi Wh bias hiddenBias'],
    ['GRUv3', {}, 'Wi Wh bias Wn'],
    ['LSTM', { trainState: true }, 'Wi Wh bias h0 c0'],
    ['RNN', { bidirectional: true }, 'Wi Wh bias backward.Wi backward.Wh backward.bias'],
    [
      'LSTM',
      { layers: 2, bidirectional: true, bias: false },
      'Wi Wh backward.Wi backward.Wh layers.1.Wi layers.1.Wh layers.1.backward.Wi layers.1.backward.Wh',
    ],
  ])('%s %o: %s', (kind, options, wanted) => expect(paths(kind, options)).toBe(wanted))

  it.each([
    ['RNN', 6 / 7, 3 / 4],
    ['LSTM', 6 / 19, 6 / 20],
    ['GRU', 6 / 15, 6 / 16],
    ['GRUv3', 6 / 15, 6 / 12],
  ])('%s begins within the bounds of its packed fans', (kind, ofWi, ofWh) => {
    f.manualSeed(1)
    const { Wi, Wh } = any[`${kind}Cell`](300, 400) as unknown as { Wi: f.Tensor; Wh: f.Tensor }
    const bounds = [Wi, Wh].map(each => each.abs().max().item() ** 2)
    expect(bounds[0] / (ofWi / 100)).toBeCloseTo(1, 2)
    expect(bounds[1] / (ofWh / 100)).toBeCloseTo(1, 2)
  })

  it('forgetBias is that of f alone; clones and states keep all', () => {
    expect(f.LSTM(1, 2, { forgetBias: 1 }).bias?.toArray()).toEqual([0, 0, 1, 1, 0, 0, 0, 0])
    for (const kind of KINDS) {
      const layer = made(kind, { layers: 2, bidirectional: true, trainState: true })
      const other = made(kind, { layers: 2, bidirectional: true, trainState: true })
      f.loadState(other, JSON.parse(JSON.stringify(f.state(layer))))
      for (const each of [other, f.clone(layer)]) expect([...each(x).data()]).toEqual([...layer(x).data()])
    }
  })
})

describe.each(KINDS)('%s', kind => {
  it('prints, and tells its sizes', () => {
    const layer = made(kind, { layers: 2, bidirectional: true, dropout: 0.1, returnState: true, bias: false })
    const text = `${kind}(3, 4, { layers: 2, bidirectional: true, dropout: 0.1, returnState: true, bias: false })`
    expect(String(layer).startsWith(`${text}  # `)).toBe(true)
    const state =
      kind === 'LSTM'
        ? [
            [4, 2, 4],
            [4, 2, 4],
          ]
        : [4, 2, 4]
    expect(f.outputSize(layer as never, [2, 6, 3])).toEqual([[2, 6, 8], state])
    expect(f.summary(made(kind) as never, [2, 6, 3])).toContain('[2, 6, 4]')
    expect(String(f.Recurrence(any[`${kind}Cell`](3, 4) as never))).toContain(`Recurrence(\n  ${kind}Cell(3, 4),`)
  })

  it('is its cell, step by step; and a Recurrence of it, by name or as a function', () => {
    const layer = made(kind, { returnState: true })
    const cell = made(`${kind}Cell`)
    const [y, state] = layer(x)
    let last: State = f.initialStates(cell as never) as State
    for (let t = 0; t < 6; t++) {
      const [out, next] = cell(x.slice([null, t]), last)
      near(out, y.slice([null, t]))
      last = next
    }
    list(last).forEach((each, i) => near(each, list(state)[i]))
    const lengths = [6, 2]
    const right = layer(x, { lengths })
    for (const own of [cell, (z: f.Tensor, s?: State) => cell(z, s)]) {
      const recurrence = f.Recurrence(own as never, { returnState: true }) as unknown as AnyLayer
      const [first, end] = recurrence(x, { lengths })
      near(first, right[0])
      list(end).forEach((each, i) => near(each, list(right[1])[i]))
    }
  })

  it('goes on in pieces from the state that it returned, and in a cache', () => {
    const layer = made(kind, { returnState: true, layers: 2 })
    const [y, state] = layer(x)
    const [first, between] = layer(x.slice(':, :2'))
    const [second, end] = layer(x.slice(':, 2:'), between)
    near(f.concat([first, second], 1), y)
    list(end).forEach((each, i) => near(each, list(state)[i]))
    const cache = f.Cache()
    const pieces = [':, :1', ':, 1:4', ':, 4:'].map(part => f.withCache(cache, () => layer(x.slice(part)))[0])
    near(f.concat(pieces, 1), y)
    near(layer(x.slice(':, :1'), { cache: f.Cache() })[0], y.slice(':, :1'))
    const both = made(kind, { bidirectional: true })
    expect(() => f.withCache(f.Cache(), () => both(x))).toThrow(`${kind}: there is a cache, and the layer goes backwards, too.`)
  })

  it('truncated backpropagation: the gradient of a piece sees the state before it as given', () => {
    const layer = made(kind, { returnState: true })
    const ps = f.params(layer)
    const [, before] = layer(x.slice(':, :3'))
    const loss = (state: State) => layer(x.slice(':, 3:'), state)[0].square().sum()
    const right = f.gradient(() => loss(before), ps)
    const cut = f.gradient(() => {
      const [, between] = layer(x.slice(':, :3'))
      return loss(mapped(between, f.stopGradient))
    }, ps)
    const whole = f.gradient(() => loss(layer(x.slice(':, :3'))[1]), ps)
    const of = (grads: typeof right) => datas([...ps].map(p => grads.get(p) as f.Tensor))
    expect(of(cut)).toEqual(of(right))
    expect(of(whole)).not.toEqual(of(right))
  })

  it('reads nothing behind the lengths, and gives it no gradient', () => {
    const layer = made(kind, { bidirectional: true })
    const odd = x.mul(1).assign(
      f.where(
        f
          .arange(6)
          .less(f.tensor([[4], [2]]))
          .expandDims(2),
        x,
        Number.NaN,
      ),
    )
    const lengths = f.tensor([4, 2], { dtype: 'int32' })
    const run = (z: f.Tensor) => f.gradient((u, m) => m(u, { lengths }).square().sum(), z, layer)
    const [gx, gs] = run(odd)
    expect([...odd.data()].some(Number.isNaN)).toBe(true)
    expect(datas([gx as f.Tensor, ...f.params(gs)])).toEqual(datas([run(x)[0] as f.Tensor, ...f.params(run(x)[1])]))
    expect(gx?.slice('0, 4:').abs().sum().item()).toBe(0)
    // What is behind the end of one row alone is as if it were not there.
    near(layer(x, { lengths }).slice('1, :2'), layer(x.slice('1, :2')))
  })

  it('has no steps, no rows, one of each; NaN goes on', () => {
    const layer = made(kind, { returnState: true, bidirectional: true })
    for (const [n, t] of [
      [0, 3],
      [2, 0],
      [0, 0],
      [1, 1],
    ]) {
      const [y, state] = layer(f.ones([n, t, 3]))
      expect([y.shape, list(state)[0].shape]).toEqual([
        [n, t, 8],
        [2, n, 4],
      ])
      const [, gs] = f.gradient((z, m) => m(z)[0].sum(), f.ones([n, t, 3]), layer)
      if (t > 0) expect(f.params(gs).size).toBe(f.params(layer).size)
    }
    // Without a step the state stays what it was.
    const given = list(layer(f.ones([2, 1, 3]))[1])
    const [none, kept] = layer(f.ones([2, 0, 3]), kind === 'LSTM' ? given : given[0])
    expect([none.shape, datas(list(kept))]).toEqual([[2, 0, 8], datas(given)])
    const one = made(kind)
    const y = one(
      f.tensor([
        [
          [1, 2, 3],
          [Number.NaN, 0, 0],
          [1, 2, 3],
        ],
      ]),
    )
    expect([0, 1, 2].map(t => y.slice([0, t]).isNaN().all().item())).toEqual([0, 1, 1])
  })

  it('has the same bits under jit and checkpoint, and drops between layers in training alone', () => {
    const layer = made(kind, { layers: 2, dropout: 0.5 })
    const run = (z: f.Tensor) => layer(z, { lengths: [6, 3] })
    expect(layer(x, { lengths: Int32Array.of(6, 3) }).toArray()).toEqual(run(x).toArray())
    const y = [...run(x).data()]
    const replayed = f.jit(run)
    for (let i = 0; i < 3; i++) expect([...replayed(x).data()]).toEqual(y)
    expect(() => f.jit((z: f.Tensor, lengths: f.Tensor) => layer(z, { lengths }))(x, f.tensor([6, 9], { dtype: 'int32' }))).toThrow(
      RangeError,
    )
    const gradients = (g: (z: f.Tensor) => f.Tensor) => {
      f.manualSeed(3)
      return datas([f.gradient(z => g(z).square().sum(), x)[0] as f.Tensor])
    }
    expect(gradients(z => f.checkpoint(run, z))).toEqual(gradients(run))
    f.trainMode(layer)
    f.manualSeed(5)
    const dropped = run(x)
    expect([...dropped.data()]).not.toEqual(y)
    f.testMode(layer)
    expect(f.withGradient(z => [layer(z, { lengths: [6, 3] }).sum(), run(z)], x).value[1].toArray()).toEqual(run(x).toArray())
    f.freeze(layer)
    expect(f.gradient(z => layer(z).sum(), x)[0]?.shape).toEqual([2, 6, 3])
  })

  it('learns its first state, and takes what was tracked', () => {
    const layer = made(kind, { trainState: true, returnState: true })
    const h0 = f.gradient(m => m(x)[0].sum(), layer)[0] as unknown as { h0: f.Tensor }
    expect(h0.h0.abs().sum().item()).toBeGreaterThan(0)
    const zeros = kind === 'LSTM' ? [f.zeros([4]), f.zeros([4])] : f.zeros([4])
    near(layer(x, zeros)[0], layer(x)[0])
    f.assign((layer as unknown as { h0: f.Tensor }).h0, f.ones([4]))
    expect(list(f.initialStates(layer as never) as State)[0].toArray()).toEqual([1, 1, 1, 1])
  })
})

it('a model of a recurrent layer learns to add up', async () => {
  f.manualSeed(1)
  const model = f.Chain(f.GRU(1, 8), (y: f.Tensor) => y.slice(':, -1'), f.Dense(8, 1))
  const data = f.rand([32, 5, 1])
  const loss = (a: f.Tensor, b: f.Tensor) => f.mse(model(a), b)
  const { steps } = await f.train(loss, f.params(model), [[data, data.sum(1)]] as const, f.Adam(0.03), { epochs: 60 })
  expect(steps[59].loss).toBeLessThan(steps[0].loss / 20)
})
