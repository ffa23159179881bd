// Recurrent layers of random sizes and options: value, last states, gradients by all that has one and second derivatives, held to PyTorch in double precision
// (recurrent.py); and the forms of one program (threads, jit, views, checkpoints, one more gradient around it, pieces, each row alone) to each other.
import { weighed } from './graph.mjs'
import { F } from './library.mjs'
import { bits, datas, holdPrograms, recorder } from './programs.mjs'
import { Source, sizeOf } from './source.mjs'

const KINDS = ['RNN', 'LSTM', 'GRU', 'GRUv3']
function near(a, b) {
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 1)
  return a.length === b.length && a.every((value, i) => Math.abs(value - b[i]) <= 2e-5 * largest || Object.is(value, b[i]))
}

class Program {
  constructor(seed) {
    const source = new Source(seed)
    const normal = () => (source.next() + source.next() + source.next() - 1.5) * 2
    const fill = (shape, scale = 1) => F.tensor(Float32Array.from(source.list(sizeOf(shape), () => scale * normal())), shape)
    this.source = source
    const kind = source.pick(KINDS)
    const size = () => source.pick([1, 1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 17, 33])
    const [inputs, units] = [size(), size()]
    const isOne = source.chance(0.15)
    const batch = isOne ? 1 : source.pick([0, 1, 1, 2, 3, 4, 5, 8, 9])
    const steps = source.pick([1, 1, 2, 3, 4, 5, 8, 13])
    const layers = source.pick([1, 1, 1, 2, 3])
    const bidirectional = source.chance(0.3)
    const cells = layers * (bidirectional ? 2 : 1)
    const told = {
      ...(layers > 1 && { layers }),
      ...(bidirectional && { bidirectional }),
      ...(source.chance(0.2) && { bias: false }),
      ...(source.chance(0.2) && { trainState: true }),
      ...(kind === 'GRU' && source.chance(0.5) && { recurrentBias: true }),
    }
    const activation = kind === 'RNN' ? source.pick(['tanh', 'tanh', 'relu', 'sigmoid', 'swish']) : undefined
    const bare = { ...told, returnState: true }
    F.manualSeed(seed)
    this.layer = activation ? F.RNN(inputs, units, F[activation], bare) : F[kind](inputs, units, bare)
    // By steps, one more cell of the same weights.
    this.ps = [...F.params(this.layer)]
    const scale = source.pick([0.3, 0.5, 1, 3])
    for (const p of this.ps) F.assign(p, fill(p.shape, scale / Math.sqrt(p.shape.at(-1))))
    const x = fill(isOne ? [steps, inputs] : [batch, steps, inputs], source.pick([0.5, 1, 3]))
    const inFront = cells > 1 ? [cells] : []
    const rows = isOne || source.chance(0.3) ? [] : [batch]
    const states = source.chance(0.5) ? source.list(kind === 'LSTM' ? 2 : 1, () => fill([...inFront, ...rows, units])) : []
    this.inputs = [x, ...states]
    this.lengths = !isOne && source.chance(0.5) ? source.list(batch, () => source.int(0, steps)) : undefined
    if (kind === 'RNN' && activation !== 'tanh' && activation !== 'sigmoid') this.lengths = this.lengths?.map(n => Math.min(n, 4))
    this.options = { ...told, kind, units, activation, lengths: this.lengths, isOne, states: states.length, layers, bidirectional }
  }

  call([x, ...states] = this.inputs, lengths = this.lengths) {
    const given = states.length > 1 ? [states] : states
    const [y, state] = this.layer(x, ...given, ...(lengths ? [{ lengths }] : []))
    return [y, ...[state].flat()]
  }

  loss = (inputs = this.inputs) => this.call(inputs).reduce((sum, y, i) => sum.add(weighed(y, i + 1)), F.tensor(0))

  first(inputs = this.inputs, loss = this.loss) {
    return F.gradient(loss, inputs, this.ps)
      .flat()
      .map((g, i) => g ?? F.zerosLike([...inputs, ...this.ps][i]))
  }

  second() {
    const total = (inputs, ps) =>
      F.gradient(this.loss, inputs, ps)
        .flat()
        .map((g, i) => (g ? weighed(g, i + 0.5) : F.tensor(0)))
        .reduce((sum, each) => sum.add(each))
    return F.gradient(total, this.inputs, this.ps)
      .flat()
      .map((g, i) => g ?? F.zerosLike([...this.inputs, ...this.ps][i]))
  }

  toString() {
    return `${this.layer}(${this.inputs.map(each => `[${each.shape}]`)}), ${JSON.stringify(this.options)}`
  }
}

/** Throws where a form of the program gives something else. */
function compareForms(program, values, first, also) {
  const { inputs, source, lengths, options } = program
  const [x, ...states] = inputs
  const turned = x.transpose().mul(1).transpose()
  bits('a view of x', datas(program.call([turned, ...states])), values)
  bits('checkpoint', datas(program.first(inputs, own => F.checkpoint(program.loss, own))), first)
  const replayed = F.jit((...own) => [...program.call(own), ...program.first(own)])
  for (let i = 0; i < 3; i++) bits(`jit, call ${i}`, datas(replayed(...inputs)), [...values, ...first])
  replayed.dispose()
  let inner
  F.gradient(u => {
    inner = datas(program.first(inputs.map(each => each.add(u.mul(0)))))
    return u.mul(1)
  }, 1)
  also('a gradient around it', 'first', inner)
  const [steps, batch] = options.isOne ? [x.shape[0], 1] : [x.shape[1], x.shape[0]]
  if (!options.bidirectional && !lengths && steps > 1) {
    const at = source.int(1, steps - 1)
    const axis = options.isOne ? 0 : 1
    const [a, b] = x.split([at, steps - at], axis)
    const [y, ...between] = program.call([a, ...states])
    const [z, ...end] = program.call([b, ...between])
    also('two pieces', 'values', datas([F.concat([y, z], axis), ...end]))
  }
  if (options.isOne || batch < 2) return
  const row = source.int(0, batch - 1)
  const n = lengths ? Math.max(1, lengths[row]) : steps
  const ofRow = state => {
    const at = state.rank - 2
    const isShared = options.layers * (options.bidirectional ? 2 : 1) > 1 ? state.rank < 3 : state.rank < 2
    return isShared ? state : state.slice([...Array(at).fill(null), [row, row + 1]])
  }
  const part = [
    x.slice([
      [row, row + 1],
      [0, n],
    ]),
    ...states.map(ofRow),
  ]
  const [alone] = program.call(part, lengths && [lengths[row]])
  bits(
    `row ${row} alone`,
    datas([alone]),
    datas([
      program.call()[0].slice([
        [row, row + 1],
        [0, n],
      ]),
    ]),
    near,
  )
}

await holdPrograms('recurrent', seed => new Program(seed), recorder(compareForms))
