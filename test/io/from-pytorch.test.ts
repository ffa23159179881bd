// The states of PyTorch's recurrent modules, under its own names, give its numbers (test/oracle/recurrent.py).
import { readFileSync } from 'node:fs'
import * as f from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { type Reference, type TensorSpec, toTensor } from '../oracle/oracle.ts'

interface TorchState {
  readonly op: 'RNN' | 'LSTM' | 'GRU'
  readonly options: object
  readonly input: TensorSpec
  readonly state: Readonly<Record<string, TensorSpec>>
  readonly out: Reference
}
const cases = JSON.parse(readFileSync('test/oracle/recurrent-states.json', 'utf8')) as readonly TorchState[]
const library = f as unknown as Readonly<Record<string, unknown>>
const made = (spec: TensorSpec) => toTensor(library, spec) as unknown as f.Tensor
const bytesOf = (state: TorchState['state'], module = '') =>
  f.saveSafetensors(new Map(Object.entries(state).map(([name, spec]) => [module + name, made(spec)])))
const wantedOf = ({ data }: Reference) => new Float64Array(Uint8Array.from(atob(data), each => each.charCodeAt(0)).buffer)

function differs(y: f.Tensor, reference: Reference): number {
  const wanted = wantedOf(reference)
  expect(y.shape).toEqual(reference.shape)
  return [...y.data()].reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i])), 0)
}

describe('fromPyTorch', () => {
  it.each(cases.map((each, i) => [`${each.op} ${JSON.stringify(each.options)} ${i}`, each] as const))('%s', (_, each) => {
    const model = library[each.op] as (inputs: number, units: number, options: object) => (x: f.Tensor) => f.Tensor | [f.Tensor, unknown]
    const own = model(3, 4, each.options)
    const { tensors } = f.loadSafetensors(bytesOf(each.state))
    expect(f.loadState(own, tensors, { rename: f.fromPyTorch })).toEqual({ missing: [], unexpected: [], reshaped: [] })
    const y = own(made(each.input))
    expect(differs(Array.isArray(y) ? y[0] : y, each.out)).toBeLessThan(1e-6)
  })

  const kinds = (['RNN', 'LSTM', 'GRU'] as const).map(kind => cases.find(({ op }) => op === kind) as TorchState)
  const whole = () =>
    new Map([
      ...kinds.flatMap(each => [...f.loadSafetensors(bytesOf(each.state, `${each.op}.`)).tensors]),
      ...f.state({ out_proj: f.Dense(4, 2) }),
    ])

  it('knows each layer of a whole model by its weights, and leaves other names as they are', () => {
    const model = { RNN: f.RNN(3, 4), LSTM: f.LSTM(3, 4), GRU: f.GRU(3, 4, { recurrentBias: true }), out_proj: f.Dense(4, 2) }
    expect(f.loadState(model, whole(), { rename: f.fromPyTorch })).toEqual({ missing: [], unexpected: [], reshaped: [] })
    for (const each of kinds) expect(differs(model[each.op](made(each.input)), each.out)).toBeLessThan(1e-6)
    const plain = { ...model, GRU: f.GRU(3, 4) }
    expect(() => f.loadState(plain, whole(), { rename: f.fromPyTorch })).toThrow('not in the model: GRU.hiddenBias. Make it GRU(')
  })

  it('takes no layer for one of another kind, and no bias whose weights are not there', () => {
    const partial = whole()
    for (const name of ['GRU.weight_hh_l0', 'LSTM.weight_hh_l0']) partial.delete(name)
    const model = { GRU: f.GRU(3, 4), LSTM: f.LSTM(3, 4) }
    const before = f.clone(f.state(model))
    const { missing } = f.loadState(model, partial, { rename: f.fromPyTorch, strict: false })
    expect(missing).toEqual([...before.keys()])
    const [, lstm, gru] = kinds
    for (const [each, other] of [
      [lstm, f.GRU(3, 4)],
      [gru, f.LSTM(3, 4)],
      [gru, f.RNN(3, 12)],
    ] as const)
      expect(() => f.loadState(other, f.loadSafetensors(bytesOf(each.state)).tensors, { rename: f.fromPyTorch })).toThrow()
  })

  it('reads a bias of a wrong length as one, and tells it', () => {
    const [, , gru] = kinds
    const { tensors } = f.loadSafetensors(bytesOf(gru.state))
    for (const name of ['bias_ih_l0', 'bias_hh_l0']) tensors.set(name, f.ones([5]))
    const model = f.GRU(3, 4)
    expect(() => f.loadState(model, tensors, { rename: f.fromPyTorch })).toThrow("'bias' has another shape: [5] into [12]")
  })

  it('says what it is for where it is called otherwise', () => {
    expect(() => f.fromPyTorch('a', f.ones([1]), undefined as never)).toThrow(
      'fromPyTorch: takes a name, a tensor and the state: string, a tensor, undefined. Write loadState(model, state, { rename: fromPyTorch }).',
    )
  })

  it('refuses a b_hn that is not 0 without recurrentBias, and takes one of zeros with it', () => {
    const given = cases.find(({ op, options }) => op === 'GRU' && 'recurrentBias' in options && !('layers' in options)) as TorchState
    const zero = cases[cases.length - 1]
    const load = (state: TorchState['state'], options: object) =>
      f.loadState(f.GRU(3, 4, options), f.loadSafetensors(bytesOf(state)).tensors, { rename: f.fromPyTorch })
    expect(() => load(given.state, {})).toThrow(
      'loadState: the GRU has no hiddenBias, and the b_hn of the state is not 0: not in the model: hiddenBias. Make it GRU(..., { recurrentBias: true }).',
    )
    expect(load(zero.state, { recurrentBias: true }).missing).toEqual([])
    expect(load(zero.state, {}).unexpected).toEqual([])
  })

  /** The state of a layer, all of it 1, since a bias of zeros may be left out. */
  const ones = (model: object) => new Map([...f.state(model)].map(([path, tensor]) => [path, f.onesLike(tensor)]))
  it.each([
    ['lstm', f.LSTM(3, 4), { weight_ih_l0: f.ones([16, 3]) }, "PyTorch's names: pass { rename: fromPyTorch }."],
    [
      'attention',
      f.MultiHeadAttention(4, { heads: 2 }),
      { in_proj_weight: f.ones([12, 4]) },
      "PyTorch's names: pass { rename: fromPyTorch }.",
    ],
    [
      'biases',
      f.MultiHeadAttention(4, { heads: 4 }),
      ones(f.MultiHeadAttention(4, { heads: 4, bias: true })),
      'layers, made with bias: true,',
    ],
    ['layers', f.LSTM(3, 4), ones(f.LSTM(3, 4, { layers: 2 })), 'layers, made with more layers,'],
    ['ways', f.LSTM(3, 4), ones(f.LSTM(3, 4, { bidirectional: true })), 'layers, made with bidirectional: true,'],
  ])('says what is missing to take a state: %s', (_, model, state, wayOut) => {
    expect(() => f.loadState(model, state)).toThrow(wayOut)
  })
})
